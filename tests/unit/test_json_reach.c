/* SPDX-License-Identifier: Apache-2.0 */
/* common/json.h: parts of documents, keys that stand twice, what is no number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/json.h"

static struct arena *arena;
static char error[256];

static int begin(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct json_limits limits_of(const struct json_reach *reach)
{
    return (struct json_limits){.depth = 4, .nodes = 20, .string_bytes = 8, .reach = reach};
}

static void reads_as(const char *text, const struct json_limits *limits, const char *expected)
{
    const struct json *j = json_parse(arena, slice_of(text), limits, error, sizeof error);
    if (j == NULL) {
        fail_msg("%s: %s", text, error);
    }
    assert_string_equal(json_text(arena, j).at, expected);
}

static void refuses(const char *text, const struct json_limits *limits, const char *expected)
{
    assert_null(json_parse(arena, slice_of(text), limits, error, sizeof error));
    assert_string_equal(error, expected);
}

/* ---- what paths reach ---- */

static const struct json_reach whole = {.whole = true};

/* .a.b, .a.c, .list[*].x */
static const struct json_reach_member c = {SLICE("c"), &whole, NULL};
static const struct json_reach_member b = {SLICE("b"), &whole, &c};
static const struct json_reach below_a = {.members[1] = &b};
static const struct json_reach_member x = {SLICE("x"), &whole, NULL};
static const struct json_reach element = {.members[1] = &x};
static const struct json_reach below_list = {.any = &element};
static const struct json_reach_member list = {SLICE("list"), &below_list, NULL};
static const struct json_reach_member a = {SLICE("a"), &below_a, NULL};
static const struct json_reach some = {.members[1] = &a, .members[4] = &list};

static void test_reach(void **state)
{
    const struct json_limits limits = limits_of(&some);
    (void)state;
    reads_as("{\"a\": {\"b\": [1, {\"z\": 2}], \"d\": [1, {}], \"c\": null}, \"e\": {\"a\": 1}}",
             &limits, "{\"a\":{\"b\":[1,{\"z\":2}],\"c\":null}}");
    reads_as("{\"list\": [{\"x\": 1, \"y\": 2}, 7, {\"y\": {\"x\": 1}}, [{\"x\": 3}], null]}",
             &limits, "{\"list\":[{\"x\":1},7,{},[],null]}");
    reads_as("{\"z\": true, \"y\": \"\", \"v\": 0, \"u\": null}", &limits, "{}");
    reads_as("{\"a\": 1}", &limits, "{\"a\":1}");
    reads_as("[{\"a\": 1}, 2]", &limits, "[]");
    reads_as("7", &limits, "7");
    /* Of what is not reached a list has none. */
    reads_as("{\"a\": [1, {\"b\": 2}, [3]]}", &limits, "{\"a\":[]}");
}

/* Members that have no name in the reach have what `any` has. */
static void test_reach_of_any(void **state)
{
    static const struct json_reach_member named = {SLICE("n"), &whole, NULL};
    static const struct json_reach any = {.any = &below_a, .members[1] = &named};
    const struct json_limits limits = limits_of(&any);
    (void)state;
    reads_as("{\"n\": {\"z\": 1}, \"o\": {\"z\": 1, \"b\": 2}}", &limits,
             "{\"n\":{\"z\":1},\"o\":{\"b\":2}}");
    const struct json_limits all = limits_of(&whole);
    reads_as("{\"n\": {\"z\": [1]}}", &all, "{\"n\":{\"z\":[1]}}");
}

