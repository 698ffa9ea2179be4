/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, in microseconds. */
#ifndef EZREPO_CLOCK_H
#define EZREPO_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Since 1970, UTC; it may step. */
static inline int64_t clock_utc_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

/* Of a clock that never steps, since some moment. */
static inline int64_t clock_steady_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

#endif
