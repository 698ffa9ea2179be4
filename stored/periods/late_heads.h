/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the first records of a period without reading them: so a late record in a period
 * of months is repaired without going through months.
 */
#ifndef EZREPO_STORED_LATE_HEADS_H
#define EZREPO_STORED_LATE_HEADS_H

#include "stored/periods/period_writes.h"

/*
 * The stored period is the last one before a late record, or holds it. *head is what is known of
 * its first records already; it grows by those that lie before the late one as far as hours of the
 * roll-up or the period's own row say what they are, or stays. Needs this flush's records in
 * `measurement` and in the roll-up, and the pair's state in memory. 0; -1: the database.
 */
int head_extend(struct store *store, struct period_pair pair, const struct period *period,
                const struct period_key *late, struct period_head *head);

#endif
