/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is delivered is read by turns (body_turns.h). Who delivered is answered in the order in
 * which that was taken: what stands in the queue first is in a batch, in the spool, and on disk
 * first. Several share a transaction and a sync. Those that are to be answered when stored has them
 * then wait for the batches they are in, each for itself.
 */
#include "ingestd/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/body_turns.h"

#define ANSWERS_WAIT  5000 /* in the socket: all of WAITING_MAX at once */
#define BODIES_WAIT   64   /* the same; they are large */
#define WAITING_MAX   4096
#define STORED_MAX    1024 /* that wait for stored */
#define AT_ONCE       64   /* messages; then others get their turn */
#define SLICE_US      2000 /* so long one body is read */
#define WORK_US       4000 /* and all, until others get their turn */
#define PEER_BYTES    64   /* of ZeroMQ's name for a peer; it makes them of 5 */
#define MESSAGE_BYTES ((size_t)1 << 20)

/* What is to be known of a body, before it is taken, for waiting until stored has it. */
struct awaited {
    int64_t by_us;       /* by then stored has it; 0: nobody asks */
    uint64_t from;       /* the first sequence of the batches that it is in, or one before */
    uint64_t unreadable; /* batches that were lost by then */
};

/* A body that is in the batches. */
struct waiting_delivery {
    struct waiting_delivery *next;
    char peer[PEER_BYTES];
    size_t peer_size;
    struct delivered_message answer; /* its texts stand behind this struct */
    struct slice reasons;            /* the same; .at NULL: it is no import */
    uint64_t told;                   /* batches_told(), it included */
    uint64_t lost_before;            /* by the batches */
    uint64_t sync;                   /* 0 until it is committed */
    struct awaited stored;
    uint64_t before; /* the sequence behind those of its batches */
};

struct delivery {
    struct intake *intake;
    struct batches *batches;
    struct spool *spool;
    const struct outbox *outbox;
    struct presence *presence;
    int64_t heard_us;          /* see delivery_heard_us() */
    struct body_turns *bodies; /* that are not taken yet */
    zsock_t *socket;
    struct arena *arena; /* for one message */
    struct pack answer;
    struct waiting_delivery *first, *last, *uncommitted;
    struct waiting_delivery *storing; /* on disk, wait for stored */
    size_t count, storing_count;
    bool draining;
};

struct delivery *delivery_new(struct intake *intake, struct batches *batches, struct spool *spool,
                              const struct outbox *outbox, struct presence *presence)
{
    struct delivery *d = calloc(1, sizeof *d);
    if (d == NULL) {
        log_error("delivery.memory", "error=\"out of memory\"");
        return NULL;
    }
    d->intake = intake;
    d->batches = batches;
    d->spool = spool;
    d->outbox = outbox;
    d->presence = presence;
    d->heard_us = daemon_now_us();
    pack_init(&d->answer);
    d->arena = arena_new(MESSAGE_BYTES);
    d->bodies = body_turns_new(intake);
    d->socket = bus_bind_queues(ZMQ_ROUTER, ENDPOINT_DELIVER, ANSWERS_WAIT, BODIES_WAIT);
    if (d->arena == NULL || d->bodies == NULL || d->socket == NULL) {
        delivery_free(&d);
    }
    return d;
}

/* Out of the queue; the caller owns it. */
static struct waiting_delivery *take_first(struct delivery *d)
{
    struct waiting_delivery *w = d->first;
    d->first = w->next;
    d->last = d->first == NULL ? NULL : d->last;
    d->uncommitted = d->uncommitted == w ? d->first : d->uncommitted;
    d->count--;
    return w;
}

/* The same of those that wait for stored, at this link. */
static struct waiting_delivery *take_storing(struct delivery *d, struct waiting_delivery **link)
{
    struct waiting_delivery *w = *link;
    *link = w->next;
    d->storing_count--;
    return w;
}

void delivery_free(struct delivery **d)
{
    if (*d == NULL) {
        return;
    }
    while ((*d)->first != NULL) {
        free(take_first(*d));
    }
    while ((*d)->storing != NULL) {
        free(take_storing(*d, &(*d)->storing));
    }
    body_turns_free(&(*d)->bodies);
    zsock_destroy(&(*d)->socket);
    arena_free(&(*d)->arena);
    pack_release(&(*d)->answer);
    free(*d);
    *d = NULL;
}

