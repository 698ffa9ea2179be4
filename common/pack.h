/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing buffer that msgpack is written to. A failure (memory) sticks and is looked at once,
 * by pack_ok(), before the bytes are used.
 */
#ifndef EZREPO_PACK_H
#define EZREPO_PACK_H

#include <msgpack.h>
#include <stdbool.h>

#include "common/slice.h"

struct pack {
    msgpack_sbuffer buffer;
    bool failed;
};

void pack_init(struct pack *p);
void pack_release(struct pack *p);
/* Forgets the bytes, keeps the memory. */
void pack_reset(struct pack *p);

void pack_array(struct pack *p, size_t count);
void pack_uint(struct pack *p, uint64_t value);
void pack_int(struct pack *p, int64_t value);
void pack_str(struct pack *p, struct slice s);
/* nil when s is no value. */
void pack_str_or_nil(struct pack *p, struct slice s);
void pack_bin(struct pack *p, struct slice s);
/* Bytes that are msgpack already. */
void pack_raw(struct pack *p, struct slice s);

static inline bool pack_ok(const struct pack *p)
{
    return !p->failed;
}

/* What was written so far; valid until the next write. */
static inline struct slice pack_bytes(const struct pack *p)
{
    return (struct slice){p->buffer.data, p->buffer.size};
}

#endif
