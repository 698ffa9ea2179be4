/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of ingestd. Datagrams are read as long as the outbox has room for what stands in them;
 * else the sockets are left alone, and the kernel drops and counts.
 */
#include "ingestd/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/deadline.h"
#include "common/log.h"
#include "common/uuid_text.h"
#include "ingestd/ingestd.h"
#include "ingestd/service_parts.h"
#include "ingestd/udp/listeners.h"

/* Of one socket; then others get their turn. */
#define BURSTS_AT_ONCE 4
#define READ_US        10000

/* How often retries, and what else is due, is looked after; while there is nothing to be done, once
 * a second. */
#define CARE_US INT64_C(100000)

/*
 * Under load the sockets are read once in so long at most: to wake up for every few datagrams costs
 * more than they do. Buffers that could overflow meanwhile are read as soon as something comes.
 */
#define READ_SPACING_US   1000
#define READ_BUFFER_BYTES 1048576

/* Batches closed within so long go into the spool together; a single one need not wait. */
#define COMMIT_SPACING_US 4000
/* Sockets that others keep are read at SIGTERM until they are empty, but no longer than this: the
 * next ingestd goes on. */
#define KEPT_READ_US 200000

/* A spool that cannot be written is tried again after so long. */
#define COMMIT_RETRY_US 1000000

static struct service self;

/* ---- the loop's view of the sockets ---- */

static int on_datagrams(zloop_t *loop, zmq_pollitem_t *item, void *context);
static int on_writable(zloop_t *loop, zmq_pollitem_t *item, void *context);

static void start_reading(void)
{
    for (size_t i = 0; i < udp_count(self.udp) && !self.reading; i++) {
        zmq_pollitem_t item = {.fd = udp_fd(self.udp, i), .events = ZMQ_POLLIN};
        if (zloop_poller(self.loop, &item, on_datagrams, (void *)(uintptr_t)i) == -1) {
            log_error("intake.loop", "error=\"out of memory\"");
        }
        zloop_poller_set_tolerant(self.loop, &item);
    }
    self.reading = true;
    daemon_note("intake", "reading");
}

static void stop_reading(const char *why)
{
    for (size_t i = 0; i < udp_count(self.udp) && self.reading; i++) {
        zmq_pollitem_t item = {.fd = udp_fd(self.udp, i), .events = ZMQ_POLLIN};
        if (item.fd != -1) {
            zloop_poller_end(self.loop, &item);
        }
    }
    self.reading = false;
    daemon_trouble("intake", true, "%s", why);
}

static void set_blocked(bool blocked)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(push_batches_socket(self.push)),
                           .events = ZMQ_POLLOUT};
    if (blocked && !self.blocked) {
        if (zloop_poller(self.loop, &item, on_writable, NULL) == -1) {
            return; /* on_care() tries again */
        }
        zloop_poller_set_tolerant(self.loop, &item);
    } else if (!blocked && self.blocked) {
        zloop_poller_end(self.loop, &item);
    }
    self.blocked = blocked;
}

/* ---- batches on their way ---- */

/* Whether on_care() has more to look after than what may happen to files and sockets. */
static bool has_work(void)
{
    return outbox_has_work(self.outbox) || self.spool_failed || daemon_draining();
}

static void push_batches(void)
{
    int64_t now_us = daemon_clock_us();
    set_blocked(push_send(self.push, now_us) == 1);
    if (has_work()) {
        deadline_by(&self.care, now_us + CARE_US);
    }
}

static void commit_now(void)
{
    batches_close_rest(self.batches);
    struct batches_counts made = batches_counts(self.batches);
    const struct tally_told told = {.datagrams = made.datagrams - made.delivered,
                                    .drops = made.dropped,
                                    .lost = made.lost_told};
    tally_spooling(self.tally, outbox_next(self.outbox), &told);
    self.committed_us = daemon_clock_us();
    self.spool_failed = outbox_commit(self.outbox) == -1;
    if (self.spool_failed) {
        tally_unsure(self.tally);
        delivery_give_up(self.delivery);
    }
    bool committed = !outbox_has_new(self.outbox);
    tally_spooled(self.tally, committed);
    if (committed) {
        delivery_committed(self.delivery, &made);
    }
    if (spool_has_unsynced(self.spool)) {
        deadline_by(&self.sync, daemon_clock_us() + settings.spool_sync_ms * 1000);
    }
}

