/* SPDX-License-Identifier: Apache-2.0 */
/* common/document.h: all faults of a document, each with its place, in bounds, without secrets. */
#include "tests/unit/faults.h"
#include "tests/unit/heard.h"

static const struct json_limits limits = {
    .depth = 16, .nodes = 100000, .string_bytes = 65536, .comments = true};

static struct faults told;
static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    faults_begin(&told);
    arena = arena_new(1 << 24);
    return arena == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct document_place parse(const char *text)
{
    return document_parse(&told.document, arena, slice_of(text), &limits);
}

#define ASSERT_TOLD(...) ASSERT_FAULTS(&told, __VA_ARGS__)

/* A reader such as they all are: {"name": ..., "rules": [{"door": ..., "age_s": ..., "limit":
 * ...}]}
 */
static void read_rule(const struct document_place *at)
{
    static const char *const keys[] = {"door", "age_s", "limit", NULL};
    static const char *const doors[] = {"udp", "file", NULL};
    int64_t age = -7;
    struct number limit;
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place door = document_member(at, "door"), age_at = document_member(at, "age_s");
    struct document_place limit_at = document_member(at, "limit");
    if (document_choice(&door, doors) == 1) {
        assert_true(json_is(door.node, "file"));
    }
    if (age_at.node != NULL && document_integer(&age_at, "whole seconds", 0, 60, &age)) {
        assert_in_range(age, 0, 60);
    } else {
        assert_int_equal(age, -7); /* it stays */
    }
    if (limit_at.node != NULL) {
        document_number(&limit_at, &limit);
    }
}

static void read_all(const struct document_place *whole)
{
    static const char *const keys[] = {"name", "rules", NULL};
    if (!document_is_object_of(whole, keys)) {
        return;
    }
    struct document_place name = document_member(whole, "name");
    struct document_place rules = document_member(whole, "rules");
    document_text(&name, 1, 8);
    if (document_is_list(&rules, 8)) {
        for (struct document_place r = document_first(&rules); r.node != NULL; document_next(&r)) {
            read_rule(&r);
        }
    }
}

static void test_good(void **state)
{
    (void)state;
    struct document_place whole =
        parse("{\"name\": \"a\", \"rules\": [{\"door\": \"file\", "
              "\"age_s\": 60, \"limit\": \"1.5e3\"}, {\"door\": \"udp\"}]}");
    read_all(&whole);
    assert_faults(&told, (const char *const[]){NULL});
}

static void test_all_faults_are_told(void **state)
{
    (void)state;
    struct document_place whole = parse(
        "{\"name\": \"123456789\", \"colour\": 1, \"rules\": [7, {\"door\": \"tcp\", "
        "\"age_s\": 61, \"limit\": true}, {\"dor\": 1, \"age_s\": \"5\", \"limit\": \"x\"}]}");
    read_all(&whole);
    ASSERT_TOLD("colour: unknown, expected one of name rules",
                "name: expected a string of 1..8 bytes, found 9",
                "rules[0]: expected an object, found 7",
                "rules[1].door: expected one of udp file, found \"tcp\"",
                "rules[1].age_s: expected whole seconds 0..60, found 61",
                "rules[1].limit: expected a number, found true",
                "rules[2].dor: unknown, expected one of door age_s limit",
                "rules[2].door: expected one of udp file, found nothing",
                "rules[2].age_s: expected whole seconds 0..60, found \"5\"",
                "rules[2].limit: expected a number, found \"x\"");
}

static void test_the_whole(void **state)
{
    (void)state;
    struct document_place whole = parse("[1]");
    read_all(&whole);
    whole = parse("{");
    assert_null(whole.node);
    told.document.name = "FILE";
    whole = parse("null");
    read_all(&whole);
    whole = parse("{\"rules\": {}}");
    read_all(&whole);
    ASSERT_TOLD("document: expected an object, found array", "document: ends too early at byte 1",
                "FILE: expected an object, found null",
                "FILE: name: expected a string, found nothing",
                "FILE: rules: expected a list, found object");
}

static void test_parts_and_places(void **state)
{
    (void)state;
    struct document_place whole = parse("{\"a\": [[1, {\"b c\": 2}]]}");
    struct document_place part = document_part(&told.document, "stored.option", whole.node);
    struct document_place a = document_member(&part, "a"), first = document_first(&a);
    struct document_place second = document_first(&first);
    document_next(&second);
    struct document_place last = document_first(&second);
    assert_string_equal(document_place_text(&last, arena), "stored.option.a[0][1].b c");
    document_fault_in(&told.document, "stored.other", "expected %d", 5);
    document_fault(&part, "x");
    struct document_place none = document_member(&last, "d"), deeper = document_member(&none, "e");
    assert_null(document_first(&none).node);
    document_is_object(&deeper);
    ASSERT_TOLD("stored.other: expected 5", "stored.option: x",
                "stored.option.a[0][1].b c.d.e: expected an object, found nothing");
}

