/* SPDX-License-Identifier: Apache-2.0 */
/* Which alerts a receiver is told of next. Pure. */
#ifndef EZREPO_ALERTD_ALERT_BATCH_H
#define EZREPO_ALERTD_ALERT_BATCH_H

#include "alertd/alert_targets.h"
#include "alertd/alerts.h"

#define BATCH_ALERTS 64

struct alert_batch {
    bool fires; /* of who is told once: that all of them fire; else that all are over */
    unsigned count;
    size_t bytes;
    struct {
        struct alert *alert;
        uint64_t change; /* what is taken, when it is */
    } item[BATCH_ALERTS];
};

/* When it is asked, and how often what fires is told again. */
struct batch_time {
    int64_t now_us, clock_us, resend_us;
};

/*
 * Alertmanager is told what changed, and again what it was not told for a while. An alert that the
 * store does not have yet waits, two seconds at most.
 */
void alert_batch_again(struct alert_batch *b, struct alerts *t, unsigned receiver,
                       const struct batch_time *at);

/*
 * Others are told of each alert of a route that it fires, then that it is over, each once, and in
 * order: of a key nothing as long as an older alert is not told. Nothing is told that the store
 * does not have, since it would not be known after a kill. A batch is of one route: of the
 * receiver's, or one that was when it was told what is over now. A test is told by itself.
 */
void alert_batch_once(struct alert_batch *b, struct alerts *t, unsigned receiver,
                      const struct target *to, int64_t clock_us);

/*
 * Such a batch was refused for what it says. Each of its alerts is told by itself until it is
 * taken; one that was by itself is passed over for a while that grows, then told again when there
 * is nothing else. Whether it was by itself.
 */
bool alert_batch_refused(const struct alert_batch *b, unsigned receiver, int64_t clock_us);

/* How long to wait after another try in vain: a second, then twice as long, up to a minute. */
int64_t alert_batch_wait_us(int64_t before_us);

#endif
