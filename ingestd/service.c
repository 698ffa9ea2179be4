/*
 * The loop of ingestd. Datagrams are read as long as the window has room for what stands in them;
 * else the sockets are left alone, and the kernel drops and counts.
 */
#include "ingestd/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/batches.h"
#include "ingestd/ingestd.h"
#include "ingestd/intake.h"
#include "ingestd/push.h"
#include "ingestd/udp.h"

#define BURSTS_AT_ONCE 4   /* of one socket; then others get their turn */
#define CARE_MS        100 /* how often retries and what else is due is looked after */

static struct {
    zloop_t *loop;
    uint8_t instance[16];
    struct record_types *types;
    struct udp *udp;
    struct window *window;
    struct batches *batches;
    struct intake *intake;
    struct push *push;
    bool reading;          /* the sockets are in the loop */
    bool blocked;          /* a batch waits for a classifyd to take it */
    bool age_timer;        /* is running */
    int64_t drained_by_us; /* while draining */
} self;

/* ---- the loop's view of the sockets ---- */

static int on_datagrams(zloop_t *loop, zmq_pollitem_t *item, void *context);
static int on_writable(zloop_t *loop, zmq_pollitem_t *item, void *context);
static int on_age(zloop_t *loop, int timer, void *context);

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
    daemon_note("intake", "%s", why);
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

static void push_batches(void)
{
    set_blocked(push_send(self.push, daemon_clock_us()) == 1);
}

/* A timer for the batch that is open; when it closed by count meanwhile, for the next one. */
static void watch_age(int64_t due_in_us)
{
    if (due_in_us >= 0 && !self.age_timer) {
        size_t ms = (size_t)(due_in_us + 999) / 1000;
        self.age_timer = zloop_timer(self.loop, ms > 0 ? ms : 1, 1, on_age, NULL) != -1;
    }
}

/* What the kernel dropped goes with a batch, too. */
static void tell_drops(void)
{
    batches_dropped(self.batches, udp_drops(self.udp), daemon_now_us(), daemon_clock_us());
}

static void close_old_batches(void)
{
    watch_age(batches_close_old(self.batches, daemon_clock_us()));
    push_batches();
}

static int on_age(zloop_t *loop, int timer, void *context)
{
    (void)loop, (void)timer, (void)context;
    self.age_timer = false;
    close_old_batches();
    return 0;
}

static int on_writable(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item, (void)context;
    push_batches();
    return 0;
}

/* ---- datagrams ---- */

/* Takes what stands in the ring. False: the window became full; the rest of the ring waits. */
static bool take_ring(void)
{
    struct udp_datagram d;
    int64_t now_us = daemon_clock_us();
    for (;;) {
        if (window_is_full(self.window)) {
            return false;
        }
        if (!udp_next(self.udp, &d)) {
            return true;
        }
        intake_datagram(self.intake, &d, now_us);
    }
}

static void note_full_window(void)
{
    static struct log_limit said;
    counters[COUNT_WINDOW_FULL]++;
    if (log_allowed(&said, 1)) {
        log_warn("window.full", "bytes=%" PRIu64 " effect=\"the kernel drops what comes\"",
                 window_state(self.window).bytes);
    }
    /* What is open would otherwise wait with the rest. */
    batches_close_all(self.batches);
    stop_reading("window full");
}

static int on_datagrams(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item;
    size_t i = (size_t)(uintptr_t)context;
    for (int burst = 0; burst < BURSTS_AT_ONCE && self.reading; burst++) {
        int n = udp_receive(self.udp, i);
        if (!take_ring()) {
            note_full_window();
        }
        if (n < UDP_BURST) {
            break;
        }
    }
    close_old_batches();
    return 0;
}

/* ---- draining ---- */

static bool all_read(void)
{
    for (size_t i = 0; i < udp_count(self.udp); i++) {
        if (udp_fd(self.udp, i) != -1) {
            return false;
        }
    }
    return true;
}

static void finish_when_drained(void)
{
    if (all_read() && window_state(self.window).batches == 0) {
        log_info("drain.done", "unacknowledged_batches=0");
        daemon_finished(0);
    } else if (daemon_clock_us() >= self.drained_by_us) {
        batches_close_all(self.batches); /* so that what is open is counted, too */
        struct window_state held = window_state(self.window);
        log_error("drain.unacknowledged",
                  "batches=%" PRIu64 " records=%" PRIu64 " rejects=%" PRIu64
                  " unread_datagrams=%d unread_buffer_bytes=%" PRIu64,
                  held.batches, held.records, held.rejects, udp_waiting(self.udp),
                  udp_unread_bytes(self.udp));
        daemon_finished(1);
    }
}

/* Reads what stood in the sockets' buffers at SIGTERM, as far as the window has room. */
static void drain_sockets(void)
{
    for (size_t i = 0; i < udp_count(self.udp); i++) {
        while (udp_fd(self.udp, i) != -1) {
            if (!take_ring()) {
                return;
            }
            if (udp_receive(self.udp, i) <= 0) {
                udp_close(self.udp, i);
            }
        }
    }
    take_ring();
    batches_close_all(self.batches);
}

/* After acknowledgements: what waited for room goes on. */
static void go_on(void)
{
    if (daemon_draining()) {
        if (window_has_room(self.window)) {
            drain_sockets();
        }
        push_batches();
        finish_when_drained();
        return;
    }
    if (!self.reading && window_has_room(self.window)) {
        if (take_ring()) {
            start_reading();
        }
        close_old_batches();
    }
}

void service_drain(void)
{
    self.drained_by_us = daemon_clock_us() + settings.drain_ms * 1000;
    stop_reading("draining");
    udp_refuse_new(self.udp);
    tell_drops();
    go_on();
}

