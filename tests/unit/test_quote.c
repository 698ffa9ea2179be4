/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of outsiders in a line of a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/quote.h"

static void what_is_not_shown_is_written_out(void **state)
{
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"", "\"\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\x1b[2Jb\n", "\"a\\x1b[2Jb\\x0a\""},
        {"\x7f\xc2\x85\xff", "\"\\x7f\\xc2\\x85\\xff\""},
        {"\xe2\x80\xae"
         "evil",
         "\"\\xe2\\x80\\xae"
         "evil\""}, /* U+202E turns the rest of the line around */
        {"\xe2\x80\x8b\xef\xbb\xbf", "\"\\xe2\\x80\\x8b\\xef\\xbb\\xbf\""},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
         "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(QUOTED(slice_of(cases[i].text)), cases[i].quoted);
    }
}

static void what_is_long_is_cut(void **state)
{
    char text[QUOTE_BYTES + 1];
    (void)state;
    memset(text, '\x01', sizeof text);
    const char *quoted = QUOTED(((struct slice){text, sizeof text}));
    assert_true(strlen(quoted) <= QUOTE_BYTES + 2);
    assert_string_equal(quoted + strlen(quoted) - 4, "...\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_shown_is_written_out),
        cmocka_unit_test(what_is_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
