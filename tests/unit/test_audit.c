/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the audit log: what outsiders sent forges no field and no line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/door/audit_line.h"

static void test_fields(void **state)
{
    struct audit_line line = {.used = 0};
    struct slice none = {NULL, 0};
    (void)state;
    audit_line_add(&line, "identity", slice_of("org.example.ann"));
    audit_line_add(&line, "label", none);
    audit_line_add(&line, "token", slice_of(""));
    audit_line_add(&line, "door", slice_of("page"));
    assert_string_equal(line.text, "identity=\"org.example.ann\" door=\"page\"");
    assert_int_equal(line.used, strlen(line.text));
}

static void test_escapes(void **state)
{
    static const struct {
        const char *value, *written;
    } cases[] = {
        {"a\" outcome=\"result", "\"a\\\" outcome=\\\"result\""},
        {"a\nb\tc\x7f", "\"a\\x0ab\\x09c\\x7f\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xff\xc3", "\"\\xff\\xc3\""},
        {"\xc2\x9b"
         "31m",
         "\"\\xc2\\x9b31m\""}, /* a control character of a terminal */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct audit_line line = {.used = 0};
        audit_line_add(&line, "x", slice_of(cases[i].value));
        assert_string_equal(line.text + 2, cases[i].written);
    }
}

static void test_long_values_are_cut(void **state)
{
    char value[3000];
    (void)state;
    memset(value, '"', sizeof value);
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "x", (struct slice){value, sizeof value});
    assert_in_range(line.used, AUDIT_VALUE_BYTES - 8, AUDIT_VALUE_BYTES + 5);
    assert_string_equal(line.text + line.used - 6, "\\\"...\"");
    for (int i = 0; i < 20; i++) {
        audit_line_add(&line, "x", (struct slice){value, sizeof value});
    }
    assert_true(line.used < sizeof line.text);
    assert_int_equal(line.used, strlen(line.text));
    assert_string_equal(line.text + line.used - 6, "\\\"...\""); /* no field is cut itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_long_values_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
