/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQL of this process, beside the migrations. Values are always parameters; names are pasted
 * only where a partition is made or dropped, from numbers.
 */
#include "stored/db/sql_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "schemas/dimensions.h"
#include "stored/cache/retention.h"

/* In the order in which copy.c writes them. */
#define COLUMN_NAMES                                                                               \
    "series_id, t_start, t_end, key, arrival, schema_id, hops_id, row, grading_version, "          \
    "ledger_id, origin, grades, \"values\", label, steady"
#define COLUMNS "(" COLUMN_NAMES ")"

/* Sums (period_records.h), by whose they are. */
#define SUM_HERE     PERIOD_SUM_COLUMNS("")
#define SUM_LATER    PERIOD_SUM_COLUMNS("later.")
#define SUM_U        PERIOD_SUM_COLUMNS("u.")
#define SUM_K        PERIOD_SUM_COLUMNS("k.")
#define SUM_SETTLED  PERIOD_SUM_OF_BOTH("p.", "m.")
#define SUM_REPLACED "(" SUM_HERE ") = (" PERIOD_SUM_COLUMNS("excluded.") ")"

#define ROLLUP_ADDITIONS                                                                           \
    "unnest($1::timestamptz[], $2::bigint[], $3::smallint[], $4::integer[], $5::integer[],"        \
    " $6::integer[], $7::integer[], $8::integer[], $9::integer[])"

/* What a day takes in, and what that is of its month. */
#define HOURS_TAKEN WITHIN("h.hour", "day") " AND h.sealed AND NOT h.in_day"
#define SUMS_TAKEN                                                                                 \
    "(SELECT $1::timestamptz AS hour, series_id, grade_id," SUM_GRADES                             \
    " FROM taken GROUP BY series_id, grade_id) AS sums"

#define LEDGER_COUNTS                                                                              \
    "datagrams, accepted, exceptions, records, stored, duplicates, same_start, rejected, missing"

static const char session[] = "SET search_path = ezrepo;"
                              "SET timezone = 'UTC';"
                              "SET client_encoding = 'UTF8';"
                              "SET client_min_messages = warning;"
                              "SET jit = off;"
                              "SET lock_timeout = '3s';"
                              "SET client_connection_check_interval = '100ms'";

const char sql_schema[] = "CREATE SCHEMA IF NOT EXISTS ezrepo;"
                          "CREATE TABLE IF NOT EXISTS ezrepo.migration ("
                          " number integer PRIMARY KEY,"
                          " name text NOT NULL,"
                          " applied_at timestamptz NOT NULL DEFAULT clock_timestamp());"
                          "GRANT SELECT ON ezrepo.migration TO ezrepo_read;"
                          "CREATE TABLE IF NOT EXISTS ezrepo.migration_step ("
                          " number integer, step integer, PRIMARY KEY (number, step));"
                          /* One row: the session that writes, and since when it is there. */
                          "CREATE TABLE IF NOT EXISTS ezrepo.writer ("
                          " single boolean PRIMARY KEY DEFAULT true CHECK (single),"
                          " pid integer NOT NULL,"
                          " role oid NOT NULL,"
                          " began timestamptz NOT NULL);"
                          "CREATE TABLE IF NOT EXISTS ezrepo.release (" /* that wrote here */
                          " version text PRIMARY KEY,"
                          " first_at timestamptz NOT NULL DEFAULT clock_timestamp());"
                          "GRANT SELECT ON ezrepo.migration, ezrepo.release TO ezrepo_read";

/*
 * The index gives a series' records by start; only those of one start, which are few, are to be
 * sorted. PostgreSQL would rather sort all of them where it believes that these are few, too: of a
 * new partition it knows nothing.
 */
const char sql_in_order[] = "SET enable_sort = off";

const char sql_staged[] =
    "DROP TYPE IF EXISTS ezrepo.staged;"
    "CREATE TYPE ezrepo.staged AS (series_id bigint, t_start timestamptz, t_end timestamptz,"
    " key bigint, arrival bigint, schema_id bigint, hops_id bigint, row integer,"
    " grading_version integer, ledger_id integer, origin smallint, grades smallint[],"
    " \"values\" text[], label text, steady bytea);"
    "REVOKE ALL ON TYPE ezrepo.staged FROM PUBLIC";

/* Who may only read cannot take it, as he can an advisory lock. */
const char sql_writer_lock[] = "LOCK TABLE ezrepo.writer IN SHARE ROW EXCLUSIVE MODE";

const char sql_role_make[] = "CREATE ROLE ezrepo_read NOLOGIN";

const char sql_copy_records[] = "COPY measurement " COLUMNS " FROM STDIN (FORMAT binary)";
const char sql_copy_entries[] =
    "COPY ledger_entry (ledger_id, reason, " LEDGER_COUNTS ") FROM STDIN (FORMAT binary)";
const char sql_vacuum_entries[] = "VACUUM (TRUNCATE off) ezrepo.ledger_entry";

/* Of what records share (interned.h), in the order of the digests. */
#define FIND_BY_DIGEST(table)                                                                      \
    "SELECT u.n, s.id::bigint FROM unnest($1::uuid[]) WITH ORDINALITY AS u (digest, n)"            \
    " JOIN " table " s USING (digest) ORDER BY u.n"

#define NOTE_USE(table, id)                                                                        \
    "INSERT INTO " table " AS t (" id ", class, last_day)"                                         \
    " SELECT u.id, u.class, " DAY_0 " + u.day"                                                     \
    " FROM unnest($1::bigint[], $2::smallint[], $3::integer[]) AS u (id, class, day)"              \
    " ON CONFLICT (" id ", class) DO UPDATE SET last_day = excluded.last_day"                      \
    " WHERE t.last_day < excluded.last_day"

