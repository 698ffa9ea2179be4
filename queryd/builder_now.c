/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement about what is bad now. Rows, in this order: how many pairs are in which state; what
 * is bad, the worst first, as groups that a value of one dimension explains and as single series;
 * what is silent; what changed lately and is not bad. docs/semantics.md, "Now", has the rules. No
 * I/O.
 *
 *   states -> bad -> assigned (each bad one to its greatest group) -> shown (groups of 3) + single
 *          -> kinds (how many are how)
 *   bad    -> candidates (values of many) -> shares (how many of them are good) -> groups (those
 *             that explain)
 *
 * What is in maintenance explains nothing and is explained by nothing else: it makes a group for
 * each window, of whatever size, behind all others.
 *
 * Of the single ones that are listed the last record comes along, for their lines
 * (queryd/why/now_lines.c).
 */
#include "common/record_dimensions.h"
#include "queryd/builder.h"
#include "queryd/why/now_lines.h"

#define LEAST     "3" /* bad ones that make a group */
#define OF_WINDOW "7" /* the place of a window of maintenance, behind those of the dimensions */

/* By which dimension equal groups are told: the first that is the same. */
static const enum dimension explaining[] = {DIMENSION_dest, DIMENSION_source,  DIMENSION_probe,
                                            DIMENSION_path, DIMENSION_content, DIMENSION_type};

static const char *name_at(unsigned place)
{
    return dimension_rows[explaining[place - 1]].name;
}

/*
 * `maintained`: which series are in maintenance, by all windows and by the newest of them;
 * `worked_on`: of each of these, how many pairs are in it, and how many of them are bad.
 */
static void add_maintained(struct builder *b)
{
    builder_windows(b, "now()", "now()");
    builder_held(b, NULL);
    builder_add(b,
                ", maintained AS MATERIALIZED (SELECT id AS series_id, max(number) AS newest,"
                " maintenance_numbers(array_agg(number)) AS windows FROM held GROUP BY id),"
                " worked_on AS MATERIALIZED (SELECT t.grade_id, m.newest, count(*) AS series,"
                " count(*) FILTER (WHERE t.grade BETWEEN $%d::int AND $%d::int) AS bad"
                " FROM maintained m JOIN states t USING (series_id) WHERE t.present GROUP BY 1, 2)",
                b->low, b->high);
}

/* How many pairs are how; of each name how many are present and in no maintenance, and how many of
 * these are bad. */
static void add_kinds(struct builder *b)
{
    builder_add(b,
                ", kinds AS MATERIALIZED (SELECT grade_id, grade, present, count(*) AS series"
                " FROM states GROUP BY 1, 2, 3), whole AS MATERIALIZED (SELECT grade_id,"
                " sum(series)::bigint AS series, sum(bad)::bigint AS bad FROM (SELECT grade_id,"
                " series, CASE WHEN grade BETWEEN $%d::int AND $%d::int THEN series ELSE 0 END AS"
                " bad FROM kinds WHERE present UNION ALL SELECT grade_id, -series, -bad"
                " FROM worked_on) AS k GROUP BY 1)",
                b->low, b->high);
}

/* A condition that PostgreSQL expects half of all to fit: with two of columns it expects few. */
#define PRESENT_AND "CASE WHEN t.present THEN %s t.grade BETWEEN $%d::int AND $%d::int END"

static void add_bad(struct builder *b)
{
    builder_add(b,
                ", bad AS MATERIALIZED (SELECT t.*, " DIMENSION_SQL(
                    "s.") ", m.newest, m.windows FROM states t JOIN series s ON s.id = t.series_id"
                          " LEFT JOIN maintained m ON m.series_id = t.series_id WHERE " PRESENT_AND
                          ")",
                "", b->low, b->high);
}

/* The columns name, place and value of what is grouped by add_values(); a place is a dimension. */
static void add_place(struct builder *b)
{
    builder_add(b, "grade_id, CASE GROUPING(");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        builder_add(b, "%s%s", i == 1 ? "" : ", ", name_at(i));
    }
    builder_add(b, ")");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) { /* a bit for each, the first is the highest */
        unsigned all = (1U << DIMENSION_COUNT) - 1;
        builder_add(b, " WHEN %u THEN %u", all & ~(1U << (DIMENSION_COUNT - i)), i);
    }
    builder_add(b, " END AS place, coalesce(");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        builder_add(b, "%s%s", i == 1 ? "" : ", ", name_at(i));
    }
    builder_add(b, ") AS value");
}

