/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of binary results. One of another length than asked for, as NULL is, reads as 0. Pure. */
#ifndef EZREPO_COMMON_PG_CELLS_H
#define EZREPO_COMMON_PG_CELLS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

int64_t pg_cell_64(const PGresult *r, int row, int column);
int32_t pg_cell_32(const PGresult *r, int row, int column);
int16_t pg_cell_16(const PGresult *r, int row, int column);
bool pg_cell_bool(const PGresult *r, int row, int column);
/* Microseconds since 1970; INT64_MAX: infinity. */
int64_t pg_cell_time(const PGresult *r, int row, int column);
/* Lives as long as the result. */
struct slice pg_cell_text(const PGresult *r, int row, int column);

#endif
