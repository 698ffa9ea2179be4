/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Late records that do not belong to an open period, by neighbourhoods: those of one pair that lie
 * around the same stored period. Where an ended period takes them in, its row is updated; else
 * their neighbourhood is computed again from what the database holds, which by now includes every
 * record of this flush.
 *
 * One pair, all of grade 5; a gap is more than 30 minutes. Stored periods, and late records:
 *
 *   08:00--09:00           10:00--10:30           11:10--11:40           13:00--...
 *     08:30  08:50                      10:50         11:20
 *   '-------- 1 --------'  '--------- 2 --------' '-------- 3 --------'
 *
 * 1 is absorbed: the row has two records more. 2 is not, as 10:50 is within the gap of both its
 * neighbours: from 10:00 on all is computed again, which makes one period 10:00--11:40, and goes on
 * until 13:00, where a period begins as before. By then 3 is done with: its record was read and
 * counted on the way. So a neighbourhood that starts before where the last walk of its pair ended
 * is passed over; else the period that has just been removed would come back.
 */
#include <stdlib.h>

#include "stored/db/sql_columns.h"
#include "stored/periods/late.h"
#include "stored/periods/late_neighbours.h"
#include "stored/periods/period_rows.h"

#define LATE_PAGE 5000 /* asked for in one statement */

/* ---- what lies around them ---- */

/* The last stored period that begins before a late record, and the start of the next. */
struct around {
    struct period period; /* grade 0: none */
    struct period_key next;
};

static int compare_late(const void *a, const void *b)
{
    const struct period_late *x = a, *y = b;
    if (x->pair.series->id != y->pair.series->id) {
        return x->pair.series->id < y->pair.series->id ? -1 : 1;
    }
    if (x->pair.grade_id != y->pair.grade_id) {
        return x->pair.grade_id < y->pair.grade_id ? -1 : 1;
    }
    return period_key_compare(&x->record.key, &y->record.key);
}

static int read_around(struct store *store, const struct period_late *late, uint32_t count,
                       struct around *around)
{
    struct pg_params *p = &store->params;
    period_rows_begin(p);
    for (uint32_t i = 0; i < count; i++) {
        period_rows_put(p, late[i].pair.series->id, late[i].pair.grade_id, &late[i].record.key);
    }
    PGresult *r = pg_rows(&store->pg, SQL_PERIODS_AROUND, p);
    if (r == NULL) {
        return -1;
    }
    memset(around, 0, count * sizeof *around);
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t n = pg_cell_64(r, i, AROUND_NTH);
        if (n >= 1 && n <= count) {
            around[n - 1] = (struct around){period_rows_get(r, i, AROUND_BEFORE),
                                            period_rows_key(r, i, AROUND_NEXT)};
        }
    }
    PQclear(r);
    return 0;
}

static bool same_pair(const struct period_pair *a, const struct period_pair *b)
{
    return a->series == b->series && a->grade_id == b->grade_id;
}

static bool same_around(const struct around *a, const struct around *b)
{
    return a->period.grade == b->period.grade &&
           period_key_compare(&a->period.start, &b->period.start) == 0;
}

/* That of the first of the late records, which are in order, with those that share it. */
static struct neighbourhood first_of(const struct period_late *late, const struct around *around,
                                     uint32_t count)
{
    struct neighbourhood h = {
        .pair = late->pair, .late = late->record.key, .absorbed = around->period};
    bool all = true;
    for (; h.count < count && same_pair(&late[h.count].pair, &h.pair) &&
           same_around(&around[h.count], around);
         h.count++) {
        all = all && period_absorbs(&h.absorbed, &around[h.count].next, &late[h.count].record,
                                    h.pair.series->gap_us);
    }
    if (!all) {
        h.absorbed.grade = 0;
    }
    return h;
}

/* The neighbourhoods of all late records, in order; the caller frees them. NULL on an error. */
static struct neighbourhood *divide(struct store *store, const struct period_late *late,
                                    uint32_t late_count, uint32_t *count)
{
    struct around *around = malloc(late_count * sizeof *around);
    struct neighbourhood *list = malloc(late_count * sizeof *list);
    int rc = around == NULL || list == NULL ? -1 : 0;
    for (uint32_t from = 0, page; from < late_count && rc == 0; from += page) {
        page = late_count - from < LATE_PAGE ? late_count - from : LATE_PAGE;
        rc = read_around(store, late + from, page, around + from);
    }
    *count = 0;
    for (uint32_t i = 0; i < late_count && rc == 0; i += list[(*count)++].count) {
        list[*count] = first_of(late + i, around + i, late_count - i);
    }
    free(around);
    if (rc == -1) {
        free(list);
        list = NULL;
    }
    return list;
}

