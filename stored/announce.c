/* SPDX-License-Identifier: Apache-2.0 */
/* The XPUB socket. Nothing here waits: what a subscriber has no room for it gets again later. */
#include "stored/announce.h"

#include <stdlib.h>

#include "common/grow.h"
#include "common/log.h"

int acks_add(struct acks *a, const struct batch_header_message *header)
{
    struct ack_of *at = grow(a->at, a->count, &a->size, sizeof *at);
    if (at == NULL) {
        return -1;
    }
    a->at = at;
    struct ack_of *to = &a->at[a->count++];
    memcpy(to->instance, header->instance, sizeof to->instance);
    to->shard = (uint16_t)header->shard;
    to->epoch = header->epoch;
    to->sequence = header->sequence;
    return 0;
}

void acks_release(struct acks *a)
{
    free(a->at);
    *a = (struct acks){0};
}

static int compare_acks(const void *a, const void *b)
{
    const struct ack_of *x = a, *y = b;
    int instances = memcmp(x->instance, y->instance, sizeof x->instance);
    if (instances != 0) {
        return instances;
    }
    if (x->shard != y->shard) {
        return x->shard < y->shard ? -1 : 1;
    }
    if (x->epoch != y->epoch) {
        return x->epoch < y->epoch ? -1 : 1;
    }
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static bool same_stream(const struct ack_of *a, const struct ack_of *b)
{
    return a->shard == b->shard && a->epoch == b->epoch &&
           memcmp(a->instance, b->instance, sizeof a->instance) == 0;
}

static void publish(zsock_t *announce, struct slice topic, struct pack *p)
{
    static struct log_limit said;
    if (!pack_ok(p)) {
        log_error("announce.encode", "topic=%.7s", topic.at);
        return;
    }
    const struct slice frames[] = {topic, pack_bytes(p)};
    if (bus_send(announce, frames, 2) != 0 && log_allowed(&said, 5)) {
        log_warn("announce.send", "topic=%.7s error=\"not sent\"", topic.at);
    }
}

#define INSTANCE_TOPIC_BYTES (sizeof TOPIC_ACK - 1 + 16)

static struct slice topic_of(const uint8_t instance[16], char topic[INSTANCE_TOPIC_BYTES])
{
    memcpy(topic, TOPIC_ACK, sizeof TOPIC_ACK - 1);
    memcpy(topic + sizeof TOPIC_ACK - 1, instance, 16);
    return (struct slice){topic, INSTANCE_TOPIC_BYTES};
}

static void send_run(zsock_t *announce, const struct ack_of *run, uint32_t count, struct pack *p)
{
    static uint64_t sequences[LIMIT_BATCH_RECORDS];
    char topic[INSTANCE_TOPIC_BYTES];
    struct ack_message m = {
        .shard = run->shard, .sequences = sequences, .sequences_count = count, .epoch = run->epoch};
    memcpy(m.instance, run->instance, sizeof m.instance);
    for (uint32_t i = 0; i < count; i++) {
        sequences[i] = run[i].sequence;
    }
    pack_reset(p);
    ack_encode(p, &m);
    publish(announce, topic_of(run->instance, topic), p);
}

void announce_copy(zsock_t *announce, const struct stream_name *name)
{
    char topic[INSTANCE_TOPIC_BYTES];
    struct copy_message m = {.shard = name->shard, .epoch = name->epoch};
    struct pack p;
    memcpy(m.instance, name->instance, sizeof m.instance);
    pack_init(&p);
    copy_encode(&p, &m);
    publish(announce, topic_of(name->instance, topic), &p);
    pack_release(&p);
}

uint32_t acks_send(struct acks *a, zsock_t *announce)
{
    struct pack p;
    uint32_t sent = a->count;
    if (a->count == 0) {
        return 0;
    }
    pack_init(&p);
    qsort(a->at, a->count, sizeof *a->at, compare_acks);
    for (uint32_t i = 0, n; i < a->count; i += n) {
        for (n = 1; i + n < a->count && n < LIMIT_BATCH_RECORDS &&
                    same_stream(&a->at[i], &a->at[i + n]);) {
            n++;
        }
        send_run(announce, &a->at[i], n, &p);
    }
    pack_release(&p);
    a->count = 0;
    return sent;
}

void announce_grading(zsock_t *announce, const struct gradings *g)
{
    struct pack p;
    if (g->version == 0) {
        return;
    }
    const struct grading_message m = {.version = g->version,
                                      .document = {g->document.at, g->document.len},
                                      .types = {g->types.at, g->types.len},
                                      .digest = g->digest};
    pack_init(&p);
    grading_encode(&p, &m);
    publish(announce, slice_of(TOPIC_GRADING), &p);
    pack_release(&p);
}

void announce_version(zsock_t *announce, const struct gradings *g)
{
    struct pack p;
    if (g->version == 0) {
        return;
    }
    const struct version_message m = {.version = g->version, .digest = g->digest};
    pack_init(&p);
    version_encode(&p, &m);
    publish(announce, slice_of(TOPIC_VERSION), &p);
    pack_release(&p);
}

bool announce_arrived(zsock_t *announce, struct arrival *a)
{
    struct pack p;
    if (!a->loaded || a->number == a->announced) {
        return false;
    }
    const struct arrived_message m = {.number = (uint64_t)a->number, .told = a->told};
    pack_init(&p);
    arrived_encode(&p, &m);
    publish(announce, slice_of(TOPIC_ARRIVED), &p);
    pack_release(&p);
    a->announced = a->number;
    a->told = false;
    return m.told == 1;
}

bool announce_subscriptions(zsock_t *announce)
{
    struct bus_message m;
    bool wants_grading = false;
    int rc;
    while ((rc = bus_receive(announce, &m)) != 1) {
        if (rc == -1) {
            continue;
        }
        struct slice s = m.frames[0];
        if (s.len > 0 && s.at[0] == 1 &&
            slice_is((struct slice){s.at + 1, s.len - 1}, TOPIC_GRADING)) {
            wants_grading = true;
        }
        bus_release(&m);
    }
    return wants_grading;
}
