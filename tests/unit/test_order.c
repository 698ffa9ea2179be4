/* SPDX-License-Identifier: Apache-2.0 */
/* stored/order: batches in sequence order, holes waited for shortly, commits remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stored/order.h"

#define WAIT_US 250

static const uint8_t one[16] = {1}, two[16] = {2};
static int released;

/* The name of a stream; until the next call. */
static const struct stream_name *stream(const uint8_t instance[16], uint16_t shard, uint64_t epoch)
{
    static struct stream_name name;
    name = (struct stream_name){.epoch = epoch, .shard = shard};
    memcpy(name.instance, instance, sizeof name.instance);
    return &name;
}

/* Items are the sequences themselves. */
static void *item(uint64_t sequence)
{
    return (void *)(uintptr_t)sequence;
}

static void count_released(void *i)
{
    assert_non_null(i);
    released++;
}

static void expect_next(struct order *o, int64_t now_us, uint64_t sequence)
{
    assert_true((uint64_t)(uintptr_t)order_next(o, now_us) == sequence);
}

static void offer(struct order *o, uint64_t sequence, uint64_t oldest, int64_t now_us,
                  enum order_verdict verdict)
{
    assert_int_equal(order_offer(o, stream(one, 0, 0), sequence, oldest, now_us, item(sequence)),
                     verdict);
}

static void in_sequence(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    offer(o, 7, 5, 0, ORDER_TAKEN); /* unknown instance: starts at oldest */
    assert_null(order_next(o, 0));
    assert_int_equal(order_waiting(o), 1);
    offer(o, 6, 5, 0, ORDER_TAKEN);
    offer(o, 5, 5, 0, ORDER_TAKEN);
    expect_next(o, 0, 5);
    expect_next(o, 0, 6);
    expect_next(o, 0, 7);
    assert_null(order_next(o, 0));
    assert_true(order_deadline(o) == INT64_MAX);
    assert_int_equal(order_waiting(o), 0);
    assert_int_equal(order_skipped(o), 0);
    order_free(&o, count_released);
    assert_null(o);
}

static void hole_is_waited_for_only_shortly(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    offer(o, 1, 1, 0, ORDER_TAKEN);
    expect_next(o, 0, 1);
    offer(o, 4, 1, 100, ORDER_TAKEN);
    offer(o, 3, 1, 110, ORDER_TAKEN);
    assert_true(order_deadline(o) == 100 + WAIT_US);
    assert_null(order_next(o, 100 + WAIT_US - 1));
    expect_next(o, 100 + WAIT_US, 3);
    expect_next(o, 100 + WAIT_US, 4);
    assert_int_equal(order_skipped(o), 1);
    offer(o, 2, 1, 500, ORDER_TAKEN); /* what was given up is handed on as it comes */
    expect_next(o, 500, 2);
    offer(o, 5, 1, 500, ORDER_TAKEN);
    expect_next(o, 500, 5);
    order_free(&o, count_released);
}

static void committed_ones_are_done(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    for (uint64_t s = 1; s <= 4; s++) {
        offer(o, s, 1, 0, ORDER_TAKEN);
        expect_next(o, 0, s);
    }
    offer(o, 2, 1, 0, ORDER_KNOWN); /* under way, not committed */
    order_committed(o, stream(one, 0, 0), 2);
    offer(o, 2, 1, 0, ORDER_DONE);
    offer(o, 1, 1, 0, ORDER_KNOWN);
    offer(o, 3, 1, 0, ORDER_KNOWN);
    order_committed(o, stream(one, 0, 0), 1);
    order_committed(o, stream(one, 0, 0), 4);
    order_committed(o, stream(one, 0, 0), 3);
    for (uint64_t s = 1; s <= 4; s++) {
        offer(o, s, 1, 0, ORDER_DONE);
    }
    offer(o, 5, 5, 0, ORDER_TAKEN); /* below oldest all is acknowledged */
    offer(o, 3, 1, 0, ORDER_DONE);
    expect_next(o, 0, 5);
    order_free(&o, count_released);
}

