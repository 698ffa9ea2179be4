/* SPDX-License-Identifier: Apache-2.0 */
/* A statement's text and parameters. No SQL of its own but for what both kinds of counting and
 * listing share. */
#include "queryd/builder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/when_time.h"
#include "schemas/feed_kinds.h"

void builder_add(struct builder *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(b->sql + b->length, BUILDER_BYTES - b->length, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= BUILDER_BYTES - b->length) {
        b->failed = true;
        b->sql[b->length] = '\0';
        return;
    }
    b->length += (size_t)n;
}

int builder_parameter(struct builder *b, const char *text)
{
    if (text == NULL || b->c->parameter_count == CRITERIA_PARAMETERS) {
        b->failed = true;
        return 1;
    }
    b->c->parameters[b->c->parameter_count++] = text;
    return b->c->parameter_count;
}

int builder_text(struct builder *b, struct slice text)
{
    return builder_parameter(b, arena_copy(b->arena, text).at);
}

int builder_number(struct builder *b, uint64_t value)
{
    return builder_parameter(b, arena_printf(b->arena, "%" PRIu64, value));
}

int builder_time(struct builder *b, int64_t us)
{
    if (us < FIRST_US) {
        return builder_parameter(b, "-infinity");
    }
    if (us >= LAST_US) {
        return builder_parameter(b, "infinity");
    }
    char text[WHEN_TEXT];
    when_time_text(us, text);
    return builder_parameter(b, arena_printf(b->arena, "%s+00", text));
}

int builder_fault(struct builder *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(b->error, CRITERIA_ERROR, format, args);
    va_end(args);
    return -1;
}

int builder_range(struct builder *b)
{
    const struct query_message *q = b->q;
    enum query_kind kind = (enum query_kind)q->kind;
    b->from_us = q->from_us;
    b->to_us = q->instant == 0 ? q->to_us : q->from_us < LAST_US ? q->from_us + 1 : q->from_us;
    b->empty = q->instant == 0 && q->from_us >= q->to_us;
    if (q->after.len > 0 && cursor_sql(kind) != NULL && !cursor_is_word(kind, q->after)) {
        if (cursor_parse(kind, q->after, &b->cursor) == -1) {
            return builder_fault(b,
                                 "list.after: expected the list.cursor of a row of such a listing");
        }
        b->has_cursor = true;
        if (cursor_key(kind, 0) == CURSOR_TIME && b->cursor.keys[0] < b->to_us) {
            b->to_us = b->cursor.keys[0] + 1;
        }
    }
    return 0;
}

static void add_key(struct builder *b, enum cursor_key key, int64_t value, struct slice text)
{
    switch (key) {
    case CURSOR_TIME:
        builder_add(b, "$%d::timestamptz", builder_time(b, value));
        break;
    case CURSOR_TEXT:
        builder_add(b, "$%d::text", builder_text(b, text));
        break;
    case CURSOR_ID:
    case CURSOR_GRADE:
    case CURSOR_NONE:
        builder_add(b, "$%d::bigint", builder_number(b, (uint64_t)value));
        break;
    }
}

void builder_keys(struct builder *b, const struct cursor *cursor)
{
    enum query_kind kind = (enum query_kind)b->q->kind;
    for (unsigned i = 0; cursor_key(kind, i) != CURSOR_NONE; i++) {
        builder_add(b, "%s", i == 0 ? "" : ", ");
        add_key(b, cursor_key(kind, i), cursor->keys[i], cursor->text);
    }
}

void builder_after(struct builder *b, const char *columns, const char *operator)
{
    if (b->has_cursor) {
        builder_add(b, " AND (%s) %s (", columns, operator);
        builder_keys(b, &b->cursor);
        builder_add(b, ")");
    }
}

int64_t builder_floor(int64_t us, int64_t unit_us)
{
    if (us < FIRST_US || us >= LAST_US) {
        return us;
    }
    int64_t rest = us % unit_us;
    return us - (rest < 0 ? rest + unit_us : rest);
}

int64_t builder_ceiling(int64_t us, int64_t unit_us)
{
    int64_t down = builder_floor(us, unit_us);
    return down == us ? us : down + unit_us;
}

void builder_series(struct builder *b, const char *alias)
{
    if (b->series) {
        builder_add(b, " AND %s.series_id IN (SELECT id FROM matched)", alias);
    }
    if (b->empty) {
        builder_add(b, " AND false");
    }
}

const char *builder_series_array(const struct builder *b)
{
    return b->empty      ? "'{}'"
           : !b->series  ? "NULL"
           : b->gathered ? "(SELECT ids FROM gathered)"
                         : "ARRAY(SELECT id FROM matched)";
}

void builder_records(struct builder *b)
{
    bool instant = b->q->instant == 1;
    int since = builder_time(b, instant ? INT64_MIN : b->from_us);
    int until = builder_time(b, b->to_us);
    int reaching = builder_time(b, instant ? b->from_us : INT64_MIN);
    builder_add(b, "$%d::timestamptz, $%d::timestamptz, $%d::timestamptz, %s", since, until,
                reaching, builder_series_array(b));
}

#define COLUMNS_PRESET 600
#define RANGE_DAYS     3660 /* so that columns are counted in 64 bits */
#define DAY_US         INT64_C(86400000000)

int builder_cut(struct builder *b, struct builder_cut *cut)
{
    const struct query_message *q = b->q;
    uint64_t columns = q->range_columns == 0 ? COLUMNS_PRESET : q->range_columns;
    if (q->instant == 1 || q->from_us < FIRST_US || q->to_us >= LAST_US) {
        return builder_fault(b, "when: expected a range with a beginning and an end");
    }
    if (q->to_us <= q->from_us || q->to_us - q->from_us > RANGE_DAYS * DAY_US) {
        return builder_fault(b, "when: expected a range of more than 0 and at most %d days",
                             RANGE_DAYS);
    }
    if ((uint64_t)(q->to_us - q->from_us) < columns) {
        return builder_fault(b, "range.columns: expected columns of a microsecond or more");
    }
    cut->from = builder_time(b, q->from_us);
    cut->to = builder_time(b, q->to_us);
    cut->columns = builder_number(b, columns);
    cut->length = builder_number(b, (uint64_t)(q->to_us - q->from_us));
    return 0;
}

void builder_go_on(struct builder *b)
{
    /* Without a cursor, what is before the end of all time. */
    static const struct cursor end = {.keys = {LAST_US}};
    builder_add(b, ", ");
    builder_keys(b, b->has_cursor ? &b->cursor : &end);
}

void builder_cursor(struct builder *b, int at[], unsigned count)
{
    int64_t word = slice_is(b->q->after, CURSOR_BEGIN) ? CURSOR_FROM_BEGIN : CURSOR_FROM_NOW;
    b->c->moving = b->c->parameter_count;
    for (unsigned i = 0; i < count; i++) {
        int64_t key = b->has_cursor ? b->cursor.keys[i] : i == 0 ? word : 0;
        at[i] = builder_parameter(b, arena_printf(b->arena, "%" PRId64, key));
    }
}

void builder_lost(struct builder *b, const int at[], int mark, const char *behind)
{
    builder_add(b,
                ", CASE WHEN $%d::bigint < 0 THEN '' WHEN $%d::bigint > last"
                " OR arrival_mark_of($%d::bigint) <> $%d::bigint THEN '" FEED_HISTORY "'"
                " WHEN ($%d::bigint, $%d::bigint) < (below - 1, %s) THEN '" FEED_CUT
                "' ELSE '' END AS lost FROM here)",
                at[0], at[0], at[0], mark, at[0], at[1], behind);
}
