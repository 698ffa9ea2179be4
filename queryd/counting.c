/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many records match: each part of the range is taken from the coarsest counts that hold it
 * whole, in one statement, so that all of it is of one snapshot. Only what no count holds is read
 * from the records. With no criterion but the type, grade_total has days, hours and minutes of all
 * series; else grade_rollup_day and grade_rollup have days and hours of each series, as far as they
 * are sealed. Of a day of which the range has more than the half, the hours outside are taken off.
 *
 * On Thursday at 14:05 somebody asks about one dest, from Tuesday 10:30 to Thursday 13:20. All
 * hours before 13:00 are sealed, and in their days:
 *
 *   Tuesday                          Wednesday         Thursday
 *   0            10:30 11          24                24             13  13:20
 *   |--- taken off ---|--------------|-----------------|--------------|
 *   |------------- a day ------------|----- a day -----|--- a day ----|
 *                 |rec|                                               |rec|
 *
 *   + 3 days of grade_rollup_day: Thursday's holds what is sealed of it so far
 *   - 11 hours of grade_rollup: of Tuesday 13 hours are wanted, so 11 to take off are fewer to read
 *   + the records of 50 minutes
 *
 * for each series that matches, instead of the records of two days. About all series of a type the
 * same range is 30 minutes, 13 hours, a day, 13 hours and 20 minutes of grade_total, and no record.
 */
#include "queryd/builder.h"

#include <string.h>

#define MINUTE_US INT64_C(60000000)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

enum unit { UNIT_DAY, UNIT_HOUR, UNIT_MINUTE, UNITS };

/* As grade_total names them. */
static const struct {
    const char *name;
    int64_t us;
} units[UNITS] = {{"day", DAY_US}, {"hour", HOUR_US}, {"minute", MINUTE_US}};

struct span {
    int64_t from_us, to_us;
};

/* A range cut into whole days, hours and minutes, and parts of minutes at its ends. */
#define REST_MAX 2
struct count_plan {
    struct piece {
        enum unit unit;
        struct span span;
    } pieces[REST_MAX * UNITS];
    unsigned piece_count;
    struct span rest[REST_MAX];
    unsigned rest_count;
};

static bool is_histogram(const struct builder *b)
{
    return b->q->kind == QUERY_HISTOGRAM;
}

/* "alias.t_start >= $n AND alias.t_start < $m", over any column. */
static void add_range(struct builder *b, const char *column, struct span s)
{
    int from = builder_time(b, s.from_us), to = builder_time(b, s.to_us);
    builder_add(b, "%s >= $%d::timestamptz AND %s < $%d::timestamptz", column, from, column, to);
}

static struct span whole(struct span s, int64_t unit_us)
{
    return (struct span){builder_ceiling(s.from_us, unit_us), builder_floor(s.to_us, unit_us)};
}

static bool is_empty(struct span s)
{
    return s.from_us >= s.to_us;
}

/* ---- from counts ---- */

/*
 * What the rows of counts `t` add up to; less: what they take off. A range from 0 on has all
 * records, those without a grade of the name, too, but for those with a higher one: these count
 * below nothing.
 */
