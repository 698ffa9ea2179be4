/* SPDX-License-Identifier: Apache-2.0 */
/* The window of batches not acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingestd/window.h"

#define RETRY_US 1000

static int take(struct window *w, uint64_t sequence, struct slice frame)
{
    struct window_batch batch = {.sequence = sequence,
                                 .kind = BATCH_RECORDS,
                                 .count = 3,
                                 .received_us = 77,
                                 .dropped = 5,
                                 .frame = frame,
                                 .accounts = slice_of("accounts")};
    char *bytes = window_copy_frames(&batch);
    assert_non_null(bytes);
    int rc = window_take(w, &batch, bytes);
    if (rc == -1) {
        free(bytes);
    }
    return rc;
}

static uint64_t add(struct window *w, const char *frame)
{
    uint64_t sequence = window_next(w);
    assert_int_equal(take(w, sequence, slice_of(frame)), 0);
    return sequence;
}

static uint64_t next(struct window *w, int64_t now_us)
{
    const struct window_batch *b = window_next_to_push(w, now_us);
    return b == NULL ? 0 : b->sequence;
}

/* How many records it had; -1 when there is no such batch. */
static int64_t acknowledge(struct window *w, uint64_t sequence)
{
    struct window_batch was;
    if (window_acknowledge(w, sequence, &was) == -1) {
        return -1;
    }
    assert_int_equal(was.sequence, sequence);
    return was.count;
}

static void test_numbers_have_no_holes(void **state)
{
    (void)state;
    struct window *w = window_new(1 << 20, RETRY_US);
    assert_int_equal(window_oldest(w), 1);
    assert_int_equal(next(w, 0), 0);
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_int_equal(add(w, "frame"), i);
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        const struct window_batch *b = window_next_to_push(w, 0);
        assert_int_equal(b->sequence, i);
        assert_int_equal(b->count, 3);
        assert_int_equal(b->received_us, 77);
        assert_false(b->pushed);
        assert_int_equal(b->dropped, 5);
        assert_true(slice_is(b->frame, "frame"));
        assert_true(slice_is(b->accounts, "accounts"));
        window_pushed(w, i, 0);
    }
    assert_int_equal(next(w, 0), 0);
    window_free(&w);
    assert_null(w);
}

static void test_acknowledged_in_any_order(void **state)
{
    (void)state;
    struct window *w = window_new(1 << 20, RETRY_US);
    for (int i = 0; i < 5; i++) {
        add(w, "x");
    }
    assert_int_equal(acknowledge(w, 1), -1); /* never pushed */
    for (uint64_t i = 1; i <= 5; i++) {
        window_pushed(w, i, 0);
    }
    assert_int_equal(acknowledge(w, 3), 3);
    assert_int_equal(acknowledge(w, 3), -1);
    assert_int_equal(acknowledge(w, 2), 3);
    assert_int_equal(window_oldest(w), 1);
    assert_int_equal(window_state(w).batches, 3);
    assert_int_equal(window_state(w).records, 9);
    assert_int_equal(acknowledge(w, 1), 3);
    assert_int_equal(window_oldest(w), 4);
    assert_int_equal(acknowledge(w, 0), -1);
    assert_int_equal(acknowledge(w, 6), -1);
    assert_int_equal(acknowledge(w, UINT64_MAX), -1);
    assert_int_equal(acknowledge(w, 5), 3);
    assert_int_equal(acknowledge(w, 4), 3);
    assert_int_equal(window_oldest(w), 6);
    assert_int_equal(window_state(w).batches, 0);
    assert_int_equal(window_state(w).bytes, 0);
    assert_int_equal(window_state(w).oldest_received_us, 0);
    assert_int_equal(add(w, "x"), 6);
    window_free(&w);
}

