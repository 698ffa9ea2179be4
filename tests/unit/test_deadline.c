/* SPDX-License-Identifier: Apache-2.0 */
/* One timer for what is due next. Nothing here measures how long something took. */
#include "common/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/daemon.h"

#define HOUR_US INT64_C(3600000000)

struct deadline_seen {
    struct deadline deadline;
    int calls;
    int64_t again_us[3]; /* armed by the call of that number; 0: not */
    int64_t last_us;
};

static void on_call(void *context)
{
    struct deadline_seen *s = context;
    s->last_us = daemon_clock_us();
    int64_t again_us = s->calls < 3 ? s->again_us[s->calls] : 0;
    s->calls++;
    if (again_us != 0) {
        deadline_by(&s->deadline, again_us);
    }
}

struct wanted {
    const int *calls;
    int most;
};

static int on_look(zloop_t *loop, int timer, void *context)
{
    (void)loop, (void)timer;
    const struct wanted *w = context;
    return *w->calls >= w->most ? -1 : 0;
}

static void run_until(zloop_t *loop, const int *calls, int most)
{
    struct wanted w = {calls, most};
    int timer = zloop_timer(loop, 1, 0, on_look, &w);
    assert_int_not_equal(timer, -1);
    zloop_start(loop);
    zloop_timer_end(loop, timer);
}

/* Until another one has come that was due behind all of what is looked at. */
static void run_beyond(zloop_t *loop, int64_t us)
{
    struct deadline_seen beyond = {0};
    deadline_init(&beyond.deadline, loop, on_call, &beyond);
    deadline_by(&beyond.deadline, daemon_clock_us() + us);
    run_until(loop, &beyond.calls, 1);
}

static int set_up(void **state)
{
    zloop_t *loop = zloop_new();
    *state = loop;
    return loop == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    zloop_t *loop = *state;
    zloop_destroy(&loop);
    return 0;
}

static void test_an_earlier_time_takes_the_place_of_a_later(void **state)
{
    zloop_t *loop = *state;
    struct deadline_seen s = {0};
    deadline_init(&s.deadline, loop, on_call, &s);
    deadline_by(&s.deadline, daemon_clock_us() + HOUR_US);
    int64_t at_us = daemon_clock_us() + 3100;
    deadline_by(&s.deadline, at_us);
    deadline_by(&s.deadline, at_us + 10);
    run_until(loop, &s.calls, 1);
    assert_true(s.last_us >= at_us);
    run_beyond(loop, 5000);
    assert_int_equal(s.calls, 1); /* once only */
}

static void test_the_call_arms_it_for_what_is_left(void **state)
{
    zloop_t *loop = *state;
    struct deadline_seen s = {0};
    int64_t now_us = daemon_clock_us();
    deadline_init(&s.deadline, loop, on_call, &s);
    s.again_us[0] = now_us + 2500;
    s.again_us[1] = now_us + 1; /* has passed by then */
    s.again_us[2] = now_us + HOUR_US;
    deadline_by(&s.deadline, 0);
    run_until(loop, &s.calls, 3);
    deadline_by(&s.deadline, daemon_clock_us());
    run_until(loop, &s.calls, 4);
}

static void test_what_was_ended_does_not_come(void **state)
{
    zloop_t *loop = *state;
    struct deadline_seen s = {0};
    deadline_init(&s.deadline, loop, on_call, &s);
    deadline_end(&s.deadline);
    deadline_by(&s.deadline, 0);
    deadline_end(&s.deadline);
    run_beyond(loop, 5000);
    assert_int_equal(s.calls, 0);
    deadline_by(&s.deadline, 0);
    run_until(loop, &s.calls, 1);
}

struct pair {
    struct deadline_seen first, second;
};

static void on_first(void *context)
{
    struct pair *p = context;
    p->first.calls++;
    deadline_by(&p->second.deadline, 0);
    deadline_by(&p->first.deadline, daemon_clock_us() + HOUR_US);
}

static void on_second(void *context)
{
    struct pair *p = context;
    p->second.calls++;
    deadline_end(&p->first.deadline);
}

/* Also once the loop has been left and begun again, as by a signal: from then on it removes timers
 * at once, in the midst of calling them. */
static void test_one_moves_and_ends_another(void **state)
{
    zloop_t *loop = *state;
    struct pair p = {0};
    deadline_init(&p.first.deadline, loop, on_first, &p);
    deadline_init(&p.second.deadline, loop, on_second, &p);
    for (int i = 1; i <= 3; i++) {
        deadline_by(&p.second.deadline, daemon_clock_us() + HOUR_US);
        deadline_by(&p.first.deadline, daemon_clock_us() + 1000);
        run_until(loop, &p.second.calls, i);
        run_beyond(loop, 3000);
        assert_int_equal(p.first.calls, i);
        assert_int_equal(p.second.calls, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_earlier_time_takes_the_place_of_a_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_call_arms_it_for_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_ended_does_not_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_moves_and_ends_another, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
