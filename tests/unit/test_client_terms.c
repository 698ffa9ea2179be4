/* SPDX-License-Identifier: Apache-2.0 */
/* Whose certificate ends soon: the last quarter of its life, two weeks at most, until it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/http/client_terms.h"

#define DAY_US (INT64_C(86400) * 1000000)

static struct client_terms t;

static int forget(void **state)
{
    (void)state;
    client_terms_release(&t);
    return 0;
}

static void test_what_is_soon(void **state)
{
    static const struct {
        int64_t begins, ends; /* days from now */
        bool soon;
    } rows[] = {{-351, 14, false}, {-352, 13, true},  {-40, 13, true}, {-39, 13, false},
                {-38, 13, false},  {0, 1, false},     {-3, 1, false},  {-4, 1, true},
                {-365, 0, false},  {-365, -1, false}, {1, 5, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        client_terms_saw(&t, "a", rows[i].begins * DAY_US, rows[i].ends * DAY_US, 0);
        assert_int_equal(client_terms_first(&t, 0) != NULL, rows[i].soon);
        client_terms_release(&t);
    }
}

static void test_another_certificate(void **state)
{
    (void)state;
    client_terms_saw(&t, "a", -100 * DAY_US, 5 * DAY_US, 0);
    client_terms_saw(&t, "b", -100 * DAY_US, 3 * DAY_US, 0);
    client_terms_saw(&t, "a", -100 * DAY_US, 2 * DAY_US, 0);
    assert_string_equal(client_terms_first(&t, 0)->identity, "a");
    assert_int_equal(t.count, 2);
    client_terms_saw(&t, "a", 0, 365 * DAY_US, 0); /* it was renewed */
    assert_string_equal(client_terms_first(&t, 0)->identity, "b");
    assert_null(client_terms_first(&t, 3 * DAY_US));
    assert_int_equal(t.count, 0);
}

static void test_there_may_be_many(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * CLIENT_TERMS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        client_terms_saw(&t, name, -100 * DAY_US, 5 * DAY_US, 0);
    }
    assert_int_equal(t.count, CLIENT_TERMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_what_is_soon, forget),
                                       cmocka_unit_test_teardown(test_another_certificate, forget),
                                       cmocka_unit_test_teardown(test_there_may_be_many, forget)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
