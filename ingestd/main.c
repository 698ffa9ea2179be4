/* SPDX-License-Identifier: Apache-2.0 */
/* ingestd: takes measurement results over UDP and hands them on in batches. No grading, no SQL. */
#include <stdio.h>

#include "common/daemon.h"
#include "common/formats/format_files.h"
#include "common/ingest_limits.h"
#include "ingestd/folder/folders.h"
#include "ingestd/ingestd.h"
#include "ingestd/sender_rules.h"
#include "ingestd/service.h"
#include "ingestd/udp/listener_list.h"

struct ingestd_settings settings;
uint64_t counters[COUNTER_COUNT];

#define MIB        (INT64_C(1) << 20)
#define YEARS_S(n) (INT64_C(31557600) * (n))

#define AT(member) offsetof(struct ingestd_settings, member)
#define INTEGER(name, preset, min, max, reloadable, help)                                          \
    {                                                                                              \
#name, CONFIG_INTEGER, AT(name), preset, min, max, reloadable, help                        \
    }

#define STRINGIFY(number) #number
#define LIMIT_ROW(name, preset, least, most, help)                                                 \
    INTEGER(name, STRINGIFY(preset), least, most, true, help),

static const struct config_option options[] = {
    {"listen", CONFIG_STRINGS, AT(listen), "[\"0.0.0.0:9900\", \"[::]:9900\"]", 0, 0, false,
     "UDP endpoints, ADDRESS:PORT or [ADDRESS]:PORT, at most 16 with those of listeners"},
    {"listeners", CONFIG_LIST, AT(listeners), NULL, 0, 0, false,
     "UDP endpoints for what other tools write, each with its format, and for signed datagrams"},
    INTEGER(envelope_window_s, "300", 1, 86400, true,
            "how far from its receipt a signed datagram may have been signed, seconds"),
    {"allow", CONFIG_STRINGS, AT(allow), "[]", 0, 0, true,
     "addresses and prefixes that may send; none: everybody"},
    INTEGER(receive_buffer_bytes, "16777216", 65536, 1024 * MIB, false,
            "receive buffer asked of the kernel for each listener"),
    INTEGER(batch_records, "512", 1, LIMIT_BATCH_RECORDS, true,
            "records after which a batch is closed"),
    INTEGER(batch_age_ms, "5", 1, 10000, true, "age at which a batch is closed, milliseconds"),
    {"spool_dir", CONFIG_STRING, AT(spool_dir), NULL, 0, 0, false,
     "folder of the spool: batches until they are stored; only the processes' user may enter it"},
    INTEGER(spool_bytes, "1073741824", MIB, 1048576 * MIB, false,
            "batches not yet acknowledged that are kept on disk; then reading stops"),
    INTEGER(spool_sync_ms, "100", 10, 60000, false,
            "how long what was received may take to be safe from a power failure, milliseconds"),
    INTEGER(window_bytes, "33554432", 64 * 1024, 65536 * MIB, false,
            "batches held in memory; more of them wait in the spool"),
    INTEGER(retry_ms, "10000", 100, 3600000, true,
            "without an acknowledgement for so long a batch is pushed again, milliseconds"),
    INTEGER(
        drain_ms, "2000", 0, 3600000, true,
        "how long SIGTERM waits for acknowledgements; the rest stays in the spool, milliseconds"),
    INTEGER(past_limit_s, "-1", -1, YEARS_S(1000), true,
            "how far in the past a record may lie, seconds; -1: by door"),
    INTEGER(future_limit_s, "300", 0, YEARS_S(1000), true,
            "how far in the future a record may lie, seconds"),
    INTEGER(longest_s, "-1", -1, YEARS_S(1000), true,
            "how long what a record measured may have lasted, seconds; -1: by door, 0: any time"),
    {"senders", CONFIG_LIST, AT(senders), NULL, 0, 0, true,
     "rules for some senders: time zone, limits; the first that fits decides"},
    INTEGER(rejects_per_second, "1000", 0, 100000, true,
            "refused inputs handed on to be kept, per second; beyond it they are only counted"),
    INTEGER(reject_head_bytes, "2048", 0, LIMIT_REJECT_HEAD, true,
            "first bytes kept of a refused datagram; what is kept whole can be replayed"),
    INGEST_LIMITS(LIMIT_ROW){"drop_dir", CONFIG_STRING, AT(drop_dir), "\"\"", 0, 0, false,
                             "folder whose files of results are taken in and moved to done/ or "
                             "failed/ in it; \"\" none"},
    {"drop_formats", CONFIG_STRINGS, AT(drop_formats), "[]", 0, 0, false,
     "formats of other tools, each with a folder of its name in drop_dir, at most 64"},
    INTEGER(drop_settle_s, "2", 0, 86400, false,
            "a file there is complete when it was not changed for so long, seconds"),
    CONFIG_END};

