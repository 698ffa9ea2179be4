/* SPDX-License-Identifier: Apache-2.0 */
/* common/config.h: presets, every kind of fault with its place, what a reload takes over. */
#include "tests/unit/heard.h"

#include <stdlib.h>

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

static const struct config_section section = {"stored", options, NULL};

static struct config_common common;
static struct test_settings settings;

#define COMMON "\"common\": {\"run_dir\": \"/r\", \"schemas_dir\": \"/s\"}"

/* Reads the text; what it wrote to standard error is in `heard`. */
static struct heard heard;
static struct config *read_text(const char *text)
{
    heard_begin(&heard);
    struct config *c = config_read_bytes("FILE", slice_of(text), &common, &section, &settings);
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
    refused("{" COMMON ", \"stored\": {}}", "FILE: stored.path: expected a string, found nothing");
    refused("{" COMMON ", \"stored\": {\"path\": 1}}",
            "FILE: stored.path: expected a string, found 1");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"number\": 11}}",
            "FILE: stored.number: expected an integer 1..10, found 11");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"number\": \"x\"}}",
            "expected an integer 1..10, found \"x\"");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"number\": 1.5}}", "found 1.5");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"flag\": 1}}", "expected true or false");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"list\": [1]}}",
            "FILE: stored.list[0]: expected a string, found 1");
    refused("{" COMMON ", \"stored\": {\"path\": \"\", \"colour\": 1}}",
            "FILE: stored.colour: unknown option");
    refused("{" COMMON ", \"stored\": {\"path\": \"/p\", \"entries\": {}}}",
            "FILE: stored.entries: expected a list, found object");
    refused("{" COMMON ", \"stored\": 5}", "FILE: stored: expected an object, found 5");
    refused("{" COMMON ", \"shop\": {}}",
            "FILE: shop: unknown, expected one of common ingestd socketd classifyd stored queryd "
            "mplane-gw ingest-gw webd alertd reasond");
    refused("{\"common\": {\"run_dir\": \"/r\", \"schemas_dir\": \"/s\", \"log_level\": \"loud\"},"
            "\"stored\": {\"path\": \"\"}}",
            "common.log_level: expected one of debug info warn error, found \"loud\"");
    /* All faults are told at once. */
    refused("{\"shop\": {}, \"stored\": {\"number\": 0}}", "stored.number");
    assert_heard(&heard, "shop");
    assert_heard(&heard, "common.run_dir");
    assert_heard(&heard, "stored.path");
    refused("{\"stored\": [1, 2]}", "FILE: stored: expected an object, found array");
    assert_null(strstr(heard.text, "stored["));
}

/* Whatever stands where, as long as it looks like what holds a password. */
static void test_passwords_are_not_shown(void **state)
{
    static const char *const values[] = {
        "\"host=db s3cret\"",
        "\"postgresql://a:s3cret@db\"",
        "\"a\\u0000 s3cret\"",
        "{\"s3cret\": 1}",
        "[[\"s3cret\"], \"password s3cret\", \"b@s3cret\\u0000\"]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[1200];
        snprintf(text, sizeof text,
                 "{\"common\": {\"log_level\": %s, \"user\": %s}, \"stored\": {\"path\": [%s], "
                 "\"number\": %s, \"flag\": %s, \"object\": [%s], \"password=s3cret\": %s}}",
                 values[i], values[i], values[i], values[i], values[i], values[i], values[i]);
        assert_null(read_text(text));
        assert_heard(&heard, "stored.number: expected");
        assert_heard(&heard, "stored.(not shown): unknown option");
        if (strstr(heard.text, "s3cret") != NULL) {
            fail_msg("%s", heard.text);
        }
    }
}

/* The options of one file; what check() says is told as well, and what is at fault has its preset.
 */
static int check(struct document *d, const struct config_common *c, const void *checked)
{
    const struct test_settings *s = checked;
    assert_ptr_equal(c, &common);
    assert_int_equal(s->number, 7);
    assert_null(s->path);
    assert_int_equal(s->list.count, 2);
    document_fault_in(d, "stored.other", "expected something else");
    return 0;
}

static void test_faults_of_both_kinds(void **state)
{
    static const struct config_section checked = {"stored", options, check};
    char file[] = "/tmp/ezconf.XXXXXX", said[100];
    int fd = mkstemp(file);
    (void)state;
    assert_true(fd != -1);
    static const char text[] =
        "{" COMMON ", \"stored\": {\"path\": 1, \"number\": 0, \"list\": [1]}}";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    heard_begin(&heard);
    assert_null(config_read(file, &common, &checked, &settings));
    heard_end(&heard);
    unlink(file);
    snprintf(said, sizeof said, "%s: stored.path: expected a string, found 1\n", file);
    assert_heard(&heard, said);
    assert_heard(&heard, "stored.number: expected an integer 1..10, found 0\n");
    assert_heard(&heard, "stored.list[0]: expected a string, found 1\n");
    snprintf(said, sizeof said, "%s: stored.other: expected something else\n", file);
    assert_heard(&heard, said);
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
        cmocka_unit_test(test_passwords_are_not_shown),
        cmocka_unit_test(test_faults_of_both_kinds),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
