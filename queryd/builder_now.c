/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement about what is bad now. Rows, in this order: how many pairs are in which state; what
 * is bad, the worst first, as groups that a value of one dimension explains and as single series;
 * what changed lately and is not bad. docs/semantics.md, "Now", has the rules. No I/O.
 *
 *   states -> bad -> candidates (values that 3 bad ones share) -> groups (those that explain)
 *                 -> assigned (each bad one to its greatest group) -> shown (groups of 3) + single
 *
 * Of the single ones that are listed the last record comes along, for their lines
 * (queryd/why/now_lines.c).
 */
#include "common/record_dimensions.h"
#include "queryd/builder.h"
#include "queryd/why/now_lines.h"

#define LEAST "3" /* bad ones that make a group */

/* By which dimension equal groups are told: the first that is the same. */
static const enum dimension explaining[] = {DIMENSION_dest, DIMENSION_source,  DIMENSION_probe,
                                            DIMENSION_path, DIMENSION_content, DIMENSION_type};

static const char *name_at(unsigned place)
{
    return dimension_rows[explaining[place - 1]].name;
}

/* `bad`, and how many pairs of each name are present, and how many of these bad. */
static void add_bad(struct builder *b)
{
    builder_add(b,
                ", bad AS MATERIALIZED (SELECT t.*, " DIMENSION_SQL(
                    "s.") " FROM states t JOIN series s ON s.id = t.series_id WHERE t.present"
                          " AND t.grade BETWEEN $%d::int AND $%d::int)"
                          ", sizes AS MATERIALIZED (SELECT grade_id, count(*) AS series,"
                          " count(*) FILTER (WHERE grade BETWEEN $%d::int AND $%d::int) AS bad"
                          " FROM states WHERE present GROUP BY grade_id)",
                b->low, b->high, b->low, b->high);
}

/*
 * Place 0 is all there is, the others are the dimensions. `known` is not read where there is no
 * candidate.
 */
static void add_candidates(struct builder *b)
{
    builder_add(b, ", candidates AS MATERIALIZED (SELECT grade_id, 0 AS place, '' AS value, bad"
                   " FROM sizes WHERE bad >= " LEAST);
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        const char *name = name_at(i);
        builder_add(b,
                    " UNION ALL SELECT grade_id, %u, %s, count(*) FROM bad WHERE %s <> ''"
                    " GROUP BY grade_id, %s HAVING count(*) >= " LEAST,
                    i, name, name, name);
    }
    builder_add(b, "), known AS MATERIALIZED (SELECT t.grade_id, " DIMENSION_SQL(
                       "s.") " FROM states t JOIN series s ON s.id = t.series_id WHERE t.present"
                             " AND EXISTS (SELECT FROM candidates WHERE place > 0))");
}

/* Those of whose pairs nine of ten are bad, and of all others at most half. */
static void add_groups(struct builder *b)
{
    builder_add(b, ", counted AS (SELECT grade_id, 0 AS place, '' AS value, series FROM sizes");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        const char *name = name_at(i);
        builder_add(b,
                    " UNION ALL SELECT grade_id, %u, %s, count(*) FROM known"
                    " WHERE (grade_id, %s) IN (SELECT grade_id, value FROM candidates"
                    " WHERE place = %u) GROUP BY grade_id, %s",
                    i, name, name, i, name);
    }
    builder_add(
        b,
        "), groups AS MATERIALIZED (SELECT c.*, n.series FROM candidates c"
        " JOIN counted n USING (grade_id, place, value) JOIN sizes z USING (grade_id)"
        " WHERE c.bad * 10 >= n.series * 9 AND (z.bad - c.bad) * 2 <= z.series - n.series%s)",
        b->q->each == 1 ? " AND false" : "");
}

/* Each bad pair with the place of its group: that with the most bad ones, the first of equals. */
static void add_assigned(struct builder *b)
{
    builder_add(b, ", assigned AS MATERIALIZED (SELECT b.*, a.place FROM bad b");
    for (unsigned i = 0; i <= DIMENSION_COUNT; i++) {
        builder_add(b, " LEFT JOIN groups g%u ON g%u.grade_id = b.grade_id AND g%u.place = %u", i,
                    i, i, i);
        if (i > 0) {
            builder_add(b, " AND g%u.value = b.%s", i, name_at(i));
        }
    }
    builder_add(b, " CROSS JOIN LATERAL (SELECT CASE greatest(");
    for (unsigned i = 0; i <= DIMENSION_COUNT; i++) {
        builder_add(b, "%sg%u.bad", i == 0 ? "" : ", ", i);
    }
    builder_add(b, ")");
    for (unsigned i = 0; i <= DIMENSION_COUNT; i++) {
        builder_add(b, " WHEN g%u.bad THEN %u", i, i);
    }
    builder_add(b, " END AS place) AS a)");
}

