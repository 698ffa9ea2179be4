/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of results in PostgreSQL's binary formats. Knows no connection. */
#include "common/pg/cells.h"

#include "common/pg/params.h"

int64_t pg_cell_64(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 8 ? (int64_t)bytes_get_64(PQgetvalue(r, row, column)) : 0;
}

int32_t pg_cell_32(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 4 ? (int32_t)bytes_get_32(PQgetvalue(r, row, column)) : 0;
}

int16_t pg_cell_16(const PGresult *r, int row, int column)
{
    uint16_t n = 0;
    if (PQgetlength(r, row, column) == 2) {
        memcpy(&n, PQgetvalue(r, row, column), sizeof n);
    }
    return (int16_t)__builtin_bswap16(n);
}

bool pg_cell_bool(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 1 && *PQgetvalue(r, row, column) != 0;
}

int64_t pg_cell_time(const PGresult *r, int row, int column)
{
    int64_t us = pg_cell_64(r, row, column);
    return us > INT64_MAX - PG_EPOCH_US ? INT64_MAX : us + PG_EPOCH_US;
}

struct slice pg_cell_text(const PGresult *r, int row, int column)
{
    return (struct slice){PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}
