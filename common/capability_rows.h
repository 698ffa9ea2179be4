/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of schemas/capability_list.h as data. Pure. */
#ifndef EZREPO_CAPABILITY_ROWS_H
#define EZREPO_CAPABILITY_ROWS_H

#include <stdbool.h>

#include "common/slice.h"
#include "schemas/capability_list.h"

/* Parameters, or columns, that one has at most; behind the last stands NULL. */
#define CAPABILITY_NAMES 28

struct capability_row {
    const char *label;
    const char *verb;
    enum query_kind query;
    const char *parameters[CAPABILITY_NAMES + 1];
    const char *columns[CAPABILITY_NAMES + 1];
};

struct query_row {
    const char *letter; /* "": it lists nothing */
    const char *columns[CAPABILITY_NAMES + 1];
};

extern const struct capability_row capability_rows[CAPABILITY_COLLECT];
extern const struct query_row query_rows[QUERY_KINDS];

/* Whether it has a parameter of this name. */
bool capability_row_asks(const struct capability_row *row, const char *parameter);

/* Whether it is a column that came when there were programs that ask without it: a specification
 * may leave it out, and a queryd of before answers without it, which is null. */
bool capability_column_was_added(struct slice column);

#endif