/* What no record of a day from $2 on, by class, uses. */
#define REMOVE_UNUSED(table, uses, key)                                                            \
    "WITH kept AS (SELECT u." key " FROM " uses " u"                                               \
    "   JOIN unnest($1::smallint[], $2::integer[]) AS f (class, day) USING (class)"                \
    "   WHERE u.last_day - " DAY_0 " >= f.day),"                                                   \
    " unused AS MATERIALIZED (SELECT id FROM " table                                               \
    "   WHERE NOT EXISTS (SELECT FROM kept WHERE kept." key " = id)),"                             \
    " noted AS (DELETE FROM " uses " WHERE " key " IN (SELECT id FROM unused)),"                   \
    " gone AS (DELETE FROM " table " WHERE id IN (SELECT id FROM unused) RETURNING id)"            \
    " SELECT count(*) FROM gone"

#define OF_U DIMENSION_SQL("u.")

/* Of the entries of a kind, by name. */
#define ACCESS_OBJECT(kind)                                                                        \
    "coalesce(jsonb_object_agg(name, body) FILTER (WHERE kind = '" kind "'), '{}')"
#define ACCESS_LIST(kind, more)                                                                    \
    "coalesce(jsonb_agg(jsonb_build_object('name', name) || body" more " ORDER BY name)"           \
    " FILTER (WHERE kind = '" kind "'), '[]')"

