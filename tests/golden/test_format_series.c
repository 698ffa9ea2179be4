/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A failure is of the series of the successes, else it ends no good period: by each delivered
 * format a success and a failure of the same measurement, delivered in the same way, have the same
 * six dimensions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/formats/format_files.h"
#include "common/record_dimensions.h"

#define FORMATS VECTORS "/../../schemas/formats"

/* One measurement, as the tool writes it when it succeeds and when it fails. */
static const struct {
    const char *format;
    const char *context[6]; /* name, value ... beside #sender and #received */
    const char *success, *failure;
} cases[] = {
    {"atlas",
     {NULL},
     "{\"type\":\"ping\",\"prb_id\":1,\"src_addr\":\"192.0.2.2\",\"dst_addr\":\"192.0.2.9\","
     "\"timestamp\":1795953600,\"min\":1,\"avg\":1,\"max\":1,\"sent\":1,\"rcvd\":1}",
     "{\"type\":\"ping\",\"prb_id\":1,\"src_addr\":\"192.0.2.2\",\"dst_addr\":\"192.0.2.9\","
     "\"timestamp\":1795953600,\"min\":-1,\"avg\":-1,\"max\":-1,\"sent\":1,\"rcvd\":0}"},
    {"blackbox",
     {"target", "h", "module", "icmp", "instance", "vp1"},
     "probe_success 1\n",
     "probe_success 0\n"},
    {"curl",
     {NULL},
     "{\"url\":\"http://h/\",\"exitcode\":0,\"time_total\":0.1,\"local_ip\":\"192.0.2.2\"}",
     "{\"url\":\"http://h/\",\"exitcode\":7,\"time_total\":0,\"local_ip\":\"\"}"},
    {"curl",
     {"target", "http://h/"},
     "{\"url\":\"http://h/\",\"exitcode\":0,\"time_total\":0.1,\"local_ip\":\"192.0.2.2\"}",
     ""},
    {"dig",
     {NULL},
     "; <<>> DiG 9.18 <<>> -u @127.0.0.1 -p 5999 a.example A\n"
     ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;a.example.\t\tIN\tA\n"
     ";; SERVER: 127.0.0.1#5999(127.0.0.1) (UDP)\n",
     ";; communications error to 127.0.0.1#5999: connection refused\n\n"
     "; <<>> DiG 9.18 <<>> -u @127.0.0.1 -p 5999 a.example A\n"
     ";; no servers could be reached\n"},
    {"dig",
     {NULL},
     "; <<>> DiG 9.18 <<>> @ns.example a.example. MX\n"
     ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;a.example.\t\tIN\tMX\n"
     ";; SERVER: 192.0.2.1#53(ns.example) (UDP)\n",
     "; <<>> DiG 9.18 <<>> @ns.example a.example. MX\n;; no servers could be reached\n"},
    {"dig",
     {"target", "192.0.2.1", "content", "a.example. A"},
     "; <<>> DiG 9.18 <<>> a.example +tcp\n"
     ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;a.example.\t\tIN\tA\n"
     ";; SERVER: 192.0.2.1#53(192.0.2.1) (TCP)\n",
     "; <<>> DiG 9.18 <<>> a.example +tcp\n;; no servers could be reached\n"},
    {"dig",
     {"target", "192.0.2.1", "content", "a.example. A"},
     "; <<>> DiG 9.18 <<>> @192.0.2.1 a.example A\n"
     ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;a.example.\t\tIN\tA\n",
     ""},
    {"fping-json", {"target", "192.0.2.1"}, "{\"summary\":{\"host\":\"192.0.2.1\",\"xmt\":1}}", ""},
    {"fping-text", {"target", "192.0.2.1"}, "192.0.2.1 is alive\n", ""},
    {"fping-text", {NULL}, "h is alive\n", "h: Name or service not known\n"},
    {"globalping",
     {NULL},
     "{\"type\":\"ping\",\"target\":\"h\",\"createdAt\":\"2026-11-29T00:00:00Z\",\"results\":"
     "[{\"probe\":{\"country\":\"DE\",\"city\":\"N\",\"asn\":1},\"result\":{\"status\":"
     "\"finished\",\"resolvedAddress\":\"192.0.2.1\"}}]}",
     "{\"type\":\"ping\",\"target\":\"h\",\"createdAt\":\"2026-11-29T00:00:00Z\",\"results\":"
     "[{\"probe\":{\"country\":\"DE\",\"city\":\"N\",\"asn\":1},\"result\":{\"status\":"
     "\"failed\"}}]}"},
    {"httping",
     {"target", "http://h:8080/x"},
     "{\"status\":\"1\",\"host\":\"h\",\"start_ts\":\"1795953600\"}",
     ""},
    {"iperf3",
     {"target", "server.example"},
     "{\"start\":{\"connected\":[{\"local_host\":\"192.0.2.2\",\"remote_host\":\"192.0.2.1\"}],"
     "\"timestamp\":{\"timesecs\":1795953600},\"test_start\":{\"protocol\":\"TCP\",\"reverse\":0}},"
     "\"end\":{\"sum_sent\":{\"end\":1,\"bits_per_second\":5},\"sum_received\":"
     "{\"bits_per_second\":5}}}",
     "{\"start\":{\"connected\":[]},\"error\":\"unable to connect to server: Connection "
     "refused\"}"},
    {"iperf3",
     {"target", "192.0.2.1", "content", "UDP", "reverse", "1"},
     "{\"start\":{\"connected\":[{\"local_host\":\"192.0.2.2\",\"remote_host\":\"192.0.2.1\"}],"
     "\"timestamp\":{\"timesecs\":1795953600},\"test_start\":{\"protocol\":\"UDP\",\"reverse\":1}},"
     "\"end\":{\"sum\":{\"end\":1,\"jitter_ms\":1}}}",
     "{\"start\":{\"connected\":[]},\"error\":\"unable to connect to server: Connection "
     "refused\"}"},
    {"iperf3-stream",
     {"target", "server.example", "source", "192.0.2.7"},
     "{\"event\":\"start\",\"data\":{\"connected\":[{\"local_host\":\"192.0.2.2\",\"remote_host\":"
     "\"192.0.2.1\"}],\"timestamp\":{\"timesecs\":1795953600},\"test_start\":{\"protocol\":"
     "\"TCP\",\"reverse\":0}}}\n{\"event\":\"end\",\"data\":{\"sum_sent\":{\"end\":1}}}",
     "{\"event\":\"error\",\"data\":\"unable to connect\"}"},
    {"iputils",
     {"target", "h", "source", "192.0.2.2"},
     "PING h (192.0.2.1) from 192.0.2.2 : 56(84) bytes of data.\n"
     "1 packets transmitted, 1 received, 0% packet loss, time 0ms\n",
     ""},
    {"irtt",
     {"target", "h:2112", "probe", "lab"},
     "{\"system_info\":{\"hostname\":\"vm\"},\"config\":{\"local_address\":\"192.0.2.2:1\","
     "\"remote_address\":\"192.0.2.1:2112\"},\"stats\":{\"start_time\":\"2026-11-29T00:00:00Z\","
     "\"rtt\":{\"n\":1}}}",
     ""},
    {"kdig",
     {"target", "192.0.2.1", "content", "a.example. A"},
     "{\"QNAME\":\"a.example.\",\"QTYPEname\":\"A\",\"RCODE\":0,\"dateSeconds\":1795953600}",
     "{}"},
    {"kdig",
     {"target", "192.0.2.1", "content", "a.example. A"},
     "{\"QNAME\":\"a.example.\",\"QTYPEname\":\"A\",\"RCODE\":0,\"dateSeconds\":1795953600}",
     ""},
    {"librespeed",
     {"target", "librespeed"},
     "{\"timestamp\":\"2026-11-29T00:00:00Z\",\"server\":{\"url\":\"http://s/\"},\"client\":"
     "{\"ip\":\"192.0.2.2\"},\"bytes_sent\":1,\"bytes_received\":1}",
     ""},
    {"monitoring-plugins",
     {"target", "h"},
     "PING OK - Packet loss = 0%, RTA = 1.00 ms|rta=1.0ms;1;1;0 pl=0%;20;60;0\n",
     "PING CRITICAL - Packet loss = 100%|rta=1.0ms;1;1;0 pl=100%;20;60;0\n"},
    {"mtr",
     {"target", "h"},
     "{\"report\":{\"mtr\":{\"src\":\"vm\",\"dst\":\"h\"},\"hubs\":[{\"count\":1,\"host\":"
     "\"192.0.2.1\",\"Loss%\":0,\"Snt\":1}]}}",
     ""},
    {"mtr",
     {NULL},
     "{\"report\":{\"mtr\":{\"src\":\"vm\",\"dst\":\"h\"},\"hubs\":[{\"count\":1,\"host\":"
     "\"192.0.2.1\",\"Loss%\":0,\"Snt\":1}]}}",
     "{\"report\":{\"mtr\":{\"src\":\"vm\",\"dst\":\"h\"},\"hubs\":[]}}"},
    {"ndt7-client",
     {"target", "ndt"},
     "{\"ServerFQDN\":\"s\",\"ServerIP\":\"192.0.2.1\",\"ClientIP\":\"192.0.2.2\"}",
     "{\"Key\":\"error\",\"Value\":{\"Failure\":\"no\",\"Test\":\"download\"}}"},
    {"ndt7-client",
     {"target", "ndt"},
     "{\"ServerFQDN\":\"s\",\"ServerIP\":\"192.0.2.1\",\"ClientIP\":\"192.0.2.2\"}",
     ""},
    {"networkquality",
     {"target", "apple"},
     "{\"dl_throughput\":1,\"ul_throughput\":1,\"test_endpoint\":\"edge1.example\"}",
     "{\"error_code\":-1009,\"error_domain\":\"NSURLErrorDomain\"}"},
    {"networkquality",
     {"target", "apple"},
     "{\"dl_throughput\":1,\"ul_throughput\":1,\"test_endpoint\":\"edge1.example\"}",
     ""},
    {"ookla",
     {"target", "ookla"},
     "{\"type\":\"result\",\"timestamp\":\"2026-11-29T00:00:00Z\",\"interface\":{\"externalIp\":"
     "\"192.0.2.2\"},\"server\":{\"ip\":\"192.0.2.1\"}}",
     "{\"type\":\"log\",\"timestamp\":\"2026-11-29T00:00:00Z\",\"message\":\"no\",\"level\":"
     "\"error\"}"},
    {"ookla",
     {"target", "ookla"},
     "{\"type\":\"result\",\"timestamp\":\"2026-11-29T00:00:00Z\",\"interface\":{\"externalIp\":"
     "\"192.0.2.2\"},\"server\":{\"ip\":\"192.0.2.1\"}}",
     ""},
    {"pscheduler",
     {NULL},
     "{\"test\":{\"type\":\"throughput\",\"spec\":{\"dest\":\"h\"}},\"tool\":{\"name\":\"iperf3\"},"
     "\"participants\":[\"a\"],\"run\":{\"start-time\":\"2026-11-29T00:00:00Z\"},\"result\":"
     "{\"succeeded\":true}}",
     "{\"test\":{\"type\":\"throughput\",\"spec\":{\"dest\":\"h\"}},\"tool\":{\"name\":\"iperf3\"},"
     "\"participants\":[\"a\"],\"run\":{\"start-time\":\"2026-11-29T00:00:00Z\"},\"result\":"
     "{\"succeeded\":false,\"error\":\"no\"}}"},
    {"speedtest-cli",
     {"target", "speedtest"},
     "{\"timestamp\":\"2026-11-29T00:00:00Z\",\"server\":{\"host\":\"s:80\"},\"client\":{\"ip\":"
     "\"192.0.2.2\"},\"bytes_sent\":1,\"bytes_received\":1}",
     ""},
    {"traceroute",
     {"target", "h"},
     "traceroute to h (192.0.2.1), 30 hops max, 60 byte packets\n 1  192.0.2.1  1.0 ms\n",
     ""},
    {"traceroute-text",
     {"target", "h"},
     "traceroute to h (192.0.2.1), 30 hops max, 60 byte packets\n 1  192.0.2.1  1.0 ms\n",
     ""},
    {"trippy",
     {"target", "h"},
     "{\"info\":{\"target\":{\"ip\":\"192.0.2.1\"}},\"hops\":[{\"ttl\":1,\"recv\":1}]}",
     ""},
};
#define CASES (sizeof cases / sizeof cases[0])

