/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sockets towards the set: batches go out of the outbox to the classifyds, acknowledgements
 * come from stored.
 */
#ifndef EZREPO_INGESTD_PUSH_H
#define EZREPO_INGESTD_PUSH_H

#include <czmq.h>
#include <stdbool.h>

#include "ingestd/outbox.h"

struct push;

/* Counted since the start. */
struct push_counts {
    uint64_t pushed, repushed;
    uint64_t acknowledged, records_acknowledged;
    uint64_t acks_refused, acks_of_others;
    bool copied; /* stored says that this is a copy of a spool that another ingestd works with */
};

/*
 * Binds "batches" and subscribes to the acknowledgements of this instance. NULL after an error was
 * logged. The caller owns it; the outbox outlives it.
 */
struct push *push_new(struct outbox *outbox, const uint8_t instance[16]);
void push_free(struct push **p);

/* For the loop: to write to and to read from. */
zsock_t *push_batches_socket(const struct push *p);
zsock_t *push_acks_socket(const struct push *p);

/*
 * Pushes what is to be pushed: 0 when nothing is left to do, 1 when nobody takes it at the moment:
 * call again when the batches socket can be written.
 */
int push_send(struct push *p, int64_t now_us);

/* Takes what stored has to say: acknowledgements, and whether this is a copy. */
void push_receive_acks(struct push *p);

struct push_counts push_counts(const struct push *p);

#endif
