/* SPDX-License-Identifier: Apache-2.0 */
/* stored/rebuild: what is told of differences is UTF-8, wherever a long name was cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stored/beside/rebuild_work.h"

uint64_t store_counters[STORE_COUNTER_COUNT]; /* main.c's */

static void test_cut_names(void **state)
{
    (void)state;
    static struct rebuild_found found;
    rebuild_tell(&found, "name %.4s, at", "xa\xc3\xa9\xc3\xa9");
    rebuild_tell(&found, "name %.3s, at", "xa\xc3\xa9\xc3\xa9");
    assert_string_equal(found.texts[0], "name xa\xc3\xa9, at");
    assert_string_equal(found.texts[1], "name xa?, at");
    rebuild_tell(&found, "%*s\xc3\xa9", (int)sizeof found.texts[0] - 2, "");
    assert_int_equal(found.texts[2][sizeof found.texts[0] - 2], '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