/* Of these a failure is the same document with other values, all names are given, or there are
 * none: a hub, an exporter, a server speaks of all of its measurements in one way. */
static const char *const alike[] = {"collectd",
                                    "glimpse",
                                    "lmap",
                                    "ndt7",
                                    "prometheus-blackbox",
                                    "prometheus-ping",
                                    "prometheus-query",
                                    "prometheus-smokeping",
                                    "scamper",
                                    "smokeping-lastupdate",
                                    "statsd",
                                    "telegraf-influx",
                                    "telegraf-json"};
#define ALIKE (sizeof alike / sizeof alike[0])

static const struct format_limits limits = {.document_bytes = 1 << 20,
                                            .line_bytes = 65536,
                                            .depth = 32,
                                            .values = 10000,
                                            .string_bytes = 65536,
                                            .records = 100,
                                            .looked_at = 100000};

static void set(struct format_context *c, const char *name, const char *value)
{
    assert_int_equal(format_context_set(c, slice_of(name), slice_of(value)), 0);
}

/* The first record, as text: its dimensions, each in a line; in the arena. */
static const char *series_of(struct arena *a, size_t k, const char *bytes)
{
    char path[1024];
    struct format_context context = {.count = 0};
    snprintf(path, sizeof path, FORMATS "/%s.json", cases[k].format);
    struct format *format = format_file_read(path);
    assert_non_null(format);
    set(&context, "sender", "sender");
    set(&context, "received", "2026-11-29 00:00:00.000000");
    for (size_t i = 0; i < 6 && cases[k].context[i] != NULL; i += 2) {
        set(&context, cases[k].context[i], cases[k].context[i + 1]);
    }
    struct format_reading *r = format_begin(format, &context, &limits);
    struct slice rest = slice_of(bytes);
    struct format_outcome o;
    char *text = arena_calloc(a, 1, 4096);
    assert_non_null(r);
    assert_non_null(text);
    while (text[0] == '\0' && format_next(r, &rest, true, a, &o) == FORMAT_DOCUMENT) {
        for (const struct format_fault *f = o.faults; f != NULL; f = f->next) {
            fail_msg("%s: %s: %s", cases[k].format, f->place, f->why);
        }
        for (enum dimension d = 0; o.count > 0 && d < DIMENSION_COUNT; d++) {
            size_t n = strlen(text);
            struct slice value = o.records[0].dimensions[d];
            snprintf(text + n, 4096 - n, "%s=%.*s\n", dimension_rows[d].name, (int)value.len,
                     value.len == 0 ? "" : value.at);
        }
    }
    format_end(&r);
    format_free(&format);
    return text;
}

