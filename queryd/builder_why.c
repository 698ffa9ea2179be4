/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement that gathers what an explanation is made of. Its rows are of two columns, what they
 * are and a JSON object: `series` for each that fits (the first of them), `record`, `name` for each
 * grade name asked for. queryd/why/why.c reads them. No I/O.
 */
#include "common/record_dimensions.h"
#include "queryd/builder.h"
#include "queryd/why/why.h"

#define START     TIME_TEXT("m.t_start")
#define END       TIME_TEXT("m.t_end")
#define PUBLISHED TIME_TEXT("g.published_at")
/* Those of the first transaction of a second stand for all of it. */
#define RECEIVED  "to_char(a.received_at, 'YYYY-MM-DD HH24:MI:SS')"
#define COMMITTED "to_char(a.committed_at, 'YYYY-MM-DD HH24:MI:SS')"
#define BEGAN     TIME_TEXT("n.t_start")
#define REACHES   TIME_TEXT("greatest(n.t_end, more.t_end)")
#define NEXT      TIME_TEXT("n.next_t")
#define CHANGED   TIME_TEXT("e.t")
#define TOLD      TIME_TEXT("e.told_at")
#define RETRACTED TIME_TEXT("e.retracted_at")
#define GAP       "extract(epoch FROM gap.gap)"
#define MARK      MARK_OF_ROW("m.t_start", "m.t_end")
#define AFTER     "extract(epoch FROM n.next_t - n.t_end)"

/* Which series fit, and the one if it is one. */
static void add_series(struct builder *b)
{
    builder_add(
        b,
        ", fitting AS MATERIALIZED (SELECT s.* FROM series s WHERE EXISTS (SELECT FROM asked)"
        "%s LIMIT %d), one AS MATERIALIZED (SELECT f.* FROM fitting f"
        " WHERE (SELECT count(*) FROM fitting) = 1)",
        b->series ? " AND s.id IN (SELECT id FROM matched)" : "", WHY_SERIES_COUNTED + 1);
}

/* The last record, and of each name the period at it and the next one. */
static void add_places(struct builder *b)
{
    int from = builder_time(b, b->q->instant == 1 ? INT64_MIN : b->from_us);
    int to = builder_time(b, b->to_us);
    builder_add(b,
                ", latest AS MATERIALIZED (SELECT m.* FROM one CROSS JOIN LATERAL"
                " last_record(one.id, $%d::timestamptz, $%d::timestamptz) m),"
                " named AS MATERIALIZED (SELECT l.series_id, a.id AS grade_id, a.name,"
                " p.t_start, p.start_end, p.start_key, p.grade AS of_grade,"
                " p.ended, p.flap, p.t_end, p.records, p.through_t, p.through_end, p.through_key,"
                " n.t_start AS next_t, n.start_end AS next_end, n.start_key AS next_key"
                " FROM latest l CROSS JOIN asked a LEFT JOIN LATERAL (SELECT p.* FROM period p"
                " WHERE p.series_id = l.series_id AND p.grade_id = a.id"
                " AND (p.t_start, p.start_end, p.start_key) <= (l.t_start, l.t_end, l.key)"
                " ORDER BY p.t_start DESC, p.start_end DESC, p.start_key DESC LIMIT 1) AS p ON true"
                " LEFT JOIN LATERAL (SELECT p2.* FROM period p2 WHERE p2.series_id = p.series_id"
                " AND p2.grade_id = p.grade_id AND (p2.t_start, p2.start_end, p2.start_key)"
                " > (p.t_start, p.start_end, p.start_key)"
                " ORDER BY p2.t_start, p2.start_end, p2.start_key LIMIT 1) AS n ON true)",
                from, to);
    builder_windows(b, "'-infinity'", "'infinity'"); /* its records may lie far apart */
}

/* As an object of their dimensions, and how many fit. */
static void add_series_facts(struct builder *b)
{
    builder_add(b, " SELECT what, facts FROM ((SELECT 1 AS part, 'series' AS what,"
                   " json_build_object(");
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        builder_add(b, "'%s', f.%s, ", dimension_rows[d].name, dimension_rows[d].name);
    }
    builder_add(b,
                "'fit', (SELECT count(*) FROM fitting)) AS facts FROM fitting f"
                " ORDER BY f.type, f.content, f.probe, f.source, f.dest, f.path LIMIT %d)",
                WHY_SERIES_SHOWN);
}

/*
 * The last one, and those that began and ended its periods. A key is text, since it has more digits
 * than every reader of JSON keeps.
 */
