/* SPDX-License-Identifier: Apache-2.0 */
/* stored's tables when memory is out: what cannot come in is not there, all else is as before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "scarce.h"
#include "schemas/messages.h"
#include "stored/cache/interned.h"
#include "stored/cache/ledger.h"
#include "stored/cache/series.h"
#include "stored/store.h"

#define MANY  300 /* the tables grow several times on the way */
#define STAMP 1

uint64_t store_counters[STORE_COUNTER_COUNT]; /* main.c's */

/* One table, and who is to come into it next. */
struct store_tables {
    struct series_cache series;
    struct interned_cache hops;
    struct ledger ledger;
    char name[16];
};

static bool add_series(void *context)
{
    struct store_tables *t = context;
    const struct record_message r = {
        .type = slice_of("ping"), .source = slice_of(t->name), .dest = slice_of("b")};
    return series_get(&t->series, &r, STAMP) != NULL;
}

static bool add_hops(void *context)
{
    struct store_tables *t = context;
    const struct slice hop = slice_of(t->name);
    return interned_hop_list(&t->hops, &hop, 1, STAMP) != NULL;
}

static bool add_sender(void *context)
{
    struct store_tables *t = context;
    const uint8_t instance[16] = {1};
    return ledger_get(&t->ledger, 7, instance, slice_of(t->name), MANY) != NULL;
}

static unsigned fill(struct store_tables *t, bool (*add)(void *))
{
    unsigned outs = 0;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(t->name, sizeof t->name, "192.0.2.%u", i);
        outs += scarce_until(add, t);
    }
    return outs;
}

static void test_series(void **state)
{
    (void)state;
    struct store_tables t = {.series = {.max = MANY}};
    assert_true(fill(&t, add_series) >= MANY);
    assert_int_equal(series_count(&t.series), MANY);
    assert_int_equal(t.series.unseen_count, MANY);
    assert_int_equal(fill(&t, add_series), 0); /* they are there: no memory is needed */
    series_clear(&t.series);
}

static void test_hops(void **state)
{
    (void)state;
    struct store_tables t = {.hops = {.kind = &interned_hops, .max = MANY}};
    assert_true(fill(&t, add_hops) >= MANY);
    assert_int_equal(HASH_COUNT(t.hops.table), MANY);
    interned_clear(&t.hops);
}

static void test_senders(void **state)
{
    (void)state;
    struct ledger_hour *hour = calloc(1, sizeof *hour);
    struct store_tables t = {.ledger = {.hours = hour}};
    assert_non_null(hour);
    hour->hour = 7;
    ledger_begin(&t.ledger, STAMP);
    assert_true(fill(&t, add_sender) >= MANY);
    assert_int_equal(HASH_COUNT(t.ledger.table), MANY);
    assert_int_equal(hour->senders, MANY);
    assert_int_equal(fill(&t, add_sender), 0);
    ledger_forget(&t.ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_hops),
        cmocka_unit_test(test_senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
