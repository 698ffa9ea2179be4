/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing: an hour that is over is counted into rollup_hour, and goes from there into rollup_day
 * and rollup_month once some have gathered or the day is over, on a connection of its own and
 * without waiting, so that flushes go on meanwhile.
 */
#ifndef EZREPO_STORED_SEAL_H
#define EZREPO_STORED_SEAL_H

#include "stored/store.h"

struct seal;

/* One of what is beside the flushes (beside.h). NULL when memory is out. */
struct seal *seal_new(struct store *store);

/*
 * Called now and then while the database is there: goes on with the hour or day at hand as far as
 * that needs no waiting, or begins the next one that is due (over for long enough, and quiet for a
 * while). The first connecting may take some seconds. now_us: time of day; clock_us: a steady
 * clock.
 */
void seal_go_on(struct seal *s, int64_t now_us, int64_t clock_us);

/* Whether an answer is to be expected within milliseconds, as of an hour with few records. */
bool seal_is_quick(const struct seal *s, int64_t clock_us);

/* Gives up what is at hand, if any, and waits until the server has heard of it. */
void seal_abandon(struct seal *s);

#endif
