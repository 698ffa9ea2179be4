/* SPDX-License-Identifier: Apache-2.0 */
/* Which sequences are taken, and that none is taken twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingestd/signed/replay_window.h"

#define take(w, sequence, verdict) assert_int_equal(replay_window_take(w, sequence), verdict)

static void test_each_is_taken_once(void **state)
{
    (void)state;
    struct replay_window w = {0};
    take(&w, 1, REPLAY_NEWEST);
    take(&w, 1, REPLAY_SEEN);
    take(&w, 5, REPLAY_NEWEST);
    take(&w, 3, REPLAY_LATE);
    take(&w, 3, REPLAY_SEEN);
    take(&w, 5, REPLAY_SEEN);
    take(&w, 2, REPLAY_LATE);
    take(&w, 6, REPLAY_NEWEST);
    take(&w, 4, REPLAY_LATE);
    assert_int_equal(w.newest, 6);
}

static void test_how_far_behind_one_may_come(void **state)
{
    (void)state;
    for (uint64_t newest = 10000; newest < 10130; newest++) { /* wherever in its word it stands */
        struct replay_window w = {0};
        take(&w, newest, REPLAY_NEWEST);
        take(&w, newest - REPLAY_BEHIND, REPLAY_OLD);
        take(&w, newest - REPLAY_BEHIND + 1, REPLAY_LATE);
        take(&w, newest - REPLAY_BEHIND + 1, REPLAY_SEEN);
        take(&w, newest + REPLAY_BEHIND, REPLAY_NEWEST);
        take(&w, newest, REPLAY_OLD);
        take(&w, newest + 1, REPLAY_LATE);
    }
    assert_true(REPLAY_BEHIND >= 1024);
}

static void test_a_leap_forgets_all_before_it(void **state)
{
    (void)state;
    struct replay_window w = {0};
    for (uint64_t i = 1; i <= 5000; i++) {
        take(&w, i, REPLAY_NEWEST);
    }
    take(&w, (UINT64_C(1) << 48) - 1, REPLAY_NEWEST);
    take(&w, 5000, REPLAY_OLD);
    for (uint64_t i = 2; i <= REPLAY_BEHIND; i++) {
        take(&w, (UINT64_C(1) << 48) - i, REPLAY_LATE);
    }
    for (uint64_t i = 1; i <= REPLAY_BEHIND; i++) {
        take(&w, (UINT64_C(1) << 48) - i, REPLAY_SEEN);
    }
}

/* Any order with repetitions: what is taken was never taken, and what was not taken before is
 * refused only behind the window. */
static void test_against_a_list(void **state)
{
    (void)state;
    static unsigned char came[40000];
    struct replay_window w = {0};
    uint64_t seed = 5, newest = 0;
    for (int i = 0; i < 200000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t near = newest + 40, spread = (seed >> 33) % 2500;
        uint64_t sequence = near > spread ? near - spread : 1;
        if (sequence >= sizeof came) {
            break;
        }
        enum replay_verdict expected = sequence > newest                    ? REPLAY_NEWEST
                                       : newest - sequence >= REPLAY_BEHIND ? REPLAY_OLD
                                       : came[sequence] != 0                ? REPLAY_SEEN
                                                                            : REPLAY_LATE;
        take(&w, sequence, expected);
        came[sequence] = 1;
        newest = sequence > newest ? sequence : newest;
    }
    assert_true(newest > 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_taken_once),
        cmocka_unit_test(test_how_far_behind_one_may_come),
        cmocka_unit_test(test_a_leap_forgets_all_before_it),
        cmocka_unit_test(test_against_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
