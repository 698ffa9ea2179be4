/* SPDX-License-Identifier: Apache-2.0 */
/* common/pattern.h: what matches, addresses and text, and what LIKE gets to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/pattern.h"
#include "schemas/messages.h"

static bool text_match(const char *pattern, const char *value)
{
    struct pattern p;
    assert_int_equal(pattern_compile(slice_of(pattern), false, &p), 0);
    return pattern_matches(&p, slice_of(value));
}

static bool address_match(const char *pattern, const char *value)
{
    struct pattern p;
    assert_int_equal(pattern_compile(slice_of(pattern), true, &p), 0);
    return pattern_matches(&p, slice_of(value));
}

static void globs(void **state)
{
    (void)state;
    assert_true(text_match("*", ""));
    assert_true(text_match("***", "anything"));
    assert_true(text_match("", ""));
    assert_false(text_match("", "x"));
    assert_false(text_match("?", ""));
    assert_true(text_match("p?ng", "ping"));
    assert_false(text_match("p?ng", "png"));
    assert_false(text_match("P?ng", "ping"));
    assert_true(text_match("http://*", "http://example.net/a"));
    assert_false(text_match("http://*", "https://example.net/a"));
    assert_true(text_match("*AS64501*", "AS64496 AS64501 AS64500"));
    assert_false(text_match("*AS64501*", "AS64496 AS64500"));
    assert_true(text_match("a*b*c", "aXbXbXc"));
    assert_false(text_match("a*b*c", "aXbXbXcX"));
    assert_true(text_match("*ab", "aab"));
    assert_true(text_match("a[b]", "a[b]")); /* no classes */
    assert_false(text_match("a[b]", "ab"));
    assert_true(text_match("a\\*", "a*"));
    assert_false(text_match("a\\*", "a\\bc"));
    assert_false(text_match("a\\*", "abc"));
    assert_true(text_match("http://e.example/\\?x", "http://e.example/?x"));
    assert_false(text_match("http://e.example/\\?x", "http://e.example/ax"));
    assert_true(text_match("*\\?*", "a?b"));
    assert_false(text_match("*\\?*", "aXb"));
    assert_true(text_match("\\\\*", "\\abc"));
    assert_false(text_match("\\\\*", "*"));
    assert_true(text_match("a*\\*", "aXX*"));
    assert_false(text_match("a*\\*", "aXX"));
    assert_true(text_match("\\*\\*", "**"));
    assert_false(text_match("\\*", ""));
    assert_true(text_match("100%_", "100%_"));
    assert_true(text_match("?*", "x"));
    assert_false(text_match("?*", ""));
    assert_true(text_match("*?", "x"));
}

static void characters_not_bytes(void **state)
{
    (void)state;
    assert_true(text_match("Br?cke", "Brücke"));
    assert_true(text_match("?", "€"));
    assert_false(text_match("??", "€"));
    assert_true(text_match("*?e", "aéüe"));
    assert_false(text_match("*??", "é"));
    assert_true(text_match("ü*", "über"));
}

static void addresses(void **state)
{
    (void)state;
    assert_true(address_match("192.0.2.0/24", "192.0.2.7"));
    assert_false(address_match("192.0.2.0/24", "192.0.3.7"));
    assert_false(address_match("0.0.0.0/0", "2001:db8::1"));
    assert_true(address_match("2001:DB8:0::1", "2001:db8::1"));
    assert_true(address_match("2001:db8::1", "2001:0db8::0001"));
    assert_false(address_match("10.0.0.0/8", "probe-7.example.net"));
    assert_true(address_match("10.0.0.0/8", "10.0.0.0/8")); /* no address: compared as text */
    assert_false(address_match("0.0.0.0/0", ""));
    assert_true(address_match("*.example.org", "www.example.org"));
    assert_true(address_match("10.0.*", "10.0.1.7")); /* a glob sees the text */
    /* Elsewhere an address is text like any other. */
    assert_false(text_match("192.0.2.0/24", "192.0.2.7"));
    assert_false(text_match("2001:DB8::1", "2001:db8::1"));
}

