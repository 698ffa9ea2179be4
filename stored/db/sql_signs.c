/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about signs of life and absences (schemas/sql/0021-absence.sql). */
#include "schemas/feed_kinds.h"
#include "stored/db/sql_parts.h"

#define UTC_TEXT(time) "to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"

/* Those heard of last first; of one ingestd itself first. */
const char sql_signs[] = "SELECT ingestd, process, last_sign, absent_since IS NOT NULL FROM sign"
                         " ORDER BY last_sign DESC LIMIT $1::integer";

/* Of $1 the last signs. Who gave one was not absent behind it: a clock was wrong. */
const char sql_sign_keep[] =
    "WITH told AS MATERIALIZED (SELECT process, last_sign"
    "  FROM unnest($2::text[], $3::timestamptz[]) AS u (process, last_sign)),"
    " gone AS (DELETE FROM absence a USING told t WHERE a.ingestd = $1::text"
    "  AND a.process = t.process AND a.t_from >= t.last_sign),"
    " cut AS (UPDATE absence a SET t_to = t.last_sign FROM told t WHERE a.ingestd = $1::text"
    "  AND a.process = t.process AND a.t_from < t.last_sign AND a.t_to > t.last_sign)"
    " INSERT INTO sign AS s (ingestd, process, last_sign)"
    " SELECT $1::text, process, last_sign FROM told"
    " ON CONFLICT (ingestd, process) DO UPDATE SET last_sign = excluded.last_sign"
    " WHERE s.absent_since IS NULL";

/* How many of these times the store does not know to be missed. */
const char sql_sign_news[] =
    "SELECT count(*) FROM unnest($3::timestamptz[], $4::timestamptz[]) AS u (t_from, t_to)"
    " WHERE NOT EXISTS (SELECT FROM absence a WHERE a.ingestd = $1::text AND a.process = $2::text"
    "  AND a.t_from = u.t_from AND a.t_to >= u.t_to)";

/*
 * What becomes known of a process: $4 whether it is absent now, $5 its last sign, $6 and $7 when it
 * was absent before. What changes by that is told, in the transaction $1.
 */
const char sql_sign_tell[] =
    "WITH was AS MATERIALIZED (SELECT absent_since FROM sign"
    "  WHERE ingestd = $2::text AND process = $3::text AND absent_since IS NOT NULL),"
    " put AS (INSERT INTO sign AS s (ingestd, process, last_sign, absent_since)"
    "  VALUES ($2::text, $3::text, $5::timestamptz,"
    "   CASE WHEN $4::smallint = 1 THEN $5::timestamptz END)"
    "  ON CONFLICT (ingestd, process) DO UPDATE SET last_sign = excluded.last_sign,"
    "   absent_since = CASE WHEN $4::smallint = 1"
    "    THEN coalesce(s.absent_since, excluded.absent_since) END),"
    " missed AS (INSERT INTO absence AS a (ingestd, process, t_from, t_to)"
    "  SELECT $2::text, $3::text, t_from, max(t_to)"
    "  FROM unnest($6::timestamptz[], $7::timestamptz[]) AS u (t_from, t_to) GROUP BY t_from"
    "  ON CONFLICT (ingestd, process, t_from) DO UPDATE SET t_to = excluded.t_to"
    "   WHERE a.t_to < excluded.t_to RETURNING t_from, t_to),"
    " told AS ("
    "  SELECT t_from, '" FEED_PRESENCE
    "' AS kind, jsonb_build_object('from', " UTC_TEXT("t_from") ", 'to', " UTC_TEXT(
        "t_to") ") AS detail FROM missed"
                "  UNION ALL SELECT 'infinity', '" FEED_PRESENCE "', '{}'"
                "   FROM was WHERE $4::smallint = 0 AND NOT EXISTS (SELECT FROM missed)"
                "  UNION ALL SELECT 'infinity', '" FEED_ABSENCE
                "', jsonb_build_object('since', " UTC_TEXT(
                    "$5::timestamptz") ") WHERE $4::smallint = 1 AND NOT EXISTS (SELECT FROM was))"
                                       " INSERT INTO feed (arrival, n, kind, detail)"
                                       " SELECT $1::bigint, row_number() OVER (ORDER BY t_from), "
                                       "kind,"
                                       "  jsonb_build_object('process', $3::text, 'ingestd', "
                                       "$2::text) || detail FROM told";

/* Nobody waits any more for who was not heard of since $2; by now, $3, its absence has an end. */
const char sql_sign_give_up[] =
    "WITH gone AS (DELETE FROM sign WHERE last_sign < $2::timestamptz RETURNING *),"
    " missed AS (INSERT INTO absence AS a (ingestd, process, t_from, t_to)"
    "  SELECT ingestd, process, last_sign, $3::timestamptz FROM gone"
    "  ON CONFLICT (ingestd, process, t_from) DO UPDATE SET t_to = excluded.t_to)"
    " INSERT INTO feed (arrival, n, kind, detail)"
    " SELECT $1::bigint, row_number() OVER (ORDER BY ingestd, process), '" FEED_ABSENCE "',"
    "  jsonb_build_object('process', process, 'ingestd', ingestd, 'since', " UTC_TEXT(
        "last_sign") ", 'given_up', true) FROM gone";

/* Of times before $1, for which nothing is kept any more; and of the newest $2 the rest. */
const char sql_absence_remove[] =
    "WITH newest AS (SELECT t_to FROM absence ORDER BY t_to DESC OFFSET $2::integer LIMIT 1),"
    " gone AS (DELETE FROM absence WHERE t_to < $1::timestamptz"
    "  OR t_to <= (SELECT t_to FROM newest) RETURNING t_to)"
    " SELECT count(*) FROM gone";
