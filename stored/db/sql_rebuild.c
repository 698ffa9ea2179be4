/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of a rebuild (rebuild_series.c, rebuild_hours.c). */
#include "stored/db/sql_parts.h"

#include "schemas/dimensions.h"

#define DIFFERENCE                                                                                 \
    " CASE WHEN kept.n0 IS NULL THEN 0 WHEN said.n0 IS NULL THEN 1 ELSE 2 END AS how,"             \
    " coalesce(said.n0, 0) - coalesce(kept.n0, 0) AS d0,"                                          \
    " coalesce(said.n1, 0) - coalesce(kept.n1, 0) AS d1,"                                          \
    " coalesce(said.n2, 0) - coalesce(kept.n2, 0) AS d2,"                                          \
    " coalesce(said.n3, 0) - coalesce(kept.n3, 0) AS d3,"                                          \
    " coalesce(said.n4, 0) - coalesce(kept.n4, 0) AS d4,"                                          \
    " coalesce(said.n5, 0) - coalesce(kept.n5, 0) AS d5,"                                          \
    " coalesce(concat_ws(' ', said.n0, said.n1, said.n2, said.n3, said.n4, said.n5), '') AS "      \
    "said_text,"                                                                                   \
    " coalesce(concat_ws(' ', kept.n0, kept.n1, kept.n2, kept.n3, kept.n4, kept.n5), '') AS "      \
    "kept_text"

#define WHERE_DIFFERENT                                                                            \
    " WHERE (said.n0, said.n1, said.n2, said.n3, said.n4, said.n5) IS DISTINCT FROM"               \
    "       (kept.n0, kept.n1, kept.n2, kept.n3, kept.n4, kept.n5)"

#define ROWS                                                                                       \
    " SELECT " COMPARED_COLUMNS " FROM different"                                                  \
    " ORDER BY start, series_id, unit, type, grade_id LIMIT $2::integer"

/*
 * Without the types whose records of this hour are dropped, or will be: $4 is 0 and $3 names them;
 * or it is 1 and $3 names all others. When there are none this costs nothing.
 */
#define ARE_ALL      "cardinality($3::text[]) = 0 AND $4::integer = 0"
#define TYPE_IS_KEPT "(type = ANY ($3::text[])) = ($4::integer = 1)"
#define KEPT_SERIES                                                                                \
    " AND (" ARE_ALL " OR series_id IN (SELECT id FROM series WHERE " TYPE_IS_KEPT "))"
#define KEPT_TYPES " AND (" ARE_ALL " OR " TYPE_IS_KEPT ")"

/* The bounds of a window of a series' records. */
#define BEHIND "($3::timestamptz, $4::timestamptz, $5::bigint)"
#define UP_TO  "($6::timestamptz, $7::timestamptz, $8::bigint)"

#define ADD(table, keys, key_arrays)                                                               \
    "INSERT INTO " table " (" keys ", " COUNTS ") SELECT * FROM unnest(" key_arrays ")"            \
    " ON CONFLICT (" keys ") DO UPDATE SET " ADD_COUNTS(table)

#define ARE_SOME "(n0, n1, n2, n3, n4, n5) <> (0, 0, 0, 0, 0, 0)"
#define ARE_ZERO " AND (n0, n1, n2, n3, n4, n5) = (0, 0, 0, 0, 0, 0)"
#define LISTS_ARE_ZERO                                                                             \
    " AND 0 = ALL (coalesce(c0, '{0}') || coalesce(c1, '{0}') || coalesce(c2, '{0}')"              \
    " || coalesce(c3, '{0}') || coalesce(c4, '{0}') || coalesce(c5, '{0}'))"

