/* SPDX-License-Identifier: Apache-2.0 */
/* What a grading document that has no faults says all the same, and hardly means. No I/O. */
#ifndef EZREPO_GRADING_LINT_H
#define EZREPO_GRADING_LINT_H

#include "common/grading.h"
#include "common/record_types.h"

/* "grading[2].gradingRules[1]: never decides: ..."; good until it returns. */
typedef void grading_warning(void *context, const char *text);

/* Whom it is told, and how much that was. */
struct grading_remarks {
    grading_warning *tell;
    void *context;
    uint32_t told;
};

/* Tells one, cut at GRADING_REMARK_BYTES. */
#define GRADING_REMARK_BYTES 2048
void grading_remark(struct grading_remarks *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Tells what is remarkable, in the order of the document, and returns how much that is: no blocks
 * or rules; blocks of which an earlier one of the same name takes all records; rules of which an
 * earlier one holds whenever they do, and such as never hold; limits that no value can be beyond;
 * rules that grade well what is missing or impossible. Of the ranges of metrics by `types`, or
 * without them (NULL).
 */
uint32_t grading_lint(const struct grading *g, const struct record_types *types,
                      grading_warning *tell, void *context);

#endif
