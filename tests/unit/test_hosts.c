/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which servers are asked. */
#include "common/pg/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void lists_are_read(void **state)
{
    struct hosts h;
    (void)state;
    assert_int_equal(hosts_read(&h, "host=a,b,c port=1,2,3 dbname=x"), 0);
    assert_int_equal(h.count, 3);
    assert_string_equal(h.host, "a,b,c");
    assert_string_equal(h.port, "1,2,3");
    assert_null(h.hostaddr);
    hosts_release(&h);
    assert_int_equal(hosts_read(&h, "postgresql://a:1,b:2/x"), 0);
    assert_int_equal(h.count, 2);
    hosts_release(&h);
    assert_int_equal(hosts_read(&h, "dbname=x"), 0);
    assert_int_equal(h.count, 1);
    hosts_release(&h);
    assert_int_equal(hosts_read(&h, "no such = "), -1);
    hosts_release(&h);
}

static void check(const char *list, unsigned by, const char *expected)
{
    char *found = hosts_rotate(list, by);
    assert_string_equal(found, expected);
    free(found);
}

static void lists_are_turned(void **state)
{
    (void)state;
    check("a,b,c", 0, "a,b,c");
    check("a,b,c", 1, "b,c,a");
    check("a,b,c", 2, "c,a,b");
    check("a,b,c", 3, "a,b,c");
    check("/tmp/x,,c", 1, ",c,/tmp/x");
    check("/tmp/x,,c", 2, "c,/tmp/x,");
    assert_null(hosts_rotate("5432", 1));
    assert_null(hosts_rotate(NULL, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(lists_are_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
