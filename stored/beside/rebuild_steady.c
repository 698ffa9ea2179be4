/* SPDX-License-Identifier: Apache-2.0 */
/* All that is stored of a pair beside all that its records say. */
#include "stored/beside/rebuild_steady.h"

#include <stdlib.h>

#include "common/grow.h"
#include "stored/periods/period_rows.h"

#define FIRST_US INT64_C(-62135596800000000) /* the year 1 */

int rebuild_steady_find(struct store *store, int64_t series_id, struct compare *pairs,
                        uint16_t pair_count)
{
    pg_params_begin(&store->params);
    pg_add_64(&store->params, series_id);
    PGresult *r = pg_rows(&store->pg, SQL_STEADY_OF_SERIES, &store->params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        int16_t id = pg_cell_16(r, i, 0);
        if (id >= 1 && id <= pair_count) {
            pairs[id - 1].steady = true;
        }
    }
    PQclear(r);
    return 0;
}

static struct difference *append(struct differences *found, uint16_t grade_id,
                                 enum difference_how how, bool of_event)
{
    struct difference *at = grow(found->at, found->count, &found->size, sizeof *at);
    if (at != NULL) {
        found->at = at;
        at += found->count++;
        *at = (struct difference){.grade_id = grade_id, .how = (uint8_t)how, .of_event = of_event};
    }
    return at;
}

static int note(struct differences *found, uint16_t grade_id, const struct steady_row *is,
                const struct steady_row *was)
{
    enum difference_how how = was == NULL  ? DIFFERENCE_MISSING
                              : is == NULL ? DIFFERENCE_SURPLUS
                                           : DIFFERENCE_CHANGED;
    const struct steady_row none = {.period = {.grade = 0}};
    const struct steady_row *a = is == NULL ? &none : is, *b = was == NULL ? &none : was;
    struct difference *d;
    if (!period_same(&a->period, &b->period)) {
        d = append(found, grade_id, how, false);
        if (d == NULL) {
            return -1;
        }
        d->period.is = a->period;
        d->period.was = b->period;
    }
    bool same = a->from == b->from && a->period.grade == b->period.grade &&
                a->period.flap == b->period.flap;
    if (same) {
        return 0;
    }
    d = append(found, grade_id, how, true);
    if (d == NULL) {
        return -1;
    }
    d->event.is = steady_event(a);
    d->event.was = steady_event(b);
    return 0;
}

static int compare_rows(const struct steady_rows *is, const struct steady_rows *was,
                        uint16_t grade_id, struct differences *found)
{
    uint32_t i = 0, j = 0;
    int rc = 0;
    while ((i < is->count || j < was->count) && rc == 0) {
        int order = i == is->count ? 1
                    : j == was->count
                        ? -1
                        : period_key_compare(&is->at[i].period.start, &was->at[j].period.start);
        rc = note(found, grade_id, order > 0 ? NULL : &is->at[i], order < 0 ? NULL : &was->at[j]);
        i += order <= 0;
        j += order >= 0;
    }
    return rc;
}

static int note_cut(struct rebuild_steady *r, uint16_t grade_id, const struct period_key *key)
{
    struct rebuild_cut *at = grow(r->cuts, r->cut_count, &r->cut_size, sizeof *at);
    if (at == NULL) {
        return -1;
    }
    r->cuts = at;
    at[r->cut_count++] = (struct rebuild_cut){grade_id, *key};
    return 0;
}

int rebuild_steady_look(struct rebuild_steady *r, struct store *store, int64_t series_id,
                        const struct compare *pair, int64_t from_us, int64_t last_us,
                        struct differences *found)
{
    struct steady_path p = {.store = store,
                            .series_id = series_id,
                            .grade_id = pair->grade_id,
                            .gap_us = pair->gap_us,
                            .last_us = last_us,
                            .through = {FIRST_US, 0, -1},
                            .marks = &r->marks};
    const struct period_key key = {from_us, 0, -1};
    struct steady_rows was = {0};
    int rc = from_us <= FIRST_US ? 0 : steady_path_begin(&p, NULL, &key, NULL);
    struct period_key from = p.through;
    if (p.state.row_count > 0) {
        from = p.state.rows[0].period.start;
        from.key--;
    }
    if (rc == 0) {
        rc = note_cut(r, pair->grade_id, &p.through);
    }
    if (rc == 0) {
        rc = steady_stored_rows(&p, &from, NULL, true, &was);
    }
    if (rc == 0) {
        rc = steady_path_read(&p);
    }
    if (rc == 0) {
        rc = steady_path_rows(&p);
    }
    if (rc == 0) {
        rc = compare_rows(&p.settled, &was, pair->grade_id, found);
    }
    free(was.at);
    steady_path_release(&p);
    return rc;
}

int rebuild_steady_write(struct rebuild_steady *r, struct store *store, int64_t series_id)
{
    int rc = 0;
    for (uint32_t i = 0; i < r->cut_count && rc == 0; i++) {
        struct steady_path p = {.store = store,
                                .series_id = series_id,
                                .grade_id = r->cuts[i].grade_id,
                                .began = r->cuts[i].key};
        rc = steady_behind_cut(&p);
    }
    r->cut_count = 0;
    return rc == -1 ? -1 : steady_marks_send(&r->marks, store);
}

void rebuild_steady_release(struct rebuild_steady *r)
{
    steady_marks_release(&r->marks);
    free(r->cuts);
    *r = (struct rebuild_steady){0};
}

/* ---- before records are dropped ---- */

static int settle_pair(struct store *store, const PGresult *r, int row, struct steady_marks *marks)
{
    int64_t horizon_us = pg_cell_time(r, row, 2);
    struct steady_path p = {.store = store,
                            .series_id = pg_cell_64(r, row, 0),
                            .grade_id = (uint16_t)pg_cell_16(r, row, 1),
                            .gap_us = gaps_of(&store->gaps, pg_cell_text(r, row, 3)),
                            .last_us = horizon_us - 1,
                            .marks = marks};
    const struct period_key key = {horizon_us, 0, -1};
    int rc = steady_path_begin(&p, NULL, &key, NULL);
    if (rc == 0) {
        rc = steady_path_read(&p);
    }
    if (rc == 0) {
        rc = steady_path_mark(&p);
    }
    steady_path_release(&p);
    return rc;
}

int rebuild_steady_settle(struct store *store, int64_t from_id, int64_t to_id,
                          void (*put_horizons)(const struct retention *r, struct pg_params *p))
{
    struct steady_marks marks = {0};
    int rc = 0;
    for (int forget = 0; forget < 2 && rc == 0; forget++) {
        pg_params_begin(&store->params);
        pg_add_64(&store->params, from_id);
        pg_add_64(&store->params, to_id);
        put_horizons(&store->retention, &store->params);
        if (forget == 1) {
            rc = pg_run(&store->pg, SQL_STEADY_FORGET, &store->params);
            break;
        }
        PGresult *r = pg_rows(&store->pg, SQL_STEADY_ENDING, &store->params);
        rc = r == NULL ? -1 : 0;
        for (int row = 0; r != NULL && row < PQntuples(r) && rc == 0; row++) {
            rc = settle_pair(store, r, row, &marks);
        }
        PQclear(r);
        rc = rc == 0 ? steady_marks_send(&marks, store) : rc;
    }
    steady_marks_release(&marks);
    return rc;
}
