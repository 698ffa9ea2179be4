/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database holds around late records whose neighbourhoods are computed again: the nearest
 * periods and records are read for many in one statement each, what lies farther for one at a time.
 */
#ifndef EZREPO_STORED_LATE_NEIGHBOURS_H
#define EZREPO_STORED_LATE_NEIGHBOURS_H

#include "stored/periods/period_writes.h"

/* Late records of one pair around the same stored period, or before the first one. */
struct neighbourhood {
    struct period_pair pair;
    struct period_key late; /* the first of them */
    uint32_t count;
    struct period absorbed; /* the ended period that takes them all in; grade 0: computed again */
};

struct neighbours;

/*
 * For a list, in order of pairs and keys, that stays until neighbours_free(); earliest_us: of this
 * flush's records none starts before. NULL when memory is out. What is read is as it was then:
 * nothing of these pairs may be written until they are computed.
 */
struct neighbours *neighbours_new(struct store *store, const struct neighbourhood *list,
                                  uint32_t count, int64_t earliest_us);
void neighbours_free(struct neighbours **n);

/*
 * The source for periods_repair() on list[i], which nothing absorbs; until the next call, which is
 * for a later one. 0, or -1: the database or memory.
 */
int neighbours_source(struct neighbours *n, uint32_t i, struct periods_source *source);

#endif
