/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes. */
#include "common/pg/bytes.h"

#include <stdlib.h>

int bytes_reserve(struct bytes *b, size_t more)
{
    if (b->size - b->len >= more) {
        return 0;
    }
    size_t size = b->size < 256 ? 256 : b->size;
    while (size - b->len < more) {
        if (size > SIZE_MAX / 2) {
            b->failed = true;
            return -1;
        }
        size *= 2;
    }
    char *at = realloc(b->at, size);
    if (at == NULL) {
        b->failed = true;
        return -1;
    }
    b->at = at;
    b->size = size;
    return 0;
}

void bytes_release(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){0};
}

void bytes_reset(struct bytes *b, size_t keep_bytes)
{
    if (b->size > keep_bytes) {
        bytes_release(b);
    }
    b->len = 0;
    b->failed = false;
}

void bytes_put(struct bytes *b, struct slice s)
{
    if (s.len > 0 && bytes_reserve(b, s.len) == 0) {
        memcpy(b->at + b->len, s.at, s.len);
        b->len += s.len;
    }
}

void bytes_put_16(struct bytes *b, uint16_t v)
{
    if (bytes_reserve(b, sizeof v) == 0) {
        bytes_set_16(b->at + b->len, v);
        b->len += sizeof v;
    }
}

void bytes_put_32(struct bytes *b, uint32_t v)
{
    if (bytes_reserve(b, sizeof v) == 0) {
        bytes_set_32(b->at + b->len, v);
        b->len += sizeof v;
    }
}

void bytes_put_64(struct bytes *b, uint64_t v)
{
    if (bytes_reserve(b, sizeof v) == 0) {
        bytes_set_64(b->at + b->len, v);
        b->len += sizeof v;
    }
}