zsock_t *delivery_socket(const struct delivery *d)
{
    return d->socket;
}

int64_t delivery_heard_us(const struct delivery *d)
{
    return d->heard_us;
}

void delivery_mark(struct delivery *d)
{
    body_turns_mark(d->bodies);
}

size_t delivery_marked(const struct delivery *d)
{
    return body_turns_marked(d->bodies);
}

size_t delivery_waiting(const struct delivery *d)
{
    return d->count;
}

size_t delivery_unread(const struct delivery *d)
{
    return body_turns_count(d->bodies);
}

/* ---- answers ---- */

static void encode_imported(struct pack *p, const struct delivered_message *m, struct slice reasons)
{
    const struct imported_message i = {m->id,     m->outcome, m->records, m->rejected,
                                       m->reason, m->detail,  reasons};
    imported_encode(p, &i);
}

/* Reasons are of an import, else they have no .at.
 * One that the peer is gone for, or that finds its queue full, is dropped: it will ask again. */
static void send_answer(struct delivery *d, struct slice peer, const struct delivered_message *m,
                        struct slice reasons)
{
    static struct log_limit said;
    static const enum counter counter[] = {[DELIVERY_KEPT] = COUNT_DELIVERIES_KEPT,
                                           [DELIVERY_REFUSED] = COUNT_DELIVERIES_REFUSED,
                                           [DELIVERY_BUSY] = COUNT_DELIVERIES_BUSY};
    counters[counter[m->outcome]]++;
    pack_reset(&d->answer);
    if (reasons.at == NULL) {
        delivered_encode(&d->answer, m);
    } else {
        encode_imported(&d->answer, m, reasons);
    }
    const struct slice frames[] = {peer, pack_bytes(&d->answer)};
    if ((!pack_ok(&d->answer) || bus_send(d->socket, frames, 2) != 0) && log_allowed(&said, 5)) {
        log_errno("delivery.answer", "id=%" PRIu64, m->id);
    }
}

static void answer_busy(struct delivery *d, struct slice peer, uint64_t id, const char *why)
{
    struct delivered_message m = {
        .id = id, .outcome = DELIVERY_BUSY, .reason = slice_of(why), .detail = slice_of("")};
    send_answer(d, peer, &m, (struct slice){NULL, 0});
}

/* Answers it, and forgets it. */
static void answer(struct delivery *d, struct waiting_delivery *w, const char *busy)
{
    struct slice peer = {w->peer, w->peer_size};
    if (busy == NULL) {
        send_answer(d, peer, &w->answer, w->reasons);
    } else {
        answer_busy(d, peer, w->answer.id, busy);
    }
    free(w);
}

/* It is on disk: answered, or it goes on waiting, for stored. */
static void is_on_disk(struct delivery *d, struct waiting_delivery *w)
{
    if (w->stored.by_us == 0 || d->draining) {
        answer(d, w, w->stored.by_us == 0 ? NULL : DELIVERY_NOT_STORED);
        return;
    }
    w->next = d->storing;
    d->storing = w;
    d->storing_count++;
}

/* ---- taking ---- */

static uint64_t lost(const struct batches_counts *made)
{
    return made->lost + made->records_lost;
}

/* Reasons with how often, in a text of at most the room; those for which there is none are left
 * out. */
static struct slice reasons_text(const struct intake_outcome *out, char room[LIMIT_REASON_TEXT])
{
    size_t used = 0;
    for (uint32_t i = 0; i < RESULT_REASON_COUNT && out->rejected > 0; i++) {
        size_t left = LIMIT_REASON_TEXT - used;
        if (out->of_reason[i] > 0) {
            int n = snprintf(room + used, left, "%s%s %" PRIu32, used > 0 ? " " : "",
                             result_reason_name((enum result_reason)i), out->of_reason[i]);
            used += n > 0 && (size_t)n < left ? (size_t)n : 0;
        }
    }
    return (struct slice){room, used};
}

