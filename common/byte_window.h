/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that come in pieces, as far as they are still needed: for who takes lines or documents out
 * of them. Pure.
 */
#ifndef EZREPO_BYTE_WINDOW_H
#define EZREPO_BYTE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* All 0 at the beginning. */
struct byte_window {
    char *buffer;    /* freed by who has it */
    size_t size;     /* room */
    size_t begin;    /* what is before may go; set by who has it */
    size_t used;     /* bytes there */
    uint64_t pulled; /* bytes that have come, in all */
};

/*
 * Takes as many of the bytes as there is room for, at most so many; *bytes is the rest. What stood
 * in the buffer stands *moved bytes further to the front then. 0, or -1 when memory is out.
 */
int byte_window_pull(struct byte_window *w, struct slice *bytes, size_t most, size_t *moved);

#endif