/* What is left out counts for no limit, and takes nothing of the arena. */
static void test_left_out_is_free(void **state)
{
    static char text[40000];
    const struct json_limits limits = limits_of(&some);
    size_t used = (size_t)snprintf(text, sizeof text, "{\"out\": ");
    (void)state;
    memset(text + used, '[', 1000);
    used += 1000;
    for (int i = 0; i < 1000; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"longer than allowed\"",
                                 i == 0 ? "" : ",");
    }
    memset(text + used, ']', 1000);
    used += 1000;
    snprintf(text + used, sizeof text - used,
             ", \"longer than allowed\": 1, \"out\": 2, \"a\": {\"b\": 1, \"o\": 1, \"o\": 2}}");
    size_t before = arena_used(arena);
    const struct json *j = json_parse(arena, slice_of(text), &limits, error, sizeof error);
    assert_non_null(j);
    assert_in_range(arena_used(arena) - before, 1, 1000);
    assert_string_equal(json_text(arena, j).at, "{\"a\":{\"b\":1}}");
}

static void test_limits_hold_for_what_is_reached(void **state)
{
    const struct json_limits limits = limits_of(&some);
    (void)state;
    refuses("{\"a\": {\"b\": \"123456789\"}}", &limits, "a string longer than allowed at byte 23");
    refuses("{\"a\": {\"b\": [[[]]]}}", &limits, "nested deeper than allowed at byte 15");
    refuses("{\"z\": {\"b\": 1, \"b\": 2}, \"a\": {\"b\": 1, \"b\": 2}}", &limits,
            "a key that stands twice at byte 41");
    refuses("{\"a\": {\"b\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}", &limits,
            "more values than allowed at byte 48");
}

/* It has to be JSON all the same. */
static void test_left_out_is_read(void **state)
{
    const struct json_limits limits = limits_of(&some);
    (void)state;
    assert_null(json_parse(arena, slice_of("{\"z\": [1, }]}"), &limits, error, sizeof error));
    assert_non_null(strstr(error, "at byte"));
    refuses("{\"z\": [1, 2", &limits, "ends too early at byte 11");
    refuses("{\"z\": \"\xff\"}", &limits, "bytes that are not UTF-8 at byte 8");
}

/* ---- keys that stand twice ---- */

#define TWICE                                                                                      \
    "{\"k\": 1, \"l\": 2, \"k\": {\"m\": 3, \"m\": \"4\"}, \"n\": 5, \"k\": [6], \"l\": 7}"

static void test_duplicates(void **state)
{
    struct json_limits limits = limits_of(NULL);
    (void)state;
    refuses(TWICE, &limits, "a key that stands twice at byte 20");
    limits.duplicates = JSON_DUPLICATES_FIRST;
    reads_as(TWICE, &limits, "{\"k\":1,\"l\":2,\"n\":5}");
    limits.duplicates = JSON_DUPLICATES_LAST;
    reads_as(TWICE, &limits, "{\"k\":[6],\"l\":7,\"n\":5}");
    limits.duplicates = JSON_DUPLICATES_LISTED;
    reads_as(TWICE, &limits, "{\"k\":[1,{\"m\":[3,\"4\"]},[6]],\"l\":[2,7],\"n\":5}");
    reads_as("{\"k\": [1], \"l\": {}}", &limits, "{\"k\":[1],\"l\":{}}");
    reads_as("{}", &limits, "{}");
    const struct json *j =
        json_parse(arena, slice_of("{\"k\": 1, \"k\": 2}"), &limits, error, sizeof error);
    assert_int_equal(j->count, 1);
    assert_int_equal(j->first->count, 2);
    assert_null(j->first->text.at);
    assert_null(j->first->first->key.at);
    assert_null(j->first->first->next->key.at);
}

/* Of those that are reached. */
static void test_duplicates_and_reach(void **state)
{
    struct json_limits limits = limits_of(&some);
    (void)state;
    limits.duplicates = JSON_DUPLICATES_LISTED;
    reads_as("{\"a\": {\"b\": 1, \"z\": 1}, \"z\": 2, \"a\": {\"c\": 3, \"c\": 4}, \"z\": 5}",
             &limits, "{\"a\":[{\"b\":1},{\"c\":[3,4]}]}");
}

