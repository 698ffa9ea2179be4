/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many records match: each part of the range is taken from the coarsest counts that hold it
 * whole, in one statement, so that all of it is of one snapshot. Only what no count holds is read
 * from the records. With no criterion but the type, grade_total has days, hours and minutes of all
 * series; else counts of each series have the hours that are sealed: rollup_month and rollup_day, a
 * row with what a month's days, or a day's hours, have come to by the end of each, so that any span
 * of them is the difference of two; and rollup_hour what is not in its day yet.
 *
 * On Thursday the 4th at 14:05 somebody asks about one dest, from Tuesday 10:30 to Thursday 13:20.
 * All hours before 13:00 are sealed; Thursday's row has those before 12:00 by now:
 *
 *   Tuesday the 2nd                  Wednesday         Thursday
 *   0            10:30 11          24                24            12  13  13:20
 *   |                 |--------------|-----------------|------------|---|
 *   |                 |--- of day ---|--- of month ----|-- of day --|hour
 *                 |rec|                                                 |rec|
 *
 *   + Tuesday's row: all 24 hours less the first 11
 *   + the month's row: the first 3 days less the first 2
 *   + Thursday's row: its first 13 hours, as far as they are in it
 *   + the hour of 12:00
 *   + the records of 50 minutes
 *
 * for each series that matches, instead of the records of two days. From 10:10 on it would be the
 * last 14 hours of Tuesday less the records of the 10 minutes before, since these are fewer than
 * those of the 50 minutes behind (counting_records.c). About all series of a type the
 * same range is 30 minutes, 13 hours, a day, 13 hours and 20 minutes of grade_total, and no record.
 */
#include "queryd/counting.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE_US INT64_C(60000000)
#define DAY_US    (24 * COUNTING_HOUR_US)

enum unit { UNIT_DAY, UNIT_HOUR, UNIT_MINUTE, UNITS };

/* As grade_total names them. */
static const struct {
    const char *name;
    int64_t us;
} units[UNITS] = {{"day", DAY_US}, {"hour", COUNTING_HOUR_US}, {"minute", MINUTE_US}};

/* A range cut into whole days, hours and minutes, and parts of minutes at its ends. */
#define REST_MAX 2
struct count_plan {
    struct piece {
        enum unit unit;
        struct counting_span span;
    } pieces[REST_MAX * UNITS];
    unsigned piece_count;
    struct counting_span rest[REST_MAX];
    unsigned rest_count;
};

/* ---- from counts ---- */

/* Which of its hours or days a row's lists are asked for: behind the first `from`, up to `to`. */
struct places {
    unsigned from, to;
};

/* What a row of counts `t` has of a grade: in a column, or in these places of a list. */
static void add_column(struct builder *b, unsigned grade, const struct places *places)
{
    if (places == NULL) {
        builder_add(b, "t.n%u", grade);
    } else if (places->from == 0) {
        builder_add(b, "coalesce(t.c%u[%u], 0)", grade, places->to);
    } else {
        builder_add(b, "(coalesce(t.c%u[%u], 0) - coalesce(t.c%u[%u], 0))", grade, places->to,
                    grade, places->from);
    }
}

/*
 * What the rows of counts `t` add up to. A range from 0 on has all records, those without a grade
 * of the name, too, but for those with a higher one: these count below nothing.
 */
static void add_sums(struct builder *b, const struct places *places)
{
    if (counting_is_by_series(b)) {
        builder_add(b, "CASE t.grade_id WHEN 0 THEN ");
        add_column(b, 0, places);
        builder_add(b, " ELSE 0 END AS n");
        for (unsigned grade = 1; grade <= 5; grade++) {
            builder_add(b, ", ");
            add_column(b, grade, places);
            builder_add(b, " AS n%u", grade);
        }
        return;
    }
    if (counting_is_histogram(b)) {
        for (unsigned grade = 0; grade <= 5; grade++) {
            builder_add(b, "sum(");
            add_column(b, grade, places);
            builder_add(b, ") AS n%u%s", grade, grade < 5 ? ", " : "");
        }
        return;
    }
    bool from_0 = b->q->grade_low == 0;
    uint64_t first = from_0 ? b->q->grade_high + 1 : b->q->grade_low;
    uint64_t last = from_0 ? 5 : b->q->grade_high;
    builder_add(b, "sum(CASE t.grade_id WHEN 0 THEN ");
    add_column(b, 0, places);
    builder_add(b, " ELSE 0");
    for (uint64_t grade = first; grade <= last; grade++) {
        builder_add(b, " %c ", from_0 ? '-' : '+');
        add_column(b, (unsigned)grade, places);
    }
    builder_add(b, " END) AS n");
}

