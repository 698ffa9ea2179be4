/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what builder_why.c's statement gathered to the rows of an answer: each record is graded
 * again by the version that graded it, with a trace. Pure: who has the store gives the versions.
 */
#ifndef EZREPO_QUERYD_WHY_H
#define EZREPO_QUERYD_WHY_H

#include "queryd/why/editions.h"

#define WHY_SERIES_COUNTED  1000 /* that fit; more are told as one more */
#define WHY_SERIES_SHOWN    20
#define WHY_RETRACTED_SHOWN 20
#define WHY_COLUMNS         2 /* of the statement: what it is, a JSON object */

struct why;

/*
 * Reads the rows; the arena has all of it, the cells and the editions outlive it. NULL when memory
 * is out, or a row cannot be read: then `error` says so.
 */
struct why *why_new(struct arena *a, struct editions *editions, const struct slice *cells,
                    uint32_t cell_count, const char **error);

/*
 * The versions that are not compiled, as PostgreSQL writes a list of integers; NULL: none. Each is
 * to be given to why_version() as WHY_VERSIONS_SQL has it; one that is not there is told as such.
 */
const char *why_versions(struct why *w);
#define WHY_VERSIONS_SQL                                                                           \
    "SELECT version, to_char(published_at, 'YYYY-MM-DD HH24:MI:SS.US'), document, types"           \
    " FROM ezrepo.grading WHERE version = ANY ($1::integer[])"
#define WHY_VERSION_COLUMNS 4
void why_version(struct why *w, const struct slice columns[WHY_VERSION_COLUMNS]);

/* The answer's cells, in the arena; NULL when memory is out. */
struct slice *why_cells(struct why *w, uint32_t *count);

/* How many records now get another grade than they have: a fault of ours. */
uint32_t why_faults(const struct why *w);

#endif
