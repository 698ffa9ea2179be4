/*
 * The SQL of this process, beside the migrations. Values are always parameters; names are pasted
 * only where a day's partition is made, from numbers.
 */
#include "stored/sql.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define COLUMNS                                                                                    \
    "(series_id, t_start, t_end, row, schema_id, grading_version, ledger_id, grades, \"values\","  \
    " label)"

#define LEDGER_COUNTS "datagrams, accepted, exceptions, records, stored, duplicates, rejected"

#define COUNTS "n0, n1, n2, n3, n4, n5"

#define ADD_COUNTS(table)                                                                          \
    "n0 = " table ".n0 + excluded.n0, n1 = " table ".n1 + excluded.n1, "                           \
    "n2 = " table ".n2 + excluded.n2, n3 = " table ".n3 + excluded.n3, "                           \
    "n4 = " table ".n4 + excluded.n4, n5 = " table ".n5 + excluded.n5"

#define HOURS_OF_DAY "hour >= $1::timestamptz AND hour < $1::timestamptz + interval '1 day'"

const char sql_session[] = "SET search_path = ezrepo;"
                           "SET timezone = 'UTC';"
                           "SET client_encoding = 'UTF8';"
                           "SET client_min_messages = warning;"
                           "SET jit = off;"
                           "SET lock_timeout = '3s'";

const char sql_schema[] = "CREATE SCHEMA IF NOT EXISTS ezrepo;"
                          "CREATE TABLE IF NOT EXISTS ezrepo.migration ("
                          " number integer PRIMARY KEY,"
                          " name text NOT NULL,"
                          " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())";

const char sql_staging[] =
    "CREATE TEMP TABLE staging (LIKE ezrepo.measurement) ON COMMIT DELETE ROWS";

const char sql_role_make[] = "CREATE ROLE ezrepo_read NOLOGIN";

const char sql_copy_records[] = "COPY measurement " COLUMNS " FROM STDIN (FORMAT binary)";
const char sql_copy_staged[] = "COPY pg_temp.staging " COLUMNS " FROM STDIN (FORMAT binary)";
const char sql_copy_entries[] =
    "COPY ledger_entry (ledger_id, reason, " LEDGER_COUNTS ") FROM STDIN (FORMAT binary)";
const char sql_vacuum_entries[] = "VACUUM (TRUNCATE off) ezrepo.ledger_entry";

