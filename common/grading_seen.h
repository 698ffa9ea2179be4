/* SPDX-License-Identifier: Apache-2.0 */
/* What a grading document says of what the store has seen: typing errors, other units, names that
 * go. No I/O. */
#ifndef EZREPO_GRADING_SEEN_H
#define EZREPO_GRADING_SEEN_H

#include "common/grading_lint.h"

/* A metric that last records of a type and content have; a row of QueryMetrics. */
struct grading_seen_metric {
    struct slice type, content, name;
    struct slice least, most; /* of their values; empty: none is a number */
};

struct grading_seen {
    uint32_t metric_count;
    const struct grading_seen_metric *metrics;
    const struct grading *in_force; /* NULL: none is known */
};

/*
 * Tells, in the order of the document, and returns how much that is: types and contents that no
 * series has, metrics that no series has which a block takes, each with what is alike; limits of a
 * metric that lie all a hundred times beyond all of its values; at the end types without series to
 * which nothing is alike, and grade names in force that no block has any more. Metrics are found
 * under their aliases, too, by `types` (NULL: there are none). Nothing is certain: what was never
 * seen may come. Without any metric only the names are looked at.
 */
uint32_t grading_lint_seen(const struct grading *g, const struct record_types *types,
                           const struct grading_seen *seen, grading_warning *tell, void *context);

#endif
