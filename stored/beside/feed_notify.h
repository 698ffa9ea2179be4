/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `notify` says so, who listens by SQL is told that the feed of changes has something new,
 * after COMMIT and on a connection of its own: a queue that is full, or whoever else keeps a
 * notification from being sent, holds up no flush. Best effort.
 */
#ifndef EZREPO_STORED_FEED_NOTIFY_H
#define EZREPO_STORED_FEED_NOTIFY_H

#include "stored/store.h"

struct feed_notify;

/* One of what is beside the flushes (beside.h). NULL when memory is out. */
struct feed_notify *feed_notify_new(struct store *store);

/* There is something new. */
void feed_notify_due(struct feed_notify *n);

/* Called now and then while the database is there; the first connecting may take some seconds. */
void feed_notify_go_on(struct feed_notify *n, int64_t clock_us);

#endif