static void test_pushed_again_when_due(void **state)
{
    (void)state;
    struct window *w = window_new(1 << 20, RETRY_US);
    for (int i = 0; i < 4; i++) {
        add(w, "x");
    }
    window_pushed(w, 1, 100);
    window_pushed(w, 2, 200);
    window_pushed(w, 3, 300);
    assert_int_equal(next(w, 1099), 4);
    assert_int_equal(next(w, 1100), 1); /* a retry goes before what is new */
    assert_true(window_next_to_push(w, 1100)->pushed);
    window_pushed(w, 1, 1100);
    assert_int_equal(acknowledge(w, 2), 3);
    assert_int_equal(next(w, 1300), 3);
    window_pushed(w, 3, 1300);
    assert_int_equal(next(w, 1300), 4);
    window_pushed(w, 4, 1300);
    assert_int_equal(next(w, 2099), 0);
    assert_int_equal(next(w, 2100), 1);
    window_set_retry(w, 5000);
    assert_int_equal(next(w, 2100), 0);
    window_free(&w);
}

/* A classifyd that died takes batches with it: those after them tell, long before the retry is due.
 */
static void test_pushed_again_when_overtaken(void **state)
{
    (void)state;
    struct window *w = window_new(1 << 20, 60000000);
    for (int i = 0; i < 3; i++) {
        add(w, "x");
    }
    window_pushed(w, 1, 100);
    window_pushed(w, 2, WINDOW_OVERTAKEN_US + 99);
    window_pushed(w, 3, WINDOW_OVERTAKEN_US + 100);
    assert_int_equal(acknowledge(w, 2), 3);
    assert_int_equal(next(w, WINDOW_OVERTAKEN_US + 200), 0);
    assert_int_equal(acknowledge(w, 3), 3);
    assert_int_equal(next(w, WINDOW_OVERTAKEN_US + 200), 1);
    window_pushed(w, 1, WINDOW_OVERTAKEN_US + 200);
    assert_int_equal(next(w, WINDOW_OVERTAKEN_US + 200), 0);
    window_free(&w);
}

/* One that waits where it is shall not be sent there all the time. */
static void test_overtaken_again_and_again(void **state)
{
    (void)state;
    struct window *w = window_new(1 << 20, INT64_C(1) << 40);
    int64_t pushed_us = 0;
    uint64_t last = 1;
    add(w, "x");
    window_pushed(w, 1, pushed_us);
    for (int again = 0; again < 8; again++) {
        int64_t late_us = (int64_t)WINDOW_OVERTAKEN_US << (again < 4 ? again : 4);
        for (int64_t early_us = 1; early_us >= 0; early_us--) {
            add(w, "y");
            window_pushed(w, ++last, pushed_us + late_us - early_us);
            assert_int_equal(acknowledge(w, last), 3);
            assert_int_equal(next(w, pushed_us + late_us), early_us == 1 ? 0 : 1);
        }
        pushed_us += late_us;
        window_pushed(w, 1, pushed_us);
    }
    window_free(&w);
}

static void test_full(void **state)
{
    (void)state;
    static const char kib[1024];
    struct window *w = window_new(16 * 1024, RETRY_US);
    uint64_t last = 0;
    while (!window_is_full(w)) {
        last = window_next(w);
        assert_int_equal(take(w, last, (struct slice){kib, sizeof kib}), 0);
        assert_in_range(last, 1, 16);
        window_pushed(w, last, 0);
    }
    assert_in_range(last, 13, 16); /* what it holds beside the frames counts, too */
    assert_int_equal(window_state(w).records, 3 * last);
    assert_int_equal(acknowledge(w, 1), 3);
    assert_false(window_is_full(w));
    window_free(&w);
}

