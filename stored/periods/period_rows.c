/* SPDX-License-Identifier: Apache-2.0 */
/* Periods, their keys and sums as rows, and in words. Must not send anything. */
#include "stored/periods/period_rows.h"

#include <stdio.h>

#include "common/when_time.h"

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
                           .ended = (uint8_t)pg_cell_32(r, row, column + 4),
                           .flap = pg_cell_bool(r, row, column + 5),
                           .sum = period_rows_sum(r, row, column + 6)};
}

struct period_head period_rows_head(const PGresult *r, int row, int column)
{
    if (PQgetisnull(r, row, column)) {
        return (struct period_head){.sum = PERIOD_SUM_NONE};
    }
    return (struct period_head){.until_us = pg_cell_time(r, row, column),
                                .sum = period_rows_sum(r, row, column + 1)};
}

/* ---- sums: see period_records.h ---- */

struct period_sum period_rows_sum(const PGresult *r, int row, int column)
{
    bool none = PQgetisnull(r, row, column);
    return (struct period_sum){.t_end_us = none ? INT64_MIN : pg_cell_time(r, row, column),
                               .records = (uint64_t)pg_cell_64(r, row, column + 1)};
}

void period_rows_add_sums(struct pg_params *p)
{
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_BIGINT);
}

void period_rows_put_sum(struct pg_params *p, int column, const struct period_sum *sum)
{
    pg_put_time(p, column, sum->t_end_us);
    pg_put_64(p, column + 1, (int64_t)sum->records);
}

void period_rows_say(const struct period_sum *sum, char *text, size_t size)
{
    char until[WHEN_TEXT];
    when_time_text(sum->t_end_us, until);
    snprintf(text, size, "until %s, %llu records", until, (unsigned long long)sum->records);
}
