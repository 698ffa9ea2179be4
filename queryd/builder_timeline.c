/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement about a timeline: lanes, a series and a grade name each, and in each at most one
 * mark a column of the range (docs/semantics.md, "Timelines"). Which lanes a page has is found
 * first; then the periods of these that reach into the range, by their key; the open ones are
 * completed from the records all at once. No I/O.
 */
#include "queryd/builder.h"

/* Which column a time within the range lies in. */
#define COLUMN_OF(time)                                                                            \
    "(extract(epoch FROM " time                                                                    \
    " - $%d::timestamptz) * 1000000)::bigint * $%d::bigint / $%d::bigint"
#define FIRST                  COLUMN_OF("since")
#define LAST                   COLUMN_OF("until")
#define EVENT_AT               COLUMN_OF("p.t")
#define COLUMN_PARAMETERS(cut) (cut)->from, (cut)->columns, (cut)->length

#define OF_SERIES DIMENSION_SQL("k.")
#define IN_ORDER  DIMENSION_SQL("s.")
#define OF_LANE   "p.series_id = l.series_id AND p.grade_id = l.grade_id"
#define HELD_MARK "h.t_from <= m.t_end AND h.t_until > m.t_start"

/*
 * The page. A lane is there when it has a period that begins before the range ends; that is looked
 * up for one after the other, until the page is full.
 */
static void add_lanes(struct builder *b, const struct builder_cut *cut, uint64_t rows)
{
    builder_add(b, ", listed AS NOT MATERIALIZED (SELECT s.*, s.id AS series_id, a.id AS grade_id,"
                   " a.name AS grade_name FROM series s CROSS JOIN asked a WHERE true");
    if (b->series) {
        builder_add(b, " AND s.id IN (SELECT id FROM matched)");
    }
    if (b->has_cursor) {
        builder_add(b,
                    " AND (" IN_ORDER ", a.id) > (SELECT " OF_SERIES ", at.grade_id FROM (SELECT ");
        builder_keys(b, &b->cursor);
        builder_add(b, ") AS at (series_id, grade_id) JOIN series k ON k.id = at.series_id%s)",
                    b->series ? " AND k.id IN (SELECT id FROM matched)" : "");
    }
    builder_add(b,
                " ORDER BY " IN_ORDER ", a.id OFFSET 0), lane AS MATERIALIZED (SELECT l.*,"
                " row_number() OVER () AS place FROM (SELECT * FROM listed l WHERE (SELECT true"
                " FROM period p WHERE " OF_LANE " AND p.t_start < $%d::timestamptz LIMIT 1)"
                " LIMIT $%d::bigint) AS l)",
                cut->to, builder_number(b, rows));
}

/*
 * `span`: the periods of the lanes from the last on that begins at or before the range, each with
 * the start of the next; open ones as they are at this moment. A period that ended by its grade
 * goes on to the next one's start, any other to its end.
 */
static void add_spans(struct builder *b, const struct builder_cut *cut)
{
    builder_add(
        b,
        ", completed AS MATERIALIZED (SELECT * FROM periods_completed(ARRAY(SELECT p FROM lane l"
        " JOIN period_known p ON " OF_LANE " WHERE p.ended IS NULL"
        " AND p.t_start < $%d::timestamptz))),"
        " span AS (SELECT l.place, p.t_start, p.start_end, p.start_key, p.grade, p.ended,"
        " coalesce(c.t_end, p.t_end) AS t_end, coalesce(c.records, p.records) AS records,"
        " lead(p.t_start) OVER w AS next_t FROM lane l CROSS JOIN LATERAL (SELECT p.* FROM period p"
        " WHERE " OF_LANE " AND p.t_start < $%d::timestamptz AND p.t_start >= coalesce((SELECT"
        " p.t_start FROM period p WHERE " OF_LANE " AND p.t_start <= $%d::timestamptz"
        " ORDER BY p.t_start DESC LIMIT 1), '-infinity')) AS p"
        " LEFT JOIN completed c ON p.ended IS NULL AND c.series_id = p.series_id"
        " AND c.grade_id = p.grade_id"
        " WINDOW w AS (PARTITION BY l.place ORDER BY p.t_start, p.start_end, p.start_key)),",
        cut->to, cut->to, cut->from);
}

/* `drawn`: those that reach into the range, with the first and the last column that they cover. */
static void add_drawn(struct builder *b, const struct builder_cut *cut)
{
    builder_add(
        b,
        " reaching AS (SELECT *, greatest(t_start, $%d::timestamptz) AS since,"
        " least(CASE WHEN ended IN ('grade', 'steady') THEN coalesce(next_t, 'infinity') - interval"
        " '1 us' ELSE t_end END, $%d::timestamptz - interval '1 us') AS until FROM span),"
        " columned AS (SELECT *, " FIRST " AS first, " LAST " AS last FROM reaching"
        " WHERE t_start >= $%d::timestamptz OR until >= $%d::timestamptz),"
        " drawn AS (SELECT *, lead(first) OVER (PARTITION BY place ORDER BY t_start,"
        " start_end, start_key) AS next_first FROM columned)",
        cut->from, cut->to, COLUMN_PARAMETERS(cut), COLUMN_PARAMETERS(cut), cut->from, cut->from);
}

