/* SPDX-License-Identifier: Apache-2.0 */
/* When to poll and when to register. Knows neither sockets nor messages. */
#include "mplane-gw/supervisors/supervisor_state.h"

#define SECOND_US       INT64_C(1000000)
#define BACKOFF_MAX_S   60
#define CALLBACK_MAX_US (24 * 3600 * SECOND_US)

/* Never heard of us; far enough from overflow. */
#define LONG_AGO_US (INT64_MIN / 2)

/*
 * After so many expiries it has surely forgotten: it looks for what has expired every half an
 * expiry, and may be busy for another half.
 */
#define FORGOTTEN 2

int64_t supervisor_backoff_us(unsigned failures, uint32_t random)
{
    unsigned doublings = failures == 0 ? 0 : failures - 1;
    int64_t seconds = doublings > 5 ? BACKOFF_MAX_S : INT64_C(1) << doublings;
    int64_t us = (seconds > BACKOFF_MAX_S ? BACKOFF_MAX_S : seconds) * SECOND_US;
    return us - us / 2 * (random % 1024) / 1024;
}

void supervisor_state_start(struct supervisor_state *s, int64_t poll_us, int64_t expiry_us,
                            int64_t now_us)
{
    *s = (struct supervisor_state){.poll_us = poll_us,
                                   .expiry_us = expiry_us,
                                   .due_us = now_us,
                                   .sure_us = LONG_AGO_US,
                                   .touched_us = now_us};
}

static int64_t forgotten_at(const struct supervisor_state *s)
{
    return s->touched_us + FORGOTTEN * s->expiry_us;
}

bool supervisor_is_sure(const struct supervisor_state *s, int64_t now_us)
{
    return s->registered && now_us - s->sure_us < s->expiry_us / 2;
}

/* It has forgotten us, or will have: to be registered with as soon as that is certain. */
static void lapse(struct supervisor_state *s)
{
    s->registered = false;
    s->must_register = true;
    if (s->due_us < forgotten_at(s)) {
        s->due_us = forgotten_at(s);
    }
}

enum supervisor_act supervisor_next(struct supervisor_state *s, int64_t now_us)
{
    if (s->registered && now_us - s->sure_us >= s->expiry_us) {
        lapse(s);
    }
    if (now_us < s->due_us) {
        return SUPERVISOR_WAIT;
    }
    if (s->must_register) {
        return SUPERVISOR_REGISTER;
    }
    return s->changed && supervisor_is_sure(s, now_us) ? SUPERVISOR_UPDATE : SUPERVISOR_POLL;
}

int64_t supervisor_due(const struct supervisor_state *s)
{
    return s->due_us;
}

static void poll_succeeded(struct supervisor_state *s, int64_t begun_us, int64_t now_us)
{
    s->failures = 0;
    /* From the moment the last one was sent to the answer of this: no room for an expiry. */
    if (s->registered && now_us - s->sure_us < s->expiry_us) {
        s->sure_us = begun_us;
        s->touched_us = now_us;
        s->due_us = s->changed ? now_us : begun_us + s->poll_us;
        return;
    }
    /* A poll does not revive what was forgotten before it; what was not it has prolonged. */
    if (begun_us < forgotten_at(s)) {
        s->touched_us = now_us;
    }
    s->due_us = now_us;
    lapse(s);
}

static void poll_unknown(struct supervisor_state *s, int64_t now_us, uint32_t random)
{
    bool just_registered = s->registered && now_us - s->registered_at_us < s->expiry_us;
    s->failures = just_registered ? s->failures + 1 : 0;
    s->due_us = just_registered ? now_us + supervisor_backoff_us(s->failures, random) : now_us;
    s->touched_us = LONG_AGO_US;
    lapse(s);
}

static void registered(struct supervisor_state *s, int64_t begun_us, int64_t now_us)
{
    s->failures = 0;
    s->registered = true;
    s->must_register = false;
    s->changed = false;
    s->sure_us = begun_us;
    s->touched_us = now_us;
    s->registered_at_us = now_us;
    s->due_us = now_us;
}

static void failed(struct supervisor_state *s, enum supervisor_act act, bool sent, int64_t now_us,
                   uint32_t random)
{
    s->failures++;
    s->due_us = now_us + supervisor_backoff_us(s->failures, random);
    if (sent) {
        s->touched_us = now_us;
        /* Which capabilities it has now is not known unless it was only a poll. */
        if (act != SUPERVISOR_POLL) {
            lapse(s);
        }
    }
}

void supervisor_did(struct supervisor_state *s, enum supervisor_act act,
                    enum supervisor_outcome outcome, int64_t begun_us, int64_t now_us,
                    uint32_t random)
{
    if (outcome == SUPERVISOR_UNSENT || outcome == SUPERVISOR_FAILED) {
        failed(s, act, outcome == SUPERVISOR_FAILED, now_us, random);
    } else if (outcome == SUPERVISOR_UNKNOWN) {
        poll_unknown(s, now_us, random);
    } else if (act == SUPERVISOR_POLL) {
        poll_succeeded(s, begun_us, now_us);
    } else if (act == SUPERVISOR_REGISTER) {
        registered(s, begun_us, now_us);
    } else {
        s->changed = false;
        s->due_us = s->sure_us + s->poll_us; /* it prolongs nothing else */
    }
}

void supervisor_callback(struct supervisor_state *s, int64_t at_us, int64_t now_us)
{
    int64_t latest = now_us + CALLBACK_MAX_US, earliest = now_us + SECOND_US;
    if (!s->must_register) {
        s->due_us = at_us > latest ? latest : at_us < earliest ? earliest : at_us;
    }
}

void supervisor_changed(struct supervisor_state *s, int64_t now_us)
{
    s->changed = true;
    if (!s->must_register) {
        s->due_us = now_us;
    } else if (s->due_us > now_us && forgotten_at(s) <= now_us) {
        s->due_us = now_us; /* it may have been waiting for this change */
    }
}

void supervisor_renamed(struct supervisor_state *s, int64_t now_us)
{
    s->touched_us = now_us;
    if (s->registered || s->must_register) {
        s->due_us = now_us;
        lapse(s);
    }
}