static void add_record_facts(struct builder *b)
{
    builder_add(
        b,
        " UNION ALL SELECT 2, 'record', json_build_object('start', " START ", 'end', " END
        ", 'key', m.key::text, 'digest', key_digest(m.key), 'row', m.row, 'label', m.label,"
        " 'version', m.grading_version, 'author', g.author, 'published', " PUBLISHED
        ", 'names', c.results, 'values', m.\"values\"[1:cardinality(c.results)], 'door', o.door,"
        " 'format', o.format, 'received', " RECEIVED ", 'committed', " COMMITTED
        ", 'ingestd', l.instance, 'maintenance', " MARK
        ", 'hops', cardinality(h.addresses), 'latest', EXISTS (SELECT"
        " FROM latest y WHERE y.t_start = m.t_start AND y.key = m.key), 'grades', (SELECT"
        " json_object_agg(n.name, u.grade) FROM unnest(m.grades) WITH ORDINALITY AS u (grade, id)"
        " JOIN grade_name n ON n.id = u.id))");
    builder_add(b, " FROM (SELECT * FROM latest UNION SELECT m.* FROM named n"
                   " CROSS JOIN LATERAL record_at(n.series_id, n.t_start, n.start_key) m"
                   " UNION SELECT m.* FROM named n"
                   " CROSS JOIN LATERAL record_at(n.series_id, n.next_t, n.next_key) m) AS m"
                   " JOIN series s ON s.id = m.series_id"
                   " JOIN schema c ON c.id = m.schema_id JOIN origin o ON o.id = m.origin"
                   " LEFT JOIN grading g ON g.version = m.grading_version"
                   " LEFT JOIN hops h ON h.id = m.hops_id LEFT JOIN ledger l ON l.id = m.ledger_id"
                   " LEFT JOIN LATERAL (SELECT a.* FROM arrival a WHERE a.number <= m.arrival"
                   " ORDER BY a.number DESC LIMIT 1) AS a ON true");
}

static void add_period_facts(struct builder *b)
{
    builder_add(
        b,
        " UNION ALL SELECT 3, 'name', json_build_object('name', n.name, 'gap_s', " GAP
        ", 'gap_type', gap.type, 'period', CASE WHEN n.t_start IS NOT NULL"
        " THEN json_build_object('start', " BEGAN
        ", 'key', n.start_key::text, 'grade', n.of_grade, 'end', " REACHES
        ", 'records', n.records + coalesce(more.records, 0), 'ended', n.ended, 'flap', n.flap) END,"
        " 'next', CASE WHEN n.next_t IS NOT NULL THEN json_build_object('start', " NEXT
        ", 'key', n.next_key::text, 'after_s', " AFTER ") END");
}

/* The one at the period's start, and those within it that hold no more. */
static void add_event_facts(struct builder *b)
{
    builder_add(
        b,
        ", 'event', (SELECT json_build_object('from', e.from_grade, 'to', e.to_grade, 'told', " TOLD
        ") FROM event e WHERE e.series_id = n.series_id AND e.grade_id = n.grade_id"
        " AND e.t = n.t_start AND e.t_end = n.start_end AND e.key = n.start_key"
        " AND e.retracted_at IS NULL), 'retracted', (SELECT json_agg(json_build_object('time',"
        " " CHANGED ", 'from', e.from_grade, 'to', e.to_grade, 'told', " TOLD
        ", 'retracted', " RETRACTED ") ORDER BY e.retracted_at DESC, e.id DESC)"
        " FROM (SELECT e.* FROM event e WHERE e.series_id = n.series_id"
        " AND e.grade_id = n.grade_id AND e.retracted_at IS NOT NULL AND e.t >= n.t_start"
        " AND e.t <= coalesce(n.next_t, 'infinity')"
        " AND (e.t, e.t_end, e.key) >= (n.t_start, n.start_end, n.start_key) AND (n.next_t IS NULL"
        " OR (e.t, e.t_end, e.key) < (n.next_t, n.next_end, n.next_key))"
        " ORDER BY e.retracted_at DESC, e.id DESC LIMIT %d) AS e)) FROM named n",
        WHY_RETRACTED_SHOWN);
}

/* An open period's records since it was written; of one that has ended, strictly, none. */
static void add_since(struct builder *b)
{
    builder_add(b, " LEFT JOIN LATERAL period_since(n.series_id, n.grade_id,"
                   " CASE WHEN n.ended IS NULL THEN n.through_t END, n.through_end, n.through_key)"
                   " AS more ON true CROSS JOIN LATERAL (SELECT r.gap, r.type"
                   " FROM record_type r, one WHERE r.type IN (one.type, '')"
                   " ORDER BY r.type DESC LIMIT 1) AS gap) AS facts ORDER BY part");
}

void builder_why(struct builder *b)
{
    b->c->explainer = &why_explainer;
    add_series(b);
    add_places(b);
    add_series_facts(b);
    add_record_facts(b);
    add_period_facts(b);
    add_event_facts(b);
    add_since(b);
}
