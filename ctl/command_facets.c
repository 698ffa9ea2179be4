/* SPDX-License-Identifier: Apache-2.0 */
/* The command facets: the values of a dimension among the series that match. */
#include <stdio.h>

#include "ctl/query_rows.h"

#define ARENA_BYTES ((size_t)64 << 20)

static struct {
    const char *begins, *limit;
} given;

static const struct ctl_option facets_options[] = {
    {"begins", "TEXT", &given.begins, NULL, "only values that begin with it"},
    {"limit", "N", &given.limit, NULL,
     "at most so many values of each dimension; unless given 100, of all dimensions 5"},
    {NULL, NULL, NULL, NULL, NULL}};

static int facets(struct arena *a, const char *dimension)
{
    struct mplane_rows rows;
    const struct mplane_value more[] = {{"facet.dimension", dimension},
                                        {"facet.begins", given.begins},
                                        {"list.limit", given.limit}};
    int form = criteria_form();
    if (form == -1 || criteria_limit(given.limit) == -1) {
        return CTL_USAGE;
    }
    int exit_code = criteria_ask(a, "QueryFacets", more, sizeof more / sizeof *more, &rows);
    return exit_code == CTL_DONE ? criteria_print(a, &rows, form) : exit_code;
}

int ctl_facets(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {criteria_options, facets_options,
                                                         mplane_options, NULL};
    const char *dimension = NULL;
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, &dimension, 0, 1, &count, &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    exit_code = a == NULL ? ctl_failed("out of memory") : facets(a, dimension);
    arena_free(&a);
    return exit_code;
}
