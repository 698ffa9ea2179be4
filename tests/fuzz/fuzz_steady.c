/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a kept state: what is taken is written as one that is read as the same, and the walk
 * goes on from it, through records of which the bytes are taken as well, without harm.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/periods/steady.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS 64

static void same_again(const struct steady *s)
{
    struct pack once, twice;
    struct steady back;
    pack_init(&once);
    pack_init(&twice);
    steady_encode(&once, s);
    if (steady_decode(pack_bytes(&once), &back) == -1) {
        abort();
    }
    steady_encode(&twice, &back);
    if (pack_bytes(&once).len != pack_bytes(&twice).len ||
        memcmp(pack_bytes(&once).at, pack_bytes(&twice).at, pack_bytes(&once).len) != 0) {
        abort();
    }
    struct steady_more more;
    if (!steady_alike(s, &back, &more) || more.count != 0) {
        abort();
    }
    pack_release(&once);
    pack_release(&twice);
}

/* A record of each five bytes: seconds since the one before, grade, what it lets stand, terms. */
static void go_on(struct steady *s, const uint8_t *at, size_t size)
{
    struct steady_rows settled = {0};
    int64_t t_us = s->latest_us > 0 && s->latest_us < INT64_C(1) << 60 ? s->latest_us : 0;
    for (size_t i = 0; i < RECORDS && size - 5 * i >= 5; i++, at += 5) {
        const struct steady_terms terms = {.holds = at[3] & 1,
                                           .worse_records = 1 + (at[3] >> 1 & 3),
                                           .better_records = 1 + (at[3] >> 3 & 3),
                                           .worse_s = at[3] >> 5,
                                           .flap_changes = at[4] & 15,
                                           .flap_s = at[4]};
        t_us += at[0] * INT64_C(1000000);
        const struct steady_record r = {.record = {{t_us, t_us, (int64_t)i}, t_us, 1 + at[1] % 5},
                                        .stands = at[2] & 31,
                                        .terms = at[3] == 0 && at[4] == 0 ? NULL : &terms};
        if (steady_step(s, &r, INT64_C(120000000), &settled) == -1) {
            break;
        }
        same_again(s);
    }
    free(settled.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct steady s;
    size_t state = size == 0 ? 0 : data[0];
    if (state >= size || steady_decode((struct slice){(const char *)data + 1, state}, &s) == -1) {
        return 0;
    }
    same_again(&s);
    go_on(&s, data + 1 + state, size - 1 - state);
    return 0;
}
