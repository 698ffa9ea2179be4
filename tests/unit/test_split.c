/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into documents: the same however they are cut into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/split.h"

static bool whole; /* split() says split_whole() */

/* What comes of the text given `step` bytes at a time: "LINE:DOCUMENT|" or "LINE!WHY;PASSED|" each,
 * then "end". */
static void split(char *out, size_t size, struct slice text, bool lines, size_t max, size_t step)
{
    struct split *s = split_new(lines, max);
    size_t at = 0, used = 0;
    enum split_event event = SPLIT_MORE;
    struct split_item i;
    assert_non_null(s);
    if (whole) {
        split_whole(s);
    }
    while (event == SPLIT_MORE) {
        size_t n = text.len - at < step ? text.len - at : step;
        struct slice bytes = {text.at + at, n};
        while ((event = split_next(s, &bytes, n == 0, &i)) == SPLIT_ITEM || event == SPLIT_FAULT) {
            used +=
                (size_t)(event == SPLIT_ITEM ? snprintf(out + used, size - used, "%d:%.*s|",
                                                        (int)i.line, (int)i.bytes.len, i.bytes.at)
                                             : snprintf(out + used, size - used, "%d!%s;%d|",
                                                        (int)i.line, i.why, (int)i.passed));
        }
        at += n;
    }
    snprintf(out + used, size - used, event == SPLIT_END ? "end" : "no memory");
    split_free(&s);
}

struct split_example {
    const char *text;
    bool lines;
    const char *expected;
};

#define BEGIN "expected \"{\" where a document begins"

static const struct split_example examples[] = {
    {"", true, "end"},
    {"", false, "end"},
    {" \n\t\r\n", false, "end"},
    {"{}\n{\"a\": 1}\n", true, "1:{}|2:{\"a\": 1}|end"},
    {"{}\r\n\n  \n x\n[", true, "1:{}|4:x|5:[|end"},
    {"\xef\xbb\xbf{} \n\xef\xbb\xbf{}\n", true, "1:{}|2:{}|end"},
    {"{}{\"a\": \"}{\"}\n\n{\"b\": [{}]}", false, "1:{}|1:{\"a\": \"}{\"}|3:{\"b\": [{}]}|end"},
    {"{\"a\": \"\\\"}\"}", false, "1:{\"a\": \"\\\"}\"}|end"},
    {"{\"a\": \"\\\\\"}{}", false, "1:{\"a\": \"\\\\\"}|1:{}|end"},
    {"[{}, {\"a\": [1, 2]},\n{\"b\": \"]\"}]\n", false,
     "1:{}|1:{\"a\": [1, 2]}|2:{\"b\": \"]\"}|end"},
    {"[]", false, "end"},
    {" [ ] ", false, "end"},
    {"[[1], {}]", false, "1:[1]|1:{}|end"},
    {"{\n\"a\":\n1}\n{}", false, "1:{\n\"a\":\n1}|4:{}|end"},
    {"[{}] [{},{}]\n{}", false, "1:{}|1:{}|1:{}|2:{}|end"},
    {"[{} {}]", false, "1:{}|1:{}|end"},
    {"[{},]", false, "1:{}|end"},
    {"\xef\xbb\xbf{}\xef\xbb\xbf[{}]", false, "1:{}|1:{}|end"},
    /* What is no document is passed over. */
    {"{}\nnull\n{}", false, "1:{}|2!" BEGIN ";5|3:{}|end"},
    {"[{}, null, {}]", false, "1:{}|1!" BEGIN ";6|1:{}|end"},
    {"[1]", false, "1!" BEGIN ";2|end"},
    {"hello {} {}", false, "1!" BEGIN ";6|1:{}|1:{}|end"},
    {"{}]{}", false, "1:{}|1!" BEGIN ", found \"]\";1|1:{}|end"},
    {"{},{}", false, "1:{}|1!" BEGIN ", found a comma;1|1:{}|end"},
    {"{}}{}", false, "1:{}|1!" BEGIN ", found \"}\";1|1:{}|end"},
    {"\xef\xbb{}", false, "1:{}|end"},
    {"\xff\xbb{}", false, "1!" BEGIN ";2|1:{}|end"},
    /* One that is not closed takes none along. */
    {"{\"a\": [1, 2\n{\"b\": 1}\n{}", false,
     "1!expected \"]\", found \"{\" in line 2;12|2:{\"b\": 1}|3:{}|end"},
    {"{\"a\": [1,\n{\"b\": 1}\n{}", false,
     "1!expected \"]\", found \"{\" in line 3;10|2:{\"b\": 1}|3:{}|end"},
    {"{\"a\": [\n}\n{\n  \"b\": {\n  }\n}\n{}", false,
     "1!expected \"]\", found \"}\" in line 2;10|3:{\n  \"b\": {\n  }\n}|7:{}|end"},
    {"{\"a\": [1, 2}{\"b\": {}}{}", false,
     "1!expected \"]\", found \"}\" in line 1;12|1:{\"b\": {}}|1:{}|end"},
    {"[{\"a\": [1, 2}, {\"b\": 1}, {}]", false,
     "1!expected \"]\", found \"}\" in line 1;14|1:{\"b\": 1}|1:{}|end"},
    {"[\n  {\n    \"a\": [\n      {\"b\": 1},\n  },\n  {\n    \"c\": 1\n  }\n]\n", false,
     "2!expected \"]\", found \"}\" in line 5;36|6:{\n    \"c\": 1\n  }|end"},
    {"[\n  {\"a\": 1}, {\n    \"a\": [\n  }, {\n    \"c\": 1\n  }\n]\n", false,
     "2:{\"a\": 1}|2!expected \"]\", found \"}\" in line 4;18|4:{\n    \"c\": 1\n  }|end"},
    {"{\"a\": \"b\n{\"c\": 1}\n", false,
     "1!expected the end of a string, found its line's in line 1;9|2:{\"c\": 1}|end"},
    {"{\"a\": \"b, {\n{}", false,
     "1!expected the end of a string, found its line's in line 1;12|2:{}|end"},
    {"{\"a\": 1", false, "1!expected \"}\", found the end in line 1;7|end"},
    {"{\"a\":\n", false, "1!expected \"}\", found the end in line 2;6|end"},
    {"[{}", false, "1:{}|1!expected the end of the array, found the end;0|end"},
    {"[{},", false, "1:{}|1!expected the end of the array, found the end;0|end"},
    {"[{}, {\"a\"", false, "1:{}|1!expected \"}\", found the end in line 1;4|end"},
    {"{\"long\": \"0123456789012345678901234567890123456789012345\"}\n{}", false,
     "1!expected at most 50 bytes;59|2:{}|end"},
    {"{}\n012345678901234567890123456789012345678901234567890\n{}", true,
     "1:{}|2!expected at most 50 bytes;51|3:{}|end"},
    {"{\"long\": [1, 1,\n{},\n{},\n{}, 1, 1, 1, 1, 1, 1, 1, 1, 1]}", false,
     "1!expected at most 50 bytes;16|2:{}|3:{}|4:{}|4!" BEGIN ";27|end"},
};

