/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingestd from its start to its end: what it owns is made, looked after, read anew, told, released.
 * When datagrams and bodies are read is in service_read.c, what becomes of batches in
 * service_commit.c, the end in service_drain.c.
 */
#include "ingestd/service.h"

#include <inttypes.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/uuid_text.h"
#include "ingestd/ingestd.h"
#include "ingestd/service_parts.h"
#include "ingestd/udp/listeners.h"

/* A smaller receive buffer could overflow between two readings. */
#define READ_BUFFER_BYTES 1048576

static struct service self;

/* ---- what the loop calls ---- */

/* After acknowledgements and commits: what waited for room goes on. */
static void go_on(void)
{
    if (daemon_draining()) {
        service_go_on_draining(&self);
        return;
    }
    service_read_on(&self);
    service_close_old(&self);
}

static void on_commit(void *context)
{
    (void)context;
    go_on();
}

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
        service_stop_reading(&self, COPIED);
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
        service_stop_reading(&self, "reading"); /* and with the new ones */
        service_start_reading(&self);
    }
    keeper_watch_follow(&self.keeper_watch);
}

static void on_care(void *context)
{
    (void)context;
    int64_t now_us = daemon_clock_us();
    service_tell_drops(&self);
    look_after_spool();
    delivery_stored(self.delivery, now_us);
    if (!daemon_draining()) {
        care_for_sockets();
    }
    /* Also when nothing is new: what is acknowledged goes out of the spool. */
    if (!self.spool_failed || daemon_clock_us() - self.committed_us >= COMMIT_RETRY_US) {
        service_commit(&self);
    }
    go_on();
    if (service_has_work(&self) || keeper_watch_awaits(&self.keeper_watch, now_us)) {
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
        service_commit(&self);
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
    *types = record_types_configured(common);
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
    deadline_init(&self.age, loop, service_on_age, &self);
    deadline_init(&self.commit, loop, on_commit, NULL);
    deadline_init(&self.care, loop, on_care, NULL);
    deadline_init(&self.sync, loop, on_sync, NULL);
    deadline_init(&self.more, loop, service_on_more, &self);
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
        zloop_reader(loop, delivery_socket(self.delivery), service_on_deliveries, &self) == -1 ||
        zloop_poller(loop, &synced, on_synced, NULL) == -1) {
        log_error("ingestd.loop", "error=\"out of memory\"");
        return -1;
    }
    if (settings.drop_dir[0] != '\0' &&
        (self.folders = folders_start(settings.drop_dir, &settings.drop_formats, settings.spool_dir,
                                      settings.drop_settle_s)) == NULL) {
        return -1;
    }
    service_start_reading(&self);
    return 0;
}

void service_drain(void)
{
    service_begin_draining(&self);
    go_on();
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
    service_go_on_soon(&self);
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
