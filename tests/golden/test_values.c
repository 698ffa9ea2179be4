/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane/values.json: 142 values as the SDK reads and writes them. Texts ("in") are read here;
 * values that the SDK's own programs hand over ("native", as Python shows them) are written as
 * their JSON would be. Where we differ stands in the tables, with the reason.
 */
#include "tests/golden/mplane_vectors.h"

#include "common/mplane/value.h"

static const struct value_difference {
    const char *primitive, *text;
    const char *expected; /* NULL: refused; "*": null */
    const char *reason;
} differences[] = {
    {"natural", "18446744073709551615", "18446744073709551615", "nothing is rounded"},
    {"natural", "9007199254740993", "9007199254740993", "nothing is rounded"},
    {"boolean", "true", "True", "clear; the specification's JSON has it so"},
    {"boolean", "false", "False", "clear; the specification's JSON has it so"},
    {"time", "2013-07-30T23:19:42", "2013-07-30 23:19:42.000000",
     "RFC 3339; the SDK drops the time of day"},
    {"time", "2013-07-30 23:19:42.1234567", "2013-07-30 23:19:42.123456",
     "the microsecond is kept"},
    {"time", "*", "*", "null, as for the other types"},
    {"time", "None", "*", "what the SDK's supervisor makes of null"},
    {"(duration)", "", NULL, "no duration; the SDK reads 0s"},
    {"(duration)", "5", NULL, "no unit; the SDK reads 0s"},
    {"(duration)", "1s1m", NULL, "units out of order; the SDK drops the second"},
    {"(duration)", "garbage", NULL, "no duration; the SDK reads 0s"},
    {"(duration)", "1.5s", NULL, "no duration; the SDK reads 0s"},
};
#define DIFFERENCES (sizeof differences / sizeof differences[0])

static const struct value_difference natives[] = {
    {"natural", "True", NULL, "no number"},
    {"natural", "1.0", "1", "a natural is written as one"},
    {"real", "5", "5.0", "a real is written as one"},
    {"boolean", "1", "True", "a boolean is written as one"},
    {"time", "None", "*", "null; how it is sent depends on where"},
};
#define NATIVES (sizeof natives / sizeof natives[0])

static const struct value_difference *find(const struct value_difference *table, size_t count,
                                           struct slice primitive, struct slice text)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is(primitive, table[i].primitive) && slice_is(text, table[i].text)) {
            return &table[i];
        }
    }
    return NULL;
}

/* Reads a text and compares what becomes of it; expected.at NULL: it must be refused. */
static void check(struct arena *a, enum primitive primitive, struct slice in, struct slice expected)
{
    struct value v, again;
    char error[200] = "";
    int status = value_parse(a, primitive, in, &v, error, sizeof error);
    if (expected.at == NULL) {
        if (status != -1) {
            fail_msg("type %d: \"%.*s\" accepted", (int)primitive, (int)in.len, in.at);
        }
        assert_true(strlen(error) > 0);
        return;
    }
    if (status == -1) {
        fail_msg("type %d: \"%.*s\": %s", (int)primitive, (int)in.len, in.at, error);
    }
    vectors_equal(v.text, expected, in);
    assert_int_equal(v.null, slice_is(expected, "*"));
    assert_int_equal(value_parse(a, primitive, v.text, &again, error, sizeof error), 0);
    vectors_equal(again.text, v.text, in);
}

/* The address inside "IPv4Address('192.0.2.1')", the time inside "datetime.datetime(2016, 1, 1, 0,
 * 0)". */
static struct slice unwrapped(struct arena *a, struct slice native)
{
    int part[7] = {0};
    const char *quote = memchr(native.at, '\'', native.len);
    if (slice_starts(native, "IPv") && quote != NULL) {
        return (struct slice){quote + 1, native.len - (size_t)(quote + 1 - native.at) - 2};
    }
    if (slice_starts(native, "datetime.datetime(")) {
        assert_in_range(sscanf(native.at, "datetime.datetime(%d, %d, %d, %d, %d, %d, %d)", &part[0],
                               &part[1], &part[2], &part[3], &part[4], &part[5], &part[6]),
                        5, 7);
        return slice_of(arena_printf(a, "%d-%d-%d %d:%d:%d.%06d", part[0], part[1], part[2],
                                     part[3], part[4], part[5], part[6]));
    }
    return native;
}

/* A duration as part of a scope. */
static void check_rendered(struct arena *a, const struct when *w, struct slice expected)
{
    struct slice text = when_text(a, w);
    assert_true(slice_starts(text, "now + "));
    vectors_equal((struct slice){text.at + 6, text.len - 6}, expected, text);
}

static void check_native_duration(struct arena *a, const struct json *c)
{
    struct when w = {.start = WHEN_AT_NOW, .has_duration = true};
    w.duration_us = (int64_t)(strtod(json_get(c, "native")->text.at, NULL) * 1e6);
    check_rendered(a, &w, vectors_text(c, "out"));
}