/* ---- computing them again ---- */

/* How far a pair was computed again. */
struct progress {
    struct period_pair pair;
    struct period_key until;
};

static int gather(struct period_writes *w, struct period_pair pair,
                  const struct periods_change *change)
{
    int rc = 0;
    for (uint32_t i = 0; i < change->removed_count && rc == 0; i++) {
        rc = period_writes_remove(w, pair, &change->removed[i]);
    }
    for (uint32_t i = 0; i < change->put_count && rc == 0; i++) {
        rc = period_writes_put(w, pair, true, &change->put[i]);
    }
    for (uint32_t i = 0; i < change->retracted_count && rc == 0; i++) {
        rc = period_writes_retract(w, pair, &change->retracted[i]);
    }
    for (uint32_t i = 0; i < change->told_count && rc == 0; i++) {
        rc = period_writes_tell(w, pair, true, &change->told[i]);
    }
    return rc;
}

/* The walk went through all that records in order had made of it. */
static void replace_open(struct period_pair pair, const struct period *open)
{
    struct series_grade *g = series_grade_find(pair.series, pair.grade_id);
    if (g != NULL) {
        g->open = *open;
        g->written = open->sum.records;
        g->through = pair.series->greatest;
        g->again = true;
        pair.series->again = true;
    }
}

static int compute_again(struct period_writes *w, const struct neighbourhood *h,
                         const struct period_key *late, uint32_t late_count,
                         const struct periods_source *source, struct progress *done)
{
    static const struct period none = {.grade = 0};
    const struct series_grade *g = series_grade_find(h->pair.series, h->pair.grade_id);
    struct periods_change change;
    int rc = periods_repair(source, h->pair.series->gap_us, late, late_count,
                            g == NULL ? &none : &g->open, &change);
    if (rc == 0) {
        rc = gather(w, h->pair, &change);
    }
    *done = (struct progress){h->pair, change.until};
    if (rc == 0 && change.to_the_end) {
        replace_open(h->pair, &change.open);
    }
    periods_change_release(&change);
    return rc;
}

/* The keys of all late records; the caller frees them. */
static struct period_key *keys_of(const struct period_writes *w)
{
    struct period_key *keys = malloc(w->late.count * sizeof *keys);
    for (uint32_t i = 0; i < w->late.count && keys != NULL; i++) {
        keys[i] = w->late.at[i].record.key;
    }
    return keys;
}

/* Of this many late records, in order, the first ones: those of the first's pair. */
static uint32_t of_one_pair(const struct period_late *late, uint32_t count)
{
    uint32_t n = 1;
    while (n < count && same_pair(&late[n].pair, &late->pair)) {
        n++;
    }
    return n;
}

/* Those that the one before was computed through are done with it. */
static int repair_all(struct period_writes *w, struct store *store, int64_t earliest_us,
                      const struct neighbourhood *list, uint32_t count)
{
    struct neighbours *near = neighbours_new(store, list, count, earliest_us);
    struct period_key *keys = keys_of(w);
    struct periods_source source;
    struct progress done = {.pair = {NULL, 0}};
    uint32_t late = 0, pair_end = 0;
    int rc = near == NULL || keys == NULL ? -1 : 0;
    for (uint32_t i = 0; i < count && rc == 0; late += list[i++].count) {
        const struct neighbourhood *h = &list[i];
        if (late == pair_end) {
            pair_end += of_one_pair(w->late.at + late, w->late.count - late);
        }
        if (same_pair(&h->pair, &done.pair) && period_key_compare(&h->late, &done.until) < 0) {
            continue;
        }
        if (h->absorbed.grade != 0) {
            rc = period_writes_put(w, h->pair, true, &h->absorbed);
            continue;
        }
        rc = neighbours_source(near, i, &source);
        if (rc == 0) {
            rc = compute_again(w, h, keys + late, pair_end - late, &source, &done);
            w->counts.repaired++;
        }
    }
    free(keys);
    neighbours_free(&near);
    return rc;
}

int late_repair(struct period_writes *w, struct store *store, int64_t earliest_us)
{
    uint32_t count;
    qsort(w->late.at, w->late.count, sizeof *w->late.at, compare_late);
    struct neighbourhood *list = divide(store, w->late.at, w->late.count, &count);
    int rc = list == NULL ? -1 : repair_all(w, store, earliest_us, list, count);
    free(list);
    return rc;
}