static void a_failure_is_of_the_series_of_the_successes(void **state)
{
    (void)state;
    for (size_t k = 0; k < CASES; k++) {
        struct arena *a = arena_new(16 << 20);
        assert_non_null(a);
        const char *success = series_of(a, k, cases[k].success);
        const char *failure = series_of(a, k, cases[k].failure);
        if (success[0] == '\0' || strcmp(success, failure) != 0) {
            fail_msg("%s, case %zu: the success is of\n%s\nthe failure of\n%s", cases[k].format, k,
                     success, failure);
        }
        arena_free(&a);
    }
}

static void every_delivered_format_is_here(void **state)
{
    (void)state;
    struct format_files *files = format_files_read(FORMATS, "");
    assert_non_null(files);
    for (uint32_t i = 0; i < format_files_count(files); i++) {
        const char *name = format_files_at(files, i)->name;
        size_t times = 0;
        for (size_t k = 0; k < CASES && times == 0; k++) {
            times = strcmp(cases[k].format, name) == 0;
        }
        for (size_t k = 0; k < ALIKE; k++) {
            times += strcmp(alike[k], name) == 0;
        }
        if (times != 1) {
            fail_msg("%s: expected a success and a failure of it, or why it needs none", name);
        }
    }
    format_files_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_of_the_series_of_the_successes),
        cmocka_unit_test(every_delivered_format_is_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
