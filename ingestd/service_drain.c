/* SPDX-License-Identifier: Apache-2.0 */
/* From the first SIGTERM on: what stands in the sockets is read and written, as far as there is
 * room. */
#include <inttypes.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/ingestd.h"
#include "ingestd/service_parts.h"

/* Sockets that others keep are read at SIGTERM until they are empty, but no longer than this: the
 * next ingestd goes on. */
#define KEPT_READ_US 200000

static bool all_closed(const struct service *s)
{
    for (size_t i = 0; i < udp_count(s->udp); i++) {
        if (udp_fd(s->udp, i) != -1) {
            return false;
        }
    }
    return true;
}

static bool all_read(const struct service *s)
{
    return udp_waiting(s->udp) == 0 && all_closed(s);
}

/* As service_take_ring(), but memory is made free at once: nothing else waits for the loop. */
static bool take_ring_draining(struct service *s)
{
    while (!service_take_ring(s, INT64_MAX)) {
        if (service_make_room(s) != OUTBOX_OPEN) {
            return false;
        }
    }
    return true;
}

/* What was received goes into the spool even if that is full: nobody else has it any more. */
static void take_ring_anyway(struct service *s)
{
    struct udp_datagram d;
    while (!s->spool_failed && udp_next(s->udp, &d)) {
        intake_datagram(s->intake, &d, daemon_clock_us());
        service_make_room(s);
    }
}

/* What there was no room for is dropped, as the kernel would have dropped it a moment later. */
static void drop_rest(struct service *s)
{
    uint64_t datagrams = s->kept ? 0 : udp_drop_rest(s->udp);
    if (datagrams > 0) {
        log_warn("drain.dropped", "datagrams=%" PRIu64 " reason=\"%s\"", datagrams,
                 s->spool_failed ? "the spool cannot be written" : "the spool is full");
        service_tell_drops(s);
    }
}

/* Whether there is room for what still stands in the sockets, which nobody else reads. */
static bool can_read_on(const struct service *s)
{
    return !s->kept && !all_closed(s) && !s->spool_failed && outbox_room(s->outbox) == OUTBOX_OPEN;
}

/* Whether all that is in batches was written as far as it can be, and need not be tried again. */
static bool write_rest(struct service *s)
{
    batches_close_all(s->batches);
    service_commit(s);
    return s->spool_failed || !outbox_has_new(s->outbox);
}

/* Nothing more comes: what is not acknowledged is in the spool, or its sender was told that it is
 * not taken; or it is lost. */
static void finish(struct service *s)
{
    take_ring_anyway(s);
    bool over = write_rest(s) && !can_read_on(s);
    if (over) {
        drop_rest(s);
        over = write_rest(s);
    }
    if (!over) {
        service_commit_soon(s); /* comes here again: the spool was busy for a moment */
        return;
    }
    struct outbox_state held = outbox_state(s->outbox);
    uint64_t lost = held.unspooled_records - held.unspooled_delivered;
    int unread = udp_waiting(s->udp);
    if (lost > 0 || unread > 0) {
        log_error("drain.lost",
                  "records=%" PRIu64 " unspooled_batches=%" PRIu64 " of_batches=%" PRIu64
                  " unread_datagrams=%d",
                  lost, held.unspooled, held.batches, unread);
        daemon_finished(1);
        return;
    }
    if (held.unspooled == 0) {
        tally_spooled(s->tally, true); /* or acknowledged without having been */
    }
    log_info("drain.done",
             "spooled_batches=%" PRIu64 " records=%" PRIu64 " rejects=%" PRIu64
             " left_buffer_bytes=%" PRIu64 " unspooled_rejects=%" PRIu64,
             held.batches - held.unspooled, held.records - held.unspooled_records,
             held.rejects - held.unspooled_rejects, udp_unread_bytes(s->udp),
             held.unspooled_rejects);
    daemon_finished(0);
}

static void finish_when_drained(struct service *s)
{
    if (daemon_clock_us() >= s->drained_by_us ||
        (all_read(s) && delivery_waiting(s->delivery) == 0 &&
         (s->kept || outbox_state(s->outbox).batches == 0))) {
        finish(s);
    }
}

/* Whether a socket has been read to its end, when the last burst brought n datagrams. Into one that
 * others keep new ones come all the time. */
static bool is_drained(const struct service *s, int n)
{
    return n <= 0 || (s->kept && (n < UDP_BURST || daemon_clock_us() >= s->drained_by_us));
}

/* Reads what stood in the sockets' buffers at SIGTERM, as far as the outbox has room. */
static void drain_sockets(struct service *s)
{
    bool room = take_ring_draining(s);
    for (size_t i = 0; i < udp_count(s->udp); i++) {
        while (room && udp_fd(s->udp, i) != -1) {
            int n = udp_receive(s->udp, i);
            room = take_ring_draining(s);
            if (is_drained(s, n)) {
                udp_close(s->udp, i);
            }
        }
    }
    batches_close_all(s->batches);
}

void service_go_on_draining(struct service *s)
{
    if (!all_read(s)) {
        drain_sockets(s);
    }
    service_commit_due(s);
    service_push(s);
    finish_when_drained(s);
}

void service_begin_draining(struct service *s)
{
    s->kept = keeper_now(s->keeper) != KEEPER_NONE;
    s->drained_by_us = daemon_clock_us() + (s->kept ? KEPT_READ_US : settings.drain_ms * 1000);
    service_stop_reading(s, "draining");
    folders_stop(s->folders);
    delivery_drain(s->delivery);
    if (!s->kept) {
        udp_refuse_new(s->udp);
    }
    service_tell_drops(s);
}
