/* SPDX-License-Identifier: Apache-2.0 */
/* ingest-gw/remote/assembly.h: samples into groups, and when these are closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "ingest-gw/remote/assembly.h"
#include "tests/unit/remote_box.h"

#define SECOND INT64_C(1000000)

static const struct slice by[] = {SLICE("instance"), SLICE("job")};
static const struct slice require[] = {SLICE("probe_success")};
static const struct assemble_rule by_metrics = {
    .by = by, .by_count = 2, .require = require, .require_count = 1, .within_us = 15 * SECOND};
static const struct assemble_rule by_count = {.by = by,
                                              .by_count = 2,
                                              .require = require,
                                              .require_count = 1,
                                              .count = SLICE("scrape_samples"),
                                              .within_us = 15 * SECOND};

static struct assembly *assembly;
static struct arena *arena;
static struct remote_box box;
static struct assembly_door door;
static struct assembly_taken taken;
static char rows_over[256];

static int set_up(void **state)
{
    static const struct assembly_limits limits = {.groups = 100,
                                                  .bytes = 1 << 20,
                                                  .group_samples = 4,
                                                  .closed_bytes = 1 << 20,
                                                  .remember_us = 600 * SECOND};
    (void)state;
    assembly = assembly_new(&limits);
    arena = arena_new(1 << 22);
    box_begin(&box);
    door = (struct assembly_door){slice_of("f"), slice_of("vp1"), &by_metrics, 1};
    rows_over[0] = '\0';
    return assembly == NULL || arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    assembly_free(&assembly);
    arena_free(&arena);
    return 0;
}

/* What is in the box, as a request of this row. */
static void take(uint64_t row, int64_t now_us)
{
    static const struct remote_limits limits = {1 << 20, 1000, 32, 1000, 10000};
    struct remote_request request;
    assert_int_equal(remote_read(box_body(&box, arena), &limits, arena, &request), REMOTE_READ);
    assert_int_equal(assembly_take(assembly, &door, &request, row, now_us, arena, &taken), 0);
    box_begin(&box);
}

static void over(void *context, uint64_t row)
{
    size_t n = strlen(rows_over);
    (void)context;
    snprintf(rows_over + n, sizeof rows_over - n, "%u ", (unsigned)row);
}

/* The next group has this text, and is delivered; NULL: there is none. */
static void delivered(const char *text, bool complete, int64_t now_us)
{
    const struct assembly_group *g = assembly_next(assembly);
    if (text == NULL) {
        assert_null(g);
        return;
    }
    assert_non_null(g);
    assert_true(slice_is(g->format, "f") && slice_is(g->door, "vp1"));
    assert_int_equal(g->complete, complete);
    if (!slice_is(g->text, text)) {
        fail_msg("expected \"%s\", found \"%.*s\"", text, SLICE_SHOWN(g->text, 1000));
    }
    assembly_done(assembly, g, now_us, over, NULL);
}

static void test_one_request(void **state)
{
    (void)state;
    box_sample(&box, "a{instance=x,job=j}", 1, 5);
    box_sample(&box, "probe_success{instance=x,job=j}", 1, 5);
    box_sample(&box, "z{instance=x,job=j}", 2, 5);
    box_sample(&box, "a{instance=y,job=j}", 1, 5);
    take(1, 0);
    assert_int_equal(taken.taken, 4);
    assert_true(taken.holds);
    /* Complete with what stands behind the required one. */
    delivered("a{instance=\"x\",job=\"j\"} 1 5\nprobe_success{instance=\"x\",job=\"j\"} 1 5\n"
              "z{instance=\"x\",job=\"j\"} 2 5\n",
              true, 1);
    delivered(NULL, false, 0);
    assert_string_equal(rows_over, "");
    assert_int_equal(assembly_due_us(assembly), 15 * SECOND);
    assembly_pass_time(assembly, 15 * SECOND);
    delivered("a{instance=\"y\",job=\"j\"} 1 5\n", false, 15 * SECOND);
    assert_string_equal(rows_over, "1 ");
    assert_int_equal(assembly_due_us(assembly), INT64_MAX);
    assert_int_equal(assembly_oldest_us(assembly), INT64_MAX);
    assert_int_equal(assembly_counts(assembly).bytes, 0);
}

