/* SPDX-License-Identifier: Apache-2.0 */
/* webd/: what processes say of themselves as metrics, and as health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "webd/exposition.h"
#include "webd/foresight.h"
#include "webd/health.h"

#define NOW_US INT64_C(1764460800000000) /* 2025-11-30T00:00:00Z */

static const char rows[] =
    "{\"name\": \"seen\", \"kind\": \"counter\", \"unit\": \"\", \"help\": \"h\", \"metric\": "
    "\"ezrepo_x_seen_total\", \"labels\": {}, \"metric_help\": \"a \\\\ and\\na line\"}\n"
    "{\"name\": \"no.a\", \"kind\": \"counter\", \"unit\": \"\", \"help\": \"h\", \"metric\": "
    "\"ezrepo_x_no_total\", \"labels\": {\"reason\": \"a\\\"b\"}, \"metric_help\": \"refused\"}\n"
    "{\"name\": \"lag_ms\", \"kind\": \"gauge\", \"unit\": \"milliseconds\", \"help\": \"h\", "
    "\"metric\": \"ezrepo_x_lag_seconds\", \"labels\": {}, \"metric_help\": \"lag\"}\n"
    "{\"name\": \"took\", \"kind\": \"histogram\", \"unit\": \"microseconds\", \"help\": \"h\", "
    "\"metric\": \"ezrepo_x_took_seconds\", \"labels\": {}, \"metric_help\": \"took\", "
    "\"bounds_us\": [1000, 2500]}\n";

static struct process_statuses all;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    all = (struct process_statuses){.now_us = NOW_US};
    all.at = arena_calloc(arena, 16, sizeof *all.at);
    return all.at == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* One more, which said it at this time. */
static void say(const char *name, const char *process, const char *state, const char *when,
                const char *troubles)
{
    const char *text = arena_printf(
        arena,
        "{\"name\": \"%s\", \"process\": \"%s\", \"state\": \"%s\", \"version\": \"1.2\", "
        "\"started_at\": \"2025-11-29T23:00:00.5Z\", \"updated_at\": \"%s\", \"notes\": "
        "{\"database\": \"away for 4 s\", \"drop\": \"stuck\"}, \"troubles\": [%s], "
        "\"counters\": {\"seen\": 18446744073709551615, \"no.a\": 3, \"lag_ms\": 1250}, "
        "\"histograms\": {\"took\": {\"sum_us\": 4500000, \"counts\": [2, 0, 5]}}}",
        name, process, state, when, troubles);
    assert_int_equal(process_status_read(arena, slice_of(text), slice_of(rows), &all.at[all.count]),
                     0);
    all.count++;
}

static void say_all(void)
{
    const char *const *p = health_processes;
    for (; *p != NULL; p++) {
        say(*p, *p, "running", "2025-11-29T23:59:59Z", "");
    }
}

static char *exposed(bool healthy)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(exposition_write(f, arena, &all, healthy), 0);
    fclose(f);
    return text;
}

static unsigned ill(bool ready, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    unsigned count = health_write(f, &all, ready);
    fclose(f);
    assert_string_equal(text, expected);
    free(text);
    assert_int_equal(count, health_write(NULL, &all, ready));
    return count;
}

