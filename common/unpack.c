/* SPDX-License-Identifier: Apache-2.0 */
/* Reading msgpack (https://github.com/msgpack/msgpack/blob/master/spec.md), byte by byte, bounded.
 */
#include "common/unpack.h"

/* A big-endian number of n bytes behind the tag; 0, or -1 when they are not there. */
static int read_be(const struct unpack *u, size_t n, uint64_t *value)
{
    if ((size_t)(u->end - u->at) < 1 + n) {
        return -1;
    }
    *value = 0;
    for (size_t i = 1; i <= n; i++) {
        *value = *value << 8 | u->at[i];
    }
    return 0;
}

int unpack_array(struct unpack *u, uint32_t max, uint32_t *count)
{
    if (u->at == u->end) {
        return -1;
    }
    uint8_t tag = *u->at;
    uint64_t n = tag & 0x0f;
    size_t header = 1;
    if (tag == 0xdc || tag == 0xdd) {
        size_t width = tag == 0xdc ? 2 : 4;
        if (read_be(u, width, &n) == -1) {
            return -1;
        }
        header += width;
    } else if ((tag & 0xf0) != 0x90) {
        return -1;
    }
    /* Every element takes a byte at least. */
    if (n > max || n > (size_t)(u->end - u->at) - header) {
        return -1;
    }
    *count = (uint32_t)n;
    u->at += header;
    return 0;
}

int unpack_uint(struct unpack *u, uint64_t max, uint64_t *value)
{
    if (u->at == u->end) {
        return -1;
    }
    uint8_t tag = *u->at;
    uint64_t n = tag;
    size_t width = 0;
    if (tag >= 0xcc && tag <= 0xcf) {
        width = (size_t)1 << (tag - 0xcc);
        if (read_be(u, width, &n) == -1) {
            return -1;
        }
    } else if (tag > 0x7f) {
        return -1;
    }
    if (n > max) {
        return -1;
    }
    *value = n;
    u->at += 1 + width;
    return 0;
}

int unpack_int(struct unpack *u, int64_t *value)
{
    if (u->at == u->end) {
        return -1;
    }
    uint8_t tag = *u->at;
    if (tag >= 0xe0) {
        *value = (int64_t)tag - 0x100;
        u->at++;
        return 0;
    }
    if (tag >= 0xd0 && tag <= 0xd3) {
        size_t width = (size_t)1 << (tag - 0xd0);
        uint64_t n;
        if (read_be(u, width, &n) == -1) {
            return -1;
        }
        unsigned shift = (unsigned)(64 - 8 * width);
        *value = (int64_t)(n << shift) >> shift;
        u->at += 1 + width;
        return 0;
    }
    uint64_t n;
    if (unpack_uint(u, INT64_MAX, &n) == -1) {
        return -1;
    }
    *value = (int64_t)n;
    return 0;
}

/* The bytes behind a length that stands in `width` bytes behind the tag, or in the tag itself (0).
 */
static int take_bytes(struct unpack *u, size_t width, uint64_t len, uint32_t max, struct slice *s)
{
    if (width > 0 && read_be(u, width, &len) == -1) {
        return -1;
    }
    if (len > max || len > (size_t)(u->end - u->at) - 1 - width) {
        return -1;
    }
    *s = (struct slice){(const char *)u->at + 1 + width, (size_t)len};
    u->at += 1 + width + len;
    return 0;
}

int unpack_str(struct unpack *u, uint32_t max, struct slice *s)
{
    if (u->at == u->end) {
        return -1;
    }
    uint8_t tag = *u->at;
    if (tag >= 0xd9 && tag <= 0xdb) {
        return take_bytes(u, (size_t)1 << (tag - 0xd9), 0, max, s);
    }
    return (tag & 0xe0) == 0xa0 ? take_bytes(u, 0, tag & 0x1f, max, s) : -1;
}

int unpack_bin(struct unpack *u, uint32_t max, struct slice *s)
{
    if (u->at == u->end) {
        return -1;
    }
    uint8_t tag = *u->at;
    return tag >= 0xc4 && tag <= 0xc6 ? take_bytes(u, (size_t)1 << (tag - 0xc4), 0, max, s) : -1;
}

int unpack_str_or_nil(struct unpack *u, uint32_t max, struct slice *s)
{
    if (u->at != u->end && *u->at == 0xc0) {
        *s = (struct slice){NULL, 0};
        u->at++;
        return 0;
    }
    return unpack_str(u, max, s);
}

#define SKIP_DEPTH 8

static int skip_value(struct unpack *u, uint32_t depth)
{
    struct slice s;
    uint64_t natural;
    int64_t integer;
    uint32_t count;
    if (unpack_uint(u, UINT64_MAX, &natural) == 0 || unpack_int(u, &integer) == 0 ||
        unpack_str_or_nil(u, UINT32_MAX, &s) == 0 || unpack_bin(u, UINT32_MAX, &s) == 0) {
        return 0;
    }
    if (depth == SKIP_DEPTH || unpack_array(u, UINT32_MAX, &count) == -1) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (skip_value(u, depth + 1) == -1) {
            return -1;
        }
    }
    return 0;
}

int unpack_skip(struct unpack *u)
{
    struct unpack c = *u;
    if (skip_value(&c, 0) == -1) {
        return -1;
    }
    *u = c;
    return 0;
}
