/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies in chunks (RFC 9112, 7.1), looked at beside evhttp, which takes some that are none, and
 * says of the others that they are too large. Pure.
 */
#ifndef EZREPO_HTTP_CHUNKS_H
#define EZREPO_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

#define CHUNKS_LINE  80 /* bytes of a line that are looked at */
#define CHUNKS_FAULT 320

/* A request that is coming. {0} before its first byte. */
struct chunks {
    enum {
        CHUNKS_HEAD,
        CHUNKS_SIZE,
        CHUNKS_BYTES,
        CHUNKS_BEHIND, /* the end of the line behind a chunk's bytes */
        CHUNKS_OVER,   /* nothing more is looked at: it has no chunks, or their end is reached */
        CHUNKS_MALFORMED
    } state;
    bool behind;     /* what is malformed stands behind a chunk's bytes */
    bool coded;      /* its head says that it comes in chunks */
    uint64_t number; /* of the chunk, from 1 */
    uint64_t left;   /* bytes of it that are to come */
    size_t length;   /* of the line, so far; what is beyond CHUNKS_LINE is not kept */
    char line[CHUNKS_LINE];
};

/* The next bytes of it, however they are cut. */
void chunks_look(struct chunks *c, struct slice bytes);

/* What was expected and found; "" unless they are malformed. Printable. */
const char *chunks_fault(const struct chunks *c, char room[CHUNKS_FAULT]);

#endif
