/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about silences that are told (schemas/sql/0022-silence.sql, 0036-silence-cheaper.sql). */
#include "schemas/feed_kinds.h"
#include "stored/db/sql_parts.h"

/* How many are others than they were. $1, $2: all there are to be. */
const char sql_intervals_put[] =
    "WITH said AS MATERIALIZED (SELECT type, us FROM unnest($1::text[], $2::bigint[]) AS u (type, "
    "us)),"
    " gone AS (DELETE FROM record_type_interval r WHERE NOT EXISTS"
    "  (SELECT FROM said WHERE said.type = r.type) RETURNING 1),"
    " put AS (INSERT INTO record_type_interval AS r SELECT type, us FROM said"
    "  ON CONFLICT (type) DO UPDATE SET interval_us = excluded.interval_us"
    "  WHERE r.interval_us <> excluded.interval_us RETURNING 1)"
    " SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM put)";

/* ---- what was told ---- */

#define TOLD                                                                                       \
    "SELECT coalesce(series_id, 0), probe,"                                                        \
    " max(greatest(as_of, silent_until - interval '1 microsecond')),"                              \
    " coalesce(max(number) FILTER (WHERE silent_until IS NULL), 0),"                               \
    " max(retire_at) FILTER (WHERE silent_until IS NULL),"                                         \
    " coalesce(bool_or(retired IS NOT NULL) FILTER (WHERE silent_until IS NULL), false),"          \
    " max(silent_until)"                                                                           \
    " FROM silence WHERE retracted IS NULL"
#define TOLD_EACH " GROUP BY series_id, probe"

const char sql_silence_told[] = TOLD TOLD_EACH;
/* Of series $1 and probes $2. */
const char sql_silence_told_of[] =
    TOLD " AND (series_id = ANY ($1::bigint[]) OR (series_id IS NULL AND probe = ANY "
         "($2::text[])))" TOLD_EACH;

/* The series behind $1, at most $2, with the last start within [$3, $4], and its end. */
const char sql_silence_series[] =
    "SELECT s.id, s.probe, r.t_start, r.t_end FROM"
    " (SELECT id, probe FROM series WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS s"
    " LEFT JOIN LATERAL (SELECT m.t_start, m.t_end FROM measurement m WHERE m.series_id = s.id"
    "  AND m.t_start >= $3::timestamptz AND m.t_start <= $4::timestamptz"
    "  ORDER BY m.t_start DESC LIMIT 1) AS r ON true ORDER BY s.id";

/* ---- what is so ---- */

#define STATE                                                                                      \
    "last, last_start, e, d, holds, low, silent_from, told_from, retire_at, ingestd, door, "       \
    "seen_from"

const char sql_silence_states[] =
    "SELECT series_id, " STATE " FROM silence_states($1::bigint[], $2::timestamptz, false)";
const char sql_silence_probe[] =
    "SELECT series_id, " STATE " FROM silence_of_probe($1::text, $2::timestamptz)";

/* ---- telling ---- */

#define UTC(time) "to_char(" time " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
/* What an entry of the feed says of a row of `silence`. */
#define DETAIL                                                                                     \
    "jsonb_build_object('silence', number, 'last', " UTC("last_end") ", 'as_of', " UTC(            \
        "as_of") ","                                                                               \
                 " 'expected_s', trim_scale(expected_us / 1e6), 'delay_s', trim_scale(delay_us / " \
                 "1e6))"
#define FEED_COLUMNS "feed (arrival, n, kind, series_id, probe, t, detail)"
#define WHOSE        "series_id, CASE WHEN series_id IS NULL THEN probe END"
/* The nth entry of the transaction $1, behind those that it has. */
#define NTH                                                                                        \
    "(SELECT coalesce(max(n), 0) FROM feed WHERE arrival = $1::bigint)"                            \
    " + row_number() OVER (ORDER BY number)"

