/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.cursor: where a listing goes on. Opaque to who asks: a letter for the kind of listing, then
 * the keys of the last row seen, joined by dots ("e1455796800000000.12"). Which keys follows from
 * QUERIES in schemas/capability_list.h.
 */
#ifndef EZREPO_CURSOR_H
#define EZREPO_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "schemas/messages.h"

#define CURSOR_KEYS 6

enum cursor_key { CURSOR_ID, CURSOR_GRADE, CURSOR_TIME, CURSOR_TEXT, CURSOR_NONE };

struct cursor {
    int64_t keys[CURSOR_KEYS]; /* in the order of the listing; times in microseconds since 1970 */
    struct slice text;         /* the key that is one, in what was read */
    unsigned key_count;
};

/*
 * Reads a cursor of a listing of this kind. -1 when it is not one that such a listing gives:
 * another kind's, a number or time out of its column's range, a sign or digit too many, a text that
 * is none, anything left over.
 */
int cursor_parse(enum query_kind kind, struct slice text, struct cursor *cursor);

/* Of the feed of changes, and of arrivals, which go forward: a word that stands for a cursor. */
bool cursor_is_word(enum query_kind kind, struct slice text);

/*
 * The SQL expression that gives the cursor of a row from the columns of k that keys hold; NULL for
 * kinds that list nothing.
 */
const char *cursor_sql(enum query_kind kind);

/* What that key, from 0, is; CURSOR_NONE behind the last. */
enum cursor_key cursor_key(enum query_kind kind, unsigned key);

#endif
