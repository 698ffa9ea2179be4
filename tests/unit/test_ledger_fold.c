/* SPDX-License-Identifier: Apache-2.0 */
/* stored/ledger_fold: a database that is not there is not asked all the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "stored/beside/beside.h"
#include "stored/beside/ledger_fold.h"

#define SECOND INT64_C(1000000)

uint64_t store_counters[STORE_COUNTER_COUNT]; /* main.c's */

static void test_backs_off_however_many_entries(void **state)
{
    (void)state;
    const struct store_settings settings = {.database = "host=/nonexistent dbname=ezrepo"};
    struct store store = {.settings = &settings, .ledger = {.entries = 1000000}};
    struct ledger_fold *fold = ledger_fold_new(&store);
    assert_non_null(fold);
    for (int64_t clock_us = 100 * SECOND; clock_us < 160 * SECOND; clock_us += SECOND / 10) {
        ledger_fold_go_on(fold, clock_us);
    }
    assert_in_range(store_counters[COUNT_DATABASE_ERRORS], 2, 6);
    assert_int_equal(store.ledger.entries, 1000000);
    beside_free_all(&store);
}

int main(void)
{
    log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_backs_off_however_many_entries)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