/* All of one instant, $2: their numbers. */
const char sql_silence_tell[] =
    "WITH told AS (INSERT INTO silence (series_id, probe, silent_from, last_end, expected_us,"
    "  delay_us, retire_at, as_of, told, seen_from)"
    " SELECT nullif(u.series_id, 0), u.probe, u.silent_from, u.last_end, u.e, u.d, u.retire_at,"
    "  $2::timestamptz, $1::bigint, u.seen_from"
    " FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bigint[],"
    "  $8::bigint[], $9::timestamptz[], $10::timestamptz[]) AS u (series_id, probe, silent_from,"
    "  last_end, e, d, retire_at, seen_from) RETURNING *),"
    " fed AS (INSERT INTO " FEED_COLUMNS " SELECT $1::bigint, " NTH ", '" FEED_SILENCE "', " WHOSE
    ", silent_from, " DETAIL " FROM told)"
    " SELECT coalesce(series_id, 0), probe, number FROM told";

const char sql_silence_retire[] =
    "WITH gone AS (UPDATE silence SET retired = $1::bigint WHERE number = ANY ($2::bigint[])"
    "  AND retired IS NULL AND silent_until IS NULL AND retracted IS NULL RETURNING *)"
    " INSERT INTO " FEED_COLUMNS " SELECT $1::bigint, " NTH ", '" FEED_RETIRED "', " WHOSE
    ", retire_at, " DETAIL " FROM gone";

const char sql_silence_return[] =
    "WITH back AS (UPDATE silence s SET silent_until = u.t, ended = $1::bigint"
    "  FROM unnest($2::bigint[], $3::timestamptz[]) AS u (number, t)"
    "  WHERE s.number = u.number AND s.silent_until IS NULL AND s.retracted IS NULL RETURNING s.*)"
    " INSERT INTO " FEED_COLUMNS " SELECT $1::bigint, " NTH ", '" FEED_RETURN "', " WHOSE
    ", silent_until, " DETAIL " FROM back";

/* One more note, or another number for the one that is there. */
#define NOTE(which)                                                                                \
    "INSERT INTO silence_again AS a (series_id, probe, since) " which                              \
    " ON CONFLICT (series_id, probe, (judged > 0)) DO UPDATE"                                      \
    " SET since = least(a.since, excluded.since), asked = excluded.asked"

const char sql_silence_again_add[] =
    NOTE("SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[])");

/*
 * What was told as of an instant behind $2, or was retired though it is only then that it is, by a
 * clock that was ahead: it is judged again, as of now, $1, and is expected until its time. How
 * many.
 */
const char sql_silence_ahead[] =
    "WITH ahead AS (UPDATE silence SET as_of = least(as_of, $1::timestamptz),"
    "  retired = CASE WHEN retire_at > $1::timestamptz THEN NULL ELSE retired END"
    "  WHERE retracted IS NULL AND (as_of > $2::timestamptz"
    "   OR (retired IS NOT NULL AND silent_until IS NULL AND retire_at > $2::timestamptz))"
    "  RETURNING series_id, probe),"
    " noted AS (" NOTE(
        "SELECT coalesce(series_id, 0), CASE WHEN series_id IS NULL THEN probe ELSE"
        "  '' END, $1::timestamptz FROM ahead GROUP BY 1, 2") ")"
                                                              " SELECT count(*) FROM "
                                                              "ahead";

/* Of whom something was told behind the beginnings, $1, of absences up to $2, and was heard of last
 * before their ends. */
const char sql_silence_again_absent[] =
    NOTE("SELECT coalesce(i.series_id, 0), CASE WHEN i.series_id IS NULL THEN i.probe ELSE '' END,"
         "  min(i.as_of) FROM silence i"
         " JOIN unnest($1::timestamptz[], $2::timestamptz[]) AS u (t_from, t_to)"
         "  ON i.as_of > u.t_from AND i.last_end < u.t_to"
         " WHERE i.retracted IS NULL GROUP BY 1, 2");

/* A row of `silence` i that a note a is about, of those behind the number that are judged. */
#define IS_OF(a, judged)                                                                           \
    "(i.series_id = " a ".series_id OR (i.series_id IS NULL AND i.probe = " a ".probe))"           \
    " AND i.number > " judged " AND i.retracted IS NULL"                                           \
    " AND " a ".since < coalesce(i.silent_until, 'infinity')"

/*
 * Told silences are judged again, at most $1, each as of the instant it was told: as it is by what
 * is known now. Those that were begun come first, then what was noted longest ago. Of those whose
 * records are gone, or some of those that mattered, nothing is known. A record that starts behind
 * $2 ends none: its clock is wrong.
 */
