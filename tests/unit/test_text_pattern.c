/* SPDX-License-Identifier: Apache-2.0 */
/* common/formats/text_pattern.h: what fits, which text each field has, what is no pattern. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/formats/text_pattern.h"

static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = arena_new(1 << 24);
    return arena == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct text_pattern *compile(const char *text)
{
    char why[TEXT_PATTERN_WHY];
    struct text_pattern *p = text_pattern_compile(arena, slice_of(text), why);
    if (p == NULL) {
        fail_msg("%s: %s", text, why);
    }
    return p;
}

/* "name=value|" of each field that is there; "no" when the pattern does not fit. */
static void match(const char *text, struct slice line, bool whole, char *out, size_t size)
{
    struct text_pattern *p = compile(text);
    struct slice values[TEXT_PATTERN_FIELDS];
    /* Exactly as much as it asks for, with what was in it before. */
    size_t words = text_pattern_room(p, line.len), used = 0;
    uint64_t *room = malloc(words * sizeof *room);
    assert_non_null(room);
    memset(room, 0xa5, words * sizeof *room);
    out[0] = '\0';
    if (!text_pattern_match(p, line, whole, room, values)) {
        snprintf(out, size, "no");
    } else {
        for (uint32_t i = 0; i < text_pattern_field_count(p); i++) {
            struct slice name = text_pattern_field_name(p, i);
            if (values[i].at != NULL) {
                used += (size_t)snprintf(out + used, size - used, "%.*s=%.*s|", (int)name.len,
                                         name.at, (int)values[i].len, values[i].at);
            }
        }
    }
    free(room);
}

struct match_example {
    const char *pattern, *line, *expected;
};