static void add_sums(struct builder *b, bool less)
{
    const char *sum = less ? "-sum" : "sum";
    if (is_histogram(b)) {
        for (unsigned grade = 0; grade <= 5; grade++) {
            builder_add(b, "%s(t.n%u) AS n%u%s", sum, grade, grade, grade < 5 ? ", " : "");
        }
        return;
    }
    bool from_0 = b->q->grade_low == 0;
    uint64_t first = from_0 ? b->q->grade_high + 1 : b->q->grade_low;
    uint64_t last = from_0 ? 5 : b->q->grade_high;
    builder_add(b, "%s(CASE t.grade_id WHEN 0 THEN t.n0 ELSE 0", sum);
    for (uint64_t grade = first; grade <= last; grade++) {
        builder_add(b, " %c t.n%u", from_0 ? '-' : '+', (unsigned)grade);
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

static void begin_counts(struct builder *b, const char *table, bool less)
{
    builder_add(b, " UNION ALL SELECT t.grade_id, ");
    add_sums(b, less);
    builder_add(b, " FROM %s t WHERE ", table);
}

/* Types are compared here, not series: all series of a type that matches do. */
static void add_total(struct builder *b, const struct piece *piece)
{
    begin_counts(b, "grade_total", false);
    builder_add(b, "t.unit = '%s' AND ", units[piece->unit].name);
    add_range(b, "t.start", piece->span);
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
    struct span left[2 * REST_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < plan->rest_count; i++) {
        struct span rest = plan->rest[i], inner = whole(rest, units[unit].us);
        struct span before = {rest.from_us, inner.from_us}, after = {inner.to_us, rest.to_us};
        if (is_empty(inner)) {
            left[count++] = rest;
            continue;
        }
        plan->pieces[plan->piece_count++] = (struct piece){unit, inner};
        if (!is_empty(before)) {
            left[count++] = before;
        }
        if (!is_empty(after)) {
            left[count++] = after;
        }
    }
    plan->rest_count = count < REST_MAX ? count : REST_MAX;
    memcpy(plan->rest, left, plan->rest_count * sizeof left[0]);
}

static void make_plan(struct count_plan *plan, struct span range)
{
    *plan = (struct count_plan){.rest = {range}, .rest_count = 1};
    for (enum unit unit = 0; unit < UNITS; unit++) {
        take_unit(plan, unit);
    }
}

/*
 * "ends": of the days that the range has not all hours of, those hours that are counted in the day.
 * "whole": those of these days that are taken as a whole nevertheless, since less of their hours
 * lie outside of the range than within.
 */
static void add_ends(struct builder *b, struct span hours, struct span days)
{
    struct span all = {builder_floor(hours.from_us, DAY_US), builder_ceiling(hours.to_us, DAY_US)};
    builder_add(b, ", ends AS (SELECT hour, date_trunc('day', hour, 'UTC') AS day, ");
    add_range(b, "hour", hours);
    builder_add(b, " AS within FROM measured_hour WHERE in_day AND ");
    add_range(b, "hour", all);
    if (!is_empty(days)) {
        builder_add(b, " AND NOT (");
        add_range(b, "hour", days);
        builder_add(b, ")");
    }
    builder_add(b, "), whole AS (SELECT day FROM ends GROUP BY day"
                   " HAVING count(*) FILTER (WHERE within) > count(*) FILTER (WHERE NOT within))");
}

/*
 * Rows of the series that match, of the times whose selection is appended next. These are found
 * first: as an array they are keys of the index, one by one, whether few series are asked for or
 * all. No lateral subquery: it would bar parallel workers.
 */
static void begin_rollup(struct builder *b, const char *table, const char *time, bool less)
{
    begin_counts(b, table, less);
    builder_add(b, "t.%s = ANY (ARRAY(", time);
}

static void end_rollup(struct builder *b)
{
    builder_add(b, "))");
    builder_series(b, "t");
    add_names(b);
    builder_add(b, " GROUP BY t.grade_id");
}

static void add_rollups(struct builder *b, struct span hours, struct span days)
{
    begin_rollup(b, "grade_rollup_day", "day", false);
    builder_add(b, "SELECT day FROM whole");
    if (!is_empty(days)) {
        builder_add(b, " UNION ALL SELECT DISTINCT date_trunc('day', hour, 'UTC')"
                       " FROM measured_hour WHERE in_day AND ");
        add_range(b, "hour", days);
    }
    end_rollup(b);

    begin_rollup(b, "grade_rollup", "hour", true);
    builder_add(b, "SELECT hour FROM ends JOIN whole USING (day) WHERE NOT within");
    end_rollup(b);

    begin_rollup(b, "grade_rollup", "hour", false);
    builder_add(b, "SELECT hour FROM measured_hour WHERE sealed AND ");
    add_range(b, "hour", hours);
    builder_add(b, " AND NOT (in_day AND (");
    if (!is_empty(days)) {
        add_range(b, "hour", days);
        builder_add(b, " OR ");
    }
    builder_add(b, "date_trunc('day', hour, 'UTC') IN (SELECT day FROM whole)))");
    end_rollup(b);
}

/* ---- from records ---- */

static const char grouped[] = "SELECT m.grades, count(*) AS records FROM measurement m WHERE ";

static void add_counted_spans(struct builder *b, const struct span *spans, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        builder_add(b, "%s%s", i == 0 ? "" : " UNION ALL ", grouped);
        add_range(b, "m.t_start", spans[i]);
        builder_series(b, "m");
        builder_add(b, " GROUP BY m.grades");
    }
}

/*
 * Of a range: the hours that it touches and that are not sealed, or not whole in it. At an instant:
 * the hours some record of which ends as late as that.
 */
static void add_counted_hours(struct builder *b, struct span hours)
{
    struct span touched = {builder_floor(b->from_us, HOUR_US), b->to_us};
    builder_add(b, "SELECT grades, records FROM counted_records(ARRAY(SELECT hour FROM"
                   " measured_hour WHERE ");
    if (b->q->instant == 1) {
        int at = builder_time(b, b->from_us);
        builder_add(b, "hour <= $%d::timestamptz AND reach >= $%d::timestamptz", at, at);
    } else {
        add_range(b, "hour", touched);
    }
    if (!is_empty(hours)) {
        builder_add(b, " AND NOT (sealed AND ");
        add_range(b, "hour", hours);
        builder_add(b, ")");
    }
    builder_add(b, "), ");
    builder_records(b);
    builder_add(b, ")");
}

/* From "counted", records by all their grades, to tally's columns. */
static void add_counted_sums(struct builder *b)
{
    bool from_0 = b->q->grade_low == 0;
    if (is_histogram(b)) {
        builder_add(b, " UNION ALL SELECT g.grade_id, ");
        for (unsigned grade = 0; grade <= 5; grade++) {
            builder_add(b, "sum(c.records) FILTER (WHERE g.grade = %u)%s", grade,
                        grade < 5 ? ", " : "");
        }
    } else {
        builder_add(b,
                    " UNION ALL SELECT 0, sum(records) FROM counted"
                    " UNION ALL SELECT g.grade_id,"
                    " %s FILTER (WHERE g.grade %s BETWEEN $%d::int AND $%d::int)",
                    from_0 ? "-sum(c.records)" : "sum(c.records)", from_0 ? "NOT" : "", b->low,
                    b->high);
    }
    builder_add(b, " FROM counted c CROSS JOIN LATERAL unnest(c.grades) WITH ORDINALITY"
                   " AS g (grade, grade_id) GROUP BY g.grade_id");
}

static void add_counted(struct builder *b, bool totals, const struct count_plan *plan,
                        struct span hours)
{
    builder_add(b, ", counted AS (");
    if (totals && plan->rest_count > 0) {
        add_counted_spans(b, plan->rest, plan->rest_count);
    } else if (totals || b->empty) {
        builder_add(b, "SELECT NULL::smallint[] AS grades, 0::bigint AS records WHERE false");
    } else {
        add_counted_hours(b, hours);
    }
    builder_add(b, ")");
}

void builder_tally(struct builder *b)
{
    struct count_plan plan = {0};
    struct span range = {b->from_us, b->to_us};
    struct span hours = whole(range, HOUR_US), days = whole(range, DAY_US);
    bool instant = b->q->instant == 1;
    bool totals = !instant && !b->series_beyond_type;
    bool rollups = !instant && !totals && !b->empty && !is_empty(hours);
    if (totals && !b->empty) {
        make_plan(&plan, range);
    }
    add_counted(b, totals, &plan, hours);
    if (rollups) {
        add_ends(b, hours, days);
    }
    /* The first row names the columns; it counts nothing. */
    builder_add(b, is_histogram(b)
                       ? ", tally AS (SELECT 0 AS grade_id, 0 AS n0, 0 AS n1, 0 AS n2, 0 AS n3,"
                         " 0 AS n4, 0 AS n5"
                       : ", tally AS (SELECT 0 AS grade_id, 0 AS n");
    add_counted_sums(b);
    for (unsigned i = 0; i < plan.piece_count; i++) {
        add_total(b, &plan.pieces[i]);
    }
    if (rollups) {
        add_rollups(b, hours, days);
    }
    builder_add(b, ") ");
}
