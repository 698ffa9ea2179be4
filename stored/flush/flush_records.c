/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records into `measurement`. What lies beyond its series' greatest key cannot be there yet and
 * goes straight in by COPY; the rest goes in as a parameter, an array of rows, by INSERT ... ON
 * CONFLICT DO NOTHING. Not through a temporary table: to drop one at its end a session commits, and
 * would wait for a standby that is gone, so that a server could not step down.
 */
#include <stdlib.h>

#include "common/daemon.h"
#include "stored/flush/copy.h"
#include "stored/flush/flush.h"
#include "stored/periods/period_rows.h"

#define END_US INT64_C(253402300800000000) /* the year 10000 */

/* ---- what records need to be there ---- */

static uint32_t class_of(const struct flush *f, const struct flush_item *item)
{
    return retention_on_day(&f->store->retention, item->series->class,
                            (int32_t)(item->key.t_us / DAY_US));
}

static int note_uses(struct flush *f, const struct flush_item *item, int32_t class)
{
    struct store *s = f->store;
    int32_t day = (int32_t)(item->key.t_us / DAY_US);
    if (interned_use(&s->schemas, item->schema, class, day) == -1) {
        return -1;
    }
    return item->hops == NULL ? 0 : interned_use(&s->hops, item->hops, class, day);
}

/*
 * Whether it lies behind all of its series: only the last of these can have its start. It may still
 * be a duplicate, when its digest is that of a record that ended before it; such a chance is looked
 * at once PostgreSQL has found it.
 */
static bool is_in_order(const struct flush *f, const struct flush_item *item)
{
    const struct period_key *last = &item->series->greatest;
    return period_key_compare(&item->key, last) > 0 &&
           !(f->starts_doubted && item->key.t_us == last->t_us);
}

static int settle_fates(struct flush *f)
{
    for (uint32_t i = 0; i < f->item_count; i++) {
        struct flush_item *item = &f->items[i];
        uint32_t class = class_of(f, item);
        item->key.key = retention_key(class, (uint64_t)item->key.key);
        const struct copy_ids ids = {.series_id = item->series->id,
                                     .key = item->key.key,
                                     .arrival = f->store->arrival.number,
                                     .schema_id = item->schema->id,
                                     .hops_id = item->hops == NULL ? 0 : item->hops->id,
                                     .ledger_id = item->ledger == NULL ? 0 : item->ledger->id};
        copy_row_set(f->rows.at + item->at, &ids);
        if (note_uses(f, item, (int32_t) class) == -1) {
            return -1;
        }
        if (is_in_order(f, item)) {
            item->fate = ITEM_IN_ORDER;
            item->same_start = item->key.t_us == item->series->greatest.t_us;
            series_advance(item->series, &item->key);
            f->counts.in_order++;
            f->counts.same_start += item->same_start;
        } else {
            item->fate = ITEM_STAGED;
        }
    }
    return 0;
}

static int touch_hours(struct flush *f)
{
    int32_t last = -1, last_reach = -1;
    for (uint32_t i = 0; i < f->item_count; i++) {
        int32_t hour = calendar_hour_of(f->items[i].key.t_us);
        int32_t reach = calendar_hour_of(f->items[i].key.end_us);
        if (hour == last && reach == last_reach) {
            continue;
        }
        if (calendar_touch(&f->store->calendar, hour, reach, f->store->arrival.number,
                           f->clock_us) == NULL) {
            return -1;
        }
        last = hour;
        last_reach = reach;
    }
    return 0;
}

/* ---- COPY ---- */

/* Rows that stand one behind the other in memory go as one piece. */
static int copy_items(struct flush *f)
{
    struct pg *pg = &f->store->pg;
    struct slice run = {NULL, 0};
    int rc = pg_copy_begin(pg, sql_copy_records);
    for (uint32_t i = 0; i < f->item_count && rc == 0; i++) {
        const struct flush_item *item = &f->items[i];
        const char *row = f->rows.at + item->at;
        if (item->fate != ITEM_IN_ORDER) {
            continue;
        }
        if (run.at != NULL && run.at + run.len == row) {
            run.len += item->length;
            continue;
        }
        rc = pg_copy_data(pg, run);
        run = (struct slice){row, item->length};
    }
    if (rc == 0) {
        rc = pg_copy_data(pg, run);
    }
    return rc == -1 ? -1 : pg_copy_end(pg);
}

