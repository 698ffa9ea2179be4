/*
 * What is known of the first records of a period without reading them: so a late record in a period
 * of months is repaired without going through months.
 */
#ifndef EZREPO_STORED_HEADS_H
#define EZREPO_STORED_HEADS_H

#include "stored/period_writes.h"

/*
 * Of those of a stored period's records that lie before a late record in it or behind it: the more
 * the better. *head is what is known already; it grows by hours that are in the roll-up, or stays.
 * Needs this flush's records in `measurement` and in the roll-up. 0; -1: the database.
 */
int head_extend(struct store *store, struct period_pair pair, const struct period *period,
                const struct period_key *late, struct period_head *head);

#endif
