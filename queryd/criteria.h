/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query message becomes one SQL statement with parameters. Everything that an asker wrote goes
 * into a parameter, never into the statement. Pure: no clock, no database.
 */
#ifndef EZREPO_CRITERIA_H
#define EZREPO_CRITERIA_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/message.h"

/* A prefix takes two; the bound of who asks, and 32 of the question itself. */
#define CRITERIA_PARAMETERS (48 + 2 * LIMIT_SEES * DIMENSION_COUNT)
#define CRITERIA_ERROR      512

struct explainer;

struct criteria {
    const char *sql;                                 /* in the arena */
    const char *parameters[CRITERIA_PARAMETERS + 1]; /* text, in the arena; $1 is the first */
    int parameter_count;
    const char *const *columns; /* of the answer, as many as the statement gives; constant */
    uint32_t column_count;
    enum query_kind kind;
    /* Set when one grade name is asked for: no row may mean that there is no such name. */
    const char *grade_name;
    int moving; /* place in `parameters` of a cursor's keys, which move while the question is held;
                   -1: it cannot be held */
    const struct explainer
        *explainer;         /* the answer follows from the rows by it; NULL: it is they */
    bool counts;            /* a row per grade name, whatever the store holds */
    const char *too_much;   /* the fault when this cell of the first row is null; or NULL */
    uint32_t too_much_cell; /* its place, from 0 */
    const char *no_row;     /* the fault when no row comes; NULL when a listing may be empty */
};

/*
 * Checks the message and builds its statement; all of it lives in the arena. A listing gives at
 * most q->limit rows (rows_default when that is 0), never more than rows_max. 0; -1 when the
 * question is at fault, then error says where and what was expected, by the parameter names that
 * mPlane clients use; -2 when memory is out.
 */
int criteria_build(struct arena *a, const struct query_message *q, uint32_t rows_default,
                   uint32_t rows_max, struct criteria *c, char error[CRITERIA_ERROR]);

/* The statement that lists the grade names, newest last; it has no parameters. */
#define CRITERIA_NAMES_SQL "SELECT name FROM grade_name ORDER BY id"

#endif
