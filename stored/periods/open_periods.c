/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In few statements, each for a time that begins later or earlier: what most of them need lies in
 * the newest days, and a statement is planned for all days it may read.
 */
#include "stored/periods/open_periods.h"

#include "stored/db/sql.h"
#include "stored/periods/period_rows.h"

/* Those whose key lies within [from_us, before_us). */
static int complete_some(const struct open_period *list, uint32_t count, int64_t from_us,
                         int64_t before_us, struct pg *pg, struct pg_params *params)
{
    period_rows_begin(params);
    pg_add_time(params, from_us);
    for (uint32_t i = 0; i < count; i++) {
        const struct open_period *o = &list[i];
        if (o->through.t_us >= from_us && o->through.t_us < before_us) {
            period_rows_put(params, o->series_id, o->grade_id, &o->through);
        }
    }
    if (pg_elements(params, 0) == 0) {
        return 0;
    }
    PGresult *r = pg_rows(pg, SQL_SERIES_LATER, params);
    if (r == NULL) {
        return -1;
    }
    uint32_t n = 0; /* of the list, and of those within */
    int64_t nth = 0;
    for (int row = 0; row < PQntuples(r); row++) {
        for (; n < count && nth < pg_cell_64(r, row, 0); n++) {
            nth += list[n].through.t_us >= from_us && list[n].through.t_us < before_us;
        }
        const struct period_sum later = period_rows_sum(r, row, 1);
        period_sum_add(&list[n - 1].period->sum, &later);
    }
    PQclear(r);
    return 0;
}

int open_periods_complete(const struct open_period *list, uint32_t count, const struct calendar *c,
                          struct pg *pg, struct pg_params *params)
{
    int64_t before_us = INT64_MAX;
    for (int window = 0; window < CALENDAR_WINDOWS; window++) {
        int64_t from_us = calendar_window_us(c, window);
        if (complete_some(list, count, from_us, before_us, pg, params) == -1) {
            return -1;
        }
        before_us = from_us;
    }
    return 0;
}