/* All values of all dimensions in one pass. */
static void add_values(struct builder *b)
{
    builder_add(b, " GROUP BY GROUPING SETS (");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        builder_add(b, "%s(grade_id, %s)", i == 1 ? "" : ", ", name_at(i));
    }
    builder_add(b, ")");
}

/* Values of which enough are bad, and so many that few enough of the others may be. */
static void add_candidates(struct builder *b)
{
    builder_add(b, ", bads AS MATERIALIZED (SELECT ");
    add_place(b);
    builder_add(b, ", count(*) AS bad FROM bad WHERE newest IS NULL");
    add_values(b);
    builder_add(b,
                " HAVING count(*) >= " LEAST "), candidates AS MATERIALIZED (SELECT v.* FROM bads v"
                " JOIN whole z USING (grade_id) WHERE v.value <> ''"
                " AND (z.bad - v.bad) * 2 <= z.series - v.bad%s)",
                b->q->each == 1 ? " AND false" : "");
}

/* How many of their series are good: of dimensions that have none nothing is looked at. */
static void add_shares(struct builder *b)
{
    builder_add(b, ", shares AS MATERIALIZED (SELECT ");
    add_place(b);
    builder_add(b, ", count(*) AS good FROM (SELECT t.grade_id");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        builder_add(b,
                    ", CASE WHEN (SELECT true FROM candidates WHERE place = %u LIMIT 1)"
                    " THEN s.%s END AS %s",
                    i, name_at(i), name_at(i));
    }
    builder_add(b,
                " FROM states t JOIN series s ON s.id = t.series_id WHERE " PRESENT_AND
                " AND (SELECT true FROM candidates LIMIT 1)"
                " AND t.series_id NOT IN (SELECT series_id FROM maintained) OFFSET 0) AS t",
                "NOT", b->low, b->high);
    add_values(b);
    builder_add(b, ")");
}

/* Values that explain; place 0 is all there is. Of each place the numbers of bad ones by name and
 * value, to be looked up. */
static void add_groups(struct builder *b)
{
    builder_add(b,
                ", groups AS MATERIALIZED (SELECT v.* FROM (SELECT c.grade_id, c.place, c.value,"
                " c.bad + coalesce(t.good, 0) AS series, c.bad FROM candidates c"
                " LEFT JOIN shares t USING (grade_id, place, value)"
                " UNION ALL SELECT grade_id, 0, '', series, bad FROM whole WHERE bad >= " LEAST
                "%s) AS v JOIN whole z USING (grade_id) WHERE v.bad * 10 >= v.series * 9"
                " AND (z.bad - v.bad) * 2 <= z.series - v.series"
                " UNION ALL SELECT grade_id, " OF_WINDOW ", newest::text, series, bad"
                " FROM worked_on%s),"
                " maps AS MATERIALIZED (SELECT place, jsonb_object_agg(grade_id || ' ' || value,"
                " bad) AS map FROM groups GROUP BY place)",
                b->q->each == 1 ? " AND false" : "", b->q->each == 1 ? " WHERE false" : "");
}

/*
 * Each bad pair with the place of its group: that with the most bad ones, the first of equals. They
 * are looked up in maps: to join seven dimensions, most of which have no group, takes longer.
 * OFFSET has each looked up once.
 */
static void add_assigned(struct builder *b)
{
    builder_add(b,
                ", assigned AS NOT MATERIALIZED (SELECT b.*, CASE WHEN newest IS NOT NULL THEN %s"
                " ELSE CASE greatest(",
                b->q->each == 1 ? "NULL" : OF_WINDOW);
    for (unsigned i = 0; i <= DIMENSION_COUNT; i++) {
        builder_add(b, "%sg%u", i == 0 ? "" : ", ", i);
    }
    builder_add(b, ")");
    for (unsigned i = 0; i <= DIMENSION_COUNT; i++) {
        builder_add(b, " WHEN g%u THEN %u", i, i);
    }
    builder_add(b, " END END AS place FROM (SELECT b.*");
    for (unsigned i = 0; i <= DIMENSION_COUNT; i++) {
        const char *map = "SELECT map FROM maps WHERE place =";
        builder_add(b,
                    ", CASE WHEN EXISTS (%s %u) THEN ((%s %u) ->> (grade_id || ' ' || %s))::bigint"
                    " END AS g%u",
                    map, i, map, i, i == 0 ? "''" : name_at(i), i);
    }
    builder_add(b, " FROM bad b OFFSET 0) AS b)");
}

