/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of listings: text to keys and the SQL that makes the text. Pure: no clock, no database.
 */
#include "queryd/cursor.h"

#define MICROSECONDS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"

#define END_US UINT64_C(253402300799999999) /* the end of the year 9999 */

/* What a key of each kind may hold, and the SQL that makes it of a column of k. */
enum key_kind { KEY_ID, KEY_GRADE, KEY_TIME, KEY_KINDS };
static const uint64_t most[KEY_KINDS] = {INT64_MAX, INT16_MAX, END_US};
#define SQL_ID(column)    ", k." #column
#define SQL_GRADE(column) ", k." #column
#define SQL_TIME(column)  ", " MICROSECONDS("k." #column)

/* How the cursor of each kind of query is made. */
static const struct cursor_layout {
    const char *letter; /* "": it is no listing */
    unsigned key_count;
    enum key_kind keys[CURSOR_KEYS + 1]; /* ends with KEY_KINDS */
    const char *sql;
} layouts[] = {
#define ONE(kind, column)      +1
#define ITS_KIND(kind, column) KEY_##kind,
#define ITS_SQL(kind, column)  SQL_##kind(column)
#define LAYOUT(NAME, letter, KEYS)                                                                 \
    {letter,                                                                                       \
     0 KEYS(ONE),                                                                                  \
     {KEYS(ITS_KIND) KEY_KINDS},                                                                   \
     "'" letter "' || concat_ws('.', " MICROSECONDS("k.t") KEYS(ITS_SQL) ")"},
    QUERIES(LAYOUT)};

/* NULL for what lists nothing. */
static const struct cursor_layout *layout_of(enum query_kind kind)
{
    return kind < QUERY_KINDS && layouts[kind].letter[0] != '\0' ? &layouts[kind] : NULL;
}

/* Decimal digits without leading zeros, at most max; moves *text behind them. */
static int parse_digits(struct slice *text, uint64_t max, uint64_t *value)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < text->len && text->at[i] >= '0' && text->at[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text->at[i] - '0');
        if ((i > 0 && n == 0) || n > (max - digit) / 10) {
            return -1;
        }
        n = n * 10 + digit;
    }
    if (i == 0 || n > max) {
        return -1;
    }
    *value = n;
    text->at += i;
    text->len -= i;
    return 0;
}

static int skip(struct slice *text, char c)
{
    if (text->len == 0 || text->at[0] != c) {
        return -1;
    }
    text->at++;
    text->len--;
    return 0;
}

int cursor_parse(enum query_kind kind, struct slice text, struct cursor *cursor)
{
    const struct cursor_layout *layout = layout_of(kind);
    if (layout == NULL || skip(&text, layout->letter[0]) == -1) {
        return -1;
    }
    struct cursor c = {.key_count = layout->key_count};
    bool negative = skip(&text, '-') == 0;
    uint64_t t;
    if (parse_digits(&text, INT64_MAX - 1, &t) == -1 || (negative && t == 0)) {
        return -1;
    }
    c.t_us = negative ? -(int64_t)t : (int64_t)t;
    for (unsigned i = 0; i < layout->key_count; i++) {
        if (skip(&text, '.') == -1 ||
            parse_digits(&text, most[layout->keys[i]], &c.keys[i]) == -1) {
            return -1;
        }
    }
    if (text.len != 0) {
        return -1;
    }
    *cursor = c;
    return 0;
}

const char *cursor_sql(enum query_kind kind)
{
    const struct cursor_layout *layout = layout_of(kind);
    return layout == NULL ? NULL : layout->sql;
}

unsigned cursor_key_count(enum query_kind kind)
{
    return layouts[kind].key_count;
}

bool cursor_key_is_time(enum query_kind kind, unsigned key)
{
    return layouts[kind].keys[key] == KEY_TIME;
}
