/* SPDX-License-Identifier: Apache-2.0 */
/* stored/periods: one rule at a time; the vectors and random sets are in
 * tests/golden/test_periods.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/periods/periods.h"

#define GAP 100

static struct period_record record(int64_t t, int64_t t_end, uint8_t grade)
{
    return (struct period_record){{t, 0}, t_end, grade};
}

static void first_record_opens(void **state)
{
    struct period open = {.grade = 0}, before;
    struct period_record r = record(10, 20, 3);

    (void)state;
    assert_true(period_step(&open, &r, GAP, &before));
    assert_int_equal(before.grade, 0);
    assert_int_equal(open.grade, 3);
    assert_int_equal(open.sum.records, 1);
    assert_int_equal(open.sum.t_end_us, 20);
    assert_int_equal(open.ended, PERIOD_OPEN);
    assert_int_equal(period_event(&before, &open).from, 0);
    assert_int_equal(period_event(NULL, &open).to, 3);
}

static void gap_is_counted_from_the_latest_end(void **state)
{
    struct period open = {{0, 0}, {50, 2}, 5, PERIOD_OPEN}, before;
    struct period_record within = record(150, 150, 5), beyond = record(251, 251, 5);

    (void)state;
    assert_false(period_step(&open, &within, GAP, &before)); /* exactly the gap is none */
    assert_int_equal(open.sum.records, 3);
    assert_true(period_step(&open, &beyond, GAP, &before));
    assert_int_equal(before.ended, PERIOD_GAP);
    assert_int_equal(before.sum.t_end_us, 150);
    assert_int_equal(period_event(&before, &open).from, 0);
}

static void gap_wins_over_grade(void **state)
{
    struct period open = {{0, 0}, {50, 2}, 5, PERIOD_OPEN}, before;
    struct period_record near = record(60, 60, 2), far = record(161, 161, 4);

    (void)state;
    assert_true(period_step(&open, &near, GAP, &before));
    assert_int_equal(before.ended, PERIOD_GRADE);
    assert_int_equal(period_event(&before, &open).from, 5);
    assert_true(period_step(&open, &far, GAP, &before));
    assert_int_equal(before.ended, PERIOD_GAP);
    assert_int_equal(period_event(&before, &open).from, 0);
}

static void end_never_goes_back(void **state)
{
    struct period open = {{0, 0}, {90, 1}, 5, PERIOD_OPEN}, before;
    struct period_record r = record(10, 20, 5);

    (void)state;
    assert_false(period_step(&open, &r, GAP, &before));
    assert_int_equal(open.sum.t_end_us, 90);
}

static void late_for_the_open_period(void **state)
{
    struct period none = {.grade = 0}, open = {{100, 1}, {200, 5}, 5, PERIOD_OPEN};
    struct period_record same = record(150, 150, 5), other = record(150, 150, 2);
    struct period_record before = record(99, 99, 5), after = record(201, 201, 2);
    struct period_record first = record(100, 100, 5);

    (void)state;
    assert_true(period_takes_late(&none, &other));
    assert_true(period_takes_late(&open, &same));
    assert_false(period_takes_late(&open, &other));
    assert_false(period_takes_late(&open, &before));
    assert_false(period_takes_late(&open, &first)); /* what ends earlier lies before */
    assert_true(period_takes_late(&open, &after));
}

static void absorbed_by_an_ended_period(void **state)
{
    const struct period by_grade = {{100, 0}, {200, 5}, 5, PERIOD_GRADE};
    const struct period by_gap = {{100, 0}, {200, 5}, 5, PERIOD_GAP};
    const struct period_key next = {310, 0};
    struct period p = by_grade;
    struct period_record inside = record(150, 250, 5), other = record(150, 150, 4);
    struct period_record joins = record(250, 250, 5), beyond = record(301, 301, 5);
    struct period_record outside = record(310, 310, 5), first = record(100, 300, 5);

    (void)state;
    assert_true(period_absorbs(&p, &next, &inside, GAP));
    assert_int_equal(p.sum.records, 6);
    assert_int_equal(p.sum.t_end_us, 250);
    p = by_gap;
    assert_false(period_absorbs(&p, &next, &joins, GAP)); /* would close the gap */
    assert_false(period_absorbs(&p, &next, &other, GAP));
    assert_false(period_absorbs(&p, &next, &outside, GAP));
    assert_false(period_absorbs(&p, &next, &first, GAP));
    assert_int_equal(p.sum.records, 5);
    assert_int_equal(p.sum.t_end_us, 200);
    p = by_grade;
    assert_false(period_absorbs(&p, &next, &beyond, GAP)); /* a period of its own */
}

