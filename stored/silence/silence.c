/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is due is looked at in the store, some in one statement, and then told, or due later. A
 * series is told once its probe has been heard of since it fell silent, or cannot be silent: before
 * that it may be the probe that is.
 */
#include "stored/silence/silence.h"

#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "stored/silence/expected.h"
#include "stored/silence/signs.h"
#include "stored/silence/silence_tell.h"

#define US_PER_S      INT64_C(1000000)
#define MINUTE_US     (60 * US_PER_S)
#define PORTION_LEAST 64 /* less save little: to plan a statement takes as long */
#define PORTION_MOST  1024
#define PORTION_US    INT64_C(25000) /* that a portion is to take */
#define LOAD_SERIES   2000
#define LOAD_DAYS     1 /* before the newest: who was not heard of for longer is looked at */
#define RETRY_US      (5 * US_PER_S)

struct silence *silence_new(struct store *store)
{
    struct silence *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->store = store;
        s->portion = PORTION_LEAST;
        subjects_clear(&s->all);
    }
    return s;
}

void silence_free(struct silence **s)
{
    if (*s != NULL) {
        subjects_clear(&(*s)->all);
        free(*s);
        *s = NULL;
    }
}

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
    struct pg_params *p = &s->store->params;
    pg_params_begin(p);
    int series = pg_add_array(p, PG_BIGINT), probes = pg_add_array(p, PG_TEXT);
    for (uint32_t i = 0; i < count; i++) {
        if (subjects[i]->series_id != 0) {
            pg_put_64(p, series, subjects[i]->series_id);
        } else {
            pg_put_bytes(p, probes, subject_probe_name(subjects[i]));
        }
    }
    PGresult *r = pg_rows(&s->store->pg, SQL_SILENCE_TOLD_OF, p);
    for (uint32_t i = 0; i < count && r != NULL; i++) {
        subjects[i]->silence = 0;
        subjects[i]->told_us = INT64_MIN;
    }
    return take_all_told(s, r);
}

