/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an answer follows from rows that are not yet it: records in them are graded again, by the
 * versions that graded them, which are read where they are not at hand.
 */
#ifndef EZREPO_QUERYD_EXPLAINER_H
#define EZREPO_QUERYD_EXPLAINER_H

#include "common/why/editions.h"

/* A version's columns, in this order. One that is not there is told as such. */
#define EXPLAINER_VERSIONS_SQL                                                                     \
    "SELECT version, to_char(published_at, 'YYYY-MM-DD HH24:MI:SS.US'), document, types"           \
    " FROM ezrepo.grading WHERE version = ANY ($1::integer[])"
#define EXPLAINER_VERSION_COLUMNS 4

struct explainer {
    uint32_t columns; /* of the statement's rows */

    /* Reads the rows; the arena has all of it, the cells and the editions outlive it. NULL when
     * memory is out, or a row cannot be read: then `error` says so. */
    void *(*begin)(struct arena *a, struct editions *editions, const struct slice *cells,
                   uint32_t cell_count, const char **error);

    /* The versions that are not compiled, as PostgreSQL writes a list of integers; NULL: none. Each
     * is to be given to version(). */
    const char *(*versions)(void *explained);
    void (*version)(void *explained, const struct slice columns[EXPLAINER_VERSION_COLUMNS]);

    /* The answer's cells, in the arena; NULL when memory is out. */
    struct slice *(*cells)(void *explained, uint32_t *count);

    /* How many records now get another grade than they have: a fault of ours. */
    uint32_t (*faults)(const void *explained);
};

/* A list of versions with one more, in the arena; NULL when memory is out. `list` NULL: the first.
 */
const char *explainer_list(struct arena *a, const char *list, uint64_t version);
/* The whole of it, for the statement; NULL of NULL. */
const char *explainer_listed(struct arena *a, const char *list);

/* Compiles a version that was read; false after a complaint. */
bool explainer_keep(struct editions *editions,
                    const struct slice columns[EXPLAINER_VERSION_COLUMNS]);

#endif
