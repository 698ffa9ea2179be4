/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement about a grid: the values of one dimension by those of another, of each pair how
 * many records there are and how good (docs/semantics.md, "Grids"). Each series is counted as
 * counting.c counts; which grade it had last follows from its periods, so no record is read for
 * that. No I/O.
 */
#include "common/record_dimensions.h"
#include "queryd/builder.h"

#define SERIES_MOST "100000"
#define VALUES_MOST "200" /* of rows, and of columns */
#define LEFT_SHOWN  "20"  /* names of those that are left out */

#define MATCHED_CELL 3 /* in a row of the answer */

/* "n1 + n2": those in the range of grades. */
static void add_in_range(struct builder *b)
{
    for (uint64_t grade = b->q->grade_low; grade <= b->q->grade_high; grade++) {
        builder_add(b, "%sn%u", grade == b->q->grade_low ? "" : " + ", (unsigned)grade);
    }
}

/*
 * `summed`: a row for each series that has records. Sums are made as float8, which is exact up to
 * 2^53 records and costs a part of numeric.
 */
static void add_sums(struct builder *b)
{
    builder_add(b,
                ", fitting AS MATERIALIZED (SELECT count(*) > " SERIES_MOST " AS too_many FROM"
                " (SELECT FROM %s LIMIT " SERIES_MOST " + 1) AS f),"
                " summed AS MATERIALIZED (SELECT series_id, sum(n::float8) AS n,"
                " sum((n1 + n2 + n3 + n4 + n5)::float8) AS rated, sum((",
                b->series ? "matched" : "series");
    add_in_range(b);
    builder_add(b, ")::float8) AS graded, min(CASE WHEN n1 > 0 THEN 1 WHEN n2 > 0 THEN 2"
                   " WHEN n3 > 0 THEN 3 WHEN n4 > 0 THEN 4 WHEN n5 > 0 THEN 5 END) AS worst"
                   " FROM tally WHERE NOT (SELECT too_many FROM fitting) GROUP BY series_id"
                   " HAVING sum(n::float8) > 0)");
}

/* `marked`: of each cell in which windows of maintenance that overlap the range its series are. */
static void add_marked(struct builder *b)
{
    builder_windows_in_range(b);
    builder_held(b, "SELECT series_id FROM summed");
    builder_add(b, ", marked AS MATERIALIZED (SELECT r, c, grouping(r) = 1 AS r_all,"
                   " grouping(c) = 1 AS c_all, maintenance_numbers(array_agg(h.number)) AS windows"
                   " FROM held h JOIN last_graded t ON t.series_id = h.id GROUP BY CUBE (r, c)"
                   " HAVING count(*) > 0)");
}

/*
 * `cell`: of pairs, of rows (c_all), of columns (r_all) and of everything. A series' last grade is
 * that of its last period that begins before the end: one that has a graded record in the range has
 * such a period, and the last of these records is in it.
 */
static void add_cells(struct builder *b, const char *row, const char *column)
{
    int to = builder_time(b, b->to_us);
    /* All that fit are read at once: to look up those that have records would take longer. So are
     * open periods; only of a series whose open one begins behind the end the last is looked up. */
    builder_add(b,
                ", last_graded AS MATERIALIZED (SELECT s.r, s.c, t.*,"
                " CASE WHEN t.rated > 0 THEN CASE WHEN o.t_start < $%d::timestamptz THEN o.grade"
                " ELSE (SELECT p.grade FROM period p"
                " WHERE p.series_id = t.series_id AND p.grade_id = (SELECT id FROM asked)"
                " AND p.t_start < $%d::timestamptz ORDER BY p.t_start DESC, p.start_end DESC,"
                " p.start_key DESC LIMIT 1) END END AS last FROM summed t"
                " JOIN (SELECT id, %s AS r, %s AS c FROM series%s OFFSET 0) AS s"
                " ON s.id = t.series_id LEFT JOIN (SELECT series_id, t_start, grade FROM period"
                " WHERE ended IS NULL AND grade_id = (SELECT id FROM asked) OFFSET 0) AS o"
                " ON o.series_id = t.series_id)",
                to, to, row, column, b->series ? " WHERE id IN (SELECT id FROM matched)" : "");
    add_marked(b);
    builder_add(b,
                ", sums AS (SELECT *, round(graded::numeric / nullif(rated, 0), 4)"
                " AS share FROM (SELECT r, c, grouping(r) = 1 AS r_all, grouping(c) = 1 AS c_all,"
                " min(worst) AS worst, min(last) AS last, sum(n)::bigint AS matched,"
                " sum(rated)::bigint AS rated, sum(graded)::bigint AS graded FROM last_graded"
                " GROUP BY CUBE (r, c)) AS g),"
                " cell AS MATERIALIZED (SELECT u.*, m.windows FROM sums u LEFT JOIN marked m"
                " ON m.r_all = u.r_all AND m.c_all = u.c_all AND coalesce(m.r, '') ="
                " coalesce(u.r, '') AND coalesce(m.c, '') = coalesce(u.c, ''))");
}

