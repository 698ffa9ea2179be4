/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about windows of maintenance (schemas/sql/0026-maintenance.sql). */
#include "schemas/feed_kinds.h"
#include "stored/db/sql_parts.h"

#define UTC_TEXT(time) "to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"

/* What it is, without when and why. */
#define CRITERIA_OBJECT                                                                            \
    "jsonb_strip_nulls(jsonb_build_object('type', nullif(type, '*'), 'content',"                   \
    " nullif(content, '*'), 'probe', nullif(probe, '*'), 'source', nullif(source, '*'),"           \
    " 'dest', nullif(dest, '*'), 'path', nullif(path, '*')))"

#define WINDOW_OBJECT                                                                              \
    "jsonb_build_object('number', number, 'criteria', " CRITERIA_OBJECT ", 'from', " UTC_TEXT(     \
        "t_from") ", 'to', " UTC_TEXT("t_to") ", 'reason', reason, 'author', author)"

const char sql_maintenance_add[] =
    "WITH added AS (INSERT INTO maintenance (type, content, probe, source, dest, path, likes,"
    "  source_prefix, dest_prefix, t_from, t_to, reason, author)"
    "  VALUES (($2::text[])[1], ($2::text[])[2], ($2::text[])[3], ($2::text[])[4],"
    "   ($2::text[])[5], ($2::text[])[6], $3::text[], $4::text::inet, $5::text::inet,"
    "   $6::timestamptz, $7::timestamptz, $8::text, $9::text) RETURNING *),"
    " told AS (INSERT INTO feed (arrival, n, kind, detail)"
    "  SELECT $1::bigint, 1, '" FEED_MAINTENANCE "', " WINDOW_OBJECT
    " || '{\"state\": \"known\"}' FROM added)"
    " SELECT number FROM added";

/* Of one that has not ended: its number. */
const char sql_maintenance_end[] =
    "UPDATE maintenance SET ended_by = $2::text, ended_at = $3::timestamptz"
    " WHERE number = $1::bigint AND ended_at IS NULL AND t_to > $3::timestamptz RETURNING number";

/* The newest before $1, at most $2, as one document of at most so many bytes. */
const char sql_maintenance_list[] =
    "SELECT coalesce(jsonb_agg(object ORDER BY number DESC)"
    "  FILTER (WHERE bytes < 900000), '[]')::text"
    " FROM (SELECT number, object, sum(length(object::text)) OVER (ORDER BY number DESC) AS bytes"
    "  FROM (SELECT number, " WINDOW_OBJECT
    " || jsonb_build_object('made', " UTC_TEXT("made_at") ", 'ended', " UTC_TEXT(
        "ended_at") ", 'ended_by', ended_by, 'state', CASE"
                    "  WHEN t_until <= t_from THEN 'never began'"
                    "  WHEN t_until <= $3::timestamptz THEN 'over'"
                    "  WHEN t_from <= $3::timestamptz THEN 'in force' ELSE 'to come' END) AS object"
                    "  FROM maintenance WHERE number < $1::bigint ORDER BY number DESC LIMIT "
                    "$2::integer) AS w) AS b";

/* When the next of them begins or ends. */
const char sql_maintenance_due[] =
    "SELECT min(CASE WHEN told = 1 AND t_from < t_until THEN t_from ELSE t_until END)"
    " FROM maintenance WHERE told < 3";

/* That windows begin and end by $2, in the transaction $1. What never began only ends. */
const char sql_maintenance_tell[] =
    "WITH due AS MATERIALIZED (SELECT * FROM maintenance WHERE told < 3"
    "  AND (t_until <= $2::timestamptz OR (told = 1 AND t_from <= $2::timestamptz))"
    "  ORDER BY number LIMIT 1000 FOR UPDATE),"
    " moved AS (UPDATE maintenance m SET told = CASE WHEN d.t_until <= $2::timestamptz THEN 3"
    "  ELSE 2 END FROM due d WHERE d.number = m.number),"
    " entries AS ("
    "  SELECT t_from AS at, number, 1 AS place, " WINDOW_OBJECT
    "   || '{\"state\": \"begins\"}' AS detail FROM due WHERE told = 1 AND t_from < t_until"
    "  UNION ALL SELECT t_until, number, 2, " WINDOW_OBJECT
    "   || jsonb_build_object('state', 'ends', 'ended_by', ended_by)"
    "   FROM due WHERE t_until <= $2::timestamptz)"
    " INSERT INTO feed (arrival, n, kind, detail)"
    " SELECT $1::bigint, row_number() OVER (ORDER BY at, number, place), '" FEED_MAINTENANCE "',"
    "  detail FROM entries";
