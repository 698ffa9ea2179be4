/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs of life of the processes on the way in: up to when all that they received is in the store,
 * and which of them is absent now. When they were absent before is in the store (table `absence`,
 * function absences_of()); an absence is told, and its interval noted, exactly once, since what
 * ingestds tell they tell again and again.
 */
#ifndef EZREPO_STORED_SIGNS_H
#define EZREPO_STORED_SIGNS_H

#include <czmq.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/life.h"
#include "common/presence.h"
#include "common/slice.h"

#define SIGNS_ABSENT_US   LIFE_BREAK_US
#define SIGNS_GIVEN_UP_US PRESENCE_KEPT_US

/*
 * All that any present ingestd received until then (microseconds since 1970) is committed: silence
 * is judged as of this time, never later; nor later than now. INT64_MIN while nothing is known yet,
 * since no sign came since the start, an ingestd has just begun, or one that the store knows was
 * not heard yet and does not count as absent. It may go back when an ingestd comes back that
 * could not be heard and has much to hand on.
 */
int64_t signs_until_us(void);

/*
 * Whether what comes by this ingestd (its instance as text, as in `ledger`) and this door (as in
 * `origin`) cannot come in right now, since one of the processes that it comes through is absent:
 * its last sign is older than SIGNS_ABSENT_US, or it is back and the time it was away is not in the
 * store yet. That absence is told, not the series' silences. An ingestd that has not been heard of
 * for SIGNS_GIVEN_UP_US is not waited for any more, nor one that never gave a sign.
 */
bool signs_absent(struct slice ingestd, struct slice door);

struct store;

/* Takes what stands in the socket "signs", which outlives all of this. */
void signs_receive(zsock_t *socket, int64_t clock_us);

/* The connection is another one: what the store knows is read anew. */
void signs_connected(void);

/*
 * Between flushes: tells absences and returns, notes what was missed. The socket was emptied just
 * before. 0, or -1: the database.
 */
int signs_go_on(struct store *store, int64_t now_us, int64_t clock_us);

/* Brings counters and the note up to date. */
void signs_tell(int64_t clock_us);

#endif