static void test_metrics(void **state)
{
    (void)state;
    say("x-0", "x", "running", "2025-11-29T23:59:56Z", "\"database\"");
    say("x-1", "x", "running", "2025-11-29T23:59:50Z", "");
    char *text = exposed(false);
    assert_string_equal(
        text,
        "# HELP ezrepo_build_info which release a process is of\n"
        "# TYPE ezrepo_build_info gauge\n"
        "ezrepo_build_info{process=\"x-0\",version=\"1.2\"} 1\n"
        "ezrepo_build_info{process=\"x-1\",version=\"1.2\"} 1\n"
        "# HELP ezrepo_healthy 1: all processes run, and none has a trouble\n"
        "# TYPE ezrepo_healthy gauge\n"
        "ezrepo_healthy 0\n"
        "# HELP ezrepo_process_start_time_seconds when the process started, seconds since 1970\n"
        "# TYPE ezrepo_process_start_time_seconds gauge\n"
        "ezrepo_process_start_time_seconds{process=\"x-0\"} 1764457200\n"
        "ezrepo_process_start_time_seconds{process=\"x-1\"} 1764457200\n"
        "# HELP ezrepo_trouble 1: the process says that something keeps it from doing what it is "
        "for\n"
        "# TYPE ezrepo_trouble gauge\n"
        "ezrepo_trouble{process=\"x-0\",about=\"database\"} 1\n"
        "# HELP ezrepo_up whether the process runs and said so within five seconds\n"
        "# TYPE ezrepo_up gauge\n"
        "ezrepo_up{process=\"x-0\"} 1\n"
        "ezrepo_up{process=\"x-1\"} 0\n"
        "# HELP ezrepo_x_lag_seconds lag\n"
        "# TYPE ezrepo_x_lag_seconds gauge\n"
        "ezrepo_x_lag_seconds{process=\"x-0\"} 1.25\n"
        "ezrepo_x_lag_seconds{process=\"x-1\"} 1.25\n"
        "# HELP ezrepo_x_no_total refused\n"
        "# TYPE ezrepo_x_no_total counter\n"
        "ezrepo_x_no_total{process=\"x-0\",reason=\"a\\\"b\"} 3\n"
        "ezrepo_x_no_total{process=\"x-1\",reason=\"a\\\"b\"} 3\n"
        "# HELP ezrepo_x_seen_total a \\\\ and\\na line\n"
        "# TYPE ezrepo_x_seen_total counter\n"
        "ezrepo_x_seen_total{process=\"x-0\"} 18446744073709551615\n"
        "ezrepo_x_seen_total{process=\"x-1\"} 18446744073709551615\n"
        "# HELP ezrepo_x_took_seconds took\n"
        "# TYPE ezrepo_x_took_seconds histogram\n"
        "ezrepo_x_took_seconds_bucket{process=\"x-0\",le=\"0.001\"} 2\n"
        "ezrepo_x_took_seconds_bucket{process=\"x-0\",le=\"0.0025\"} 2\n"
        "ezrepo_x_took_seconds_bucket{process=\"x-0\",le=\"+Inf\"} 7\n"
        "ezrepo_x_took_seconds_sum{process=\"x-0\"} 4.5\n"
        "ezrepo_x_took_seconds_count{process=\"x-0\"} 7\n"
        "ezrepo_x_took_seconds_bucket{process=\"x-1\",le=\"0.001\"} 2\n"
        "ezrepo_x_took_seconds_bucket{process=\"x-1\",le=\"0.0025\"} 2\n"
        "ezrepo_x_took_seconds_bucket{process=\"x-1\",le=\"+Inf\"} 7\n"
        "ezrepo_x_took_seconds_sum{process=\"x-1\"} 4.5\n"
        "ezrepo_x_took_seconds_count{process=\"x-1\"} 7\n");
    free(text);
}

static void test_what_is_no_status(void **state)
{
    (void)state;
    struct process_status p;
    const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"name\": \"x\"}",
        "{\"name\": \"x\", \"process\": \"x\", \"started_at\": \"2025-11-29T23:00:00Z\"}",
        ("{\"name\": \"x\", \"process\": \"x\", \"started_at\": \"2025-11-29T23:00:00Z\", "
         "\"updated_at\": 5}")};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(process_status_read(arena, slice_of(texts[i]), slice_of(""), &p), -1);
    }
}

/* What is in a file may be anything: it is left out. */
static void test_counters_that_are_none(void **state)
{
    (void)state;
    const char *text = "{\"name\": \"x\", \"process\": \"x\", \"state\": 5, \"started_at\": "
                       "\"2025-11-29T23:00:00Z\", \"updated_at\": \"2025-11-29T23:59:59Z\", "
                       "\"notes\": [], \"troubles\": [5, \"gone\"], \"counters\": {\"seen\": -1, "
                       "\"no.a\": \"3\", \"lag_ms\": null}, \"histograms\": {\"took\": 5}}";
    assert_int_equal(process_status_read(arena, slice_of(text), slice_of(rows), &all.at[0]), 0);
    all.count = 1;
    char *said = exposed(true);
    assert_null(strstr(said, "ezrepo_x_"));
    assert_non_null(strstr(said, "ezrepo_up{process=\"x\"} 0\n"));
    assert_non_null(strstr(said, "ezrepo_trouble{process=\"x\",about=\"gone\"} 1\n"));
    free(said);
    assert_true(health_write(NULL, &all, false) > 5);
}

static void test_healthy(void **state)
{
    (void)state;
    say_all();
    say("socketd", "socketd", "running", "2025-11-29T23:59:59Z", "");
    assert_int_equal(ill(false, ""), 0);
    assert_int_equal(ill(true, ""), 0);
}

