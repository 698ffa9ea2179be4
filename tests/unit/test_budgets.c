/* SPDX-License-Identifier: Apache-2.0 */
/* What one sender may have: records a second, series and days a day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingestd/budgets.h"

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)
#define TODAY  (20000 * DAY)

static struct budgets *budgets;

static int make(void **state)
{
    (void)state;
    budgets = budgets_new();
    return budgets == NULL ? -1 : 0;
}

static int unmake(void **state)
{
    (void)state;
    budgets_free(&budgets);
    return 0;
}

static struct record_message record(char dest[16], uint32_t number, int64_t t_us)
{
    int length = snprintf(dest, 16, "d%u", (unsigned)number);
    return (struct record_message){.type = slice_of("ping"),
                                   .content = slice_of(""),
                                   .probe = slice_of(""),
                                   .source = slice_of(""),
                                   .dest = {dest, (size_t)length},
                                   .path = slice_of(""),
                                   .t_start_us = t_us};
}

/* One record of a series and time, received at a time of day. */
static enum budget_verdict take(const char *sender, const struct sender_budget *budget,
                                uint32_t series, int64_t t_us, int64_t received_us)
{
    char dest[16];
    const struct record_message r = record(dest, series, t_us);
    return budgets_take(budgets, SENDER_UDP, slice_of(sender), budget, &r, 1, false, received_us,
                        received_us - TODAY);
}

/* So many records of one series at once, so many microseconds later. */
static enum budget_verdict burst(const struct sender_budget *budget, uint32_t count, int64_t at_us)
{
    static struct record_message records[1000];
    char dest[16];
    for (uint32_t i = 0; i < count; i++) {
        records[i] = record(dest, 1, TODAY);
    }
    return budgets_take(budgets, SENDER_HTTPS, slice_of("p"), budget, records, count, false, TODAY,
                        at_us);
}

static void test_records(void **state)
{
    (void)state;
    const struct sender_budget budget = {.records_per_s = 10, .records_burst = 100};
    int64_t at = 5 * SECOND;
    assert_int_equal(burst(&budget, 60, at), BUDGET_WITHIN);
    assert_int_equal(burst(&budget, 60, at), BUDGET_WITHIN); /* 20 are owed */
    assert_int_equal(burst(&budget, 1, at), BUDGET_RECORDS);
    assert_int_equal(burst(&budget, 1, at + 2 * SECOND), BUDGET_RECORDS);
    assert_int_equal(burst(&budget, 1, at + 2 * SECOND + 1), BUDGET_WITHIN);
    assert_int_equal(burst(&budget, 1, at + 2 * SECOND + 2), BUDGET_RECORDS);
    at += 1000000 * SECOND; /* no more than a burst gathers */
    assert_int_equal(burst(&budget, 100, at), BUDGET_WITHIN);
    assert_int_equal(burst(&budget, 1, at), BUDGET_RECORDS);
    const struct sender_budget other = {.records_per_s = 1000000000, .records_burst = 1};
    for (int i = 0; i < 100; i++) { /* larger than the burst, and taken all the same */
        at += SECOND;
        assert_int_equal(burst(&other, 1000, at), BUDGET_WITHIN);
        assert_int_equal(burst(&other, 1, at), BUDGET_RECORDS);
    }
}

/* A document of which a result was taken is taken as a whole, and what it owes is waited for. */
static void test_begun(void **state)
{
    (void)state;
    const struct sender_budget budget = {.records_per_s = 1, .records_burst = 10};
    const struct record_message r = {.t_start_us = TODAY};
    enum budget_verdict verdict = BUDGET_WITHIN;
    for (int i = 0; i < 100; i++) {
        verdict =
            budgets_take(budgets, SENDER_HTTPS, slice_of("p"), &budget, &r, 1, i > 0, TODAY, 0);
        assert_int_equal(verdict, BUDGET_WITHIN);
    }
    assert_int_equal(burst(&budget, 1, 90 * SECOND), BUDGET_RECORDS);
    assert_int_equal(burst(&budget, 1, 91 * SECOND), BUDGET_WITHIN);
}