/* ---- what may be there already ---- */

static int compare_items(const void *a, const void *b)
{
    const struct flush_item *const *x = a, *const *y = b;
    if ((*x)->series->id != (*y)->series->id) {
        return (*x)->series->id < (*y)->series->id ? -1 : 1;
    }
    int keys = period_key_compare(&(*x)->key, &(*y)->key);
    return keys != 0 ? keys : *x < *y ? -1 : *x > *y;
}

static struct flush_item *find_item(struct flush_item **sorted, uint32_t count, int64_t series_id,
                                    const struct period_key *key)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct flush_item *item = sorted[middle];
        bool less = item->series->id != series_id ? item->series->id < series_id
                                                  : period_key_compare(&item->key, key) < 0;
        if (less) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct flush_item *item = low < count ? sorted[low] : NULL;
    return item != NULL && item->series->id == series_id && period_key_compare(&item->key, key) == 0
               ? item
               : NULL;
}

/* Of several with one identity the first in `sorted` is the one that was inserted. */
static int insert_staged(struct flush *f, struct flush_item **sorted, uint32_t count)
{
    struct pg_params *p = &f->store->params;
    struct bytes row = {NULL, 0, 0, false};
    pg_params_begin(p);
    pg_add_array(p, f->store->staged_type);
    for (uint32_t i = 0; i < f->item_count; i++) {
        if (f->items[i].fate == ITEM_STAGED) {
            bytes_reset(&row, SIZE_MAX);
            copy_staged(&row, f->rows.at + f->items[i].at);
            pg_put_bytes(p, 0, (struct slice){row.at, row.len});
            p->failed = p->failed || row.failed;
        }
    }
    bytes_release(&row);
    PGresult *r = pg_rows(&f->store->pg, SQL_STAGED_INSERT, p);
    if (r == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        sorted[i]->fate = ITEM_DUPLICATE;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        struct period_key key = period_rows_key(r, i, 1);
        struct flush_item *item = find_item(sorted, count, pg_cell_64(r, i, 0), &key);
        if (item != NULL) {
            item->fate = ITEM_LATE;
            f->counts.late++;
            if (period_key_compare(&item->key, &item->series->greatest) > 0) {
                series_advance(item->series, &item->key); /* it was only doubted */
            }
        }
    }
    f->counts.duplicates += count - (uint32_t)PQntuples(r);
    PQclear(r);
    return 0;
}

/* ---- late ones with the start of another record ---- */

/* Late items of one series and start, among the sorted ones. */
struct start {
    struct flush_item **first;
    uint32_t count;
};

/*
 * `there`: how many records of this start there are now. If it is more than these, all of them came
 * later: what is in order and has this start came before, since a record of it that comes behind
 * one with a later start is late. Else the one that came first did not.
 */
static void mark_start(struct flush *f, const struct start *s, int64_t there)
{
    struct flush_item *first = s->first[0];
    for (uint32_t i = 0; i < s->count; i++) {
        s->first[i]->same_start = true;
        first = s->first[i] < first ? s->first[i] : first;
    }
    first->same_start = there > s->count;
    f->counts.same_start += s->count - (there > s->count ? 0 : 1);
}

/* Those that lie within [from_us, before_us): a statement is planned for all days it may read. */
static int count_starts(struct flush *f, const struct start *starts, uint32_t count,
                        int64_t from_us, int64_t before_us)
{
    struct pg_params *p = &f->store->params;
    uint32_t n = 0;
    pg_params_begin(p);
    int series = pg_add_array(p, PG_BIGINT), times = pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_time(p, from_us);
    pg_add_time(p, before_us);
    for (uint32_t i = 0; i < count; i++) {
        int64_t t_us = starts[i].first[0]->key.t_us;
        if (t_us >= from_us && t_us < before_us) {
            pg_put_64(p, series, starts[i].first[0]->series->id);
            pg_put_time(p, times, t_us);
        }
    }
    PGresult *r = pg_elements(p, series) == 0 ? NULL : pg_rows(&f->store->pg, SQL_SAME_START, p);
    if (r == NULL) {
        return pg_elements(p, series) == 0 ? 0 : -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t t_us = starts[i].first[0]->key.t_us;
        if (t_us >= from_us && t_us < before_us) {
            mark_start(f, &starts[i], pg_cell_64(r, (int)n++, 1));
        }
    }
    PQclear(r);
    return 0;
}

