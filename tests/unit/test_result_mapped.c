/* SPDX-License-Identifier: Apache-2.0 */
/* What another tool wrote, step by step; where it is given up, and what is said of that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "result_box.h"

/* Lines: a host each, or a comment. */
static const char by_lines[] =
    "{\"input\": {\"decoder\": \"lines\", \"patterns\": [\"r {dest}\"], \"ignore\": "
    "[\"# {:rest}\"]}, \"records\": [{\"type\": \"ping\", \"dest\": \"$.dest\", \"start\": "
    "{\"time\": "
    "\"#received\"}, \"metrics\": {\"success\": 1}}]}";

/* Documents: a list of hosts each, of which numbers are none. */
static const char by_documents[] =
    "{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"each\": \"$.r[*]\", \"type\": \"ping\", "
    "\"dest\": \"@.dest\", \"start\": {\"time\": \"@.at\"}, \"metrics\": {\"success\": 1}}]}";

#define AT "\"at\": \"2026-11-21T19:00:00Z\""

static char *body;
static size_t len;

static int set_up(void **state)
{
    body = malloc((size_t)1 << 20);
    len = 0;
    return body == NULL ? -1 : result_box_preset(state);
}

static int tear_down(void **state)
{
    (void)state;
    free(body);
    return 0;
}

static void add(const char *text, int times)
{
    size_t size = strlen(text);
    for (int i = 0; i < times; i++) {
        assert_true(len + size < (size_t)1 << 20);
        memcpy(body + len, text, size);
        len += size;
    }
}

/* Reads the body; how many steps that took. */
static int read_body(const char *mapping, struct arena *a)
{
    static const struct format_context nothing;
    struct document d = {.name = "mapping"};
    struct format *f = format_read(&d, slice_of(mapping));
    assert_non_null(f);
    const struct result_mapping by = {slice_of("tool"), f, &nothing};
    const struct result_origin origin = {.sender = slice_of("probe"), .now_us = now_us};
    arena_reset(a);
    struct result_mapped *m =
        result_mapped_begin(a, (struct slice){body, len}, &by, &means, &limits, &origin, &set);
    assert_non_null(m);
    int steps = 1;
    while (result_mapped_go_on(m)) {
        steps++;
    }
    format_free(&f);
    return steps;
}

static int count_records(void)
{
    int n = 0;
    for (const struct result *r = set.results; r != NULL; r = r->next) {
        n += (int)r->count;
    }
    return n;
}

static int count_refusals(enum result_reason reason)
{
    int n = 0;
    for (const struct refusal *f = set.refusals; f != NULL; f = f->next) {
        n += f->reason == reason;
    }
    return n;
}

static void is_refusal(const struct refusal *f, enum result_reason reason, const char *detail)
{
    assert_non_null(f);
    assert_string_equal(result_reason_name(f->reason), result_reason_name(reason));
    assert_string_equal(f->detail, detail);
}

/* What is told first is that nothing more is taken, in these words. */
static void ends_with(enum result_reason reason, const char *detail)
{
    is_refusal(set.refusals, reason, detail);
}

/* ---- faults ---- */

static void too_many_faults_end_it(void **state)
{
    (void)state;
    add("r a.example\n", 1);
    add("x\n", 1000);
    add("r b.example\n", 1);
    read_body(by_lines, arena);
    assert_int_equal(count_records(), 2); /* a thousand are borne */
    assert_int_equal(count_refusals(RESULT_FORMAT), 1000);
    add("x\n", 5000);
    add("r c.example\n", 1);
    int steps = read_body(by_lines, arena);
    assert_int_equal(count_records(), 2);
    assert_int_equal(count_refusals(RESULT_FORMAT), 1000);
    ends_with(RESULT_FAULTS, "expected at most 1000 faults, found more: nothing from line 1003 on "
                             "is taken, 10012 of 12036 bytes");
    assert_in_range(steps, 1003, 1010); /* nothing of the rest was read */
}

static void what_the_mapping_passes_over_is_no_fault(void **state)
{
    (void)state;
    add("# comment\n", 50000);
    add("r a.example\n", 1);
    int steps = read_body(by_lines, arena);
    assert_int_equal(count_records(), 1);
    assert_null(set.refusals);
    assert_in_range(steps, 500012 / 8192, 70); /* and may be interrupted in between */
}

static void faults_of_a_document_are_bounded(void **state)
{
    (void)state;
    add("{\"r\": [{\"dest\": \"a.example\", " AT "}", 1);
    add(", 1", 20000);
    add(", {\"dest\": \"b.example\", " AT "}]}", 1);
    limits.json.nodes = 1000000;
    read_body(by_documents, arena);
    assert_int_equal(count_records(), 1);
    assert_int_equal(count_refusals(RESULT_FORMAT), 1001);
    const struct refusal *last = set.refusals;
    while (last->next != NULL) {
        last = last->next;
    }
    is_refusal(last, RESULT_FORMAT,
               "document 1: line 1, element 1002: expected at most 1000 faults, found more: the "
               "rest is not read");
    add("\n{\"r\": [{\"dest\": \"c.example\", " AT "}]}\n{\"r\": [1]}", 1);
    read_body(by_documents, arena);
    assert_int_equal(count_records(), 2);
    ends_with(RESULT_FAULTS, "expected at most 1000 faults, found more: nothing from line 3 on is "
                             "taken, 11 of 60185 bytes");
}

/* ---- too much ---- */

static void too_many_records_end_it(void **state)
{
    (void)state;
    limits.rows = 10;
    add("r a.example\n", 10);
    read_body(by_lines, arena);
    assert_int_equal(count_records(), 10);
    assert_null(set.refusals);
    add("r a.example\n", 2);
    read_body(by_lines, arena);
    assert_int_equal(count_records(), 10);
    ends_with(RESULT_ROWS, "expected at most 10 records, found more: nothing from line 11 on is "
                           "taken, 24 of 144 bytes");
}

static void memory_that_is_out_ends_it(void **state)
{
    struct arena *small = arena_new((size_t)512 * 1024);
    char expected[160];
    (void)state;
    assert_non_null(small);
    add("r a.example\n", 2000);
    read_body(by_lines, small);
    int records = count_records();
    assert_in_range(records, 10, 1990);
    snprintf(expected, sizeof expected,
             "expected a message that takes less memory: nothing from line %d on is taken, %d of "
             "24000 bytes",
             records + 1, 12 * (2000 - records));
    ends_with(RESULT_MEMORY, expected);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(too_many_faults_end_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_mapping_passes_over_is_no_fault, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(faults_of_a_document_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_records_end_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_is_out_ends_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, result_box_open, result_box_close);
}
