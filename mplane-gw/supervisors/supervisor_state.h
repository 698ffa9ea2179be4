/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to poll a supervisor and when to register with it: a state machine. A supervisor forgets
 * who has not polled for a time (`expiry`; real ones look every half of it) and goes on answering
 * polls as if nothing were, but must never be given a capability that it still has: that breaks it
 * for everybody. So it is registered with only when it has said that it does not know us, or when
 * it must have forgotten us; in between nothing is sent. Pure: the present is given.
 */
#ifndef EZREPO_GW_SUPERVISOR_STATE_H
#define EZREPO_GW_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* What is to be done now. */
enum supervisor_act {
    SUPERVISOR_WAIT,     /* nothing before supervisor_due() */
    SUPERVISOR_POLL,     /* ask for specifications */
    SUPERVISOR_REGISTER, /* register all capabilities */
    SUPERVISOR_UPDATE    /* register and withdraw what has changed */
};

/* How a request ended. */
enum supervisor_outcome {
    SUPERVISOR_OK,
    SUPERVISOR_UNKNOWN, /* a poll: it does not know us (428) */
    SUPERVISOR_UNSENT,  /* failed before anything of the request was sent */
    SUPERVISOR_FAILED   /* failed otherwise: it may have been taken or not */
};

struct supervisor_state {
    int64_t poll_us, expiry_us;
    bool registered;          /* it has our capabilities, as far as is known */
    bool must_register;       /* it has not, or is about to have forgotten them */
    bool changed;             /* other capabilities are to be registered than are */
    int64_t due_us;           /* no request before */
    int64_t sure_us;          /* the last good poll or registration was sent: it knew us then */
    int64_t touched_us;       /* until here it may have heard of us */
    int64_t registered_at_us; /* since when */
    unsigned failures;        /* in a row */
};

/* It may have heard of an earlier life of ours up to now. The first act is a poll. */
void supervisor_state_start(struct supervisor_state *s, int64_t poll_us, int64_t expiry_us,
                            int64_t now_us);

/*
 * What to do now. After POLL, REGISTER or UPDATE tell how it went by supervisor_did() before asking
 * again.
 */
enum supervisor_act supervisor_next(struct supervisor_state *s, int64_t now_us);

/* When to ask supervisor_next() again after WAIT. */
int64_t supervisor_due(const struct supervisor_state *s);

/*
 * The act that was begun at begun_us has ended so. `random` is any number: retries of many are not
 * to come at the same moments.
 */
void supervisor_did(struct supervisor_state *s, enum supervisor_act act,
                    enum supervisor_outcome outcome, int64_t begun_us, int64_t now_us,
                    uint32_t random);

/* The supervisor asked for its next poll at that time; 1 s to a day from now is heeded. */
void supervisor_callback(struct supervisor_state *s, int64_t at_us, int64_t now_us);

/* Other capabilities may be registered now than before: said when it is safe to say. */
void supervisor_changed(struct supervisor_state *s, int64_t now_us);

/* What it may know under our former name it must forget first. */
void supervisor_renamed(struct supervisor_state *s, int64_t now_us);

/* Whether it surely has our capabilities for a good while yet: only then may they be withdrawn. */
bool supervisor_is_sure(const struct supervisor_state *s, int64_t now_us);

/* The time until the next try after so many failures in a row: 1 s doubled up to 60 s, less up to
 * half of it. */
int64_t supervisor_backoff_us(unsigned failures, uint32_t random);

#endif