/* As many as an object may have. */
static void test_many_duplicates(void **state)
{
    static char text[20000];
    const struct json_limits limits = {.depth = 2,
                                       .nodes = JSON_MEMBERS + 1,
                                       .string_bytes = 8,
                                       .duplicates = JSON_DUPLICATES_LISTED};
    size_t used = 1;
    (void)state;
    text[0] = '{';
    for (int i = 0; i < JSON_MEMBERS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%d\":%d", i ? "," : "",
                                 i % 2, i);
    }
    snprintf(text + used, sizeof text - used, "}");
    const struct json *j = json_parse(arena, slice_of(text), &limits, error, sizeof error);
    assert_non_null(j);
    assert_int_equal(j->count, 2);
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        int n = m == j->first ? 0 : 1;
        assert_int_equal(m->count, JSON_MEMBERS / 2);
        for (const struct json *e = m->first; e != NULL; e = e->next, n += 2) {
            assert_int_equal(atoi(e->text.at), n);
        }
        assert_in_range(n, JSON_MEMBERS, JSON_MEMBERS + 1);
    }
}

static void test_duplicates_without_memory(void **state)
{
    static const char text[] = "{\"k\": 1, \"k\": 2}";
    struct json_limits limits = limits_of(NULL);
    size_t bytes = 16;
    (void)state;
    limits.duplicates = JSON_DUPLICATES_LISTED;
    for (;; bytes += 16) {
        struct arena *small = arena_new(bytes);
        const struct json *j = json_parse(small, slice_of(text), &limits, error, sizeof error);
        arena_free(&small);
        if (j != NULL) {
            break;
        }
        assert_non_null(strstr(error, "needs more memory than allowed at byte"));
    }
    assert_in_range(bytes, 64, 4096);
}

/* ---- what is no number ---- */

static void test_nan(void **state)
{
    struct json_limits limits = limits_of(NULL);
    (void)state;
    limits.nan = true;
    reads_as("{\"a\": nan, \"b\":-nan,\"c\": [NaN,inf , -Infinity\n],\"d\":-inf}", &limits,
             "{\"a\":null,\"b\":null,\"c\":[null,null,null],\"d\":null}");
    reads_as("{\"a\": \": nan, \", \"nan\": \"\\\", nan\"}", &limits,
             "{\"a\":\": nan, \",\"nan\":\"\\\", nan\"}");
    reads_as("[null, -1, nan]", &limits, "[null,-1,null]");
    reads_as("nan", &limits, "null");
    reads_as("\xef\xbb\xbf[nan]\n\0", &limits, "[null]");
    reads_as("[1, 2]", &limits, "[1,2]");
}

static void test_nan_refusals(void **state)
{
    struct json_limits limits = limits_of(NULL);
    (void)state;
    assert_null(json_parse(arena, slice_of("[nan]"), &limits, error, sizeof error));
    limits.nan = true;
    refuses("[nan, nan", &limits, "ends too early at byte 9");
    refuses("[nan, \"123456789\"]", &limits, "a string longer than allowed at byte 17");
    static const char *const bad[] = {"{nan: 1}", "[nanx]", "[1nan]",    "[nan 1]",
                                      "[- nan]",  "[NAN]",  "[nan nan]", "{\"a\" nan}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(json_parse(arena, slice_of(bad[i]), &limits, error, sizeof error));
        assert_non_null(strstr(error, "at byte"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reach, begin, end),
        cmocka_unit_test_setup_teardown(test_reach_of_any, begin, end),
        cmocka_unit_test_setup_teardown(test_left_out_is_free, begin, end),
        cmocka_unit_test_setup_teardown(test_limits_hold_for_what_is_reached, begin, end),
        cmocka_unit_test_setup_teardown(test_left_out_is_read, begin, end),
        cmocka_unit_test_setup_teardown(test_duplicates, begin, end),
        cmocka_unit_test_setup_teardown(test_duplicates_and_reach, begin, end),
        cmocka_unit_test_setup_teardown(test_many_duplicates, begin, end),
        cmocka_unit_test_setup_teardown(test_duplicates_without_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_nan, begin, end),
        cmocka_unit_test_setup_teardown(test_nan_refusals, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
