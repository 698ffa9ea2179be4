/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets and what flows through them. Three rules: a batch is graded by exactly one version; a
 * batch that cannot go on is kept while nothing more is taken; what a peer sent never ends the
 * process.
 */
#include "classifyd/relay.h"

#include <inttypes.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/grade_edition.h"
#include "common/log.h"

/* Batches taken in one go before the loop looks at the other sockets. */
#define BATCHES_AT_ONCE 16

/* Header, records or rejects, accounts. */
#define BATCH_FRAMES 3

/* How long another version may be announced before it is asked for. */
#define VERSION_PATIENCE_US 500000

#define LINES_IN_TEN_SECONDS 5

const struct counter_family relay_counter_families[] = {
    {"grades.", "grade", "grades given, over all names; 0 is ungraded"}, {NULL, NULL, NULL}};
const struct counter_row relay_counter_rows[] = {RELAY_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
uint64_t relay_counters[RELAY_COUNTER_COUNT];

/* One published version, compiled. It is its number and its digest: a store that was put back gives
 * a number again. */
struct edition {
    uint64_t version;              /* 0: none */
    uint64_t digest;               /* 0: not told, by a stored of the release before */
    struct grade_edition compiled; /* without record types of its own: by those of our files */
};

/* The batch on its way out: its frames as they came, but for the header, and the grades. */
struct outgoing {
    bool waiting; /* stored takes nothing at the moment */
    bool graded;
    struct bus_message received;
    struct pack header;
    struct pack grades;
};

static struct {
    const struct relay_settings *settings;
    zloop_t *loop;
    zsock_t *batches; /* NULL until there is a grading */
    zsock_t *graded;
    zsock_t *announce;
    struct record_types *types;
    struct edition edition;
    int64_t other_since_us; /* when another version than ours was announced first; 0: it is ours */
    struct grade_scratch scratch;
    struct arena *header_arena;
    struct outgoing out;
    bool draining;
} self;

static int on_batches(zloop_t *loop, zsock_t *reader, void *context);

/* ---- out ---- */

static zmq_pollitem_t writable_item(void)
{
    return (zmq_pollitem_t){.socket = zsock_resolve(self.graded), .events = ZMQ_POLLOUT};
}

/* 0; 1 when it would block; -1 on another error. What came is moved on, not copied. */
static int send_frames(struct outgoing *o)
{
    void *socket = zsock_resolve(self.graded);
    struct slice header = pack_bytes(&o->header);
    int more = o->graded ? ZMQ_SNDMORE : 0;
    if (zmq_send(socket, header.at, header.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) == -1) {
        return errno == EAGAIN || errno == EINTR ? 1 : -1;
    }
    /* ZeroMQ takes a message whole: what follows the first frame is not refused for lack of room.
     */
    if (zmq_msg_send(&o->received.parts[1], socket, ZMQ_DONTWAIT | ZMQ_SNDMORE) == -1 ||
        zmq_msg_send(&o->received.parts[2], socket, ZMQ_DONTWAIT | more) == -1) {
        return -1;
    }
    struct slice grades = pack_bytes(&o->grades);
    if (o->graded && zmq_send(socket, grades.at, grades.len, ZMQ_DONTWAIT) == -1) {
        return -1;
    }
    return 0;
}

/* 0 when the batch is gone, 1 when it waits. */
static int send_out(void)
{
    static struct log_limit said;
    int rc = send_frames(&self.out);
    if (rc == 1) {
        return 1;
    }
    if (rc == -1) {
        relay_counters[COUNT_FAILED_BATCHES]++;
        if (log_allowed(&said, LINES_IN_TEN_SECONDS)) {
            log_errno("batch.not_sent", "effect=\"ingestd pushes it again\"");
        }
    } else {
        relay_counters[COUNT_FORWARDED_BATCHES]++;
    }
    bus_release(&self.out.received);
    return 0;
}

/* stored takes batches again. */
static int on_graded_writable(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)item, (void)context;
    if (send_out() == 1) {
        return 0;
    }
    self.out.waiting = false;
    zmq_pollitem_t writable = writable_item();
    zloop_poller_end(loop, &writable);
    if (daemon_draining()) {
        relay_drain();
    } else if (zloop_reader(loop, self.batches, on_batches, NULL) == -1) {
        log_error("classifyd.loop", "error=\"out of memory\"");
        daemon_finished(1);
    }
    return 0;
}