static void test_several_requests(void **state)
{
    (void)state;
    box_sample(&box, "a{instance=x}", 1, 5);
    take(1, 0);
    box_sample(&box, "a{instance=x}", 1, 6); /* another scrape */
    take(2, 1);
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    take(3, 2);
    assert_int_equal(assembly_oldest_us(assembly), 0);
    delivered("a{instance=\"x\"} 1 5\nprobe_success{instance=\"x\"} 1 5\n", true, 3);
    delivered(NULL, false, 0);
    assert_string_equal(rows_over, "1 3 ");
    assert_int_equal(assembly_oldest_us(assembly), 1);
}

static void test_as_many_as_the_scrape_says(void **state)
{
    (void)state;
    door.rule = &by_count;
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    box_sample(&box, "up{instance=x}", 1, 5);
    box_sample(&box, "scrape_samples{instance=x}", 2, 5);
    take(1, 0);
    delivered(NULL, false, 0);
    box_sample(&box, "a{instance=x}", 1, 5);
    take(2, 0);
    delivered("probe_success{instance=\"x\"} 1 5\nup{instance=\"x\"} 1 5\n"
              "scrape_samples{instance=\"x\"} 2 5\na{instance=\"x\"} 1 5\n",
              true, 0);
}

static void test_repeated_and_late(void **state)
{
    (void)state;
    box_sample(&box, "a{instance=x}", 1, 5);
    take(1, 0);
    box_sample(&box, "a{instance=x}", 1, 5); /* again, since the answer was lost */
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    take(2, 0);
    assert_int_equal(taken.repeated, 1);
    delivered("a{instance=\"x\"} 1 5\nprobe_success{instance=\"x\"} 1 5\n", true, 7);
    assert_string_equal(rows_over, "1 2 ");
    box_sample(&box, "a{instance=x}", 1, 5);
    box_sample(&box, "b{instance=x}", 1, 5);
    box_sample(&box, "probe_success{instance=x}", 0, 5);
    take(3, 8);
    assert_int_equal(taken.repeated, 1);
    assert_int_equal(taken.late, 2);
    assert_false(taken.holds);
    assert_true(
        slice_is(taken.late_text, "b{instance=\"x\"} 1 5\nprobe_success{instance=\"x\"} 0 5\n"));
    delivered(NULL, false, 0);
    /* Nothing is remembered for ever. */
    assembly_pass_time(assembly, 7 + 600 * SECOND);
    assert_int_equal(assembly_counts(assembly).closed, 0);
    assert_int_equal(assembly_counts(assembly).closed_bytes, 0);
}

static void test_another_value_is_late(void **state)
{
    (void)state;
    box_sample(&box, "a{instance=x}", 1, 5);
    box_sample(&box, "a{instance=x}", 2, 5);
    box_sample(&box, "b{instance=x}", 2, 5);
    box_sample(&box, "c{instance=x}", 2, 5);
    box_sample(&box, "d{instance=x}", 2, 5);
    box_sample(&box, "e{instance=x}", 2, 5); /* beyond what a group may have */
    take(1, 0);
    assert_int_equal(taken.taken, 4);
    assert_int_equal(taken.late, 2);
    assert_true(slice_is(taken.late_text, "a{instance=\"x\"} 2 5\ne{instance=\"x\"} 2 5\n"));
}

static void test_doors_are_apart(void **state)
{
    (void)state;
    box_sample(&box, "a{instance=x}", 1, 5);
    take(1, 0);
    door.door = slice_of("vp2");
    box_sample(&box, "a{instance=x}", 1, 5);
    take(2, 0);
    assert_int_equal(taken.taken, 1);
    assert_int_equal(assembly_counts(assembly).open, 2);
    assembly_close_all(assembly);
    assert_int_equal(assembly_counts(assembly).ready, 2);
}

static void test_metrics(void **state)
{
    struct pattern globs[1];
    struct assemble_rule some = by_metrics;
    (void)state;
    assert_int_equal(pattern_compile(slice_of("probe_*"), false, &globs[0]), 0);
    some.metrics = globs;
    some.metric_count = 1;
    door.rule = &some;
    box_sample(&box, "go_threads{instance=x}", 1, 5);
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    box_sample(&box, "probe_\xc3\xa4{instance=x}", 1, 5);
    take(1, 0);
    assert_int_equal(taken.passed_over, 2);
    delivered("probe_success{instance=\"x\"} 1 5\n", true, 0);
}