static void commit_soon(void)
{
    deadline_by(&self.commit, daemon_clock_us() + COMMIT_SPACING_US);
}

/* What was closed goes into the spool: at once after a silence, else together with what else is
 * closed within COMMIT_SPACING_US. */
static void commit_batches(void)
{
    int64_t spacing_us = self.spool_failed ? COMMIT_RETRY_US : COMMIT_SPACING_US;
    if (outbox_has_new(self.outbox) && daemon_clock_us() - self.committed_us >= spacing_us) {
        commit_now();
    } else {
        outbox_fill(self.outbox);
    }
    if (outbox_has_new(self.outbox) && !self.spool_failed) {
        commit_soon();
    }
}

/* What the kernel dropped goes with a batch, too. */
static void tell_drops(void)
{
    batches_dropped(self.batches, udp_drops(self.udp), daemon_now_us(), daemon_clock_us());
}

static void close_old_batches(void)
{
    signs_go_on(&self);
    int64_t now_us = daemon_clock_us();
    int64_t due_in_us = batches_close_old(self.batches, now_us);
    if (due_in_us >= 0) {
        deadline_by(&self.age, now_us + due_in_us);
    }
    commit_batches();
    push_batches();
}

static void on_age(void *context)
{
    (void)context;
    close_old_batches();
}

static int on_writable(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item, (void)context;
    push_batches();
    return 0;
}

/* ---- datagrams ---- */

/* Has what fills the memory written now, if it can be; what is still in the way of more. */
static enum outbox_room make_room(void)
{
    if (outbox_room(self.outbox) == OUTBOX_MEMORY_FULL && !self.spool_failed) {
        batches_close_all(self.batches);
        commit_now();
    }
    return outbox_room(self.outbox);
}

/* Takes what stands in the ring, until this time has come. False: the outbox became full; the rest
 * of the ring waits. */
static bool take_ring(int64_t until_us)
{
    struct udp_datagram d;
    int64_t now_us = daemon_clock_us();
    while (now_us < until_us) {
        if (outbox_room(self.outbox) != OUTBOX_OPEN) {
            return false;
        }
        if (!udp_next(self.udp, &d)) {
            break;
        }
        intake_datagram(self.intake, &d, now_us);
        now_us = daemon_clock_us();
    }
    return true;
}

static void note_full(void)
{
    static struct log_limit said;
    const char *what = outbox_room(self.outbox) == OUTBOX_SPOOL_FULL ? "spool full"
                       : self.spool_failed ? "memory full: the spool cannot be written"
                                           : "memory full: the spool is slow";
    counters[COUNT_INTAKE_STOPPED]++;
    if (log_allowed(&said, 1)) {
        log_warn("intake.stopped", "reason=\"%s\" effect=\"the kernel drops what comes\"", what);
    }
    /* What is open would otherwise wait with the rest. */
    batches_close_all(self.batches);
    stop_reading(what);
}

/* With what is left in the ring, and of bodies, after others had their turn. */
static void go_on_soon(void)
{
    if ((self.reading && udp_waiting(self.udp) > 0) || delivery_unread(self.delivery) > 0) {
        deadline_by(&self.more, daemon_clock_us());
    }
}

/*
 * Sleeping here is shorter than what a full ring takes, which others in the loop wait for as well.
 * Of several sockets that are ready only the first sleeps: the others were read as long ago.
 */
static void space_reading(size_t i)
{
    int64_t passed_us = daemon_clock_us() - self.read_us[i];
    if (passed_us < READ_SPACING_US && !self.small_buffers && delivery_unread(self.delivery) == 0) {
        struct timespec rest = {.tv_nsec = (READ_SPACING_US - passed_us) * 1000};
        nanosleep(&rest, NULL);
    }
    self.read_us[i] = daemon_clock_us();
}

static int on_datagrams(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item;
    size_t i = (size_t)(uintptr_t)context;
    space_reading(i);
    int64_t until_us = daemon_clock_us() + READ_US;
    int n = UDP_BURST;
    for (int burst = 0; burst < BURSTS_AT_ONCE && n == UDP_BURST && self.reading; burst++) {
        if (udp_waiting(self.udp) == 0) {
            n = udp_receive(self.udp, i);
            if (n >= 0 && n < UDP_BURST) {
                settled_emptied(&self.settled, i);
            }
            counters[COUNT_RECEIVED_BURSTS] += n > 0 ? 1 : 0;
        }
        if (!take_ring(until_us)) {
            note_full();
        }
    }
    go_on_soon();
    close_old_batches();
    return 0;
}

