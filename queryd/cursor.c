/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of listings: text to keys and the SQL that makes the text. Pure: no clock, no database.
 */
#include "queryd/cursor.h"

#define MICROSECONDS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"

#define END_US UINT64_C(253402300799999999) /* the end of the year 9999 */

/* How the cursor of each listing is made and what its keys may hold. */
static const struct cursor_layout {
    enum query_kind kind;
    char letter;
    unsigned key_count;
    uint64_t max[CURSOR_KEYS];
    const char *sql;
} layouts[] = {
    {QUERY_PERIODS,
     'p',
     4,
     {INT64_MAX, INT16_MAX, END_US, INT64_MAX},
     "'p' || concat_ws('.', " MICROSECONDS("k.t") ", k.series_id, k.grade_id, " MICROSECONDS(
         "k.start_end") ", k.start_key)"},
    {QUERY_EVENTS, 'e', 1, {INT64_MAX}, "'e' || concat_ws('.', " MICROSECONDS("k.t") ", k.id)"},
    {QUERY_RECORDS,
     'r',
     4,
     {INT64_MAX, END_US, INT64_MAX, INT16_MAX},
     "'r' || concat_ws('.', " MICROSECONDS("k.t") ", k.series_id, " MICROSECONDS(
         "k.t_end") ", k.key, k.grade_id)"},
};

static const struct cursor_layout *layout_of(enum query_kind kind)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (layouts[i].kind == kind) {
            return &layouts[i];
        }
    }
    return NULL;
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
    if (layout == NULL || skip(&text, layout->letter) == -1) {
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
        if (skip(&text, '.') == -1 || parse_digits(&text, layout->max[i], &c.keys[i]) == -1) {
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
