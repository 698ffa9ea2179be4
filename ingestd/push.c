/* SPDX-License-Identifier: Apache-2.0 */
/* Pushing batches, receiving acknowledgements. */
#include "ingestd/push.h"

#include <stdlib.h>

#include "common/bus.h"
#include "common/log.h"
#include "common/message.h"

/* Little waits in sockets: what waits belongs into the outbox, where it is counted and bounded. */
#define BATCHES_HIGH_WATER 4
#define ACKS_HIGH_WATER    1000
#define ACKS_AT_ONCE       1000 /* messages; then others get their turn */
#define ACK_ARENA_BYTES    ((size_t)1 << 20)
#define TOPIC_BYTES        (sizeof TOPIC_ACK - 1 + 16)

struct push {
    struct outbox *outbox;
    uint8_t instance[16];
    char topic[TOPIC_BYTES];
    zsock_t *batches, *acks;
    struct pack header;
    struct arena *arena; /* for one acknowledgement */
    struct push_counts counts;
};

static int subscribe(struct push *p)
{
    memcpy(p->topic, TOPIC_ACK, sizeof TOPIC_ACK - 1);
    memcpy(p->topic + sizeof TOPIC_ACK - 1, p->instance, 16);
    /* Not zsock_set_subscribe(): the instance's bytes may hold a NUL. */
    if (zmq_setsockopt(zsock_resolve(p->acks), ZMQ_SUBSCRIBE, p->topic, sizeof p->topic) == -1) {
        log_error("push.subscribe", "error=\"%s\"", zmq_strerror(errno));
        return -1;
    }
    return 0;
}

struct push *push_new(struct outbox *outbox, const uint8_t instance[16])
{
    struct push *p = calloc(1, sizeof *p);
    if (p == NULL) {
        log_error("push.memory", "error=\"out of memory\"");
        return NULL;
    }
    p->outbox = outbox;
    memcpy(p->instance, instance, 16);
    pack_init(&p->header);
    p->arena = arena_new(ACK_ARENA_BYTES);
    p->batches = bus_bind(ZMQ_PUSH, ENDPOINT_BATCHES, BATCHES_HIGH_WATER);
    p->acks = bus_connect(ZMQ_SUB, ENDPOINT_ANNOUNCE, ACKS_HIGH_WATER);
    if (p->arena == NULL || p->batches == NULL || p->acks == NULL || subscribe(p) == -1) {
        push_free(&p);
    }
    return p;
}

void push_free(struct push **p)
{
    if (*p != NULL) {
        zsock_destroy(&(*p)->batches);
        zsock_destroy(&(*p)->acks);
        pack_release(&(*p)->header);
        arena_free(&(*p)->arena);
        free(*p);
        *p = NULL;
    }
}

zsock_t *push_batches_socket(const struct push *p)
{
    return p->batches;
}

zsock_t *push_acks_socket(const struct push *p)
{
    return p->acks;
}

static int send_batch(struct push *p, const struct window_batch *b)
{
    struct batch_header_message header = {.kind = b->kind,
                                          .sequence = b->sequence,
                                          .oldest = outbox_settled_below(p->outbox, b),
                                          .epoch = b->epoch,
                                          .first = b->epoch_first,
                                          .count = b->count,
                                          .received_us = b->received_us,
                                          .dropped = b->dropped};
    memcpy(header.instance, p->instance, 16);
    pack_reset(&p->header);
    batch_header_encode(&p->header, &header);
    if (!pack_ok(&p->header)) {
        return -1;
    }
    const struct slice frames[] = {pack_bytes(&p->header), b->frame, b->accounts};
    return bus_send(p->batches, frames, 3);
}

int push_send(struct push *p, int64_t now_us)
{
    static struct log_limit said;
    const struct window_batch *b;
    while ((b = outbox_next_to_push(p->outbox, now_us)) != NULL) {
        int rc = send_batch(p, b);
        if (rc == -1 && log_allowed(&said, 1)) {
            log_errno("push.send", "sequence=%" PRIu64, b->sequence);
        }
        if (rc != 0) {
            return 1;
        }
        if (b->pushed) {
            p->counts.repushed++;
        } else {
            p->counts.pushed++;
        }
        outbox_pushed(p->outbox, b->sequence, now_us);
    }
    return 0;
}

static void acknowledge(struct push *p, uint64_t epoch, uint64_t sequence)
{
    struct window_batch was;
    int rc = outbox_acknowledge(p->outbox, epoch, sequence, &was);
    /* Acknowledged twice, since it was pushed twice, is no fault. */
    if (rc == 0) {
        p->counts.acknowledged++;
        p->counts.records_acknowledged += was.kind == BATCH_RECORDS ? was.count : 0;
    } else if (rc == 1) {
        p->counts.acks_of_others++;
    }
}

static int take_ack(struct push *p, struct slice bytes)
{
    struct ack_message ack;
    arena_reset(p->arena);
    if (ack_decode_all(bytes, p->arena, &ack) == -1 || memcmp(ack.instance, p->instance, 16) != 0 ||
        ack.shard != 0) {
        return -1;
    }
    /* A stored of the release before names no epochs: it has the batch by its sequence alone. */
    bool any = message_version(bytes) < MESSAGE_VERSION;
    for (uint32_t i = 0; i < ack.sequences_count; i++) {
        acknowledge(p, any ? outbox_epoch_of(p->outbox, ack.sequences[i]) : ack.epoch,
                    ack.sequences[i]);
    }
    return 0;
}

static int take_copy(struct push *p, struct slice bytes)
{
    struct copy_message copy;
    if (copy_decode_all(bytes, NULL, &copy) == -1 || memcmp(copy.instance, p->instance, 16) != 0) {
        return -1;
    }
    /* Said of an epoch before, it was of the ingestd before. */
    p->counts.copied = p->counts.copied || copy.epoch == outbox_epoch(p->outbox);
    return 0;
}

static int take_message(struct push *p, const struct bus_message *m)
{
    if (m->count != 2 || m->frames[0].len != sizeof p->topic ||
        memcmp(m->frames[0].at, p->topic, sizeof p->topic) != 0) {
        return -1;
    }
    return message_number(m->frames[1]) == MESSAGE_copy ? take_copy(p, m->frames[1])
                                                        : take_ack(p, m->frames[1]);
}

void push_receive_acks(struct push *p)
{
    static struct log_limit said;
    for (int i = 0; i < ACKS_AT_ONCE; i++) {
        struct bus_message m;
        int rc = bus_receive(p->acks, &m);
        if (rc == 1) {
            return;
        }
        if (rc == -1 || take_message(p, &m) == -1) {
            p->counts.acks_refused++;
            if (log_allowed(&said, 3)) {
                log_warn("push.ack_refused", "expected=\"an acknowledgement of this instance\"");
            }
        }
        if (rc == 0) {
            bus_release(&m);
        }
    }
}

struct push_counts push_counts(const struct push *p)
{
    return p->counts;
}