/* ---- deliveries ---- */

/* Why nothing can be taken that is answered for; NULL when it can. */
static const char *why_busy(void)
{
    if (daemon_draining()) {
        return "ingestd is being stopped";
    }
    enum outbox_room room = make_room();
    return self.copied                  ? COPIED
           : self.spool_failed          ? "the spool cannot be written"
           : room == OUTBOX_SPOOL_FULL  ? "the spool is full"
           : room == OUTBOX_MEMORY_FULL ? "memory is full"
                                        : NULL;
}

/* For a while; what is left is gone on with soon. */
static void read_bodies(void)
{
    delivery_work(self.delivery, why_busy);
    go_on_soon();
    if (!daemon_draining()) {
        close_old_batches();
    }
}

static int on_deliveries(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop, (void)socket, (void)context;
    delivery_receive(self.delivery);
    read_bodies();
    return 0;
}

static void on_more(void *context)
{
    (void)context;
    if (self.reading && udp_waiting(self.udp) > 0 && !take_ring(daemon_clock_us() + READ_US)) {
        note_full();
    }
    read_bodies();
}

/* ---- draining ---- */

static bool all_closed(void)
{
    for (size_t i = 0; i < udp_count(self.udp); i++) {
        if (udp_fd(self.udp, i) != -1) {
            return false;
        }
    }
    return true;
}

static bool all_read(void)
{
    return udp_waiting(self.udp) == 0 && all_closed();
}

/* As take_ring(), but memory is made free at once: nothing else waits for the loop. */
static bool take_ring_draining(void)
{
    while (!take_ring(INT64_MAX)) {
        if (make_room() != OUTBOX_OPEN) {
            return false;
        }
    }
    return true;
}

/* What was received goes into the spool even if that is full: nobody else has it any more. */
static void take_ring_anyway(void)
{
    struct udp_datagram d;
    while (!self.spool_failed && udp_next(self.udp, &d)) {
        intake_datagram(self.intake, &d, daemon_clock_us());
        make_room();
    }
}

/* What there was no room for is dropped, as the kernel would have dropped it a moment later. */
static void drop_rest(void)
{
    uint64_t datagrams = self.kept ? 0 : udp_drop_rest(self.udp);
    if (datagrams > 0) {
        log_warn("drain.dropped", "datagrams=%" PRIu64 " reason=\"%s\"", datagrams,
                 self.spool_failed ? "the spool cannot be written" : "the spool is full");
        tell_drops();
    }
}

/* Whether there is room for what still stands in the sockets, which nobody else reads. */
static bool can_read_on(void)
{
    return !self.kept && !all_closed() && !self.spool_failed &&
           outbox_room(self.outbox) == OUTBOX_OPEN;
}

/* Whether all that is in batches was written as far as it can be, and need not be tried again. */
static bool write_rest(void)
{
    batches_close_all(self.batches);
    commit_now();
    return self.spool_failed || !outbox_has_new(self.outbox);
}

/* Nothing more comes: what is not acknowledged is in the spool, or its sender was told that it is
 * not taken; or it is lost. */
static void finish(void)
{
    take_ring_anyway();
    bool over = write_rest() && !can_read_on();
    if (over) {
        drop_rest();
        over = write_rest();
    }
    if (!over) {
        commit_soon(); /* comes here again: the spool was busy for a moment */
        return;
    }
    struct outbox_state held = outbox_state(self.outbox);
    uint64_t lost = held.unspooled_records - held.unspooled_delivered;
    int unread = udp_waiting(self.udp);
    if (lost > 0 || unread > 0) {
        log_error("drain.lost",
                  "records=%" PRIu64 " unspooled_batches=%" PRIu64 " of_batches=%" PRIu64
                  " unread_datagrams=%d",
                  lost, held.unspooled, held.batches, unread);
        daemon_finished(1);
        return;
    }
    if (held.unspooled == 0) {
        tally_spooled(self.tally, true); /* or acknowledged without having been */
    }
    log_info("drain.done",
             "spooled_batches=%" PRIu64 " records=%" PRIu64 " rejects=%" PRIu64
             " left_buffer_bytes=%" PRIu64 " unspooled_rejects=%" PRIu64,
             held.batches - held.unspooled, held.records - held.unspooled_records,
             held.rejects - held.unspooled_rejects, udp_unread_bytes(self.udp),
             held.unspooled_rejects);
    daemon_finished(0);
}

