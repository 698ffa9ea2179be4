/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/silence/silence_again.h"

#include "common/daemon.h"
#include "stored/feed.h"
#include "stored/silence/silence_tell.h"

#define AGAIN_ROWS 64 /* silences asked about in one statement */
#define QUICK_US   INT64_C(200000)

void silence_put_again(void *silence, struct pg_params *p)
{
    (void)silence;
    pg_add_32(p, AGAIN_ROWS);
    pg_add_time(p, daemon_now_us() + SUBJECT_AHEAD_US);
}

/* The columns of a row. */
enum {
    OF_SERIES,
    OF_PROBE,
    SINCE,
    ASKED,
    JUDGED,
    NUMBER, /* NULL: none is left of the subject */
    AS_OF,
    KNOWN, /* there are records of it, and none that mattered were dropped */
    LAST,
    E,
    D,
    SILENT_FROM, /* NULL: it is never silent */
    RETIRE_AT,
    NEXT /* the start of its next record; NULL: none is known */
};

/* As the statement that follows has them. */
enum { NOTHING, WRONG, RIGHT, RIGHT_AND_ENDED };

static int16_t verdict_of(const PGresult *r, int i)
{
    if (PQgetisnull(r, i, NUMBER) || !pg_cell_bool(r, i, KNOWN)) {
        return NOTHING;
    }
    if (PQgetisnull(r, i, SILENT_FROM) ||
        pg_cell_time(r, i, SILENT_FROM) > pg_cell_time(r, i, AS_OF)) {
        return WRONG;
    }
    return PQgetisnull(r, i, NEXT) ? RIGHT : RIGHT_AND_ENDED;
}

static void put_judged(struct pg_params *p, const PGresult *r)
{
    int series = pg_add_array(p, PG_BIGINT), probes = pg_add_array(p, PG_TEXT),
        since = pg_add_array(p, PG_TIMESTAMPTZ), asked = pg_add_array(p, PG_BIGINT),
        judged = pg_add_array(p, PG_BIGINT), numbers = pg_add_array(p, PG_BIGINT),
        verdicts = pg_add_array(p, PG_SMALLINT), last = pg_add_array(p, PG_TIMESTAMPTZ),
        e = pg_add_array(p, PG_BIGINT), d = pg_add_array(p, PG_BIGINT),
        from = pg_add_array(p, PG_TIMESTAMPTZ), retire = pg_add_array(p, PG_TIMESTAMPTZ),
        next = pg_add_array(p, PG_TIMESTAMPTZ);
    for (int i = 0; i < PQntuples(r); i++) {
        pg_put_64(p, series, pg_cell_64(r, i, OF_SERIES));
        pg_put_bytes(p, probes, pg_cell_text(r, i, OF_PROBE));
        pg_put_time(p, since, pg_cell_time(r, i, SINCE));
        pg_put_64(p, asked, pg_cell_64(r, i, ASKED));
        pg_put_64(p, judged, pg_cell_64(r, i, JUDGED));
        pg_put_64(p, numbers, pg_cell_64(r, i, NUMBER));
        pg_put_16(p, verdicts, verdict_of(r, i));
        pg_put_time(p, last, pg_cell_time(r, i, LAST));
        pg_put_64(p, e, pg_cell_64(r, i, E));
        pg_put_64(p, d, pg_cell_64(r, i, D));
        pg_put_time(p, from, pg_cell_time(r, i, SILENT_FROM));
        pg_put_time(p, retire, pg_cell_time(r, i, RETIRE_AT));
        pg_put_time(p, next, pg_cell_time(r, i, NEXT));
    }
}

/* Of whom something was judged again: what stands of it is read; who waits for a probe, and may
 * have waited for nothing, is let go. */
static int note_judged(struct silence *s, const PGresult *r)
{
    struct silence_subject *subjects[AGAIN_ROWS];
    uint32_t count = 0;
    for (int i = 0; i < PQntuples(r) && count < AGAIN_ROWS; i++) {
        struct silence_subject *subject =
            silence_subject_of(s, pg_cell_64(r, i, 0), pg_cell_text(r, i, 1));
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

int silence_judged_again(struct silence *s, const PGresult *r)
{
    struct store *store = s->beside.store;
    int64_t clock_us = daemon_clock_us(), took_us = clock_us - s->beside.task.asked_us;
    PGresult *done = NULL;
    if (PQntuples(r) == 0) {
        return 0; /* what has been noted since has set `again` */
    }
    int rc = feed_begin(store);
    if (rc == 0) {
        pg_params_begin(&store->params);
        pg_add_64(&store->params, store->arrival.number);
        put_judged(&store->params, r);
        done = pg_rows(&store->pg, SQL_SILENCE_JUDGED, &store->params);
        rc = done == NULL ? -1 : 0;
    }
    rc = feed_end(store, rc);
    s->again = true;
    s->again_from_us = took_us > QUICK_US ? clock_us + 3 * took_us : clock_us;
    rc = rc == 0 ? note_judged(s, done) : rc;
    PQclear(done);
    return rc;
}