/* Groups that have enough left, with what all of them share, and who is in none of them. */
static void add_shown(struct builder *b)
{
    builder_add(b, ", members AS MATERIALIZED (SELECT *, CASE place WHEN 0 THEN ''");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        builder_add(b, " WHEN %u THEN %s", i, name_at(i));
    }
    builder_add(
        b,
        " ELSE newest::text END AS value FROM assigned), shown AS MATERIALIZED (SELECT m.grade_id,"
        " m.place, m.value, CASE m.place WHEN 0 THEN 'all of them'");
    for (unsigned i = 1; i <= DIMENSION_COUNT; i++) {
        builder_add(b, " WHEN %u THEN '%s ' || m.value", i, name_at(i));
    }
    builder_add(b, " ELSE (SELECT 'maintenance ' || m.value || ' until ' || to_char((w.m).t_until,"
                   " 'YYYY-MM-DD HH24:MI:SS') || ' (' || (w.m).reason || ')' FROM windows w"
                   " WHERE (w.m).number::text = m.value) END AS said, min(m.grade) AS grade, "
                   "min(m.since) AS since");
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const char *name = dimension_rows[d].name;
        builder_add(b, ", CASE WHEN min(m.%s) = max(m.%s) THEN min(m.%s) END AS %s", name, name,
                    name, name);
    }
    builder_add(b, " FROM members m WHERE m.place IS NOT NULL GROUP BY 1, 2, 3"
                   " HAVING count(*) >= " LEAST " OR m.place = " OF_WINDOW
                   "), single AS NOT MATERIALIZED (SELECT m.* FROM"
                   " members m LEFT JOIN shown s USING (grade_id, place, value)"
                   " WHERE s.grade_id IS NULL)");
}

/* What is in maintenance last; the worst first, groups before series, those of the most bad ones
 * first, what is so since last. */
#define LISTED_ORDER                                                                               \
    "l.windows IS NOT NULL, l.grade, l.kind, l.bad DESC NULLS LAST, l.since DESC, l.grade_id, "    \
    "l.place, l.value,"                                                                            \
    " l.series_id"

/* What is bad and what changed, as much of it as there may be rows. */
static void add_listed(struct builder *b, int limit)
{
    builder_add(b, ", listed AS MATERIALIZED (SELECT * FROM (SELECT CASE s.place WHEN " OF_WINDOW
                   " THEN 'maintenance' ELSE 'group' END AS kind, " DIMENSION_SQL("s."));
    builder_add(b, ", s.grade_id, s.grade, s.since, g.series, g.bad, s.place, s.value,"
                   " 0 AS series_id, NULL::timestamptz AS since_end, NULL::bigint AS since_key,"
                   " CASE s.place WHEN " OF_WINDOW " THEN s.value END AS windows,"
                   " s.said || ': ' || g.bad || ' of ' || g.series || ' series' AS line"
                   " FROM shown s JOIN groups g USING (grade_id, place, value)"
                   " UNION ALL SELECT 'series', " DIMENSION_COLUMNS);
    builder_add(b,
                ", grade_id, grade, since, NULL, NULL, NULL, NULL, series_id, since_end,"
                " since_key, windows, NULL FROM single) AS l ORDER BY " LISTED_ORDER
                " LIMIT $%d::bigint)",
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
                " array_to_json(f.\"values\"[1:cardinality(c.results)])::text AS \"values\","
                " f.t_start"
                " FROM (SELECT array_agg(series_id) AS ids, array_agg(grade_id) AS names,"
                " array_agg(since) AS since FROM listed WHERE kind = 'series'%s) AS l"
                " CROSS JOIN LATERAL last_graded(l.ids, l.names, l.since) f"
                " JOIN schema c ON c.id = f.schema_id"
                " LEFT JOIN grading g ON g.version = f.grading_version)",
                b->bound ? " AND false" : "");
}

/* ---- the rows of the answer ---- */

#define NO_DIMENSIONS ", NULL, NULL, NULL, NULL, NULL, NULL"

/* The columns of `k`: what the rows are in order by, what the answer has, what goes with it. */
#define ROW_COLUMNS                                                                                \
    "part, row, kind, " DIMENSION_COLUMNS ", grade_id, grade, since, silent, series, bad,"         \
    " series_id, since_end, since_key, windows, line, every, bad_since, record_grade, version, "   \
    "published,"                                                                                   \
    " names, \"values\", started"

/* How many pairs are how: a row for each grade, for those that are over, those without one, and
 * those that are bad but in maintenance; and how many series are silent. */
