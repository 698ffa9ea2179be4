/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a count that no counts hold: records at the ends of a range, and of hours that are
 * not sealed (counting.c has the rest, and a picture). No I/O.
 */
#include "queryd/counting.h"

bool counting_is_histogram(const struct builder *b)
{
    return b->q->kind == QUERY_HISTOGRAM;
}

bool counting_is_by_series(const struct builder *b)
{
    return b->q->kind == QUERY_GRID;
}

void counting_range(struct builder *b, const char *column, struct counting_span s)
{
    int from = builder_time(b, s.from_us), to = builder_time(b, s.to_us);
    builder_add(b, "%s >= $%d::timestamptz AND %s < $%d::timestamptz", column, from, column, to);
}

struct counting_span counting_whole(struct counting_span s, int64_t unit_us)
{
    return (struct counting_span){builder_ceiling(s.from_us, unit_us),
                                  builder_floor(s.to_us, unit_us)};
}

bool counting_is_empty(struct counting_span s)
{
    return s.from_us >= s.to_us;
}

/* ---- which hours ---- */

static void hold_hour(struct counting_held *held, int64_t hour_us, struct counting_span outside)
{
    held->cuts[held->cut_count++] = (struct counting_cut){hour_us, outside};
}

struct counting_held counting_held(struct counting_span range)
{
    struct counting_held held = {.hours = counting_whole(range, COUNTING_HOUR_US)};
    int64_t first_us = builder_floor(range.from_us, COUNTING_HOUR_US);
    int64_t last_us = builder_floor(range.to_us, COUNTING_HOUR_US);
    if (first_us >= last_us) { /* both ends cut the same hour */
        return held;
    }
    if (first_us < range.from_us && range.from_us - first_us < COUNTING_HOUR_US / 2) {
        held.hours.from_us = first_us;
        hold_hour(&held, first_us, (struct counting_span){first_us, range.from_us});
    }
    if (last_us < range.to_us && range.to_us - last_us > COUNTING_HOUR_US / 2) {
        held.hours.to_us = last_us + COUNTING_HOUR_US;
        hold_hour(&held, last_us, (struct counting_span){range.to_us, last_us + COUNTING_HOUR_US});
    }
    return held;
}

/* ---- from records ---- */

static const char grouped[] = "SELECT m.grades, count(*) AS records FROM measurement m WHERE ";

static void add_counted_spans(struct builder *b, const struct counting_span *spans, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        builder_add(b, "%s%s", i == 0 ? "" : " UNION ALL ", grouped);
        counting_range(b, "m.t_start", spans[i]);
        builder_series(b, "m");
        builder_add(b, " GROUP BY m.grades");
    }
}

/*
 * Of a range: the hours that it touches and that are not sealed, or not whole in what counts hold
 * of it. At an instant: the hours some record of which ends as late as that.
 */
static void add_counted_hours(struct builder *b, const struct counting_held *held)
{
    struct counting_span touched = {builder_floor(b->from_us, COUNTING_HOUR_US), b->to_us};
    builder_add(b, "SELECT * FROM %s(ARRAY(SELECT hour FROM measured_hour WHERE ",
                counting_is_by_series(b) ? "counted_by_series" : "counted_records");
    if (b->q->instant == 1) {
        int at = builder_time(b, b->from_us);
        builder_add(b, "hour <= $%d::timestamptz AND reach >= $%d::timestamptz", at, at);
    } else {
        counting_range(b, "hour", touched);
    }
    if (!counting_is_empty(held->hours)) {
        builder_add(b, " AND NOT (sealed AND ");
        counting_range(b, "hour", held->hours);
        builder_add(b, held->cut_count > 0
                           ? " AND NOT hour = ANY (ARRAY(SELECT hour FROM dropped)))"
                           : ")");
    }
    builder_add(b, "), ");
    builder_records(b);
    builder_add(b, counting_is_by_series(b) ? ", (SELECT id FROM asked))" : ")");
}

/* What counts of whole hours have too much at the ends of the range, as so many less. */
static void add_cut(struct builder *b, const struct counting_cut *cut)
{
    int hour = builder_time(b, cut->hour_us), since = builder_time(b, cut->span.from_us);
    int until = builder_time(b, cut->span.to_us);
    builder_add(b,
                " UNION ALL SELECT grades, -records FROM counted_records(ARRAY(SELECT hour FROM"
                " measured_hour WHERE hour = $%d::timestamptz AND sealed AND NOT hour = ANY ("
                "ARRAY(SELECT hour FROM dropped))), $%d::timestamptz, $%d::timestamptz,"
                " '-infinity'::timestamptz, %s)",
                hour, since, until, builder_series_array(b));
}

/* `dropped`: which of the hours that are cut lie in times whose records may be gone: of those
 * nothing but the records that are left is counted. */
static void add_dropped(struct builder *b, const struct counting_held *held)
{
    builder_add(b, ", dropped AS MATERIALIZED (SELECT hour FROM unnest(ARRAY[");
    for (unsigned i = 0; i < held->cut_count; i++) {
        builder_add(b, "%s$%d::timestamptz", i == 0 ? "" : ", ",
                    builder_time(b, held->cuts[i].hour_us));
    }
    builder_add(b, "]) AS u (hour) WHERE hour < (SELECT max(horizon) FROM retention_class))");
}

void counting_sums(struct builder *b)
{
    bool from_0 = b->q->grade_low == 0;
    if (counting_is_by_series(b)) {
        builder_add(b, " UNION ALL SELECT * FROM counted");
        return;
    }
    if (counting_is_histogram(b)) {
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

void counting_records(struct builder *b, bool totals, const struct counting_span *rest,
                      unsigned rest_count, const struct counting_held *held)
{
    if (held->cut_count > 0) {
        add_dropped(b, held);
    }
    if (b->series && !b->empty && !totals) {
        builder_add(b, ", gathered AS MATERIALIZED (SELECT %s AS ids)", builder_series_array(b));
        b->gathered = true;
    }
    builder_add(b, ", counted AS (");
    if (totals && rest_count > 0) {
        add_counted_spans(b, rest, rest_count);
    } else if (totals || (b->empty && !counting_is_by_series(b))) {
        builder_add(b, "SELECT NULL::smallint[] AS grades, 0::bigint AS records WHERE false");
    } else {
        add_counted_hours(b, held);
        for (unsigned i = 0; i < held->cut_count; i++) {
            add_cut(b, &held->cuts[i]);
        }
    }
    builder_add(b, ")");
}
