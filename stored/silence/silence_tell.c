/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/silence/silence_tell.h"

#include <stdlib.h>

#include "common/daemon.h"
#include "stored/feed.h"

#define AGAIN_ROWS 16 /* judged again in one statement */

struct silence_state silence_state_of(const PGresult *r, int row)
{
    return (struct silence_state){
        .last_us = pg_cell_time(r, row, 1),
        .last_start_us = pg_cell_time(r, row, 2),
        .e_us = pg_cell_64(r, row, 3),
        .d_us = pg_cell_64(r, row, 4),
        .holds = pg_cell_32(r, row, 5),
        .low_us = pg_cell_64(r, row, 6),
        .silent_from_us = pg_cell_time(r, row, 7),
        .told_from_us = pg_cell_time(r, row, 8),
        .retire_at_us = pg_cell_time(r, row, 9),
        .ingestd = pg_cell_text(r, row, 10),
        .door = pg_cell_text(r, row, 11),
    };
}

static struct silence_subject *subject_of(struct silence *s, const PGresult *r, int row)
{
    int64_t series_id = pg_cell_64(r, row, 0);
    struct probe *p;
    if (series_id != 0) {
        return subjects_series(&s->all, series_id, pg_cell_text(r, row, 1));
    }
    p = subjects_probe(&s->all, pg_cell_text(r, row, 1));
    return p == NULL ? NULL : &p->subject;
}

/* ---- silences ---- */

static void put_told(struct pg_params *p, const struct silence_state *told, uint32_t count)
{
    int series = pg_add_array(p, PG_BIGINT), probes = pg_add_array(p, PG_TEXT),
        from = pg_add_array(p, PG_TIMESTAMPTZ), last = pg_add_array(p, PG_TIMESTAMPTZ),
        e = pg_add_array(p, PG_BIGINT), d = pg_add_array(p, PG_BIGINT),
        retire = pg_add_array(p, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < count; i++) {
        pg_put_64(p, series, told[i].subject->series_id);
        pg_put_bytes(p, probes, subject_probe_name(told[i].subject));
        pg_put_time(p, from, told[i].silent_from_us);
        pg_put_time(p, last, told[i].last_us);
        pg_put_64(p, e, told[i].e_us);
        pg_put_64(p, d, told[i].d_us);
        pg_put_time(p, retire, told[i].retire_at_us);
    }
}

/* Now they are told: which number each has. */
static void note_told(struct silence *s, const PGresult *r, const struct silence_state *told,
                      uint32_t count, int64_t as_of_us)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct silence_subject *subject = subject_of(s, r, i);
        if (subject != NULL) {
            subject->silence = pg_cell_64(r, i, 2);
            subject->retired = false;
            subject->told_us = as_of_us > subject->told_us ? as_of_us : subject->told_us;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        subjects_schedule(&s->all, told[i].subject, told[i].retire_at_us);
    }
    count_add(COUNT_SILENCES_TOLD, count);
}

int silence_tell(struct silence *s, const struct silence_state *told, uint32_t count,
                 int64_t as_of_us)
{
    struct store *store = s->store;
    PGresult *r = NULL;
    if (count == 0) {
        return 0;
    }
    int rc = feed_begin(store);
    if (rc == 0) {
        pg_params_begin(&store->params);
        pg_add_64(&store->params, store->arrival.number);
        pg_add_time(&store->params, as_of_us);
        put_told(&store->params, told, count);
        r = pg_rows(&store->pg, SQL_SILENCE_TELL, &store->params);
        rc = r == NULL ? -1 : 0;
    }
    rc = feed_end(store, rc);
    if (rc == 0) {
        note_told(s, r, told, count, as_of_us);
    }
    PQclear(r);
    return rc;
}

int silence_retire(struct silence *s, struct silence_subject *const *subjects, uint32_t count)
{
    struct store *store = s->store;
    if (count == 0) {
        return 0;
    }
    int rc = feed_begin(store);
    if (rc == 0) {
        pg_params_begin(&store->params);
        pg_add_64(&store->params, store->arrival.number);
        int numbers = pg_add_array(&store->params, PG_BIGINT);
        for (uint32_t i = 0; i < count; i++) {
            pg_put_64(&store->params, numbers, subjects[i]->silence);
        }
        rc = pg_run(&store->pg, SQL_SILENCE_RETIRE, &store->params);
    }
    rc = feed_end(store, rc);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        subjects[i]->retired = true;
        subjects[i]->due_us = INT64_MAX;
    }
    count_add(COUNT_SILENCES_RETIRED, rc == 0 ? count : 0);
    return rc;
}

/* ---- again ---- */

/* Of whom something was judged again: what stands of it is read; who waits for a probe, and may
 * have waited for nothing, is let go. */
static int note_judged(struct silence *s, const PGresult *r)
{
    struct silence_subject *subjects[AGAIN_ROWS];
    uint32_t count = 0;
    for (int i = 0; i < PQntuples(r) && count < AGAIN_ROWS; i++) {
        struct silence_subject *subject = subject_of(s, r, i);
        if (subject != NULL) {
            subjects[count++] = subject;
            subjects_hurry(&s->all, subject);
        }
    }
    if (PQntuples(r) > 0) {
        count_add(COUNT_SILENCES_RETRACTED, (uint64_t)pg_cell_64(r, 0, 2));
        count_add(COUNT_SILENCES_RETURNED, (uint64_t)pg_cell_64(r, 0, 3));
    }
    int rc = silence_read_told(s, subjects, count);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (subjects[i]->series_id == 0 && subjects[i]->silence == 0) {
            subjects[i]->probe->known = false;
            subjects_let_go(&s->all, subjects[i]->probe);
        }
    }
    return rc;
}

int silence_judge_again(struct silence *s)
{
    struct store *store = s->store;
    PGresult *r = NULL;
    int rc = feed_begin(store);
    if (rc == 0) {
        pg_params_begin(&store->params);
        pg_add_64(&store->params, store->arrival.number);
        pg_add_64(&store->params, AGAIN_ROWS);
        pg_add_time(&store->params, daemon_now_us() + SUBJECT_AHEAD_US);
        r = pg_rows(&store->pg, SQL_SILENCE_AGAIN, &store->params);
        rc = r == NULL ? -1 : 0;
    }
    rc = feed_end(store, rc);
    if (rc == 0) {
        s->again = PQntuples(r) == AGAIN_ROWS;
        rc = note_judged(s, r);
    }
    PQclear(r);
    return rc;
}