static void what_was_given_back_is_taken_again(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    offer(o, 1, 1, 0, ORDER_TAKEN);
    offer(o, 2, 1, 0, ORDER_TAKEN);
    expect_next(o, 0, 1);
    expect_next(o, 0, 2);
    order_returned(o, stream(one, 0, 0), 1);
    offer(o, 2, 1, 0, ORDER_KNOWN);
    offer(o, 1, 1, 0, ORDER_TAKEN);
    expect_next(o, 0, 1);
    order_committed(o, stream(one, 0, 0), 1);
    offer(o, 1, 1, 0, ORDER_DONE);
    order_free(&o, count_released);
}

static void what_was_committed_can_be_forgotten(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    for (uint64_t s = 1; s <= 3; s++) {
        offer(o, s, 1, 0, ORDER_TAKEN);
        expect_next(o, 0, s);
    }
    order_committed(o, stream(one, 0, 0), 1);
    order_committed(o, stream(one, 0, 0), 2);
    offer(o, 4, 3, 0, ORDER_TAKEN); /* 1 and 2 are acknowledged */
    expect_next(o, 0, 4);
    order_forget(o);
    offer(o, 2, 1, 0, ORDER_TAKEN);
    expect_next(o, 0, 2);
    offer(o, 3, 1, 0, ORDER_KNOWN); /* this one is under way all the same */
    order_free(&o, count_released);
}

static void oldest_moves_past_a_hole(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    offer(o, 1, 1, 0, ORDER_TAKEN);
    expect_next(o, 0, 1);
    offer(o, 5, 1, 0, ORDER_TAKEN);
    assert_null(order_next(o, 0));
    offer(o, 6, 5, 0, ORDER_TAKEN); /* 2 to 4 are acknowledged, by whom ever */
    expect_next(o, 0, 5);
    expect_next(o, 0, 6);
    assert_int_equal(order_skipped(o), 0);
    order_free(&o, count_released);
}

static void instances_and_shards_are_apart(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    offer(o, 2, 1, 0, ORDER_TAKEN);
    assert_int_equal(order_offer(o, stream(two, 0, 0), 1, 1, 0, item(101)), ORDER_TAKEN);
    assert_int_equal(order_offer(o, stream(one, 1, 0), 1, 1, 0, item(201)), ORDER_TAKEN);
    expect_next(o, 0, 101);
    expect_next(o, 0, 201);
    assert_null(order_next(o, 0));
    order_committed(o, stream(two, 0, 0), 1);
    assert_int_equal(order_offer(o, stream(two, 0, 0), 1, 1, 0, item(101)), ORDER_DONE);
    assert_int_equal(order_offer(o, stream(one, 1, 0), 1, 1, 0, item(201)), ORDER_KNOWN);
    released = 0;
    order_free(&o, count_released);
    assert_int_equal(released, 1); /* the 2 that was held */
}

/* A spool that was put back gives sequences again: another batch, which is not done. */
static void epochs_are_apart(void **state)
{
    struct order *o = order_new(4, 100, WAIT_US);

    (void)state;
    offer(o, 1, 1, 0, ORDER_TAKEN);
    order_committed(o, stream(one, 0, 0), 1);
    offer(o, 9, 9, 0, ORDER_TAKEN);
    assert_int_equal(order_offer(o, stream(one, 0, 7), 1, 1, 0, item(101)), ORDER_TAKEN);
    assert_int_equal(order_offer(o, stream(one, 0, 8), 1, 1, 0, item(201)), ORDER_TAKEN);
    order_committed(o, stream(one, 0, 7), 1);
    assert_int_equal(order_offer(o, stream(one, 0, 7), 1, 1, 0, item(101)), ORDER_DONE);
    assert_int_equal(order_offer(o, stream(one, 0, 8), 1, 1, 0, item(201)), ORDER_KNOWN);
    offer(o, 1, 9, 0, ORDER_DONE);
    order_free(&o, count_released);
}

static void what_is_held_is_bounded(void **state)
{
    struct order *o = order_new(4, 10, WAIT_US);

    (void)state;
    for (uint64_t s = 2; s <= 11; s++) {
        offer(o, s, 1, 0, ORDER_TAKEN);
    }
    assert_null(order_next(o, 0));
    offer(o, 12, 1, 0, ORDER_TAKEN);
    for (uint64_t s = 2; s <= 12; s++) {
        expect_next(o, 0, s);
    }
    assert_int_equal(order_waiting(o), 0);
    order_free(&o, count_released);
}

