/* SPDX-License-Identifier: Apache-2.0 */
/* Who is next. */
#include "common/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct turns t;
static struct turn q[12];

static int begin(void **state)
{
    (void)state;
    t = (struct turns){.waiting_most = 3, .running_most = 2};
    return 0;
}

static void join(int i, const char *asker, int expected)
{
    assert_int_equal(turns_join(&t, slice_of(asker), &q[i]), expected);
}

static void next_is(int i)
{
    assert_ptr_equal(turns_next(&t), &q[i]);
}

static void finish(int first, int last)
{
    for (int i = first; i <= last; i++) {
        turns_done(&t, &q[i]);
    }
    assert_null(t.askers);
    assert_int_equal(t.waiting_count, 0);
}

static void askers_take_turns(void **state)
{
    (void)state;
    t.running_most = 10;
    join(0, "a", 0);
    join(1, "a", 0);
    join(2, "a", 0);
    join(3, "b", 0);
    join(4, "b", 0);
    join(5, "c", 0);
    next_is(0);
    next_is(3);
    next_is(5);
    next_is(1);
    next_is(4);
    next_is(2);
    assert_null(turns_next(&t));
    finish(0, 5);
}

static void nobody_has_more_than_a_share(void **state)
{
    (void)state;
    join(0, "a", 0);
    join(1, "a", 0);
    join(2, "a", 0);
    join(3, "a", 1);
    join(4, "b", 0);
    next_is(0);
    join(3, "a", 0);
    next_is(4);
    next_is(1);
    assert_null(turns_next(&t)); /* a has two running */
    join(5, "b", 0);
    next_is(5);
    turns_done(&t, &q[0]);
    next_is(2);
    turns_leave(&t, &q[3]);
    turns_done(&t, &q[1]);
    turns_done(&t, &q[2]);
    finish(4, 5);
}

static void who_always_asks_one_does_not_go_before_who_waits(void **state)
{
    (void)state;
    join(0, "a", 0);
    join(1, "a", 0);
    next_is(0);
    join(2, "b", 0);
    next_is(2);
    turns_done(&t, &q[2]);
    join(2, "b", 0);
    next_is(1);
    next_is(2);
    finish(0, 2);
}

static void who_waits_once_more_goes_first(void **state)
{
    (void)state;
    join(0, "a", 0);
    join(1, "b", 0);
    next_is(0);
    turns_back(&t, &q[0]);
    next_is(0);
    next_is(1);
    finish(0, 1);
}

/* A long one takes its turn among the others' until it is done, and what its asker has waits. */
static void who_is_not_done_waits_for_the_next_turn(void **state)
{
    (void)state;
    t.running_most = 1;
    join(0, "a", 0);
    join(1, "a", 0);
    join(2, "b", 0);
    join(3, "b", 0);
    next_is(0);
    turns_again(&t, &q[0]);
    next_is(2);
    turns_done(&t, &q[2]);
    next_is(0);
    turns_again(&t, &q[0]);
    join(4, "c", 0);
    next_is(3);
    turns_done(&t, &q[3]);
    next_is(4);
    turns_done(&t, &q[4]);
    next_is(0);
    turns_done(&t, &q[0]);
    next_is(1);
    finish(1, 1);
}

static void who_tells_no_name_has_no_share(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        join(i, "", 0);
    }
    for (int i = 0; i < 10; i++) {
        next_is(i);
    }
    finish(0, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(askers_take_turns, begin),
        cmocka_unit_test_setup(nobody_has_more_than_a_share, begin),
        cmocka_unit_test_setup(who_always_asks_one_does_not_go_before_who_waits, begin),
        cmocka_unit_test_setup(who_waits_once_more_goes_first, begin),
        cmocka_unit_test_setup(who_is_not_done_waits_for_the_next_turn, begin),
        cmocka_unit_test_setup(who_tells_no_name_has_no_share, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
