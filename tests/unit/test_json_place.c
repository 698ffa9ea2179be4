/* SPDX-License-Identifier: Apache-2.0 */
/* Places of faults in a document: the line and the column that a person looks at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/json_place.h"

static const char document[] =
    "{\n"
    "  \"grading\": [\n"
    "    {\"gradeName\": \"\xc3\xbc\xc3\xbc\", \"a.b: c[0]\": 1, \"a\": [], "
    "\"rules\": [{\"grade\": \"}],{[\\\"\"},\n"
    "      [1, 2, {\"x\": 3}]]},\n"
    "    5\n"
    "  ]\n"
    "}\n";

static void expect(struct slice in, const char *fault, uint32_t line, uint32_t column,
                   const char *name)
{
    struct json_places all = {.document = in};
    struct json_place p = json_place_find(&all, slice_of(fault));
    if (p.line != line || p.column != column || p.name_bytes != strlen(name) ||
        memcmp(fault, name, p.name_bytes) != 0) {
        fail_msg("%s: found %u:%u \"%.*s\"", fault, p.line, p.column, (int)p.name_bytes, fault);
    }
}

static void test_members_and_elements(void **state)
{
    struct slice d = slice_of(document);
    (void)state;
    expect(d, "grading: expected a list", 2, 3, "grading");
    expect(d, "grading[0].gradeName: too long", 3, 6, "grading[0].gradeName");
    expect(d, "grading[0].a.b: c[0]: unknown, expected a", 3, 25, "grading[0].a.b: c[0]");
    expect(d, "grading[0].a: unknown", 3, 41, "grading[0].a");
    expect(d, "grading[0].rules[0].grade: expected 1..5", 3, 61, "grading[0].rules[0].grade");
    expect(d, "grading[0].rules[1]: expected", 4, 7, "grading[0].rules[1]");
    expect(d, "grading[0].rules[1][2].x: expected", 4, 15, "grading[0].rules[1][2].x");
    expect(d, "grading[1]: expected an object", 5, 5, "grading[1]");
}

/* By what json_parse() says of it. */
static void expect_at(const char *text, uint32_t line, uint32_t column)
{
    static const struct json_limits limits = {.depth = 8, .nodes = 100, .string_bytes = 100};
    char error[200], fault[220];
    struct arena *a = arena_new(1 << 16);
    assert_null(json_parse(a, slice_of(text), &limits, error, sizeof error));
    snprintf(fault, sizeof fault, "document: %s", error);
    expect(slice_of(text), fault, line, column, "document");
    arena_free(&a);
}

static void test_the_byte_that_is_wrong(void **state)
{
    (void)state;
    expect_at("[\n \"a\xff\"]", 2, 4);
    expect_at("\xef\xbb\xbf[\n \"a\xff\"]", 2, 4);
    expect_at("[\"\xc3\xbc\", \"\\ud800\"]", 1, 8);
    expect_at("[\n1,\n]", 3, 1);
    expect_at("[\n1 x]", 2, 3);
}

static void test_what_is_missing_is_where_it_is_missed(void **state)
{
    struct slice d = slice_of(document);
    (void)state;
    expect(d, "grading[0].appliesTo: missing", 3, 5, "grading[0].appliesTo");
    expect(d, "grading[0].rules[7].grade: x", 3, 50, "grading[0].rules[7].grade");
    expect(d, "grading[1].gradeName: x", 5, 5, "grading[1].gradeName");
    expect(d, "grading[0].gradeNamed: x", 3, 5, "grading[0].gradeNamed");
    expect(d, "document: expected an object, found array", 1, 1, "document");
    expect(d, "no place at all", 1, 1, "");
    expect(d, "", 1, 1, "");
    expect(slice_of(" \n [1]"), "[0]: expected", 2, 3, "[0]");
    expect(slice_of("[1]"), "[1]: expected", 1, 1, "[1]");
    expect(slice_of("\xef\xbb\xbf{\"a\": 1}"), "a: x", 1, 3, "a");
}

static void test_what_is_no_json_says_its_byte(void **state)
{
    (void)state;
    expect(slice_of("{\"a\": 1,\n \"b\": }"), "document: parse error: x at byte 16", 2, 7,
           "document");
    expect(slice_of(""), "document: ends too early at byte 0", 1, 1, "document");
    expect(slice_of("{}"), "document: x at byte 4000000", 1, 3, "document");
    expect(slice_of("{\"a\": [1, {\"b\": \"\\"), "a[1].b: x", 1, 12, "a[1].b");
    expect(slice_of("{\"a"), "a: x", 1, 1, "a");
    expect(slice_of("{\"a\": [{{{[["), "a[4294967295]: x", 1, 2, "a[4294967295]");
}

/* Whatever was looked for before; backwards, too. */
static void test_one_after_the_other(void **state)
{
    static const char *const faults[] = {"grading[1]: x",
                                         "grading[0].rules[1][2].x: x",
                                         "grading[0].rules[0].grade: x",
                                         "grading[0].none: x",
                                         "grading[0].a: x",
                                         "grading[0].gradeName: x",
                                         "grading: x"};
    enum { COUNT = sizeof faults / sizeof faults[0] };
    (void)state;
    for (unsigned step = 1; step < COUNT; step++) {
        struct json_places all = {.document = slice_of(document)};
        for (unsigned i = 0; i < 3 * COUNT; i++) {
            struct json_places anew = {.document = slice_of(document)};
            struct slice fault = slice_of(faults[i * step % COUNT]);
            struct json_place one = json_place_find(&all, fault);
            struct json_place same = json_place_find(&anew, fault);
            assert_int_equal(one.offset, same.offset);
            assert_int_equal(one.line, same.line);
            assert_int_equal(one.column, same.column);
            assert_int_equal(one.name_bytes, same.name_bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_and_elements),
        cmocka_unit_test(test_the_byte_that_is_wrong),
        cmocka_unit_test(test_what_is_missing_is_where_it_is_missed),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_what_is_no_json_says_its_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