/* Keeps the batch at hand and takes no other until it is gone. */
static void hold_up(void)
{
    relay_counters[COUNT_HELD_UP]++;
    self.out.waiting = true;
    zloop_reader_end(self.loop, self.batches);
    zmq_pollitem_t writable = writable_item();
    if (zloop_poller(self.loop, &writable, on_graded_writable, NULL) == -1) {
        log_error("classifyd.loop", "error=\"out of memory\"");
        daemon_finished(1);
    }
}

/* ---- in ---- */

static void refuse_batch(const char *why)
{
    static struct log_limit said;
    relay_counters[COUNT_MALFORMED_BATCHES]++;
    if (log_allowed(&said, LINES_IN_TEN_SECONDS)) {
        log_warn("batch.malformed", "reason=\"%s\"", why);
    }
}

static void fail_batch(void)
{
    static struct log_limit said;
    relay_counters[COUNT_FAILED_BATCHES]++;
    if (log_allowed(&said, LINES_IN_TEN_SECONDS)) {
        log_error("batch.failed", "reason=\"out of memory\" effect=\"ingestd pushes it again\"");
    }
}

/* Appends the grades and writes the version into the header. -1: said why. */
static int grade_out(struct batch_header_message *header)
{
    struct outgoing *o = &self.out;
    struct grade_counts counts = {0};
    int rc = grade_batch(self.edition.compiled.rules, self.edition.version, self.edition.digest,
                         o->received.frames[1], header->count, &self.scratch, &o->grades, &counts);
    if (rc == -1) {
        refuse_batch("the records frame is not as the header says");
        return -1;
    }
    header->grading_version = self.edition.version;
    batch_header_encode(&o->header, header);
    if (rc == 1 || !pack_ok(&o->header)) {
        fail_batch();
        return -1;
    }
    relay_counters[COUNT_GRADED_RECORDS] += header->count;
    for (int i = 0; i < 6; i++) {
        relay_counters[COUNT_GRADES_0 + i] += counts.grade[i];
    }
    relay_counters[COUNT_IMPOSSIBLE_VALUES] += counts.impossible;
    return 0;
}

/* Makes the outgoing batch out of the received one. -1: said why. */
static int prepare_out(void)
{
    struct outgoing *o = &self.out;
    struct batch_header_message header;
    pack_reset(&o->header);
    pack_reset(&o->grades);
    arena_reset(self.header_arena);
    if (o->received.count != BATCH_FRAMES) {
        refuse_batch("expected three frames");
        return -1;
    }
    if (batch_header_decode_all(o->received.frames[0], self.header_arena, &header) == -1) {
        refuse_batch("the header is not well formed");
        return -1;
    }
    o->graded = header.kind == BATCH_RECORDS;
    if (o->graded) {
        relay_counters[COUNT_RECEIVED_RECORDS] += header.count;
        return grade_out(&header);
    }
    pack_raw(&o->header, o->received.frames[0]); /* refused input goes on as it is */
    if (!pack_ok(&o->header)) {
        fail_batch();
        return -1;
    }
    return 0;
}

/* Receives, grades and sends one batch: 0; 1 when there is none; 2 when it waits. */
static int relay_one(void)
{
    int rc = bus_receive(self.batches, &self.out.received);
    if (rc == 1) {
        return 1;
    }
    relay_counters[COUNT_RECEIVED_BATCHES]++;
    if (rc == -1) {
        refuse_batch("expected three frames");
        return 0;
    }
    if (prepare_out() == -1) {
        bus_release(&self.out.received);
        return 0;
    }
    if (send_out() == 1) {
        hold_up();
        return 2;
    }
    return 0;
}