static const char *const statements[SQL_STATEMENTS] = {
    [SQL_SERIES_FIND] =
        "SELECT u.n, s.id"
        " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])"
        " WITH ORDINALITY AS u (" DIMENSION_COLUMNS ", n)"
        " JOIN series s USING (" DIMENSION_COLUMNS ")",

    [SQL_SERIES_ADD] =
        "INSERT INTO series (" DIMENSION_COLUMNS ", source_addr, dest_addr)"
        " SELECT " OF_U ", u.source_addr::inet, u.dest_addr::inet"
        " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
        "             $7::text[], $8::text[])"
        " AS u (" DIMENSION_COLUMNS ", source_addr, dest_addr)"
        " ON CONFLICT DO NOTHING",

    [SQL_SERIES_GREATEST] =
        "SELECT u.id, m.t_start, m.t_end, m.key FROM unnest($1::bigint[]) AS u (id)"
        " CROSS JOIN LATERAL (SELECT t_start, t_end, key FROM measurement WHERE series_id = u.id"
        "                     AND t_start >= $2::timestamptz AND t_start < $3::timestamptz"
        "                     ORDER BY t_start DESC, t_end DESC, key DESC LIMIT 1) AS m",

    /* As their rows have them: what came later is for SQL_SERIES_LATER. */
    [SQL_SERIES_OPEN] = "SELECT " SERIES_OPEN_COLUMNS " FROM period_known k"
                        " JOIN period p USING (series_id, grade_id, t_start, start_end, start_key)"
                        " WHERE k.ended IS NULL AND series_id = ANY ($1::bigint[])",

    /* The graded records behind a key that is not before $6. */
    [SQL_SERIES_LATER] =
        "SELECT u.n, " SUM_LATER " FROM unnest(" KEY_ARRAYS
        ") WITH ORDINALITY AS u (series_id, grade_id, t, t_end, key, n)"
        " CROSS JOIN LATERAL (SELECT " PERIOD_SUM_OF_RECORDS " FROM measurement m"
        "   WHERE m.series_id = u.series_id AND m.t_start >= u.t AND m.t_start >= $6::timestamptz"
        "   AND (m.t_start, m.t_end, m.key) > (u.t, u.t_end, u.key)"
        "   AND m.grades[u.grade_id] > 0) AS later"
        " WHERE later.records > 0 ORDER BY u.n",

    [SQL_SCHEMA_FIND] = FIND_BY_DIGEST("schema"),
    [SQL_SCHEMA_ADD] = "INSERT INTO schema (verb, registry, results, parameters, metadata,"
                       "                    of_series, digest)"
                       " VALUES ($1::text, $2::text, $3::text[], $4::text[], $5::text[],"
                       "         $6::text[], $7::uuid) ON CONFLICT DO NOTHING",
    [SQL_SCHEMA_USE] = NOTE_USE("schema_use", "schema_id"),
    [SQL_SCHEMA_TRIM] = REMOVE_UNUSED("schema", "schema_use", "schema_id"),

    [SQL_HOPS_FIND] = FIND_BY_DIGEST("hops"),
    [SQL_HOPS_ADD] = "INSERT INTO hops (digest, addresses)"
                     " SELECT ($1::uuid[])[u.list], array_agg(u.address ORDER BY u.place)"
                     " FROM unnest($2::integer[], $3::text[])"
                     " WITH ORDINALITY AS u (list, address, place) GROUP BY u.list"
                     " ON CONFLICT DO NOTHING",
    [SQL_HOPS_USE] = NOTE_USE("hops_use", "hops_id"),
    [SQL_HOPS_TRIM] = REMOVE_UNUSED("hops", "hops_use", "hops_id"),

    [SQL_ARRIVAL_LAST] = "SELECT arrival_last()",
    [SQL_ARRIVAL_ADD] = "INSERT INTO arrival (number, received_at, committed_at, last)"
                        " VALUES ($1::bigint, $2::timestamptz, $3::timestamptz, $1::bigint)",
    [SQL_ARRIVAL_MOVE] = "UPDATE arrival SET last = $2::bigint WHERE number = $1::bigint",
    [SQL_ARRIVAL_MARK] = "INSERT INTO arrival_mark (first, mark) VALUES ($1::bigint, new_mark())",
    [SQL_ORIGINS] = "SELECT id, door, format FROM origin ORDER BY id",
    [SQL_ORIGIN_ADD] = "INSERT INTO origin (id, door, format)"
                       " SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[])",

    [SQL_PARTITIONS] =
        "SELECT relname::text FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')"
        " AND relnamespace = 'ezrepo'::regnamespace",

    [SQL_HOURS] = "SELECT " HOURS_COLUMNS " FROM measured_hour",

    [SQL_HOURS_ADD] =
        "INSERT INTO measured_hour AS h (hour, reach, arrived_from, arrived_until)"
        " SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[], $3::bigint[], $4::bigint[])"
        " ON CONFLICT (hour) DO UPDATE SET reach = greatest(h.reach, excluded.reach),"
        " arrived_from = least(h.arrived_from, excluded.arrived_from),"
        " arrived_until = greatest(h.arrived_until, excluded.arrived_until)",

    [SQL_HOUR_LIST] = "INSERT INTO measured_hour (hour) VALUES ($1::timestamptz)"
                      " ON CONFLICT DO NOTHING",

    [SQL_HOURS_LOCK] = "SELECT " HOURS_COLUMNS " FROM measured_hour WHERE hour >= $1::timestamptz"
                       " AND hour < $2::timestamptz ORDER BY hour FOR UPDATE",

    [SQL_STAGED_TYPE] = "SELECT 'ezrepo.staged'::regtype::oid",

    /* In the order given: of two with the same identity the first stands. */
    [SQL_STAGED_INSERT] =
        "INSERT INTO measurement " COLUMNS " SELECT " COLUMN_NAMES
        " FROM unnest($1::staged[]) WITH ORDINALITY AS u (" COLUMN_NAMES ", n) ORDER BY n"
        " ON CONFLICT DO NOTHING RETURNING series_id, t_start, t_end, key",

    /* How many records there are of a series and start, which lies within [$3, $4). */
    [SQL_SAME_START] =
        "SELECT u.n, (SELECT count(*) FROM measurement m WHERE m.series_id = u.series_id"
        "             AND m.t_start = u.t AND m.t_start >= $3::timestamptz"
        "             AND m.t_start < $4::timestamptz)"
        " FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS u (series_id, t, n)",

    /* The last period before each key, and where the first behind it begins; null: there is none.
     */
    [SQL_PERIODS_AROUND] =
        "SELECT " PERIODS_AROUND_COLUMNS " FROM unnest(" KEY_ARRAYS
        ") WITH ORDINALITY AS u (series_id, grade_id, t, t_end, key, n)"
        " LEFT JOIN LATERAL (SELECT * FROM period WHERE series_id = u.series_id"
        "   AND grade_id = u.grade_id AND " PERIOD_START " < (u.t, u.t_end, u.key)"
        "   ORDER BY " PERIOD_LAST " LIMIT 1) AS p ON true"
        " LEFT JOIN LATERAL (SELECT t_start, start_end, start_key FROM period"
        "   WHERE series_id = u.series_id AND grade_id = u.grade_id"
        "   AND " PERIOD_START " > (u.t, u.t_end, u.key)"
        "   ORDER BY t_start, start_end, start_key LIMIT 1) AS x ON true",

    /* The last period before each key, what is known of its dropped records, and the first $6 from
     * the key on. */
    [SQL_PERIODS_NEAR] =
        "SELECT " PERIODS_NEAR_COLUMNS " FROM unnest(" KEY_ARRAYS
        ") WITH ORDINALITY AS u (series_id, grade_id, t, t_end, key, n)"
        " CROSS JOIN LATERAL ((SELECT b.*, d AS dropped"
        "   FROM (SELECT * FROM period WHERE series_id = u.series_id AND grade_id = "
        "u.grade_id"
        "         AND " PERIOD_START " < (u.t, u.t_end, u.key)"
        "         ORDER BY " PERIOD_LAST " LIMIT 1) AS b"
        "   LEFT JOIN period_dropped d USING (series_id, grade_id, t_start, start_end, "
        "start_key))"
        "  UNION ALL (SELECT *, NULL::period_dropped FROM period"
        "   WHERE series_id = u.series_id AND grade_id = u.grade_id"
        "   AND " PERIOD_START " >= (u.t, u.t_end, u.key)"
        "   ORDER BY t_start, start_end, start_key LIMIT $6::integer)) AS p"
        " ORDER BY u.n, p.t_start, p.start_end, p.start_key",

    [SQL_PERIODS_AFTER] =
        "SELECT " PERIOD_COLUMNS("") " FROM period WHERE series_id = $1::bigint"
                                     "   AND grade_id = $2::smallint"
                                     "   AND " PERIOD_START
                                     " > ($3::timestamptz, $4::timestamptz, $5::bigint)"
                                     " ORDER BY t_start, start_end, start_key LIMIT $6::integer",

    [SQL_RECORDS_AFTER] =
        "SELECT t_start, t_end, key, grades[$2::smallint]"
        " FROM measurement WHERE series_id = $1::bigint AND t_start >= $3::timestamptz"
        "   AND t_start < $7::timestamptz"
        "   AND (t_start, t_end, key) > ($3::timestamptz, $4::timestamptz, $5::bigint)"
        "   AND grades[$2::smallint] > 0"
        " ORDER BY t_start, t_end, key LIMIT $6::integer",

    /* The first graded records behind each key, of all of which $8 and $9 are the bounds. */
    [SQL_RECORDS_NEAR] =
        "SELECT u.n, m.t_start, m.t_end, m.key, m.grade"
        " FROM unnest(" KEY_ARRAYS ", $6::timestamptz[], $7::integer[])"
        " WITH ORDINALITY AS u (series_id, grade_id, t, t_end, key, until, size, n)"
        " CROSS JOIN LATERAL (SELECT t_start, r.t_end, r.key, grades[u.grade_id] AS grade"
        "   FROM measurement r WHERE series_id = u.series_id"
        "   AND t_start >= $8::timestamptz AND t_start < $9::timestamptz"
        "   AND t_start < u.until AND t_start >= u.t"
        "   AND (t_start, r.t_end, r.key) > (u.t, u.t_end, u.key) AND grades[u.grade_id] > 0"
        "   ORDER BY t_start, r.t_end, r.key LIMIT u.size) AS m"
        " ORDER BY u.n, m.t_start, m.t_end, m.key",

    /* Of one pair, in whole hours: graded records, and the last hour that has any. */
    [SQL_HEAD_HOURS] =
        "WITH hours AS (SELECT * FROM unnest($3::timestamptz[]) AS u (hour)),"
        " counted AS (SELECT hour, n1 + n2 + n3 + n4 + n5 AS n FROM rollup_hour "
        "JOIN hours USING (hour)"
        "   WHERE series_id = $1::bigint AND grade_id = $2::smallint"
        "   UNION ALL SELECT hour, n1 + n2 + n3 + n4 + n5 FROM (SELECT "
        "hour," COUNTS_AT_PLACE(
            "place") "     FROM (SELECT hour, date_trunc('day', hour, 'UTC') AS "
                     "day, " PLACE_OF("hour", "hour") " + 1 AS place FROM hours) AS h JOIN "
                                                      "rollup_day USING (day)"
                                                      "     WHERE series_id = $1::bigint "
                                                      "AND grade_id = $2::smallint) AS d)"
                                                      " SELECT coalesce(sum(n), 0)::bigint, "
                                                      "max(hour) FILTER (WHERE n > 0) FROM "
                                                      "counted",

    /* The sum of the graded records behind a key that start before $8, as far as it is not known.
     */
    [SQL_HEAD_RECORDS] =
        "SELECT " PERIOD_SUM_OF_HEAD("FROM measurement WHERE series_id = $1::bigint"
                                     " AND t_start >= $3::timestamptz AND t_start < $8::timestamptz"
                                     " AND (t_start, t_end, key)"
                                     "     > ($3::timestamptz, $4::timestamptz, $5::bigint)"
                                     " AND grades[$2::smallint] > 0"),

    [SQL_PERIOD_PUT] =
        "INSERT INTO period (series_id, grade_id, t_start, start_end, start_key, grade, ended, "
        "flap,"
        "                    through_t, through_end, through_key, " SUM_HERE ")"
        " SELECT u.series_id, u.grade_id, u.t_start, u.start_end, u.start_key, u.grade,"
        "        CASE u.ended & 3 WHEN 1 THEN 'gap' WHEN 2 THEN 'grade' WHEN 3 THEN 'steady' END,"
        "        u.ended >= 4,"
        "        u.through_t, u.through_end, u.through_key, " SUM_U " FROM unnest(" KEY_ARRAYS
        ", $6::smallint[], $7::smallint[], $8::timestamptz[],"
        "             $9::timestamptz[], $10::bigint[], " PERIOD_SUM_ARRAYS ")"
        " AS u (series_id, grade_id, t_start, start_end, start_key, grade, ended, through_t,"
        "       through_end, through_key, " SUM_HERE ")"
        " ON CONFLICT (series_id, grade_id, t_start, start_end, start_key) DO UPDATE SET"
        "   grade = excluded.grade, ended = excluded.ended, flap = excluded.flap,"
        "   through_t = excluded.through_t,"
        "   through_end = excluded.through_end, through_key = excluded.through_key,"
        "   " SUM_REPLACED,

    [SQL_PERIOD_REMOVE] =
        "DELETE FROM period p"
        " USING unnest(" KEY_ARRAYS ") AS u (series_id, grade_id, t_start, start_end, start_key)"
        " WHERE p.series_id = u.series_id AND p.grade_id = u.grade_id"
        "   AND p.t_start = u.t_start AND p.start_end = u.start_end"
        "   AND p.start_key = u.start_key",

    [SQL_STEADY_TERMS] = sql_steady_terms,
    [SQL_STEADY_TERMS_ADD] = sql_steady_terms_add,
    [SQL_STEADY_PAIRS] = sql_steady_pairs,
    [SQL_STEADY_ANCHOR] = sql_steady_anchor,
    [SQL_STEADY_LATEST] = sql_steady_latest,
    [SQL_STEADY_BEFORE] = sql_steady_before,
    [SQL_STEADY_RECORDS] = sql_steady_records,
    [SQL_STEADY_ROWS] = sql_steady_rows,
    [SQL_STEADY_ROWS_NOW] = sql_steady_rows_now,
    [SQL_STEADY_ROW] = sql_steady_row,
    [SQL_STEADY_BEHIND] = sql_steady_behind,
    [SQL_STEADY_CUT] = sql_steady_cut,
    [SQL_STEADY_MARK] = sql_steady_mark,
    [SQL_STEADY_OF_SERIES] = sql_steady_of_series,
    [SQL_STEADY_ENDING] = sql_steady_ending,
    [SQL_STEADY_FORGET] = sql_steady_forget,

    [SQL_EVENT_TELL] = sql_event_tell,
    [SQL_EVENT_TELL_FED] = sql_event_tell_fed,
    [SQL_EVENT_RETRACT] = sql_event_retract,
    [SQL_EVENT_RETRACT_FED] = sql_event_retract_fed,

    [SQL_FEED_GRADING] = sql_feed_grading,
    [SQL_FEED_DUE_GAPS] = sql_feed_due_gaps,
    [SQL_FEED_DUE_REBUILD] = sql_feed_due_rebuild,
    [SQL_FEED_DUE_REBUILT] = sql_feed_due_rebuilt,
    [SQL_FEED_DUE_COUNT] = sql_feed_due_count,
    [SQL_FEED_DUE_TELL] = sql_feed_due_tell,
    [SQL_FEED_NOTIFY] = sql_feed_notify,
    [SQL_FEED_REMOVE] = sql_feed_remove,
    [SQL_FIGURES] = sql_figures,
    [SQL_SIGNS] = sql_signs,
    [SQL_SIGN_KEEP] = sql_sign_keep,
    [SQL_SIGN_NEWS] = sql_sign_news,
    [SQL_SIGN_TELL] = sql_sign_tell,
    [SQL_SIGN_GIVE_UP] = sql_sign_give_up,
    [SQL_ABSENCE_REMOVE] = sql_absence_remove,
    [SQL_ALERTS_PUT] = sql_alerts_put,
    [SQL_SESSION_PASSWORD] = sql_session_password,
    [SQL_SESSION_ADD] = sql_session_add,
    [SQL_SESSION_ADMIT] = sql_session_admit,
    [SQL_SESSION_FIND] = sql_session_find,
    [SQL_SESSION_END] = sql_session_end,
    [SQL_SESSION_END_ALL] = sql_session_end_all,
    [SQL_SESSION_SWEEP] = sql_session_sweep,
    [SQL_USERS_LIST] = sql_users_list,
    [SQL_USERS_COUNT] = sql_users_count,
    [SQL_TICKET_ADD] = sql_ticket_add,
    [SQL_MAINTENANCE_ADD] = sql_maintenance_add,
    [SQL_MAINTENANCE_END] = sql_maintenance_end,
    [SQL_MAINTENANCE_LIST] = sql_maintenance_list,
    [SQL_MAINTENANCE_DUE] = sql_maintenance_due,
    [SQL_MAINTENANCE_TELL] = sql_maintenance_tell,

    [SQL_ROLLUP_ADD] = "INSERT INTO rollup_hour AS r (hour, series_id, grade_id, " COUNTS ")"
                       " SELECT * FROM " ROLLUP_ADDITIONS
                       " ON CONFLICT (hour, series_id, grade_id) DO UPDATE SET " ADD_COUNTS("r"),

    [SQL_ROLLUP_DAY_ADD] = "WITH added AS (SELECT * FROM " ROLLUP_ADDITIONS
                           " AS a (hour, series_id, grade_id, " COUNTS ")),"
                           " days AS (" ADD_TO_DAYS("added") ") " ADD_TO_MONTHS("added"),

    [SQL_TOTAL_ADD] = "INSERT INTO grade_total (unit, start, type, grade_id, " COUNTS ")"
                      " SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[],"
                      " $4::smallint[], $5::integer[], $6::integer[], $7::integer[], $8::integer[],"
                      " $9::integer[], $10::integer[]) ON CONFLICT (unit, start, type, grade_id)"
                      " DO UPDATE SET " ADD_COUNTS("grade_total"),

    [SQL_REJECT] =
        "INSERT INTO rejected (instance, sequence, item, received_at, sender, reason, detail,"
        "                      size_bytes, head, epoch, door, format, context)"
        " SELECT u.instance, u.sequence::numeric, u.item, u.received_at, u.sender, u.reason,"
        "        u.detail, u.size_bytes, u.head, u.epoch, u.door, u.format, u.context"
        " FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[],"
        "             $6::text[], $7::text[], $8::bigint[], $9::bytea[], $10::bigint[],"
        "             $11::text[], $12::text[], $13::text[])"
        " AS u (instance, sequence, item, received_at, sender, reason, detail, size_bytes, head,"
        "       epoch, door, format, context)"
        " ON CONFLICT DO NOTHING",

    [SQL_REJECT_TRIM] = "DELETE FROM rejected WHERE id <="
                        " (SELECT id FROM rejected ORDER BY id DESC OFFSET $1::bigint LIMIT 1)",

    [SQL_GRADING_LATEST] =
        "SELECT version, document, types FROM grading ORDER BY version DESC LIMIT 1",

    [SQL_GRADING_DIGESTS] =
        "SELECT version, substr(sha256(convert_to(document, 'UTF8') || '\\x00'::bytea ||"
        " convert_to(types, 'UTF8')), 1, 8)"
        " FROM grading WHERE version > $1::integer ORDER BY version",

    [SQL_GRADING_ADD] = "INSERT INTO grading (version, document, blocks, author, types,"
                        " comment, published_at) VALUES ($1::integer, $2::text, $3::integer,"
                        " $4::text, $5::text, $6::text, clock_timestamp())",

    [SQL_GRADING_AUTHORED] = "SELECT EXISTS (SELECT FROM grading"
                             " WHERE author NOT IN ('default', 'record types'))",

    [SQL_GRADE_NAMES] = "SELECT id, name FROM grade_name ORDER BY id",

    /* But $1, and those that a record had: whatever has a grade is in grade_total, for good. */
    [SQL_GRADE_NAMES_FREE] =
        "DELETE FROM grade_name WHERE name <> ALL ($1::text[])"
        " AND id NOT IN (SELECT grade_id FROM grade_total WHERE unit = 'day') RETURNING id",

    [SQL_GRADE_NAME_ADD] = "INSERT INTO grade_name (id, name) VALUES ($1::smallint, $2::text)",

    [SQL_GAPS_KEPT] = "SELECT type, (extract(epoch FROM gap) * 1000000)::bigint FROM kept_gap",

    /* What all of a store's series have, and what of $1, $2 they are to have. */
    [SQL_GAPS_CHANGED] = "SELECT coalesce(o.type, n.type), coalesce((extract(epoch FROM o.gap) * "
                         "1000000)::bigint, 0),"
                         " coalesce(n.us, 0) FROM record_type o FULL JOIN unnest($1::text[], "
                         "$2::bigint[]) AS n (type, us)"
                         " ON n.type = o.type WHERE o.gap IS DISTINCT FROM n.us * interval '1 "
                         "microsecond' ORDER BY 1",

    [SQL_GAPS_AGAIN] =
        "WITH wanted AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::bigint[]) AS u (type, "
        "us))"
        " INSERT INTO series_again (series_id, meanwhile)"
        " SELECT s.id, true FROM series s LEFT JOIN record_type o ON o.type = s.type"
        " LEFT JOIN wanted n ON n.type = s.type"
        " WHERE coalesce(o.gap, (SELECT gap FROM record_type WHERE type = '')) IS DISTINCT FROM"
        "       coalesce(n.us, (SELECT us FROM wanted WHERE type = '')) * interval '1 microsecond'"
        " ON CONFLICT DO NOTHING",

    [SQL_GAPS_PUT] =
        "WITH gone AS (DELETE FROM record_type WHERE type <> ALL ($1::text[]))"
        " INSERT INTO record_type (type, gap) SELECT type, us * interval '1 microsecond'"
        " FROM unnest($1::text[], $2::bigint[]) AS u (type, us)"
        " ON CONFLICT (type) DO UPDATE SET gap = excluded.gap",

    [SQL_GAPS_FORGET] = "DELETE FROM kept_gap",

    /* By their places in a list, $1 and $2; types that are not in it are at 0. */
    [SQL_GAPS_SERIES] =
        "SELECT coalesce(n.place, 0), count(*) FROM series s"
        " LEFT JOIN unnest($1::text[], $2::integer[]) AS n (type, place) ON n.type = s.type"
        " GROUP BY 1",

    /*
     * Under sql_writer_lock: this session becomes the one that writes, unless the one that is
     * lives. That of another role is seen, but not when it began.
     */
    [SQL_INTERVALS_PUT] = sql_intervals_put,
    [SQL_SILENCE_TOLD] = sql_silence_told,
    [SQL_SILENCE_TOLD_OF] = sql_silence_told_of,
    [SQL_SILENCE_SERIES] = sql_silence_series,
    [SQL_SILENCE_STATES] = sql_silence_states,
    [SQL_SILENCE_PROBE] = sql_silence_probe,
    [SQL_SILENCE_TELL] = sql_silence_tell,
    [SQL_SILENCE_RETIRE] = sql_silence_retire,
    [SQL_SILENCE_RETURN] = sql_silence_return,
    [SQL_SILENCE_AGAIN_ADD] = sql_silence_again_add,
    [SQL_SILENCE_AGAIN] = sql_silence_again,
    [SQL_SILENCE_AGAIN_ABSENT] = sql_silence_again_absent,
    [SQL_SILENCE_AHEAD] = sql_silence_ahead,
    [SQL_SILENCE_JUDGED] = sql_silence_judged,
    [SQL_SILENCE_REMOVE] = sql_silence_remove,
    [SQL_EXPECTED_ADD] = sql_expected_add,
    [SQL_EXPECTED_REMOVE] = sql_expected_remove,
    [SQL_EXPECTED_LIST] = sql_expected_list,
    [SQL_EXPECTED_AGAIN] = sql_expected_again,
    [SQL_EXPECTED_SERIES] = sql_expected_series,
    [SQL_EXPECTED_LEAST] = sql_expected_least,
    [SQL_WRITER_TAKE] =
        "INSERT INTO writer AS w (pid, role, began) SELECT pid, usesysid, backend_start"
        " FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        " ON CONFLICT (single) DO UPDATE"
        " SET pid = excluded.pid, role = excluded.role, began = excluded.began"
        " WHERE NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = w.pid"
        "                   AND a.pid <> pg_backend_pid() AND a.usesysid = w.role"
        "                   AND (a.backend_start IS NULL OR a.backend_start = w.began))"
        " RETURNING pid",

    [SQL_BATCH_TAKE] = sql_batch_take,

    /* Something of no meaning to write, so that the COMMIT waits for standbys. */
    [SQL_BATCH_AGAIN] = "SELECT pg_logical_emit_message(true, 'ezrepo', '')",

    [SQL_BATCH_SETTLE] = sql_batch_settle,
    [SQL_STREAM_REFUSE] = sql_stream_refuse,

    [SQL_LEDGER_HOUR] = "SELECT instance, sender, id FROM ledger WHERE hour = $1::timestamptz",

    [SQL_LEDGER_ADD] = "INSERT INTO ledger (hour, instance, sender)"
                       " SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::text[])"
                       " RETURNING hour, instance, sender, id",

    /* In a transaction of its own, beside the flushes: they only add entries, and rows. */
    [SQL_LEDGER_FOLD] =
        "WITH gone AS (DELETE FROM ledger_entry RETURNING *),"
        " reasons AS (INSERT INTO ledger_rejected AS r (ledger_id, reason, datagrams)"
        "             SELECT ledger_id, reason, sum(datagrams) FROM gone WHERE reason <> ''"
        "             GROUP BY ledger_id, reason ON CONFLICT (ledger_id, reason)"
        "             DO UPDATE SET datagrams = r.datagrams + excluded.datagrams)"
        " UPDATE ledger l SET datagrams = l.datagrams + u.datagrams,"
        "  accepted = l.accepted + u.accepted, exceptions = l.exceptions + u.exceptions,"
        "  records = l.records + u.records, stored = l.stored + u.stored,"
        "  duplicates = l.duplicates + u.duplicates, same_start = l.same_start + u.same_start,"
        "  rejected = l.rejected + u.rejected, missing = l.missing + u.missing"
        " FROM (SELECT ledger_id, sum(datagrams) AS datagrams, sum(accepted) AS accepted,"
        "       sum(exceptions) AS exceptions, sum(records) AS records, sum(stored) AS stored,"
        "       sum(duplicates) AS duplicates, sum(same_start) AS same_start,"
        "       sum(rejected) AS rejected, sum(missing) AS missing"
        "       FROM gone WHERE reason = '' GROUP BY ledger_id) AS u WHERE l.id = u.ledger_id",

    [SQL_MIGRATIONS] = "SELECT coalesce(max(number), 0) FROM migration",

    [SQL_RELEASE_ADD] = "INSERT INTO release (version) VALUES ($1::text) ON CONFLICT DO NOTHING",

    [SQL_MIGRATION_STEPS] =
        "SELECT coalesce(max(step), 0) FROM migration_step WHERE number = $1::integer",
    [SQL_MIGRATION_STEP_ADD] =
        "INSERT INTO migration_step (number, step) VALUES ($1::integer, $2::integer)",

    [SQL_MIGRATION_STEPS_FORGET] = "DELETE FROM migration_step WHERE number = $1::integer",

    [SQL_MIGRATION_ADD] = "INSERT INTO migration (number, name) VALUES ($1::integer, $2::text)",

    [SQL_ROLE] = "SELECT " ROLE_COLUMNS,

    /* Sealing, in a transaction of its own: a flush that asks for the hour's row waits for its end.
     */
    [SQL_SEAL_LOCK] = "SELECT FROM measured_hour WHERE hour = $1::timestamptz AND NOT sealed"
                      " FOR UPDATE",

    [SQL_SEAL_COUNT] = "INSERT INTO rollup_hour (hour, series_id, grade_id, " COUNTS ")"
                       " SELECT $1::timestamptz, series_id, grade_id," COUNT_GRADES
                       " FROM record_grade WHERE " RECORDS_OF_HOUR
                       " GROUP BY series_id, grade_id ORDER BY series_id, grade_id",

    [SQL_SEAL_MARK] = "UPDATE measured_hour SET sealed = true WHERE hour = $1::timestamptz",

    /* A day's sealed hours that are not in the day yet; all of its sealed ones are held meanwhile.
     */
    [SQL_SEAL_DAY_LOCK] = "SELECT FROM measured_hour WHERE " HOURS_OF_DAY " AND sealed FOR UPDATE",

    [SQL_SEAL_DAY_COUNT] = "WITH taken AS (DELETE FROM rollup_hour r USING measured_hour h"
                           "   WHERE " HOURS_TAKEN " AND r.hour = h.hour RETURNING r.*),"
                           " days AS (" ADD_TO_DAYS("taken") ") " ADD_TO_MONTHS(SUMS_TAKEN),

    [SQL_SEAL_DAY_MARK] =
        "UPDATE measured_hour SET in_day = true WHERE " HOURS_OF_DAY " AND sealed AND NOT in_day",

    [SQL_CLASSES] = "SELECT " CLASSES_COLUMNS " FROM retention_class ORDER BY class",

    [SQL_CLASS_ADD] = "INSERT INTO retention_class (class, type, from_day, horizon)"
                      " VALUES ($1::smallint, $2::text, " DAY_0 " + $3::integer, " DAY_0 ")",

    [SQL_CLASS_HORIZONS] =
        "UPDATE retention_class c SET horizon = greatest(c.horizon, " DAY_0 " + u.day)"
        " FROM unnest($1::smallint[], $2::integer[]) AS u (class, day)"
        " WHERE c.class = u.class",

    /*
     * What the records before the horizon of their type say of the last period that begins before
     * it: of the series behind $1 up to $2. $3, $4: types and horizons, $5: of all others; $6: the
     * latest.
     */
    [SQL_PERIODS_SETTLE] =
        "INSERT INTO period_dropped AS d"
        " (series_id, grade_id, t_start, start_end, start_key, until, " SUM_HERE ")"
        " SELECT p.series_id, p.grade_id, p.t_start, p.start_end, p.start_key, p.horizon,"
        "        " SUM_SETTLED
        " FROM (SELECT s.id AS series_id, g.id AS grade_id, h.horizon, last.t_start,"
        "              last.start_end, last.start_key,"
        "              coalesce(k.until, last.t_start) AS from_t, " SUM_K
        "       FROM (SELECT id, coalesce(u.horizon, $5::timestamptz) AS horizon FROM series"
        "             LEFT JOIN unnest($3::text[], $4::timestamptz[]) AS u (type, horizon) USING "
        "(type)"
        "             WHERE id > $1::bigint AND id <= $2::bigint) AS h"
        "       JOIN series s ON s.id = h.id CROSS JOIN grade_name g"
        "       CROSS JOIN LATERAL (SELECT t_start, start_end, start_key FROM period"
        "         WHERE series_id = s.id AND grade_id = g.id AND t_start < h.horizon"
        "         ORDER BY " PERIOD_LAST " LIMIT 1) AS last"
        "       LEFT JOIN period_dropped k ON k.series_id = s.id AND k.grade_id = g.id"
        "         AND k.t_start = last.t_start AND k.start_end = last.start_end"
        "         AND k.start_key = last.start_key) AS p"
        " CROSS JOIN LATERAL (SELECT " PERIOD_SUM_OF_RECORDS " FROM measurement m"
        "   WHERE series_id = p.series_id AND t_start >= p.from_t AND t_start < p.horizon"
        "   AND t_start < $6::timestamptz"
        "   AND (t_start, t_end, key) >= (p.t_start, p.start_end, p.start_key)"
        "   AND grades[p.grade_id] > 0) AS m"
        " WHERE m.records > 0"
        " ON CONFLICT (series_id, grade_id) DO UPDATE SET t_start = excluded.t_start,"
        " start_end = excluded.start_end, start_key = excluded.start_key, until = excluded.until,"
        " " SUM_REPLACED,

    /* The oldest rows of hours before $1, at most $2 of them, and what belongs to them. */
    [SQL_LEDGER_REMOVE] =
        "WITH old AS MATERIALIZED (SELECT id FROM ledger WHERE hour < $1::timestamptz ORDER BY hour"
        "             LIMIT $2::integer),"
        " reasons AS (DELETE FROM ledger_rejected WHERE ledger_id IN (SELECT id FROM old)),"
        " dropped AS (DELETE FROM ledger_dropped WHERE ledger_id IN (SELECT id FROM old)),"
        " arrivals AS (DELETE FROM arrival WHERE committed_at < $1::timestamptz"
        "              AND number < (SELECT max(number) FROM arrival)),"
        " instances AS (DELETE FROM ledger_instance WHERE hour < $1::timestamptz),"
        " bound AS (UPDATE ledger_removed SET below = greatest(below, (SELECT max(id) + 1 FROM "
        "old))),"
        " gone AS (DELETE FROM ledger WHERE id IN (SELECT id FROM old) RETURNING id)"
        " SELECT count(*) FROM gone",

    /* What common/access/README.md describes, without and with secrets. */
    [SQL_ACCESS_DOCUMENT] =
        "SELECT (SELECT coalesce(max(version), 1) FROM access_change),"
        " (rest || jsonb_build_object('keys', keys))::text,"
        " (rest || jsonb_build_object('keys', secret_keys))::text"
        " FROM (SELECT jsonb_build_object("
        "   'roles', " ACCESS_OBJECT(
            "role") ","
                    "   'authorizations', " ACCESS_OBJECT(
                        "authorization") ","
                                         "   'tokens', " ACCESS_LIST(
                                             "token",
                                             "") ") AS rest,"
                                                 "   " ACCESS_LIST(
                                                     "key",
                                                     "") " AS keys,"
                                                         "   " ACCESS_LIST(
                                                             "key",
                                                             " || jsonb_build_object('secret', "
                                                             "secret)") " AS secret_keys"
                                                                        " FROM access_entry) AS e",

    /* Whether it was not there. What is changed without a secret keeps its own. */
    [SQL_ACCESS_PUT] = "INSERT INTO access_entry AS e (kind, name, body, secret)"
                       " SELECT kind, name, CASE WHEN has THEN body - 'secret' ELSE body END,"
                       "        CASE WHEN has THEN body ->> 'secret' END"
                       " FROM (SELECT $1::text AS kind, $2::text AS name, $3::text::jsonb AS body,"
                       "       $1::text IN ('key', 'user') AND jsonb_typeof($3::text::jsonb) = "
                       "'object' AS has) AS u"
                       " ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body,"
                       " secret = coalesce(excluded.secret, e.secret) RETURNING xmax = 0",

    [SQL_ACCESS_REMOVE] = "DELETE FROM access_entry WHERE kind = $1::text AND name = $2::text"
                          " RETURNING false",

    [SQL_ACCESS_NOTE] =
        "INSERT INTO access_change (version, item, author, action, kind, name, body)"
        " VALUES ($1::bigint, $2::integer, $3::text, $4::text, $5::text, $6::text,"
        " (SELECT body FROM access_entry WHERE kind = $5::text AND name = $6::text))",

    [SQL_ACCESS_PAST] = "SELECT version, changed_at, author, action, kind, name, body::text"
                        " FROM access_change WHERE version < $1::bigint"
                        " ORDER BY version DESC, item LIMIT $2::bigint",
};