static void streams_are_bounded(void **state)
{
    struct order *o = order_new(2, 10, WAIT_US);
    uint8_t id[16] = {0};

    (void)state;
    for (uint8_t i = 1; i <= 50; i++) {
        id[0] = i;
        assert_int_equal(order_offer(o, stream(id, 0, 0), 1, 1, 0, item(i)), ORDER_TAKEN);
        expect_next(o, 0, i);
        if (i >= 2) { /* the first stays under way and keeps its place */
            order_committed(o, stream(id, 0, 0), 1);
        }
    }
    id[0] = 1;
    assert_int_equal(order_offer(o, stream(id, 0, 0), 1, 1, 0, item(1)), ORDER_KNOWN);
    id[0] = 2; /* forgotten: it is handled again, never wrongly acknowledged */
    assert_int_equal(order_offer(o, stream(id, 0, 0), 1, 1, 0, item(2)), ORDER_TAKEN);
    id[0] = 3; /* no place left that could be given up: handed on out of order */
    assert_int_equal(order_offer(o, stream(id, 0, 0), 9, 1, 0, item(9)), ORDER_TAKEN);
    expect_next(o, 0, 2);
    expect_next(o, 0, 9);
    order_free(&o, count_released);
}

/* Whatever the order of arrival: each sequence comes out once, and in order where nothing is late.
 */
static void random_arrival(void **state)
{
    enum { COUNT = 300 };
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct order *o = order_new(4, 1000, WAIT_US);
        uint64_t arrival[COUNT];
        int seen[COUNT + 1] = {0};
        uint64_t expected = 1, got;
        srand(seed);
        for (uint64_t i = 0; i < COUNT; i++) {
            arrival[i] = i + 1;
        }
        for (int i = 0; i < COUNT; i++) {
            int j = i + rand() % 20;
            if (j < COUNT) {
                uint64_t t = arrival[i];
                arrival[i] = arrival[j];
                arrival[j] = t;
            }
        }
        for (int i = 0; i < COUNT; i++) {
            offer(o, arrival[i], 1, i, ORDER_TAKEN);
            if (rand() % 3 == 0) {
                offer(o, arrival[rand() % (i + 1)], 1, i, ORDER_KNOWN);
            }
            while ((got = (uint64_t)(uintptr_t)order_next(o, i)) != 0) {
                seen[got]++;
                if (i < WAIT_US) {
                    assert_true(got == expected++);
                }
            }
        }
        while ((got = (uint64_t)(uintptr_t)order_next(o, INT64_MAX)) != 0) {
            seen[got]++;
        }
        for (int i = 1; i <= COUNT; i++) {
            assert_int_equal(seen[i], 1);
            order_committed(o, stream(one, 0, 0), (uint64_t)i);
            offer(o, (uint64_t)i, 1, 0, ORDER_DONE);
        }
        order_free(&o, count_released);
    }
}

/* More separate runs of committed sequences than are remembered: the forgotten ones are handled
 * again. */
static void forgetting_is_safe(void **state)
{
    struct order *o = order_new(4, 1000, WAIT_US);
    int again = 0;

    (void)state;
    for (uint64_t s = 1; s <= 2001; s += 2) {
        offer(o, s, 1, 0, ORDER_TAKEN);
        assert_non_null(order_next(o, INT64_MAX));
        order_committed(o, stream(one, 0, 0), s);
    }
    for (uint64_t s = 1; s <= 2001; s += 2) {
        enum order_verdict v = order_offer(o, stream(one, 0, 0), s, 1, 0, item(s));
        assert_true(v == ORDER_DONE || v == ORDER_TAKEN);
        again += v == ORDER_TAKEN;
    }
    assert_in_range(again, 1, 1000);
    order_free(&o, count_released);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_sequence),
        cmocka_unit_test(hole_is_waited_for_only_shortly),
        cmocka_unit_test(committed_ones_are_done),
        cmocka_unit_test(what_was_given_back_is_taken_again),
        cmocka_unit_test(what_was_committed_can_be_forgotten),
        cmocka_unit_test(oldest_moves_past_a_hole),
        cmocka_unit_test(instances_and_shards_are_apart),
        cmocka_unit_test(epochs_are_apart),
        cmocka_unit_test(what_is_held_is_bounded),
        cmocka_unit_test(streams_are_bounded),
        cmocka_unit_test(random_arrival),
        cmocka_unit_test(forgetting_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