static const char *const statements[SQL_STATEMENTS] = {
    [SQL_REBUILD_EXTENT] = "SELECT coalesce(max(id), 0), count(*) FROM series",

    [SQL_REBUILD_SERIES] = "SELECT id, " DIMENSION_COLUMNS " FROM series"
                           " WHERE id > $1::bigint AND id <= $2::bigint"
                           " ORDER BY id LIMIT $3::integer",

    [SQL_AGAIN_COUNT] = "SELECT count(*) FROM series_again JOIN series ON series_id = id"
                        " WHERE meanwhile = ($1::integer = 1)",

    [SQL_AGAIN_SERIES] =
        "SELECT id, " DIMENSION_COLUMNS " FROM series JOIN series_again ON series_id = id"
        " WHERE id > $1::bigint AND id <= $2::bigint AND meanwhile = ($4::integer = 1)"
        " ORDER BY id LIMIT $3::integer",

    [SQL_AGAIN_DONE] = "DELETE FROM series_again WHERE series_id = $1::bigint",

    /* Of each grade name the last two periods that start before the time (0, 1), and the first one
     * that does not (2); with what is known of their dropped records. */
    [SQL_REBUILD_STARTS] =
        "SELECT " REBUILD_STARTS_COLUMNS
        " FROM unnest($2::smallint[]) AS u (grade_id) CROSS JOIN LATERAL ("
        "   (SELECT row_number() OVER (ORDER BY " PERIOD_LAST ")::integer - 1 AS which, *"
        "    FROM (SELECT * FROM period WHERE series_id = $1::bigint AND grade_id = "
        "u.grade_id"
        "          AND t_start < $3::timestamptz ORDER BY " PERIOD_LAST " LIMIT 2) AS b)"
        "   UNION ALL"
        "   (SELECT 2, * FROM period WHERE series_id = $1::bigint AND grade_id = u.grade_id"
        "    AND t_start >= $3::timestamptz ORDER BY t_start, start_end, start_key LIMIT 1)) "
        "AS p"
        " LEFT JOIN period_dropped d ON d.series_id = $1::bigint AND d.grade_id = p.grade_id"
        "   AND d.t_start = p.t_start AND d.start_end = p.start_end AND d.start_key = "
        "p.start_key"
        " ORDER BY u.grade_id",

    [SQL_REBUILD_RECORDS] =
        "SELECT t_start, t_end, key, grades FROM measurement"
        " WHERE series_id = $1::bigint AND t_start >= $2::timestamptz"
        "   AND (t_start, t_end, key) > ($2::timestamptz, $3::timestamptz, $4::bigint)"
        "   AND t_start < $6::timestamptz"
        " ORDER BY t_start, t_end, key LIMIT $5::integer",

    /* Open ones as their rows have them, and up to where. Those behind the key $3.. up to $6.., and
       of those up to $3.. the ones that start at $9.. */
    [SQL_REBUILD_PERIODS] =
        "SELECT " REBUILD_PERIODS_COLUMNS
        " FROM (SELECT * FROM period_known WHERE series_id = $1::bigint"
        "         AND grade_id = ANY ($2::smallint[]) AND t_start >= $3::timestamptz"
        "         AND t_start <= $6::timestamptz"
        "         AND " PERIOD_START " > " BEHIND " AND " PERIOD_START " <= " UP_TO
        "       UNION ALL"
        "       SELECT n.* FROM unnest($9::smallint[], $10::timestamptz[], "
        "$11::timestamptz[],"
        "                              $12::bigint[]) AS u (grade_id, t_start, start_end, "
        "start_key)"
        "         JOIN period_known n ON n.series_id = $1::bigint AND n.grade_id = u.grade_id"
        "         AND n.t_start = u.t_start AND n.start_end = u.start_end"
        "         AND n.start_key = u.start_key"
        "       WHERE (u.t_start, u.start_end, u.start_key) <= " BEHIND ") AS p"
        " ORDER BY p.grade_id, p.t_start, p.start_end, p.start_key",

    [SQL_REBUILD_EVENTS] = "SELECT " REBUILD_EVENTS_COLUMNS " FROM event"
                           " WHERE series_id = $1::bigint AND grade_id = ANY ($2::smallint[])"
                           "   AND t >= $3::timestamptz AND t <= $6::timestamptz"
                           "   AND (t, t_end, key) > " BEHIND " AND (t, t_end, key) <= " UP_TO
                           "   AND retracted_at IS NULL"
                           " ORDER BY grade_id, t, t_end, key",

    /* Whether the hour holds records although it is not listed. */
    [SQL_REBUILD_UNLISTED] =
        "SELECT NOT EXISTS (SELECT FROM measured_hour WHERE hour = $1::timestamptz)"
        " AND EXISTS (SELECT FROM measurement WHERE " RECORDS_OF_HOUR ")",

    /* Of a sealed hour the records are counted in its day, or by themselves, and nowhere else. */
    [SQL_REBUILD_HOUR] =
        "WITH at AS (SELECT coalesce(bool_or(sealed), false) AS sealed,"
        "   CASE WHEN bool_or(in_day) THEN 'day' ELSE 'hour' END AS unit"
        "   FROM measured_hour WHERE hour = $1::timestamptz),"
        " said AS (SELECT (SELECT unit FROM at) AS unit, series_id, grade_id," COUNT_GRADES
        "   FROM record_grade WHERE " RECORDS_OF_HOUR KEPT_SERIES
        "   AND (SELECT sealed FROM at) GROUP BY series_id, grade_id),"
        " kept AS (SELECT 'hour' AS unit, series_id, grade_id, " COUNTS " FROM rollup_hour"
        "   WHERE hour = $1::timestamptz" KEPT_SERIES
        "   UNION ALL SELECT * FROM (SELECT 'day', series_id, grade_id," COUNTS_AT_PLACE(PLACE_OF(
            "hour", "$1::timestamptz") " + 1") "     FROM rollup_day WHERE day = date_trunc('day', "
                                               "$1::timestamptz, 'UTC')" KEPT_SERIES
                                               "     ) AS d WHERE " ARE_SOME "),"
                                               " different AS (SELECT $1::timestamptz AS start, "
                                               "series_id, unit, ''::text AS type,"
                                               "   grade_id," DIFFERENCE
                                               "   FROM said FULL JOIN kept USING (unit, "
                                               "series_id, grade_id)" WHERE_DIFFERENT ")" ROWS,

    /* The month's day from the day. */
    [SQL_REBUILD_DAY] =
        "WITH said AS (SELECT * FROM (SELECT series_id, grade_id, coalesce(c0[24], 0) AS n0,"
        "     coalesce(c1[24], 0) AS n1, coalesce(c2[24], 0) AS n2, coalesce(c3[24], 0) AS n3,"
        "     coalesce(c4[24], 0) AS n4, coalesce(c5[24], 0) AS n5"
        "     FROM rollup_day WHERE day = $1::timestamptz) AS d WHERE " ARE_SOME "),"
        " kept AS (SELECT * FROM (SELECT series_id, grade_id," COUNTS_AT_PLACE(
            PLACE_OF("day", "$1::timestamptz")) "     FROM rollup_month WHERE month = "
                                                "date_trunc('month', $1::timestamptz, 'UTC')) AS m"
                                                "     WHERE " ARE_SOME "),"
                                                " different AS (SELECT $1::timestamptz AS start, "
                                                "series_id, ''::text AS unit,"
                                                "   ''::text AS type, grade_id," DIFFERENCE
                                                "   FROM said FULL JOIN kept USING (series_id, "
                                                "grade_id)" WHERE_DIFFERENT ")" ROWS,

    /* The hour and its minutes from the records. */
    [SQL_REBUILD_TOTAL_HOUR] =
        "WITH minute AS (SELECT date_trunc('minute', t_start, 'UTC') AS start, type, "
        "grade_id," COUNT_GRADES " FROM record_grade JOIN series ON id = series_id"
        "   WHERE " RECORDS_OF_HOUR KEPT_TYPES " GROUP BY 1, type, grade_id),"
        " said AS (SELECT 'minute'::text AS unit, * FROM minute UNION ALL"
        "   SELECT 'hour', $1::timestamptz, type, grade_id," SUM_GRADES
        "   FROM minute GROUP BY type, grade_id),"
        " kept AS (SELECT * FROM grade_total WHERE unit IN ('minute', 'hour')"
        "   AND " TOTALS_OF_HOUR KEPT_TYPES "),"
        " different AS (SELECT start, 0::bigint AS series_id, unit, type, grade_id," DIFFERENCE
        "   FROM said FULL JOIN kept USING (unit, start, type, grade_id)" WHERE_DIFFERENT ")" ROWS,

    /* The day from its hours. */
    [SQL_REBUILD_TOTAL_DAY] =
        "WITH said AS (SELECT 'day'::text AS unit, $1::timestamptz AS start, type, "
        "grade_id," SUM_GRADES " FROM grade_total WHERE unit = 'hour' AND " TOTALS_OF_DAY
        "   GROUP BY type, grade_id),"
        " kept AS (SELECT * FROM grade_total WHERE unit = 'day' AND start = $1::timestamptz),"
        " different AS (SELECT start, 0::bigint AS series_id, unit, type, grade_id," DIFFERENCE
        "   FROM said FULL JOIN kept USING (unit, start, type, grade_id)" WHERE_DIFFERENT ")" ROWS,

    /* Differences, not numbers: what a flush adds meanwhile stays right. */
    /* What was found of an hour that has come into its day since then is added there. */
    [SQL_REBUILD_HOUR_ADD] =
        "WITH added AS (SELECT a.*, unit = 'hour' AND NOT coalesce(h.in_day, false) AS alone"
        "   FROM unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::smallint[], $5::bigint[],"
        "               $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])"
        "   AS a (hour, unit, series_id, grade_id, " COUNTS ")"
        "   LEFT JOIN measured_hour h USING (hour)),"
        " days AS (" ADD_TO_DAYS(
            "added WHERE NOT alone") ")"
                                     " INSERT INTO rollup_hour AS r (hour, series_id, "
                                     "grade_id, " COUNTS ")"
                                     " SELECT hour, series_id, grade_id, " COUNTS
                                     " FROM added WHERE alone"
                                     " ON CONFLICT (hour, series_id, grade_id) DO UPDATE "
                                     "SET " ADD_COUNTS("r"),

    [SQL_REBUILD_DAY_ADD] =
        ADD_TO_MONTHS("unnest($1::timestamptz[], $2::bigint[], $3::smallint[], $4::bigint[],"
                      "       $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])"
                      " AS a (hour, series_id, grade_id, " COUNTS ")"),

    [SQL_REBUILD_TOTAL_ADD] =
        ADD("grade_total", "start, unit, type, grade_id",
            "$1::timestamptz[], $2::text[], $3::text[], $4::smallint[], $5::bigint[],"
            " $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[]"),

    [SQL_REBUILD_HOUR_TRIM] =
        "WITH days AS (DELETE FROM rollup_day"
        "   WHERE day = date_trunc('day', $1::timestamptz, 'UTC')" LISTS_ARE_ZERO ")"
        " DELETE FROM rollup_hour WHERE hour = $1::timestamptz" ARE_ZERO,

    [SQL_REBUILD_DAY_TRIM] =
        "DELETE FROM rollup_month"
        " WHERE month = date_trunc('month', $1::timestamptz, 'UTC')" LISTS_ARE_ZERO,

    [SQL_REBUILD_TOTAL_TRIM] = "DELETE FROM grade_total WHERE " TOTALS_OF_DAY ARE_ZERO,
};

const char *sql_rebuild_text(enum sql_statement statement)
{
    return statements[statement];
}