/*
 * `mark`: of each column in which periods begin one with the worst grade; of the last of several
 * another one, from the next column on, as far as it reaches. None covers the beginning of the
 * next.
 */
static void add_marks(struct builder *b)
{
    builder_add(
        b, ", beginning AS (SELECT place, first, count(*) AS periods, min(grade) AS worst,"
           " min(t_start) AS t_start, sum(records) AS records,"
           " max(greatest(first, least(last, coalesce(next_first - 1, last)))) FILTER (WHERE final)"
           " AS last, max(t_end) FILTER (WHERE final) AS t_end,"
           " max(coalesce(ended, '')) FILTER (WHERE final) AS ended,"
           " max(grade) FILTER (WHERE final) AS final_grade,"
           " max(t_start) FILTER (WHERE final) AS final_start,"
           " max(records) FILTER (WHERE final) AS final_records"
           " FROM (SELECT *, next_first IS DISTINCT FROM first AS final FROM drawn) AS d"
           " GROUP BY place, first),"
           " mark AS (SELECT place, first, CASE WHEN periods = 1 THEN last ELSE first END AS last,"
           " worst AS grade, t_start, t_end, ended, records, periods FROM beginning"
           " UNION ALL SELECT place, first + 1, last, final_grade, final_start, t_end, ended,"
           " final_records, 1 FROM beginning WHERE periods > 1 AND last > first)");
}

/* `undone`: how many events that were told within a mark's columns do not hold any more. */
static void add_undone(struct builder *b, const struct builder_cut *cut)
{
    builder_add(
        b,
        ", gone AS MATERIALIZED (SELECT l.place, " EVENT_AT " AS at, count(*) AS n FROM lane l"
        " JOIN event p ON " OF_LANE " AND p.retracted_at IS NOT NULL AND p.t >= $%d::timestamptz"
        " AND p.t < $%d::timestamptz GROUP BY 1, 2), undone AS (SELECT m.place, m.first,"
        " sum(g.n) AS n FROM gone g JOIN mark m ON m.place = g.place"
        " AND g.at BETWEEN m.first AND m.last GROUP BY 1, 2)",
        COLUMN_PARAMETERS(cut), cut->from, cut->to);
}

/* `marked`: in which windows of maintenance that overlap the range what a mark is of lies, from its
 * start to its end. */
static void add_marked(struct builder *b)
{
    builder_windows_in_range(b);
    builder_held(b, "SELECT series_id FROM lane");
    builder_add(b, ", marked AS (SELECT m.place, m.first, array_agg(h.number) AS numbers"
                   " FROM held h JOIN lane l ON l.series_id = h.id JOIN mark m ON m.place = l.place"
                   " AND " HELD_MARK " GROUP BY 1, 2),"
                   " marked_lane AS (SELECT h.id, array_agg(h.number) AS numbers FROM held h"
                   " GROUP BY 1)");
}

/* Of a row `m` as JSON. */
#define START "'\"' || " TIME_TEXT("m.t_start") " || '\"'"
#define END   "'\"' || " TIME_TEXT("m.t_end") " || '\"'"
#define JSON_MARK                                                                                  \
    "'{\"first\":' || m.first || ',\"last\":' || m.last || ',\"grade\":' || m.grade"               \
    " || ',\"start\":' || " START " || ',\"end\":' || " END " || ',\"ended\":\"' || m.ended"       \
    " || '\",\"records\":' || m.records || ',\"periods\":' || m.periods || ',\"retracted\":'"      \
    " || coalesce(u.n, 0) || ',\"maintenance\":' || CASE WHEN h.numbers IS NULL THEN 'null'"       \
    " ELSE '\"' || maintenance_numbers(h.numbers) || '\"' END || '}'"

int builder_timeline(struct builder *b, uint64_t rows)
{
    struct builder_cut cut;
    if (builder_cut(b, &cut) == -1) {
        return -1;
    }
    add_lanes(b, &cut, rows);
    add_spans(b, &cut);
    add_drawn(b, &cut);
    add_marks(b);
    add_undone(b, &cut);
    add_marked(b);
    builder_add(b,
                " SELECT " OF_SERIES ", k.grade_name, '[' || coalesce(t.marks, '') || ']',"
                " CASE WHEN h.numbers IS NOT NULL THEN maintenance_numbers(h.numbers) END, %s"
                " FROM lane k LEFT JOIN (SELECT m.place, string_agg(" JSON_MARK
                ", ',' ORDER BY m.first) AS marks FROM mark m LEFT JOIN undone u"
                " ON u.place = m.place AND u.first = m.first LEFT JOIN marked h"
                " ON h.place = m.place AND h.first = m.first GROUP BY m.place) AS t"
                " ON t.place = k.place LEFT JOIN marked_lane h ON h.id = k.series_id"
                " ORDER BY k.place",
                cursor_sql(QUERY_TIMELINE));
    return 0;
}
