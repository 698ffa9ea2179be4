/* SPDX-License-Identifier: Apache-2.0 */
/* What a rebuild does with pairs that ask for steadiness: each is walked along at its series' end.
 */
#ifndef EZREPO_STORED_REBUILD_STEADY_H
#define EZREPO_STORED_REBUILD_STEADY_H

#include "stored/beside/compare.h"
#include "stored/periods/steady_path.h"

/* Where the states that are kept of a pair are to be others. */
struct rebuild_cut {
    uint16_t grade_id;
    struct period_key key;
};

struct rebuild_steady {
    struct steady_marks marks;
    struct rebuild_cut *cuts;
    uint32_t cut_count, cut_size;
};

/* Says which of the pairs, by grade_id - 1, these are. 0; -1: the database. */
int rebuild_steady_find(struct store *store, int64_t series_id, struct compare *pairs,
                        uint16_t pair_count);

/*
 * Walks along one, from the last state kept before from_us (FIRST_US: from its beginning) through
 * all its records, none of which starts after last_us. What differs is appended, and the states to
 * be kept are in *r. 0; -1.
 */
int rebuild_steady_look(struct rebuild_steady *r, struct store *store, int64_t series_id,
                        const struct compare *pair, int64_t from_us, int64_t last_us,
                        struct differences *found);

/* Writes these states, and forgets them. 0; -1. */
int rebuild_steady_write(struct rebuild_steady *r, struct store *store, int64_t series_id);

void rebuild_steady_release(struct rebuild_steady *r);

/*
 * Before records are dropped: keeps the states behind those of the series after `from_id` up to
 * `to_id` that start before their types' horizons, and forgets older ones. 0; -1.
 */
int rebuild_steady_settle(struct store *store, int64_t from_id, int64_t to_id,
                          void (*put_horizons)(const struct retention *r, struct pg_params *p));

#endif