static void add_total_rows(struct builder *b)
{
    builder_add(b,
                ", totals AS (SELECT 'total' AS kind, 1 AS place, grade_id, grade, series"
                " FROM kinds WHERE present"
                " UNION ALL SELECT 'over', 2, grade_id, NULL, sum(series)::bigint FROM kinds"
                " WHERE NOT present GROUP BY grade_id"
                " UNION ALL SELECT 'ungraded', 3, a.id, NULL, (SELECT count(*) FROM fitting) -"
                " coalesce((SELECT sum(series) FROM kinds t WHERE t.grade_id = a.id), 0)::bigint"
                " FROM asked a UNION ALL SELECT 'maintained', 4, grade_id, NULL, sum(bad)::bigint"
                " FROM worked_on GROUP BY grade_id"
                " UNION ALL SELECT 'silent', 5, NULL, NULL, count(*) FROM silent)");
    builder_add(b, " , k (" ROW_COLUMNS ") AS (SELECT 1, row_number() OVER (ORDER BY grade_id,"
                   " place, grade), kind" NO_DIMENSIONS ", grade_id, grade, NULL::timestamptz,"
                   " NULL::timestamptz, series, NULL::bigint, 0, NULL::timestamptz, NULL::bigint,"
                   " NULL::text, NULL::text, NULL::numeric, NULL::text" NOW_NO_FACTS
                   " FROM totals WHERE series > 0");
}

/* Of a series that is silent, by itself or with its probe. */
#define EVERY     "coalesce(i.every, i.every_of_probe)"
#define BAD_SINCE TIME_TEXT("coalesce(o.bad_since, q.bad_since)")

/*
 * Since when the pairs `m` are bad without a break: the start of the first period behind the last
 * one before that is not bad, or ended by a gap.
 */
static void add_bad_since(struct builder *b)
{
    builder_add(b,
                " LEFT JOIN LATERAL (SELECT p.t_start, p.start_end, p.start_key FROM period p"
                " WHERE p.series_id = m.series_id AND p.grade_id = m.grade_id AND (p.t_start,"
                " p.start_end, p.start_key) < (m.since, m.since_end, m.since_key) AND (p.ended ="
                " 'gap' OR NOT p.grade BETWEEN $%d::int AND $%d::int) ORDER BY p.t_start DESC,"
                " p.start_end DESC, p.start_key DESC LIMIT 1) AS g ON true CROSS JOIN LATERAL"
                " (SELECT p.t_start FROM period p WHERE p.series_id = m.series_id AND p.grade_id ="
                " m.grade_id AND (p.t_start, p.start_end, p.start_key) > (coalesce(g.t_start,"
                " '-infinity'), coalesce(g.start_end, '-infinity'), coalesce(g.start_key, -1))"
                " ORDER BY p.t_start, p.start_end, p.start_key LIMIT 1) AS n",
                b->low, b->high);
}

/* Of the rows that are listed: of a group that of the member that has been bad for longest. OFFSET
 * has only members of those looked up, not all that are bad. */
static void add_since(struct builder *b)
{
    builder_add(b, ", grouped_since AS (SELECT m.grade_id, m.place, m.value, min(n.t_start) AS"
                   " bad_since FROM (SELECT m.* FROM members m JOIN listed l ON l.kind <> 'series'"
                   " AND l.grade_id = m.grade_id AND l.place = m.place AND l.value = m.value"
                   " OFFSET 0) AS m");
    add_bad_since(b);
    builder_add(b, " GROUP BY 1, 2, 3), single_since AS (SELECT m.series_id, m.grade_id,"
                   " n.t_start AS bad_since FROM listed m");
    add_bad_since(b);
    builder_add(b, " WHERE m.kind = 'series')");
}

static void add_bad_rows(struct builder *b)
{
    builder_add(b, " UNION ALL SELECT 2, row_number() OVER (ORDER BY " LISTED_ORDER
                   "), l.kind, " DIMENSION_SQL("l."));
    builder_add(
        b,
        ", l.grade_id, l.grade, l.since, i.since, l.series, l.bad, l.series_id,"
        " l.since_end, l.since_key, l.windows, l.line, " EVERY ", " BAD_SINCE ", f.grade::text,"
        " f.grading_version::text,"
        " " TIME_TEXT("f.published_at") ", f.names, f.\"values\", " TIME_TEXT(
            "f.t_start") " FROM listed l"
                         " LEFT JOIN silent i ON i.series_id = l.series_id LEFT JOIN facts f"
                         " ON f.series_id = l.series_id AND f.grade_id = l.grade_id"
                         " LEFT JOIN single_since o ON o.series_id = l.series_id AND o.grade_id ="
                         " l.grade_id LEFT JOIN grouped_since q ON q.grade_id = l.grade_id AND"
                         " q.place = l.place AND q.value = l.value");
}

