/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs of life of the processes on the way in: up to when all that they received is in the store,
 * and which of them is absent now. When they were absent before is in the store (table `absence`,
 * function absences_of()).
 */
#ifndef EZREPO_STORED_SIGNS_H
#define EZREPO_STORED_SIGNS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/*
 * All that any present ingestd received until then (microseconds since 1970) is committed: silence
 * is judged as of this time, never later. INT64_MIN while nothing is known yet, since no sign came
 * since the start. It may go back when an ingestd comes back that could not be heard and has much
 * to hand on.
 */
int64_t signs_until_us(void);

/*
 * Whether what comes by this ingestd (its instance as text, as in `ledger`) and this door (as in
 * `origin`) cannot come in right now, since one of the processes that it comes through is absent:
 * its last sign is older than SIGNS_ABSENT_US. That absence is told, not the series' silences. An
 * ingestd that has not been heard of for SIGNS_GIVEN_UP_US is not waited for any more.
 */
bool signs_absent(struct slice ingestd, struct slice door);

#define SIGNS_ABSENT_US   INT64_C(5000000)
#define SIGNS_GIVEN_UP_US (INT64_C(7) * 86400 * 1000000)

#endif