static void test_no_budget(void **state)
{
    (void)state;
    const struct sender_budget any = {0};
    for (uint32_t i = 0; i < 100000; i++) {
        assert_int_equal(take("a", &any, i, i * DAY, TODAY), BUDGET_WITHIN);
    }
}

/* How many of the series [from, to) are taken. */
static uint32_t taken(const char *sender, const struct sender_budget *budget, uint32_t from,
                      uint32_t to, int64_t received_us)
{
    uint32_t count = 0;
    for (uint32_t i = from; i < to; i++) {
        enum budget_verdict verdict = take(sender, budget, i, TODAY, received_us);
        assert_true(verdict == BUDGET_WITHIN || verdict == BUDGET_SERIES);
        count += verdict == BUDGET_WITHIN;
    }
    return count;
}

static void test_series(void **state)
{
    (void)state;
    static const int64_t most[] = {100, 5000, 70000, 200000};
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
        const struct sender_budget budget = {.series_per_day = most[i]};
        uint32_t n = (uint32_t)most[i], tolerance = n / 50 + 10;
        char sender[8];
        snprintf(sender, sizeof sender, "s%zu", i);
        /* Nearly all of so many, and no more than a quarter of as many again. */
        assert_in_range(taken(sender, &budget, 0, n, TODAY), n - tolerance, n);
        assert_in_range(taken(sender, &budget, 0, 2 * n, TODAY), n - tolerance,
                        n + n / 4 + tolerance);
        /* What is known goes on; another sender and another day have all of it. */
        assert_int_equal(taken(sender, &budget, 0, n / 2, TODAY), n / 2);
        assert_in_range(taken("other", &budget, 0, n, TODAY), n - tolerance, n);
        assert_in_range(taken(sender, &budget, 3 * n, 4 * n, TODAY + DAY), n - tolerance, n);
    }
}

static void test_days(void **state)
{
    (void)state;
    const struct sender_budget budget = {.days_per_day = 3};
    for (int day = 0; day < 5; day++) {
        int64_t t_us = TODAY - day * DAY;
        assert_int_equal(take("a", &budget, 1, t_us, TODAY), day < 3 ? BUDGET_WITHIN : BUDGET_DAYS);
    }
    assert_int_equal(take("a", &budget, 2, TODAY - DAY + 1, TODAY), BUDGET_WITHIN);
    assert_int_equal(take("b", &budget, 1, TODAY - 9 * DAY, TODAY), BUDGET_WITHIN);
    assert_int_equal(take("a", &budget, 1, TODAY - 9 * DAY, TODAY + DAY), BUDGET_WITHIN);
    /* A result of days of which one is too much has none of them. */
    const struct record_message two[] = {{.t_start_us = TODAY - DAY},
                                         {.t_start_us = TODAY - 2 * DAY}};
    const struct sender_budget one = {.days_per_day = 1};
    assert_int_equal(
        budgets_take(budgets, SENDER_UDP, slice_of("c"), &one, two, 2, false, TODAY, 0),
        BUDGET_DAYS);
    assert_int_equal(take("c", &one, 1, TODAY, TODAY), BUDGET_WITHIN);
    const struct sender_budget wider = {.days_per_day = 4}; /* as after a reload */
    for (int day = 0; day < 5; day++) {
        int64_t t_us = TODAY - day * DAY;
        assert_int_equal(take("a", &wider, 1, t_us, TODAY + DAY),
                         day < 4 ? BUDGET_WITHIN : BUDGET_DAYS);
    }
}

/* A forger of addresses makes others be forgotten, at worst; never be refused. */
static void test_many_senders(void **state)
{
    (void)state;
    const struct sender_budget budget = {
        .records_per_s = 10, .records_burst = 10, .series_per_day = 10, .days_per_day = 2};
    for (uint32_t i = 0; i < 50000; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", (unsigned)i);
        assert_int_equal(take(name, &budget, i, TODAY, TODAY + i), BUDGET_WITHIN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records, make, unmake),
        cmocka_unit_test_setup_teardown(test_begun, make, unmake),
        cmocka_unit_test_setup_teardown(test_no_budget, make, unmake),
        cmocka_unit_test_setup_teardown(test_series, make, unmake),
        cmocka_unit_test_setup_teardown(test_days, make, unmake),
        cmocka_unit_test_setup_teardown(test_many_senders, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
