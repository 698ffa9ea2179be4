/* SPDX-License-Identifier: Apache-2.0 */
/* common/json.h: what is read, what is refused and why, that limits hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "common/json.h"

static const struct json_limits limits = {.depth = 8, .nodes = 200, .string_bytes = 64};
static char error[256];

static const struct json *parse(struct arena *a, const char *text)
{
    return json_parse(a, slice_of(text), &limits, error, sizeof error);
}

static void test_tree(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    const struct json *j =
        parse(a, " {\"n\": 18446744073709551615, \"s\":\"\\u00e9\\n\\\"\", \"l\":[1.50,true,null,"
                 "{}], \"o\":{\"x\":-1e-7}} ");
    assert_non_null(j);
    assert_int_equal(j->count, 4);
    assert_true(slice_is(json_get(j, "n")->text, "18446744073709551615"));
    assert_true(slice_is(json_get(j, "s")->text, "\xc3\xa9\n\""));
    assert_int_equal(json_get(j, "l")->count, 4);
    assert_true(slice_is(json_get(j, "l")->first->text, "1.50"));
    assert_null(json_get(j, "absent"));
    assert_null(json_get(json_get(j, "s"), "x"));
    struct slice text = json_text(a, j);
    assert_true(slice_is(parse(a, "\"\\ud83D\\uDE00\\\\udc00 \xf4\x8f\xbf\xbf\"")->text,
                         "\xf0\x9f\x98\x80\\udc00 \xf4\x8f\xbf\xbf"));
    assert_string_equal(text.at, "{\"n\":18446744073709551615,\"s\":\"\xc3\xa9\\u000a\\\"\",\"l\":"
                                 "[1.50,true,null,{}],\"o\":{\"x\":-1e-7}}");
    arena_free(&a);
}

static void refused(const char *text, const char *why)
{
    struct arena *a = arena_new(1 << 20);
    error[0] = '\0';
    assert_null(parse(a, text));
    if (strstr(error, why) == NULL) {
        fail_msg("%s: expected \"%s\", got \"%s\"", text, why, error);
    }
    arena_free(&a);
}

/* RFC 8259 lets a reader leave a byte order mark out; senders in C send the NUL of their string. */
static void test_around_the_text(void **state)
{
    static const char text[] = "\xef\xbb\xbf {\"a\": 1}\n\0\0", within[] = "{\"a\": 1\0}";
    (void)state;
    struct arena *a = arena_new(1 << 20);
    const struct json *j =
        json_parse(a, (struct slice){text, sizeof text}, &limits, error, sizeof error);
    assert_non_null(j);
    assert_true(slice_is(json_get(j, "a")->text, "1"));
    assert_null(json_parse(a, (struct slice){within, sizeof within}, &limits, error, sizeof error));
    assert_null(json_parse(a, (struct slice){"\0", 1}, &limits, error, sizeof error));
    arena_free(&a);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("", "ends too early at byte 0");
    refused("{\"a\":1", "ends too early at byte 6");
    refused("[1, 2, 3", "ends too early at byte 8");
    refused("[\"abc", "ends too early at byte 5");
    refused("{\"a\": tr", "ends too early at byte 8");
    refused("\xef\xbb\xbf{\"a\":", "ends too early at byte 8");
    refused("\xef\xbb\xbf{\"a\":}", "at byte 9");
    refused("\xef\xbb\xbf\xef\xbb\xbf{}", "lexical error");
    refused("{\"a\":1}x", "trailing garbage at byte");
    refused("{'a':1}", "at byte");
    refused("{\"a\":1,\"a\":2}", "a key that stands twice at byte");
    /* Found by reading what yajl makes of them: not text, or text other than what was sent. */
    refused("\"\xc0\x80\"", "not UTF-8 at byte 2");
    refused("[\"a\", \"\xed\xa0\x80\"]", "not UTF-8 at byte 8");
    refused("\"\xf4\x90\x80\x80\"", "not UTF-8 at byte 2");
    refused("\"\xe2\x82\"", "not UTF-8 at byte 2");
    refused("\"\\udc00\"", "half of a surrogate pair at byte 2");
    refused("\"\\\\\\ud800\"", "half of a surrogate pair at byte 4");
    refused("\"\\uD800\\u0041\"", "half of a surrogate pair at byte 2");
    refused("\"\\ud83d", "half of a surrogate pair at byte 2");
    refused("[[[[[[[[[1]]]]]]]]]", "nested deeper than allowed");
    refused("\"\xff\"", "not UTF-8 at byte 2");
    refused("// a\n1", "at byte");
    char long_string[100];
    memset(long_string, 'x', sizeof long_string);
    long_string[0] = '"';
    memcpy(long_string + 97, "\"", 2);
    refused(long_string, "a string longer than allowed");
    char many[1000] = "[0";
    for (int i = 0; i < 200; i++) {
        strncat(many, ",0", sizeof many - strlen(many) - 1);
    }
    strncat(many, "]", sizeof many - strlen(many) - 1);
    refused(many, "more values than allowed");
}

