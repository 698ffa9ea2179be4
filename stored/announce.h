/* SPDX-License-Identifier: Apache-2.0 */
/* What stored tells the others: acknowledgements, the grading in force, its version. */
#ifndef EZREPO_STORED_ANNOUNCE_H
#define EZREPO_STORED_ANNOUNCE_H

#include "common/bus.h"
#include "common/message.h"
#include "stored/cache/arrival.h"
#include "stored/cache/gradings.h"
#include "stored/order.h"

/* Acknowledgements gathered, then sent as few messages. */
struct acks {
    struct ack_of {
        uint8_t instance[16];
        uint16_t shard;
        uint64_t epoch, sequence;
    } * at;
    uint32_t count, size;
};

/* Notes one batch; -1 when memory is out (it is then pushed again, and acknowledged then). */
int acks_add(struct acks *a, const struct batch_header_message *header);

/* Sends and forgets all; the number of batches acknowledged. */
uint32_t acks_send(struct acks *a, zsock_t *announce);

void acks_release(struct acks *a);

/* To the ingestd of this stream: it works with a copy. */
void announce_copy(zsock_t *announce, const struct stream_name *name);

/* The grading in force to whoever subscribed to it; nothing while there is none. */
void announce_grading(zsock_t *announce, const struct gradings *g);
void announce_version(zsock_t *announce, const struct gradings *g);

/* That a transaction was committed, unless it was told of; nothing else may be at hand. Whether the
 * feed of changes has something new. */
bool announce_arrived(zsock_t *announce, struct arrival *a);

/* Takes what subscribers say; true when one of them is new to the topic "grading". */
bool announce_subscriptions(zsock_t *announce);

#endif
