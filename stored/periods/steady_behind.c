/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a late record changes ends where the walk comes to a state that was kept before: but for how
 * many records its rows have, which is added to that state and to those behind, as long as they
 * have these rows. So a record that is months late costs the records between two kept states, and
 * of a calm time of months the states that were kept in it.
 */
#include "stored/periods/steady_path.h"

#include <stdio.h>

#include "stored/periods/period_rows.h"

#define PAGE  32
#define WRITE 256 /* mended states in one statement */

static struct period_key key_at(const struct steady_behind *b, int at)
{
    return period_rows_key(b->page, at, 0);
}

/* Whether there is a state so many behind the one at hand: 1; 0; -1. */
static int is_there(struct steady_path *p, int ahead)
{
    struct steady_behind *b = &p->behind;
    int count = b->page == NULL ? 0 : PQntuples(b->page);
    if (b->at + ahead >= count && !b->last_page) {
        b->page_from = count == 0 ? p->began : b->at > 0 ? key_at(b, b->at - 1) : b->page_from;
        PQclear(b->page);
        period_rows_alone(&p->store->params, p->series_id, p->grade_id, &b->page_from);
        pg_add_32(&p->store->params, PAGE);
        b->page = pg_rows(&p->store->pg, SQL_STEADY_BEHIND, &p->store->params);
        if (b->page == NULL) {
            return -1;
        }
        b->at = 0;
        count = PQntuples(b->page);
        b->last_page = count < PAGE;
    }
    return b->at + ahead < count;
}

int steady_behind_stops(struct steady_path *p)
{
    struct steady_behind *b = &p->behind;
    struct steady kept;
    int rc;
    if (b->late == NULL) {
        return 0;
    }
    while (b->late_at < b->late_count &&
           period_key_compare(&b->late[b->late_at], &p->through) <= 0) {
        b->late_at++;
    }
    for (;; b->at++) {
        rc = is_there(p, 0);
        if (rc != 1) {
            return rc;
        }
        const struct period_key key = key_at(b, b->at);
        int order = period_key_compare(&key, &p->through);
        if (order > 0) {
            return 0;
        }
        if (order == 0) {
            break;
        }
    }
    rc = is_there(p, 1);
    if (rc != 1) {
        return rc;
    }
    const struct period_key next = key_at(b, b->at + 1);
    bool between =
        b->late_at < b->late_count && period_key_compare(&b->late[b->late_at], &next) <= 0;
    return !between && steady_decode(pg_cell_text(b->page, b->at, 3), &kept) == 0 &&
           steady_alike(&p->state, &kept, &b->more);
}

static int cut(struct steady_path *p, const struct period_key *until)
{
    static const struct period_key end = {STEADY_LAST_US, STEADY_LAST_US, INT64_MAX};
    period_rows_alone(&p->store->params, p->series_id, p->grade_id, &p->began);
    period_rows_add_key(&p->store->params, until == NULL ? &end : until);
    return pg_run(&p->store->pg, SQL_STEADY_CUT, &p->store->params);
}

int steady_behind_cut(struct steady_path *p)
{
    return cut(p, NULL);
}

/* The state at hand with what the path has more: 1; 0: it has none of these rows; -1. */
static int mend(struct steady_path *p)
{
    const struct steady_behind *b = &p->behind;
    const struct period_key key = key_at(b, b->at);
    struct steady s;
    if (steady_decode(pg_cell_text(b->page, b->at, 3), &s) == -1) {
        snprintf(p->store->pg.message, sizeof p->store->pg.message,
                 "a state of steady_walk cannot be read");
        return -1;
    }
    if (!steady_add(&s, &b->more)) {
        return 0;
    }
    if (steady_marks_put(p->marks, p, &key, &s) == -1) {
        return -1;
    }
    return p->marks->count < WRITE || steady_marks_send(p->marks, p->store) == 0 ? 1 : -1;
}

int steady_behind_mend(struct steady_path *p)
{
    int rc = cut(p, &p->through) == -1 || steady_path_mark(p) == -1 ? -1 : 1;
    while (rc == 1) {
        p->behind.at++;
        rc = is_there(p, 0);
        rc = rc == 1 ? mend(p) : rc;
    }
    return rc == -1 ? -1 : steady_marks_send(p->marks, p->store);
}