static void test_comments(void **state)
{
    (void)state;
    struct json_limits with = limits;
    with.comments = true;
    struct arena *a = arena_new(1 << 20);
    const char *text = "/* what */ {\"a\": 1 // why\n}";
    assert_non_null(json_parse(a, slice_of(text), &with, error, sizeof error));
    arena_free(&a);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    struct arena *a = arena_new(2048);
    struct json_limits wide = {.depth = 8, .nodes = 1000000, .string_bytes = 64};
    char text[4096] = "[";
    for (int i = 0; i < 1000; i++) {
        memcpy(text + 1 + 2 * i, "1,", 2);
    }
    memcpy(text + 2001, "1]", 3);
    assert_null(json_parse(a, slice_of(text), &wide, error, sizeof error));
    assert_non_null(strstr(error, "memory"));
    arena_free(&a);
}

static void test_many_members(void **state)
{
    (void)state;
    struct json_limits wide = {.depth = 2, .nodes = 1000000, .string_bytes = 64};
    struct arena *a = arena_new(1 << 24);
    static char text[65536] = "{";
    size_t used = 1;
    for (int i = 0; i <= JSON_MEMBERS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%d\":0", i ? "," : "", i);
    }
    snprintf(text + used, sizeof text - used, "}");
    assert_null(json_parse(a, slice_of(text), &wide, error, sizeof error));
    assert_non_null(strstr(error, "more members"));
    arena_free(&a);
}

/* An object of `members`, the last of which has the key of the one numbered `again`. */
static const char *wide_object(int members, int again)
{
    static char text[65536];
    size_t used = 1;
    text[0] = '{';
    for (int i = 0; i < members; i++) {
        int key = i + 1 == members && again >= 0 ? again : i;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%d\":0", i ? "," : "", key);
    }
    snprintf(text + used, sizeof text - used, "}");
    return text;
}

static void test_twice_among_many(void **state)
{
    (void)state;
    static const int sizes[] = {2, 31, 32, 33, 34, 100, JSON_MEMBERS};
    const struct json_limits wide = {.depth = 2, .nodes = 2000, .string_bytes = 64};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct arena *a = arena_new(1 << 24);
        const int agains[] = {0, sizes[i] / 2 - 1, sizes[i] - 2};
        for (size_t k = 0; k < 3; k++) {
            const char *text = wide_object(sizes[i], agains[k]);
            assert_null(json_parse(a, slice_of(text), &wide, error, sizeof error));
            assert_non_null(strstr(error, "a key that stands twice at byte"));
        }
        const struct json *whole =
            json_parse(a, slice_of(wide_object(sizes[i], -1)), &wide, error, sizeof error);
        assert_non_null(whole);
        int n = 0;
        char key[16];
        for (const struct json *m = whole->first; m != NULL; m = m->next, n++) {
            snprintf(key, sizeof key, "%d", n);
            assert_true(slice_is(m->key, key)); /* in the order they came */
        }
        assert_int_equal(n, sizes[i]);
        arena_free(&a);
    }
}

/* Seconds of processor time for a list of objects. */
static double seconds_for(int objects, int members)
{
    const struct json_limits wide = {.depth = 3, .nodes = 1000000, .string_bytes = 64};
    struct arena *a = arena_new((size_t)256 << 20);
    const char *object = wide_object(members, -1);
    size_t size = strlen(object);
    char *text = malloc((size_t)objects * (size + 1) + 2);
    text[0] = '[';
    for (int i = 0; i < objects; i++) {
        memcpy(text + 1 + (size_t)i * (size + 1), object, size);
        text[(size_t)(i + 1) * (size + 1)] = i + 1 < objects ? ',' : ']';
    }
    struct slice bytes = {text, (size_t)objects * (size + 1) + 1};
    clock_t begun = clock();
    assert_non_null(json_parse(a, bytes, &wide, error, sizeof error));
    clock_t spent = clock() - begun;
    free(text);
    arena_free(&a);
    return (double)spent / CLOCKS_PER_SEC;
}

/* Wide objects must not cost more than as many values in narrow ones, or a peer could keep us busy.
 */
static void test_wide_objects_are_no_burden(void **state)
{
    (void)state;
    double narrow = seconds_for(20000, 10), wide = seconds_for(200, 1000);
    if (wide > 4 * narrow + 0.02) {
        fail_msg("200000 members took %f s in narrow objects, %f s in wide ones", narrow, wide);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_around_the_text),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_twice_among_many),
        cmocka_unit_test(test_wide_objects_are_no_burden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
