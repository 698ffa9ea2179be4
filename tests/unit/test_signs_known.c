/* SPDX-License-Identifier: Apache-2.0 */
/* What stored knows of ingestds by their signs: who is absent, up to when all is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stored/silence/signs_known.h"

#define S(n) ((int64_t)(n)*1000000)

#define A "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
#define B "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"

static struct signs_known *k;

static int begin(void **state)
{
    (void)state;
    k = calloc(1, sizeof *k);
    k->last_until_us = INT64_MIN;
    return k == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    free(k);
    return 0;
}

static const char *const uuids[] = {A, B};

/* At `clock` the ingestd 0 or 1 tells that it has all until `until`; its gateway told last then. */
static void tell_as(int which, int64_t clock, int64_t heard, int64_t until, int64_t gateway,
                    int64_t missed_from, int64_t missed_to, int expected)
{
    struct slice names[] = {slice_of("ingestd"), slice_of("mplane-gw")};
    uint64_t last[] = {(uint64_t)clock, (uint64_t)gateway}, absent[] = {0},
             from[] = {(uint64_t)missed_from}, to[] = {(uint64_t)missed_to};
    struct signs_message m = {.now_us = clock,
                              .heard_us = heard,
                              .until_us = until,
                              .processes = names,
                              .processes_count = gateway == 0 ? 1 : 2,
                              .last_us = last,
                              .last_us_count = gateway == 0 ? 1 : 2,
                              .absent = absent,
                              .from_us = from,
                              .to_us = to};
    m.absent_count = m.from_us_count = m.to_us_count = missed_from == 0 ? 0 : 1;
    memset(m.instance, which == 0 ? 0xaa : 0xbb, sizeof m.instance);
    struct pack p;
    pack_init(&p);
    signs_encode(&p, &m);
    assert_int_equal(signs_known_take(k, pack_bytes(&p), clock, clock), expected);
    pack_release(&p);
}

static void tell(int which, int64_t clock, int64_t until, int64_t gateway, int64_t missed_from,
                 int64_t missed_to)
{
    tell_as(which, clock, clock, until, gateway, missed_from, missed_to, 0);
}

static bool misses(int which, const char *door, int64_t clock)
{
    return signs_known_misses(k, slice_of(uuids[which]), slice_of(door), clock);
}

static void test_until_is_that_of_those_who_are_present(void **state)
{
    (void)state;
    assert_int_equal(signs_known_until(k, S(1)), INT64_MIN);
    tell(0, S(100), S(99), 0, 0, 0);
    assert_int_equal(signs_known_until(k, S(100)), S(99));
    tell(1, S(101), S(90), 0, 0, 0);
    assert_int_equal(signs_known_until(k, S(101)), S(90));
    tell(0, S(107), S(106), 0, 0, 0);
    assert_int_equal(signs_known_until(k, S(107)), S(106)); /* the other is absent */
    assert_true(misses(1, "udp", S(107)));
    assert_false(misses(0, "udp", S(107)));
    assert_int_equal(signs_known_until(k, S(120)), S(106)); /* and now both */
    tell(1, S(121), INT64_MIN, 0, 0, 0);
    assert_int_equal(signs_known_until(k, S(121)), INT64_MIN);
    assert_false(signs_known_misses(k, slice_of("who never told"), slice_of("udp"), S(121)));
}

static void test_a_gateway_that_is_absent(void **state)
{
    (void)state;
    tell(0, S(100), S(99), S(95), 0, 0);
    assert_false(misses(0, "https", S(100)));
    tell(0, S(101), S(99), S(95), 0, 0);
    assert_true(misses(0, "https", S(101)));
    assert_true(misses(0, "", S(101)));
    assert_false(misses(0, "udp", S(101)));
    assert_true(signs_known_is_absent(&k->at[0], 1, S(101)));
    /* Of an ingestd that is not heard nobody knows whether its gateway is there. */
    tell(0, S(102), S(99), S(102), 0, 0);
    assert_false(signs_known_is_absent(&k->at[0], 1, S(110)));
    assert_true(signs_known_is_absent(&k->at[0], 0, S(110)));
}

static void test_what_was_missed_is_noted_before_it_counts_as_present(void **state)
{
    (void)state;
    tell(0, S(100), S(99), 0, S(80), S(90));
    assert_true(misses(0, "udp", S(100)));
    k->at[0].process[0].noted = true;
    assert_false(misses(0, "udp", S(100)));
    tell(0, S(101), S(99), 0, S(80), S(90));
    assert_true(k->at[0].process[0].noted);
    tell(0, S(102), S(99), 0, S(80), S(91));
    assert_false(k->at[0].process[0].noted);
}

