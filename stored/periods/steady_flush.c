/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in order move the state in memory. Where others came, or nothing is in memory, the walk
 * begins at the last state that is kept before the first of them, and goes on through what the
 * database holds by now to a kept state that is right (steady_behind.c), and so on from the next
 * of them that was not passed; at last from the last kept state to the end. Either way what was
 * stored and what is computed are compared row by row, and what differs is written.
 */
#include "stored/periods/steady_flush.h"

#include <stdlib.h>

#include "stored/periods/period_rows.h"

/* ---- what differs ---- */

static bool same_event(const struct steady_row *a, const struct steady_row *b)
{
    return a->from == b->from && a->period.grade == b->period.grade &&
           a->period.flap == b->period.flap;
}

/* Also that of an open one, whose row need not count all records. */
static bool sum_only(const struct period *is, const struct period *was)
{
    return is->ended == PERIOD_OPEN && was->ended == PERIOD_OPEN && is->grade == was->grade &&
           is->flap == was->flap;
}

static void note_written(struct period_pair pair, struct series_grade *g, const struct period *p)
{
    if (p->ended == PERIOD_OPEN) {
        g->written = p->sum.records;
        g->through = pair.series->greatest;
    }
}

static int write_row(struct period_writes *w, struct period_pair pair, struct series_grade *g,
                     const struct steady_row *is, const struct steady_row *was,
                     const struct period_key *first)
{
    bool due = period_writes_due(g, is->period.sum.records, first);
    const struct period_event event = steady_event(is);
    bool stays = was != NULL && (period_same(&is->period, &was->period) ||
                                 (!due && sum_only(&is->period, &was->period)));
    if (!stays) {
        if (period_writes_put(w, pair, true, &is->period) == -1) {
            return -1;
        }
        note_written(pair, g, &is->period);
    }
    if (was != NULL && same_event(is, was)) { /* it depends on the row before, too */
        return 0;
    }
    if (was != NULL && period_writes_retract(w, pair, &was->period.start) == -1) {
        return -1;
    }
    return period_writes_tell(w, pair, true, &event);
}

static int drop_row(struct period_writes *w, struct period_pair pair, const struct steady_row *was)
{
    return period_writes_remove(w, pair, &was->period.start) == -1 ||
                   period_writes_retract(w, pair, &was->period.start) == -1
               ? -1
               : 0;
}

/* Both are in order of their starts. first: see period_writes_due(). */
static int write_difference(struct period_writes *w, struct period_pair pair,
                            struct series_grade *g, const struct steady_rows *is,
                            const struct steady_rows *was, const struct period_key *first)
{
    uint32_t i = 0, j = 0;
    int rc = 0;
    while ((i < is->count || j < was->count) && rc == 0) {
        int order = i == is->count ? 1
                    : j == was->count
                        ? -1
                        : period_key_compare(&is->at[i].period.start, &was->at[j].period.start);
        if (order > 0) {
            rc = drop_row(w, pair, &was->at[j++]);
        } else {
            rc = write_row(w, pair, g, &is->at[i], order == 0 ? &was->at[j] : NULL, first);
            i++;
            j += order == 0;
        }
    }
    return rc;
}

/* ---- one pair ---- */

static struct steady_path path_of(struct period_writes *w, struct store *store,
                                  struct period_pair pair)
{
    return (struct steady_path){.store = store,
                                .series_id = pair.series->id,
                                .grade_id = pair.grade_id,
                                .gap_us = pair.series->gap_us,
                                .last_us = pair.series->greatest.t_us,
                                .marks = &w->marks};
}

static void remember(struct series_grade *g, struct steady_path *p)
{
    *g->steady = (struct steady_memory){.fresh = true,
                                        .state = p->state,
                                        .through = p->through,
                                        .unmarked = p->unmarked,
                                        .marked = p->marked};
    g->open = steady_last(&p->state)->period;
}

static int go_on(struct period_writes *w, struct store *store, struct series_grade *g,
                 const struct steady_item *items, uint32_t count)
{
    struct steady_path p = path_of(w, store, items->pair);
    struct steady_row tail[STEADY_ROWS];
    struct steady_rows was = {.at = tail, .count = g->steady->state.row_count};
    int rc = 0;
    p.state = g->steady->state;
    p.through = g->steady->through;
    p.unmarked = g->steady->unmarked;
    p.marked = g->steady->marked;
    memcpy(tail, p.state.rows, was.count * sizeof *tail);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        rc = steady_path_step(&p, &items[i].record, items[i].bits, items[i].version);
    }
    remember(g, &p);
    if (rc == 0) {
        rc = steady_path_rows(&p);
    }
    if (rc == 0) {
        rc = write_difference(w, items->pair, g, &p.settled, &was, &items->record.key);
    }
    steady_path_release(&p);
    return rc;
}

/* ---- one pair, from records that are in the database ---- */

struct again {
    struct period_writes *w;
    struct store *store;
    struct series_grade *g;
    struct period_pair pair;
    const struct period *open; /* see steady_path_begin(); of the first path only */
    struct period_key *late;   /* of all that came, in order */
    uint32_t count, at;        /* those before were passed */
    struct steady_more more;   /* what the paths so far made rows have more, and none wrote */
};

/* Rows that were settled before a path begins, which looks at those behind itself: nothing but
 * their numbers of records is another. */
