/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, counted. */
#include "common/histogram.h"

const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    1000,   2500,    5000,    10000,   25000,    50000,    100000,  250000,
    500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000};

void histogram_add(struct histogram *h, int64_t duration_us)
{
    int64_t us = duration_us < 0 ? 0 : duration_us;
    int i = 0;
    while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i]) {
        i++;
    }
    h->counts[i]++;
    h->sum_us += (uint64_t)us;
}
