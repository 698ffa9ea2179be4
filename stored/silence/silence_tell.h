/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of silences between flushes: each call is a transaction of its own. */
#ifndef EZREPO_STORED_SILENCE_TELL_H
#define EZREPO_STORED_SILENCE_TELL_H

#include "stored/silence/silence.h"

/* What the store says of a subject. */
struct silence_state {
    struct silence_subject *subject;
    int64_t last_us, last_start_us;
    int64_t e_us, d_us; /* e_us 0: it is never silent */
    int64_t holds, low_us;
    int64_t silent_from_us, told_from_us, retire_at_us; /* INT64_MAX: while something is absent */
    struct slice ingestd, door;                         /* of the rows */
};

/* The columns of one row of a statement about states; the subject is the caller's. */
struct silence_state silence_state_of(const PGresult *r, int row);

/* They are silent as of then. 0, or -1: the database; then nothing is known to be told. */
int silence_tell(struct silence *s, const struct silence_state *told, uint32_t count,
                 int64_t as_of_us);

/* These are silent for so long that they are retired. 0, or -1. */
int silence_retire(struct silence *s, struct silence_subject *const *subjects, uint32_t count);

/* The next rows of silence_again; `again` is false once there are none. 0, or -1. */
int silence_judge_again(struct silence *s);

#endif
