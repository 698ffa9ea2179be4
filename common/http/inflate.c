/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded inflation: room is taken as the text grows, and never more than the text may have. */
#include "common/http/inflate.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define FIRST_BYTES ((size_t)16 * 1024)

/* What zlib is told for gzip, with the largest window. */
#define GZIP_WINDOW (15 + 16)
#define ZLIB_WINDOW 15

/* One byte more than allowed is room enough to see that there is more. */
static int make_room(char **text, size_t *size, size_t used, size_t max_bytes)
{
    if (used < *size) {
        return 0;
    }
    size_t larger = *size == 0 ? FIRST_BYTES : 2 * *size;
    larger = larger < max_bytes + 1 ? larger : max_bytes + 1;
    char *grown = realloc(*text, larger);
    if (grown == NULL) {
        return -1;
    }
    *text = grown;
    *size = larger;
    return 0;
}

static enum inflated inflate_all(z_stream *z, size_t max_bytes, char **text, size_t *used)
{
    size_t size = 0;
    int rc = Z_OK;
    *used = 0;
    for (;;) {
        if (*used > max_bytes) {
            return INFLATED_TOO_LARGE;
        }
        if (make_room(text, &size, *used, max_bytes) == -1) {
            return INFLATED_NO_MEMORY;
        }
        z->next_out = (Bytef *)*text + *used;
        z->avail_out = (uInt)(size - *used);
        rc = inflate(z, Z_NO_FLUSH);
        *used = size - z->avail_out;
        if (rc == Z_STREAM_END && z->avail_in == 0) {
            return *used > max_bytes ? INFLATED_TOO_LARGE : INFLATED;
        }
        if (rc == Z_STREAM_END) {
            rc = inflateReset(z); /* the next member */
        }
        if (rc == Z_MEM_ERROR) {
            return INFLATED_NO_MEMORY;
        }
        if (rc != Z_OK || (z->avail_in == 0 && z->avail_out > 0)) {
            return INFLATED_BROKEN; /* no gzip, or cut off */
        }
    }
}

static enum inflated inflate_window(struct arena *a, struct slice bytes, size_t max_bytes,
                                    int window, struct slice *text)
{
    z_stream z = {0};
    char *buffer = NULL;
    size_t used = 0;
    if (bytes.len > UINT_MAX || max_bytes >= UINT_MAX) {
        return INFLATED_TOO_LARGE;
    }
    if (inflateInit2(&z, window) != Z_OK) {
        return INFLATED_NO_MEMORY;
    }
    z.next_in = (Bytef *)(uintptr_t)bytes.at;
    z.avail_in = (uInt)bytes.len;
    enum inflated result =
        bytes.len == 0 ? INFLATED_BROKEN : inflate_all(&z, max_bytes, &buffer, &used);
    inflateEnd(&z);
    if (result == INFLATED) {
        *text = arena_copy(a, (struct slice){buffer, used});
        result = text->at == NULL ? INFLATED_NO_MEMORY : INFLATED;
    }
    free(buffer);
    return result;
}

enum inflated inflate_gzip(struct arena *a, struct slice bytes, size_t max_bytes,
                           struct slice *text)
{
    return inflate_window(a, bytes, max_bytes, GZIP_WINDOW, text);
}

enum inflated inflate_zlib(struct arena *a, struct slice bytes, size_t max_bytes,
                           struct slice *text)
{
    return inflate_window(a, bytes, max_bytes, ZLIB_WINDOW, text);
}
