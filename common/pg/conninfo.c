/* SPDX-License-Identifier: Apache-2.0 */
/* libpq takes connection strings apart; what it makes of them is looked at. */
#include "common/pg/conninfo.h"

#include <libpq-fe.h>

static bool is_uri(const char *text)
{
    struct slice s = slice_of(text);
    return slice_starts(s, "postgresql://") || slice_starts(s, "postgres://");
}

/* What stands there is part of a password. */
static bool has_at(const PQconninfoOption *options)
{
    static const char *const shown[] = {"host", "port", "dbname"};
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
            if (strcmp(o->keyword, shown[i]) == 0 && o->val != NULL &&
                strchr(o->val, '@') != NULL) {
                return true;
            }
        }
    }
    return false;
}

void conninfo_check(struct document *d, const char *option, const char *text)
{
    PQconninfoOption *options = text == NULL ? NULL : PQconninfoParse(text, NULL);
    if (text != NULL && options == NULL) {
        document_fault_in(d, option, "expected a libpq connection string");
    } else if (text != NULL && is_uri(text) && has_at(options)) {
        document_fault_in(d, option,
                          "expected a libpq connection string: in a password write %%40 for @ and "
                          "%%2F for /");
    }
    PQconninfoFree(options);
}
