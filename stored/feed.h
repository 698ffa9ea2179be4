/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the feed of changes that are not events: those are written with the events
 * (period_writes.c). What goes on for longer is noted as due before it changes anything, and told
 * when it has ended, by the next stored if this one is killed.
 */
#ifndef EZREPO_STORED_FEED_H
#define EZREPO_STORED_FEED_H

#include "stored/store.h"

/* Within the transaction that publishes: which then has a number. After a failure arrival_forget()
 * is the caller's. 0, or -1: the database. */
int feed_tell_grading(struct arrival *a, struct pg *pg, struct pg_params *params, uint32_t version,
                      struct slice author);

/*
 * Begins a transaction that has a number, for entries that somebody else adds to it; and ends it:
 * commits, or where rc is -1 rolls back. 0, or -1: the database, and nothing of it is there, or
 * that is not known.
 */
int feed_begin(struct store *store);
int feed_end(struct store *store, int rc);

/* A rebuild begins; `reason` is a constant. 0, or -1: the database. */
int feed_rebuild_begins(struct store *store, const char *reason);

/* It has ended, so it is told; nothing where none began. 0, or -1: the database. */
int feed_rebuild_ended(struct store *store, const char *result, uint64_t differences);

/* Nothing is under way: what is due is told, in a transaction of its own. 0, or -1: the database.
 */
int feed_settle(struct store *store);

#endif