static void test_examples(void **state)
{
    char out[1000];
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        for (size_t step = 1; step < 80; step++) {
            split(out, sizeof out, slice_of(examples[i].text), examples[i].lines, 50, step);
            assert_string_equal(out, examples[i].expected);
        }
    }
}

/* Bytes that end within a document: one fault. What stands in it is looked through, or is a part of
 * it. */
static void test_cut(void **state)
{
    static const struct {
        const char *text, *parts, *whole;
    } cut[] = {
        {"{\"a\": [{}, {\"b\": 1}, {\"c\"",
         "1!expected \"}\", found the end in line 1;7|1:{}|1:{\"b\": 1}|end",
         "1!expected \"}\", found the end in line 1;25|end"},
        {"{}[{\"a\": [{\"b\": [{}", "1:{}|1!expected \"]\", found the end in line 1;7|1:{}|end",
         "1:{}|1!expected \"]\", found the end in line 1;16|end"},
        {"{\"a\": [\n{},\n{},\n", "1!expected \"]\", found the end in line 4;8|2:{}|3:{}|end",
         "1!expected \"]\", found the end in line 4;16|end"},
        {"{\"a\": \"b\n{\"c\": \"d",
         "1!expected the end of a string, found its line's in line 1;9|2!expected the end of a "
         "string, found the end in line 2;8|end",
         "1!expected the end of a string, found its line's in line 1;9|2!expected the end of a "
         "string, found the end in line 2;8|end"},
    };
    char out[1000];
    (void)state;
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        for (size_t step = 1; step < 40; step++) {
            whole = false;
            split(out, sizeof out, slice_of(cut[i].text), false, 50, step);
            assert_string_equal(out, cut[i].parts);
            whole = true;
            split(out, sizeof out, slice_of(cut[i].text), false, 50, step);
            assert_string_equal(out, cut[i].whole);
        }
    }
    whole = false;
}

/* As senders in C end their strings. */
static void test_nuls(void **state)
{
    static const char text[] = "{}\0{}\n\0";
    char out[100];
    (void)state;
    split(out, sizeof out, (struct slice){text, sizeof text}, false, 50, 3);
    assert_string_equal(out, "1:{}|1:{}|end");
    split(out, sizeof out, (struct slice){text, sizeof text}, true, 50, 3);
    assert_int_equal(memcmp(out, "1:{}", 4), 0);
}

static void test_depth(void **state)
{
    char text[200], out[300];
    (void)state;
    int n = snprintf(text, sizeof text, "{\"a\":");
    memset(text + n, '[', SPLIT_DEPTH);
    snprintf(text + n + SPLIT_DEPTH, 10, "\n{}");
    split(out, sizeof out, slice_of(text), false, 150, 7);
    assert_string_equal(out, "1!nested deeper than allowed in line 1;70|2:{}|end");
}

/* Documents that fill the window many times, with one in each hundred at fault. */
static void test_many(void **state)
{
    struct split *s = split_new(false, 4096);
    struct split_item item;
    uint64_t found = 0, faults = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"n\": [%d%s}\n", i, i % 100 == 7 ? "" : "]");
        struct slice bytes = slice_of(text);
        enum split_event event;
        while ((event = split_next(s, &bytes, false, &item)) != SPLIT_MORE) {
            assert_true(event == SPLIT_ITEM || event == SPLIT_FAULT);
            found += event == SPLIT_ITEM;
            faults += event == SPLIT_FAULT;
            assert_int_equal(item.number, found + faults);
            assert_int_equal(item.line, item.number);
        }
    }
    assert_int_equal(found, 19800);
    assert_int_equal(faults, 200);
    split_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples), cmocka_unit_test(test_nuls),
                                       cmocka_unit_test(test_depth), cmocka_unit_test(test_cut),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
