/* SPDX-License-Identifier: Apache-2.0 */
/* common/counter.h: rows out of a list, names of metrics, what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/counter.h"
#include "common/histogram.h"

#define LEAF_COUNTERS(COUNTER, GAUGE)                                                              \
    GAUGE(LEAF_BYTES, "leaf.bytes", "bytes", "what it holds")                                      \
    COUNTER(LEAF_WRITES, "leaf.write_errors", "", "a \"quote\", a \\ and\ttab")
#define COUNTERS(COUNTER, GAUGE)                                                                   \
    COUNTER(FIRST, "first", "", "the first")                                                       \
    LEAF_COUNTERS(COUNTER, GAUGE)                                                                  \
    GAUGE(LAST, "last_ms", "milliseconds", "the last")

enum { COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTS };
static const struct counter_row rows[] = {COUNTERS(COUNTER_ROW, GAUGE_ROW)};

static void test_rows_stand_at_their_constants(void **state)
{
    (void)state;
    assert_int_equal(COUNTS, 4);
    assert_int_equal(sizeof rows / sizeof rows[0], COUNTS);
    assert_string_equal(rows[COUNT_FIRST].name, "first");
    assert_int_equal(rows[COUNT_FIRST].kind, COUNTER_GROWS);
    assert_string_equal(rows[COUNT_LEAF_BYTES].name, "leaf.bytes");
    assert_int_equal(rows[COUNT_LEAF_BYTES].kind, COUNTER_GAUGE);
    assert_string_equal(rows[COUNT_LEAF_WRITES].name, "leaf.write_errors");
    assert_string_equal(rows[COUNT_LAST].unit, "milliseconds");
}

static const struct counter_family families[] = {{"leaf.", "leaf", "all leaves"},
                                                 {"waited.", "for", "time that was waited"},
                                                 {NULL, NULL, NULL}};

static void expect_metric(const char *process, const struct counter_family *f,
                          const struct counter_row *row, const char *name, const char *label,
                          const char *value)
{
    const struct counter_metric m = counter_metric(process, f, row);
    assert_string_equal(m.name, name);
    assert_string_equal(m.label == NULL ? "" : m.label, label);
    assert_string_equal(m.value, value);
}

static void test_names_of_metrics(void **state)
{
    (void)state;
    const struct counter_row longest = {"spool.longest_sync_ms", COUNTER_GAUGE, "milliseconds",
                                        "h"};
    const struct counter_row last = {"query_ms.last", COUNTER_GAUGE, "milliseconds", "h"};
    const struct counter_row cpu = {"process.cpu_us", COUNTER_GROWS, "microseconds", "h"};
    const struct counter_row as_of = {"silence.as_of", COUNTER_GAUGE, "timestamp", "h"};
    const struct counter_row flush = {"flush.took", COUNTER_HISTOGRAM, "microseconds", "h"};
    const struct counter_row waited = {"waited.disk_us", COUNTER_GROWS, "microseconds", "h"};
    expect_metric("mplane-gw", NULL, &rows[COUNT_LEAF_WRITES],
                  "ezrepo_mplane_gw_leaf_write_errors_total", "", "");
    expect_metric("stored", NULL, &rows[COUNT_LEAF_BYTES], "ezrepo_stored_leaf_bytes", "", "");
    expect_metric("ingestd", NULL, &longest, "ezrepo_ingestd_spool_longest_sync_seconds", "", "");
    expect_metric("queryd", NULL, &last, "ezrepo_queryd_query_last_seconds", "", "");
    expect_metric(NULL, NULL, &cpu, "ezrepo_process_cpu_seconds_total", "", "");
    expect_metric("stored", NULL, &as_of, "ezrepo_stored_silence_as_of_timestamp_seconds", "", "");
    expect_metric("stored", NULL, &flush, "ezrepo_stored_flush_took_seconds", "", "");
    expect_metric("mplane-gw", families, &rows[COUNT_LEAF_WRITES], "ezrepo_mplane_gw_leaf_total",
                  "leaf", "write_errors");
    expect_metric("stored", families, &waited, "ezrepo_stored_waited_seconds_total", "for", "disk");
    expect_metric("stored", families, &rows[COUNT_FIRST], "ezrepo_stored_first_total", "", "");
    assert_string_equal(counter_metric("stored", families, &waited).help, "time that was waited");
    assert_string_equal(counter_metric("stored", families, &cpu).help, "h");
    char longer[COUNTER_METRIC_BYTES + 1];
    memset(longer, 'x', sizeof longer);
    longer[COUNTER_METRIC_BYTES] = '\0';
    const struct counter_row row = {longer, COUNTER_GAUGE, "", "cut"};
    assert_true(strlen(counter_metric("stored", NULL, &row).name) < COUNTER_METRIC_BYTES);
}

static void test_durations_are_counted(void **state)
{
    (void)state;
    struct histogram h = {0};
    histogram_add(&h, -5);
    histogram_add(&h, 1000);
    histogram_add(&h, 1001);
    histogram_add(&h, 60000001);
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[1], 1);
    assert_int_equal(h.counts[HISTOGRAM_BOUNDS], 1);
    assert_int_equal(h.sum_us, 60002002);
}

static char *printed(void (*print)(FILE *f))
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    print(f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void print_row(FILE *f)
{
    counter_print(f, "stored", NULL, &rows[COUNT_LEAF_WRITES]);
}

static void print_labelled(FILE *f)
{
    counter_print(f, "stored", families, &rows[COUNT_LEAF_WRITES]);
}

static void print_all_gauges(FILE *f)
{
    counter_print_gauges(f, rows, 2, rows + 2, 2);
}

static void print_no_gauges(FILE *f)
{
    counter_print_gauges(f, rows, 1, NULL, 0);
}

static void test_what_is_printed(void **state)
{
    (void)state;
    char *text = printed(print_row);
    assert_string_equal(text,
                        "{\"name\": \"leaf.write_errors\", \"kind\": \"counter\", \"unit\": \"\", "
                        "\"help\": \"a \\\"quote\\\", a \\\\ and\\u0009tab\", "
                        "\"metric\": \"ezrepo_stored_leaf_write_errors_total\", \"labels\": {}, "
                        "\"metric_help\": \"a \\\"quote\\\", a \\\\ and\\u0009tab\"}\n");
    free(text);
    text = printed(print_labelled);
    assert_non_null(strstr(text, "\"labels\": {\"leaf\": \"write_errors\"}, "));
    free(text);
    text = printed(print_all_gauges);
    assert_string_equal(text, "[\"leaf.bytes\", \"last_ms\"]");
    free(text);
    text = printed(print_no_gauges);
    assert_string_equal(text, "[]");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_stand_at_their_constants),
        cmocka_unit_test(test_names_of_metrics),
        cmocka_unit_test(test_durations_are_counted),
        cmocka_unit_test(test_what_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
