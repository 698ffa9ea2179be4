/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One snapshot for all of a run. Records are read by COPY, whose text has nothing in it but numbers
 * and times that we wrote (dry_page.c).
 */
#include "reasond/dry_sql.h"

const char dry_begin_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/* So long a statement goes on whose connection was closed: a tenth of a second. Other cores are for
 * others. */
static const char session[] =
    "SET search_path = ezrepo; SET timezone = 'UTC'; SET default_transaction_read_only = on;"
    " SET jit = off; SET random_page_cost = 1.1; SET max_parallel_workers_per_gather = 0;"
    " SET client_connection_check_interval = '100ms'; SET client_encoding = 'UTF8'";

#define PERIOD                                                                                     \
    "SELECT t_start, start_end, start_key, grade, t_end, records, coalesce(ended, '') AS ended"    \
    " FROM period WHERE series_id = u.id AND grade_id = n.id AND t_start < $3::timestamptz"
#define NEWEST_FIRST "t_start DESC, start_end DESC, start_key DESC"

static const char *const texts[DRY_SQLS] = {
    [DRY_SQL_VERSION] = "SELECT coalesce(max(number), 0)::bigint FROM ezrepo.migration",

    [DRY_SQL_EXTENT] = "SELECT (SELECT coalesce(max(id), 0) FROM series)::bigint,"
                       " (SELECT min(hour) FROM measured_hour)",

    [DRY_SQL_HORIZONS] = "SELECT type, from_day::timestamp AT TIME ZONE 'UTC',"
                         " horizon::timestamp AT TIME ZONE 'UTC' FROM retention_class"
                         " ORDER BY class",

    [DRY_SQL_TYPES] = "SELECT types FROM grading ORDER BY version DESC LIMIT 1",

    [DRY_SQL_NAMES] = "SELECT id::smallint, name FROM grade_name ORDER BY id",

    [DRY_SQL_TERMS] = "SELECT version::integer, place::smallint, terms FROM steady_terms"
                      " ORDER BY version, place",

    [DRY_SQL_SCHEMAS] = "SELECT id::bigint, results FROM schema ORDER BY id",

    /* Of what is before the range only records can matter that reach up to a gap before it: from
     * which hour on there are some. */
    [DRY_SQL_GAPS] = "SELECT r.type, (extract(epoch FROM r.gap) * 1000000)::bigint,"
                     " (SELECT min(h.hour) FROM measured_hour h WHERE h.hour < $1::timestamptz"
                     "  AND h.reach >= $1::timestamptz - r.gap) FROM record_type r",

    [DRY_SQL_SERIES] = "SELECT id, " DIMENSION_COLUMNS " FROM series WHERE id > $1::bigint"
                       " ORDER BY id LIMIT $2::integer",

    [DRY_SQL_KEPT] =
        "SELECT u.id, n.id, k.t_start, k.t_end, k.key, k.state"
        " FROM unnest($1::bigint[]) AS u (id) CROSS JOIN unnest($2::smallint[]) AS n (id)"
        " CROSS JOIN LATERAL (SELECT * FROM steady_walk w WHERE w.series_id = u.id"
        "  AND w.grade_id = n.id AND w.t_start < $3::timestamptz"
        "  ORDER BY w.t_start DESC, w.t_end DESC, w.key DESC LIMIT 1) AS k",

    /* The last $4 that begin before the range, and all that begin as late as a record can matter
     * ($5, of each series). */
    [DRY_SQL_PERIODS] =
        "SELECT u.id, n.id, p.t_start, p.start_end, p.start_key, p.grade, p.t_end, p.records,"
        " p.ended, d.t_end FROM unnest($1::bigint[], $5::timestamptz[]) AS u (id, looks)"
        " CROSS JOIN unnest($2::smallint[]) AS n (id)"
        " CROSS JOIN LATERAL ((" PERIOD " ORDER BY " NEWEST_FIRST " LIMIT $4::integer)"
        "  UNION (" PERIOD " AND $4::integer > 1 AND t_start >= u.looks)) AS p"
        " LEFT JOIN period_dropped d ON d.series_id = u.id AND d.grade_id = n.id"
        "  AND d.t_start = p.t_start AND d.start_end = p.start_end AND d.start_key = p.start_key"
        " ORDER BY u.id, n.id, p.t_start DESC, p.start_end DESC, p.start_key DESC",

    [DRY_SQL_VERSIONS] = "SELECT version::integer, document, types FROM grading"
                         " WHERE version = ANY ($1::integer[])",
};

static const char *text(unsigned statement)
{
    return texts[statement];
}

static bool is_planned_anew(unsigned statement)
{
    (void)statement;
    return true;
}

const struct pg_statements dry_statements = {DRY_SQLS, session, text, is_planned_anew};