/* Rows of other names need not be read. */
static void add_names(struct builder *b)
{
    if (b->name != 0) {
        builder_add(b, " AND t.grade_id = ANY (ARRAY(SELECT 0::smallint UNION ALL"
                       " SELECT id FROM asked))");
    }
}

static void begin_sums(struct builder *b, const char *table, const struct places *places)
{
    builder_add(b, "SELECT t.%s, ", counting_is_by_series(b) ? "series_id" : "grade_id");
    add_sums(b, places);
    builder_add(b, " FROM %s t WHERE ", table);
}

static void begin_counts(struct builder *b, const char *table, const struct places *places)
{
    builder_add(b, " UNION ALL ");
    begin_sums(b, table, places);
}

/* Types are compared here, not series: all series of a type that matches do. */
static void add_total(struct builder *b, const struct piece *piece)
{
    begin_counts(b, "grade_total", NULL);
    builder_add(b, "t.unit = '%s' AND ", units[piece->unit].name);
    counting_range(b, "t.start", piece->span);
    if (b->type_operator != NULL) {
        builder_add(b, " AND t.type %s $%d", b->type_operator, b->type_value);
    }
    add_names(b);
    builder_add(b, " GROUP BY t.grade_id");
}

/*
 * Takes what `unit` holds whole out of the spans at `rest`; what is left replaces them. A coarser
 * unit's ends are ends of the finer ones too, so there is never more than one span at each end.
 */
static void take_unit(struct count_plan *plan, enum unit unit)
{
    struct counting_span left[2 * REST_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < plan->rest_count; i++) {
        struct counting_span rest = plan->rest[i], inner = counting_whole(rest, units[unit].us);
        struct counting_span before = {rest.from_us, inner.from_us},
                             after = {inner.to_us, rest.to_us};
        if (counting_is_empty(inner)) {
            left[count++] = rest;
            continue;
        }
        plan->pieces[plan->piece_count++] = (struct piece){unit, inner};
        if (!counting_is_empty(before)) {
            left[count++] = before;
        }
        if (!counting_is_empty(after)) {
            left[count++] = after;
        }
    }
    plan->rest_count = count < REST_MAX ? count : REST_MAX;
    memcpy(plan->rest, left, plan->rest_count * sizeof left[0]);
}

static void make_plan(struct count_plan *plan, struct counting_span range)
{
    *plan = (struct count_plan){.rest = {range}, .rest_count = 1};
    for (enum unit unit = 0; unit < UNITS; unit++) {
        take_unit(plan, unit);
    }
}

/* All rows of the series that match, of the times that were selected before. */
static void end_rollup(struct builder *b)
{
    builder_series(b, "t");
    add_names(b);
    if (!counting_is_by_series(b)) {
        builder_add(b, " GROUP BY t.grade_id");
    }
}

/* The rows of one day, or month: of a count by a function of the store, which knows which series it
 * is about before it is planned. */
static void add_lists(struct builder *b, const char *unit, int64_t start_us, struct places places)
{
    char table[32];
    if (!counting_is_by_series(b) && !counting_is_histogram(b)) {
        builder_add(b,
                    " UNION ALL SELECT * FROM counted_lists('%s', $%d::timestamptz, %u, %u, %s, %s,"
                    " $%d::int, $%d::int)",
                    unit, builder_time(b, start_us), places.from, places.to,
                    builder_series_array(b), b->name == 0 ? "NULL" : "ARRAY(SELECT id FROM asked)",
                    b->low, b->high);
        return;
    }
    snprintf(table, sizeof table, "rollup_%s", unit);
    begin_counts(b, table, &places);
    builder_add(b, "t.%s = $%d::timestamptz", unit, builder_time(b, start_us));
    end_rollup(b);
}

/*
 * Of a table's rows behind begin_counts() those whose `time` is what `column` says of such hours.
 * The times are found first: as an array they are keys of the index, one by one, whether few series
 * are asked for or all. No lateral subquery: it would bar parallel workers.
 */
static void add_found(struct builder *b, const char *time, const char *column, const char *which,
                      struct counting_span hours)
{
    builder_add(b, "t.%s = ANY (ARRAY(SELECT %s FROM measured_hour WHERE %s AND ", time, column,
                which);
    counting_range(b, "hour", hours);
    builder_add(b, "))");
    end_rollup(b);
}

static unsigned hour_of_day(int64_t us)
{
    return (unsigned)((us - builder_floor(us, DAY_US)) / COUNTING_HOUR_US);
}

/* The first instant of the month it lies in; how many days of it are over. */
static int64_t month_of(int64_t us, unsigned *days)
{
    struct tm tm;
    time_t seconds = builder_floor(us, DAY_US) / 1000000;
    gmtime_r(&seconds, &tm);
    *days = (unsigned)tm.tm_mday - 1;
    return us - *days * DAY_US;
}