/* Its answer waits for the disk. -1 when memory is out. */
static int wait_for_disk(struct delivery *d, struct slice peer, const struct delivered_message *m,
                         struct slice reasons, uint64_t lost_before, const struct awaited *stored)
{
    struct waiting_delivery *w = malloc(sizeof *w + m->reason.len + m->detail.len + reasons.len);
    if (w == NULL) {
        return -1;
    }
    *w = (struct waiting_delivery){.answer = *m,
                                   .peer_size = peer.len,
                                   .told = batches_told(d->batches),
                                   .lost_before = lost_before,
                                   .stored = *stored};
    char *texts = (char *)(w + 1);
    memcpy(w->peer, peer.at, peer.len);
    memcpy(texts, m->reason.at, m->reason.len);
    memcpy(texts + m->reason.len, m->detail.at, m->detail.len);
    w->answer.reason.at = texts;
    w->answer.detail.at = texts + m->reason.len;
    w->reasons = reasons;
    if (reasons.at != NULL) {
        w->reasons.at = memcpy(texts + m->reason.len + m->detail.len, reasons.at, reasons.len);
    }
    *(d->last == NULL ? &d->first : &d->last->next) = w;
    d->last = w;
    d->uncommitted = d->uncommitted == NULL ? w : d->uncommitted;
    d->count++;
    return 0;
}

static void take_body(struct delivery *d, const struct delivered_body *b, int64_t now_us)
{
    const struct deliver_message *m = &b->about;
    struct slice peer = b->message.frames[0];
    struct batches_counts before = batches_counts(d->batches);
    const struct awaited stored = {
        .by_us = m->stored_within_ms == 0 ? 0 : b->came_us + (int64_t)m->stored_within_ms * 1000,
        .from = outbox_next(d->outbox), /* of no lower number is the batch being filled */
        .unreadable = outbox_state(d->outbox).unreadable};
    struct intake_outcome out = intake_body_take(d->intake, b->reading, now_us);
    struct slice detail = slice_of(out.detail);
    char room[LIMIT_REASON_TEXT];
    bool refused = out.results == 0 && out.rejected > 0;
    struct delivered_message answer = {
        .id = m->id,
        .outcome = refused ? DELIVERY_REFUSED : DELIVERY_KEPT,
        .records = out.records,
        .rejected = out.rejected,
        .reason = slice_of(out.reason),
        .detail = {detail.at, detail.len < LIMIT_TEXT_BYTES ? detail.len : LIMIT_TEXT_BYTES},
        .exceptions = out.exceptions,
        .undated = out.undated};
    struct slice reasons = m->import == 1 ? reasons_text(&out, room) : (struct slice){NULL, 0};
    if (out.records == 0) {
        send_answer(d, peer, &answer, reasons); /* there is nothing to wait for */
    } else if (wait_for_disk(d, peer, &answer, reasons, lost(&before), &stored) == -1) {
        answer_busy(d, peer, m->id, "out of memory");
    }
}

/* Why nothing that is to be stored within so long can be taken; NULL when it can. */
static const char *why_not(const struct delivery *d, uint64_t stored_within_ms,
                           const char *(*busy)(void *context), void *context)
{
    bool full = stored_within_ms > 0 && d->count + d->storing_count >= STORED_MAX;
    return d->count == WAITING_MAX ? "too many deliveries wait for the disk"
           : full                  ? "too many deliveries wait to be stored"
                                   : busy(context);
}

void delivery_work(struct delivery *d, const char *(*busy)(void *context), void *context)
{
    int64_t now_us = daemon_clock_us(), until_us = now_us + WORK_US;
    struct delivered_body *b;
    while (now_us < until_us && (b = body_turns_next(d->bodies)) != NULL) {
        const char *why = why_not(d, b->stored_within_ms, busy, context);
        int rc = why != NULL ? -1 : body_turns_read(d->bodies, b, now_us + SLICE_US);
        now_us = daemon_clock_us();
        if (rc == 1) {
            take_body(d, b, now_us);
        } else if (rc == -1) {
            answer_busy(d, b->message.frames[0], b->id, why == NULL ? "out of memory" : why);
        }
        if (rc != 0) {
            body_turns_done(d->bodies, &b);
        }
    }
}

/* A gateway's sign of life. -1: it is none. */
static int take_life(struct delivery *d, struct slice bytes)
{
    struct life_message m;
    return life_decode_all(bytes, d->arena, &m) == -1 || slice_is(m.process, "ingestd")
               ? -1
               : presence_sign(d->presence, m.process, m.now_us, m.since_us,
                               m.until_us == 0 ? m.now_us : m.until_us);
}

