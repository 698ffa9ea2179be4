/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs, keys and periods as statements take and give them: what several statements of sql.h have
 * in common.
 */
#ifndef EZREPO_STORED_PERIOD_ROWS_H
#define EZREPO_STORED_PERIOD_ROWS_H

#include "common/periods/periods.h"
#include "common/pg/pg.h"

/* Begins parameters with the columns of a list of keys: series, grade name, and a key's three. */
void period_rows_begin(struct pg_params *p);
#define PERIOD_ROWS_COLUMNS 5
/* Adds a key to these columns. */
void period_rows_put(struct pg_params *p, int64_t series_id, uint16_t grade_id,
                     const struct period_key *key);

/* Begins parameters with one key alone: series, grade name, and its three columns. */
void period_rows_alone(struct pg_params *p, int64_t series_id, uint16_t grade_id,
                       const struct period_key *key);

/* A key as three parameters, or from three columns t_start, t_end and key, the first of which is
 * `column`. */
void period_rows_add_key(struct pg_params *p, const struct period_key *key);
struct period_key period_rows_key(const PGresult *r, int row, int column);

/* From PERIOD_COLUMNS and HEAD_COLUMNS (db/sql_columns.h), and from PERIOD_SUM_COLUMNS. Where these
 * are null there is no head, or a sum of no records. */
struct period period_rows_get(const PGresult *r, int row, int column);
struct period_head period_rows_head(const PGresult *r, int row, int column);
struct period_sum period_rows_sum(const PGresult *r, int row, int column);

/* Adds the columns of a list of sums, the first of which is `column` where one is put. */
void period_rows_add_sums(struct pg_params *p);
void period_rows_put_sum(struct pg_params *p, int column, const struct period_sum *sum);

/* "until 2026-11-29 00:37:12.114541, 6 records" */
void period_rows_say(const struct period_sum *sum, char *text, size_t size);

#endif