static int on_batches(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)reader, (void)context;
    for (int i = 0; i < BATCHES_AT_ONCE && relay_one() == 0; i++) {
    }
    return 0;
}

/* Only now that they can be graded. */
static int take_batches(void)
{
    self.batches = bus_connect(ZMQ_PULL, ENDPOINT_BATCHES, (int)self.settings->high_water);
    if (self.batches == NULL || zloop_reader(self.loop, self.batches, on_batches, NULL) == -1) {
        log_error("classifyd.batches", "error=\"cannot take batches\"");
        return -1;
    }
    return 0;
}

/* ---- gradings ---- */

/* -1: said why; then the edition holds nothing. */
static int edition_read(struct edition *e, const struct grading_message *m)
{
    char why[300];
    *e = (struct edition){.version = m->version, .digest = m->digest};
    if (grade_edition_read(&e->compiled, m->document, m->types, self.types, why, sizeof why) == 0) {
        return 0;
    }
    log_error("grading.refused", "version=%" PRIu64 " error=\"%s\"", m->version, why);
    *e = (struct edition){0};
    return -1;
}

static void adopt(const struct grading_message *m)
{
    struct edition next;
    if (m->version == self.edition.version && m->digest == self.edition.digest) {
        return; /* told because somebody else asked */
    }
    if (edition_read(&next, m) == -1) {
        relay_counters[COUNT_REFUSED_GRADINGS]++;
        return;
    }
    log_info("grading.adopted", "version=%" PRIu64 " before=%" PRIu64 " blocks=%" PRIu32,
             next.version, self.edition.version, next.compiled.grading->block_count);
    grade_edition_release(&self.edition.compiled);
    self.edition = next;
    self.other_since_us = 0;
    if (self.batches == NULL && !daemon_draining() && take_batches() == -1) {
        daemon_finished(1);
    }
}

/* A grading may have been published while we were not connected. Each new subscription is answered.
 */
static void compare_version(const struct version_message *announced)
{
    if (announced->version == self.edition.version &&
        (announced->digest == 0 || announced->digest == self.edition.digest)) {
        self.other_since_us = 0;
        return;
    }
    int64_t now = daemon_clock_us();
    if (self.other_since_us == 0) {
        self.other_since_us = now;
    } else if (now - self.other_since_us >= VERSION_PATIENCE_US) {
        self.other_since_us = now;
        relay_counters[COUNT_RESUBSCRIPTIONS]++;
        zsock_set_unsubscribe(self.announce, TOPIC_GRADING);
        zsock_set_subscribe(self.announce, TOPIC_GRADING);
    }
}

static void refuse_announcement(void)
{
    static struct log_limit said;
    relay_counters[COUNT_MALFORMED_ANNOUNCEMENTS]++;
    if (log_allowed(&said, LINES_IN_TEN_SECONDS)) {
        log_warn("announcement.malformed", "expected=\"a topic and its message\"");
    }
}

static void take_announcement(const struct bus_message *m)
{
    struct grading_message grading;
    struct version_message version;
    arena_reset(self.header_arena);
    if (m->count == 2 && slice_is(m->frames[0], TOPIC_GRADING) &&
        grading_decode_all(m->frames[1], self.header_arena, &grading) == 0 && grading.version > 0) {
        adopt(&grading);
    } else if (m->count == 2 && slice_is(m->frames[0], TOPIC_VERSION) &&
               version_decode_all(m->frames[1], self.header_arena, &version) == 0) {
        compare_version(&version);
    } else {
        refuse_announcement();
    }
}

static int on_announce(zloop_t *loop, zsock_t *reader, void *context)
{
    (void)loop, (void)context;
    struct bus_message m;
    int rc;
    while ((rc = bus_receive(reader, &m)) != 1) {
        if (rc == -1) {
            refuse_announcement();
            break;
        }
        take_announcement(&m);
        bus_release(&m);
    }
    return 0;
}

