/* SPDX-License-Identifier: Apache-2.0 */
#include "common/byte_window.h"

#include <stdlib.h>

#define FIRST_ROOM ((size_t)4096)

/* Room for a byte at least: from what is not needed any more where that is half of it, else new. */
static int make_room(struct byte_window *w, size_t *moved)
{
    *moved = 0;
    if (w->used < w->size) {
        return 0;
    }
    if (w->begin > w->size / 2) {
        memmove(w->buffer, w->buffer + w->begin, w->used - w->begin);
        *moved = w->begin;
        w->used -= w->begin;
        w->begin = 0;
        return 0;
    }
    size_t larger = w->size == 0 ? FIRST_ROOM : 2 * w->size;
    char *grown = realloc(w->buffer, larger);
    if (grown == NULL) {
        return -1;
    }
    w->buffer = grown;
    w->size = larger;
    return 0;
}

int byte_window_pull(struct byte_window *w, struct slice *bytes, size_t most, size_t *moved)
{
    if (make_room(w, moved) == -1) {
        return -1;
    }
    size_t n = w->size - w->used < bytes->len ? w->size - w->used : bytes->len;
    n = n < most ? n : most;
    memcpy(w->buffer + w->used, bytes->at, n);
    w->used += n;
    w->pulled += n;
    bytes->at += n;
    bytes->len -= n;
    return 0;
}
