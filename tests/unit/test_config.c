/* SPDX-License-Identifier: Apache-2.0 */
/* common/config.h: presets, every kind of fault with its place, what a reload takes over. */
#include "tests/unit/heard.h"

#include "common/config.h"

struct test_settings {
    const char *path;
    int64_t number;
    bool flag;
    struct config_strings list;
    const struct json *object, *entries;
};

static const struct config_option options[] = {
    {"path", CONFIG_STRING, offsetof(struct test_settings, path), NULL, 0, 0, false, "a path"},
    {"number", CONFIG_INTEGER, offsetof(struct test_settings, number), "7", 1, 10, true,
     "a number"},
    {"flag", CONFIG_BOOLEAN, offsetof(struct test_settings, flag), "true", 0, 0, true, "a flag"},
    {"list", CONFIG_STRINGS, offsetof(struct test_settings, list), "[\"a\",\"b\"]", 0, 0, true,
     "list"},
    {"object", CONFIG_OBJECT, offsetof(struct test_settings, object), NULL, 0, 0, true,
     "an object"},
    {"entries", CONFIG_LIST, offsetof(struct test_settings, entries), NULL, 0, 0, true, "a list"},
    CONFIG_END};

static struct config_common common;
static struct test_settings settings;

#define COMMON "\"common\": {\"run_dir\": \"/r\", \"schemas_dir\": \"/s\"}"

/* Reads the text; what it wrote to standard error is in `heard`. */
static struct heard heard;
static struct config *read_text(const char *text)
{
    heard_begin(&heard);
    struct config *c =
        config_read_bytes("FILE", slice_of(text), &common, "stored", options, &settings);
    heard_end(&heard);
    return c;
}

static void test_good(void **state)
{
    (void)state;
    struct config *c = read_text("{ // comment\n" COMMON ", \"stored\": {\"path\": \"/p\", "
                                 "\"flag\": false, \"object\": {\"x\": 1}, \"entries\": [{}, 2]}, "
                                 "\"queryd\": {}}");
    assert_non_null(c);
    assert_string_equal(settings.path, "/p");
    assert_int_equal(settings.number, 7);
    assert_false(settings.flag);
    assert_int_equal(settings.list.count, 2);
    assert_string_equal(settings.list.item[1], "b");
    assert_non_null(json_get(settings.object, "x"));
    assert_int_equal(settings.entries->count, 2);
    assert_string_equal(common.log_level, "info");
    config_free(&c);
}

static void refused(const char *text, const char *expected)
{
    assert_null(read_text(text));
    assert_heard(&heard, expected);
}

static void test_faults(void **state)
{
    (void)state;
    refused("{", "FILE: ends too early at byte 1");
    refused("[]", "FILE: expected an object, found array");
    refused("{" COMMON ", \"stored\": {}}", "FILE: stored.path: missing, expected a string");
    refused("{" COMMON ", \"stored\": {\"path\": 1}}",
            "FILE: stored.path: expected a string, found 1");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"number\": 11}}",
            "FILE: stored.number: expected an integer 1..10, found 11");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"number\": \"x\"}}",
            "expected an integer 1..10, found \"x\"");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"number\": 1.5}}", "found 1.5");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"flag\": 1}}", "expected true or false");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"list\": [1]}}",
            "expected a list of strings, found [1]");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"colour\": 1}}",
            "FILE: stored.colour: unknown option");
    refused("{" COMMON ", \"stored\": {\"path\": \"/p\", \"entries\": {}}}",
            "FILE: stored.entries: expected a list, found {}");
    refused("{" COMMON ", \"stored\": 5}", "FILE: stored: expected an object, found number");
    refused("{" COMMON ", \"shop\": {}}", "FILE: shop: unknown section");
    refused("{\"common\": {\"run_dir\": \"/r\", \"schemas_dir\": \"/s\", \"log_level\": \"loud\"},"
            "\"stored\": {\"path\": \"\"}}",
            "common.log_level: expected debug, info, warn or error, found \"loud\"");
    /* All faults are told at once. */
    refused("{\"shop\": {}, \"stored\": {\"number\": 0}}", "stored.number");
    assert_heard(&heard, "shop");
    assert_heard(&heard, "common.run_dir");
}

static void test_reload(void **state)
{
    (void)state;
    struct config *c = read_text("{" COMMON ", \"stored\": {\"path\": \"/old\"}}");
    struct test_settings old = settings;
    struct config *d = read_text("{" COMMON ", \"stored\": {\"path\": \"/new\", \"number\": 3}}");
    assert_non_null(c);
    assert_non_null(d);
    config_reload("stored", options, &old, &settings);
    assert_string_equal(old.path, "/old");
    assert_int_equal(old.number, 3);
    config_free(&c);
    config_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
