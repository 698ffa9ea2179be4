/* SPDX-License-Identifier: Apache-2.0 */
/* A version of the grading, read and compiled: its document, and what is kept with it, of the
 * record types and of time zones. */
#ifndef EZREPO_GRADE_EDITION_H
#define EZREPO_GRADE_EDITION_H

#include "common/grade.h"

struct grade_edition {
    struct arena *arena;
    const struct grading *grading;
    struct record_types *types; /* NULL: none are kept with it, others are used */
    struct grade_rules *rules;
};

/*
 * Reads what was published. Where no record types are kept with it ("") `others` enter, which then
 * have to outlive it. 0; -1 when that cannot be read, or memory is out: then *e holds nothing, and
 * why says what is wrong. The caller releases it.
 */
int grade_edition_read(struct grade_edition *e, struct slice document, struct slice types,
                       const struct record_types *others, char *why, size_t why_size);
void grade_edition_release(struct grade_edition *e);

#endif
