/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store has seen, and what is in force, for checks of gradings: asked of queryd when
 * somebody has one checked, and good for a while.
 */
#ifndef EZREPO_WEBD_STORE_LOOK_H
#define EZREPO_WEBD_STORE_LOOK_H

#include <event2/event.h>

#include "common/grading_seen.h"

/* What a look found; does not change. */
struct store_seen {
    unsigned users; /* of the loop only */
    struct arena *arena;
    struct grading_seen seen;
};

struct store_look;

/* done(context): a look has ended, with something found or not. *malformed counts what is no
 * answer. NULL after an error was logged. The caller owns it. */
struct store_look *store_look_new(struct event_base *base, uint64_t *malformed,
                                  void (*done)(void *context), void *context);
void store_look_free(struct store_look **l);

/* Whether it has to be waited for, since it looks now: what was found is too old, or there is
 * nothing. */
bool store_look_begin(struct store_look *l);

/* What the last look found, for one more user, who leaves it; NULL: nothing. */
struct store_seen *store_look_use(struct store_look *l);
void store_seen_leave(struct store_seen **s);

/* Once a second. */
void store_look_tick(struct store_look *l);

#endif
