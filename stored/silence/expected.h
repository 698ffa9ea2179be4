/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's list of expected series: entries are added and removed, with who did it. */
#ifndef EZREPO_STORED_EXPECTED_H
#define EZREPO_STORED_EXPECTED_H

#include "stored/store.h"

/*
 * Does what is asked, or says in *answer why not. What the answer points to lives in the arena, or
 * in *rows, which is the caller's to clear. Silences are judged again by the new list.
 */
void expected_do(struct store *store, struct arena *a, const struct expect_message *m,
                 struct expected_message *answer, PGresult **rows);

/* The shortest time that an entry expects series in, in seconds, 60 at most; -1: the database. */
int64_t expected_least_s(struct store *store);

#endif