/* Groups that have enough left, with what all of them share, and who is in none of them. */
static void add_shown(struct builder *b)
{
    builder_add(b, ", members AS (SELECT *, CASE place WHEN 0 THEN ''");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        builder_add(b, " WHEN %u THEN %s", i, name_at(i));
    }
    builder_add(b,
                " END AS value FROM assigned), shown AS MATERIALIZED (SELECT m.grade_id, m.place,"
                " m.value, min(m.grade) AS grade, min(m.since) AS since");
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const char *name = dimension_rows[d].name;
        builder_add(b, ", CASE WHEN min(m.%s) = max(m.%s) THEN min(m.%s) END AS %s", name, name,
                    name, name);
    }
    builder_add(b,
                " FROM members m WHERE m.place IS NOT NULL GROUP BY 1, 2, 3"
                " HAVING count(*) >= " LEAST "), single AS MATERIALIZED (SELECT m.* FROM members m"
                " LEFT JOIN shown s USING (grade_id, place, value) WHERE s.grade_id IS NULL)");
}

/* "dest 192.0.2.9: 37 of 37 series" */
#define GROUP_LINE                                                                                 \
    "CASE s.place WHEN 0 THEN 'all of them' ELSE (ARRAY['dest', 'source', 'probe', 'path',"        \
    " 'content', 'type'])[s.place] || ' ' || s.value END || ': ' || g.bad || ' of ' || g.series"   \
    " || ' series'"

/* What is listed, each kind in its order: `k` in the answer. */
static void add_listed(struct builder *b, int limit)
{
    builder_add(
        b,
        ", listed AS MATERIALIZED (SELECT * FROM (SELECT 'group' AS kind, " DIMENSION_SQL(
            "s.") ", s.grade_id, s.grade, s.since, g.series, g.bad, s.place, s.value, 0 AS "
                  "series_id,"
                  " NULL::timestamptz AS since_end, NULL::bigint AS since_key, " GROUP_LINE
                  " AS line FROM shown s JOIN groups g USING (grade_id, place, value)"
                  " UNION ALL SELECT 'series', " DIMENSION_COLUMNS
                  ", grade_id, grade, since, NULL, NULL, NULL, NULL, series_id, since_end,"
                  " since_key, NULL FROM single) AS l ORDER BY grade, kind, bad DESC NULLS LAST,"
                  " since DESC, grade_id, place, value, series_id LIMIT $%d::bigint)",
        limit);
    builder_add(b,
                ", changed AS MATERIALIZED (SELECT t.* FROM states t WHERE t.present AND NOT"
                " t.grade BETWEEN $%d::int AND $%d::int AND t.since > now() - $%d::bigint *"
                " interval '1 second' ORDER BY t.since DESC, t.grade_id, t.series_id"
                " LIMIT $%d::bigint)",
                b->low, b->high, builder_number(b, b->q->changed_s), limit);
}

/* Their last records; of who may not see the grading none. */
static void add_facts(struct builder *b)
{
    builder_add(b,
                ", facts AS MATERIALIZED (SELECT f.series_id, f.grade_id, f.grade,"
                " f.grading_version, g.published_at, array_to_json(c.results)::text AS names,"
                " array_to_json(f.\"values\"[1:cardinality(c.results)])::text AS \"values\""
                " FROM (SELECT array_agg(series_id) AS ids, array_agg(grade_id) AS names,"
                " array_agg(since) AS since FROM listed WHERE kind = 'series'%s) AS l"
                " CROSS JOIN LATERAL last_graded(l.ids, l.names, l.since) f"
                " JOIN schema c ON c.id = f.schema_id"
                " LEFT JOIN grading g ON g.version = f.grading_version)",
                b->bound ? " AND false" : "");
}

