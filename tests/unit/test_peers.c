/* SPDX-License-Identifier: Apache-2.0 */
/* The table of identities: buckets of requests, connections, and who is forgotten when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/http/peers.h"

#define SECOND INT64_C(1000000)
#define START  (1000 * SECOND)

static struct peers *peers;

static int set_up(void **state)
{
    (void)state;
    peers = peers_new();
    assert_non_null(peers);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peers_free(&peers);
    assert_null(peers);
    return 0;
}

static void test_a_burst_then_the_rate(void **state)
{
    (void)state;
    struct peer *one = peers_enter(peers, "one");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(peer_charge(one, 2, 5, START), 0);
    }
    int64_t wait_us = peer_charge(one, 2, 5, START);
    assert_in_range(wait_us, SECOND / 2 - 10, SECOND / 2 + 10);
    assert_int_equal(peer_charge(one, 2, 5, START + wait_us), 0);
    assert_true(peer_charge(one, 2, 5, START + wait_us) > 0);
    /* A long rest fills the bucket, and no more than that. */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(peer_charge(one, 2, 5, START + 1000 * SECOND), 0);
    }
    assert_true(peer_charge(one, 2, 5, START + 1000 * SECOND) > 0);
}

static void test_others_are_not_charged(void **state)
{
    (void)state;
    struct peer *one = peers_enter(peers, "one"), *two = peers_enter(peers, "two");
    assert_int_equal(peer_charge(one, 1, 1, START), 0);
    assert_true(peer_charge(one, 1, 1, START) > 0);
    assert_int_equal(peer_charge(two, 1, 1, START), 0);
    assert_int_equal(peers_count(peers), 2);
}

/* One identity's share, everybody's, and that one alone is always given room. */
static void test_room_for_replies(void **state)
{
    (void)state;
    struct peer *one = peers_enter(peers, "one"), *two = peers_enter(peers, "two");
    assert_true(peer_take_room(peers, one, 500, 100, 1000));
    assert_true(peer_is_full(peers, one, 100, 1000));
    assert_false(peer_take_room(peers, one, 1, 100, 1000));
    assert_false(peer_is_full(peers, two, 100, 1000));
    assert_true(peer_take_room(peers, two, 60, 100, 1000));
    assert_true(peer_take_room(peers, two, 40, 100, 1000));
    assert_false(peer_take_room(peers, two, 1, 100, 1000));
    assert_int_equal(peers_sending(peers), 600);
    struct peer *three = peers_enter(peers, "three");
    assert_false(peer_take_room(peers, three, 401, 1000, 1000));
    assert_true(peer_take_room(peers, three, 400, 1000, 1000));
    assert_true(peer_is_full(peers, three, 1000, 1000)); /* all together */
    peer_gave(peers, one, 500);
    assert_false(peer_is_full(peers, three, 1000, 1000));
    peer_take(peers, one, 2000);
    assert_false(peer_take_room(peers, three, 1, 1000, 1000));
    peer_gave(peers, one, 2000);
    peer_gave(peers, two, 100);
    peer_gave(peers, three, 400);
    assert_int_equal(peers_sending(peers), 0);
}

static void test_turns(void **state)
{
    (void)state;
    struct peer *one = peers_enter(peers, "one"), *two = peers_enter(peers, "two");
    assert_int_equal(peer_last_turn(one), 0);
    peer_take_turn(peers, one);
    assert_true(peer_last_turn(two) < peer_last_turn(one));
    peer_take_turn(peers, two);
    assert_true(peer_last_turn(one) < peer_last_turn(two));
}

static void test_no_limit(void **state)
{
    (void)state;
    struct peer *one = peers_enter(peers, "one");
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(peer_charge(one, 0, 1, START), 0);
    }
    peer_charge_more(one, 1000, 0, 1);
    /* A limit that comes by a reload begins with a full bucket. */
    assert_int_equal(peer_charge(one, 1, 1, START), 0);
}

static void test_an_envelope_is_owed_for(void **state)
{
    (void)state;
    struct peer *one = peers_enter(peers, "one");
    assert_int_equal(peer_charge(one, 10, 20, START), 0);
    peer_charge_more(one, 1000000, 10, 20); /* at most the bucket once more */
    int64_t wait_us = peer_charge(one, 10, 20, START);
    assert_in_range(wait_us, 2 * SECOND, 21 * SECOND / 10 + 10);
    assert_int_equal(peer_charge(one, 10, 20, START + wait_us), 0);
}

/* A bucket is not filled by connecting anew, and who has rested is forgotten. */
static void test_leaving_and_coming_back(void **state)
{
    (void)state;
    struct peer *one = peers_enter(peers, "one");
    assert_ptr_equal(peers_enter(peers, "one"), one);
    assert_int_equal(peer_connections(one), 2);
    assert_int_equal(peer_charge(one, 1, 1, START), 0);
    peers_leave(one);
    peers_leave(one);
    peers_sweep(peers, START + SECOND / 2);
    assert_int_equal(peers_count(peers), 1);
    one = peers_enter(peers, "one");
    assert_true(peer_charge(one, 1, 1, START + SECOND / 2) > 0);
    peers_sweep(peers, START + 10 * SECOND);
    assert_int_equal(peers_count(peers), 1); /* connected */
    peers_leave(one);
    peers_sweep(peers, START + 10 * SECOND);
    assert_int_equal(peers_count(peers), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_burst_then_the_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others_are_not_charged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room_for_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_envelope_is_owed_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leaving_and_coming_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