static bool is_infinite(int64_t us)
{
    return us < FIRST_US || us >= LAST_US;
}

#define DAYS_OF_MONTH 31 /* places in a list: behind its last day a month has come to no more */

/* Whole days: a span of one month, or what its ends have of two, and the months between. */
static void add_days(struct builder *b, struct counting_span days)
{
    unsigned from = 0, to = 0, over;
    int64_t first_us = days.from_us, last_us = days.to_us;
    if (!is_infinite(first_us)) {
        first_us = month_of(first_us, &from);
    }
    if (!is_infinite(last_us)) {
        last_us = month_of(last_us, &to);
    }
    if (first_us == last_us) {
        add_lists(b, "month", first_us, (struct places){from, to});
        return;
    }
    struct counting_span between = {days.from_us, last_us};
    if (from > 0) {
        add_lists(b, "month", first_us, (struct places){from, DAYS_OF_MONTH});
        between.from_us = month_of(first_us + (DAYS_OF_MONTH + 1) * DAY_US, &over);
    }
    if (to > 0) {
        add_lists(b, "month", last_us, (struct places){0, to});
    }
    if (!counting_is_empty(between)) {
        begin_counts(b, "rollup_month", &(struct places){0, DAYS_OF_MONTH});
        add_found(b, "month", "DISTINCT date_trunc('month', hour, 'UTC')", "in_day", between);
    }
}

static void add_rollups(struct builder *b, struct counting_span hours, struct counting_span days)
{
    if (days.from_us > days.to_us) { /* within a day */
        add_lists(b, "day", days.to_us,
                  (struct places){hour_of_day(hours.from_us), hour_of_day(hours.to_us)});
    } else {
        if (hours.from_us < days.from_us) {
            add_lists(b, "day", days.from_us - DAY_US,
                      (struct places){hour_of_day(hours.from_us), 24});
        }
        if (!counting_is_empty(days)) {
            add_days(b, days);
        }
        if (hours.to_us > days.to_us) {
            add_lists(b, "day", days.to_us, (struct places){0, hour_of_day(hours.to_us)});
        }
    }
    begin_counts(b, "rollup_hour", NULL);
    add_found(b, "hour", "hour", "sealed AND NOT in_day", hours);
}

/* Of the hours that are cut and lie in dropped times nothing is left of what counts have of them.
 */
static void add_less(struct builder *b)
{
    char table[128];
    snprintf(table, sizeof table, "counted_hours(ARRAY(SELECT hour FROM dropped), %s)",
             builder_series_array(b));
    builder_add(b, " UNION ALL SELECT l.grade_id");
    if (counting_is_histogram(b)) {
        builder_add(b, ", -l.n0, -l.n1, -l.n2, -l.n3, -l.n4, -l.n5");
    } else {
        builder_add(b, ", -l.n");
    }
    builder_add(b, " FROM (");
    begin_sums(b, table, NULL);
    builder_add(b, "true GROUP BY t.grade_id) AS l");
}

/* The first row of "tally" names the columns; it counts nothing. */
static const char *first_row(const struct builder *b)
{
    return counting_is_by_series(b)
               ? "SELECT 0::bigint AS series_id, 0::bigint AS n, 0::bigint AS n1,"
                 " 0::bigint AS n2, 0::bigint AS n3, 0::bigint AS n4, 0::bigint AS n5"
           : counting_is_histogram(b)
               ? "SELECT 0 AS grade_id, 0 AS n0, 0 AS n1, 0 AS n2, 0 AS n3, 0 AS n4,"
                 " 0 AS n5"
               : "SELECT 0 AS grade_id, 0 AS n";
}

void builder_tally(struct builder *b)
{
    struct count_plan plan = {0};
    struct counting_span range = {b->from_us, b->to_us};
    bool instant = b->q->instant == 1;
    bool totals = !instant && !b->series_beyond_type && !counting_is_by_series(b);
    bool cut = !instant && !totals && !b->empty && !counting_is_by_series(b);
    struct counting_held held =
        cut ? counting_held(range)
            : (struct counting_held){.hours = counting_whole(range, COUNTING_HOUR_US)};
    bool rollups = !instant && !totals && !b->empty && !counting_is_empty(held.hours);
    if (totals && !b->empty) {
        make_plan(&plan, range);
    }
    counting_records(b, totals, plan.rest, plan.rest_count, &held);
    builder_add(b, ", tally AS (%s", first_row(b));
    counting_sums(b);
    for (unsigned i = 0; i < plan.piece_count; i++) {
        add_total(b, &plan.pieces[i]);
    }
    if (rollups) {
        add_rollups(b, held.hours, counting_whole(held.hours, DAY_US));
    }
    if (held.cut_count > 0) {
        add_less(b);
    }
    builder_add(b, ") ");
}
