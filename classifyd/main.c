/* SPDX-License-Identifier: Apache-2.0 */
/* classifyd grades batches by the rules in force. It keeps nothing: start as many as are needed. */
#include "classifyd/relay.h"
#include "common/daemon.h"
#include "common/record_types.h"

static struct relay_settings settings;

static const struct config_option options[] = {
    {"high_water", CONFIG_INTEGER, offsetof(struct relay_settings, high_water), "4", 1, 1000, false,
     "batches held in either direction before the sender waits"},
    {"drain_ms", CONFIG_INTEGER, offsetof(struct relay_settings, drain_ms), "2000", 0, 60000, true,
     "milliseconds that batches already taken may need on the way to stored when stopping"},
    CONFIG_END};

/* The mapping must be readable now, so that a fault in it shows before anything is stopped. */
static int check(struct document *d, const struct config_common *common, const void *checked)
{
    (void)d, (void)checked;
    struct record_types *types = record_types_configured(common);
    if (types == NULL) {
        return -1;
    }
    record_types_free(&types);
    return 0;
}

static int start(zloop_t *loop)
{
    return relay_start(loop, &settings);
}

int main(int argc, char **argv)
{
    static const struct daemon classifyd = {
        .name = "classifyd",
        .summary = "grades batches of measurement records by the published thresholds.",
        .options = options,
        .settings = &settings,
        .settings_size = sizeof settings,
        .counter_rows = relay_counter_rows,
        .counter_families = relay_counter_families,
        .counters = relay_counters,
        .counter_count = RELAY_COUNTER_COUNT,
        .several = true,
        .check = check,
        .start = start,
        .reload = relay_reload,
        .drain = relay_drain,
        .tick = relay_tick,
        .stop = relay_stop,
    };
    return daemon_main(&classifyd, argc, argv);
}