const char sql_silence_again[] =
    "WITH due AS MATERIALIZED (SELECT a.* FROM silence_again a WHERE a.judged > 0"
    "   OR NOT EXISTS (SELECT FROM silence_again b WHERE b.series_id = a.series_id"
    "    AND b.probe = a.probe AND b.judged > 0)"
    "  ORDER BY a.judged = 0, a.asked LIMIT $1::integer),"
    " of AS MATERIALIZED (SELECT a.*, i.number, i.as_of, i.seen_from FROM due a"
    "  LEFT JOIN LATERAL (SELECT * FROM silence i WHERE " IS_OF(
        "a",
        "a.judged") "   ORDER BY i.number LIMIT $1::integer) AS i ON true"
                    "  ORDER BY a.judged = 0, a.asked, i.number LIMIT $1::integer)"
                    " SELECT o.series_id, o.probe, o.since, o.asked, o.judged, o.number, o.as_of,"
                    "  j.last IS NOT NULL AND (j.listed OR o.seen_from IS NULL"
                    "   OR NOT may_be_dropped(o.series_id, o.probe, o.seen_from)),"
                    "  j.last, j.e, j.d, j.silent_from, j.retire_at,"
                    "  next_start_of(o.series_id, o.probe, o.as_of, $2::timestamptz)"
                    " FROM of o LEFT JOIN LATERAL silence_of(o.series_id, o.probe, o.as_of) AS j"
                    "  ON o.number IS NOT NULL ORDER BY o.judged = 0, o.asked, o.number";

/*
 * What follows, by the number of each: 1 it is retracted; 2 it stands, as it is said here; 3 the
 * same, and it has ended. What was noted is done, unless it was noted anew since it was asked, or
 * silences of it are left; then it goes on behind these. Whose they were.
 */
#define OF_A_ROW "number, series_id, probe, last_end, as_of, expected_us, delay_us"
#define JUDGED_COLUMNS                                                                             \
    "series_id, probe, since, asked, judged, number, verdict, last, e, d, silent_from, retire_at," \
    " next"
#define IS_ITS_NOTE                                                                                \
    "a.series_id = r.series_id AND a.probe = r.probe AND (a.judged > 0) = (r.judged > 0)"
const char sql_silence_judged[] =
    "WITH u AS MATERIALIZED (SELECT * FROM unnest($2::bigint[], $3::text[], $4::timestamptz[],"
    "  $5::bigint[], $6::bigint[], $7::bigint[], $8::smallint[], $9::timestamptz[], $10::bigint[],"
    "  $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[])"
    "  AS u (" JUDGED_COLUMNS ")),"
    " wrong AS (UPDATE silence i SET retracted = $1::bigint FROM u WHERE i.number = u.number"
    "  AND u.verdict = 1 AND i.retracted IS NULL RETURNING i.*),"
    " right_so AS (UPDATE silence i SET silent_from = u.silent_from, last_end = u.last,"
    "   expected_us = u.e, delay_us = u.d, retire_at = u.retire_at,"
    "   silent_until = CASE WHEN u.verdict = 3 THEN least(i.silent_until, u.next)"
    "    ELSE i.silent_until END,"
    "   ended = CASE WHEN u.verdict = 3 THEN coalesce(i.ended, $1::bigint) ELSE i.ended END"
    "  FROM u WHERE i.number = u.number AND u.verdict >= 2 AND i.retracted IS NULL"
    "  RETURNING i.*, coalesce(i.ended = $1::bigint, false) AS returns),"
    " fed AS (INSERT INTO " FEED_COLUMNS " SELECT $1::bigint, " NTH ", kind, " WHOSE ", t, " DETAIL
    " FROM (SELECT " OF_A_ROW ", '" FEED_RETRACTION "' AS kind, silent_from AS t"
    "   FROM wrong UNION ALL SELECT " OF_A_ROW ", '" FEED_RETURN "', silent_until FROM right_so"
    "   WHERE returns) AS u RETURNING kind),"
    " r AS MATERIALIZED (SELECT k.*, EXISTS (SELECT FROM silence i WHERE " IS_OF(
        "k", "k.last") ") AS rest"
                       "  FROM (SELECT series_id, probe, since, asked, judged, max(number) AS last "
                       "FROM u"
                       "   GROUP BY 1, 2, 3, 4, 5) AS k),"
                       " begun AS (INSERT INTO silence_again (series_id, probe, since, judged)"
                       "  SELECT series_id, probe, since, last FROM r WHERE rest AND judged = 0),"
                       " goes_on AS (UPDATE silence_again a SET judged = r.last FROM r "
                       "WHERE " IS_ITS_NOTE "  AND r.rest AND r.judged > 0),"
                       " done AS (DELETE FROM silence_again a USING r WHERE " IS_ITS_NOTE
                       "  AND a.asked = r.asked AND NOT (r.rest AND r.judged > 0))"
                       " SELECT DISTINCT series_id, probe, (SELECT count(*) FROM wrong),"
                       "  (SELECT count(*) FROM right_so WHERE returns) FROM r";

