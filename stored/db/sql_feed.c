/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about events and the feed of changes (schemas/sql/0017-feed.sql). */
#include "schemas/feed_kinds.h"
#include "stored/db/sql_parts.h"

#define EVENT_TELL                                                                                 \
    "INSERT INTO event (series_id, grade_id, t, t_end, key, from_grade, to_grade, flap)"           \
    " SELECT u.series_id, u.grade_id, u.t, u.t_end, u.key, nullif(u.from_grade, 0),"               \
    " u.to_grade & 7, u.to_grade >= 8" /* a flap's */                                              \
    " FROM unnest(" KEY_ARRAYS ", $6::smallint[], $7::smallint[])"                                 \
    " AS u (series_id, grade_id, t, t_end, key, from_grade, to_grade)" /* One holds there already  \
                                                                          where somebody else      \
                                                                          changed what is derived  \
                                                                          from records. */         \
    " ON CONFLICT (series_id, grade_id, t, t_end, key) WHERE retracted_at IS NULL"                 \
    " DO UPDATE SET from_grade = EXCLUDED.from_grade, to_grade = EXCLUDED.to_grade,"               \
    " flap = EXCLUDED.flap"

#define EVENT_RETRACT                                                                              \
    "UPDATE event e SET retracted_at = clock_timestamp()"                                          \
    " FROM unnest(" KEY_ARRAYS ") AS u (series_id, grade_id, t, t_end, key)"                       \
    " WHERE e.series_id = u.series_id AND e.grade_id = u.grade_id"                                 \
    "   AND e.t = u.t AND e.t_end = u.t_end AND e.key = u.key AND e.retracted_at IS NULL"

/* With an entry for each, in the transaction of this number, behind the nth. */
#define FED(change, what, kind, arrival, n)                                                        \
    "WITH c AS (" change " RETURNING " what ")"                                                    \
    " INSERT INTO feed (arrival, n, kind, event_id, series_id, grade_id, t, from_grade, to_grade," \
    " detail)"                                                                                     \
    " SELECT " arrival "::bigint, " n "::integer + row_number() OVER (ORDER BY id), '" kind        \
    "', id, series_id, grade_id, t, from_grade, to_grade, CASE WHEN flap THEN"                     \
    " jsonb_build_object('flap', true) END FROM c"

const char sql_event_tell[] = EVENT_TELL;
const char sql_event_tell_fed[] = FED(EVENT_TELL, "*", FEED_EVENT, "$8", "$9");
const char sql_event_retract[] = EVENT_RETRACT;
const char sql_event_retract_fed[] = FED(EVENT_RETRACT, "e.*", FEED_RETRACTION, "$6", "$7");

const char sql_feed_grading[] =
    "INSERT INTO feed (arrival, n, kind, detail) VALUES ($1::bigint, 1, '" FEED_GRADING "',"
    " jsonb_build_object('version', $2::integer, 'author', $3::text))";

/* Of a store that had gaps: a new one gets all of them. $1, $2: those that it is to have. */
const char sql_feed_due_gaps[] =
    "WITH was AS MATERIALIZED (SELECT type, gap FROM record_type),"
    " becomes AS MATERIALIZED (SELECT type, us * interval '1 microsecond' AS gap"
    "  FROM unnest($1::text[], $2::bigint[]) AS u (type, us)),"
    " both_gaps AS (SELECT type, coalesce(o.gap, (SELECT gap FROM was WHERE type = '')) AS was_gap,"
    "  coalesce(n.gap, (SELECT gap FROM becomes WHERE type = '')) AS gap"
    "  FROM was o FULL JOIN becomes n USING (type))"
    " INSERT INTO feed_due AS d (kind, subject, detail)"
    " SELECT '" FEED_GAP "', type, jsonb_build_object('type', type,"
    "  'was_s', extract(epoch FROM was_gap)::double precision,"
    "  'gap_s', extract(epoch FROM gap)::double precision)"
    " FROM both_gaps WHERE was_gap <> gap"
    " ON CONFLICT (kind, subject) DO UPDATE SET detail = d.detail || (excluded.detail - 'was_s')";

const char sql_feed_due_rebuild[] =
    "INSERT INTO feed_due (kind, subject, detail) VALUES ('" FEED_REBUILD "', '',"
    " jsonb_build_object('reason', $1::text, 'result', 'broken off'))"
    " ON CONFLICT (kind, subject) DO UPDATE SET detail = excluded.detail";

const char sql_feed_due_rebuilt[] =
    "UPDATE feed_due SET detail = detail || jsonb_build_object('result', $1::text, 'differences',"
    " $2::bigint) WHERE kind = '" FEED_REBUILD "'";

/* Of the kind $1; "": of any. */
#define OF_KIND(parameter) "(" parameter "::text = '' OR kind = " parameter "::text)"

const char sql_feed_due_count[] = "SELECT count(*) FROM feed_due WHERE " OF_KIND("$1");

const char sql_feed_due_tell[] = "WITH due AS (DELETE FROM feed_due WHERE " OF_KIND(
    "$1") " RETURNING *)"
          " INSERT INTO feed (arrival, n, kind, detail)"
          " SELECT $2::bigint, row_number() OVER (ORDER BY kind, subject), kind, detail FROM due";

/* A cursor behind all there is, as list.cursor has it. */
const char sql_feed_notify[] =
    "SELECT pg_notify('ezrepo_feed', concat_ws('.', 'c' || a.last, 2147483647,"
    " arrival_mark_of(a.last))) FROM (SELECT arrival_last() AS last) AS a";

/* The oldest transactions' entries that were told before $1, of about $2 entries at most. */
const char sql_feed_remove[] =
    "WITH oldest AS MATERIALIZED (SELECT arrival, told_at FROM feed ORDER BY arrival, n"
    "   LIMIT $2::integer),"
    " until AS MATERIALIZED (SELECT max(arrival) AS arrival FROM oldest"
    "   WHERE told_at < $1::timestamptz),"
    " cut AS (UPDATE feed_cut SET below = greatest(below, arrival + 1) FROM until"
    "   WHERE arrival IS NOT NULL),"
    " gone AS (DELETE FROM feed WHERE arrival <= (SELECT arrival FROM until) RETURNING n)"
    " SELECT count(*) FROM gone";

/*
 * What is told of the store's size (figures.h): the clock, the database's bytes, entries of the
 * feed, of many as PostgreSQL estimates them, and the oldest; what all hours of the ledger lost.
 */
const char sql_figures[] =
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,"
    " pg_database_size(current_database()), greatest(e.about,"
    " (SELECT count(*) FROM (SELECT FROM feed WHERE e.about < 100000 LIMIT 100000) AS f)),"
    " (SELECT extract(epoch FROM told_at)::bigint FROM feed ORDER BY arrival, n LIMIT 1),"
    " l.dropped, l.lost, l.maybe_lost, l.holes"
    " FROM (SELECT reltuples::bigint AS about FROM pg_class WHERE oid = 'feed'::regclass) AS e,"
    " (SELECT sum(dropped)::bigint AS dropped, sum(lost)::bigint AS lost,"
    " sum(maybe_lost)::bigint AS maybe_lost, sum(holes)::bigint AS holes FROM ledger_instance)"
    " AS l";
