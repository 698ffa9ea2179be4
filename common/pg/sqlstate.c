/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what SQLSTATEs mean. Knows neither connections nor who asks. */
#include "common/pg/sqlstate.h"

#include <stddef.h>
#include <string.h>

/* Classes are their first two characters. PostgreSQL's manual, appendix A, has all of them. */
static const struct {
    const char *begin;
    enum pg_meaning meaning;
} table[] = {
    {"08", PG_MEANS_AWAY},
    {"22", PG_MEANS_DATA},
    {"2200H", PG_MEANS_OTHER}, /* a sequence has no number left: no value's fault */
    {"23", PG_MEANS_VIOLATED},
    {"23505", PG_MEANS_TWICE},
    {"25", PG_MEANS_STATE},
    {"25006", PG_MEANS_READ_ONLY},
    {"3F000", PG_MEANS_MISSING}, /* a schema */
    {"40", PG_MEANS_CONFLICT},
    {"40P01", PG_MEANS_LOCKED}, /* a deadlock, of which this one was ended */
    {"42", PG_MEANS_WRONG},
    {"42501", PG_MEANS_FORBIDDEN},
    {"42710", PG_MEANS_NAMED},
    {"42883", PG_MEANS_MISSING}, /* a function */
    {"42P01", PG_MEANS_MISSING}, /* a table */
    {"42P06", PG_MEANS_MADE},    /* a schema */
    {"42P07", PG_MEANS_MADE},    /* a table */
    {"53", PG_MEANS_RESOURCES},
    {"54", PG_MEANS_DATA}, /* limits of the program, as a row too long for its index */
    {"55", PG_MEANS_STATE},
    {"55P03", PG_MEANS_LOCKED}, /* lock_timeout, or NOWAIT */
    {"57", PG_MEANS_STATE},
    {"57014", PG_MEANS_STOPPED},
    {"57P", PG_MEANS_AWAY},
    {"58", PG_MEANS_SYSTEM},
};

enum pg_meaning pg_meaning_of(const char *sqlstate)
{
    enum pg_meaning meaning = PG_MEANS_OTHER;
    size_t longest = 0;
    for (size_t i = 0; sqlstate != NULL && i < sizeof table / sizeof table[0]; i++) {
        size_t n = strlen(table[i].begin);
        if (n > longest && strncmp(sqlstate, table[i].begin, n) == 0) {
            meaning = table[i].meaning;
            longest = n;
        }
    }
    return meaning;
}

bool pg_may_pass(enum pg_meaning meaning)
{
    switch (meaning) {
    case PG_MEANS_AWAY:
    case PG_MEANS_RESOURCES:
    case PG_MEANS_SYSTEM:
    case PG_MEANS_READ_ONLY:
    case PG_MEANS_LOCKED:
    case PG_MEANS_CONFLICT:
    case PG_MEANS_STOPPED:
    case PG_MEANS_STATE:
        return true;
    default:
        return false;
    }
}

bool pg_stands_in_the_way(enum pg_meaning meaning)
{
    switch (meaning) {
    case PG_MEANS_VIOLATED:
    case PG_MEANS_TWICE:
    case PG_MEANS_MADE:
    case PG_MEANS_NAMED:
    case PG_MEANS_MISSING:
    case PG_MEANS_FORBIDDEN:
    case PG_MEANS_WRONG:
        return true;
    default:
        return false;
    }
}
