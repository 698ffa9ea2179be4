/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of who may do what, and what was changed. */
#ifndef EZREPO_STORED_ACCESS_CHANGE_H
#define EZREPO_STORED_ACCESS_CHANGE_H

#include "stored/store.h"

/*
 * Does all of a change or nothing of it, in a transaction of its own: what comes of it is read as
 * those read it who go by it, and each fault is told. Fills *answer, whose texts live in the arena.
 * True when other rules are in force.
 */
bool access_change_do(struct store *s, struct arena *a, const struct access_change_message *m,
                      struct access_changed_message *answer);

/* The changes that are asked for. Lists live in the arena, texts as long as *rows, which the caller
 * clears. */
void access_change_list(struct store *s, struct arena *a, const struct access_past_message *m,
                        struct access_history_message *answer, PGresult **rows);

#endif
