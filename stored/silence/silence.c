/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked when: what was told, what was noted to be judged again, the series there are, those
 * that are due. One question at a time. */
#include "stored/silence/silence.h"

#include <inttypes.h>

#include "common/daemon.h"
#include "common/log.h"
#include "stored/silence/expected.h"
#include "stored/silence/signs.h"
#include "stored/silence/signs_known.h"
#include "stored/silence/silence_again.h"
#include "stored/silence/silence_look.h"

#define US_PER_S      INT64_C(1000000)
#define PORTION_LEAST 64              /* less save little: to plan a statement takes as long */
#define PORTION_US    INT64_C(250000) /* that a portion is to take */
#define LOAD_SERIES   2000
#define LOAD_DAYS     1 /* before the newest: who was not heard of for longer is looked at */
#define RETRY_US      (5 * US_PER_S)

/* ---- what was told ---- */

static void take_told(struct silence *s, const PGresult *r, int i)
{
    int64_t series_id = pg_cell_64(r, i, 0), until_us = pg_cell_time(r, i, 6);
    struct slice name = pg_cell_text(r, i, 1);
    struct probe *p = series_id == 0 ? subjects_probe(&s->all, name) : NULL;
    struct silence_subject *subject = series_id == 0 ? (p == NULL ? NULL : &p->subject)
                                                     : subjects_series(&s->all, series_id, name);
    if (subject == NULL) {
        s->all.failed = true;
        return;
    }
    subject->told_us = pg_cell_time(r, i, 2);
    subject->silence = pg_cell_64(r, i, 3);
    subject->retired = subject->silence != 0 && pg_cell_bool(r, i, 5);
    if (subject->silence != 0) {
        subjects_schedule(&s->all, subject, subject->retired ? INT64_MAX : pg_cell_time(r, i, 4));
    }
    if (p != NULL) {
        p->returned_us = PQgetisnull(r, i, 6) ? INT64_MIN : until_us;
    }
}

static int take_all_told(struct silence *s, PGresult *r)
{
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        take_told(s, r, i);
    }
    int rc = r == NULL ? -1 : 0;
    PQclear(r);
    return rc;
}

int silence_read_told(struct silence *s, struct silence_subject *const *subjects, uint32_t count)
{
    struct pg_params *p = &s->beside.store->params;
    pg_params_begin(p);
    int series = pg_add_array(p, PG_BIGINT), probes = pg_add_array(p, PG_TEXT);
    for (uint32_t i = 0; i < count; i++) {
        if (subjects[i]->series_id != 0) {
            pg_put_64(p, series, subjects[i]->series_id);
        } else {
            pg_put_bytes(p, probes, subject_probe_name(subjects[i]));
        }
    }
    PGresult *r = pg_rows(&s->beside.store->pg, SQL_SILENCE_TOLD_OF, p);
    for (uint32_t i = 0; i < count && r != NULL; i++) {
        subjects[i]->silence = 0;
        subjects[i]->told_us = INT64_MIN;
        if (subjects[i]->series_id == 0) {
            subjects[i]->probe->returned_us = INT64_MIN;
        }
    }
    return take_all_told(s, r);
}

/* A clock that was ahead told and retired what by now is not so, nor for long; that is judged by
 * the clock as it is. */
static int mend_ahead(struct store *store)
{
    int64_t now_us = daemon_now_us();
    pg_params_begin(&store->params);
    pg_add_time(&store->params, now_us);
    pg_add_time(&store->params, now_us + SIGNS_AHEAD_US);
    PGresult *r = pg_rows(&store->pg, SQL_SILENCE_AHEAD, &store->params);
    int64_t count = r == NULL ? 0 : pg_cell_64(r, 0, 0);
    if (count > 0) {
        log_warn("silence.clock",
                 "told_ahead=%" PRId64 " effect=\"they are judged again, as of now\"", count);
    }
    PQclear(r);
    return r == NULL ? -1 : 0;
}

int silence_connected(struct silence *s)
{
    struct store *store = s->beside.store;
    s->connected = false;
    int64_t least_s = mend_ahead(store) == -1 ? -1 : expected_least_s(store);
    PGresult *r = least_s == -1 ? NULL : pg_rows(&store->pg, SQL_SILENCE_TOLD, NULL);
    if (r == NULL) {
        return -1; /* what is known serves the flushes until then */
    }
    pg_task_abandon(&s->beside.task); /* it is about those that are forgotten now */
    subjects_clear(&s->all);
    take_all_told(s, r);
    s->all.least_s = (uint32_t)least_s;
    s->connected = s->loading = s->again = true;
    s->load_after = 0;
    return 0;
}

/* ---- the series there are ---- */

