/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements about series as they are now: which there are, and the values of their dimensions.
 * What "now" is of a series and a grade name is decided by states_at() of the store, in the same
 * snapshot (docs/semantics.md, "Now"). No I/O.
 */
#include "common/pattern.h"
#include "common/record_dimensions.h"
#include "queryd/builder.h"

/* A row of `silence` that was told and holds, of what is still expected. */
#define SILENT_NOW "l.silent_until IS NULL AND l.retracted IS NULL AND l.retired IS NULL"

/* Of a row of a page. */
#define OF_SERIES DIMENSION_SQL("k.")
#define SINCE     TIME_TEXT("k.since")
#define SILENT    TIME_TEXT("i.since")
#define FIRST     TIME_TEXT("e.first")
#define LAST      TIME_TEXT("e.last")
#define MARK      MARK_OF_ROW("now()", "now()")

#define SHORT_FACETS 5 /* values of each dimension when all of them are asked for */

int builder_about_now(struct builder *b)
{
    if (b->q->instant == 1 || b->q->from_us > FIRST_US || b->q->to_us < LAST_US) {
        return builder_fault(b, "when: expected past ... future, since this is about now");
    }
    return 0;
}

void builder_states(struct builder *b, bool in_range, const char *of_series)
{
    builder_add(b, ", states AS MATERIALIZED (SELECT * FROM states_at(now(), ARRAY(SELECT id FROM"
                   " asked), ");
    if (in_range) {
        builder_add(b, "$%d::int, $%d::int", b->low, b->high);
    } else {
        builder_add(b, "1, 5");
    }
    builder_add(b, ", %s))", of_series);
}

void builder_fitting(struct builder *b, const char *how)
{
    builder_add(b, ", fitting AS %sMATERIALIZED (SELECT s.* FROM series s WHERE %s", how,
                b->name == 0 ? "true" : "EXISTS (SELECT FROM asked)");
    if (b->series) {
        builder_add(b, " AND s.id IN (SELECT id FROM matched)");
    }
}

void builder_silent(struct builder *b)
{
    builder_add(b,
                ", silent AS MATERIALIZED (SELECT u.id AS series_id, min(u.since) AS since,"
                " min(u.since) FILTER (WHERE u.of_probe) AS of_probe,"
                " min(u.every) FILTER (WHERE NOT u.of_probe) AS every,"
                " min(u.every) FILTER (WHERE u.of_probe) AS every_of_probe FROM (SELECT f.id,"
                " l.silent_from AS since, trim_scale(l.expected_us / 1000000.0) AS every,"
                " false AS of_probe FROM silence l JOIN fitting f ON f.id = l.series_id"
                " WHERE l.series_id IS NOT NULL AND " SILENT_NOW
                " UNION ALL SELECT f.id, l.silent_from, trim_scale(l.expected_us / 1000000.0), true"
                " FROM silence l JOIN fitting f"
                " ON f.probe = l.probe WHERE l.series_id IS NULL AND " SILENT_NOW
                ") AS u GROUP BY u.id)");
}

/* ---- which series there are ---- */

/*
 * The rows of `page`: of each series one for each name it has a state of, or one without a name. Of
 * a range that has all, no more series are looked at than there can be rows.
 */
static void add_page(struct builder *b, int limit)
{
    bool all = b->q->grade_low == 0 && b->q->grade_high == 5;
    builder_fitting(b, "");
    if (b->has_cursor) {
        builder_add(b, " AND s.id >= $%d::bigint", builder_number(b, (uint64_t)b->cursor.keys[0]));
    }
    if (all) { /* one more: that of the cursor may have no rows left */
        builder_add(b, " ORDER BY s.id LIMIT $%d::bigint + 1", limit);
    }
    builder_add(b, ")");
    builder_states(b, false, "ARRAY(SELECT id FROM fitting)");
    builder_add(b,
                ", page AS MATERIALIZED (SELECT * FROM (SELECT f.*,"
                " coalesce(t.grade_id, 0) AS grade_id, t.grade, t.since, CASE WHEN t.present THEN"
                " 'present' WHEN t.series_id IS NOT NULL THEN 'over' ELSE 'ungraded' END AS state"
                " FROM fitting f LEFT JOIN states t ON t.series_id = f.id) AS k WHERE"
                " CASE WHEN k.state = 'present' THEN k.grade ELSE 0 END BETWEEN $%d::int"
                " AND $%d::int",
                b->low, b->high);
    builder_after(b, "k.id, k.grade_id", ">");
    builder_add(b, " ORDER BY k.id, k.grade_id LIMIT $%d::bigint)", limit);
}

/* The page, the silences of its series, and `listed`: their numbers. */
static int begin_page(struct builder *b, uint64_t rows)
{
    if (builder_about_now(b) == -1) {
        return -1;
    }
    add_page(b, builder_number(b, rows));
    builder_silent(b);
    builder_add(b, ", listed AS MATERIALIZED (SELECT ARRAY(SELECT DISTINCT id FROM page) AS ids)");
    return 0;
}

/* What is told of each of its rows, and where from. */
#define OF_PAGE OF_SERIES ", k.id, n.name, k.grade, k.state, " SINCE ", " SILENT
#define FROM_PAGE                                                                                  \
    " FROM page k JOIN series s ON s.id = k.id LEFT JOIN grade_name n ON n.id = k.grade_id"        \
    " LEFT JOIN (SELECT e.* FROM listed, ends_of(listed.ids) e) AS e ON e.series_id = k.id"        \
    " LEFT JOIN silent i ON i.series_id = k.id"
#define PAGE_ORDER " ORDER BY k.id, k.grade_id"

