/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of listings: text to keys and the SQL that makes the text. Pure: no clock, no database.
 */
#include "queryd/cursor.h"

#include "common/pattern.h"

#define MICROSECONDS(time) "(extract(epoch FROM " time ") * 1000000)::bigint"

/* What a key of each kind may hold, and the SQL that makes it of a column of k. */
static const struct {
    int64_t least, most;
} bounds[] = {
    [CURSOR_ID] = {0, INT64_MAX},
    [CURSOR_GRADE] = {0, INT16_MAX},
    [CURSOR_TIME] = {INT64_C(-62135596800000000),
                     INT64_C(253402300799999999)}, /* years 1 to 9999 */
};
#define SQL_ID(column)    ", k." #column
#define SQL_GRADE(column) ", k." #column
#define SQL_TIME(column)  ", " MICROSECONDS("k." #column)
#define SQL_TEXT(column)  ", k." #column

/* How the cursor of each kind of query is made. */
static const struct cursor_layout {
    const char *letter;                    /* "": it is no listing */
    enum cursor_key keys[CURSOR_KEYS + 1]; /* ends with CURSOR_NONE */
    const char *sql;
} layouts[] = {
#define ITS_KIND(kind, column) CURSOR_##kind,
#define ITS_SQL(kind, column)  SQL_##kind(column)
#define LAYOUT(NAME, letter, KEYS)                                                                 \
    {letter, {KEYS(ITS_KIND) CURSOR_NONE}, "'" letter "' || concat_ws('.'" KEYS(ITS_SQL) ")"},
    QUERIES(LAYOUT)};

/* NULL for what lists nothing. */
static const struct cursor_layout *layout_of(enum query_kind kind)
{
    return kind < QUERY_KINDS && layouts[kind].letter[0] != '\0' ? &layouts[kind] : NULL;
}

/* Decimal digits without leading zeros, at most max; moves *text behind them. */
static int parse_digits(struct slice *text, int64_t max, int64_t *value)
{
    int64_t n = 0;
    size_t i = 0;
    for (; i < text->len && text->at[i] >= '0' && text->at[i] <= '9'; i++) {
        int64_t digit = text->at[i] - '0';
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

/* The number of a key of this kind; only times have a sign. */
static int parse_number(struct slice *text, enum cursor_key key, int64_t *value)
{
    bool negative = bounds[key].least < 0 && skip(text, '-') == 0;
    if (parse_digits(text, negative ? -bounds[key].least : bounds[key].most, value) == -1 ||
        (negative && *value == 0)) {
        return -1;
    }
    *value = negative ? -*value : *value;
    return 0;
}

/* All that is left. */
static int parse_text(struct slice *text, struct slice *value)
{
    *value = *text;
    text->at += text->len;
    text->len = 0;
    return value->len > 0 && pattern_is_text(*value) ? 0 : -1;
}

int cursor_parse(enum query_kind kind, struct slice text, struct cursor *cursor)
{
    const struct cursor_layout *layout = layout_of(kind);
    if (layout == NULL || skip(&text, layout->letter[0]) == -1) {
        return -1;
    }
    struct cursor c = {.key_count = 0};
    for (; layout->keys[c.key_count] != CURSOR_NONE; c.key_count++) {
        enum cursor_key key = layout->keys[c.key_count];
        if ((c.key_count > 0 && skip(&text, '.') == -1) ||
            (key == CURSOR_TEXT ? parse_text(&text, &c.text)
                                : parse_number(&text, key, &c.keys[c.key_count])) == -1) {
            return -1;
        }
    }
    if (text.len != 0) {
        return -1;
    }
    *cursor = c;
    return 0;
}

bool cursor_is_word(enum query_kind kind, struct slice text)
{
    return (kind == QUERY_CHANGES || kind == QUERY_ARRIVALS) &&
           (slice_is(text, CURSOR_NOW) || slice_is(text, CURSOR_BEGIN));
}

const char *cursor_sql(enum query_kind kind)
{
    const struct cursor_layout *layout = layout_of(kind);
    return layout == NULL ? NULL : layout->sql;
}

enum cursor_key cursor_key(enum query_kind kind, unsigned key)
{
    return layouts[kind].keys[key];
}
