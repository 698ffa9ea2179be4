/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of bytes, and numbers in network order: what PostgreSQL's binary formats are made
 * of. A failure (memory) sticks and is looked at once, before the bytes are used.
 */
#ifndef EZREPO_COMMON_PG_BYTES_H
#define EZREPO_COMMON_PG_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/network_order.h"
#include "common/slice.h"

struct bytes {
    char *at;
    size_t len, size;
    bool failed;
};

/* Room for `more` bytes behind len; -1 (and failed) when memory is out. */
int bytes_reserve(struct bytes *b, size_t more);

void bytes_release(struct bytes *b);

/* Forgets the bytes, keeps the memory up to keep_bytes. */
void bytes_reset(struct bytes *b, size_t keep_bytes);

/* Appends; these reserve. */
void bytes_put(struct bytes *b, struct slice s);
void bytes_put_16(struct bytes *b, uint16_t v);
void bytes_put_32(struct bytes *b, uint32_t v);
void bytes_put_64(struct bytes *b, uint64_t v);

/* Writes in network order at a place that is there. */
static inline void bytes_set_16(char *at, uint16_t v)
{
    uint16_t n = htobe16(v);
    memcpy(at, &n, sizeof n);
}

static inline void bytes_set_32(char *at, uint32_t v)
{
    uint32_t n = htobe32(v);
    memcpy(at, &n, sizeof n);
}

static inline void bytes_set_64(char *at, uint64_t v)
{
    network_order_put(at, v);
}

static inline uint32_t bytes_get_32(const char *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return be32toh(n);
}

static inline uint64_t bytes_get_64(const char *at)
{
    return network_order_get(at);
}

#endif
