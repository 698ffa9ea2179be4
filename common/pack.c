/* SPDX-License-Identifier: Apache-2.0 */
/* Writing msgpack through msgpack-c; a failure sticks. */
#include "common/pack.h"

/* msgpack-c hands every piece to this; the packer itself holds no state worth keeping. */
static msgpack_packer packer(struct pack *p)
{
    msgpack_packer k;
    msgpack_packer_init(&k, &p->buffer, msgpack_sbuffer_write);
    return k;
}

#define WRITE(p, call)                                                                             \
    do {                                                                                           \
        msgpack_packer k = packer(p);                                                              \
        if ((call) != 0) {                                                                         \
            (p)->failed = true;                                                                    \
        }                                                                                          \
    } while (0)

void pack_init(struct pack *p)
{
    msgpack_sbuffer_init(&p->buffer);
    p->failed = false;
}

void pack_release(struct pack *p)
{
    msgpack_sbuffer_destroy(&p->buffer);
    pack_init(p);
}

void pack_reset(struct pack *p)
{
    msgpack_sbuffer_clear(&p->buffer);
    p->failed = false;
}

void pack_array(struct pack *p, size_t count)
{
    WRITE(p, msgpack_pack_array(&k, count));
}

void pack_uint(struct pack *p, uint64_t value)
{
    WRITE(p, msgpack_pack_uint64(&k, value));
}

void pack_int(struct pack *p, int64_t value)
{
    WRITE(p, msgpack_pack_int64(&k, value));
}

void pack_str(struct pack *p, struct slice s)
{
    WRITE(p, msgpack_pack_str(&k, s.len));
    pack_raw(p, s);
}

void pack_str_or_nil(struct pack *p, struct slice s)
{
    if (s.at == NULL) {
        WRITE(p, msgpack_pack_nil(&k));
    } else {
        pack_str(p, s);
    }
}

void pack_bin(struct pack *p, struct slice s)
{
    WRITE(p, msgpack_pack_bin(&k, s.len));
    pack_raw(p, s);
}

void pack_raw(struct pack *p, struct slice s)
{
    if (s.len > 0 && msgpack_sbuffer_write(&p->buffer, s.at, s.len) != 0) {
        p->failed = true;
    }
}
