/* SPDX-License-Identifier: Apache-2.0 */
/* Periods and their keys as rows. Must not send anything. */
#include "stored/periods/period_rows.h"

void period_rows_begin(struct pg_params *p)
{
    pg_params_begin(p);
    pg_add_array(p, PG_BIGINT);
    pg_add_array(p, PG_SMALLINT);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_BIGINT);
}

void period_rows_put(struct pg_params *p, int64_t series_id, uint16_t grade_id,
                     const struct period_key *key)
{
    pg_put_64(p, 0, series_id);
    pg_put_16(p, 1, (int16_t)grade_id);
    pg_put_time(p, 2, key->t_us);
    pg_put_time(p, 3, key->end_us);
    pg_put_64(p, 4, key->key);
}

void period_rows_add_key(struct pg_params *p, const struct period_key *key)
{
    pg_add_time(p, key->t_us);
    pg_add_time(p, key->end_us);
    pg_add_64(p, key->key);
}

void period_rows_alone(struct pg_params *p, int64_t series_id, uint16_t grade_id,
                       const struct period_key *key)
{
    pg_params_begin(p);
    pg_add_64(p, series_id);
    pg_add_16(p, (int16_t)grade_id);
    period_rows_add_key(p, key);
}

struct period_key period_rows_key(const PGresult *r, int row, int column)
{
    return (struct period_key){pg_cell_time(r, row, column), pg_cell_time(r, row, column + 1),
                               pg_cell_64(r, row, column + 2)};
}

struct period period_rows_get(const PGresult *r, int row, int column)
{
    return (struct period){.start = period_rows_key(r, row, column),
                           .grade = (uint8_t)pg_cell_16(r, row, column + 3),
                           .t_end_us = pg_cell_time(r, row, column + 4),
                           .records = (uint64_t)pg_cell_64(r, row, column + 5),
                           .ended = (uint8_t)pg_cell_32(r, row, column + 6)};
}
