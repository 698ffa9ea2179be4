/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far apart the records of a series come, by record type: where most of them come later than
 * the type's gap after the one before, each is a period of its own, and nothing tells since when it
 * is good or bad. Looks at the newest records in order of each type, of a bounded number of types.
 * Pure.
 */
#ifndef EZREPO_STORED_DISTANCES_H
#define EZREPO_STORED_DISTANCES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

#define DISTANCE_TYPES 256 /* the first that come */

struct distances;
struct distance_type; /* of one record type */

/* NULL when memory is out. The caller owns it. */
struct distances *distances_new(void);
void distances_free(struct distances **d);

/* What is known of a type; NULL where there are too many. Lives as long as *d. */
struct distance_type *distances_type(struct distances *d, struct slice type);

/*
 * One more: from the start of the record before in its series to its own. `apart`: it came later
 * than the gap, and so did that one: where only one did, the measuring was interrupted.
 */
void distances_take(struct distance_type *t, int64_t distance_us, bool apart);

/* Everything but which types there are, as the gaps have changed. */
void distances_forget(struct distances *d);

/*
 * The i-th type of those most of whose records come apart, i from 0, and how far they typically do:
 * the median of these. 0, or -1 past the last.
 */
int distances_apart(const struct distances *d, uint32_t i, struct slice *type, int64_t *typical_us);

#endif
