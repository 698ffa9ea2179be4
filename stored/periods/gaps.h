/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After how long a silence the periods of a record type end. For each type the first of: what the
 * operator says in record-types.d; what a store of the release before had, until he agrees to what
 * this one has (kept_gap); what this release says. The gaps in force are in record_type: all
 * periods are made with them, or their series are in series_again.
 */
#ifndef EZREPO_STORED_GAPS_H
#define EZREPO_STORED_GAPS_H

#include <stdbool.h>

#include "common/arena.h"
#include "common/record_types.h"

struct store;

struct gap {
    struct slice type; /* "": all that are not named */
    int64_t us;
    int64_t becomes_us; /* once nothing is kept any more */
};

struct gaps {
    struct arena *arena;
    struct gap *at; /* by type; "" is the first */
    uint32_t count;
    uint32_t kept; /* of them that would become others */
};

/* What is said of a type by the release before. */
struct kept_gap {
    struct slice type;
    int64_t us;
};

/*
 * Which gap holds for each type that is named by either, and for all others. Texts are copied. 0,
 * or -1: memory; then *g is as it was. Pure.
 */
int gaps_decide(struct gaps *g, const struct record_types *types, const struct kept_gap *kept,
                uint32_t kept_count);

/* Microseconds; gaps_decide() was there. */
int64_t gaps_of(const struct gaps *g, struct slice type);

void gaps_release(struct gaps *g);

/*
 * Decides anew by store->types and what the database keeps. Where that differs from the gaps in
 * force the series concerned are put into series_again, in one transaction, and go on in memory
 * with the new ones. 1 when it was so; 0 when nothing has changed; -1: the database, and nothing
 * has.
 */
int gaps_settle(struct store *store);

/* Forgets what is kept, and settles, as above. */
int gaps_adopt(struct store *store);

/* How many series each of store->gaps.at has, into as many numbers: 0, or -1: the database. */
int gaps_count_series(struct store *store, uint64_t *series);

/* Notes of the status: types that come less often than their gap; what is kept of the release
 * before.
 */
void gaps_tell(const struct store *store);

#endif
