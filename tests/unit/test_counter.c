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

static void test_names_of_metrics(void **state)
{
    (void)state;
    char metric[COUNTER_METRIC_BYTES];
    assert_string_equal(counter_metric("mplane-gw", &rows[COUNT_LEAF_WRITES], metric),
                        "ezrepo_mplane_gw_leaf_write_errors_total");
    assert_string_equal(counter_metric("stored", &rows[COUNT_LEAF_BYTES], metric),
                        "ezrepo_stored_leaf_bytes");
    char longer[COUNTER_METRIC_BYTES + 1];
    memset(longer, 'x', sizeof longer);
    longer[COUNTER_METRIC_BYTES] = '\0';
    const struct counter_row row = {longer, COUNTER_GAUGE, "", "cut"};
    assert_int_equal(strlen(counter_metric("stored", &row, metric)), COUNTER_METRIC_BYTES - 1);
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
    counter_print(f, "stored", &rows[COUNT_LEAF_WRITES]);
}

static void print_all_gauges(FILE *f)
{
    counter_print_gauges(f, rows, COUNTS);
}

static void print_no_gauges(FILE *f)
{
    counter_print_gauges(f, rows, 1);
}

static void test_what_is_printed(void **state)
{
    (void)state;
    char *text = printed(print_row);
    assert_string_equal(text,
                        "{\"name\": \"leaf.write_errors\", \"kind\": \"counter\", \"unit\": \"\", "
                        "\"metric\": \"ezrepo_stored_leaf_write_errors_total\", "
                        "\"help\": \"a \\\"quote\\\", a \\\\ and\\u0009tab\"}\n");
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
        cmocka_unit_test(test_what_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