int silence_connected(struct silence *s)
{
    s->connected = false;
    int64_t least_s = expected_least_s(s->store);
    PGresult *r = least_s == -1 ? NULL : pg_rows(&s->store->pg, SQL_SILENCE_TOLD, NULL);
    if (r == NULL) {
        return -1; /* what is known serves the flushes until then */
    }
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
static int load_series(struct silence *s, int64_t until_us)
{
    struct store *store = s->store;
    int64_t day_us = until_us / DAY_US * DAY_US;
    pg_params_begin(&store->params);
    pg_add_64(&store->params, s->load_after);
    pg_add_64(&store->params, LOAD_SERIES);
    pg_add_time(&store->params, day_us - LOAD_DAYS * DAY_US);
    pg_add_time(&store->params, daemon_now_us() + SUBJECT_AHEAD_US);
    PGresult *r = pg_rows(&store->pg, SQL_SILENCE_SERIES, &store->params);
    if (r == NULL) {
        return -1;
    }
    int rows = PQntuples(r);
    for (int i = 0; i < rows; i++) {
        take_series(s, r, i);
    }
    s->load_after = rows == 0 ? s->load_after : pg_cell_64(r, rows - 1, 0);
    s->loading = rows == LOAD_SERIES;
    PQclear(r);
    return 0;
}

/* ---- looking ---- */

/* Those of a portion. */
struct look {
    int64_t as_of_us;
    struct silence_subject *subjects[PORTION_MOST]; /* series */
    uint32_t count;
    struct silence_subject *retire[PORTION_MOST];
    uint32_t retire_count;
    struct silence_state tell[PORTION_MOST];
    uint32_t tell_count;
};

static uint32_t seconds_of(int64_t us)
{
    int64_t s = us / US_PER_S;
    return s <= 0 ? 0 : s >= SUBJECT_NEVER ? SUBJECT_NEVER - 1 : (uint32_t)s;
}

static void learn(const struct silence_state *state)
{
    struct silence_subject *subject = state->subject;
    bool never = state->e_us == 0;
    int8_t holds = state->holds == 32 ? SUBJECT_LISTED : (int8_t)state->holds;
    if (state->last_us > subject->last_us) {
        subject->last_us = state->last_us;
    }
    subject_seen(subject, never ? SUBJECT_NEVER : seconds_of(state->e_us),
                 seconds_of(state->low_us), holds, (int32_t)(state->last_start_us / MINUTE_US));
    if (subject->series_id == 0) {
        subject->probe->known = subject->last_us == state->last_us;
        subject->probe->from_us = never ? INT64_MAX : state->silent_from_us;
    }
}

/* Whether a series that is silent is told now; else it is due later. */
static bool is_its_own(struct silence *s, const struct silence_state *state, int64_t as_of_us)
{
    struct probe *p = state->subject->probe;
    if (p == NULL || state->subject->series_id == 0) {
        return true;
    }
    if (p->subject.silence != 0) {
        subjects_schedule(&s->all, state->subject, INT64_MAX);
        subjects_wait(&s->all, state->subject);
        return false;
    }
    if (p->subject.last_us >= state->silent_from_us || (p->known && p->from_us == INT64_MAX)) {
        return true;
    }
    if (!p->known) { /* the probe first */
        subjects_hurry(&s->all, &p->subject);
        subjects_schedule(&s->all, state->subject, as_of_us);
        return false;
    }
    subjects_schedule(&s->all, state->subject, p->from_us <= as_of_us ? INT64_MAX : p->from_us);
    subjects_wait(&s->all, state->subject);
    return false;
}

/* Not before e after its probe was back, and d later. */
static int64_t told_from(const struct silence_state *state)
{
    const struct probe *p = state->subject->probe;
    int64_t us = state->told_from_us;
    if (p != NULL && state->subject->series_id != 0 && p->returned_us != INT64_MIN) {
        int64_t after_us = p->returned_us + state->e_us + state->d_us;
        us = after_us > us ? after_us : us;
    }
    return us;
}

/* What becomes of one that was looked at. */
static void decide(struct silence *s, struct look *l, struct silence_state state)
{
    struct silence_subject *subject = state.subject;
    int64_t heard_us = subject->last_us; /* that starts later is not in the state */
    learn(&state);
    if (state.e_us == 0) {
        subjects_schedule(&s->all, subject,
                          heard_us > state.last_us ? heard_us + 3 * s->all.least_s * US_PER_S
                                                   : INT64_MAX);
        return;
    }
    int64_t from_us = told_from(&state);
    if (from_us == INT64_MAX || signs_absent(state.ingestd, state.door)) {
        subjects_schedule(&s->all, subject, l->as_of_us + RETRY_US);
    } else if (from_us > l->as_of_us) {
        subjects_schedule(&s->all, subject, from_us);
    } else if (heard_us > state.last_us) { /* it starts later: the end is known already */
        subjects_schedule(&s->all, subject, heard_us + 3 * s->all.least_s * US_PER_S);
    } else if (state.retire_at_us <= l->as_of_us) {
        subjects_schedule(&s->all, subject, INT64_MAX); /* nobody expects it, and nobody did */
    } else if (is_its_own(s, &state, l->as_of_us)) {
        l->tell[l->tell_count++] = state;
    }
}

static void decide_all(struct silence *s, struct look *l, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct silence_state state = silence_state_of(r, i);
        state.subject = subjects_find(&s->all, pg_cell_64(r, i, 0));
        if (state.subject != NULL) {
            decide(s, l, state);
        }
    }
}

static int look_at_series(struct silence *s, struct look *l)
{
    struct pg_params *p = &s->store->params;
    if (l->count == 0) {
        return 0;
    }
    pg_params_begin(p);
    int ids = pg_add_array(p, PG_BIGINT);
    for (uint32_t i = 0; i < l->count; i++) {
        pg_put_64(p, ids, l->subjects[i]->series_id);
        l->subjects[i]->due_us = INT64_MAX; /* those without a record */
    }
    pg_add_time(p, l->as_of_us);
    PGresult *r = pg_rows(&s->store->pg, SQL_SILENCE_STATES, p);
    if (r == NULL) {
        return -1;
    }
    decide_all(s, l, r);
    int rc = silence_tell(s, l->tell, l->tell_count, l->as_of_us);
    PQclear(r);
    return rc;
}

