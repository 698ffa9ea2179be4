/* SPDX-License-Identifier: Apache-2.0 */
/* Batches on their way: closed, into the spool, and out to a classifyd. */
#include "common/daemon.h"
#include "ingestd/ingestd.h"
#include "ingestd/service_parts.h"

/* Batches closed within so long go into the spool together; a single one need not wait. */
#define COMMIT_SPACING_US 4000

static int on_writable(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item;
    struct service *s = context;
    service_push(s);
    return 0;
}

static void set_blocked(struct service *s, bool blocked)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(push_batches_socket(s->push)),
                           .events = ZMQ_POLLOUT};
    if (blocked && !s->blocked) {
        if (zloop_poller(s->loop, &item, on_writable, s) == -1) {
            return; /* it is tried again */
        }
        zloop_poller_set_tolerant(s->loop, &item);
    } else if (!blocked && s->blocked) {
        zloop_poller_end(s->loop, &item);
    }
    s->blocked = blocked;
}

bool service_has_work(const struct service *s)
{
    return outbox_has_work(s->outbox) || s->spool_failed || daemon_draining();
}

void service_push(struct service *s)
{
    int64_t now_us = daemon_clock_us();
    set_blocked(s, push_send(s->push, now_us) == 1);
    if (service_has_work(s)) {
        deadline_by(&s->care, now_us + CARE_US);
    }
}

void service_commit(struct service *s)
{
    batches_close_rest(s->batches);
    struct batches_counts made = batches_counts(s->batches);
    const struct tally_told told = {.datagrams = made.datagrams - made.delivered,
                                    .drops = made.dropped,
                                    .lost = made.lost_told};
    tally_spooling(s->tally, outbox_next(s->outbox), &told);
    s->committed_us = daemon_clock_us();
    s->spool_failed = outbox_commit(s->outbox) == -1;
    if (s->spool_failed) {
        tally_unsure(s->tally);
        delivery_give_up(s->delivery);
    }
    bool committed = !outbox_has_new(s->outbox);
    tally_spooled(s->tally, committed);
    if (committed) {
        delivery_committed(s->delivery, &made);
    }
    if (spool_has_unsynced(s->spool)) {
        deadline_by(&s->sync, daemon_clock_us() + settings.spool_sync_ms * 1000);
    }
}

void service_commit_soon(struct service *s)
{
    deadline_by(&s->commit, daemon_clock_us() + COMMIT_SPACING_US);
}

void service_commit_due(struct service *s)
{
    int64_t spacing_us = s->spool_failed ? COMMIT_RETRY_US : COMMIT_SPACING_US;
    if (outbox_has_new(s->outbox) && daemon_clock_us() - s->committed_us >= spacing_us) {
        service_commit(s);
    } else {
        outbox_fill(s->outbox);
    }
    if (outbox_has_new(s->outbox) && !s->spool_failed) {
        service_commit_soon(s);
    }
}

enum outbox_room service_make_room(struct service *s)
{
    if (outbox_room(s->outbox) == OUTBOX_MEMORY_FULL && !s->spool_failed) {
        batches_close_all(s->batches);
        service_commit(s);
    }
    return outbox_room(s->outbox);
}

void service_tell_drops(struct service *s)
{
    batches_dropped(s->batches, udp_drops(s->udp), daemon_now_us(), daemon_clock_us());
}

void service_close_old(struct service *s)
{
    signs_go_on(s);
    int64_t now_us = daemon_clock_us();
    int64_t due_in_us = batches_close_old(s->batches, now_us);
    if (due_in_us >= 0) {
        deadline_by(&s->age, now_us + due_in_us);
    }
    service_commit_due(s);
    service_push(s);
}

void service_on_age(void *context)
{
    struct service *s = context;
    service_close_old(s);
}