static void finish_when_drained(void)
{
    if (daemon_clock_us() >= self.drained_by_us ||
        (all_read() && delivery_waiting(self.delivery) == 0 &&
         (self.kept || outbox_state(self.outbox).batches == 0))) {
        finish();
    }
}

/* Whether a socket has been read to its end, when the last burst brought n datagrams. Into one that
 * others keep new ones come all the time. */
static bool is_drained(int n)
{
    return n <= 0 || (self.kept && (n < UDP_BURST || daemon_clock_us() >= self.drained_by_us));
}

/* Reads what stood in the sockets' buffers at SIGTERM, as far as the outbox has room. */
static void drain_sockets(void)
{
    bool room = take_ring_draining();
    for (size_t i = 0; i < udp_count(self.udp); i++) {
        while (room && udp_fd(self.udp, i) != -1) {
            int n = udp_receive(self.udp, i);
            room = take_ring_draining();
            if (is_drained(n)) {
                udp_close(self.udp, i);
            }
        }
    }
    batches_close_all(self.batches);
}

/* After acknowledgements and commits: what waited for room goes on. */
static void go_on(void)
{
    if (daemon_draining()) {
        if (!all_read()) {
            drain_sockets();
        }
        commit_batches();
        push_batches();
        finish_when_drained();
        return;
    }
    if (!self.reading && !self.copied && outbox_has_room(self.outbox)) {
        if (take_ring(daemon_clock_us() + READ_US)) {
            start_reading();
            go_on_soon();
        }
    }
    close_old_batches();
}

static void on_commit(void *context)
{
    (void)context;
    go_on();
}

void service_drain(void)
{
    self.kept = keeper_now(self.keeper) != KEEPER_NONE;
    self.drained_by_us = daemon_clock_us() + (self.kept ? KEPT_READ_US : settings.drain_ms * 1000);
    stop_reading("draining");
    folders_stop(self.folders);
    delivery_drain(self.delivery);
    if (!self.kept) {
        udp_refuse_new(self.udp);
    }
    tell_drops();
    go_on();
}

/* ---- the rest of the loop ---- */

static int on_synced(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item, (void)context;
    delivery_synced(self.delivery);
    if (daemon_draining()) {
        go_on();
    }
    return 0;
}

static void look_for_copies(void)
{
    if (!self.copied && push_counts(self.push).copied) {
        self.copied = true;
        log_error("spool.copied",
                  "epoch=%" PRIu64 " reason=\"" COPIED
                  "\" effect=\"nothing more is taken; what is held is stored\" "
                  "expected=\"one of both ended, then a restart\"",
                  self.found.epoch);
        stop_reading(COPIED);
    }
}

static int on_acks(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop, (void)socket, (void)context;
    push_receive_acks(self.push);
    delivery_stored(self.delivery, daemon_clock_us());
    look_for_copies();
    go_on();
    return 0;
}

/* Whoever removes the files of the spool while they are in use: see spool_look(). */
static void look_after_spool(void)
{
    int64_t now_us = daemon_clock_us();
    if (self.look_failed_us != 0 && now_us - self.look_failed_us < COMMIT_RETRY_US) {
        return;
    }
    bool failed = self.look_failed_us != 0;
    self.look_failed_us = 0;
    if (spool_look(self.spool) == 0) {
        self.committed_us = failed ? 0 : self.committed_us; /* a commit is tried at once */
    } else {
        self.look_failed_us = now_us;
        self.spool_failed = true;
        tally_unsure(self.tally);
        delivery_give_up(self.delivery);
    }
}

static void care_for_sockets(void)
{
    bool reading = self.reading;
    if (listeners_care(&self.listeners, self.udp, self.keeper) > 0 && reading) {
        stop_reading("reading"); /* and with the new ones */
        start_reading();
    }
    keeper_watch_follow(&self.keeper_watch);
}

static void on_care(void *context)
{
    (void)context;
    int64_t now_us = daemon_clock_us();
    tell_drops();
    look_after_spool();
    delivery_stored(self.delivery, now_us);
    if (!daemon_draining()) {
        care_for_sockets();
    }
    /* Also when nothing is new: what is acknowledged goes out of the spool. */
    if (!self.spool_failed || daemon_clock_us() - self.committed_us >= COMMIT_RETRY_US) {
        commit_now();
    }
    go_on();
    if (has_work() || keeper_watch_awaits(&self.keeper_watch, now_us)) {
        deadline_by(&self.care, now_us + CARE_US);
    }
}

