/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in bytes that are kept or sent: the most significant byte first. */
#ifndef EZREPO_NETWORK_ORDER_H
#define EZREPO_NETWORK_ORDER_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* 8 bytes, which need no alignment. */
static inline void network_order_put(void *at, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(at, &big, sizeof big);
}

static inline uint64_t network_order_get(const void *at)
{
    uint64_t big;
    memcpy(&big, at, sizeof big);
    return be64toh(big);
}

#endif