/* Into its sender's queue. -1: it is no delivery. */
static int take_message(struct delivery *d, struct bus_message *m, int64_t now_us)
{
    struct deliver_message about;
    arena_reset(d->arena);
    if (m->count == 2) {
        return take_life(d, m->frames[1]);
    }
    if (m->count != 3 || m->frames[0].len > PEER_BYTES || m->frames[2].len > LIMIT_BODY_BYTES ||
        deliver_decode_all(m->frames[1], d->arena, &about) == -1) {
        return -1;
    }
    const char *why = body_turns_add(d->bodies, m, &about, now_us);
    if (why != NULL) {
        answer_busy(d, m->frames[0], about.id, why);
    }
    return 0;
}

void delivery_receive(struct delivery *d)
{
    static struct log_limit said;
    int64_t now_us = daemon_clock_us();
    for (int i = 0; i < AT_ONCE && body_turns_have_room(d->bodies); i++) {
        struct bus_message m;
        int rc = bus_receive(d->socket, &m);
        if (rc == 1) {
            d->heard_us = daemon_now_us();
            return;
        }
        if (rc == -1 || take_message(d, &m, now_us) == -1) {
            counters[COUNT_DELIVERIES_MALFORMED]++;
            if (log_allowed(&said, 3)) {
                log_warn("delivery.malformed", "expected=\"a deliver message and a body\"");
            }
        }
        if (rc == 0) {
            bus_release(&m);
        }
    }
}

void delivery_restart(struct delivery *d)
{
    body_turns_restart(d->bodies);
}

/* ---- what became of them ---- */

void delivery_committed(struct delivery *d, const struct batches_counts *made)
{
    struct waiting_delivery *w = d->uncommitted;
    uint64_t sync = w != NULL && w->told <= made->datagrams ? spool_sync(d->spool) : 0;
    for (; w != NULL && w->told <= made->datagrams; w = w->next) {
        w->sync = sync;
        w->before = outbox_next(d->outbox);
        /* Something was lost since it came; it may have been a part of it. */
        w->answer.outcome = lost(made) != w->lost_before ? DELIVERY_BUSY : w->answer.outcome;
    }
    d->uncommitted = w;
}

void delivery_synced(struct delivery *d)
{
    struct spool_synced done = spool_synced(d->spool);
    bool there = spool_is_there(d->spool);
    while (d->first != d->uncommitted &&
           (d->first->sync <= done.synced || d->first->sync <= done.failed)) {
        struct waiting_delivery *w = take_first(d);
        const char *busy = w->answer.outcome == DELIVERY_BUSY ? "out of memory"
                           : w->sync <= done.failed           ? "the spool cannot be synced"
                           : !there ? "the spool's files were removed or replaced"
                                    : NULL;
        if (busy == NULL) {
            is_on_disk(d, w);
        } else {
            answer(d, w, busy);
        }
    }
    delivery_stored(d, daemon_clock_us());
}

void delivery_stored(struct delivery *d, int64_t now_us)
{
    struct waiting_delivery **link = &d->storing;
    uint64_t unreadable = d->storing == NULL ? 0 : outbox_state(d->outbox).unreadable;
    while (*link != NULL) {
        const struct waiting_delivery *w = *link;
        bool sure =
            w->stored.unreadable == unreadable; /* else one of its batches may have been lost */
        if (sure && outbox_are_acknowledged(d->outbox, w->stored.from, w->before)) {
            answer(d, take_storing(d, link), NULL);
        } else if (now_us >= w->stored.by_us || !sure) {
            answer(d, take_storing(d, link), DELIVERY_NOT_STORED);
        } else {
            link = &(*link)->next;
        }
    }
}

void delivery_drain(struct delivery *d)
{
    struct delivered_body *b;
    d->draining = true;
    while ((b = body_turns_next(d->bodies)) != NULL) {
        answer_busy(d, b->message.frames[0], b->id, "ingestd is being stopped");
        body_turns_done(d->bodies, &b);
    }
    while (d->storing != NULL) {
        answer(d, take_storing(d, &d->storing), DELIVERY_NOT_STORED);
    }
}

void delivery_give_up(struct delivery *d)
{
    delivery_synced(d);
    while (d->first != NULL) {
        answer(d, take_first(d), "the spool cannot be written");
    }
}