static int write_more(struct again *a, const struct steady_path *p)
{
    struct period row = {.grade = 0};
    int rc = 0;
    for (uint32_t i = 0; i < a->more.count && rc == 0; i++) {
        const struct period_key *start = &a->more.at[i].start;
        if (p->state.row_count > 0 &&
            period_key_compare(start, &p->state.rows[0].period.start) >= 0) {
            break;
        }
        period_rows_alone(&a->store->params, p->series_id, p->grade_id, start);
        PGresult *r = pg_rows(&a->store->pg, SQL_STEADY_ROW, &a->store->params);
        rc = r == NULL ? -1 : 0;
        if (rc == 0 && PQntuples(r) == 1) {
            const struct period next = period_rows_get(r, 0, 0);
            if (row.grade != 0 && period_key_compare(&row.start, &next.start) != 0) {
                rc = period_writes_put(a->w, a->pair, true, &row);
                row.grade = 0;
            }
            row = row.grade == 0 ? next : row;
            row.sum.records += a->more.at[i].records;
        }
        PQclear(r);
    }
    return rc == 0 && row.grade != 0 ? period_writes_put(a->w, a->pair, true, &row) : rc;
}

/* What the path went along beside what is stored of that. */
static int write_path(struct again *a, struct steady_path *p, const struct period_key *from,
                      bool ended)
{
    struct steady_rows was = {0};
    const struct period_key *until = ended ? NULL : &p->state.rows[0].period.start;
    int rc = steady_stored_rows(p, from, until, false, &was);
    if (rc == 0 && ended) {
        remember(a->g, p);
        rc = steady_path_rows(p);
    }
    if (rc == 0) {
        rc = write_difference(a->w, a->pair, a->g, &p->settled, &was, NULL);
    }
    free(was.at);
    return rc;
}

/* From the first record that was not passed yet, or from the last state that is kept, up to a
 * state that is right: 1; up to the end: 0; -1. */
static int walk_part(struct again *a)
{
    static const struct period_key last = {STEADY_LAST_US, 0, 0};
    struct steady_path p = path_of(a->w, a->store, a->pair);
    p.behind.late = a->late + a->at;
    p.behind.late_count = a->count - a->at;
    int rc =
        steady_path_begin(&p, a->pair.series, a->at < a->count ? &a->late[a->at] : &last, a->open);
    a->open = NULL;
    struct period_key from = p.through;
    if (p.state.row_count > 0) {
        from = p.state.rows[0].period.start;
        from.key--;
    }
    if (rc == 0) {
        rc = write_more(a, &p);
    }
    if (rc == 0) {
        rc = steady_path_read(&p);
    }
    bool ended = rc == 0;
    if (rc != -1) {
        rc = ended ? steady_behind_cut(&p) : steady_behind_mend(&p);
    }
    if (rc == 0) {
        rc = write_path(a, &p, &from, ended);
    }
    a->at += p.behind.late_at;
    steady_more_join(&p.state, &p.behind.more, &a->more);
    a->more = p.behind.more;
    a->w->counts.walked += p.read;
    steady_path_release(&p);
    return rc == -1 ? -1 : !ended;
}

static int walk_again(struct period_writes *w, struct store *store, struct series_grade *g,
                      const struct steady_item *items, uint32_t count)
{
    struct again a = {.w = w, .store = store, .g = g, .pair = items->pair, .count = count};
    bool in_order = true;
    a.late = calloc(count, sizeof *a.late);
    if (a.late == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        a.late[i] = items[i].record.key;
        in_order = in_order && items[i].in_order;
    }
    a.open = in_order && g->open.grade != 0 ? &g->open : NULL;
    int rc;
    do {
        rc = walk_part(&a);
    } while (rc == 1);
    w->counts.repaired += !in_order;
    free(a.late);
    return rc;
}

/* ---- all of them ---- */

static int compare_items(const void *a, const void *b)
{
    const struct steady_item *x = a, *y = b;
    if (x->pair.series->id != y->pair.series->id) {
        return x->pair.series->id < y->pair.series->id ? -1 : 1;
    }
    if (x->pair.grade_id != y->pair.grade_id) {
        return x->pair.grade_id < y->pair.grade_id ? -1 : 1;
    }
    return period_key_compare(&x->record.key, &y->record.key);
}

static int take_pair(struct period_writes *w, struct store *store, const struct steady_item *items,
                     uint32_t count)
{
    struct series_grade *g = series_grade_find(items->pair.series, items->pair.grade_id);
    bool behind =
        g->steady->fresh && period_key_compare(&items->record.key, &g->steady->through) > 0;
    return behind ? go_on(w, store, g, items, count) : walk_again(w, store, g, items, count);
}

int steady_flush(struct period_writes *w, struct store *store)
{
    const struct steady_item *list = w->steady.at;
    uint32_t count = w->steady.count;
    int rc = 0;
    if (count == 0) {
        return 0;
    }
    qsort(w->steady.at, count, sizeof *w->steady.at, compare_items);
    for (uint32_t i = 0, n; i < count && rc == 0; i += n) {
        n = 1;
        while (i + n < count && list[i + n].pair.series == list[i].pair.series &&
               list[i + n].pair.grade_id == list[i].pair.grade_id) {
            n++;
        }
        rc = take_pair(w, store, list + i, n);
    }
    return rc == -1 ? -1 : steady_marks_send(&w->marks, store);
}