/* Most late records are of the newest days. */
static int find_same_starts(struct flush *f, struct flush_item **sorted, uint32_t count)
{
    struct start *starts = malloc(count * sizeof *starts);
    uint32_t n = 0;
    int64_t before_us = END_US;
    int rc = starts == NULL ? -1 : 0;
    for (uint32_t i = 0, late = 0; i < count && starts != NULL; i++) {
        if (sorted[i]->fate != ITEM_LATE) {
            continue;
        }
        sorted[late++] = sorted[i]; /* duplicates are not needed any more */
        struct start *last = n == 0 ? NULL : &starts[n - 1];
        if (last != NULL && last->first[0]->series == sorted[i]->series &&
            last->first[0]->key.t_us == sorted[i]->key.t_us) {
            last->count++;
        } else {
            starts[n++] = (struct start){&sorted[late - 1], 1};
        }
    }
    for (int window = 0; window < CALENDAR_WINDOWS && rc == 0; window++) {
        int64_t from_us = calendar_window_us(&f->store->calendar, window);
        if (from_us < before_us) {
            rc = count_starts(f, starts, n, from_us, before_us);
        }
        before_us = from_us;
    }
    free(starts);
    return rc;
}

static int write_staged(struct flush *f, uint32_t count)
{
    struct flush_item **sorted = malloc(count * sizeof(struct flush_item *));
    uint32_t n = 0;
    if (sorted == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < f->item_count; i++) {
        if (f->items[i].fate == ITEM_STAGED) {
            sorted[n++] = &f->items[i];
        }
    }
    qsort(sorted, n, sizeof(struct flush_item *), compare_items);
    int rc = insert_staged(f, sorted, n);
    if (rc == 0 && f->counts.late > 0) {
        rc = find_same_starts(f, sorted, n);
    }
    free(sorted);
    return rc;
}

int flush_connected(struct store *store)
{
    if (pg_do(&store->pg, sql_staged) == -1 || pg_do(&store->pg, sql_in_order) == -1) {
        return -1;
    }
    PGresult *r = pg_rows(&store->pg, SQL_STAGED_TYPE, NULL);
    if (r == NULL) {
        return -1;
    }
    store->staged_type = (uint32_t)pg_cell_32(r, 0, 0);
    PQclear(r);
    return 0;
}

/* When the oldest of what is written was received. */
static int64_t oldest_us(const struct flush *f)
{
    int64_t us = INT64_MAX;
    for (uint32_t i = 0; i < f->batch_count; i++) {
        int64_t received_us = f->batches[i]->header.received_us;
        us = !f->views[i].done && received_us < us ? received_us : us;
    }
    return us < 0 ? 0 : us > END_US ? END_US : us;
}

/* What is of the store's own making. */
static int write_own(struct flush *f)
{
    struct store *s = f->store;
    if (calendar_write(&s->calendar, &s->pg, &s->params) == -1 ||
        interned_write_uses(&s->schemas, &s->pg, &s->params) == -1 ||
        interned_write_uses(&s->hops, &s->pg, &s->params) == -1) {
        return -1;
    }
    return arrival_write(&s->arrival, &s->pg, &s->params, oldest_us(f), daemon_now_us());
}

int flush_records(struct flush *f)
{
    struct store *s = f->store;
    if (f->item_count == 0) {
        return 0;
    }
    if (series_load(&s->series, &s->pg, &s->params, &s->gaps, s->distances, &s->retention,
                    &s->calendar) == -1 ||
        interned_load(&s->schemas, &s->pg, &s->params) == -1 ||
        interned_load(&s->hops, &s->pg, &s->params) == -1 || touch_hours(f) == -1 ||
        settle_fates(f) == -1 || pg_own(&s->pg, write_own(f)) == -1) {
        return -1;
    }
    if (f->counts.in_order > 0 && copy_items(f) == -1) {
        return -1;
    }
    uint32_t staged = f->item_count - (uint32_t)f->counts.in_order;
    return staged == 0 ? 0 : write_staged(f, staged);
}
