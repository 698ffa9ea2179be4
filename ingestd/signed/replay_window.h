/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sequences of one sender's epoch have come: as in RFC 6479, a ring of bits behind the newest
 * one. It may lie in memory that outlives the process: a kill between any two stores makes it
 * refuse something, never take something twice. Pure.
 */
#ifndef EZREPO_INGESTD_REPLAY_WINDOW_H
#define EZREPO_INGESTD_REPLAY_WINDOW_H

#include <stdint.h>

#define REPLAY_WORDS 32
/* So far behind the newest a sequence may come: the word that the newest is in is being filled. */
#define REPLAY_BEHIND ((REPLAY_WORDS - 1) * 64)

/* All 0: nothing has come. */
struct replay_window {
    _Atomic uint64_t newest;
    _Atomic uint64_t bits[REPLAY_WORDS];
};

enum replay_verdict {
    REPLAY_NEWEST, /* it is taken, and the newest from now on */
    REPLAY_LATE,   /* it is taken: one that was passed over */
    REPLAY_SEEN,   /* it has come before */
    REPLAY_OLD,    /* so far behind the newest that this is not known */
    REPLAY_BEFORE, /* told by replay_memory.h alone: signed before what is known begins */
    REPLAY_CROWDED /* the same: too many epochs at a time */
};

/* What a sequence is, 1 or greater; from now on it has come. */
enum replay_verdict replay_window_take(struct replay_window *w, uint64_t sequence);

#endif
