/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns for the dimensions, as tables have them that SQL compares series with. */
#ifndef EZREPO_STORED_PATTERN_PARAMS_H
#define EZREPO_STORED_PATTERN_PARAMS_H

#include "common/arena.h"
#include "common/pg/params.h"
#include "schemas/dimensions.h"

/*
 * Appends four parameters: the patterns as they were written, as SQL's LIKE takes them, and those
 * for source and dest that are addresses or prefixes as texts of these, else NULL. Why one of them
 * is no pattern, in the arena, or NULL.
 */
const char *pattern_params_put(struct pg_params *p, struct arena *a,
                               const struct slice texts[DIMENSION_COUNT]);

#endif