static void take_series(struct silence *s, const PGresult *r, int i)
{
    struct silence_subject *subject =
        subjects_series(&s->all, pg_cell_64(r, i, 0), pg_cell_text(r, i, 1));
    if (subject == NULL) {
        return;
    }
    bool heard = !PQgetisnull(r, i, 2);
    int64_t start_us = pg_cell_time(r, i, 2), end_us = pg_cell_time(r, i, 3);
    if (heard && subject->last_us == INT64_MIN) {
        subjects_heard(&s->all, subject, start_us, end_us);
    } else if (subject->last_us == INT64_MIN && subject->silence == 0) {
        subjects_hurry(&s->all, subject);
    }
    struct probe *p = subject->probe;
    if (p == NULL) {
        return;
    }
    if (p->subject.last_us == INT64_MIN && p->subject.silence == 0 && !heard) {
        subjects_hurry(&s->all, &p->subject);
    } else if (heard && end_us > p->subject.last_us) {
        subjects_heard(&s->all, &p->subject, start_us, end_us);
        subject_doubted(&s->all, &p->subject); /* these are not all of its records */
    }
}

/* Some more, with their last start of the newest days: who has none is looked at. */
static void put_series(void *owner, struct pg_params *p)
{
    const struct silence *s = owner;
    int64_t day_us = s->look.as_of_us / DAY_US * DAY_US;
    pg_add_64(p, s->load_after);
    pg_add_64(p, LOAD_SERIES);
    pg_add_time(p, day_us - LOAD_DAYS * DAY_US);
    pg_add_time(p, daemon_now_us() + SUBJECT_AHEAD_US);
}

static int series_read(void *owner, const PGresult *r, int64_t clock_us)
{
    struct silence *s = owner;
    int rows = PQntuples(r);
    (void)clock_us;
    for (int i = 0; i < rows; i++) {
        take_series(s, r, i);
    }
    s->load_after = rows == 0 ? s->load_after : pg_cell_64(r, rows - 1, 0);
    s->loading = rows == LOAD_SERIES;
    return PG_OVER;
}

/* ---- the questions ---- */

static int judged_again(void *owner, const PGresult *r, int64_t clock_us)
{
    struct silence *s = owner;
    (void)clock_us;
    s->failed = silence_judged_again(s, r) == -1;
    return PG_OVER;
}

/* A portion is to take about so long. */
static void size_portion(struct silence *s, int64_t took_us)
{
    if (took_us > PORTION_US && s->portion > PORTION_LEAST) {
        s->portion /= 2;
    } else if (took_us < PORTION_US / 2 && s->portion < SILENCE_PORTION_MOST && s->more) {
        s->portion *= 2;
    }
}

enum { ASK_AGAIN, ASK_SERIES, ASK_PROBE_STATE, ASK_STATES };

static int probe_looked_at(void *owner, const PGresult *r, int64_t clock_us)
{
    struct silence *s = owner;
    (void)clock_us;
    s->failed = silence_looked_at_probe(s, r) == -1;
    return s->failed || s->look.count == 0 ? PG_OVER : ASK_STATES;
}

static int series_looked_at(void *owner, const PGresult *r, int64_t clock_us)
{
    struct silence *s = owner;
    s->failed = silence_looked_at_series(s, r) == -1;
    size_portion(s, clock_us - s->beside.task.asked_us);
    return PG_OVER;
}

static const struct pg_step steps[] = {
    [ASK_AGAIN] = {.name = "again",
                   .statement = SQL_SILENCE_AGAIN,
                   .put = silence_put_again,
                   .answer = PG_ANSWER_ROWS,
                   .done = judged_again},
    [ASK_SERIES] = {.name = "series",
                    .statement = SQL_SILENCE_SERIES,
                    .put = put_series,
                    .answer = PG_ANSWER_ROWS,
                    .done = series_read},
    [ASK_PROBE_STATE] = {.name = "probe",
                         .statement = SQL_SILENCE_PROBE,
                         .put = silence_look_put_probe,
                         .answer = PG_ANSWER_ROWS,
                         .done = probe_looked_at},
    [ASK_STATES] = {.name = "states",
                    .statement = SQL_SILENCE_STATES,
                    .put = silence_look_put_series,
                    .answer = PG_ANSWER_ROWS,
                    .done = series_looked_at},
};

/* Nothing of it was told. */
static void given_up(void *owner, int step)
{
    struct silence *s = owner;
    silence_look_give_back(s);
    s->again = s->again || step == ASK_AGAIN;
}

static void failed(void *owner, const char *step, int64_t clock_us)
{
    struct silence *s = owner;
    (void)clock_us;
    silence_look_give_back(s); /* where there was no connection nothing was given up */
    beside_log(&s->beside, "silence.step", step);
}

static const struct pg_task_kind kind = {.application = "ezrepo-stored-silence",
                                         .backoff_us = RETRY_US,
                                         .failed = failed,
                                         .given_up = given_up};

struct silence *silence_new(struct store *store)
{
    struct silence *s = beside_new(store, sizeof *s, &kind);
    if (s != NULL) {
        s->portion = PORTION_LEAST;
        subjects_clear(&s->all);
    }
    return s;
}