/* How many pairs are how: a row for each grade, for those that are over, and those without one. */
static void add_totals(struct builder *b)
{
    builder_add(
        b, ", totals AS (SELECT 'total' AS kind, grade_id, grade, count(*) AS series FROM states"
           " WHERE present GROUP BY grade_id, grade UNION ALL"
           " SELECT 'over', grade_id, NULL, count(*) FROM states WHERE NOT present"
           " GROUP BY grade_id UNION ALL SELECT 'ungraded', a.id, NULL, (SELECT count(*)"
           " FROM fitting) - (SELECT count(*) FROM states t WHERE t.grade_id = a.id)"
           " FROM asked a)");
}

#define NO_DIMENSIONS "NULL, NULL, NULL, NULL, NULL, NULL"
#define NO_FACTS      "NULL::text, NULL::text, NULL::text, NULL::text, NULL::text"

static void add_answer(struct builder *b)
{
    builder_add(
        b,
        " SELECT k.kind, " DIMENSION_SQL("k.") ", n.name, k.grade, e.from_grade, " TIME_TEXT(
            "k.since") ", k.series, k.bad, k.line, k.record_grade, k.version, k.published, k.names,"
                       " k.\"values\" FROM (SELECT 1 AS part, row_number() OVER (ORDER BY grade_id,"
                       " kind = 'ungraded', kind = 'over', grade) AS row, kind, " NO_DIMENSIONS
                       ", grade_id, grade, NULL::timestamptz, series, NULL::bigint, 0,"
                       " NULL::timestamptz, NULL::bigint, NULL::text, " NO_FACTS
                       " FROM totals WHERE series > 0 UNION ALL SELECT 2, row_number() OVER ("
                       "ORDER BY l.grade, kind, bad DESC NULLS LAST, l.since DESC, grade_id, place,"
                       " value, series_id), l.kind, " DIMENSION_SQL(
                           "l.") ", grade_id, l.grade,"
                                 " l.since, l.series, l.bad, series_id, l.since_end, l.since_key,"
                                 " l.line, f.grade::text, f.grading_version::text, " TIME_TEXT(
                                     "f.published_at") ","
                                                       " f.names, f.\"values\" FROM listed l LEFT "
                                                       "JOIN facts f"
                                                       " USING (series_id, grade_id) UNION ALL"
                                                       " SELECT 3, row_number() OVER (ORDER BY "
                                                       "c.since DESC, c.grade_id,"
                                                       " c.series_id), 'changed', " DIMENSION_SQL(
                                                           "s.") ", c.grade_id, c.grade,"
                                                                 " c.since, NULL, NULL, "
                                                                 "c.series_id, c.since_end, "
                                                                 "c.since_key, NULL, " NO_FACTS
                                                                 " FROM changed c JOIN series s ON "
                                                                 "s.id = c.series_id) AS k (part, "
                                                                 "row, kind, " DIMENSION_COLUMNS
                                                                 ", grade_id, grade, since, "
                                                                 "series, bad, series_id,"
                                                                 " since_end, since_key, line, "
                                                                 "record_grade, version, "
                                                                 "published, names,"
                                                                 " \"values\") JOIN grade_name n "
                                                                 "ON n.id = k.grade_id LEFT JOIN "
                                                                 "event e"
                                                                 " ON e.series_id = k.series_id "
                                                                 "AND e.grade_id = k.grade_id AND "
                                                                 "e.t = k.since"
                                                                 " AND e.t_end = k.since_end AND "
                                                                 "e.key = k.since_key"
                                                                 " AND e.retracted_at IS NULL "
                                                                 "ORDER BY k.part, k.row");
}

int builder_now(struct builder *b, uint64_t rows)
{
    if (builder_about_now(b) == -1) {
        return -1;
    }
    if (b->q->grade_low == 0) {
        return builder_fault(b,
                             "range.grade: expected grades within 1 ... 5, since what has none is"
                             " not bad");
    }
    b->c->explainer = &now_explainer;
    builder_fitting(b);
    builder_add(b, ")");
    builder_states(b, false, builder_series_array(b));
    add_bad(b);
    add_candidates(b);
    add_groups(b);
    add_assigned(b);
    add_shown(b);
    add_listed(b, builder_number(b, rows));
    add_facts(b);
    add_totals(b);
    add_answer(b);
    return 0;
}
