/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods, events and roll-ups computed from the records again: compared with what is stored, and,
 * unless it is only to be verified, written. Works in short steps between flushes, so that records
 * are taken meanwhile. Records themselves, and their grades, are never changed.
 */
#ifndef EZREPO_STORED_REBUILD_H
#define EZREPO_STORED_REBUILD_H

#include "stored/store.h"

struct rebuild;

/* The caller owns it. NULL when memory is out. */
struct rebuild *rebuild_new(struct store *store);
void rebuild_free(struct rebuild **r);

/*
 * A request came over the ROUTER from this peer: it begins, and is answered when it is over, or is
 * refused at once because another one is under way or the database is away.
 */
void rebuild_request(struct rebuild *r, zsock_t *socket, struct slice peer,
                     const struct rebuild_message *request);

/* That peer no longer waits for the one with this id: it ends where it is. */
void rebuild_cancel(struct rebuild *r, struct slice peer, uint64_t id);

/*
 * Called now and then while the database is there and no flush is under way: goes on for some
 * hundredths of a second. 0; -1 when the database failed, store->pg says why; it goes on later.
 */
int rebuild_go_on(struct rebuild *r, int64_t clock_us);

/* Whether one is under way: then no horizon may move. */
bool rebuild_is_under_way(const struct rebuild *r);

/* After a flush was committed: what came late may lie in what was looked at already. */
void rebuild_notice(struct rebuild *r, const struct series *series, const struct period_key *key);

/* Ends what is under way, if anything, and tells the asker why. */
void rebuild_end(struct rebuild *r, const char *why);

/* Before records are taken: series whose periods a migration left to be computed again. 0, or -1:
 * the database. */
int rebuild_again(struct store *store);

/*
 * There may be series whose gap is another one, to be computed again while records are taken: that
 * begins when nothing else is under way, without anybody asking, also in the next stored.
 */
void rebuild_look(struct rebuild *r);

/* The gaps have changed: what is under way by the former ones ends. */
void rebuild_gaps_changed(struct rebuild *r);

#endif
