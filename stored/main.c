/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stored: the only process that writes to PostgreSQL. Here are its options and counters; when
 * things happen is in loop*.c, what happens in the other files. It answers no queries.
 */
#include "common/daemon.h"
#include "common/pg/conninfo.h"
#include "stored/default_grading.h"
#include "stored/loop.h"
#include "stored/store.h"

uint64_t store_counters[STORE_COUNTER_COUNT];

static const struct counter_family counter_families[] = {
    {"flush.", "part", "transactions that wrote batches: time of their parts"}, {NULL, NULL, NULL}};
struct histogram store_durations[STORE_DURATIONS];
static const struct counter_row histogram_rows[] = {STORE_HISTOGRAMS(HISTOGRAM_ROW)};
static const struct counter_row counter_rows[] = {STORE_COUNTERS(COUNTER_ROW, GAUGE_ROW)};

static struct store_settings settings;

#define OPTION(name, preset, min, max, reloadable, help)                                           \
    {                                                                                              \
#name, CONFIG_INTEGER, offsetof(struct store_settings, name), preset, min, max,            \
            reloadable, help                                                                       \
    }

static const struct config_option options[] = {
    {"database", CONFIG_STRING, offsetof(struct store_settings, database), NULL, 0, 0, false,
     "libpq connection string of the database to write to"},
    {"grading_default", CONFIG_STRING, offsetof(struct store_settings, grading_default), "\"\"", 0,
     0, false,
     "grading document that becomes version 1 of an empty store; empty: the one in schemas_dir"},
    OPTION(flush_records, "16384", 1, 65536, true, "records of a transaction under load"),
    OPTION(flush_ms, "20", 1, 10000, true,
           "milliseconds from the begin of a transaction to that of the next, unless it is full"),
    OPTION(reorder_wait_ms, "250", 0, 60000, false,
           "milliseconds a missing batch is waited for before the ones after it are written"),
    OPTION(rejected_rows, "100000", 0, 100000000, true, "rows kept of what could not be accepted"),
    OPTION(ledger_senders, "20000", 0, 10000000, true,
           "senders of an hour with a row of their own in the ledger"),
    OPTION(ledger_days, "400", 0, 36500, true, "days the ledger goes back; 0: for ever"),
    OPTION(feed_days, "30", 0, 36500, true, "days the feed of changes goes back; 0: for ever"),
    {"notify", CONFIG_BOOLEAN, offsetof(struct store_settings, notify), "false", 0, 0, true,
     "whether who listens to ezrepo_feed by SQL is notified of what is new in the feed of changes"},
    {"retention", CONFIG_OBJECT, offsetof(struct store_settings, retention), "{}", 0, 0, true,
     "days records are kept, by record type, \"*\" all others; 0 or not named: for ever"},
    OPTION(max_series, "1000000", 1, 100000000, false, "series kept in memory"),
    OPTION(max_schemas, "10000", 1, 1000000, false,
           "schemas kept in memory, and as many lists of hops"),
    OPTION(seal_after_s, "600", 1, 86400, true,
           "seconds after its end an hour is counted into the roll-up"),
    OPTION(buffer_bytes, "33554432", 65536, 4294967296, false,
           "bytes of batches held while the database is slow or away"),
    OPTION(high_water, "64", 1, 100000, false, "batches in ZeroMQ's queue per classifyd"),
    OPTION(drain_ms, "5000", 0, 600000, true,
           "milliseconds after SIGTERM to go on with what still arrives"),
    OPTION(silence_s, "30", 1, 86400, true,
           "seconds PostgreSQL may say nothing to a statement before the connection is given up"),
    CONFIG_END};

static int check(struct document *d, const struct config_common *common, const void *given)
{
    const struct store_settings *s = given;
    struct record_types *types = record_types_configured(common);
    int rc = types == NULL ? -1 : 0; /* it said why */
    record_types_free(&types);
    conninfo_check(d, "stored.database", s->database);
    struct retention_rules rules;
    retention_rules_read(d, s->retention, &rules);
    if (s->grading_default[0] != '\0') {
        default_grading_check(d, s->grading_default);
    }
    return rc;
}

static int start(zloop_t *loop)
{
    return loop_start(loop, &settings);
}

static const struct daemon stored = {
    .name = "stored",
    .summary = "writes graded records, their periods and events to PostgreSQL",
    .options = options,
    .settings = &settings,
    .settings_size = sizeof settings,
    .counter_rows = counter_rows,
    .counter_families = counter_families,
    .histogram_rows = histogram_rows,
    .histograms = store_durations,
    .histogram_count = STORE_DURATIONS,
    .counters = store_counters,
    .counter_count = STORE_COUNTER_COUNT,
    .check = check,
    .start = start,
    .drain = loop_drain,
    .reload = loop_reload,
    .tick = loop_tick,
    .stop = loop_stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&stored, argc, argv);
}
