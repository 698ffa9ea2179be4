/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane-gw: HTTPS with mutual TLS for mPlane's clients; asks queryd and stored on their behalf.
 * Here are its options and its loop; it never touches the database.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/told.h"
#include "mplane-gw/ask.h"
#include "mplane-gw/audit.h"
#include "mplane-gw/collect.h"
#include "mplane-gw/delegate.h"
#include "mplane-gw/desk.h"
#include "mplane-gw/exchange.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/registry_listener.h"
#include "mplane-gw/repeats.h"
#include "mplane-gw/routes.h"
#include "mplane-gw/settings.h"
#include "mplane-gw/supervisors.h"

/* Draining takes at most this long; what still waits then gets no answer. */
#define DRAIN_US 10000000

struct gateway gateway;

static int64_t drain_since_us;
static struct event *signal_event, *second_event, *drain_event;

static const struct counter_row counter_rows[] = {GATEWAY_COUNTERS(COUNTER_ROW, GAUGE_ROW)};

/*
 * Puts other rules into force. Those that were go to the front of the former ones, unless they are
 * the same; the oldest is forgotten.
 */
static void use_access(struct access *a)
{
    if (access_equal(gateway.access, a)) {
        access_free(&gateway.access);
    } else {
        access_free(&gateway.former[FORMER_ACCESS - 1]);
        memmove(&gateway.former[1], &gateway.former[0],
                (FORMER_ACCESS - 1) * sizeof gateway.former[0]);
        gateway.former[0] = gateway.access;
    }
    gateway.access = a;
}

bool gateway_could_use(struct slice identity, struct slice label)
{
    for (size_t i = 0; i < FORMER_ACCESS && gateway.former[i] != NULL; i++) {
        if (access_allows(gateway.former[i], identity, label)) {
            return true;
        }
    }
    return false;
}

/* Who may do what, out of the settings; NULL after a fault was told. */
static struct access *load_access(void)
{
    struct access *a = access_read(&(struct document){0}, gateway.settings.access);
    if (a != NULL && access_rules(a) == 0) {
        log_warn("access.empty", "effect=\"nobody may use any capability\"");
    }
    return a;
}

/* What is collected: over HTTPS, and where probes can be told a URL, by UDP. -1: it was told why.
 */
static int offer_collects(const struct config_common *common, const struct gateway_settings *s,
                          const struct registry *r, struct capabilities *c)
{
    char url[1024], error[512] = "";
    const char *urls[] = {url, s->udp_url[0] == '\0' ? NULL : s->udp_url, NULL};
    struct record_types *types = record_types_of(common->schemas_dir, common->record_types_dir);
    int rc = types == NULL || settings_collect_url(s, "", url, sizeof url) == -1
                 ? -1
                 : capabilities_collect(c, types, urls, r, error, sizeof error);
    if (error[0] != '\0') {
        told_fault("%s", error);
    }
    record_types_free(&types);
    return rc;
}

/* What is offered, and the registry it is told by; the caller owns both. -1: it was told why. */
static int offer(const struct config_common *common, const struct gateway_settings *s, bool publish,
                 struct registry **r, char url[REGISTRY_URL_BYTES], struct capabilities **c)
{
    char error[512] = "";
    if (settings_registry_url(s, url, REGISTRY_URL_BYTES) == -1 ||
        registry_load(common->schemas_dir, url, publish, r) == -1) {
        return -1;
    }
    *c = capabilities_new(url, s->public_url, s->label_prefix, *r, error, sizeof error);
    if (*c == NULL) {
        log_error("capabilities.build", "error=\"%s\"", error);
        return -1;
    }
    return offer_collects(common, s, *r, *c);
}

static int check_offer(const struct config_common *common, const struct gateway_settings *s)
{
    char url[REGISTRY_URL_BYTES];
    struct registry *r = NULL;
    struct capabilities *c = NULL;
    int rc = offer(common, s, false, &r, url, &c);
    capabilities_free(&c);
    registry_free(&r);
    return rc;
}

/* A reload with files that are at fault is refused whole, options included. */
static int check_running(const struct gateway_settings *s)
{
    SSL_CTX *made = routes_context(s);
    SSL_CTX_free(made);
    return supervisors_check(s) == -1 || made == NULL ? -1 : 0;
}

static int check(struct document *d, const struct config_common *common, const void *settings)
{
    const struct gateway_settings *s = settings;
    int rc = settings_check(d, s, gateway.base == NULL);
    if (d->faults > 0) {
        /* What is offered rests on options that are at fault; record types do not. */
        struct record_types *types = record_types_of(common->schemas_dir, common->record_types_dir);
        record_types_free(&types);
        return -1;
    }
    if (check_offer(common, s) == -1) {
        return -1;
    }
    return gateway.base == NULL ? rc : check_running(s);
}