static void test_bounds(void **state)
{
    (void)state;
    static char text[400000];
    size_t used = (size_t)snprintf(text, sizeof text, "[\"");
    for (int i = 0; i < 20000; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "\xe2\x82\xac");
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "\"");
    for (int i = 0; i < 249; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, ", {}");
    }
    snprintf(text + used, sizeof text - used, "]");
    struct document_place whole = parse(text);
    assert_false(document_is_list(&whole, 249));
    for (struct document_place e = document_first(&whole); e.node != NULL; document_next(&e)) {
        int64_t value;
        assert_false(document_integer(&e, "an integer", 0, 1, &value));
    }
    assert_int_equal(told.document.faults, 251);
    assert_int_equal(told.count, DOCUMENT_FAULTS);
    assert_string_equal(told.line[0], "document: expected at most 249 elements, found 250");
    /* Cut between characters. */
    assert_memory_equal(told.line[1], "[0]: expected an integer 0..1, found \"\xe2\x82\xac",
                        strlen("[0]: expected an integer 0..1, found \"") + 3);
    assert_non_null(strstr(told.line[1], "\xe2\x82\xac...\""));
    assert_in_range(strlen(told.line[1]), 50, 120);
    assert_int_equal(document_end(&told.document), -1);
    assert_string_equal(told.line[DOCUMENT_FAULTS], "and 151 faults more");
}

static void test_a_long_fault_is_cut(void **state)
{
    (void)state;
    static char name[3000];
    memset(name, 'n', sizeof name - 1);
    told.document.name = name;
    struct document_place whole = parse("{\"a\": 1}"), a = document_member(&whole, "a");
    document_fault(&a, "%s", name);
    document_fault(&a, "\xe2\x82\xac%s", name);
    assert_int_equal(told.count, 2);
    assert_int_equal(strlen(told.line[0]), DOCUMENT_FAULT_BYTES - 1);
    assert_non_null(strstr(told.line[0], "n: a: nnn"));
}

static void test_strings(void **state)
{
    (void)state;
    struct document_place whole = parse("[\"\", \"a\\u0000b\", \"a\\nb\\u001b[31m\"]");
    struct document_place e = document_first(&whole);
    assert_true(slice_is(document_text(&e, 0, 5), ""));
    document_text(&e, 1, 5);
    document_next(&e);
    assert_null(document_text(&e, 0, 5).at);
    document_next(&e);
    document_expected(&e, "a word");
    ASSERT_TOLD("[0]: expected a string of 1..5 bytes, found 0",
                "[1]: expected a string without a NUL in it",
                "[2]: expected a word, found \"a?b?[31m\"");
}

/* Whatever holds a password by its form, wherever it stands by mistake. */
static void test_secrets_are_not_shown(void **state)
{
    static const char *const secrets[] = {
        "postgresql://ann:s3cret@db/x",
        "host=db password=s3cret",
        "host=db s3cret",
        "https://ann:s3cret@host:1",
        "PASSWORD s3cret",
        "a token: s3cret",
        "user:s3cret@host",
        "-----BEGIN PRIVATE KEY-----\ns3cret",
    };
    char text[200], room[DOCUMENT_SHOWN_ROOM];
    (void)state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct json value = {.type = JSON_STRING, .text = slice_of(secrets[i])};
        struct document_place at = document_part(&told.document, "option", &value);
        int64_t number;
        document_integer(&at, "an integer", 0, 1, &number);
        document_is_object(&at);
        document_choice(&at, (const char *const[]){"a", NULL});
        assert_null(strstr(document_shown(slice_of(secrets[i]), room), "s3cret"));
    }
    snprintf(text, sizeof text, "{\"%s\": {\"%s\": [{\"password\": \"s3cret\"}]}}", secrets[0],
             secrets[1]);
    struct document_place whole = parse(text);
    struct document_place first = document_first(&whole), second = document_first(&first);
    document_is_list(&first, 1);
    document_text(&second, 0, 9);
    document_is_object_of(&whole, (const char *const[]){"a", NULL});
    for (uint32_t i = 0; i < told.count; i++) {
        assert_null(strstr(told.line[i], "s3cret"));
    }
    assert_string_equal(
        told.line[0], "option: expected an integer 0..1, found 28 bytes that may hold a password");
    assert_string_equal(told.line[told.count - 1], "(not shown): unknown, expected a");
}

static void test_memory(void **state)
{
    (void)state;
    struct arena *small = arena_new(64);
    struct document_place at = document_part(&told.document, "option", NULL);
    assert_non_null(document_take(&at, arena, 0, 8));
    assert_null(document_take(&at, small, 1000, 8));
    assert_null(document_copy(&at, small,
                              slice_of("12345678901234567890123456789012345678901234567890"
                                       "12345678901234567890"))
                    .at);
    ASSERT_TOLD("option: out of memory", "option: out of memory");
    arena_free(&small);
}

/* Without anybody to tell it goes where faults of the configuration go. */
static void test_standard_error(void **state)
{
    struct heard heard;
    (void)state;
    heard_begin(&heard);
    struct document d = {.name = "FILE"};
    document_fault_in(&d, "common.user", "expected a name, found %%s");
    heard_end(&heard);
    assert_string_equal(heard.text, "FILE: common.user: expected a name, found %s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(test_good),      TEST(test_all_faults_are_told),
        TEST(test_the_whole), TEST(test_parts_and_places),
        TEST(test_bounds),    TEST(test_a_long_fault_is_cut),
        TEST(test_strings),   TEST(test_secrets_are_not_shown),
        TEST(test_memory),    TEST(test_standard_error),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
