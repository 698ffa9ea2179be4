/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane-gw: HTTPS with mutual TLS for mPlane's clients; asks queryd and stored on their behalf.
 * Here are its options and its loop; it never touches the database.
 */
#include "common/daemon.h"
#include "common/door/event_loop.h"
#include "common/log.h"
#include "mplane-gw/parts.h"

/* The only thing that is not passed: daemon.h's callbacks know no other. */
static struct {
    struct gateway gateway;
    struct event_loop loop;
} self;

static const struct counter_row histogram_rows[] = {HTTP_HISTOGRAMS(HISTOGRAM_ROW)};
static const struct counter_family counter_families[] = {
    {"answered.", "message", "messages sent in reply"},
    {"posts.", "outcome", "posted bodies"},
    {NULL, NULL, NULL}};
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

static bool drained(int64_t waited_us)
{
    return parts_drained(&self.gateway, waited_us);
}

static void close_idle(void)
{
    parts_close_idle(&self.gateway);
}

static int run(void)
{
    self.loop.drained = drained;
    self.loop.close_idle = close_idle;
    if (event_loop_open(&self.loop) == -1) {
        return -1;
    }
    self.gateway.base = self.loop.base;
    if (parts_start(&self.gateway) == -1) {
        return -1;
    }
    log_info("gateway.started", "url=%s registry=%s capabilities=%zu",
             self.gateway.settings.public_url, self.gateway.registry_url,
             capabilities_count(self.gateway.capabilities));
    return event_loop_run(&self.loop);
}

static int reload(void)
{
    return parts_reload(&self.gateway, daemon_common());
}

static void drain(void)
{
    parts_drain(&self.gateway);
    event_loop_drain(&self.loop);
}

static void tick(void)
{
    parts_tick(&self.gateway);
}

static void stop(void)
{
    parts_stop(&self.gateway);
    event_loop_close(&self.loop);
}

static const struct daemon mplane_gw = {
    .name = "mplane-gw",
    .summary = "The mPlane gateway: answers mPlane clients over HTTPS with mutual TLS.",
    .options = settings_options,
    .settings = &self.gateway.settings,
    .settings_size = sizeof self.gateway.settings,
    .counter_rows = counter_rows,
    .counter_families = counter_families,
    .histogram_rows = histogram_rows,
    .histograms = self.gateway.durations,
    .histogram_count = HTTP_DURATIONS,
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
