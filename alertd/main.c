/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alertd: tells people what is bad or silent, by Alertmanager, webhooks, syslog. Asks queryd what
 * that is, tells it, and has stored keep what was told.
 */
#include <inttypes.h>
#include <utlist.h>

#include "alertd/alert_keeper.h"
#include "alertd/alert_trial.h"
#include "alertd/alertd.h"
#include "alertd/looks.h"
#include "alertd/receivers.h"
#include "common/daemon.h"
#include "common/door/event_loop.h"
#include "common/log.h"

#define STORED_WAIT_US INT64_C(5000000) /* then what was told before is asked for all the same */
#define DRAIN_US       INT64_C(3000000)
#define WATCHDOG       "EzrepoAlertdWatchdog"

static const struct counter_row counter_rows[] = {ALERT_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
uint64_t counters[COUNTERS];

#define OPTION(member, type, preset, min, max, reloadable, help)                                   \
    {#member, type, offsetof(struct alertd_settings, member), preset, min, max, reloadable, help},
#define RECEIVER_OPTION(member, type, preset, help)                                                \
    {#member, type, offsetof(struct alertd_settings, to.member), preset, 0, 0, false, help},

/* clang-format off */
static const struct config_option options[] = {
    RECEIVER_OPTION(alertmanagers, CONFIG_LIST, "[]",
        "Alertmanagers, all of which are told: http://HOST:PORT or https://HOST:PORT, or an object")
    RECEIVER_OPTION(webhooks, CONFIG_LIST, "[]",
        "who else is told by HTTP, once of each alert: objects")
    RECEIVER_OPTION(syslog, CONFIG_STRING, "\"\"",
        "where syslog is told the same: /dev/log, or udp://ADDRESS:PORT; \"\": nowhere")
    RECEIVER_OPTION(ca, CONFIG_STRING, "\"\"",
        "PEM file: the CAs whose certificates they may have; \"\": the system's")
    OPTION(page_url, CONFIG_STRING, "\"\"", 0, 0, false,
        "where alerts link to: the series' dimensions are put behind it; \"\": nowhere")
    OPTION(routes, CONFIG_LIST, "[]", 0, 0, true, "which alerts there are")
    OPTION(labels, CONFIG_OBJECT, "{}", 0, 0, true, "labels of every alert")
    OPTION(resend_s, CONFIG_INTEGER, "60", 1, 3600, true,
        "what fires is told again so often, and ends by itself after four times as long, seconds")
    OPTION(look_s, CONFIG_INTEGER, "10", 1, 3600, true,
        "what is bad is looked for so often at least, whatever the feed of changes tells, seconds")
    OPTION(blind_s, CONFIG_INTEGER, "60", 5, 3600, true,
        "when it could not be looked for so long, the watchdog ends, seconds")
    CONFIG_END};
/* clang-format on */

/* The only thing that is not passed: daemon.h's callbacks know no other. */
static struct alertd self;
static struct event_loop loop;
static struct alert *watchdog;
static int64_t started_us;
static bool begun;

/* ---- the configuration ---- */

static int check(struct document *d, const struct config_common *common, const void *given)
{
    const struct alertd_settings *s = given;
    (void)common;
    struct alert_routes *routes = alert_routes_read(d, s->routes, s->labels);
    struct alert_targets *targets = alert_targets_read(d, &s->to, routes);
    if (targets != NULL) {
        receivers_check(d, targets);
    }
    alert_targets_free(&targets);
    alert_routes_free(&routes);
    return 0;
}

static int prepare(void)
{
    struct document d = {0};
    self.routes = alert_routes_read(&d, self.settings.routes, self.settings.labels);
    self.targets = alert_targets_read(&d, &self.settings.to, self.routes);
    return self.routes == NULL || self.targets == NULL ? -1 : receivers_prepare(&self);
}

static int reload(void)
{
    struct alert_routes *routes =
        alert_routes_read(&(struct document){0}, self.settings.routes, self.settings.labels);
    if (routes == NULL) {
        return -1;
    }
    looks_reload(self.looks, &routes);
    return 0;
}

/* ---- what goes on ---- */

/* What syslog takes at once is kept at once. */
static void on_changed(struct alertd *d)
{
    receivers_go_on(d->receivers);
    alert_keeper_go_on(d->keeper);
}

/* The first time what the alertd before sent is kept by now, so it can be asked for. */
static void on_kept(struct alertd *d)
{
    if (!begun) {
        begun = true;
        looks_begin(d->looks);
    }
    on_changed(d);
}

/* It fires as long as it is known what is bad; that it does not is for Alertmanager to tell. */
static void watch(void)
{
    bool blind = looks_blind_us(self.looks) > self.settings.blind_s * 1000000;
    if (!blind) {
        watchdog = alerts_own(&self.alerts, self.routes, WATCHDOG, slice_of(""),
                              "fires always; what is told of, is seen", daemon_now_us(),
                              daemon_clock_us());
    } else if (watchdog != NULL) {
        alerts_end(&self.alerts, watchdog, daemon_now_us(), daemon_clock_us());
        watchdog = NULL;
    }
    daemon_trouble(
        "store", blind || alert_keeper_away_us(self.keeper) > self.settings.blind_s * 1000000,
        blind ? "what is bad is not known for %" PRId64 " s"
              : "what is told is not kept for %" PRId64 " s",
        (blind ? looks_blind_us(self.looks) : alert_keeper_away_us(self.keeper)) / 1000000);
}

static void tell_receivers(void)
{
    const char *name = "", *why = "";
    unsigned failing = receivers_failing(self.receivers, &name, &why);
    if (failing == 0) {
        daemon_trouble("receivers", false, "%u", self.targets->count);
    } else {
        daemon_trouble("receivers", true, "%u of %u are not told: %s: %s", failing,
                       self.targets->count, name, why);
    }
}

static void tick(void)
{
    if (self.trial == NULL) {
        return;
    }
    if (!begun && daemon_clock_us() - started_us > STORED_WAIT_US) {
        begun = true;
        looks_begin(self.looks);
    }
    if (!daemon_draining()) {
        looks_tick(self.looks);
        watch();
    }
    on_changed(&self);
    alert_trial_go_on(self.trial);
    alerts_forget(&self.alerts, daemon_now_us());
    tell_receivers();
    counters[COUNT_FIRING] = self.alerts.firing;
    counters[COUNT_FIRED] = self.alerts.fired_ever;
    counters[COUNT_RESOLVED] = self.alerts.resolved_ever;
    counters[COUNT_GIVEN_UP] = self.alerts.given_up;
    counters[COUNT_UNSETTLED] = self.alerts.ended;
}

/* ---- the process ---- */

/* Who is being told answers, and that is kept, before it ends, as far as that is soon. */
static bool drained(int64_t waited_us)
{
    alert_keeper_go_on(self.keeper);
    return (receivers_are_idle(self.receivers) && alert_keeper_is_idle(self.keeper)) ||
           waited_us > DRAIN_US;
}

static int run(void)
{
    loop.drained = drained;
    if (event_loop_open(&loop) == -1) {
        return -1;
    }
    started_us = daemon_clock_us();
    self.base = loop.base;
    alerts_init(&self.alerts, self.targets->count, self.settings.page_url);
    self.keeper = alert_keeper_new(&self, on_kept);
    self.looks = self.keeper == NULL ? NULL : looks_new(&self, on_changed);
    self.receivers = self.looks == NULL ? NULL : receivers_new(&self);
    self.trial = self.receivers == NULL ? NULL : alert_trial_new(&self);
    if (self.trial == NULL) {
        return -1;
    }
    alert_keeper_go_on(self.keeper);
    log_info("alertd.started", "routes=%u receivers=%u", (unsigned)self.routes->count,
             self.targets->count);
    return event_loop_run(&loop);
}

static void drain(void)
{
    event_loop_drain(&loop);
}

static void stop(void)
{
    alert_trial_free(&self.trial);
    receivers_free(&self, &self.receivers);
    looks_free(&self.looks);
    alert_keeper_free(&self.keeper);
    alerts_clear(&self.alerts);
    alert_routes_free(&self.routes);
    alert_targets_free(&self.targets);
    event_loop_close(&loop);
}

static const struct daemon alertd = {
    .name = "alertd",
    .summary = "Tells people what is bad or silent, by Alertmanager, webhooks, syslog.",
    .options = options,
    .settings = &self.settings,
    .settings_size = sizeof self.settings,
    .counter_rows = counter_rows,
    .counters = counters,
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
    return daemon_main(&alertd, argc, argv);
}
