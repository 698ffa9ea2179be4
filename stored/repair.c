/*
 * Late records that do not belong to an open period. Where an ended period takes them in, its row
 * is updated; else the pair's neighbourhood is computed again from what the database holds, which
 * by now includes every record of this flush.
 */
#include <stdlib.h>

#include "stored/neighbours.h"
#include "stored/period_rows.h"

#define LATE_PAGE 5000 /* asked for in one statement */

/* ---- computing one pair again ---- */

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

static int compute_again(struct flush *f, struct period_writes *w, const struct period_again *again,
                         const struct periods_source *source)
{
    struct periods_change change;
    int rc = periods_repair(source, again->pair.series->gap_us, &again->earliest, &again->latest,
                            &change);
    if (rc == 0) {
        rc = gather(w, again->pair, &change);
    }
    struct series_grade *g = series_grade_find(again->pair.series, again->pair.grade_id);
    if (rc == 0 && change.to_the_end && g != NULL) {
        g->open = change.open;
        g->written = change.open.records;
        g->through = again->pair.series->greatest;
    }
    periods_change_release(&change);
    f->counts.repaired++;
    return rc;
}

/* All of them: each page is read before anything of it is computed. */
static int compute_all(struct flush *f, struct period_writes *w, const struct period_again *list,
                       uint32_t count)
{
    struct neighbours *near = neighbours_new(f->store);
    int rc = near == NULL ? -1 : 0;
    for (uint32_t from = 0; from < count && rc == 0;) {
        int64_t page = neighbours_read(near, list + from, count - from);
        rc = page == -1 ? -1 : 0;
        for (uint32_t i = 0; i < page && rc == 0; i++) {
            const struct periods_source source = neighbours_source(near, i);
            rc = compute_again(f, w, &list[from + i], &source);
        }
        from += page == -1 ? 0 : (uint32_t)page;
    }
    neighbours_free(&near);
    return rc;
}

/* ---- ended periods that take late records in ---- */

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

static bool same_pair(const struct period_pair *a, const struct period_pair *b)
{
    return a->series == b->series && a->grade_id == b->grade_id;
}

static void mark_again(const struct period_pair *pair, uint32_t *marked)
{
    struct series_grade *g = series_grade_find(pair->series, pair->grade_id);
    if (g != NULL && g->again == 0) {
        g->again = ++*marked;
        pair->series->again = true;
    }
}

static PGresult *ask_around(struct store *store, const struct period_late *late, uint32_t count)
{
    struct pg_params *p = &store->params;
    period_rows_begin(p);
    for (uint32_t i = 0; i < count; i++) {
        period_rows_put(p, late[i].pair.series->id, late[i].pair.grade_id, &late[i].record.key);
    }
    return pg_rows(&store->pg, SQL_PERIODS_AROUND, p);
}

/* The ended period around one late record, and the start of the next; grade 0: there is none such.
 */
struct around {
    struct period period;
    struct period_key next;
};

static int read_around(struct store *store, const struct period_late *late, uint32_t count,
                       struct around *around)
{
    PGresult *r = ask_around(store, late, count);
    if (r == NULL) {
        return -1;
    }
    memset(around, 0, count * sizeof *around);
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t n = pg_cell_64(r, i, 0);
        if (n >= 1 && n <= count) {
            around[n - 1] = (struct around){period_rows_get(r, i, 1), period_rows_key(r, i, 7)};
        }
    }
    PQclear(r);
    return 0;
}

/*
 * `late` is in order and begins a period's neighbourhood; takes in what follows and lies around the
 * same period. The number of records dealt with, or -1.
 */
static int absorb_run(struct period_writes *w, const struct period_late *late,
                      const struct around *around, uint32_t count, uint32_t *marked)
{
    struct period p = around[0].period;
    uint32_t n = 0;
    bool all = true;
    for (; n < count && same_pair(&late[n].pair, &late[0].pair) &&
           period_key_compare(&around[n].period.start, &around[0].period.start) == 0;
         n++) {
        all = all && p.grade != 0 &&
              period_absorbs(&p, &around[n].next, &late[n].record, late[n].pair.series->gap_us);
    }
    if (!all) {
        mark_again(&late[0].pair, marked);
    } else if (period_writes_put(w, late[0].pair, false, &p) == -1) {
        return -1;
    }
    return (int)n;
}

static int absorb_all(struct flush *f, struct period_writes *w, uint32_t *marked)
{
    struct around *around = malloc(LATE_PAGE * sizeof *around);
    int rc = around == NULL ? -1 : 0;
    for (uint32_t from = 0; from < w->late.count && rc == 0;) {
        const struct period_late *late = w->late.at + from;
        uint32_t count = w->late.count - from;
        if (count > LATE_PAGE) { /* a page ends where a pair ends, if it can */
            count = LATE_PAGE;
            while (count > 1 && same_pair(&late[count - 1].pair, &late[count].pair)) {
                count--;
            }
            if (count == 1) {
                count = LATE_PAGE;
                mark_again(&late[0].pair, marked);
            }
        }
        rc = read_around(f->store, late, count, around);
        for (uint32_t i = 0; i < count && rc == 0;) {
            int n = absorb_run(w, late + i, around + i, count - i, marked);
            rc = n == -1 ? -1 : 0;
            i += n == -1 ? 0 : (uint32_t)n;
        }
        from += count;
    }
    free(around);
    return rc;
}

/* ---- all of it ---- */

static void widen(struct period_again *a, struct period_pair pair, const struct period_key *key)
{
    if (a->pair.series == NULL) {
        *a = (struct period_again){pair, *key, *key};
        return;
    }
    if (period_key_compare(key, &a->earliest) < 0) {
        a->earliest = *key;
    }
    if (period_key_compare(key, &a->latest) > 0) {
        a->latest = *key;
    }
}

/* Every record of the flush that belongs to a marked pair, the ones in order included. */
static void find_ranges(const struct flush *f, struct period_again *list)
{
    for (uint32_t i = 0; i < f->item_count; i++) {
        const struct flush_item *item = &f->items[i];
        if (!item->series->again || item->fate == ITEM_DUPLICATE) {
            continue;
        }
        for (uint32_t n = 0; n < item->batch->name_count; n++) {
            uint16_t id = item->batch->ids[n];
            if (item->grades[n] == 0 || item->grades[n] == GRADE_NONE) {
                continue;
            }
            const struct series_grade *g = series_grade_find(item->series, id);
            if (g != NULL && g->again != 0) {
                widen(&list[g->again - 1], (struct period_pair){item->series, id}, &item->key);
            }
        }
    }
}

int repair_late(struct flush *f, struct period_writes *w)
{
    uint32_t marked = 0;
    qsort(w->late.at, w->late.count, sizeof *w->late.at, compare_late);
    if (absorb_all(f, w, &marked) == -1) {
        return -1;
    }
    if (marked == 0) {
        return 0;
    }
    struct period_again *list = calloc(marked, sizeof *list);
    int rc = list == NULL ? -1 : 0;
    if (rc == 0) {
        find_ranges(f, list);
        rc = compute_all(f, w, list, marked);
    }
    free(list);
    return rc;
}
