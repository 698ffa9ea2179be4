/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Since when a process has been there without a break, by its own signs of life, which it gives
 * about once a second. Pure. Times are microseconds since 1970.
 */
#ifndef EZREPO_LIFE_H
#define EZREPO_LIFE_H

#include <stdint.h>

/* Who gives no sign for longer than this stood still, or was not there. */
#define LIFE_BREAK_US INT64_C(5000000)

struct life {
    int64_t since_us, last_us; /* 0: there was no sign yet */
};

/*
 * It is there now. Standing still is a break, and so is a clock that is put forward: nothing can
 * have come in the time in between. One that is put back is none.
 */
static inline void life_sign(struct life *l, int64_t now_us)
{
    if (l->last_us == 0 || now_us - l->last_us > LIFE_BREAK_US || now_us < l->since_us) {
        l->since_us = now_us;
    }
    l->last_us = now_us;
}

#endif
