/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the partitions that waiting batches need, some at a time, on a connection of its own: the
 * flushes go on meanwhile.
 */
#ifndef EZREPO_STORED_DAYS_H
#define EZREPO_STORED_DAYS_H

#include "stored/store.h"

/* Of classes, in one transaction; with those of their days at most twice as many. */
#define DAYS_AT_ONCE 8

struct days;

struct days *days_new(struct store *store);

/* Whether some are being made: then nobody else must make any. */
bool days_under_way(const struct days *d);

/*
 * Begins to make these, at most DAYS_AT_ONCE, unless something is under way or failed just now.
 */
void days_make(struct days *d, const struct calendar_part *parts, uint32_t count, int64_t clock_us);

/* Whether this one could not be made by itself a while ago, and is not to be asked for now. */
bool days_passes_over(const struct days *d, struct calendar_part part, int64_t clock_us);

/* Takes what the server says, without waiting. True: some are there now, in the calendar, too. */
bool days_go_on(struct days *d, int64_t clock_us);

#endif
