/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that a supervisor is to be sent, in order, one at a time: tried again for a while,
 * bounded in number and bytes, then dropped. Pure: no sockets, the present is given.
 */
#ifndef EZREPO_GW_SUPERVISOR_OUTBOX_H
#define EZREPO_GW_SUPERVISOR_OUTBOX_H

#include <stdint.h>

#include "common/slice.h"

/* So many messages wait for one supervisor. */
#define OUTBOX_MESSAGES 1024

/* A message whose status says that the supervisor cannot take it is sent this often at most. */
#define OUTBOX_REFUSALS 3

struct outbox_message {
    struct outbox_message *next, *previous; /* utlist */
    char *url;                              /* where to */
    char *identity;                         /* whom for; NULL: whoever answers there */
    char *bytes;
    size_t size;
    unsigned refusals;
    int64_t since_us;
};

struct supervisor_outbox {
    struct outbox_message *first;
    size_t count, bytes;
    unsigned failures; /* in a row, of reaching the supervisor */
    int64_t due_us;    /* nothing is sent before */
    uint64_t dropped;  /* since the start */
};

enum outbox_fate {
    OUTBOX_SENT,
    OUTBOX_UNREACHED, /* kept and tried again until it is too old */
    OUTBOX_REFUSED,   /* tried again a few times */
    OUTBOX_WRONG      /* not tried again */
};

/*
 * Appends copies of all; the oldest messages are dropped to make room within max_bytes, but never
 * the first while it is `being_sent`. A message that finds no room is dropped itself; when there is
 * no other it is taken whatever its size.
 */
void outbox_add(struct supervisor_outbox *o, const char *url, const char *identity,
                struct slice text, size_t max_bytes, bool being_sent, int64_t now_us);

/* The message to send now, NULL when there is none; those older than keep_us are dropped. */
struct outbox_message *outbox_next(struct supervisor_outbox *o, int64_t keep_us, int64_t now_us);

/* What became of the first message. */
void outbox_did(struct supervisor_outbox *o, enum outbox_fate fate, int64_t now_us,
                uint32_t random);

/* Drops all. */
void outbox_clear(struct supervisor_outbox *o);

#endif
