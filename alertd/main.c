/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alertd: tells people what is bad or silent, by Alertmanager. Asks queryd what that is, tells it,
 * and has stored keep what was told.
 */
#include <inttypes.h>
#include <utlist.h>

#include "alertd/alert_keeper.h"
#include "alertd/alertd.h"
#include "alertd/looks.h"
#include "alertd/receivers.h"
#include "common/daemon.h"
#include "common/door/event_loop.h"
#include "common/log.h"

#define RECEIVERS_MAX  16
#define STORED_WAIT_US INT64_C(5000000) /* then what was told before is asked for all the same */
#define DRAIN_US       INT64_C(3000000)
#define WATCHDOG       "EzrepoAlertdWatchdog"

static const struct counter_row counter_rows[] = {ALERT_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
uint64_t counters[COUNTERS];

#define OPTION(member, type, preset, min, max, reloadable, help)                                   \
    {#member, type, offsetof(struct alertd_settings, member), preset, min, max, reloadable, help},

static const struct config_option options[] = {
    OPTION(alertmanagers, CONFIG_STRINGS, "[]", 0, 0, false,
           "Alertmanagers, all of which are told: http://HOST:PORT or https://HOST:PORT")
        OPTION(ca, CONFIG_STRING, "\"\"", 0, 0, true,
               "PEM file: the CAs whose certificates they may have; \"\": the system's")
            OPTION(page_url, CONFIG_STRING, "\"\"", 0, 0, false,
                   "where alerts link to: the series' dimensions are put behind it; \"\": nowhere")
                OPTION(routes, CONFIG_LIST, "[]", 0, 0, true, "which alerts there are")
                    OPTION(labels, CONFIG_OBJECT, "{}", 0, 0, true, "labels of every alert") OPTION(
                        resend_s, CONFIG_INTEGER, "60", 1, 3600, true,
                        "what fires is told again so often, and ends by itself after four times as "
                        "long, seconds") OPTION(look_s, CONFIG_INTEGER, "10", 1, 3600, true,
                                                "what is bad is looked for so often at least, "
                                                "whatever the feed of changes tells, seconds")
                        OPTION(
                            blind_s, CONFIG_INTEGER, "60", 5, 3600, true,
                            "when it could not be looked for so long, the watchdog ends, seconds")
                            CONFIG_END};

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
    alert_routes_free(&routes);
    if (s->alertmanagers.count > RECEIVERS_MAX) {
        document_fault_in(d, "alertd.alertmanagers", "expected at most %d", RECEIVERS_MAX);
    }
    receivers_check(d, s);
    return 0;
}

static int prepare(void)
{
    self.routes =
        alert_routes_read(&(struct document){0}, self.settings.routes, self.settings.labels);
    return self.routes == NULL ? -1 : 0;
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

static void on_changed(struct alertd *d)
{
    alert_keeper_go_on(d->keeper);
    receivers_go_on(d->receivers);
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
    const char *url = "", *why = "";
    unsigned failing = receivers_failing(self.receivers, &url, &why);
    if (failing == 0) {
        daemon_trouble("receivers", false, "%zu", self.settings.alertmanagers.count);
    } else {
        daemon_trouble("receivers", true, "%u of %zu are not told: %s: %s", failing,
                       self.settings.alertmanagers.count, url, why);
    }
}

static void tick(void)
{
    if (self.receivers == NULL) {
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
    alerts_forget(&self.alerts, daemon_now_us());
    tell_receivers();
    counters[COUNT_FIRING] = HASH_COUNT(self.alerts.by_key);
    counters[COUNT_FIRED] = self.alerts.fired_ever;
    counters[COUNT_RESOLVED] = self.alerts.resolved_ever;
    counters[COUNT_UNSETTLED] = self.alerts.ended;
}

/* ---- the process ---- */

/* What is told is kept before it ends, as far as that is soon. */
static bool drained(int64_t waited_us)
{
    return alert_keeper_is_idle(self.keeper) || waited_us > DRAIN_US;
}

static int run(void)
{
    loop.drained = drained;
    if (event_loop_open(&loop) == -1) {
        return -1;
    }
    started_us = daemon_clock_us();
    self.base = loop.base;
    alerts_init(&self.alerts, (unsigned)self.settings.alertmanagers.count, self.settings.page_url);
    self.keeper = alert_keeper_new(&self, on_kept);
    self.looks = self.keeper == NULL ? NULL : looks_new(&self, on_changed);
    self.receivers = self.looks == NULL ? NULL : receivers_new(&self);
    if (self.receivers == NULL) {
        return -1;
    }
    alert_keeper_go_on(self.keeper);
    log_info("alertd.started", "routes=%u alertmanagers=%zu", (unsigned)self.routes->count,
             self.settings.alertmanagers.count);
    return event_loop_run(&loop);
}

static void drain(void)
{
    event_loop_drain(&loop);
}

static void stop(void)
{
    receivers_free(&self.receivers);
    looks_free(&self.looks);
    alert_keeper_free(&self.keeper);
    alerts_clear(&self.alerts);
    alert_routes_free(&self.routes);
    event_loop_close(&loop);
}

static const struct daemon alertd = {
    .name = "alertd",
    .summary = "Tells people what is bad or silent, by Alertmanager.",
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
