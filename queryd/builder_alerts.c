/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements that alerts are made of: what is to be told, as alertd asks for it, and which
 * alerts were told. No I/O.
 */
#include "queryd/builder.h"
#include "queryd/why/now_lines.h"

/* Bad pairs that are not in maintenance, the longest bad first. */
static void add_bad(struct builder *b, int limit)
{
    builder_states(b, true, builder_series_array(b));
    builder_add(b,
                ", told AS MATERIALIZED (SELECT t.* FROM states t WHERE t.present AND NOT"
                " in_maintenance(t.series_id, now(), now())"
                " ORDER BY t.since, t.series_id, t.grade_id LIMIT $%d::bigint)"
                ", listed AS MATERIALIZED (SELECT array_agg(series_id) AS ids,"
                " array_agg(grade_id) AS names, array_agg(since) AS since FROM told)",
                limit);
}

static void add_grades(struct builder *b, int limit)
{
    add_bad(b, limit);
    builder_add(b, " SELECT 'series', " DIMENSION_SQL("s."));
    builder_add(b, ", n.name, t.grade, t.series_id, " TIME_TEXT("t.since"));
    builder_add(b, ", " TIME_TEXT("e.last") ", 1, f.grading_version");
    builder_add(b, ", " TIME_TEXT("g.published_at") ", NULL");
    builder_add(b, ", f.grade::text, f.grading_version::text, " TIME_TEXT("g.published_at"));
    builder_add(b, ", array_to_json(c.results)::text,"
                   " array_to_json(f.\"values\"[1:cardinality(c.results)])::text");
    builder_add(b, ", " TIME_TEXT("f.t_start"));
    builder_add(b, " FROM told t JOIN series s ON s.id = t.series_id"
                   " JOIN asked n ON n.id = t.grade_id"
                   " LEFT JOIN (SELECT e.* FROM listed, ends_of(listed.ids) e) AS e"
                   " ON e.series_id = t.series_id"
                   " LEFT JOIN (SELECT f.* FROM listed,"
                   " last_graded(listed.ids, listed.names, listed.since) f) AS f"
                   " ON f.series_id = t.series_id AND f.grade_id = t.grade_id"
                   " LEFT JOIN schema c ON c.id = f.schema_id"
                   " LEFT JOIN grading g ON g.version = f.grading_version"
                   " ORDER BY t.since, t.series_id, t.grade_id");
}

/* Of a probe: one of its series fits, and is not in maintenance. */
static void add_silences(struct builder *b, int limit)
{
    builder_add(
        b, " SELECT CASE WHEN l.series_id IS NULL THEN 'probe' ELSE 'series' END,"
           " s.type, s.content, l.probe, s.source, s.dest, s.path, NULL, NULL, l.series_id,"
           " " TIME_TEXT("l.silent_from") ", " TIME_TEXT(
               "l.last_end") ","
                             " CASE WHEN l.series_id IS NULL THEN (SELECT count(*) FROM series p"
                             " WHERE p.probe = l.probe) ELSE 1 END, NULL, NULL, NULL" NOW_NO_FACTS
                             " FROM silence l LEFT JOIN series s ON s.id = l.series_id"
                             " WHERE l.silent_until IS NULL AND l.retracted IS NULL AND l.retired "
                             "IS NULL AND"
                             " CASE WHEN l.series_id IS NULL THEN EXISTS (SELECT FROM series p");
    builder_add(b, "%s WHERE p.probe = l.probe AND NOT in_maintenance(p.id, now(), now())) ELSE",
                b->series ? " JOIN matched USING (id)" : "");
    builder_add(b, "%s NOT in_maintenance(l.series_id, now(), now()) END",
                b->series ? " l.series_id IN (SELECT id FROM matched) AND" : "");
    builder_add(b, " ORDER BY l.silent_from, l.number LIMIT $%d::bigint", limit);
}

int builder_telling(struct builder *b, uint64_t rows)
{
    if (builder_about_now(b) == -1) {
        return -1;
    }
    int limit = builder_number(b, rows);
    b->c->explainer = &telling_explainer;
    if (b->q->silences == 1) {
        add_silences(b, limit);
    } else {
        add_grades(b, limit);
    }
    return 0;
}

/* Who may see some series only sees theirs, and no evidence, since that shows the grading. */
int builder_alerts(struct builder *b, uint64_t rows)
{
    static const char *const which[ALERTS_RANGES] = {[ALERTS_FIRING] = " AND i.resolved_at IS NULL",
                                                     [ALERTS_ALL] = "",
                                                     [ALERTS_UNSETTLED] = " AND NOT i.settled"};
    int from = builder_time(b, b->from_us), to = builder_time(b, b->to_us);
    builder_add(b,
                ", page AS MATERIALIZED (SELECT i.*, i.fired_at AS t FROM alert i WHERE"
                " i.fired_at >= $%d::timestamptz AND i.fired_at < $%d::timestamptz%s",
                from, to, which[b->q->ended]);
    if (b->series) {
        builder_add(b, " AND CASE WHEN i.series_id IS NULL THEN i.probe <> '' AND EXISTS"
                       " (SELECT FROM series p JOIN matched USING (id) WHERE p.probe = i.probe)"
                       " ELSE i.series_id IN (SELECT id FROM matched) END");
    }
    builder_after(b, "i.fired_at, i.number", "<");
    builder_add(
        b,
        " ORDER BY i.fired_at DESC, i.number DESC LIMIT $%d::bigint)"
        " SELECT " TIME_TEXT(
            "k.t") ", s.type, s.content,"
                   " CASE WHEN k.series_id IS NULL THEN nullif(k.probe, '') ELSE s.probe END,"
                   " s.source, s.dest, s.path, k.route, nullif(k.grade_name, ''), " TIME_TEXT(
                       "k.since") ", " TIME_TEXT("k.resolved_at") ", k.id, %s, k.series_id, %s, %s"
                                                                  " FROM page k LEFT JOIN series s "
                                                                  "ON s.id = k.series_id"
                                                                  " ORDER BY k.t DESC, k.number "
                                                                  "DESC",
        builder_number(b, rows), b->bound ? "NULL" : "k.key", b->bound ? "NULL" : "k.said::text",
        cursor_sql(QUERY_ALERTS));
    return 0;
}
