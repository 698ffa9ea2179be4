/* SPDX-License-Identifier: Apache-2.0 */
/* All SQL of reasond. */
#ifndef EZREPO_DRY_SQL_H
#define EZREPO_DRY_SQL_H

#include "common/pg/pg.h"
#include "schemas/dimensions.h"

enum dry_sql {
    DRY_SQL_VERSION,  /* of the store */
    DRY_SQL_EXTENT,   /* the greatest number of a series, the first hour */
    DRY_SQL_HORIZONS, /* how long what is kept */
    DRY_SQL_TYPES,    /* what of the record types enters grading now */
    DRY_SQL_NAMES,
    DRY_SQL_TERMS,
    DRY_SQL_SCHEMAS,
    DRY_SQL_GAPS,   /* $1: when the range begins */
    DRY_SQL_SERIES, /* $2 of them behind $1 */
    DRY_SQL_KEPT,   /* $1 series, $2 names, $3 when the range begins */
    DRY_SQL_PERIODS,
    DRY_SQL_VERSIONS, /* $1: of the grading */
    DRY_SQLS
};

extern const struct pg_statements dry_statements;
extern const char dry_begin_sql[];

/* Columns of DRY_SQL_PERIODS. */
enum {
    DRY_OF_SERIES,
    DRY_OF_NAME,
    DRY_T_START,
    DRY_START_END,
    DRY_START_KEY,
    DRY_GRADE,
    DRY_T_END,
    DRY_COUNT,
    DRY_ENDED,
    DRY_DROPPED_END
};

/* Fields of the rows of both COPY statements. */
#define DRY_FIELDS 9
#define DRY_RECORD_COLUMNS                                                                         \
    "series_id, t_start, t_end, key, schema_id, grading_version, grades, steady, \"values\""
/* The same without what is looked at of records of the range only. */
#define DRY_EDGE_COLUMNS                                                                           \
    "m.series_id, m.t_start, m.t_end, m.key, m.schema_id, m.grading_version, m.grades, m.steady, " \
    "'{}'::text[]"

#endif