/* Places among the rows and the columns, from 1: those with the most records first. */
static void add_places(struct builder *b)
{
    builder_add(b, ", row_place AS MATERIALIZED (SELECT *, row_number() OVER"
                   " (ORDER BY matched DESC, r) AS place FROM cell WHERE c_all AND NOT r_all),"
                   " column_place AS MATERIALIZED (SELECT *, row_number() OVER"
                   " (ORDER BY matched DESC, c) AS place FROM cell WHERE r_all AND NOT c_all)");
}

/* Of a row `k` the members that each cell has. */
#define CELL_MEMBERS                                                                               \
    "'\"worst\":' || coalesce(k.worst::text, 'null') || ',\"last\":' ||"                           \
    " coalesce(k.last::text, 'null') || ',\"matched\":' || k.matched || ',\"rated\":' ||"          \
    " k.rated || ',\"graded\":' || k.graded || ',\"share\":' || coalesce(k.share::text, 'null')"   \
    " || ',\"maintenance\":' || coalesce('\"' || k.windows || '\"', 'null') || '}'"

/* How many values there are beyond those shown, and the first of them. */
#define LEFT_OUT(table, value)                                                                     \
    "json_build_object('count', (SELECT greatest(count(*) - " VALUES_MOST ", 0) FROM " table       \
    "), 'values', (SELECT coalesce(json_agg(" value " ORDER BY place), '[]') FROM " table          \
    " WHERE place > " VALUES_MOST " AND place <= " VALUES_MOST " + " LEFT_SHOWN "))"

#define ROWS_LEFT    LEFT_OUT("row_place", "r")
#define COLUMNS_LEFT LEFT_OUT("column_place", "c")

/* All together with the columns, then the rows with their cells. */
static void add_rows(struct builder *b)
{
    builder_add(
        b, " SELECT r, worst, last, matched, rated, graded, share, windows, cells, out FROM ("
           "SELECT 0 AS place, NULL AS r, k.worst, k.last,"
           " CASE WHEN NOT f.too_many THEN coalesce(k.matched, 0) END AS matched,"
           " coalesce(k.rated, 0) AS rated, coalesce(k.graded, 0) AS graded, k.share,"
           " k.windows, (SELECT '[' || coalesce(string_agg('{\"value\":' || to_json(k.c) || ','"
           " || " CELL_MEMBERS ", ',' ORDER BY k.place), '') || ']' FROM column_place k"
           " WHERE k.place <= " VALUES_MOST ") AS cells,"
           " json_build_object('rows', " ROWS_LEFT ", 'columns', " COLUMNS_LEFT ")::text AS out"
           " FROM asked CROSS JOIN fitting f LEFT JOIN cell k ON k.r_all AND k.c_all");
    builder_add(
        b, " UNION ALL SELECT p.place, p.r, p.worst, p.last, p.matched, p.rated, p.graded, p.share,"
           " p.windows, '[' || coalesce(w.cells, '') || ']', NULL FROM row_place p CROSS JOIN asked"
           " LEFT JOIN (SELECT k.r, string_agg('{\"column\":' || q.place - 1 || ','"
           " || " CELL_MEMBERS ", ',' ORDER BY q.place) AS cells FROM cell k"
           " JOIN column_place q ON q.c = k.c WHERE NOT k.r_all AND NOT k.c_all"
           " AND q.place <= " VALUES_MOST " GROUP BY k.r) AS w ON w.r = p.r"
           " WHERE p.place <= " VALUES_MOST ") AS k ORDER BY place");
}

int builder_grid(struct builder *b)
{
    int row = builder_dimension(b, "grid.rows", b->q->grid_rows);
    int column = row == -1 ? -1 : builder_dimension(b, "grid.columns", b->q->grid_columns);
    if (column == -1) {
        return -1;
    }
    if (row == column) {
        return builder_fault(b, "grid.columns: expected another dimension than that of grid.rows");
    }
    if (b->name == 0) {
        return builder_fault(b, "select.grade: expected the name of one grade, which a grid is of");
    }
    if (b->q->grade_low < 1 || b->q->grade_high > 5 || b->q->grade_low > b->q->grade_high) {
        return builder_fault(b, "range.grade: expected two grades within 1 ... 5, found %u ... %u",
                             (unsigned)b->q->grade_low, (unsigned)b->q->grade_high);
    }
    if (b->q->instant == 1) {
        return builder_fault(b, "when: expected a range");
    }
    b->c->too_much = "record.*: expected criteria that at most " SERIES_MOST " series fit";
    b->c->too_much_cell = MATCHED_CELL;
    builder_tally(b);
    add_sums(b);
    add_cells(b, dimension_rows[row].name, dimension_rows[column].name);
    add_places(b);
    add_rows(b);
    return 0;
}
