/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer of a zloop that is armed for the next thing that is due, and not at all when nothing is:
 * who has nothing to do is not woken up.
 */
#ifndef EZREPO_DEADLINE_H
#define EZREPO_DEADLINE_H

#include <czmq.h>
#include <stdint.h>

struct deadline {
    zloop_t *loop; /* not owned */
    void (*call)(void *context);
    void *context;
    int timer;     /* of the loop; -1: not armed */
    int64_t at_us; /* daemon_clock_us(); while it is armed */
};

/* Not armed. It must not move from then on, and the loop must outlive it. */
void deadline_init(struct deadline *d, zloop_t *loop, void (*call)(void *context), void *context);

/*
 * call() comes at this time (one that has passed: at the loop's next turn), or before when it was
 * armed for an earlier one: so it looks at what is due, and arms it again for what is left. Never
 * too early, at most a millisecond late. For want of memory (logged) it stays as it was.
 */
void deadline_by(struct deadline *d, int64_t at_us);

/* call() does not come any more, until it is armed again. */
void deadline_end(struct deadline *d);

#endif
