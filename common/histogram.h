/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long things took, as a process counts it (common/counter.h): how many took at most so long,
 * for bounds that are the same for all, and their sum. Pure.
 */
#ifndef EZREPO_HISTOGRAM_H
#define EZREPO_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS 15

/* Upper ends, included, in microseconds: a millisecond to a minute. */
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

/* All zero: nothing was counted yet. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* above the bound before, up to this one; the last:
                                              longer than all */
    uint64_t sum_us;
};

/* A duration of less than 0 counts as 0. */
void histogram_add(struct histogram *h, int64_t duration_us);

#endif