/* Whether it reads `measurement`: a plan for all times would have all partitions there are. */
static bool reads_records(unsigned statement)
{
    switch ((enum sql_statement)statement) {
    case SQL_SERIES_GREATEST:
    case SQL_SERIES_LATER:
    case SQL_SAME_START:
    case SQL_RECORDS_AFTER:
    case SQL_RECORDS_NEAR:
    case SQL_HEAD_RECORDS:
    case SQL_REBUILD_RECORDS:
    case SQL_SILENCE_SERIES:
        return true;
    default:
        return false;
    }
}

static const char *text_of(unsigned statement)
{
    return statement >= SQL_REBUILD_EXTENT ? sql_rebuild_text((enum sql_statement)statement)
                                           : statements[statement];
}

_Static_assert(SQL_STATEMENTS <= PG_STATEMENTS, "pg.h has room for fewer statements");
const struct pg_statements sql_statements = {
    .count = SQL_STATEMENTS, .session = session, .text = text_of, .is_planned_anew = reads_records};

/* The day's date; -1 outside of the years 1970 to 9999. */
static int day_date(int32_t day, struct tm *utc)
{
    time_t t = (time_t)day * 86400;
    return gmtime_r(&t, utc) == NULL || utc->tm_year < 70 || utc->tm_year > 9999 - 1900 ? -1 : 0;
}

