/* SPDX-License-Identifier: Apache-2.0 */
/* The series that change most, and of each one record that changes, as an example. Pure. */
#ifndef EZREPO_DRY_TOLD_H
#define EZREPO_DRY_TOLD_H

#include "common/periods/period_records.h"
#include "common/slice.h"
#include "schemas/dimensions.h"

#define DRY_TOLD_MOST 100 /* series of one grade name */

/* A record with another grade, the first of its series that came. */
struct dry_example {
    bool is_there;
    int64_t t_start_us;
    uint32_t version, schema;
    uint8_t before, after; /* grades */
    uint32_t count;
    struct slice *values; /* in a piece of memory of their own */
};

struct dry_told {
    struct slice dimensions[DIMENSION_COUNT]; /* likewise */
    char *texts;
    uint64_t records, changed;
    uint64_t periods[2], events[2]; /* before, after */
    struct dry_example example;
};

struct dry_most {
    struct dry_told *at; /* those that change most first */
    uint32_t count, size;
};

/* Room for so many. 0; -1: memory is out. */
int dry_most_init(struct dry_most *m, uint32_t size);
void dry_most_release(struct dry_most *m);

/* Keeps the values, which are copied, in an example that is not there yet. 0; -1. */
int dry_example_keep(struct dry_example *e, const struct slice *values, uint32_t count);
void dry_example_release(struct dry_example *e);

/*
 * One more series, if it changes more than the least of those that are kept; its dimensions are
 * copied. Takes the example over, in any case: it is as if it was not there then. 0; -1.
 */
int dry_most_add(struct dry_most *m, const struct dry_told *told,
                 const struct slice dimensions[DIMENSION_COUNT], struct dry_example *example);

#endif
