/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL about steadiness (schemas/sql/0040-steady.sql). Of one pair where nothing else is said:
 * $1 and $2. */
#include "stored/db/sql_parts.h"

#define PAIR      "series_id = $1::bigint AND grade_id = $2::smallint"
#define KEY_GIVEN "($3::timestamptz, $4::timestamptz, $5::bigint)"

const char sql_steady_terms[] = "SELECT version, place, terms FROM steady_terms"
                                " WHERE version > $1::integer ORDER BY version, place";

/* $2: the numbers of all terms of the version. */
const char sql_steady_terms_add[] =
    "INSERT INTO steady_terms (version, place, terms)"
    " SELECT $1::integer, (n - 1) / 7 + 1, array_agg(u.number ORDER BY n)"
    " FROM unnest($2::integer[]) WITH ORDINALITY AS u (number, n) GROUP BY (n - 1) / 7";

const char sql_steady_pairs[] = "SELECT DISTINCT series_id, grade_id FROM steady_walk"
                                " WHERE series_id = ANY ($1::bigint[])";

const char sql_steady_anchor[] = "SELECT t_start, t_end, key, state FROM steady_walk WHERE " PAIR
                                 " AND (t_start, t_end, key) < " KEY_GIVEN
                                 " ORDER BY t_start DESC, t_end DESC, key DESC LIMIT 1";

/* The latest end of the periods before the one that starts there, since the last gap. */
const char sql_steady_latest[] =
    "WITH g AS (SELECT t_start, start_end, start_key FROM period WHERE " PAIR
    "   AND ended = 'gap' AND " PERIOD_START " < " KEY_GIVEN " ORDER BY " PERIOD_LAST " LIMIT 1)"
    " SELECT max(t_end) FROM period p WHERE " PAIR " AND " PERIOD_START " < " KEY_GIVEN
    " AND NOT EXISTS (SELECT FROM g WHERE (g.t_start, g.start_end, g.start_key)"
    "   >= (p.t_start, p.start_end, p.start_key))";

/* The last $6 periods before the key, and what is known of their dropped records. */
const char sql_steady_before[] = "SELECT " PERIOD_COLUMNS("p.") ", " HEAD_COLUMNS(
    "d.") " FROM (SELECT * FROM period WHERE " PAIR "   AND " PERIOD_START " < " KEY_GIVEN
          " ORDER BY " PERIOD_LAST " LIMIT $6::integer) AS p"
          " LEFT JOIN period_dropped d USING (series_id, grade_id, t_start, start_end, start_key)"
          " ORDER BY p.t_start DESC, p.start_end DESC, p.start_key DESC";

const char sql_steady_records[] =
    "SELECT t_start, t_end, key, grades[$2::smallint], steady_bits(steady, $2::smallint),"
    " grading_version FROM measurement WHERE series_id = $1::bigint"
    "   AND t_start >= $3::timestamptz AND t_start < $7::timestamptz"
    "   AND (t_start, t_end, key) > " KEY_GIVEN " AND grades[$2::smallint] > 0"
    " ORDER BY t_start, t_end, key LIMIT $6::integer";

/* The next $6 states behind one. */
const char sql_steady_behind[] =
    "SELECT t_start, t_end, key, state FROM steady_walk WHERE " PAIR
    " AND (t_start, t_end, key) > " KEY_GIVEN " ORDER BY t_start, t_end, key LIMIT $6::integer";

/* Its period that a key is in. */
const char sql_steady_row[] =
    "SELECT " PERIOD_COLUMNS("p.") " FROM period p WHERE " PAIR " AND " PERIOD_START
                                   " <= " KEY_GIVEN " ORDER BY " PERIOD_LAST " LIMIT 1";

#define UNTIL "($6::timestamptz, $7::timestamptz, $8::bigint)"

#define ROWS_OF(table)                                                                             \
    "SELECT " PERIOD_COLUMNS(                                                                      \
        "p.") ", coalesce(e.from_grade, 0::smallint) FROM " table " p"                             \
              " LEFT JOIN event e ON e.series_id = p.series_id AND e.grade_id = p.grade_id"        \
              "   AND e.t = p.t_start AND e.t_end = p.start_end AND e.key = p.start_key"           \
              "   AND e.retracted_at IS NULL"                                                      \
              " WHERE p.series_id = $1::bigint AND p.grade_id = $2::smallint"                      \
              "   AND (p.t_start, p.start_end, p.start_key) > " KEY_GIVEN                          \
              "   AND (p.t_start, p.start_end, p.start_key) < " UNTIL                              \
              " ORDER BY p.t_start, p.start_end, p.start_key"

const char sql_steady_rows[] = ROWS_OF("period");
const char sql_steady_rows_now[] = ROWS_OF("period_now");

const char sql_steady_cut[] =
    "DELETE FROM steady_walk WHERE " PAIR " AND (t_start, t_end, key) > " KEY_GIVEN
    " AND (t_start, t_end, key) < " UNTIL;

const char sql_steady_mark[] =
    "INSERT INTO steady_walk (series_id, grade_id, t_start, t_end, key, state)"
    " SELECT * FROM unnest(" KEY_ARRAYS ", $6::bytea[])"
    " ON CONFLICT (series_id, grade_id, t_start, t_end, key) DO UPDATE SET state = excluded.state";

const char sql_steady_of_series[] = "SELECT DISTINCT grade_id FROM steady_walk"
                                    " WHERE series_id = $1::bigint";

/* The series behind $1 up to $2, each with the horizon of its type: $3, $4: types and horizons, $5:
 * of all others. ($6, the latest, is for the partitions.) */
#define HORIZONS                                                                                   \
    "(SELECT id, type, coalesce(u.horizon, $5::timestamptz) AS horizon FROM series"                \
    "   LEFT JOIN unnest($3::text[], $4::timestamptz[]) AS u (type, horizon) USING (type)"         \
    "   WHERE id > $1::bigint AND id <= $2::bigint AND $6::timestamptz IS NOT NULL) AS h"

/* Pairs of these that have records before the horizon which no state that is kept knows of. */
const char sql_steady_ending[] =
    "SELECT w.series_id, w.grade_id, h.horizon, h.type FROM " HORIZONS
    " CROSS JOIN LATERAL (SELECT DISTINCT ON (series_id, grade_id) * FROM steady_walk k"
    "   WHERE k.series_id = h.id AND k.t_start < h.horizon"
    "   ORDER BY series_id, grade_id, t_start DESC, t_end DESC, key DESC) AS w"
    " WHERE EXISTS (SELECT FROM measurement m WHERE m.series_id = w.series_id"
    "   AND m.t_start >= w.t_start AND m.t_start < h.horizon AND m.t_start < $6::timestamptz"
    "   AND (m.t_start, m.t_end, m.key) > (w.t_start, w.t_end, w.key) AND m.grades[w.grade_id] > "
    "0)";

/* States before the last one that is before the horizon. */
const char sql_steady_forget[] =
    "DELETE FROM steady_walk w USING " HORIZONS " WHERE w.series_id = h.id AND EXISTS"
    " (SELECT FROM steady_walk n WHERE n.series_id = w.series_id AND n.grade_id = w.grade_id"
    "   AND n.t_start < h.horizon AND (n.t_start, n.t_end, n.key) > (w.t_start, w.t_end, w.key))";
