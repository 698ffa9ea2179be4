/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of silences between flushes: each call is a transaction of its own. */
#ifndef EZREPO_STORED_SILENCE_TELL_H
#define EZREPO_STORED_SILENCE_TELL_H

#include "stored/silence/silence.h"

/* The columns of one row of a statement about states; the subject is the caller's. */
struct silence_state silence_state_of(const PGresult *r, int row);

/* They are silent as of then. 0, or -1: the database; then nothing is known to be told. */
int silence_tell(struct silence *s, const struct silence_state *told, uint32_t count,
                 int64_t as_of_us);

/* These are silent for so long that they are retired. 0, or -1. */
int silence_retire(struct silence *s, struct silence_subject *const *subjects, uint32_t count);

/* The subject of a series, or, where that is 0, of this probe. NULL: memory. */
struct silence_subject *silence_subject_of(struct silence *s, int64_t series_id,
                                           struct slice probe);

#endif