void sql_partition_name(int32_t day, int32_t class, char name[SQL_NAME_BYTES])
{
    struct tm utc = {0};
    (void)day_date(day, &utc);
    int n = snprintf(name, SQL_NAME_BYTES, "measurement_%04d%02d%02d", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday);
    if (class != SQL_WHOLE_DAY) {
        snprintf(name + n, (size_t)(SQL_NAME_BYTES - n), "_c%d", class);
    }
}

#define LIKE_MEASUREMENT "(LIKE measurement INCLUDING CONSTRAINTS INCLUDING INDEXES)"

int sql_partition(int32_t day, int32_t class, char text[SQL_PARTITION_BYTES])
{
    struct tm from, to;
    char name[SQL_NAME_BYTES], parent[SQL_NAME_BYTES];
    if (day_date(day, &from) == -1 || day_date(day + 1, &to) == -1) {
        return -1;
    }
    sql_partition_name(day, class, name);
    if (class != SQL_WHOLE_DAY) {
        sql_partition_name(day, SQL_WHOLE_DAY, parent);
        snprintf(text, SQL_PARTITION_BYTES,
                 "CREATE TABLE %s " LIKE_MEASUREMENT ";"
                 "ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%" PRId64 ") TO (%" PRId64
                 ")",
                 name, parent, name, retention_key((uint32_t) class, 0),
                 retention_key((uint32_t) class + 1, 0));
        return 0;
    }
    snprintf(text, SQL_PARTITION_BYTES,
             "CREATE TABLE %s " LIKE_MEASUREMENT " PARTITION BY RANGE (key);"
             "ALTER TABLE measurement ATTACH PARTITION %s FOR VALUES"
             " FROM ('%04d-%02d-%02d 00:00:00+00') TO ('%04d-%02d-%02d 00:00:00+00')",
             name, name, from.tm_year + 1900, from.tm_mon + 1, from.tm_mday, to.tm_year + 1900,
             to.tm_mon + 1, to.tm_mday);
    return 0;
}