static void on_sync(void *context)
{
    (void)context;
    spool_sync(self.spool);
}

/* ---- starting, reloading, telling, stopping ---- */

static struct batches_limits batches_limits_of(const struct ingestd_settings *s)
{
    return (struct batches_limits){.records = (uint32_t)s->batch_records,
                                   .age_us = s->batch_age_ms * 1000,
                                   .rejects_per_second = (uint64_t)s->rejects_per_second};
}

/* Whether the formats are there was looked at when the configuration was checked. */
static bool is_any(void *context, struct slice name)
{
    (void)context, (void)name;
    return true;
}

int service_prepare(void)
{
    int64_t smallest_buffer = 0;
    struct document checked = {.name = "ingestd"}; /* before; nothing is told any more */
    listener_list_read(&checked, &settings.listen, settings.listeners, is_any, NULL,
                       &self.listeners);
    self.udp = udp_new();
    if (self.udp == NULL) {
        log_error("udp.memory", "error=\"out of memory\"");
        return -1;
    }
    self.keeper = listeners_open(&self.listeners, self.udp, &smallest_buffer);
    self.small_buffers = smallest_buffer < READ_BUFFER_BYTES;
    return self.keeper == NULL ? -1 : 0;
}

/* What the ingestd before read and had not yet in the spool when it was killed. */
static void open_tally(struct tally_found *found)
{
    int fds[UDP_LISTENERS];
    uint64_t drops[UDP_LISTENERS];
    size_t count = udp_fds(self.udp, fds);
    self.tally =
        tally_open(daemon_own_dir(), fds, count, self.found.content.last + 1, drops, found);
    udp_set_tally(self.udp, self.tally, drops, found->drops_untold);
    counters[COUNT_KILLED_DATAGRAMS] = found->lost;
    if (found->lost > 0 || found->maybe_lost > 0) {
        log_warn("tally.lost",
                 "datagrams=%" PRIu64 " maybe_more=%" PRIu64
                 " reason=\"the ingestd before had them in memory only when it ended\"",
                 found->lost, found->maybe_lost);
    }
}

/* For the ledger, in a batch of its own: it may be of another hour than what is received now. */
static void tell_lost(const struct tally_found *found)
{
    const struct lost_message lost = {.datagrams = found->lost, .maybe_more = found->maybe_lost};
    if (found->lost > 0 || found->maybe_lost > 0) {
        int64_t now_us = daemon_now_us();
        batches_lost(self.batches, &lost, found->read_us > 0 ? found->read_us : now_us,
                     daemon_clock_us());
        commit_now();
    }
}

static int open_spool(void)
{
    struct outbox_limits limits = {.memory_bytes = (size_t)settings.window_bytes,
                                   .spool_bytes = (uint64_t)settings.spool_bytes,
                                   .retry_us = settings.retry_ms * 1000};
    char text[37];
    self.spool = spool_open(settings.spool_dir, &self.found);
    if (self.spool == NULL) {
        return -1;
    }
    self.outbox = outbox_new(self.spool, &self.found, &limits);
    if (self.outbox == NULL) {
        log_error("ingestd.memory", "error=\"out of memory\"");
        return -1;
    }
    uuid_text(self.found.instance, text);
    daemon_note("instance", "%s", text);
    log_info("spool.opened",
             "instance=%s next=%" PRIu64 " batches=%" PRIu64 " records=%" PRIu64
             " rejects=%" PRIu64,
             text, self.found.next, self.found.content.batches, self.found.content.records,
             self.found.content.rejects);
    return 0;
}

/* What there is in files beside the configuration: all of it, or -1 after it was said why. */
static int read_files(struct record_types **types, struct format_files **formats)
{
    const struct config_common *common = daemon_common();
    *types = record_types_of(common->schemas_dir, common->record_types_dir, common->formats_dir);
    *formats = format_files_of(common->schemas_dir, common->formats_dir);
    if (*types == NULL || *formats == NULL) {
        record_types_free(types);
        format_files_free(formats);
        return -1;
    }
    return 0;
}

static int on_keys(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop, (void)socket, (void)context;
    known_keys_go_on(self.keys);
    return 0;
}

/* Where signed datagrams come through, if some listener takes them. -1 after an error was logged.
 */