#define REJECTED_ROW(constant, name, help)                                                         \
    COUNTER_ROW(REJECTED_##constant, "rejected." name, "", "refused: " help)
static const struct counter_family counter_families[] = {
    {"rejected.", "reason", "what was refused"}, {NULL, NULL, NULL}};

static const struct counter_row counter_rows[] = {
    INGEST_COUNTERS(COUNTER_ROW, GAUGE_ROW) RESULT_REASONS(REJECTED_ROW)
        REJECTED_ROW(SENDER, "sender", "allow does not name the sender")};

static bool is_format(void *formats, struct slice name)
{
    return formats == NULL || format_files_find(formats, name) != NULL;
}

static void check_drop_formats(struct document *d, const struct ingestd_settings *s,
                               struct format_files *formats)
{
    char place[64];
    if (s->drop_formats.count > FOLDERS_FORMATS) {
        document_fault_in(d, "ingestd.drop_formats", "expected at most %d formats, found %zu",
                          FOLDERS_FORMATS, s->drop_formats.count);
    }
    if (s->drop_formats.count > 0 && s->drop_dir[0] == '\0') {
        document_fault_in(d, "ingestd.drop_formats", "expected a folder in ingestd.drop_dir, too");
    }
    for (size_t i = 0; i < s->drop_formats.count; i++) {
        snprintf(place, sizeof place, "ingestd.drop_formats[%zu]", i);
        if (!is_format(formats, slice_of(s->drop_formats.item[i]))) {
            document_expected_in(d, place, s->drop_formats.item[i], FORMAT_EXPECTED);
        }
    }
}

static void check_endpoints(struct document *d, const struct ingestd_settings *s,
                            struct format_files *formats)
{
    char place[64];
    struct listener_list list;
    listener_list_read(d, &s->listen, s->listeners, is_format, formats, &list);
    check_drop_formats(d, s, formats);
    for (size_t i = 0; i < s->allow.count; i++) {
        struct prefix prefix;
        snprintf(place, sizeof place, "ingestd.allow[%zu]", i);
        if (prefix_parse(slice_of(s->allow.item[i]), &prefix) == -1) {
            document_expected_in(d, place, s->allow.item[i], "an address or a prefix");
        }
    }
}

static int check(struct document *d, const struct config_common *common, const void *checked)
{
    const struct ingestd_settings *s = checked;
    struct format_files *formats = format_files_of(common->schemas_dir, common->formats_dir);
    check_endpoints(d, s, formats);
    const struct sender_options all = {s->past_limit_s, s->future_limit_s, s->longest_s};
    struct sender_rules *rules = sender_rules_read(d, s->senders, &all);
    sender_rules_free(&rules);
    struct record_types *types = record_types_configured(common);
    int rc = types == NULL || formats == NULL ? -1 : 0; /* they said why */
    record_types_free(&types);
    format_files_free(&formats);
    return rc;
}

static const struct daemon ingestd = {
    .name = "ingestd",
    .summary = "takes measurement results over UDP and hands them on in batches",
    .options = options,
    .settings = &settings,
    .settings_size = sizeof settings,
    .counter_rows = counter_rows,
    .counter_families = counter_families,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .check = check,
    .prepare = service_prepare,
    .start = service_start,
    .reload = service_reload,
    .drain = service_drain,
    .tick = service_tick,
    .stop = service_stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&ingestd, argc, argv);
}