/* ---- the daemon's callbacks ---- */

/* The grading in force goes on with those it was read with; mostly they came with it. */
int relay_reload(void)
{
    struct record_types *types = record_types_configured(daemon_common());
    if (types == NULL) {
        return -1;
    }
    if (self.edition.compiled.rules != NULL && self.edition.compiled.types == NULL) {
        self.edition.compiled.types = self.types;
    } else {
        record_types_free(&self.types);
    }
    self.types = types;
    return 0;
}

int relay_start(zloop_t *loop, const struct relay_settings *settings)
{
    self.loop = loop;
    self.settings = settings;
    pack_init(&self.out.header);
    pack_init(&self.out.grades);
    self.header_arena = arena_new(1 << 16);
    if (self.header_arena == NULL || grade_scratch_init(&self.scratch) == -1) {
        log_error("classifyd.start", "error=\"out of memory\"");
        return -1;
    }
    self.types = record_types_configured(daemon_common());
    if (self.types == NULL) {
        log_error("classifyd.start", "error=\"no record types\" file=%s/record-types.json",
                  daemon_common()->schemas_dir);
        return -1;
    }
    int high_water = (int)settings->high_water;
    self.graded = bus_connect(ZMQ_PUSH, ENDPOINT_GRADED, high_water);
    self.announce = bus_connect(ZMQ_SUB, ENDPOINT_ANNOUNCE, 100);
    if (self.graded == NULL || self.announce == NULL) {
        return -1;
    }
    zsock_set_subscribe(self.announce, TOPIC_VERSION);
    zsock_set_subscribe(self.announce, TOPIC_GRADING);
    if (zloop_reader(loop, self.announce, on_announce, NULL) == -1) {
        log_error("classifyd.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

static int on_drain_end(zloop_t *loop, int timer, void *context)
{
    (void)loop, (void)timer, (void)context;
    if (!daemon_is_finished()) {
        log_warn("batch.left", "reason=\"stored takes none\" effect=\"ingestd pushes it again\"");
        daemon_finished(0);
    }
    return 0;
}

/*
 * What has arrived already is graded and sent. What is still in the kernel's buffers when the
 * socket is closed was never acknowledged: ingestd pushes it again, to another classifyd.
 */
void relay_drain(void)
{
    if (!self.draining) {
        self.draining = true;
        int64_t patience = self.settings->drain_ms;
        zsock_set_linger(self.graded, (int)patience);
        if (self.batches != NULL && !self.out.waiting) {
            zloop_reader_end(self.loop, self.batches);
        }
        if (zloop_timer(self.loop, (size_t)patience, 1, on_drain_end, NULL) == -1) {
            daemon_finished(0);
        }
    }
    int64_t most = 2 * self.settings->high_water + 1;
    int rc = self.out.waiting ? 2 : 0;
    while (rc == 0 && self.batches != NULL && most-- > 0) {
        rc = relay_one();
    }
    if (rc != 2) {
        zsock_destroy(&self.batches);
        daemon_finished(0);
    }
}

void relay_tick(void)
{
    relay_counters[COUNT_GRADING_VERSION] = self.edition.version;
    if (self.edition.version == 0) {
        daemon_trouble("grading", daemon_is_settled(), "none yet: no batches are taken");
    } else {
        daemon_note("grading", "version %" PRIu64 ", %" PRIu32 " blocks", self.edition.version,
                    self.edition.compiled.grading->block_count);
    }
    daemon_note("stored", "%s", self.out.waiting ? "takes no batches" : "takes batches");
}

void relay_stop(void)
{
    zsock_destroy(&self.batches);
    zsock_destroy(&self.announce);
    zsock_destroy(&self.graded);
    bus_release(&self.out.received);
    pack_release(&self.out.header);
    pack_release(&self.out.grades);
    grade_edition_release(&self.edition.compiled);
    record_types_free(&self.types);
    grade_scratch_release(&self.scratch);
    arena_free(&self.header_arena);
}
