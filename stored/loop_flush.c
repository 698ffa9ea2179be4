/* SPDX-License-Identifier: Apache-2.0 */
/* Batches on their way into the database: when they are read, and when they are written. */
#include "common/daemon.h"
#include "common/log.h"
#include "stored/beside/feed_notify.h"
#include "stored/loop_parts.h"

#define COPIES_TOLD_US INT64_C(1000000)

/* Reads only while there is room, so that nothing spins and ZeroMQ pushes back. */
static void pause_or_resume(struct loop *self)
{
    bool full = inbox_is_full(&self->inbox);
    if (full && !self->paused) {
        zloop_reader_end(self->loop, self->graded);
        self->paused = true;
    } else if (!full && self->paused &&
               zloop_reader(self->loop, self->graded, loop_on_graded, self) == 0) {
        self->paused = false;
    }
}

void loop_receive(struct loop *self)
{
    int64_t clock_us = daemon_clock_us();
    bool ready = loop_database_is_ready(self, clock_us);
    while (!inbox_is_full(&self->inbox) &&
           !(ready && self->inbox.ready_records >= (uint64_t)self->store.settings->flush_records) &&
           inbox_receive(&self->inbox, self->graded, &self->acks, clock_us)) {
        self->received_at_us = clock_us;
        inbox_sort(&self->inbox, clock_us, false);
    }
    count_add(COUNT_ACKNOWLEDGED_BATCHES, acks_send(&self->acks, self->announce));
}

int loop_on_graded(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)reader;
    struct loop *self = context;
    loop_receive(self);
    loop_work(self);
    loop_look_in_a_moment(self);
    return 0;
}

/*
 * The next transaction begins flush_ms after this one; when this one took longer than that, almost
 * at once: while it was written the queues were full and whoever sends waited, so a quarter of the
 * time is left to them, at most flush_ms, or transactions would stay as small as the queues are.
 */
static void set_next_flush(struct loop *self, int64_t began_us, int64_t ended_us)
{
    int64_t flush_us = self->store.settings->flush_ms * 1000,
            quarter_us = (ended_us - began_us) / 4;
    int64_t gathered_us = ended_us + (quarter_us < flush_us ? quarter_us : flush_us);
    int64_t earliest_us = began_us + flush_us;
    self->flush_at_us = gathered_us > earliest_us ? gathered_us : earliest_us;
}

/* As long as both are heard of, but not with each transaction. */
static void tell_copies(struct loop *self, int64_t clock_us)
{
    if (self->flush->copy_count == 0 || clock_us < self->tell_copies_at_us) {
        return;
    }
    self->tell_copies_at_us = clock_us + COPIES_TOLD_US;
    for (uint32_t i = 0; i < self->flush->copy_count; i++) {
        announce_copy(self->announce, &self->flush->copies[i]);
    }
    log_warn("spool.copied",
             "copies=%u reason=\"two ingestds work with copies of one spool\" "
             "effect=\"the one started last takes no more\"",
             self->flush->copy_count);
}

/* One transaction. False when the database did not take it. */
static bool flush_portion(struct loop *self)
{
    int64_t began_us = daemon_clock_us();
    uint32_t count = inbox_portion(&self->inbox, (uint64_t)self->store.settings->flush_records);
    uint64_t records = 0;
    int64_t oldest_us = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const struct batch_header_message *h = &self->inbox.ready[i]->header;
        records += h->count;
        oldest_us = h->received_us < oldest_us ? h->received_us : oldest_us;
    }
    int64_t written = flush_write(self->flush, self->inbox.ready, count, began_us);
    int64_t ended_us = daemon_clock_us();
    inbox_wrote(&self->inbox, ended_us - began_us);
    set_next_flush(self, began_us, ended_us);
    if (written == 0) {
        inbox_put_aside(&self->inbox, self->flush->needs, self->flush->need_count);
        self->flush_at_us = 0; /* the others do not wait */
        loop_look_after_days(self, began_us);
        loop_await_answer(self);
        return true;
    }
    if (written == -1) {
        log_error("flush.failed", "part=%s sqlstate=%s error=\"%s\"", self->flush->part,
                  self->store.pg.sqlstate, self->store.pg.message);
        loop_back_off(self);
        return false;
    }
    inbox_committed(&self->inbox, (uint32_t)written, &self->acks);
    count_add(COUNT_ACKNOWLEDGED_BATCHES, acks_send(&self->acks, self->announce));
    tell_copies(self, began_us);
    count_add(COUNT_FLUSHES, 1);
    int64_t lag_us = daemon_now_us() - oldest_us;
    count_set(COUNT_LAG_MS, lag_us < 0 ? 0 : (uint64_t)lag_us / 1000);
    int64_t took_us = daemon_clock_us() - began_us;
    count_set(COUNT_FLUSH_LAST_MS, (uint64_t)took_us / 1000);
    histogram_add(&store_durations[DURATION_FLUSH], took_us);
    count_set(COUNT_FLUSH_RECORDS, records);
    if (self->away_since_us != 0) {
        loop_note_connected(self);
    }
    return true;
}

static bool flush_is_due(const struct loop *self, int64_t clock_us)
{
    const struct inbox *in = &self->inbox;
    return in->ready_count > 0 &&
           (in->ready_records >= (uint64_t)self->store.settings->flush_records ||
            self->drain_until_us != 0 || clock_us >= self->flush_at_us);
}

void loop_tell_arrived(struct loop *self)
{
    if (announce_arrived(self->announce, &self->store.arrival) && self->store.settings->notify) {
        feed_notify_due(self->store.notify);
        loop_look_now(self);
    }
}

void loop_work(struct loop *self)
{
    int64_t clock_us = daemon_clock_us();
    if (!pg_is_open(&self->store.pg)) {
        loop_connect(self);
        clock_us = daemon_clock_us();
    }
    inbox_sort(&self->inbox, clock_us, false);
    if (loop_database_is_ready(self, clock_us)) {
        inbox_return(&self->inbox, &self->store.gradings);
    }
    if (loop_database_is_ready(self, clock_us) && flush_is_due(self, clock_us) &&
        flush_portion(self)) {
        clock_us = daemon_clock_us();
        inbox_sort(&self->inbox, clock_us, false);
    }
    pause_or_resume(self);
    int64_t at_us =
        flush_is_due(self, clock_us) ? clock_us : inbox_deadline(&self->inbox, self->flush_at_us);
    if (!loop_database_is_ready(self, clock_us)) {
        at_us = self->database_at_us;
    }
    if (at_us != INT64_MAX) {
        deadline_by(&self->work, at_us);
    }
    loop_tell_arrived(self);
}

void loop_on_work(void *context)
{
    struct loop *self = context;
    loop_work(self);
    loop_look_in_a_moment(self);
}