static const char *const statements[SQL_STATEMENTS] = {
    [SQL_SERIES_FIND] =
        "SELECT u.n, s.id"
        " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])"
        " WITH ORDINALITY AS u (type, content, probe, source, dest, path, n)"
        " JOIN series s USING (type, content, probe, source, dest, path)",

    [SQL_SERIES_ADD] =
        "INSERT INTO series (type, content, probe, source, dest, path, source_addr, dest_addr)"
        " SELECT u.type, u.content, u.probe, u.source, u.dest, u.path,"
        "        u.source_addr::inet, u.dest_addr::inet"
        " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
        "             $7::text[], $8::text[])"
        " AS u (type, content, probe, source, dest, path, source_addr, dest_addr)"
        " ON CONFLICT DO NOTHING",

    [SQL_SERIES_GREATEST] =
        "SELECT u.id, m.t_start, m.row FROM unnest($1::bigint[]) AS u (id)"
        " CROSS JOIN LATERAL (SELECT t_start, row FROM measurement WHERE series_id = u.id"
        "                     ORDER BY t_start DESC, row DESC LIMIT 1) AS m",

    [SQL_SERIES_OPEN] =
        "SELECT series_id, grade_id, t_start, start_row, n.grade, n.t_end, n.records, p.records"
        " FROM period_now n JOIN period p USING (series_id, grade_id, t_start, start_row)"
        " WHERE n.ended IS NULL AND series_id = ANY ($1::bigint[])",

    [SQL_SCHEMA_ID] = "INSERT INTO schema (verb, registry, results, parameters, metadata, digest)"
                      " VALUES ($1::text, $2::text, $3::text[], $4::text[], $5::text[], $6::uuid)"
                      " ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest RETURNING id",

    [SQL_PARTITIONS] = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = "
                       "i.inhrelid WHERE i.inhparent = 'ezrepo.measurement'::regclass",

    [SQL_HOURS] = "SELECT hour, sealed, in_day FROM measured_hour",

    [SQL_HOURS_ADD] = "INSERT INTO measured_hour (hour) SELECT unnest($1::timestamptz[])"
                      " ON CONFLICT DO NOTHING",

    [SQL_HOURS_LOCK] =
        "SELECT hour, sealed, in_day FROM measured_hour WHERE hour >= $1::timestamptz"
        " AND hour < $2::timestamptz ORDER BY hour FOR UPDATE",

    /* In the order they were copied: of two with the same identity the first stands. */
    [SQL_STAGED_INSERT] =
        "INSERT INTO measurement " COLUMNS " SELECT series_id, t_start, t_end, row,"
        " schema_id, grading_version, ledger_id, grades, \"values\", label"
        " FROM pg_temp.staging ORDER BY ctid"
        " ON CONFLICT DO NOTHING RETURNING series_id, t_start, row",

    [SQL_PERIODS_AROUND] =
        "SELECT u.n, p.t_start, p.start_row, p.grade, p.t_end, p.records,"
        "       CASE p.ended WHEN 'gap' THEN 1 ELSE 2 END, x.t_start, x.start_row"
        " FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::integer[])"
        " WITH ORDINALITY AS u (series_id, grade_id, t, row, n)"
        " CROSS JOIN LATERAL (SELECT * FROM period WHERE series_id = u.series_id"
        "   AND grade_id = u.grade_id AND (t_start, start_row) < (u.t, u.row)"
        "   ORDER BY t_start DESC, start_row DESC LIMIT 1) AS p"
        " CROSS JOIN LATERAL (SELECT t_start, start_row FROM period WHERE series_id = u.series_id"
        "   AND grade_id = u.grade_id AND (t_start, start_row) > (u.t, u.row)"
        "   ORDER BY t_start, start_row LIMIT 1) AS x"
        " WHERE p.ended IS NOT NULL",

    [SQL_PERIOD_BEFORE] = "SELECT t_start, start_row, grade, t_end, records,"
                          "       CASE ended WHEN 'gap' THEN 1 WHEN 'grade' THEN 2 ELSE 0 END"
                          " FROM period WHERE series_id = $1::bigint AND grade_id = $2::smallint"
                          "   AND (t_start, start_row) < ($3::timestamptz, $4::integer)"
                          " ORDER BY t_start DESC, start_row DESC LIMIT 1",

    [SQL_PERIODS_AFTER] = "SELECT t_start, start_row, grade, t_end, records,"
                          "       CASE ended WHEN 'gap' THEN 1 WHEN 'grade' THEN 2 ELSE 0 END"
                          " FROM period WHERE series_id = $1::bigint AND grade_id = $2::smallint"
                          "   AND (t_start, start_row) > ($3::timestamptz, $4::integer)"
                          " ORDER BY t_start, start_row LIMIT $5::integer",

    [SQL_RECORDS_AFTER] =
        "SELECT t_start, row, t_end, grades[$2::smallint]"
        " FROM measurement WHERE series_id = $1::bigint AND t_start >= $3::timestamptz"
        "   AND (t_start, row) > ($3::timestamptz, $4::integer) AND grades[$2::smallint] > 0"
        " ORDER BY t_start, row LIMIT $5::integer",

    [SQL_PERIOD_PUT] =
        "INSERT INTO period (series_id, grade_id, t_start, start_row, grade, t_end, records,"
        "                    ended, through_t, through_row)"
        " SELECT u.series_id, u.grade_id, u.t_start, u.start_row, u.grade, u.t_end, u.records,"
        "        CASE u.ended WHEN 1 THEN 'gap' WHEN 2 THEN 'grade' END, u.through_t, u.through_row"
        " FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::integer[],"
        "             $5::smallint[], $6::timestamptz[], $7::bigint[], $8::smallint[],"
        "             $9::timestamptz[], $10::integer[])"
        " AS u (series_id, grade_id, t_start, start_row, grade, t_end, records, ended,"
        "       through_t, through_row)"
        " ON CONFLICT (series_id, grade_id, t_start, start_row) DO UPDATE SET"
        "   grade = excluded.grade, t_end = excluded.t_end, records = excluded.records,"
        "   ended = excluded.ended, through_t = excluded.through_t,"
        "   through_row = excluded.through_row",

    [SQL_PERIOD_REMOVE] =
        "DELETE FROM period p"
        " USING unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::integer[])"
        " AS u (series_id, grade_id, t_start, start_row)"
        " WHERE p.series_id = u.series_id AND p.grade_id = u.grade_id"
        "   AND p.t_start = u.t_start AND p.start_row = u.start_row",

    [SQL_EVENT_TELL] =
        "INSERT INTO event (series_id, grade_id, t, row, from_grade, to_grade)"
        " SELECT u.series_id, u.grade_id, u.t, u.row, nullif(u.from_grade, 0), u.to_grade"
        " FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::integer[],"
        "             $5::smallint[], $6::smallint[])"
        " AS u (series_id, grade_id, t, row, from_grade, to_grade)",

    [SQL_EVENT_RETRACT] =
        "UPDATE event e SET retracted_at = clock_timestamp()"
        " FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::integer[])"
        " AS u (series_id, grade_id, t, row)"
        " WHERE e.series_id = u.series_id AND e.grade_id = u.grade_id"
        "   AND e.t = u.t AND e.row = u.row AND e.retracted_at IS NULL",

    [SQL_ROLLUP_ADD] = "INSERT INTO grade_rollup (hour, series_id, grade_id, " COUNTS ")"
                       " SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::smallint[],"
                       " $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::integer[],"
                       " $9::integer[]) ON CONFLICT (hour, series_id, grade_id)"
                       " DO UPDATE SET " ADD_COUNTS("grade_rollup"),

    [SQL_ROLLUP_DAY_ADD] = "INSERT INTO grade_rollup_day (day, series_id, grade_id, " COUNTS ")"
                           " SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::smallint[],"
                           " $4::integer[], $5::integer[], $6::integer[], $7::integer[],"
                           " $8::integer[], $9::integer[]) ON CONFLICT (day, series_id, grade_id)"
                           " DO UPDATE SET " ADD_COUNTS("grade_rollup_day"),

    [SQL_TOTAL_ADD] = "INSERT INTO grade_total (unit, start, type, grade_id, " COUNTS ")"
                      " SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[],"
                      " $4::smallint[], $5::integer[], $6::integer[], $7::integer[], $8::integer[],"
                      " $9::integer[], $10::integer[]) ON CONFLICT (unit, start, type, grade_id)"
                      " DO UPDATE SET " ADD_COUNTS("grade_total"),

    [SQL_REJECT] =
        "INSERT INTO rejected (instance, sequence, item, received_at, sender, reason, detail,"
        "                      size_bytes, head)"
        " SELECT u.instance, u.sequence::numeric, u.item, u.received_at, u.sender, u.reason,"
        "        u.detail, u.size_bytes, u.head"
        " FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[],"
        "             $6::text[], $7::text[], $8::bigint[], $9::bytea[])"
        " AS u (instance, sequence, item, received_at, sender, reason, detail, size_bytes, head)"
        " ON CONFLICT DO NOTHING",

    [SQL_REJECT_TRIM] = "DELETE FROM rejected WHERE id <="
                        " (SELECT id FROM rejected ORDER BY id DESC OFFSET $1::bigint LIMIT 1)",

    [SQL_GRADING_LATEST] = "SELECT version, document FROM grading ORDER BY version DESC LIMIT 1",

    [SQL_GRADING_ADD] = "INSERT INTO grading (version, document, blocks, author, published_at)"
                        " VALUES ($1::integer, $2::text, $3::integer, $4::text, clock_timestamp())",

    [SQL_GRADE_NAMES] = "SELECT id, name FROM grade_name ORDER BY id",

    [SQL_GRADE_NAME_ADD] = "INSERT INTO grade_name (id, name) VALUES ($1::smallint, $2::text)",

    [SQL_RECORD_TYPES] =
        "SELECT type, (extract(epoch FROM gap) * 1000000)::bigint FROM record_type",

    [SQL_RECORD_TYPE_PUT] = "INSERT INTO record_type (type, gap)"
                            " VALUES ($1::text, $2::bigint * interval '1 microsecond')"
                            " ON CONFLICT (type) DO UPDATE SET gap = excluded.gap",

    [SQL_RECORD_TYPE_REMOVE] = "DELETE FROM record_type WHERE type = $1::text",

    [SQL_PERIODS_OF_TYPE] =
        "SELECT EXISTS (SELECT FROM period p JOIN series s ON s.id = p.series_id"
        "               WHERE s.type = $1::text OR ($1::text = '' AND NOT EXISTS"
        "                     (SELECT FROM record_type r WHERE r.type = s.type AND r.type <> '')))",

    [SQL_LOCK] = "SELECT pg_try_advisory_lock($1::bigint)",

    /* Only those that were not written before are returned. */
    [SQL_BATCH_TAKE] =
        "INSERT INTO batch_done (instance, shard, sequence)"
        " SELECT u.instance, u.shard, u.sequence"
        " FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS u (instance, shard, sequence)"
        " WHERE NOT EXISTS (SELECT FROM batch_stream s WHERE s.instance = u.instance"
        "                   AND s.shard = u.shard AND u.sequence < s.oldest)"
        " ON CONFLICT DO NOTHING RETURNING instance, shard, sequence",

    /* What is below the oldest is settled; what of it never came is a hole. */
    [SQL_BATCH_SETTLE] =
        "WITH told AS (SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[],"
        "                                   $4::timestamptz[], $5::bigint[], $6::bigint[],"
        "                                   $7::bigint[])"
        "              AS u (instance, shard, oldest, hour, dropped, lost, maybe_lost)),"
        " stream AS (SELECT instance, shard, max(oldest) AS oldest, max(hour) AS hour"
        "            FROM told GROUP BY instance, shard),"
        " gone AS (DELETE FROM batch_done d USING stream t WHERE d.instance = t.instance"
        "          AND d.shard = t.shard AND d.sequence < t.oldest"
        "          RETURNING d.instance, d.shard),"
        " moved AS (INSERT INTO batch_stream AS s (instance, shard, oldest)"
        "           SELECT instance, shard, oldest FROM stream"
        "           ON CONFLICT (instance, shard) DO UPDATE SET oldest = excluded.oldest"
        "           WHERE s.oldest < excluded.oldest),"
        " counted AS (SELECT t.hour, t.instance, 0 AS dropped, 0 AS lost, 0 AS maybe_lost,"
        "             t.oldest - coalesce(s.oldest, 1)"
        "             - (SELECT count(*) FROM gone g WHERE g.instance = t.instance"
        "                AND g.shard = t.shard) AS holes"
        "             FROM stream t LEFT JOIN batch_stream s USING (instance, shard)"
        "             WHERE t.oldest > coalesce(s.oldest, 1)"
        "             UNION ALL SELECT hour, instance, dropped, lost, maybe_lost, 0 FROM told)"
        " INSERT INTO ledger_instance AS l (hour, instance, dropped, lost, maybe_lost, holes)"
        " SELECT hour, instance, sum(dropped), sum(lost), sum(maybe_lost), sum(holes) FROM counted"
        " GROUP BY hour, instance"
        " HAVING sum(dropped) > 0 OR sum(lost) > 0 OR sum(maybe_lost) > 0 OR sum(holes) > 0"
        " ON CONFLICT (hour, instance) DO UPDATE"
        " SET dropped = l.dropped + excluded.dropped, lost = l.lost + excluded.lost,"
        "     maybe_lost = l.maybe_lost + excluded.maybe_lost, holes = l.holes + excluded.holes",

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
        "  duplicates = l.duplicates + u.duplicates, rejected = l.rejected + u.rejected"
        " FROM (SELECT ledger_id, sum(datagrams) AS datagrams, sum(accepted) AS accepted,"
        "       sum(exceptions) AS exceptions, sum(records) AS records, sum(stored) AS stored,"
        "       sum(duplicates) AS duplicates, sum(rejected) AS rejected"
        "       FROM gone WHERE reason = '' GROUP BY ledger_id) AS u WHERE l.id = u.ledger_id",

    [SQL_MIGRATIONS] = "SELECT coalesce(max(number), 0) FROM migration",

    [SQL_MIGRATION_ADD] = "INSERT INTO migration (number, name) VALUES ($1::integer, $2::text)",

    [SQL_ROLE] = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ezrepo_read'),"
                 "       current_setting('server_encoding') = 'UTF8',"
                 "       current_setting('server_version_num')::integer",

    /* Sealing, in a transaction of its own: a flush that asks for the hour's row waits for its end.
     */
    [SQL_SEAL_LOCK] = "SELECT FROM measured_hour WHERE hour = $1::timestamptz AND NOT sealed"
                      " FOR UPDATE",

    [SQL_SEAL_COUNT] =
        "INSERT INTO grade_rollup (hour, series_id, grade_id, " COUNTS ")"
        " SELECT $1::timestamptz, series_id, grade_id, count(*) FILTER (WHERE grade = 0),"
        " count(*) FILTER (WHERE grade = 1), count(*) FILTER (WHERE grade = 2),"
        " count(*) FILTER (WHERE grade = 3), count(*) FILTER (WHERE grade = 4),"
        " count(*) FILTER (WHERE grade = 5) FROM record_grade"
        " WHERE t_start >= $1::timestamptz"
        " AND t_start < $1::timestamptz + interval '1 hour'"
        " GROUP BY series_id, grade_id ORDER BY series_id, grade_id",

    [SQL_SEAL_MARK] = "UPDATE measured_hour SET sealed = true WHERE hour = $1::timestamptz",

    /* A day's sealed hours that are not in the day yet; all of its hours are held meanwhile. */
    [SQL_SEAL_DAY_LOCK] = "SELECT FROM measured_hour WHERE " HOURS_OF_DAY " FOR UPDATE",

    [SQL_SEAL_DAY_COUNT] =
        "INSERT INTO grade_rollup_day (day, series_id, grade_id, " COUNTS ")"
        " SELECT $1::timestamptz, r.series_id, r.grade_id, sum(r.n0), sum(r.n1), sum(r.n2),"
        " sum(r.n3), sum(r.n4), sum(r.n5) FROM measured_hour h JOIN grade_rollup r USING (hour)"
        " WHERE " HOURS_OF_DAY " AND h.sealed AND NOT h.in_day"
        " GROUP BY r.series_id, r.grade_id ORDER BY r.series_id, r.grade_id"
        " ON CONFLICT (day, series_id, grade_id) DO UPDATE SET " ADD_COUNTS("grade_rollup_day"),

    [SQL_SEAL_DAY_MARK] =
        "UPDATE measured_hour SET in_day = true WHERE " HOURS_OF_DAY " AND sealed AND NOT in_day",
};