static void test_ill(void **state)
{
    (void)state;
    assert_int_equal(ill(false, "ingestd is not there\nclassifyd is not there\nstored is not "
                                "there\nqueryd is not there\nmplane-gw is not there\n"),
                     5);
    say_all();
    say("socketd", "socketd", "running", "2025-11-29T23:59:50Z", "");
    say("alertd", "alertd", "stopped", "2025-11-29T20:00:00Z", ""); /* and does not start again */
    say("stored", "stored", "running", "2025-11-29T23:59:59Z", "\"database\", \"drop\"");
    say("classifyd-1", "classifyd", "draining", "2025-11-29T23:59:59Z", "");
    say("queryd", "queryd", "stopped", "2025-11-29T23:00:00Z", "");
    assert_int_equal(ill(false, "socketd has said nothing for 10 s\nalertd is stopped\nstored: "
                                "database: away for 4 s\nstored: "
                                "drop: stuck\nclassifyd-1 is draining\nqueryd is stopped\n"),
                     6);
    /* Records are taken all the same, and graded by others; what stands in a folder is nobody's
     * question. */
    assert_int_equal(ill(true, "stored: database: away for 4 s\n"), 1);
    all.at[1].updated_us -= 60000000; /* the other classifyd */
    assert_int_equal(ill(true, "classifyd has said nothing for 61 s\nstored: database: away for 4 "
                               "s\nclassifyd-1 is draining\n"),
                     3);
}

/* One more that foresees this. */
static void foresee(const char *name, const char *when, const char *members)
{
    const char *text =
        arena_printf(arena,
                     "{\"name\": \"%s\", \"process\": \"x\", \"state\": \"running\", "
                     "\"started_at\": \"2025-11-29T23:00:00Z\", \"updated_at\": \"%s\", %s}",
                     name, when, members);
    assert_int_equal(process_status_read(arena, slice_of(text), slice_of(""), &all.at[all.count++]),
                     0);
}

static void test_what_is_foreseen(void **state)
{
    char *text = NULL;
    size_t size;
    (void)state;
    foresee("x-0", "2025-11-29T23:59:59Z",
            "\"ends\": [{\"what\": \"certificate\", \"whose\": \"a\\\"b\", \"ends_at\": "
            "\"2025-12-02T12:00:00Z\"}, {\"what\": \"client\", \"whose\": \"\", \"ends_at\": "
            "\"2025-11-29T23:59:58Z\"}, {\"what\": \"authority\"}, 7, {\"what\": \"x\", "
            "\"whose\": \"y\", \"ends_at\": \"some day\"}], \"rooms\": 1");
    foresee("x-1", "2025-11-29T23:59:59Z",
            "\"rooms\": [{\"of\": \"store\", \"way\": \"filling\", \"bytes\": 10, \"free_bytes\": "
            "9, \"over_s\": 600, \"full_s\": 8}, {\"of\": \"spool\", \"way\": \"unknown\", "
            "\"bytes\": 1, \"free_bytes\": 0, \"over_s\": 0, \"full_s\": null}, {\"of\": \"z\", "
            "\"way\": \"steady\", \"bytes\": \"1\", \"free_bytes\": 0, \"over_s\": 0}]");
    foresee("x-2", "2025-11-29T23:59:00Z", /* it hangs */
            "\"ends\": [{\"what\": \"certificate\", \"whose\": \"c\", \"ends_at\": "
            "\"2025-12-02T12:00:00Z\"}]");
    FILE *f = open_memstream(&text, &size);
    foresight_write(f, &all);
    fclose(f);
    assert_string_equal(
        text,
        "\"certificates\":[{\"process\":\"x-0\",\"what\":\"certificate\",\"whose\":\"a\\\"b\","
        "\"ends\":\"2025-12-02T12:00:00.000000Z\",\"days\":2},\n"
        "{\"process\":\"x-0\",\"what\":\"client\",\"whose\":\"\","
        "\"ends\":\"2025-11-29T23:59:58.000000Z\",\"days\":-1}],\n"
        "\"disks\":[{\"process\":\"x-1\",\"of\":\"store\",\"way\":\"filling\",\"bytes\":10,"
        "\"free_bytes\":9,\"over_s\":600,\"full_s\":8},\n"
        "{\"process\":\"x-1\",\"of\":\"spool\",\"way\":\"unknown\",\"bytes\":1,"
        "\"free_bytes\":0,\"over_s\":0,\"full_s\":null}]");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_counters_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_healthy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_foreseen, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
