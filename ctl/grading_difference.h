/* SPDX-License-Identifier: Apache-2.0 */
/* What one grading document has otherwise than another, for people. */
#ifndef EZREPO_CTL_GRADING_DIFFERENCE_H
#define EZREPO_CTL_GRADING_DIFFERENCE_H

#include "common/arena.h"
#include "common/slice.h"

struct grading_edition_text {
    struct slice document;
    const char *label; /* "version 7" */
};

/*
 * Prints the difference of the two, laid out, as diff -u does (POSIX diff, which is asked); a
 * sentence where there is none. 0, or -1 after a complaint: one of them is no JSON, or diff cannot
 * be had.
 */
int grading_difference(struct arena *a, const struct grading_edition_text *before,
                       const struct grading_edition_text *after);

#endif
