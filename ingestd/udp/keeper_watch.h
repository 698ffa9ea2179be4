/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to socketd in the loop: its end is noticed. Takes no decisions. */
#ifndef EZREPO_INGESTD_KEEPER_WATCH_H
#define EZREPO_INGESTD_KEEPER_WATCH_H

#include "common/deadline.h"
#include "ingestd/udp/keeper.h"

struct keeper_watch {
    struct keeper *keeper; /* not owned, nor is the next */
    struct deadline *care;
    int fd;            /* in the loop; -1: none */
    int64_t unkept_us; /* since when nobody keeps the sockets; 0: somebody does */
};

/* `care` is armed to come within a tenth of a second when socketd goes. */
void keeper_watch_init(struct keeper_watch *w, struct keeper *keeper, struct deadline *care);

/* After each keeper_care(): the connection may be another one. */
void keeper_watch_follow(struct keeper_watch *w);

/* Whether socketd, which has gone or has not answered yet, may be there any moment: for some
 * seconds, which a restart takes. */
bool keeper_watch_awaits(struct keeper_watch *w, int64_t clock_us);

#endif
