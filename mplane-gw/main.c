/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane-gw: HTTPS with mutual TLS for mPlane's clients; asks queryd and stored on their behalf.
 * Here are its options and its loop; it never touches the database.
 */
#include <event2/event.h>

#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/parts.h"

/* The only thing that is not passed: daemon.h's callbacks know no other. */
static struct {
    struct gateway gateway;
    int64_t drain_since_us;
    struct event *signal_event, *second_event, *drain_event;
} self;

static const struct counter_row counter_rows[] = {GATEWAY_COUNTERS(COUNTER_ROW, GAUGE_ROW)};

static int check(struct document *d, const struct config_common *common, const void *settings)
{
    return parts_check(&self.gateway, d, common, settings);
}

static int prepare(void)
{
    return parts_prepare(&self.gateway, daemon_common());
}

/* ---- the loop ---- */

static bool is_drained(void)
{
    return parts_drained(&self.gateway, daemon_clock_us() - self.drain_since_us);
}

static void look_around(void)
{
    if (daemon_draining() && !daemon_is_finished() && is_drained()) {
        daemon_finished(0);
    }
    if (daemon_is_finished()) {
        event_base_loopbreak(self.gateway.base);
    }
}

static void on_signal_fd(evutil_socket_t fd, short what, void *unused)
{
    (void)fd, (void)what, (void)unused;
    daemon_signals();
    look_around();
}

static void on_second(evutil_socket_t fd, short what, void *unused)
{
    (void)fd, (void)what, (void)unused;
    daemon_tick();
    look_around();
}

/* While draining: what was busy becomes idle at any moment. */
static void on_drain(evutil_socket_t fd, short what, void *unused)
{
    (void)fd, (void)what, (void)unused;
    parts_close_idle(&self.gateway);
    look_around();
}

static void on_libevent_log(int severity, const char *text)
{
    static struct log_limit said;
    if (severity == EVENT_LOG_ERR && log_allowed(&said, 5)) {
        log_error("libevent", "text=\"%s\"", text);
    } else if (severity == EVENT_LOG_WARN) {
        log_debug("libevent", "text=\"%s\"", text);
    }
}

static void on_libevent_fatal(int error)
{
    log_panic("libevent", "error=%d", error);
}

static int start_timers(void)
{
    struct timeval second = {1, 0};
    self.signal_event =
        event_new(self.gateway.base, daemon_signal_fd(), EV_READ | EV_PERSIST, on_signal_fd, NULL);
    self.second_event = event_new(self.gateway.base, -1, EV_PERSIST, on_second, NULL);
    self.drain_event = event_new(self.gateway.base, -1, EV_PERSIST, on_drain, NULL);
    return self.signal_event != NULL && self.second_event != NULL && self.drain_event != NULL &&
                   event_add(self.signal_event, NULL) == 0 &&
                   event_add(self.second_event, &second) == 0
               ? 0
               : -1;
}

static int run(void)
{
    event_set_log_callback(on_libevent_log);
    event_set_fatal_callback(on_libevent_fatal);
    self.gateway.base = event_base_new();
    if (self.gateway.base == NULL || start_timers() == -1) {
        log_error("daemon.loop", "error=\"out of memory\"");
        return -1;
    }
    if (parts_start(&self.gateway) == -1) {
        return -1;
    }
    log_info("gateway.started", "url=%s registry=%s capabilities=%zu",
             self.gateway.settings.public_url, self.gateway.registry_url,
             capabilities_count(self.gateway.capabilities));
    while (!daemon_is_finished()) {
        if (event_base_dispatch(self.gateway.base) == -1) {
            log_error("daemon.loop", "error=\"cannot poll\"");
            return -1;
        }
    }
    return 0;
}

static int reload(void)
{
    return parts_reload(&self.gateway, daemon_common());
}

static void drain(void)
{
    struct timeval soon = {0, 20000};
    self.drain_since_us = daemon_clock_us();
    parts_drain(&self.gateway);
    event_add(self.drain_event, &soon);
}

static void tick(void)
{
    parts_tick(&self.gateway);
}

static void stop(void)
{
    parts_stop(&self.gateway);
    struct event *events[] = {self.signal_event, self.second_event, self.drain_event};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    if (self.gateway.base != NULL) {
        event_base_free(self.gateway.base);
    }
    libevent_global_shutdown();
}

static const struct daemon mplane_gw = {
    .name = "mplane-gw",
    .summary = "The mPlane gateway: answers mPlane clients over HTTPS with mutual TLS.",
    .options = settings_options,
    .settings = &self.gateway.settings,
    .settings_size = sizeof self.gateway.settings,
    .counter_rows = counter_rows,
    .counters = self.gateway.counters,
    .counter_count = COUNTERS,
    .check = check,
    .prepare = prepare,
    .run = run,
    .reload = reload,
    .drain = drain,
    .tick = tick,
    .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&mplane_gw, argc, argv);
}