static int prepare(void)
{
    gateway.access = load_access();
    return gateway.access != NULL &&
                   offer(daemon_common(), &gateway.settings, true, &gateway.registry,
                         gateway.registry_url, &gateway.capabilities) == 0 &&
                   routes_prepare() == 0 && registry_prepare() == 0 && supervisors_prepare() == 0
               ? 0
               : -1;
}

/* ---- the loop ---- */

/* Answers are waited for until they have left; who is only connected gets a tenth of the time. */
static bool is_drained(void)
{
    const struct connections *c = server_connections(gateway.server);
    int64_t waited_us = daemon_clock_us() - drain_since_us;
    bool answered = exchanges_open() == 0 && collect_open() == 0 && connections_sending(c) == 0 &&
                    supervisors_drained();
    return waited_us > DRAIN_US ||
           (answered && (connections_open(c) == 0 || waited_us > DRAIN_US / 10));
}

static void look_around(void)
{
    if (daemon_draining() && !daemon_is_finished() && is_drained()) {
        daemon_finished(0);
    }
    if (daemon_is_finished()) {
        event_base_loopbreak(gateway.base);
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
    connections_close_idle(server_connections(gateway.server));
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
    signal_event =
        event_new(gateway.base, daemon_signal_fd(), EV_READ | EV_PERSIST, on_signal_fd, NULL);
    second_event = event_new(gateway.base, -1, EV_PERSIST, on_second, NULL);
    drain_event = event_new(gateway.base, -1, EV_PERSIST, on_drain, NULL);
    return signal_event != NULL && second_event != NULL && drain_event != NULL &&
                   event_add(signal_event, NULL) == 0 && event_add(second_event, &second) == 0
               ? 0
               : -1;
}

static int run(void)
{
    event_set_log_callback(on_libevent_log);
    event_set_fatal_callback(on_libevent_fatal);
    gateway.base = event_base_new();
    if (gateway.base == NULL || start_timers() == -1) {
        log_error("daemon.loop", "error=\"out of memory\"");
        return -1;
    }
    if (ask_start() == -1 || exchanges_start() == -1 || delegate_start() == -1 ||
        collect_start() == -1 || repeats_start(desk_restore) == -1 || routes_start() == -1 ||
        registry_start() == -1 || supervisors_start() == -1) {
        return -1;
    }
    log_info("gateway.started", "url=%s registry=%s capabilities=%zu", gateway.settings.public_url,
             gateway.registry_url, capabilities_count(gateway.capabilities));
    while (!daemon_is_finished()) {
        if (event_base_dispatch(gateway.base) == -1) {
            log_error("daemon.loop", "error=\"cannot poll\"");
            return -1;
        }
    }
    return 0;
}

/*
 * Certificates and rules change together or not at all: new rules that were written for new
 * certificates would let in whom the old ones name.
 */
static int reload(void)
{
    struct access *a = load_access();
    SSL_CTX *files = a == NULL ? NULL : routes_context(&gateway.settings);
    ask_set_limits();
    if (files == NULL || offer_collects(daemon_common(), &gateway.settings, gateway.registry,
                                        gateway.capabilities) == -1) {
        access_free(&a);
        SSL_CTX_free(files);
        return -1;
    }
    use_access(a);
    connections_use(server_connections(gateway.server), files);
    return supervisors_reload();
}

static void drain(void)
{
    struct timeval soon = {0, 20000};
    drain_since_us = daemon_clock_us();
    server_drain(gateway.server);
    supervisors_drain();
    event_add(drain_event, &soon);
}

static void tick(void)
{
    routes_tick();
    registry_tick();
    ask_tick();
    repeats_tick();
    audit_tick();
    collect_tick();
    supervisors_tick();
    delegate_tick();
}

static void stop(void)
{
    collect_stop();
    delegate_stop();
    server_free(&gateway.server);
    registry_stop();
    supervisors_stop();
    exchanges_stop();
    repeats_stop();
    ask_stop();
    capabilities_free(&gateway.capabilities);
    registry_free(&gateway.registry);
    access_free(&gateway.access);
    for (size_t i = 0; i < FORMER_ACCESS; i++) {
        access_free(&gateway.former[i]);
    }
    struct event *events[] = {signal_event, second_event, drain_event};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    if (gateway.base != NULL) {
        event_base_free(gateway.base);
    }
    libevent_global_shutdown();
}

static const struct daemon mplane_gw = {
    .name = "mplane-gw",
    .summary = "The mPlane gateway: answers mPlane clients over HTTPS with mutual TLS.",
    .options = settings_options,
    .settings = &gateway.settings,
    .settings_size = sizeof gateway.settings,
    .counter_rows = counter_rows,
    .counters = gateway.counters,
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
