/* A file's bytes into results: the same however they are cut into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingestd/drop_split.h"

/* What comes of the text given `step` bytes at a time: "LINE:ITEM|" each, then "end" or the fault.
 */
static void split(char *out, size_t size, const char *text, bool lines, size_t max, size_t step)
{
    struct drop_split *s = drop_split_new(lines, max);
    size_t at = 0, used = 0, length = strlen(text);
    enum drop_split_result result = DROP_SPLIT_MORE;
    assert_non_null(s);
    while (result == DROP_SPLIT_MORE) {
        size_t n = length - at < step ? length - at : step;
        struct slice bytes = {text + at, n}, item;
        uint64_t line;
        while ((result = drop_split_next(s, &bytes, n == 0, &item, &line)) == DROP_SPLIT_ITEM) {
            used += (size_t)snprintf(out + used, size - used, "%d:%.*s|", (int)line, (int)item.len,
                                     item.at);
        }
        at += n;
    }
    uint64_t line;
    const char *fault = drop_split_fault(s, &line);
    if (result == DROP_SPLIT_END) {
        snprintf(out + used, size - used, "end");
    } else {
        snprintf(out + used, size - used, "%d!%s", (int)line, fault);
    }
    drop_split_free(&s);
}

struct example {
    const char *text;
    bool lines;
    const char *expected;
};

static const struct example examples[] = {
    {"", true, "end"},
    {"", false, "end"},
    {" \n\t\r\n", false, "end"},
    {"{}\n{\"a\": 1}\n", true, "1:{}|2:{\"a\": 1}|end"},
    {"{}\r\n\n  \n x\n[", true, "1:{}\r|4:x|5:[|end"},
    {"{}{\"a\": \"}{\"}\n\n{\"b\": [{}]}", false, "1:{}|1:{\"a\": \"}{\"}|3:{\"b\": [{}]}|end"},
    {"{\"a\": \"\\\"}\"}", false, "1:{\"a\": \"\\\"}\"}|end"},
    {"{\"a\": \"\\\\\"}{}", false, "1:{\"a\": \"\\\\\"}|1:{}|end"},
    {"[{}, {\"a\": [1, 2]},\n{\"b\": \"]\"}]\n", false,
     "1:{}|1:{\"a\": [1, 2]}|2:{\"b\": \"]\"}|end"},
    {"[]", false, "end"},
    {" [ ] ", false, "end"},
    {"[[1], {}]", false, "1:[1]|1:{}|end"},
    {"{\n\"a\":\n1}\n{}", false, "1:{\n\"a\":\n1}|4:{}|end"},
    {"{\"a\": 1", false, "1!the file ends within a result"},
    {"[{}", false, "1:{}|1!the file ends within the array"},
    {"[{},", false, "1:{}|1!the file ends within the array"},
    {"[{},]", false, "1:{}|1!expected \"{\" where a result begins"},
    {"[,{}]", false, "1!expected one comma between the results of the array"},
    {"[{} {}]", false, "1:{}|1!expected one comma between the results of the array"},
    {"[{},,{}]", false, "1:{}|1!expected one comma between the results of the array"},
    {"[{}] x", false, "1:{}|1!expected nothing after the end of the array"},
    {"{}\nnull", false, "1:{}|2!expected \"{\" where a result begins"},
    {"[1]", false, "1!expected \"{\" where a result begins"},
    {"{\"long\": \"0123456789012345678901234567890123456789\"}", false,
     "1!expected smaller results"},
    {"{}\n0123456789012345678901234567890123456789", true, "1:{}|2!expected smaller results"},
};

static void test_examples(void **state)
{
    char out[1000];
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        for (size_t step = 1; step < 60; step++) {
            split(out, sizeof out, examples[i].text, examples[i].lines, 30, step);
            assert_string_equal(out, examples[i].expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
