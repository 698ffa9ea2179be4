/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of a count share; for counting.c and counting_records.c only. */
#ifndef EZREPO_QUERYD_COUNTING_H
#define EZREPO_QUERYD_COUNTING_H

#include "queryd/builder.h"

#define COUNTING_HOUR_US INT64_C(3600000000)

struct counting_span {
    int64_t from_us, to_us;
};

/*
 * The hours that counts of each series are asked for: those that are whole in the range, and of
 * those that its ends cut the ones of which less is outside than within; what is outside, `cuts`,
 * is counted from the records as so many less.
 */
struct counting_held {
    struct counting_span hours;
    struct counting_cut {
        int64_t hour_us;
        struct counting_span span;
    } cuts[2];
    unsigned cut_count;
};

/* Whether grades are counted one by one; each series by itself: nothing is summed up then. */
bool counting_is_histogram(const struct builder *b);
bool counting_is_by_series(const struct builder *b);

/* "column >= $n AND column < $m". */
void counting_range(struct builder *b, const char *column, struct counting_span s);

/* What of it is whole units; whether nothing is in it. */
struct counting_span counting_whole(struct counting_span s, int64_t unit_us);
bool counting_is_empty(struct counting_span s);

struct counting_held counting_held(struct counting_span range);

/*
 * Appends ", counted AS (...)": records by all their grades, or for a grid by series: of `rest`
 * with totals, else what is not in the hours of `held`. Then what `held` has too much is less
 * there, and "dropped" has the hours of its cuts of which counting.c has to take off what counts
 * have of them.
 */
void counting_records(struct builder *b, bool totals, const struct counting_span *rest,
                      unsigned rest_count, const struct counting_held *held);

/* From "counted" to further rows of "tally". */
void counting_sums(struct builder *b);

#endif