static void malformed(void **state)
{
    (void)state;
    struct pattern p;
    static const char *const wrong[] = {"\xff",
                                        "a\xc3",
                                        "\xc0\xaf",
                                        "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80",
                                        "\x80",
                                        "\xe2\x82",
                                        "\xf8\x88\x80\x80\x80",
                                        "\\",
                                        "a\\",
                                        "a\\b",
                                        "\\\\\\",
                                        "*\\[",
                                        "10.0.0.0/33",
                                        "10.0.0.0/",
                                        "10.0.0.0/x",
                                        "2001:db8::/129"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pattern_compile(slice_of(wrong[i]), true, &p), -1);
    }
    assert_int_equal(pattern_compile((struct slice){"a\0b", 3}, false, &p), -1);
    assert_int_equal(pattern_compile((struct slice){NULL, 0}, false, &p), -1);
    static const char *const good[] = {"é", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xe0\xa0\x80"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(pattern_compile(slice_of(good[i]), true, &p), 0);
    }

    char *longest = malloc(LIMIT_DIMENSION_BYTES + 1);
    assert_non_null(longest);
    memset(longest, 'x', LIMIT_DIMENSION_BYTES + 1);
    assert_int_equal(pattern_compile((struct slice){longest, LIMIT_DIMENSION_BYTES}, false, &p), 0);
    assert_int_equal(pattern_compile((struct slice){longest, LIMIT_DIMENSION_BYTES + 1}, false, &p),
                     -1);
    free(longest);
}

/* What was published when a backslash was text, and a prefix that cannot be too. */
static void kept(void **state)
{
    static const struct {
        const char *pattern, *value;
        bool matches;
    } examples[] = {{"a\\b", "a\\b", true},
                    {"a\\b", "ab", false},
                    {"a\\b*", "a\\bc", true},
                    {"*\\", "a\\", true},
                    {"10.0.0.0/33", "10.0.0.1", false},
                    {"10.0.0.0/33", "10.0.0.0/33", true}};
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct pattern p;
        assert_int_equal(pattern_compile(slice_of(examples[i].pattern), true, &p), -1);
        assert_int_equal(pattern_compile_kept(slice_of(examples[i].pattern), true, &p), 0);
        assert_int_equal(pattern_matches(&p, slice_of(examples[i].value)), examples[i].matches);
    }
}

/* The obvious definition, to compare with. */
static bool slow_match(const char *p, const char *v)
{
    if (*p == '\0') {
        return *v == '\0';
    }
    if (*p == '*') {
        return slow_match(p + 1, v) || (*v != '\0' && slow_match(p, v + 1));
    }
    if (*p == '\\') {
        return *v == p[1] && slow_match(p + 2, v + 1);
    }
    return *v != '\0' && (*p == '?' || *p == *v) && slow_match(p + 1, v + 1);
}

static void random_against_definition(void **state)
{
    (void)state;
    uint64_t seed = 1442695040888963407U;
    int matches = 0;
    for (int i = 0; i < 200000; i++) {
        char p[8] = "";
        char v[8] = "";
        for (int k = 0; k < 7; k++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            p[k] = "ab*?*\0a"[(seed >> 33) % 7];
            v[k] = "aab\0*a"[(seed >> 43) % 6];
            if (k > 0 && p[k - 1] == 'b' && (p[k] == '*' || p[k] == '?')) {
                p[k - 1] = '\\';
            }
        }
        p[7] = v[7] = '\0';
        bool expected = slow_match(p, v);
        if (text_match(p, v) != expected) {
            fail_msg("pattern \"%s\", value \"%s\": expected %d", p, v, expected);
        }
        matches += expected;
    }
    assert_true(matches > 10000 && matches < 190000);
}

static void assert_like(struct arena *a, const char *pattern, bool is_address, const char *expected)
{
    struct pattern p;
    assert_int_equal(pattern_compile(slice_of(pattern), is_address, &p), 0);
    struct slice like = pattern_like(a, &p);
    assert_non_null(like.at);
    assert_string_equal(like.at, expected);
    assert_int_equal(like.len, strlen(expected));
}

static void like(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 16);
    assert_non_null(a);
    assert_like(a, "a*b?c", false, "a%b_c");
    assert_like(a, "100%_\\*", false, "100\\%\\_\\*");
    assert_like(a, "*\\?\\\\", false, "%\\?\\\\");
    assert_like(a, "**", false, "%%");
    assert_like(a, "50%", false, "50\\%");
    assert_like(a, "10.0.0.0/8", true, "10.0.0.0/8");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globs),     cmocka_unit_test(characters_not_bytes),
        cmocka_unit_test(addresses), cmocka_unit_test(malformed),
        cmocka_unit_test(kept),      cmocka_unit_test(random_against_definition),
        cmocka_unit_test(like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
