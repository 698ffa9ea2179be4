/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A series is told once its probe has been heard of since it fell silent, or cannot be silent:
 * before that it may be the probe that is.
 */
#include "stored/silence/silence_look.h"

#include "common/daemon.h"
#include "stored/silence/signs.h"
#include "stored/silence/silence_tell.h"

#define US_PER_S  INT64_C(1000000)
#define MINUTE_US (60 * US_PER_S)

static uint32_t seconds_of(int64_t us)
{
    int64_t s = us / US_PER_S;
    return s <= 0 ? 0 : s >= SUBJECT_NEVER ? SUBJECT_NEVER - 1 : (uint32_t)s;
}

static void learn(const struct subjects *all, const struct silence_state *state)
{
    struct silence_subject *subject = state->subject;
    bool never = state->e_us == 0;
    int8_t holds = state->holds == 32 ? SUBJECT_LISTED : (int8_t)state->holds;
    if (state->last_us > subject->last_us) {
        subject->last_us = state->last_us;
    }
    subject_seen(all, subject, never ? SUBJECT_NEVER : seconds_of(state->e_us),
                 seconds_of(state->low_us), holds, (int32_t)(state->last_start_us / MINUTE_US));
    if (subject->series_id == 0) {
        subject->probe->known = !subject->heard && subject->last_us == state->last_us;
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

/* It is not told before, by all that was heard of it; not again at once, in any case. */
static int64_t bound_of(const struct silence *s, const struct silence_look *l,
                        const struct silence_subject *subject)
{
    int64_t us = subject_not_before(subject), least_us = l->as_of_us + s->all.least_s * US_PER_S;
    return us > least_us ? us : least_us;
}

/* What becomes of one that was looked at. */
static void decide(struct silence *s, struct silence_look *l, struct silence_state state)
{
    struct silence_subject *subject = state.subject;
    int64_t heard_us = subject->last_us;
    learn(&s->all, &state);
    if (subject->heard) { /* meanwhile: what is asked next knows of it */
        subjects_schedule(&s->all, subject, bound_of(s, l, subject));
        return;
    }
    /* Of a record that starts later than as of then nothing is in the state. */
    bool is_later = heard_us > state.last_us;
    int64_t bound_us = is_later ? bound_of(s, l, subject) : INT64_MAX;
    if (state.e_us == 0) {
        subjects_schedule(&s->all, subject, bound_us);
        return;
    }
    int64_t from_us = told_from(&state);
    if (from_us == INT64_MAX || signs_absent(state.ingestd, state.door)) {
        subjects_put_off(&s->all, subject, l->as_of_us);
    } else if (from_us > l->as_of_us) {
        subjects_schedule(&s->all, subject, from_us < bound_us ? from_us : bound_us);
    } else if (is_later) { /* the end is known already */
        subjects_schedule(&s->all, subject, bound_us);
    } else if (state.retire_at_us <= l->as_of_us) {
        subjects_schedule(&s->all, subject, INT64_MAX); /* nobody expects it, and nobody did */
    } else if (is_its_own(s, &state, l->as_of_us)) {
        l->tell[l->tell_count++] = state;
    }
}

/* ---- questions ---- */

/* From here on it is seen whether records of it come. */
static void begin(struct silence_subject *s)
{
    s->heard = s->doubted = false;
}

static struct silence_subject *take_next(struct silence *s, int64_t as_of_us)
{
    struct silence_subject *subject = subjects_due(&s->all, as_of_us);
    s->more = subject != NULL;
    return subject;
}

int silence_take_due(struct silence *s, int64_t as_of_us)
{
    struct silence_look *l = &s->look;
    struct silence_subject *subject;
    l->as_of_us = as_of_us;
    l->count = l->retire_count = l->tell_count = 0;
    l->probe = NULL;
    s->more = true;
    while (l->probe == NULL && l->count < s->portion && l->retire_count < s->portion &&
           (subject = take_next(s, as_of_us)) != NULL) {
        if (subject->silence != 0 && !subject->retired) {
            l->retire[l->retire_count++] = subject;
        } else if (subject->silence == 0 && subject->series_id == 0) {
            l->probe = subject;
            begin(subject);
        } else if (subject->silence == 0) {
            l->subjects[l->count++] = subject;
            begin(subject);
        }
    }
    int rc = silence_retire(s, l->retire, l->retire_count);
    for (uint32_t i = 0; rc == -1 && i < l->retire_count; i++) {
        subjects_hurry(&s->all, l->retire[i]);
    }
    return rc;
}

void silence_look_put_probe(void *silence, struct pg_params *p)
{
    const struct silence *s = silence;
    pg_add_bytes(p, subject_probe_name(s->look.probe));
    pg_add_time(p, s->look.as_of_us);
}

void silence_look_put_series(void *silence, struct pg_params *p)
{
    const struct silence_look *l = &((const struct silence *)silence)->look;
    int ids = pg_add_array(p, PG_BIGINT);
    for (uint32_t i = 0; i < l->count; i++) {
        pg_put_64(p, ids, l->subjects[i]->series_id);
    }
    pg_add_time(p, l->as_of_us);
}

/* ---- answers ---- */

/* Who has no record is not looked at before one comes; one that came meanwhile said when. */
static void expect_record(struct silence_subject *subject)
{
    if (!subject->heard) {
        subject->due_us = INT64_MAX;
    }
}

int silence_looked_at_series(struct silence *s, const PGresult *r)
{
    struct silence_look *l = &s->look;
    l->tell_count = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        expect_record(l->subjects[i]);
    }
    for (int i = 0; i < PQntuples(r); i++) {
        struct silence_state state = silence_state_of(r, i);
        state.subject = subjects_find(&s->all, pg_cell_64(r, i, 0));
        if (state.subject != NULL) {
            decide(s, l, state);
        }
    }
    count_add(COUNT_SILENCES_LOOKED, l->count);
    l->count = 0;
    return silence_tell(s, l->tell, l->tell_count, l->as_of_us);
}

int silence_looked_at_probe(struct silence *s, const PGresult *r)
{
    struct silence_look *l = &s->look;
    struct silence_subject *subject = l->probe;
    l->tell_count = 0;
    l->probe = NULL;
    expect_record(subject);
    if (PQntuples(r) > 0) {
        struct silence_state state = silence_state_of(r, 0);
        state.subject = subject;
        decide(s, l, state);
    } else {
        subject->probe->known = !subject->heard;
        subject->probe->from_us = INT64_MAX;
    }
    count_add(COUNT_SILENCES_LOOKED, 1);
    return silence_tell(s, l->tell, l->tell_count, l->as_of_us);
}

void silence_look_give_back(struct silence *s)
{
    struct silence_look *l = &s->look;
    for (uint32_t i = 0; i < l->count; i++) {
        subjects_hurry(&s->all, l->subjects[i]);
    }
    if (l->probe != NULL) {
        subjects_hurry(&s->all, l->probe);
    }
    l->count = 0;
    l->probe = NULL;
}