static void match_all(const struct match_example *examples, size_t n, bool whole)
{
    for (size_t i = 0; i < n; i++) {
        char out[1000];
        match(examples[i].pattern, slice_of(examples[i].line), whole, out, sizeof out);
        if (strcmp(out, examples[i].expected) != 0) {
            fail_msg("%s: %s: expected %s, found %s", examples[i].pattern, examples[i].line,
                     examples[i].expected, out);
        }
    }
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void test_kinds(void **state)
{
    static const struct match_example examples[] = {
        {"{a:name}", "Az-09", "a=Az-09|"},
        {"{a:name}", "a.b", "no"},
        {"{a:name}", "", "no"},
        {"{a:word}", "a.b(\xc3\xa9)", "a=a.b(\xc3\xa9)|"},
        {"{a}", "a.b", "a=a.b|"},
        {"{a}", "a b", "no"},
        {"{a}", "a\vb", "no"},
        {"{a:int}", "-12", "a=-12|"},
        {"{a:int}", "12", "a=12|"},
        {"{a:int}", "-", "no"},
        {"{a:int}", "1-2", "no"},
        {"{a:int}", "--1", "no"},
        {"{a:int}", "1.5", "no"},
        {"{a:int}", "\xd9\xa1", "no"}, /* a digit elsewhere */
        {"{a:num}", "-1.5", "a=-1.5|"},
        {"{a:num}", ".5.", "a=.5.|"},
        {"{a:num}", "1e5", "no"},
        {"{a:host}", "a.b:[1]", "a=a.b:[1]|"},
        {"{a:host}", "a(b", "no"},
        {"{a:rest}", "", "a=|"},
        {"{a:rest}", " a\tb ", "a= a\tb |"},
        {"{a:numbers}", "1.5 -\t -2  3", "a=1.5 -\t -2  3|"},
        {"{a:numbers}", "-", "a=-|"},
        {"{a:numbers}", "-1", "a=-1|"},
        {"{a:numbers}", "- -", "a=- -|"},
        {"{a:numbers}", "1 ", "no"},
        {"{a:numbers}", " 1", "no"},
        {"{a:numbers}", "1 x", "no"},
        {"{a:numbers}", "1 -- 2", "no"},
        {"{a:numbers}", "1-2", "no"},
        {"{a:numbers}", "", "no"},
        {"{:word} {}", "a b", ""},
    };
    (void)state;
    match_all(examples, COUNT(examples), true);
}

static void test_literals(void **state)
{
    static const struct match_example examples[] = {
        {"abc", "abc", ""},
        {"abc", "ab", "no"},
        {"abc", "abcd", "no"},
        {"abc", "xabc", "no"},
        {"a b", "a \t  b", ""},
        {"a b", "ab", "no"},
        {"a  b", "a b", "no"}, /* each blank is at least one */
        {"a  b", "a  b", ""},
        {" a", "a", "no"},
        {"\\[\\{\\}\\]\\\\\\a", "[{}]\\a", ""},
        {"\xc3\xa9\\\xc3\xa9{x:int}",
         "\xc3\xa9\xc3\xa9"
         "5",
         "x=5|"},
        {"(.*)$^?+|", "(.*)$^?+|", ""},
    };
    (void)state;
    match_all(examples, COUNT(examples), true);
}

/* As greedy as what follows allows. */
static void test_greed(void **state)
{
    static const struct match_example examples[] = {
        {"{a}:{b}", "x:y:z", "a=x:y|b=z|"},
        {"{a:name}-{b:name}", "x-y-z", "a=x-y|b=z|"},
        {"{a:int}-{b:int}", "12-34", "a=12|b=34|"},
        {"{a:int}{b:int}", "123", "a=12|b=3|"},
        {"{a:int}{b:int}", "1-3", "a=1|b=-3|"},
        {"{a:num}{b:num}{c:num}", "1.2.3", "a=1.2|b=.|c=3|"},
        {"{a:rest} {b:rest}", "x y  z", "a=x y |b=z|"},
        {"{a:rest}{b:rest}", "xy", "a=xy|b=|"},
        {"{a}{b}", "x\xc3\xa9", "a=x|b=\xc3\xa9|"}, /* no character is cut */
        {"{a}{b}", "\xf0\x9f\x98\x80", "no"},
        {"{a:numbers} {b:rest}", "1 2 - 3 x", "a=1 2 - 3|b=x|"},
        {"{a:numbers} {b:num}", "1 2 3", "a=1 2|b=3|"},
        {"{a:numbers}{b:num}", "1 23", "a=1 2|b=3|"},
        {"{a:numbers}{b:rest}", "1 -2 3", "a=1 -2 3|b=|"},
        {"{a:numbers}0", "1 00", "a=1 0|"},
        {"{a} ({b:host})", "x (y)", "a=x|b=y|"},
        {"{a}: {b:rest}", "::1: x: y", "a=::1|b=x: y|"},
    };
    (void)state;
    match_all(examples, COUNT(examples), true);
}

static void test_parts(void **state)
{
    static const struct match_example examples[] = {
        {"a[b]c", "abc", ""},
        {"a[b]c", "ac", ""},
        {"a[b]c", "abbc", "no"},
        {"[ ]{a:int}", "  7", "a=7|"},
        {"[ ]{a:int}", "7", "a=7|"},
        {"{a}[ ({b} ms)]", "x (1 ms)", "a=x|b=1|"},
        {"{a}[ ({b} ms)]", "x", "a=x|"},
        {"x[{a:int}][{b:int}]", "x1", "a=1|"},
        {"x[{a:int}][{b:int}]", "x12", "a=12|"},
        {"x[{a:int}]{b:int}", "x1", "b=1|"}, /* the part is left out where nothing is left */
        {"x[, {a:int}[/{b:int}[/{c:int}]]]", "x, 1/2", "a=1|b=2|"},
        {"x[, {a:int}[/{b:int}[/{c:int}]]]", "x, 1/2/3", "a=1|b=2|c=3|"},
        {"x[, {a:int}[/{b:int}[/{c:int}]]]", "x/2", "no"},
        {"[a]b[c]", "b", ""},
        {"[{a:rest}]", "", "a=|"},
        {"[\\[{t:num}\\] ]{h} : {r:rest}", "[1.5] h : x", "t=1.5|h=h|r=x|"},
        {"[\\[{t:num}\\] ]{h} : {r:rest}", "h : x", "h=h|r=x|"},
    };
    (void)state;
    match_all(examples, COUNT(examples), true);
}

static void test_beginnings(void **state)
{
    static const struct match_example examples[] = {
        {"abc", "abcd", ""},
        {"abc", "xabc", "no"},
        {"{a:int} ms", "12 ms, more", "a=12|"},
        {"{a}", "x y", "a=x|"},
        {"x[{a:int}]", "x12y", "a=12|"},
        {"x[{a:int}]", "xy", ""},
        {"{a:numbers}", "1 2 x", "a=1 2|"},
        {"\\[{a:num}\\] ", "[1.5] x", "a=1.5|"},
        {"{a:rest}", "x y", "a=x y|"},
        {"x\xc3", "x\xc3\xa9", "no"},
    };
    (void)state;
    match_all(examples, COUNT(examples), false);
}

/* Around the 64 bits of a word, at both ends of each. */
static void test_lengths(void **state)
{
    char line[300], expected[320], out[320];
    (void)state;
    for (size_t n = 1; n < sizeof line - 3; n++) {
        memset(line, '7', n);
        memcpy(line + n, "-x", 3);
        match("{a:int}-x", slice_of(line), true, out, sizeof out);
        snprintf(expected, sizeof expected, "a=%.*s|", (int)n, line);
        assert_string_equal(out, expected);
        match("{a:num}-", slice_of(line), false, out, sizeof out);
        assert_string_equal(out, expected);
    }
}

/* What a reader that tries everything needs years for. */
static void test_time_is_bounded(void **state)
{
    static char line[20000], out[100];
    (void)state;
    memset(line, 'a', sizeof line - 2);
    line[sizeof line - 2] = '!';
    match("{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}{o}{p}{q}{r}x?", slice_of(line), true, out,
          sizeof out);
    assert_string_equal(out, "no");
    match("[{a:rest}][{b:rest}][{c:rest}][{d:rest}][{e:rest}][{f:rest}]{g:int}", slice_of(line),
          true, out, sizeof out);
    assert_string_equal(out, "no");
}

static void refuses(const char *text, const char *expected)
{
    char why[TEXT_PATTERN_WHY] = "";
    assert_null(text_pattern_compile(arena, slice_of(text), why));
    assert_string_equal(why, expected);
}

static void test_refusals(void **state)
{
    (void)state;
    refuses("", "expected a pattern of 1..1024 bytes, found 0");
    refuses("a{b", "expected } behind the { at byte 1 of the pattern");
    refuses("ab}", "expected { before the } (which is written \\} where it is meant) at byte 2 of "
                   "the pattern");
    refuses("a]", "expected [ before the ] (which is written \\] where it is meant) at byte 1 of "
                  "the pattern");
    refuses("a[b", "expected ], which a part ends with, at byte 3 of the pattern");
    refuses("a[]b", "expected something in the brackets at byte 2 of the pattern");
    refuses("ab\\", "expected a character behind the \\ at byte 3 of the pattern");
    refuses("{a:integer}", "expected a kind, one of name word int num host rest numbers, in the "
                           "field at byte 0 of the pattern");
    refuses("{a:}", "expected a kind, one of name word int num host rest numbers, in the field at "
                    "byte 0 of the pattern");
    refuses("{a-b}", "expected a field's name of letters, digits and _, no digit first, at byte 0 "
                     "of the pattern");
    refuses("{1}", "expected a field's name of letters, digits and _, no digit first, at byte 0 of "
                   "the pattern");
    refuses("{a} {a}", "expected a name that the pattern does not have yet at byte 4 of the "
                       "pattern");
    refuses("[[[[[[[[[a]]]]]]]]]",
            "expected fewer parts within each other at byte 8 of the pattern");
}

static void test_bounds(void **state)
{
    char text[TEXT_PATTERN_BYTES + 2], why[TEXT_PATTERN_WHY];
    (void)state;
    memset(text, 'a', sizeof text);
    assert_non_null(text_pattern_compile(arena, (struct slice){text, TEXT_PATTERN_BYTES}, why));
    assert_null(text_pattern_compile(arena, (struct slice){text, TEXT_PATTERN_BYTES + 1}, why));
    memset(text, ' ', sizeof text);
    assert_non_null(text_pattern_compile(arena, (struct slice){text, TEXT_PATTERN_ELEMENTS}, why));
    assert_null(text_pattern_compile(arena, (struct slice){text, TEXT_PATTERN_ELEMENTS + 1}, why));
    assert_string_equal(why, "expected at most 128 words, blanks, fields and parts");
    size_t used = 0;
    for (int i = 0; i <= TEXT_PATTERN_FIELDS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "{f%d}", i);
    }
    refuses(text, "expected at most 32 fields");
    struct arena *small = arena_new(100);
    assert_null(text_pattern_compile(small, slice_of("a"), why));
    assert_string_equal(why, "out of memory");
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kinds, begin, end),
        cmocka_unit_test_setup_teardown(test_literals, begin, end),
        cmocka_unit_test_setup_teardown(test_greed, begin, end),
        cmocka_unit_test_setup_teardown(test_parts, begin, end),
        cmocka_unit_test_setup_teardown(test_beginnings, begin, end),
        cmocka_unit_test_setup_teardown(test_lengths, begin, end),
        cmocka_unit_test_setup_teardown(test_time_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_bounds, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
