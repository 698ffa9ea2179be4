/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to when all that ingestd received is stored. Of a moment it is known once, in this order,
 * every socket was found empty after it and what was read there is in batches; every body that had
 * come by then is; and all batches there were by then are acknowledged, which stored does after its
 * COMMIT. So what stood in the kernel's buffers, in the ring, in half-read bodies or in the spool
 * at that moment is in the store. One moment at a time is followed; while it is not settled, since
 * nothing is read or acknowledged, it stays. Pure.
 */
#ifndef EZREPO_INGESTD_SETTLED_H
#define EZREPO_INGESTD_SETTLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTLED_SOCKETS 16

struct settled {
    int64_t until_us; /* reached; INT64_MIN: no moment was settled yet */
    int64_t mark_us;  /* the moment that is followed */
    enum { SETTLED_IDLE, SETTLED_READING, SETTLED_STORING } phase;
    bool unread[SETTLED_SOCKETS]; /* those not found empty since */
    uint64_t before;              /* the sequence behind those of its batches */
};

static inline void settled_init(struct settled *s)
{
    *s = (struct settled){.until_us = INT64_MIN};
}

/* Follows this moment, which is not later than now, if none is followed. True: it does, and the
 * caller says which sockets have something in them. */
bool settled_begin(struct settled *s, int64_t mark_us);
void settled_unread(struct settled *s, size_t socket);

/* This socket was found empty, or is closed. */
void settled_emptied(struct settled *s, size_t socket);

/* Whether all sockets were found empty since. */
bool settled_is_read(const struct settled *s);

/* All that was read and delivered by then is in batches before this sequence. */
void settled_in_batches(struct settled *s, uint64_t before);

/* All batches below this sequence are acknowledged. */
void settled_acknowledged(struct settled *s, uint64_t oldest);

#endif