/* ---- the rest of the loop ---- */

static int on_acks(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop, (void)socket, (void)context;
    push_receive_acks(self.push);
    go_on();
    return 0;
}

static int on_care(zloop_t *loop, int timer, void *context)
{
    (void)loop, (void)timer, (void)context;
    tell_drops();
    close_old_batches();
    go_on();
    return 0;
}

/* ---- starting, reloading, telling, stopping ---- */

static struct batches_limits batches_limits_of(const struct settings *s)
{
    return (struct batches_limits){.records = (uint32_t)s->batch_records,
                                   .age_us = s->batch_age_ms * 1000,
                                   .rejects_per_second = (uint64_t)s->rejects_per_second};
}

int service_prepare(void)
{
    char note[160] = "";
    size_t used = 0;
    self.udp = udp_new();
    if (self.udp == NULL) {
        log_error("udp.memory", "error=\"out of memory\"");
        return -1;
    }
    for (size_t i = 0; i < settings.listen.count; i++) {
        int64_t effective = 0;
        int rc = udp_listen(self.udp, settings.listen.item[i], settings.receive_buffer_bytes,
                            &effective);
        if (rc == -1) {
            return -1;
        }
        if (rc == 0 && used < sizeof note) {
            int n = snprintf(note + used, sizeof note - used, "%s%s %" PRId64 " bytes",
                             used > 0 ? ", " : "", settings.listen.item[i], effective);
            used += n > 0 ? (size_t)n : 0;
        }
    }
    if (udp_count(self.udp) == 0) {
        log_error("udp.listen", "error=\"none of the listeners could be opened\"");
        return -1;
    }
    daemon_note("receive_buffers", "%s", note);
    return 0;
}

/* A new instance at each start: the window does not survive it. */
static int make_instance(void)
{
    if (getrandom(self.instance, sizeof self.instance, 0) != sizeof self.instance) {
        log_errno("instance.random", "bytes=%zu", sizeof self.instance);
        return -1;
    }
    self.instance[6] = (uint8_t)((self.instance[6] & 0x0f) | 0x40);
    self.instance[8] = (uint8_t)((self.instance[8] & 0x3f) | 0x80);
    char text[37];
    size_t used = 0;
    for (size_t i = 0; i < 16; i++) {
        snprintf(text + used, sizeof text - used, "%s%02x",
                 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", self.instance[i]);
        used = strlen(text);
    }
    daemon_note("instance", "%s", text);
    log_info("ingestd.instance", "uuid=%s", text);
    return 0;
}

int service_start(zloop_t *loop)
{
    struct batches_limits limits = batches_limits_of(&settings);
    char file[4096];
    self.loop = loop;
    snprintf(file, sizeof file, "%s/record-types.json", daemon_common()->schemas_dir);
    self.types = record_types_read(file);
    if (self.types == NULL || make_instance() == -1) {
        return -1;
    }
    self.window = window_new((size_t)settings.window_bytes, settings.retry_ms * 1000);
    if (self.window != NULL) {
        self.batches = batches_new(self.window, &limits);
    }
    if (self.batches != NULL) {
        self.intake = intake_new(self.types, self.batches);
    }
    if (self.intake == NULL || intake_configure(self.intake, &settings) == -1) {
        log_error("ingestd.memory", "error=\"out of memory\"");
        return -1;
    }
    self.push = push_new(self.window, self.instance);
    if (self.push == NULL) {
        return -1;
    }
    if (zloop_reader(loop, push_acks_socket(self.push), on_acks, NULL) == -1 ||
        zloop_timer(loop, CARE_MS, 0, on_care, NULL) == -1) {
        log_error("ingestd.loop", "error=\"out of memory\"");
        return -1;
    }
    start_reading();
    return 0;
}

int service_reload(void)
{
    struct batches_limits limits = batches_limits_of(&settings);
    batches_set_limits(self.batches, &limits);
    window_set_retry(self.window, settings.retry_ms * 1000);
    return intake_configure(self.intake, &settings);
}

void service_tick(void)
{
    if (self.push == NULL) {
        return;
    }
    struct window_state held = window_state(self.window);
    struct batches_counts made = batches_counts(self.batches);
    struct push_counts pushed = push_counts(self.push);
    int64_t lag_us = held.batches == 0 ? 0 : daemon_now_us() - held.oldest_received_us;
    counters[COUNT_KERNEL_DROPS] = udp_drops(self.udp);
    counters[COUNT_BATCHES_CLOSED] = made.closed;
    counters[COUNT_BATCHES_LOST] = made.lost;
    counters[COUNT_RECORDS_LOST] = made.records_lost;
    counters[COUNT_BATCHES_PUSHED] = pushed.pushed;
    counters[COUNT_BATCHES_REPUSHED] = pushed.repushed;
    counters[COUNT_BATCHES_ACKNOWLEDGED] = pushed.acknowledged;
    counters[COUNT_RECORDS_ACKNOWLEDGED] = pushed.records_acknowledged;
    counters[COUNT_ACKS_REFUSED] = pushed.acks_refused;
    counters[COUNT_WINDOW_BATCHES] = held.batches;
    counters[COUNT_WINDOW_BYTES] = held.bytes;
    counters[COUNT_LAG_MS] = lag_us > 0 ? (uint64_t)lag_us / 1000 : 0;
}

void service_stop(void)
{
    push_free(&self.push);
    intake_free(&self.intake);
    batches_free(&self.batches);
    window_free(&self.window);
    udp_free(&self.udp);
    record_types_free(&self.types);
}