/* Only an empty window may skip sequences: what is in it has no holes. */
static void test_sequences_follow_each_other(void **state)
{
    (void)state;
    struct window *w = window_new(1 << 20, RETRY_US);
    assert_int_equal(take(w, 1000, slice_of("x")), 0);
    assert_int_equal(window_oldest(w), 1000);
    assert_int_equal(take(w, 1000, slice_of("x")), -1);
    assert_int_equal(take(w, 999, slice_of("x")), -1);
    assert_int_equal(take(w, 1002, slice_of("x")), -1);
    assert_int_equal(take(w, 1001, slice_of("x")), 0);
    assert_non_null(window_find(w, 1001));
    assert_null(window_find(w, 1002));
    assert_null(window_find(w, 1));
    assert_int_equal(next(w, 0), 1000);
    window_pushed(w, 1000, 0);
    window_pushed(w, 1001, 0);
    assert_int_equal(acknowledge(w, 1001), 3);
    assert_null(window_find(w, 1001));
    assert_int_equal(take(w, 5000, slice_of("x")), -1);
    assert_int_equal(acknowledge(w, 1000), 3);
    assert_int_equal(take(w, 1001, slice_of("x")), -1);
    assert_int_equal(take(w, UINT64_C(1) << 40, slice_of("x")), 0);
    assert_int_equal(window_oldest(w), UINT64_C(1) << 40);
    assert_int_equal(next(w, 0), UINT64_C(1) << 40);
    window_free(&w);
}

/* One batch that is never acknowledged must not let the slots of all that came after it grow for
 * ever. */
static void test_slots_are_bounded(void **state)
{
    (void)state;
    struct window *w = window_new(64 * 1024, RETRY_US);
    window_pushed(w, add(w, "stuck"), 0);
    uint64_t s = 0;
    while (!window_is_full(w)) {
        s = add(w, "x");
        assert_in_range(s, 2, 5000);
        window_pushed(w, s, 0);
        assert_int_equal(acknowledge(w, s), 3);
    }
    assert_int_equal(window_state(w).batches, 1);
    acknowledge(w, 1);
    assert_false(window_is_full(w));
    assert_int_equal(window_oldest(w), s + 1);
    window_free(&w);
}

/* Whatever is done in whatever order, the window agrees with a plain list of what it should hold.
 */
static void test_against_a_list(void **state)
{
    (void)state;
    enum { MOST = 3000 };
    static struct {
        bool held, pushed;
        int64_t at_us;
    } model[MOST + 1];
    uint64_t last = 0, held = 0;
    struct window *w = window_new(1 << 30, RETRY_US);
    srand(20261121);
    for (int64_t now = 0; now < 30000; now++) {
        int dice = rand() % 10;
        if (dice < 3 && last < MOST) {
            assert_int_equal(add(w, "frame"), ++last);
            model[last].held = true;
            held++;
        } else if (dice < 7) {
            uint64_t due = 0, fresh = 0;
            for (uint64_t s = 1; s <= last; s++) {
                if (model[s].held && model[s].pushed && now - model[s].at_us >= RETRY_US &&
                    (due == 0 || model[s].at_us < model[due].at_us)) {
                    due = s;
                }
                if (fresh == 0 && model[s].held && !model[s].pushed) {
                    fresh = s;
                }
            }
            uint64_t expected = due != 0 ? due : fresh;
            assert_int_equal(next(w, now), expected);
            if (expected != 0) {
                window_pushed(w, expected, now);
                model[expected].pushed = true;
                model[expected].at_us = now;
            }
        } else if (last > 0) {
            uint64_t s = 1 + (uint64_t)rand() % last;
            bool known = model[s].held && model[s].pushed;
            assert_int_equal(acknowledge(w, s), known ? 3 : -1);
            held -= known ? 1 : 0;
            model[s].held = model[s].held && !known;
        }
        assert_int_equal(window_state(w).batches, held);
        uint64_t oldest = 1;
        while (oldest <= last && !model[oldest].held) {
            oldest++;
        }
        assert_int_equal(window_oldest(w), oldest);
    }
    assert_true(last > 2000);
    window_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_have_no_holes),
        cmocka_unit_test(test_acknowledged_in_any_order),
        cmocka_unit_test(test_pushed_again_when_due),
        cmocka_unit_test(test_pushed_again_when_overtaken),
        cmocka_unit_test(test_overtaken_again_and_again),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_sequences_follow_each_other),
        cmocka_unit_test(test_slots_are_bounded),
        cmocka_unit_test(test_against_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