static void test_who_is_known_from_the_store(void **state)
{
    (void)state;
    signs_known_add(k, slice_of(A), slice_of("ingestd"), S(50), true, S(100));
    signs_known_add(k, slice_of(B), slice_of("ingestd"), S(99), false, S(100));
    signs_known_add(k, slice_of(B), slice_of("mplane-gw"), S(99), true, S(100));
    assert_true(misses(0, "udp", S(100)));
    assert_true(misses(1, "udp", S(100))); /* not heard yet, */
    assert_false(signs_known_is_absent(&k->at[1], 0, S(100)));
    assert_true(signs_known_is_absent(&k->at[1], 0, S(106))); /* and not absent before that */
    signs_known_wait(k, S(106));
    assert_true(signs_known_is_absent(&k->at[0], 0, S(106)));
    assert_false(signs_known_is_absent(&k->at[1], 0, S(106)));
    assert_true(signs_known_is_absent(&k->at[1], 1, S(106)));
    signs_known_forget(k, 1, 1);
    assert_int_equal(k->at[1].count, 1);
    signs_known_forget(k, 0, 0);
    assert_int_equal(k->count, 1);
    assert_string_equal(k->at[0].instance, B);
}

static void test_nothing_is_known_before_all_are_heard_or_absent(void **state)
{
    (void)state;
    signs_known_add(k, slice_of(A), slice_of("ingestd"), S(50), true, S(100));
    tell(1, S(100), S(99), 0, 0, 0);
    assert_int_equal(signs_known_until(k, S(100)), S(99));
    signs_known_add(k, slice_of("another"), slice_of("ingestd"), S(99), false, S(100));
    assert_int_equal(signs_known_until(k, S(100)), INT64_MIN);
    tell(1, S(105) + 1, S(99), 0, 0, 0);
    assert_int_equal(signs_known_until(k, S(105) + 1), S(99));
}

static void test_times_that_are_none(void **state)
{
    (void)state;
    const int64_t never[] = {
        INT64_MIN, -1, 0, S(100) + SIGNS_AHEAD_US + 1, INT64_C(253402300800000000), INT64_MAX};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        tell_as(0, S(100), never[i], S(99), 0, 0, 0, -1);
    }
    tell_as(0, S(100), S(100), 0, 0, 0, 0, -1);
    tell_as(0, S(100), S(100), INT64_MAX, 0, 0, 0, -1);
    assert_int_equal(k->count, 0);
    /* A clock was put forward for a moment. */
    tell(0, S(100), S(100) + SIGNS_AHEAD_US + 1, 0, S(99), S(100) + SIGNS_AHEAD_US + 1);
    assert_int_equal(signs_known_until(k, S(100)), INT64_MIN);
    assert_int_equal(k->at[0].process[0].as.count, 0);
    k->at[0].keep_us = S(160);
    tell(0, S(101), S(100), 0, S(99), S(100));
    assert_int_equal(k->at[0].process[0].as.count, 1);
    assert_int_equal(k->at[0].keep_us, S(160));
    tell(0, S(91), S(90), 0, 0, 0);
    assert_int_equal(k->at[0].keep_us, SIGNS_KEEP_NOW);
}

static void test_more_than_there_can_be(void **state)
{
    (void)state;
    char name[40];
    for (int i = 0; i < SIGNS_INGESTDS + 3; i++) {
        snprintf(name, sizeof name, "number %d", i);
        signs_known_add(k, slice_of(name), slice_of("ingestd"), S(i + 1), false, S(i));
    }
    assert_int_equal(k->count, SIGNS_INGESTDS);
    assert_string_equal(k->at[2].instance, "number 66");
    assert_int_equal(signs_known_take(k, slice_of("nothing"), S(1), S(1)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_until_is_that_of_those_who_are_present, begin, end),
        cmocka_unit_test_setup_teardown(test_a_gateway_that_is_absent, begin, end),
        cmocka_unit_test_setup_teardown(test_what_was_missed_is_noted_before_it_counts_as_present,
                                        begin, end),
        cmocka_unit_test_setup_teardown(test_who_is_known_from_the_store, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_is_known_before_all_are_heard_or_absent, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_times_that_are_none, begin, end),
        cmocka_unit_test_setup_teardown(test_more_than_there_can_be, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
