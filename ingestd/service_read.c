/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams and bodies are read as long as the outbox has room for what stands in them; else the
 * sockets are left alone, and the kernel drops and counts.
 */
#include <time.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/ingestd.h"
#include "ingestd/service_parts.h"

/* Of one socket; then others get their turn. */
#define BURSTS_AT_ONCE 4
#define READ_US        10000

/*
 * Under load the sockets are read once in so long at most: to wake up for every few datagrams costs
 * more than they do. Buffers that could overflow meanwhile are read as soon as something comes.
 */
#define READ_SPACING_US 1000

/* ---- datagrams ---- */

/*
 * Sleeping here is shorter than what a full ring takes, which others in the loop wait for as well.
 * Of several sockets that are ready only the first sleeps: the others were read as long ago.
 */
static void space_reading(struct service *s, size_t i)
{
    int64_t passed_us = daemon_clock_us() - s->read_us[i];
    if (passed_us < READ_SPACING_US && !s->small_buffers && delivery_unread(s->delivery) == 0) {
        struct timespec rest = {.tv_nsec = (READ_SPACING_US - passed_us) * 1000};
        nanosleep(&rest, NULL);
    }
    s->read_us[i] = daemon_clock_us();
}

bool service_take_ring(struct service *s, int64_t until_us)
{
    struct udp_datagram d;
    int64_t now_us = daemon_clock_us();
    while (now_us < until_us) {
        if (outbox_room(s->outbox) != OUTBOX_OPEN) {
            return false;
        }
        if (!udp_next(s->udp, &d)) {
            break;
        }
        intake_datagram(s->intake, &d, now_us);
        now_us = daemon_clock_us();
    }
    return true;
}

static void note_full(struct service *s)
{
    static struct log_limit said;
    const char *what = outbox_room(s->outbox) == OUTBOX_SPOOL_FULL ? "spool full"
                       : s->spool_failed ? "memory full: the spool cannot be written"
                                         : "memory full: the spool is slow";
    counters[COUNT_INTAKE_STOPPED]++;
    if (log_allowed(&said, 1)) {
        log_warn("intake.stopped", "reason=\"%s\" effect=\"the kernel drops what comes\"", what);
    }
    /* What is open would otherwise wait with the rest. */
    batches_close_all(s->batches);
    service_stop_reading(s, what);
}

void service_go_on_soon(struct service *s)
{
    if ((s->reading && udp_waiting(s->udp) > 0) || delivery_unread(s->delivery) > 0) {
        deadline_by(&s->more, daemon_clock_us());
    }
}

static int on_datagrams(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item;
    const struct socket_reader *reader = context;
    struct service *s = reader->service;
    size_t i = reader->i;
    space_reading(s, i);
    int64_t until_us = daemon_clock_us() + READ_US;
    int n = UDP_BURST;
    for (int burst = 0; burst < BURSTS_AT_ONCE && n == UDP_BURST && s->reading; burst++) {
        if (udp_waiting(s->udp) == 0) {
            n = udp_receive(s->udp, i);
            if (n >= 0 && n < UDP_BURST) {
                settled_emptied(&s->settled, i);
            }
            counters[COUNT_RECEIVED_BURSTS] += n > 0 ? 1 : 0;
        }
        if (!service_take_ring(s, until_us)) {
            note_full(s);
        }
    }
    service_go_on_soon(s);
    service_close_old(s);
    return 0;
}

void service_start_reading(struct service *s)
{
    for (size_t i = 0; i < udp_count(s->udp) && !s->reading; i++) {
        zmq_pollitem_t item = {.fd = udp_fd(s->udp, i), .events = ZMQ_POLLIN};
        s->readers[i] = (struct socket_reader){.service = s, .i = i};
        if (zloop_poller(s->loop, &item, on_datagrams, &s->readers[i]) == -1) {
            log_error("intake.loop", "error=\"out of memory\"");
        }
        zloop_poller_set_tolerant(s->loop, &item);
    }
    s->reading = true;
    daemon_note("intake", "reading");
}

void service_stop_reading(struct service *s, const char *why)
{
    for (size_t i = 0; i < udp_count(s->udp) && s->reading; i++) {
        zmq_pollitem_t item = {.fd = udp_fd(s->udp, i), .events = ZMQ_POLLIN};
        if (item.fd != -1) {
            zloop_poller_end(s->loop, &item);
        }
    }
    s->reading = false;
    daemon_trouble("intake", true, "%s", why);
}

void service_read_on(struct service *s)
{
    if (!s->reading && !s->copied && outbox_has_room(s->outbox)) {
        if (service_take_ring(s, daemon_clock_us() + READ_US)) {
            service_start_reading(s);
            service_go_on_soon(s);
        }
    }
}

/* ---- deliveries ---- */

/* Why nothing can be taken that is answered for; NULL when it can. */
static const char *why_busy(void *context)
{
    struct service *s = context;
    if (daemon_draining()) {
        return "ingestd is being stopped";
    }
    enum outbox_room room = service_make_room(s);
    return s->copied                    ? COPIED
           : s->spool_failed            ? "the spool cannot be written"
           : room == OUTBOX_SPOOL_FULL  ? "the spool is full"
           : room == OUTBOX_MEMORY_FULL ? "memory is full"
                                        : NULL;
}

/* For a while; what is left is gone on with soon. */
static void read_bodies(struct service *s)
{
    delivery_work(s->delivery, why_busy, s);
    service_go_on_soon(s);
    if (!daemon_draining()) {
        service_close_old(s);
    }
}

int service_on_deliveries(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop, (void)socket;
    struct service *s = context;
    delivery_receive(s->delivery);
    read_bodies(s);
    return 0;
}

void service_on_more(void *context)
{
    struct service *s = context;
    if (s->reading && udp_waiting(s->udp) > 0 &&
        !service_take_ring(s, daemon_clock_us() + READ_US)) {
        note_full(s);
    }
    read_bodies(s);
}