/* Of the day twice. */
#define WITHIN_DAY                                                                                 \
    "hour >= 'epoch'::timestamptz + %" PRId32 " * interval '24 hours'"                             \
    " AND hour < 'epoch'::timestamptz + (%" PRId32 " + 1) * interval '24 hours'"

void sql_partition_drop(int32_t day, int32_t class, char text[SQL_PARTITION_BYTES])
{
    char name[SQL_NAME_BYTES];
    sql_partition_name(day, class, name);
    if (class == SQL_WHOLE_DAY) {
        snprintf(text, SQL_PARTITION_BYTES, "DROP TABLE %s", name);
        return;
    }
    snprintf(
        text, SQL_PARTITION_BYTES,
        "WITH counted AS (SELECT ledger_id, count(*) AS n FROM %s GROUP BY ledger_id),"
        " noted AS (INSERT INTO ledger_dropped (ledger_id, records)"
        "           SELECT c.ledger_id, c.n FROM counted c JOIN ledger l ON l.id = c.ledger_id),"
        " cut AS (UPDATE arrival_cut SET below = greatest(below, ("
        "            SELECT max(least(arrived_until, arrival_last() + 1)) FROM measured_hour"
        "            WHERE " WITHIN_DAY ")))"
        " SELECT coalesce(sum(n), 0)::bigint FROM counted;"
        "DROP TABLE %s",
        name, day, day, name);
}

int sql_partition_parse(const char *name, int32_t *day, int32_t *class)
{
    struct tm utc = {0};
    char again[SQL_NAME_BYTES];
    *class = SQL_WHOLE_DAY;
    if (sscanf(name, "measurement_%4d%2d%2d_c%5d", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, class) <
        3) {
        return -1;
    }
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    *day = (int32_t)(timegm(&utc) / 86400);
    sql_partition_name(*day, *class, again);
    return strcmp(name, again) == 0 ? 0 : -1;
}