static void check_duration(struct arena *a, const struct json *c, const struct value_difference *d)
{
    struct slice in = vectors_text(c, "in");
    struct when w;
    char error[200];
    const char *scope = arena_printf(a, "now + %.*s", (int)in.len, in.at);
    int status = when_parse(slice_of(scope), &w, error, sizeof error);
    assert_int_equal(status, d == NULL ? 0 : -1);
    if (d == NULL) {
        assert_true(strtod(json_get(c, "seconds")->text.at, NULL) == (double)w.duration_us / 1e6);
        check_rendered(a, &w, vectors_text(c, "out"));
    }
}

/* True when the case is one of our differences. */
static bool check_native(struct arena *a, const struct json *c)
{
    struct slice prim = vectors_text(c, "prim");
    if (slice_is(prim, "(duration)")) {
        check_native_duration(a, c);
        return false;
    }
    struct slice native = vectors_text(c, "native");
    const struct value_difference *d = find(natives, NATIVES, prim, native);
    enum primitive primitive = primitive_parse(prim);
    const struct json *out = json_get(c, "out");
    if (d != NULL) {
        struct slice in = slice_is(native, "None") ? (struct slice){NULL, 0} : native;
        check(a, primitive, in, slice_of(d->expected));
    } else if (out->type == JSON_ARRAY) {
        for (const struct json *e = out->first; e != NULL; e = e->next) {
            assert_non_null(memmem(native.at, native.len, e->text.at, e->text.len));
            check(a, primitive, e->text, e->text);
        }
    } else if (slice_is(native, "None")) {
        check(a, primitive, (struct slice){NULL, 0}, out->text);
        assert_true(value_null_is_text(primitive));
    } else {
        check(a, primitive, unwrapped(a, native), out->text);
    }
    return d != NULL;
}

static void test_values(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 << 20);
    size_t texts = 0, different = 0, handed_over = 0, differently = 0;
    const struct json *cases = vectors_cases(a, "values.json", 142);
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        if (json_get(c, "in") == NULL) {
            handed_over++;
            differently += check_native(a, c);
            continue;
        }
        struct slice prim = vectors_text(c, "prim"), in = vectors_text(c, "in");
        const struct value_difference *d = find(differences, DIFFERENCES, prim, in);
        texts++;
        different += d != NULL;
        if (slice_is(prim, "(duration)")) {
            check_duration(a, c, d);
            continue;
        }
        struct slice out = {NULL, 0};
        if (json_get(c, "error") == NULL) {
            out = vectors_text(c, "out");
        }
        check(a, primitive_parse(prim), in, d == NULL ? out : slice_of(d->expected));
    }
    assert_int_equal(texts, 104);
    assert_int_equal(handed_over, 38);
    assert_int_equal(different, DIFFERENCES);
    assert_int_equal(differently, NATIVES);
    assert_false(value_null_is_text(PRIMITIVE_TIME));
    arena_free(&a);
}

/* What the vectors leave open. */
static void test_more_values(void **state)
{
    (void)state;
    static const struct {
        enum primitive primitive;
        const char *in, *out;
    } cases[] = {
        {PRIMITIVE_NATURAL, "-0.9", "0"},
        {PRIMITIVE_NATURAL, "000", "0"},
        {PRIMITIVE_NATURAL, "0.0123e3", "12"},
        {PRIMITIVE_NATURAL, "12e-9999999999999999999", "0"},
        {PRIMITIVE_NATURAL, "1e400", NULL},
        {PRIMITIVE_NATURAL, "1e99999999999999999999", NULL},
        {PRIMITIVE_NATURAL, "1__0", NULL},
        {PRIMITIVE_NATURAL, "_1", NULL},
        {PRIMITIVE_NATURAL, "1e", NULL},
        {PRIMITIVE_NATURAL, ".", NULL},
        {PRIMITIVE_NATURAL, "5.", "5"},
        {PRIMITIVE_REAL, ".5", "0.5"},
        {PRIMITIVE_REAL, "-0", "-0.0"},
        {PRIMITIVE_REAL, "1e15", "1000000000000000.0"},
        {PRIMITIVE_REAL, "1e16", "1e+16"},
        {PRIMITIVE_REAL, "0.0001", "0.0001"},
        {PRIMITIVE_REAL, "0.00001", "1e-05"},
        {PRIMITIVE_REAL, "5e-324", "5e-324"},
        {PRIMITIVE_REAL, "1.7976931348623157e308", "1.7976931348623157e+308"},
        {PRIMITIVE_REAL, "+Infinity", "inf"},
        {PRIMITIVE_REAL, "0x10", NULL},
        {PRIMITIVE_ADDRESS, "fe80::1%", NULL},
        {PRIMITIVE_ADDRESS, "192.0.2.1%eth0", NULL},
        {PRIMITIVE_ADDRESS, "::192.0.2.1", "::c000:201"},
        {PRIMITIVE_NONE, "x", NULL},
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(a, cases[i].primitive, slice_of(cases[i].in), slice_of(cases[i].out));
    }
    arena_free(&a);
}

/* Everything finds no place in an arena that is full, and says so. */
static void test_full(void **state)
{
    (void)state;
    struct value v;
    char error[100];
    struct arena *a = arena_new(1);
    assert_int_equal(
        value_parse(a, PRIMITIVE_NATURAL, slice_of("12345678"), &v, error, sizeof error), -1);
    assert_string_equal(error, "too large");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_more_values),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