/* What ended, or does not hold, and was told, before $1. */
const char sql_silence_remove[] =
    "WITH old AS (SELECT number FROM silence WHERE as_of < $1::timestamptz"
    "  AND (silent_until < $1::timestamptz OR retracted IS NOT NULL) LIMIT $2::integer),"
    " gone AS (DELETE FROM silence WHERE number IN (SELECT number FROM old) RETURNING 1)"
    " SELECT count(*) FROM gone";

/* ---- the list of expected series ---- */

const char sql_expected_add[] =
    "INSERT INTO expected (type, content, probe, source, dest, path, likes, source_prefix,"
    "  dest_prefix, every_us, delay_us, retire_us, author)"
    " VALUES (($1::text[])[1], ($1::text[])[2], ($1::text[])[3], ($1::text[])[4], ($1::text[])[5],"
    "  ($1::text[])[6], $2::text[], $3::text::inet, $4::text::inet, $5::bigint,"
    "  nullif($6::bigint, -1), nullif($7::bigint, -1), $8::text) RETURNING number";

const char sql_expected_remove[] =
    "UPDATE expected SET removed_by = $2::text, removed_at = clock_timestamp()"
    " WHERE number = $1::bigint AND removed_at IS NULL RETURNING number";

#define SECONDS(us) "round(" us " / 1000000.0, 6)::double precision"

/* The newest before $1, at most $2, as one document of at most so many bytes. */
const char sql_expected_list[] =
    "SELECT coalesce(jsonb_agg(object ORDER BY number DESC) FILTER (WHERE bytes < 900000), '[]')"
    "::text FROM (SELECT number, object, sum(length(object::text)) OVER (ORDER BY number DESC)"
    "  AS bytes FROM (SELECT number, jsonb_build_object('number', number, 'criteria',"
    "   jsonb_strip_nulls(jsonb_build_object('type', nullif(type, '*'), 'content',"
    "    nullif(content, '*'), 'probe', nullif(probe, '*'), 'source', nullif(source, '*'),"
    "    'dest', nullif(dest, '*'), 'path', nullif(path, '*'))),"
    "   'every_s', " SECONDS("every_us") ", 'delay_s', " SECONDS(
        "delay_us") ","
                    "   'retire_after_s', " SECONDS("retire_us") ", 'author', author, "
                                                                 "'added', " UTC(
                                                                     "added_at") ") AS object"
                                                                                 "   FROM expected "
                                                                                 "WHERE removed_at "
                                                                                 "IS NULL AND "
                                                                                 "number <"
                                                                                 " $1::bigint "
                                                                                 "ORDER BY number "
                                                                                 "DESC LIMIT "
                                                                                 "$2::integer) AS "
                                                                                 "e) AS "
                                                                                 "b";

const char sql_expected_series[] =
    "SELECT s.id FROM expected e JOIN series s ON is_expected_by(s, e) WHERE e.number = $1::bigint";

const char sql_expected_again[] =
    NOTE("SELECT coalesce(i.series_id, 0), CASE WHEN i.series_id IS NULL THEN i.probe ELSE '' END,"
         "  i.as_of FROM silence i LEFT JOIN series s ON s.id = i.series_id"
         " JOIN expected e ON e.number = $1::bigint"
         " WHERE i.silent_until IS NULL AND i.retracted IS NULL"
         "  AND (i.series_id IS NULL OR is_expected_by(s, e))");

const char sql_expected_least[] =
    "SELECT least(60000000, coalesce(min(every_us), 60000000)) FROM expected"
    " WHERE removed_at IS NULL";
