/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor over msgpack that a peer sent. Nothing is allocated, nothing is believed: every
 * function returns 0, or -1 and leaves the cursor where it was. Slices point into the bytes.
 */
#ifndef EZREPO_UNPACK_H
#define EZREPO_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

struct unpack {
    const uint8_t *at;
    const uint8_t *end;
};

/* data may be NULL when there are none. */
static inline struct unpack unpack_bytes(const void *data, size_t size)
{
    return (struct unpack){data, size == 0 ? data : (const uint8_t *)data + size};
}

/* An array's header; refused when it claims more elements than max or than bytes are left. */
int unpack_array(struct unpack *u, uint32_t max, uint32_t *count);
/* An unsigned number of any width up to max. */
int unpack_uint(struct unpack *u, uint64_t max, uint64_t *value);
/* A signed or unsigned number that fits. */
int unpack_int(struct unpack *u, int64_t *value);
/* A string or binary of at most max bytes. */
int unpack_str(struct unpack *u, uint32_t max, struct slice *s);
int unpack_bin(struct unpack *u, uint32_t max, struct slice *s);
/* As unpack_str, or nil, which gives {NULL, 0}. */
int unpack_str_or_nil(struct unpack *u, uint32_t max, struct slice *s);

/* Any value, whole; nested eight deep at most. */
int unpack_skip(struct unpack *u);

static inline bool unpack_done(const struct unpack *u)
{
    return u->at == u->end;
}

#endif
