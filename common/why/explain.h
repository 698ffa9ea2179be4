/* SPDX-License-Identifier: Apache-2.0 */
/* Why a record has a grade of one name: it is graded again, by the code that grades, with a trace.
 * Pure. */
#ifndef EZREPO_WHY_EXPLAIN_H
#define EZREPO_WHY_EXPLAIN_H

#include "common/why/editions.h"

/* A record of the store as far as it enters grading, and its dimensions as a series has them. */
struct explained_record {
    const struct slice *dimensions; /* DIMENSION_COUNT */
    const struct slice *names, *values;
    uint32_t count;
    int64_t t_start_us;
};

#define EXPLAIN_SKIPPED 64  /* blocks told that do not match: those next to the one that decides */
#define EXPLAIN_SHOWN   200 /* bytes told of a value, a pattern, a dimension */

struct explanation {
    uint8_t grade;       /* GRADE_NONE: no block matches, or the version has no such name */
    const char *json;    /* members of an object, beginning with a comma; NULL: memory is out */
    const char *because; /* what decided, in a line */
};

/* All of it is in the arena. */
struct explanation explain(struct arena *a, struct kept_edition *edition, struct slice name,
                           const struct explained_record *record);

/* The condition that decided. Texts live as long as the arena, the edition and the record. */
struct explained_decision {
    struct slice metric; /* .at NULL: none decided */
    struct slice value;  /* a number; .at NULL: there is none, or one that is too long to be told */
    struct slice limit;  /* .at NULL: it is too long to be told */
    const char *relation, *unit; /* unit NULL: the metric's name tells none */
    bool holds;
    uint8_t
        wants; /* the better grade that was not given since it does not hold; GRADE_NONE: none */
};

/* Only what decided, in a line and piece by piece, and the grade; NULL when memory is out. */
const char *explain_line(struct arena *a, struct kept_edition *edition, struct slice name,
                         const struct explained_record *record, uint8_t *grade,
                         struct explained_decision *decision);

#endif
