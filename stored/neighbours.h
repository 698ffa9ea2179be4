/*
 * What the database holds around pairs whose periods are computed again: the nearest periods and
 * records are read for many pairs in one statement each, what lies farther for one pair at a time.
 */
#ifndef EZREPO_STORED_NEIGHBOURS_H
#define EZREPO_STORED_NEIGHBOURS_H

#include "stored/period_writes.h"

/* A pair to compute again, and the first and last of its records in this flush. */
struct period_again {
    struct period_pair pair;
    struct period_key earliest, latest;
};

struct neighbours;

/* NULL when memory is out. What is read is as it was then: nothing of these pairs may be written
 * until they are computed. */
struct neighbours *neighbours_new(struct store *store);
void neighbours_free(struct neighbours **n);

/*
 * Reads around the first of the pairs, forgetting those read before: around how many, at least one
 * of `count` > 0; or -1, the database or memory. `again` is to stay until the next call.
 */
int64_t neighbours_read(struct neighbours *n, const struct period_again *again, uint32_t count);

/* The source for periods_repair() on pair `i` of those read, until the next call of either. */
struct periods_source neighbours_source(struct neighbours *n, uint32_t i);

#endif