static int look_at_probe(struct silence *s, struct look *l, struct silence_subject *subject)
{
    struct pg_params *p = &s->store->params;
    pg_params_begin(p);
    pg_add_bytes(p, subject_probe_name(subject));
    pg_add_time(p, l->as_of_us);
    PGresult *r = pg_rows(&s->store->pg, SQL_SILENCE_PROBE, p);
    if (r == NULL) {
        return -1;
    }
    subject->due_us = INT64_MAX;
    l->tell_count = 0;
    if (PQntuples(r) > 0) {
        struct silence_state state = silence_state_of(r, 0);
        state.subject = subject;
        decide(s, l, state);
    } else {
        subject->probe->known = true;
        subject->probe->from_us = INT64_MAX;
    }
    int rc = silence_tell(s, l->tell, l->tell_count, l->as_of_us);
    l->tell_count = 0;
    PQclear(r);
    return rc;
}

/* Takes those that are due; a probe, which costs as much as many series, ends the portion. */
static struct silence_subject *take_due(struct silence *s, struct look *l)
{
    struct silence_subject *subject = NULL;
    s->more = true;
    while (l->count < s->portion && l->retire_count < s->portion) {
        subject = subjects_due(&s->all, l->as_of_us);
        if (subject == NULL) {
            s->more = false;
            return NULL;
        }
        if (subject->silence != 0 && !subject->retired) {
            l->retire[l->retire_count++] = subject;
        } else if (subject->silence == 0 && subject->series_id == 0) {
            return subject;
        } else if (subject->silence == 0) {
            l->subjects[l->count++] = subject;
        }
    }
    return NULL;
}

/* After a failure: as if they had not been taken. */
static void give_back(struct silence *s, struct look *l, struct silence_subject *probe)
{
    for (uint32_t i = 0; i < l->count; i++) {
        subjects_hurry(&s->all, l->subjects[i]);
    }
    for (uint32_t i = 0; i < l->retire_count; i++) {
        subjects_hurry(&s->all, l->retire[i]);
    }
    if (probe != NULL) {
        subjects_hurry(&s->all, probe);
    }
}

static int look(struct silence *s, int64_t until_us)
{
    static struct look l; /* large, and of one thread */
    l.as_of_us = until_us;
    l.count = l.retire_count = l.tell_count = 0;
    int64_t began_us = daemon_clock_us();
    struct silence_subject *probe = take_due(s, &l);
    int rc = probe == NULL ? 0 : look_at_probe(s, &l, probe);
    rc = rc == 0 ? look_at_series(s, &l) : rc;
    rc = rc == 0 ? silence_retire(s, l.retire, l.retire_count) : rc;
    if (rc == -1) {
        give_back(s, &l, probe);
        return -1;
    }
    count_add(COUNT_SILENCES_LOOKED, l.count + (probe != NULL));
    int64_t took_us = daemon_clock_us() - began_us;
    if (took_us > PORTION_US && s->portion > PORTION_LEAST) {
        s->portion /= 2;
    } else if (took_us < PORTION_US / 2 && s->portion < PORTION_MOST && s->more) {
        s->portion *= 2;
    }
    return 0;
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
    int64_t least_s = expected_least_s(s->store);
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

static int go_on(struct silence *s)
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
    if (s->again && silence_judge_again(s) == -1) {
        return -1;
    }
    return s->loading ? load_series(s, until_us) : look(s, until_us);
}

static bool has_more(const struct silence *s)
{
    return s->again || s->loading || s->more || !s->connected;
}

int silence_go_on(struct silence *s)
{
    int64_t clock_us = daemon_clock_us();
    if (clock_us < s->retry_us) {
        return 0;
    }
    int rc = go_on(s);
    if (rc == -1) { /* what became of it is not known */
        s->connected = false;
        s->retry_us = clock_us + RETRY_US;
    }
    return rc;
}

bool silence_is_under_way(const struct silence *s)
{
    return signs_until_us() != INT64_MIN && has_more(s) && daemon_clock_us() >= s->retry_us;
}

void silence_count(const struct silence *s)
{
    int64_t until_us = signs_until_us();
    bool due = until_us < 0 || has_more(s) || (s->all.queued > 0 && s->all.queue[0].us <= until_us);
    count_set(COUNT_SILENCE_AS_OF, due ? 0 : (uint64_t)(until_us / US_PER_S));
    count_set(COUNT_SILENCE_SUBJECTS, s->all.series_count + HASH_COUNT(s->all.probes));
}
