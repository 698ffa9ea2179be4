/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not kept any more goes, on a connection of its own and without waiting, so that flushes
 * go on meanwhile: partitions whose records all lie before the horizon of their class, old rows of
 * the ledger and old entries of the feed.
 */
#ifndef EZREPO_STORED_EXPIRY_H
#define EZREPO_STORED_EXPIRY_H

#include "stored/store.h"

struct expiry;

/* One of what is beside the flushes (beside.h). NULL when memory is out. */
struct expiry *expiry_new(struct store *store);

/*
 * Called now and then while the database is there: goes on with what is under way as far as that
 * needs no waiting, or begins what is due next. The first connecting may take some seconds. now_us:
 * time of day; clock_us: a steady clock.
 */
void expiry_go_on(struct expiry *d, int64_t now_us, int64_t clock_us);

/* Once after partitions were dropped, when none is left to be dropped: true. */
bool expiry_ended(struct expiry *d);

#endif