static void test_rules_that_changed(void **state)
{
    (void)state;
    box_sample(&box, "a{instance=x}", 1, 5);
    take(1, 0);
    door.rule_version = 2;
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    take(2, 0);
    delivered(NULL, false, 0); /* it waits for its time */
    assembly_pass_time(assembly, 15 * SECOND);
    delivered("a{instance=\"x\"} 1 5\nprobe_success{instance=\"x\"} 1 5\n", false, 0);
}

static void test_delivered_again(void **state)
{
    (void)state;
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    take(1, 0);
    const struct assembly_group *g = assembly_next(assembly);
    assert_non_null(g);
    /* While it is under way it is closed, and its rows are still needed. */
    box_sample(&box, "a{instance=x}", 1, 5);
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    take(2, 0);
    assert_int_equal(taken.late, 1);
    assert_int_equal(taken.repeated, 1);
    assert_true(taken.holds);
    assembly_again(assembly, g);
    delivered("probe_success{instance=\"x\"} 1 5\n", true, 0);
    assert_string_equal(rows_over, "1 2 ");
}

/* As a journal that is read at a start tells it. */
static void test_remembered(void **state)
{
    uint8_t key[ASSEMBLY_KEY_BYTES];
    struct assembly_mark marks[2];
    (void)state;
    box_sample(&box, "a{instance=x}", 1, 5);
    box_sample(&box, "probe_success{instance=x}", 1, 5);
    take(1, 0);
    const struct assembly_group *g = assembly_next(assembly);
    assert_int_equal(g->count, 2);
    memcpy(key, g->key, sizeof key);
    memcpy(marks, g->marks, sizeof marks);
    tear_down(NULL);
    set_up(NULL);
    assert_int_equal(assembly_remember(assembly, key, marks, 2, 0), 0);
    assert_int_equal(assembly_remember(assembly, key, marks, 2, 0), 0);
    box_sample(&box, "a{instance=x}", 1, 5);
    take(1, 1);
    assert_int_equal(taken.repeated, 1);
    assert_false(taken.holds);
    assert_int_equal(assembly_counts(assembly).open, 0);
}

/* As requests came, so they come again out of the journal: what was late then is late now, also
 * where no mark tells that its group was delivered. */
static void test_a_journal_that_is_read(void **state)
{
    for (int again = 0; again < 2; again++) {
        box_sample(&box, "a{instance=x}", 1, 5);
        take(1, 0);
        assembly_pass_time(assembly, 16 * SECOND);
        box_sample(&box, "b{instance=x}", 1, 5);
        box_sample(&box, "a{instance=x}", 1, 6);
        take(2, 16 * SECOND);
        assert_int_equal(taken.late, 1);
        assert_int_equal(taken.taken, 1);
        delivered("a{instance=\"x\"} 1 5\n", false, 16 * SECOND);
        assert_string_equal(rows_over, "1 ");
        if (again == 0) {
            tear_down(state);
            set_up(state);
        }
    }
    assembly_wait_longer(assembly, 100 * SECOND);
    assert_int_equal(assembly_due_us(assembly), (16 + 15 + 100) * SECOND);
    assembly_pass_time(assembly, 130 * SECOND);
    delivered(NULL, false, 0);
}

static void test_room(void **state)
{
    (void)state;
    assert_true(assembly_has_room(assembly, 100, 1000));
    assert_false(assembly_has_room(assembly, 101, 1000));
    assert_false(assembly_has_room(assembly, 1, 1 << 18));
    box_sample(&box, "a{instance=x}", 1, 5);
    take(1, 0);
    assert_false(assembly_has_room(assembly, 100, 1000));
    struct assembly_limits none = {0};
    assembly_set_limits(assembly, &none);
    assert_false(assembly_has_room(assembly, 1, 1));
    /* What is closed is let go by how much it is. */
    assembly_close_all(assembly);
    delivered("a{instance=\"x\"} 1 5\n", false, 0);
    assembly_pass_time(assembly, -1);
    assert_int_equal(assembly_counts(assembly).closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_as_many_as_the_scrape_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_repeated_and_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_value_is_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_doors_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rules_that_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delivered_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_journal_that_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
