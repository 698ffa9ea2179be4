/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.cursor: where a listing goes on. Opaque to who asks: a letter for the kind of listing, then
 * the keys of the last row seen, the time first, joined by dots ("e1455796800000000.12"). Which
 * keys follows from QUERIES in schemas/capability_list.h.
 */
#ifndef EZREPO_CURSOR_H
#define EZREPO_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "schemas/messages.h"

#define CURSOR_KEYS 4

struct cursor {
    int64_t t_us;               /* microseconds since 1970 */
    uint64_t keys[CURSOR_KEYS]; /* what stands after the time, in the order of the listing; an end
                                   is microseconds since 1970, too */
    unsigned key_count;
};

/*
 * Reads a cursor of a listing of this kind. -1 when it is not one that such a listing gives:
 * another kind's, a number out of its column's range, a sign or digit too many, anything left over.
 */
int cursor_parse(enum query_kind kind, struct slice text, struct cursor *cursor);

/*
 * The SQL expression that gives the cursor of a row from the columns of k (the time k.t, then what
 * keys hold); NULL for kinds that list nothing.
 */
const char *cursor_sql(enum query_kind kind);

/* How many keys stand behind the time, and whether that one, from 0, is a time. */
unsigned cursor_key_count(enum query_kind kind);
bool cursor_key_is_time(enum query_kind kind, unsigned key);

#endif
