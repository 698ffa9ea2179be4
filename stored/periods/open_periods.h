/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open periods completed: their rows say how they were some records ago, the rest is counted from
 * the records behind.
 */
#ifndef EZREPO_STORED_OPEN_PERIODS_H
#define EZREPO_STORED_OPEN_PERIODS_H

#include "common/periods/periods.h"
#include "stored/cache/calendar.h"

/* One of them, as the view period_known has it. */
struct open_period {
    int64_t series_id;
    uint16_t grade_id;
    struct period_key through; /* its sum holds up to this record */
    struct period *period;
};

/* Adds the graded records that are there behind `through`. 0, or -1: the database. */
int open_periods_complete(const struct open_period *list, uint32_t count, const struct calendar *c,
                          struct pg *pg, struct pg_params *params);

#endif