static int open_door(void)
{
    if (!listener_list_has_authenticated(&self.listeners)) {
        return 0;
    }
    struct signed_door *door =
        signed_door_new(replay_memory_open(daemon_own_dir(), daemon_now_us()));
    if (door == NULL) {
        log_error("ingestd.memory", "error=\"out of memory\"");
        return -1;
    }
    intake_take_door(self.intake, door);
    self.keys = known_keys_new(self.intake);
    return self.keys == NULL ? -1
                             : zloop_reader(self.loop, known_keys_socket(self.keys), on_keys, NULL);
}

int service_start(zloop_t *loop)
{
    struct batches_limits limits = batches_limits_of(&settings);
    struct tally_found found;
    self.loop = loop;
    deadline_init(&self.age, loop, on_age, NULL);
    deadline_init(&self.commit, loop, on_commit, NULL);
    deadline_init(&self.care, loop, on_care, NULL);
    deadline_init(&self.sync, loop, on_sync, NULL);
    deadline_init(&self.more, loop, on_more, NULL);
    keeper_watch_init(&self.keeper_watch, self.keeper, &self.care);
    struct record_types *types;
    struct format_files *formats;
    if (open_spool() == -1 || read_files(&types, &formats) == -1) {
        return -1;
    }
    open_tally(&found);
    self.batches = batches_new(self.outbox, &limits);
    if (self.batches != NULL) {
        self.intake = intake_new(self.batches);
    }
    if (self.intake == NULL || intake_configure(self.intake, &settings) == -1) {
        log_error("ingestd.memory", "error=\"out of memory\"");
        record_types_free(&types);
        format_files_free(&formats);
        return -1;
    }
    intake_take_types(self.intake, types);
    intake_take_formats(self.intake, formats, &self.listeners);
    if (open_door() == -1) {
        return -1;
    }
    self.push = push_new(self.outbox, self.found.instance);
    self.delivery =
        delivery_new(self.intake, self.batches, self.spool, self.outbox, &self.presence);
    if (self.push == NULL || self.delivery == NULL || signs_start(&self) == -1) {
        return -1;
    }
    tell_lost(&found);
    zmq_pollitem_t synced = {.fd = spool_synced_fd(self.spool), .events = ZMQ_POLLIN};
    if (zloop_reader(loop, push_acks_socket(self.push), on_acks, NULL) == -1 ||
        zloop_reader(loop, delivery_socket(self.delivery), on_deliveries, NULL) == -1 ||
        zloop_poller(loop, &synced, on_synced, NULL) == -1) {
        log_error("ingestd.loop", "error=\"out of memory\"");
        return -1;
    }
    if (settings.drop_dir[0] != '\0' &&
        (self.folders = folders_start(settings.drop_dir, &settings.drop_formats, settings.spool_dir,
                                      settings.drop_settle_s)) == NULL) {
        return -1;
    }
    start_reading();
    return 0;
}

int service_reload(void)
{
    struct batches_limits limits = batches_limits_of(&settings);
    batches_set_limits(self.batches, &limits);
    outbox_set_retry(self.outbox, settings.retry_ms * 1000);
    struct record_types *types;
    struct format_files *formats;
    int rc = read_files(&types, &formats);
    delivery_restart(self.delivery);
    if (rc == 0) {
        intake_take_types(self.intake, types);
        intake_take_formats(self.intake, formats, &self.listeners);
    }
    return intake_configure(self.intake, &settings) == -1 ? -1 : rc;
}

void service_tick(void)
{
    if (self.delivery == NULL) {
        return;
    }
    struct outbox_state held = outbox_state(self.outbox);
    struct spool_state spool = spool_state(self.spool);
    if (self.keys != NULL) {
        known_keys_go_on(self.keys);
    }
    service_tell(&self, &held, &spool);
    delivery_receive(self.delivery); /* signs of others, before this one's */
    go_on_soon();
    signs_tick(&self);
    if (held.batches == 0 && !spool.failing) {
        spool_shrink(self.spool);
    }
    deadline_by(&self.care, 0);
}

void service_stop(void)
{
    folders_free(&self.folders);
    signs_stop(&self);
    push_free(&self.push);
    delivery_free(&self.delivery);
    known_keys_free(&self.keys);
    intake_free(&self.intake);
    batches_free(&self.batches);
    if (self.outbox != NULL) {
        outbox_commit(self.outbox); /* the last acknowledgements */
    }
    outbox_free(&self.outbox);
    spool_close(&self.spool);
    udp_free(&self.udp);
    tally_free(&self.tally);
    keeper_free(&self.keeper);
}