void silence_forget(struct silence *s)
{
    if (s != NULL) {
        pg_task_abandon(&s->beside.task);
        subjects_clear(&s->all);
    }
}

/* ---- when ---- */

static void look_again(struct silence *s, struct silence_subject *subject)
{
    subject_doubted(&s->all, subject);
    if (subject->silence == 0) {
        subjects_hurry(&s->all, subject);
    }
}

void silence_doubt_all(struct silence *s)
{
    s->connected = false; /* read again with what goes on next */
}

void silence_expected_changed(struct silence *s, const PGresult *series)
{
    struct probe *p, *next;
    pg_task_abandon(&s->beside.task); /* its answer would be by the old list */
    int64_t least_s = expected_least_s(s->beside.store);
    if (least_s == -1) {
        s->connected = false;
        return;
    }
    s->again = true;
    s->all.least_s = (uint32_t)least_s;
    for (int i = 0; i < PQntuples(series); i++) {
        struct silence_subject *subject = subjects_find(&s->all, pg_cell_64(series, i, 0));
        if (subject != NULL) {
            look_again(s, subject);
        }
    }
    HASH_ITER(hh, s->all.probes, p, next)
    {
        p->known = false;
        look_again(s, &p->subject);
        subjects_let_go(&s->all, p);
    }
}

void silence_absence_known(struct silence *s)
{
    pg_task_abandon(&s->beside.task); /* its answer may not know of it */
    s->again = true;
}

void silence_door_open(struct silence *s)
{
    subjects_hurry_put_off(&s->all);
}

/* What those that are noted are asked about takes turns with all else, and takes a quarter of the
 * time at most. */
static bool again_is_due(const struct silence *s, int64_t clock_us)
{
    return s->again && clock_us >= s->again_from_us;
}

static void begin_again(struct silence *s, int64_t clock_us)
{
    s->judged = true;
    s->again = false; /* what is noted from here on is asked about next */
    if (!pg_task_begin(&s->beside.task, steps, ASK_AGAIN, clock_us)) {
        s->again = true;
    }
}

/* Asks what is to be asked next, if anything is. 0, or -1: the database. */
static int begin(struct silence *s, int64_t clock_us)
{
    int64_t until_us = signs_until_us();
    if (s->all.failed) {
        static struct log_limit said;
        if (log_allowed(&said, 60)) {
            log_error("silence.memory", "error=\"out of memory\" effect=\"read again\"");
        }
        s->connected = false;
    }
    if (!s->connected && silence_connected(s) == -1) {
        return -1;
    }
    if (until_us == INT64_MIN) {
        return 0;
    }
    if (again_is_due(s, clock_us) && !s->judged) {
        begin_again(s, clock_us);
        return 0;
    }
    s->judged = false;
    if (s->loading) {
        s->look.as_of_us = until_us;
        pg_task_begin(&s->beside.task, steps, ASK_SERIES, clock_us);
        return 0;
    }
    if (silence_take_due(s, until_us) == -1) {
        silence_look_give_back(s);
        return -1;
    }
    if (!silence_look_is_empty(&s->look)) {
        pg_task_begin(&s->beside.task, steps, s->look.probe != NULL ? ASK_PROBE_STATE : ASK_STATES,
                      clock_us);
    } else if (again_is_due(s, clock_us)) {
        begin_again(s, clock_us);
    }
    return 0;
}

static bool has_more(const struct silence *s)
{
    return s->again || s->loading || s->more || !s->connected || beside_is_under_way(&s->beside);
}

/* What followed from an answer may have failed. */
static int go_on(struct silence *s, int64_t clock_us)
{
    pg_task_go_on(&s->beside.task, clock_us);
    if (s->failed) {
        s->failed = false;
        return -1;
    }
    return clock_us < s->retry_us || !pg_task_is_ready(&s->beside.task, clock_us)
               ? 0
               : begin(s, clock_us);
}

int silence_go_on(struct silence *s)
{
    int64_t clock_us = daemon_clock_us();
    int rc = go_on(s, clock_us);
    if (rc == -1) { /* what became of it is not known */
        s->connected = false;
        s->retry_us = clock_us + RETRY_US;
    }
    return rc;
}

bool silence_is_under_way(const struct silence *s)
{
    int64_t clock_us = daemon_clock_us();
    return signs_until_us() != INT64_MIN && has_more(s) && clock_us >= s->retry_us &&
           clock_us >= s->beside.task.again_us;
}

void silence_count(const struct silence *s)
{
    int64_t until_us = signs_until_us();
    bool due = until_us < 0 || has_more(s) || (s->all.queued > 0 && s->all.queue[0].us <= until_us);
    count_set(COUNT_SILENCE_AS_OF, due ? 0 : (uint64_t)(until_us / US_PER_S));
    count_set(COUNT_SILENCE_SUBJECTS, s->all.series_count + HASH_COUNT(s->all.probes));
}