const char *sql_text(enum sql_statement statement)
{
    return statement >= SQL_REBUILD_EXTENT ? sql_rebuild_text(statement) : statements[statement];
}

/* The day's date; -1 outside of the years 1970 to 9999. */
static int day_date(int32_t day, struct tm *utc)
{
    time_t t = (time_t)day * 86400;
    return gmtime_r(&t, utc) == NULL || utc->tm_year < 70 || utc->tm_year > 9999 - 1900 ? -1 : 0;
}

int sql_partition(int32_t day, char *text, int size)
{
    struct tm from, to;
    char name[64];
    if (day_date(day, &from) == -1 || day_date(day + 1, &to) == -1) {
        return -1;
    }
    snprintf(name, sizeof name, "measurement_%04d%02d%02d", from.tm_year + 1900, from.tm_mon + 1,
             from.tm_mday);
    int n = snprintf(text, (size_t)size,
                     "CREATE TABLE %s (LIKE measurement INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
                     " INCLUDING INDEXES);"
                     "ALTER TABLE measurement ATTACH PARTITION %s FOR VALUES"
                     " FROM ('%04d-%02d-%02d 00:00:00+00') TO ('%04d-%02d-%02d 00:00:00+00')",
                     name, name, from.tm_year + 1900, from.tm_mon + 1, from.tm_mday,
                     to.tm_year + 1900, to.tm_mon + 1, to.tm_mday);
    return n >= size ? -1 : 0;
}

int sql_partition_day(const char *name, int32_t *day)
{
    struct tm utc = {0};
    int end = 0;
    if (sscanf(name, "measurement_%4d%2d%2d%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &end) !=
            3 ||
        end != (int)strlen("measurement_YYYYMMDD") || name[end] != '\0') {
        return -1;
    }
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    *day = (int32_t)(timegm(&utc) / 86400);
    return 0;
}
