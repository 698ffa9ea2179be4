/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that came late: the periods around them are computed again, from what the database holds
 * (late_neighbours.h) and what is known of long periods without reading them (late_heads.h).
 */
#ifndef EZREPO_STORED_LATE_H
#define EZREPO_STORED_LATE_H

#include "stored/periods/period_writes.h"

/*
 * What is in w->late becomes writes. earliest_us: where the first record of the transaction starts.
 * 0, or -1: the database, memory.
 */
int late_repair(struct period_writes *w, struct store *store, int64_t earliest_us);

#endif
