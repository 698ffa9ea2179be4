/* SPDX-License-Identifier: Apache-2.0 */
/* What is declared of capabilities and queries, as tables. Pure. */
#include "common/capability_rows.h"

#include <string.h>

#define CAPABILITY_ROW(NAME, label, verb, query)                                                   \
    {label, verb, query, {PARAMETERS_OF_##NAME}, {COLUMNS_OF_##NAME}},
const struct capability_row capability_rows[CAPABILITY_COLLECT] = {CAPABILITIES(CAPABILITY_ROW)};

#define QUERY_ROW(NAME, letter, KEYS) {letter, {COLUMNS_OF_##NAME}},
const struct query_row query_rows[QUERY_KINDS] = {QUERIES(QUERY_ROW)};

/* One more would leave no room for the NULL behind the last. */
#define FITS(...) (sizeof((const char *[]){__VA_ARGS__}) <= CAPABILITY_NAMES * sizeof(char *))
#define CAPABILITY_FITS(NAME, label, verb, query)                                                  \
    _Static_assert(FITS(PARAMETERS_OF_##NAME) && FITS(COLUMNS_OF_##NAME), "too many names");
CAPABILITIES(CAPABILITY_FITS)

bool capability_row_asks(const struct capability_row *row, const char *parameter)
{
    for (const char *const *name = row->parameters; *name != NULL; name++) {
        if (strcmp(*name, parameter) == 0) {
            return true;
        }
    }
    return false;
}

bool capability_column_was_added(struct slice column)
{
    static const char *const added[] = {COLUMN_MARK, COLUMN_COMMENT, COLUMNS_ADDED_TO_NOW};
    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        if (slice_is(column, added[i])) {
            return true;
        }
    }
    return false;
}
