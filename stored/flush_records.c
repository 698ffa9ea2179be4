/*
 * Records into `measurement`. What lies beyond its series' greatest key cannot be there yet and
 * goes straight in by COPY; the rest goes in as a parameter, an array of rows, by INSERT ... ON
 * CONFLICT DO NOTHING. Not through a temporary table: to drop one at its end a session commits, and
 * would wait for a standby that is gone, so that a server could not step down.
 */
#include <stdlib.h>

#include "stored/copy.h"
#include "stored/flush.h"
#include "stored/period_rows.h"

/* ---- what records need to be there ---- */

static uint32_t class_of(const struct flush *f, const struct flush_item *item)
{
    return retention_on_day(&f->store->retention, item->series->class,
                            (int32_t)(item->key.t_us / DAY_US));
}

static int settle_fates(struct flush *f)
{
    for (uint32_t i = 0; i < f->item_count; i++) {
        struct flush_item *item = &f->items[i];
        copy_row_set(f->rows.at + item->at, item->series->id, item->schema->id,
                     item->ledger == NULL ? 0 : item->ledger->id, (uint16_t)class_of(f, item));
        if (period_key_compare(&item->key, &item->series->greatest) > 0) {
            item->fate = ITEM_IN_ORDER;
            item->series->greatest = item->key;
            f->counts.in_order++;
        } else {
            item->fate = ITEM_STAGED;
        }
    }
    return 0;
}

static int touch_hours(struct flush *f)
{
    int32_t last = -1, last_reach = -1;
    uint32_t last_class = 0;
    for (uint32_t i = 0; i < f->item_count; i++) {
        int32_t hour = calendar_hour_of(f->items[i].key.t_us);
        int32_t reach = calendar_hour_of(f->items[i].t_end_us);
        uint32_t class = class_of(f, &f->items[i]);
        if (hour == last && reach == last_reach && class == last_class) {
            continue;
        }
        if (calendar_touch(&f->store->calendar, hour, reach, f->clock_us) == NULL ||
            calendar_need(&f->store->calendar, hour / 24, (int32_t) class) == -1) {
            return -1;
        }
        last = hour;
        last_reach = reach;
        last_class = class;
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
        }
    }
    f->counts.duplicates += count - (uint32_t)PQntuples(r);
    PQclear(r);
    return 0;
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
    free(sorted);
    return rc;
}

int flush_connected(struct store *store)
{
    if (pg_do(&store->pg, sql_staged) == -1) {
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

int flush_records(struct flush *f)
{
    struct store *s = f->store;
    if (f->item_count == 0) {
        return 0;
    }
    if (series_load(&s->series, &s->pg, &s->params, s->types, &s->retention, &s->calendar) == -1 ||
        schema_load(&s->schemas, &s->pg, &s->params, f->arena) == -1 || touch_hours(f) == -1 ||
        calendar_write(&s->calendar, &s->pg, &s->params) == -1 || settle_fates(f) == -1) {
        return -1;
    }
    if (f->counts.in_order > 0 && copy_items(f) == -1) {
        return -1;
    }
    uint32_t staged = f->item_count - (uint32_t)f->counts.in_order;
    return staged == 0 ? 0 : write_staged(f, staged);
}
