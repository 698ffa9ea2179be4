/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of maintenance: made known and ended for the operator, told in the feed when they are
 * known, begin and end. Each is told exactly once: the row says how far it is, and changes in the
 * entry's transaction.
 */
#ifndef EZREPO_STORED_MAINTENANCE_H
#define EZREPO_STORED_MAINTENANCE_H

#include "stored/store.h"

/*
 * Does what is asked, or says in *answer why not. What the answer points to lives in the arena, or
 * in *rows, which is the caller's to clear.
 */
void maintenance_do(struct store *store, struct arena *a, const struct maintain_message *m,
                    struct maintained_message *answer, PGresult **rows);

/* The connection is another one: when the next one is due is read anew. */
void maintenance_connected(struct store *store);

/* Between flushes: tells what begins and ends. 0, or -1: the database. */
int maintenance_go_on(struct store *store, int64_t now_us);

#endif
