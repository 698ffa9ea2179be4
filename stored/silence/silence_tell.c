/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/silence/silence_tell.h"

#include "stored/feed.h"

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
        .since_us = pg_cell_time(r, row, 12),
    };
}

struct silence_subject *silence_subject_of(struct silence *s, int64_t series_id, struct slice probe)
{
    if (series_id != 0) {
        return subjects_series(&s->all, series_id, probe);
    }
    struct probe *p = subjects_probe(&s->all, probe);
    return p == NULL ? NULL : &p->subject;
}

/* ---- silences ---- */

static void put_told(struct pg_params *p, const struct silence_state *told, uint32_t count)
{
    int series = pg_add_array(p, PG_BIGINT), probes = pg_add_array(p, PG_TEXT),
        from = pg_add_array(p, PG_TIMESTAMPTZ), last = pg_add_array(p, PG_TIMESTAMPTZ),
        e = pg_add_array(p, PG_BIGINT), d = pg_add_array(p, PG_BIGINT),
        retire = pg_add_array(p, PG_TIMESTAMPTZ), since = pg_add_array(p, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < count; i++) {
        pg_put_64(p, series, told[i].subject->series_id);
        pg_put_bytes(p, probes, subject_probe_name(told[i].subject));
        pg_put_time(p, from, told[i].silent_from_us);
        pg_put_time(p, last, told[i].last_us);
        pg_put_64(p, e, told[i].e_us);
        pg_put_64(p, d, told[i].d_us);
        pg_put_time(p, retire, told[i].retire_at_us);
        pg_put_time(p, since, told[i].since_us);
    }
}

/* Now they are told: which number each has. */
static void note_told(struct silence *s, const PGresult *r, const struct silence_state *told,
                      uint32_t count, int64_t as_of_us)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct silence_subject *subject =
            silence_subject_of(s, pg_cell_64(r, i, 0), pg_cell_text(r, i, 1));
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
    struct store *store = s->beside.store;
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
    struct store *store = s->beside.store;
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