int builder_which(struct builder *b, uint64_t rows)
{
    if (begin_page(b, rows) == -1) {
        return -1;
    }
    builder_windows(b, "now()", "now()");
    builder_add(b,
                " SELECT " OF_PAGE ", " FIRST ", " LAST ", coalesce(c.records, 0), " MARK
                ", %s" FROM_PAGE " LEFT JOIN (SELECT c.* FROM listed, records_of(listed.ids) c) AS "
                "c ON c.series_id = k.id" PAGE_ORDER,
                cursor_sql(QUERY_SERIES));
    return 0;
}

/* The last record is looked for where metrics are asked for only. */
int builder_exported(struct builder *b, uint64_t rows)
{
    if (begin_page(b, rows) == -1) {
        return -1;
    }
    builder_add(b, ", named (name) AS (VALUES (NULL::text)");
    for (uint32_t i = 0; i < b->q->metrics_count; i++) {
        if (!pattern_is_text(b->q->metrics[i])) {
            return builder_fault(b, "metrics: expected names of metrics in UTF-8");
        }
        builder_add(b, ", ($%d)", builder_text(b, b->q->metrics[i]));
    }
    builder_add(b,
                "), lasts AS MATERIALIZED (SELECT u.id, (SELECT jsonb_object_agg(n.name, v.value)"
                " FROM unnest(c.results, m.\"values\"[1:cardinality(c.results)]) AS v (name, value)"
                " JOIN named n ON n.name = v.name WHERE v.value IS NOT NULL) AS metrics"
                " FROM listed, unnest(listed.ids) AS u (id) CROSS JOIN LATERAL last_record(u.id,"
                " '-infinity', 'infinity') AS m JOIN schema c ON c.id = m.schema_id WHERE %s)",
                b->q->metrics_count > 0 ? "true" : "false");
    builder_add(b,
                " SELECT " OF_PAGE ", " LAST ", m.metrics::text, %s" FROM_PAGE
                " LEFT JOIN lasts m ON m.id = k.id" PAGE_ORDER,
                cursor_sql(QUERY_EXPORTED));
    return 0;
}

/* ---- values of dimensions ---- */

/* Of one dimension records are counted by its values at once, of all of them by series first. */
static void add_values(struct builder *b, enum dimension d, bool all, int begins, int limit)
{
    const char *name = dimension_rows[d].name;
    builder_add(b,
                "(SELECT %d AS place, '%s' AS dimension, v.value, v.series, v.bad,"
                " coalesce(%s.records, 0) AS records FROM (SELECT f.%s AS value, count(*) AS"
                " series, count(*) FILTER (WHERE f.bad) AS bad%s FROM facts f",
                (int)d, name, all ? "v" : "r", name, all ? ", sum(f.records) AS records" : "");
    if (begins != 0) {
        builder_add(b, " WHERE starts_with(f.%s, $%d)", name, begins);
    }
    builder_add(b, " GROUP BY f.%s) AS v", name);
    if (!all) {
        builder_add(b, " LEFT JOIN records_of_values('%s', %s) r ON r.value = v.value", name,
                    builder_series_array(b));
    }
    builder_add(b, " ORDER BY series DESC, records DESC, v.value LIMIT $%d::bigint)", limit);
}

/* Of each series whether it is bad, and where all dimensions are asked for, how many records it
 * has. */
static void add_facts(struct builder *b, bool all)
{
    const char *how = all ? "" : "NOT ";
    builder_fitting(b, how);
    builder_add(b, ")");
    builder_states(b, true, builder_series_array(b));
    builder_add(b,
                ", facts AS %sMATERIALIZED (SELECT f.*, w.series_id IS NOT NULL AS bad%s"
                " FROM fitting f LEFT JOIN (SELECT DISTINCT series_id FROM states WHERE present)"
                " AS w ON w.series_id = f.id",
                how, all ? ", c.records" : "");
    if (all) {
        builder_add(b, " LEFT JOIN records_of(%s) c ON c.series_id = f.id",
                    builder_series_array(b));
    }
    builder_add(b, ")");
}

/* In which windows series with the value are now. */
static void add_mark_of_value(struct builder *b)
{
    builder_add(b, "CASE WHEN EXISTS (SELECT FROM held) THEN (SELECT"
                   " maintenance_numbers(array_agg(h.number)) FROM held h WHERE CASE v.dimension");
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        builder_add(b, " WHEN '%s' THEN h.%s", dimension_rows[d].name, dimension_rows[d].name);
    }
    builder_add(b, " END = v.value) END");
}

int builder_facets(struct builder *b, uint64_t rows)
{
    const struct query_message *q = b->q;
    bool all = q->facet.len == 0 || slice_is(q->facet, "all");
    int only = all ? -1 : builder_dimension(b, "facet.dimension", q->facet);
    if ((!all && only == -1) || builder_about_now(b) == -1) {
        return -1;
    }
    if (q->grade_low == 0) {
        return builder_fault(b,
                             "range.grade: expected grades within 1 ... 5, since what has none is "
                             "not bad");
    }
    if (!pattern_is_text(q->begins)) {
        return builder_fault(b, "facet.begins: expected UTF-8 without NUL");
    }
    int limit = builder_number(b, all && q->limit == 0 ? SHORT_FACETS : rows);
    int begins = q->begins.len == 0 ? 0 : builder_text(b, q->begins);
    add_facts(b, all);
    builder_windows(b, "now()", "now()");
    builder_held(b, NULL);
    builder_add(b, " SELECT dimension, value, series, bad, records, ");
    add_mark_of_value(b);
    builder_add(b, " FROM (");
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (all || only == (int)d) {
            builder_add(b, "%s", all && d > 0 ? " UNION ALL " : "");
            add_values(b, d, all, begins, limit);
        }
    }
    builder_add(b, ") AS v ORDER BY place, series DESC, records DESC, value");
    return 0;
}