/* Of the period two records are gone; one more is there, and one of another grade came late. */
static const struct period_record there[] = {{{260, 0}, 260, 2}, {{290, 0}, 290, 5}};

static int long_period(void *context, const struct period_key *key, struct period *period,
                       struct period_head *head)
{
    (void)context, (void)key;
    *period = (struct period){{10, 0}, {290, 3}, 5, PERIOD_OPEN};
    *head = (struct period_head){.sum = {.t_end_us = 220, .records = 2}, .until_us = 200};
    return 1;
}

static int no_period(void *context, const struct period_key *key, struct period *period)
{
    (void)context, (void)key, (void)period;
    return 0;
}

static int records_there(void *context, const struct period_key *key, struct period_record *page,
                         uint32_t size)
{
    (void)context;
    assert_true(key->t_us >= 200 || (key->t_us == 200 && key->key < 0));
    int count = 0;
    for (uint32_t i = 0; i < 2 && (uint32_t)count < size; i++) {
        if (period_key_compare(&there[i].key, key) > 0) {
            page[count++] = there[i];
        }
    }
    return count;
}

static void goes_on_from_what_was_dropped(void **state)
{
    struct periods_source source = {NULL, long_period, no_period, records_there};
    struct periods_change change;
    struct period open = {{10, 0}, {290, 3}, 5, PERIOD_OPEN};

    (void)state;
    assert_int_equal(periods_repair(&source, GAP, &there[0].key, 1, &open, &change), 0);
    assert_int_equal(change.put_count, 3);
    const struct period *p = change.put;
    assert_true(p[0].start.t_us == 10 && p[0].sum.records == 2 && p[0].sum.t_end_us == 220 &&
                p[0].ended == PERIOD_GRADE);
    assert_true(p[1].start.t_us == 260 && p[1].sum.records == 1 && p[1].ended == PERIOD_GRADE);
    assert_true(p[2].start.t_us == 290 && p[2].sum.records == 1 && p[2].grade == 5);
    assert_int_equal(change.told_count, 2);
    assert_int_equal(change.removed_count + change.retracted_count, 0);
    periods_change_release(&change);
}

/* What is left of a whole without a part: only where that follows from the sums. */
static void rest_of_a_sum(void **state)
{
    (void)state;
    const struct period_sum whole = {.t_end_us = 90, .records = 10}, part = {50, 4};
    struct period_sum s = {.t_end_us = 60, .records = 7}, before = {49, 7};
    assert_true(period_sum_add_rest(&s, &whole, &part));
    assert_true(s.t_end_us == 90 && s.records == 13);
    assert_false(period_sum_add_rest(&before, &whole, &part)); /* 90 may be the part's */
    assert_false(period_sum_add_rest(&s, &part, &part));
    assert_true(before.records == 7 && s.records == 13);
    struct period_sum none = PERIOD_SUM_NONE;
    period_sum_add(&none, &whole);
    assert_true(period_sum_equal(&none, &whole));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_record_opens),
        cmocka_unit_test(gap_is_counted_from_the_latest_end),
        cmocka_unit_test(gap_wins_over_grade),
        cmocka_unit_test(end_never_goes_back),
        cmocka_unit_test(late_for_the_open_period),
        cmocka_unit_test(absorbed_by_an_ended_period),
        cmocka_unit_test(goes_on_from_what_was_dropped),
        cmocka_unit_test(rest_of_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