/* Of a probe in which windows its silent series are. */
#define PROBE_MARK                                                                                 \
    "CASE WHEN EXISTS (SELECT FROM held) THEN (SELECT maintenance_numbers(array_agg(h.number))"    \
    " FROM held h WHERE h.probe = f.probe AND h.id IN (SELECT series_id FROM silent)) END"

#define SILENT_ORDER "r.windows IS NOT NULL, r.since DESC, r.probe, r.series_id"

/* Probes, and series that are silent though their probe is not; what is in maintenance last. */
static void add_silent_rows(struct builder *b, int limit)
{
    builder_add(b,
                " UNION ALL (SELECT 3, row_number() OVER (ORDER BY " SILENT_ORDER
                "), r.* FROM (SELECT 'silence', NULL, NULL, f.probe AS probe, NULL,"
                " NULL, NULL, NULL::smallint, NULL::smallint, NULL::timestamptz,"
                " min(i.of_probe) AS since, count(*), NULL::bigint, 0 AS series_id,"
                " NULL::timestamptz, NULL::bigint, " PROBE_MARK " AS windows, NULL::text,"
                " min(i.every_of_probe), NULL::text" NOW_NO_FACTS
                " FROM silent i JOIN fitting f ON f.id = i.series_id WHERE i.of_probe IS NOT NULL"
                " GROUP BY f.probe");
    builder_add(b, " UNION ALL SELECT 'silence', " DIMENSION_SQL("f."));
    builder_add(b,
                ", NULL, NULL, NULL, i.since, NULL, NULL, i.series_id, NULL, NULL, m.windows,"
                " NULL, i.every, NULL::text" NOW_NO_FACTS
                " FROM silent i JOIN fitting f ON f.id = i.series_id"
                " LEFT JOIN maintained m ON m.series_id = i.series_id WHERE i.of_probe IS NULL)"
                " AS r ORDER BY " SILENT_ORDER " LIMIT $%d::bigint)",
                limit);
}

static void add_changed_rows(struct builder *b)
{
    builder_add(b, " UNION ALL SELECT 4, row_number() OVER (ORDER BY c.since DESC, c.grade_id,"
                   " c.series_id), 'changed', " DIMENSION_SQL("s."));
    builder_add(b, ", c.grade_id, c.grade, c.since, i.since, NULL, NULL, c.series_id, c.since_end,"
                   " c.since_key, m.windows, NULL, " EVERY ", NULL::text" NOW_NO_FACTS
                   " FROM changed c JOIN series s"
                   " ON s.id = c.series_id LEFT JOIN silent i ON i.series_id = c.series_id"
                   " LEFT JOIN maintained m ON m.series_id = c.series_id)");
}

/* From which grade a pair came the event at the start of its period says. */
static void add_answer(struct builder *b)
{
    builder_add(b, " SELECT k.kind, " DIMENSION_SQL("k."));
    builder_add(b, ", n.name, k.grade, e.from_grade, " TIME_TEXT("k.since"));
    builder_add(b,
                ", " TIME_TEXT(
                    "k.silent") ", k.series, k.bad, k.windows, k.line, k.every, k.bad_since,"
                                " k.record_grade,"
                                " k.version, k.published, k.names, k.\"values\", k.started FROM k"
                                " LEFT JOIN grade_name n ON n.id = k.grade_id"
                                " LEFT JOIN event e ON e.series_id = k.series_id AND e.grade_id = "
                                "k.grade_id"
                                " AND e.t = CASE WHEN k.since_key IS NOT NULL THEN k.since END"
                                " AND e.t_end = k.since_end AND e.key = k.since_key"
                                " AND e.retracted_at IS NULL ORDER BY k.part, k.row");
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
    int limit = builder_number(b, rows);
    b->c->explainer = &now_explainer;
    builder_fitting(b, "NOT ");
    builder_add(b, ")");
    builder_states(b, false, builder_series_array(b));
    add_maintained(b);
    add_kinds(b);
    add_bad(b);
    add_candidates(b);
    add_shares(b);
    add_groups(b);
    add_assigned(b);
    add_shown(b);
    builder_silent(b);
    add_listed(b, limit);
    add_facts(b);
    add_since(b);
    add_total_rows(b);
    add_bad_rows(b);
    add_silent_rows(b, limit);
    add_changed_rows(b);
    add_answer(b);
    return 0;
}
