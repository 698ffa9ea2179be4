/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/silence/intervals.h"

int intervals_settle(struct store *store)
{
    struct pg_params *p = &store->params;
    struct slice type;
    pg_params_begin(p);
    int types = pg_add_array(p, PG_TEXT), intervals = pg_add_array(p, PG_BIGINT);
    for (uint32_t i = 0; record_types_each(store->types, i, &type) == 0; i++) {
        int64_t us = record_types_interval_us(store->types, type);
        if (us > 0) {
            pg_put_bytes(p, types, type);
            pg_put_64(p, intervals, us);
        }
    }
    PGresult *r = pg_rows(&store->pg, SQL_INTERVALS_PUT, p);
    int rc = r == NULL ? -1 : pg_cell_64(r, 0, 0) > 0;
    PQclear(r);
    return rc;
}
