/* SPDX-License-Identifier: Apache-2.0 */
/* Which datagrams an authenticated listener takes, and what it says of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingestd/signed/signed_door.h"

#define NOW    INT64_C(1795910400000000)
#define WINDOW INT64_C(300000000)
#define S      INT64_C(1000000)

static const char keys[] =
    "{\"keys\": ["
    "{\"name\": \"one\", \"id\": \"0102030405060708\", \"identity\": \"probe-1\", \"types\": "
    "[\"ping\"],"
    " \"secret\": \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\", \"from\": [\"192.0.2.0/24\"],"
    " \"per_second\": 3},"
    "{\"name\": \"two\", \"id\": \"ff02030405060708\", \"identity\": \"probe-2\", \"types\": "
    "[\"*\"],"
    " \"secret\": \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\", \"until\": "
    "\"2026-12-01T00:00:00Z\"},"
    "{\"name\": \"three\", \"id\": \"fe02030405060708\", \"identity\": \"probe-3\", \"types\": "
    "[\"*\"]}]}";

static const uint8_t ids[][ACCESS_KEY_ID] = {
    {1, 2, 3, 4, 5, 6, 7, 8}, {255, 2, 3, 4, 5, 6, 7, 8}, {254, 2, 3, 4, 5, 6, 7, 8}, {9}};

struct fixture {
    struct access *access;
    struct signed_door *door;
    struct address here, elsewhere;
    struct signed_arrival a;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct document d = {.name = "keys"};
    assert_non_null(f);
    f->access = access_read(&d, "access", NULL, slice_of(keys));
    assert_non_null(f->access);
    f->door = signed_door_new(replay_memory_open("/proc/none", NOW - WINDOW));
    assert_non_null(f->door);
    assert_int_equal(address_parse(slice_of("192.0.2.7"), &f->here), 0);
    assert_int_equal(address_parse(slice_of("198.51.100.1"), &f->elsewhere), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    access_free(&f->access);
    signed_door_free(&f->door);
    free(f);
    return 0;
}

struct sent {
    int id, secret; /* secret: a byte, as often as needed */
    uint64_t sequence;
    int64_t time_us, received_us;
    bool elsewhere, changed;
};

/* Why it is refused; "" when it is taken. */
static const char *say(struct fixture *f, struct sent s)
{
    static char datagram[100];
    uint8_t secret[SIGNED_SECRET_BYTES];
    struct signed_head head = {
        .epoch = 5, .sequence = s.sequence, .time_us = s.time_us == 0 ? NOW : s.time_us};
    memset(secret, s.secret, sizeof secret);
    memcpy(head.key_id, ids[s.id], sizeof head.key_id);
    struct signed_key *key = signed_key_new(secret);
    assert_non_null(key);
    size_t size = signed_write(key, &head, slice_of("content"), datagram);
    signed_key_free(&key);
    datagram[SIGNED_HEAD_BYTES] ^= (char)s.changed;
    bool taken = signed_door_take(f->door, f->access, (struct slice){datagram, size},
                                  s.elsewhere ? &f->elsewhere : &f->here,
                                  s.received_us == 0 ? NOW : s.received_us, WINDOW, S, &f->a);
    assert_true(taken || f->a.detail[0] != '\0');
    assert_true(!taken || f->a.known);
    return taken ? "" : result_reason_name(f->a.reason);
}

static void test_what_is_true_is_taken_once(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 4}), "");
    assert_true(slice_is(f->a.grant.identity, "probe-1") && slice_is(f->a.content, "content"));
    assert_int_equal(f->a.time_us, NOW);
    assert_int_equal(f->a.grant.types_count, 1);
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 4}), "envelope.replay");
    assert_false(f->a.known);
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 6}), "");
    assert_int_equal(f->a.missing, 1);
    assert_string_equal(say(f, (struct sent){1, 2, .sequence = 4}), "");
    assert_true(slice_is(f->a.grant.identity, "probe-2"));
}

static void test_keys(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(say(f, (struct sent){3, 1, .sequence = 1}), "envelope.key");
    assert_non_null(strstr(f->a.detail, "0900000000000000"));
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 1, .elsewhere = true}),
                        "envelope.key");
    assert_string_equal(say(f, (struct sent){2, 1, .sequence = 1}), "envelope.key");
    assert_string_equal(
        say(f, (struct sent){1, 2, .sequence = 1, .received_us = NOW + 86400 * 10 * S,
                             .time_us = NOW + 86400 * 10 * S}),
        "envelope.key");
    struct access *access = f->access;
    f->access = NULL;
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 1}), "envelope.key");
    f->access = access;
    assert_false(f->a.known);
}

static void test_codes(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(say(f, (struct sent){0, 2, .sequence = 1}), "envelope.mac");
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 1, .changed = true}),
                        "envelope.mac");
    /* And none of them keeps the true one from being taken. */
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 1}), "");
    assert_false(signed_door_take(f->door, f->access, slice_of("rtt 192.0.2.1 1"), &f->here, NOW,
                                  WINDOW, S, &f->a));
    assert_string_equal(result_reason_name(f->a.reason), "envelope.form");
}

static void test_times(void **state)
{
    struct fixture *f = *state;
    const int64_t off[] = {-WINDOW - 1, WINDOW + 1, INT64_MAX - NOW};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(say(f, (struct sent){0, 1, .sequence = 1, .time_us = NOW + off[i]}),
                            "envelope.time");
    }
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 1, .time_us = NOW + WINDOW}), "");
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 2, .time_us = NOW - WINDOW + 1}),
                        "");
    assert_string_equal(say(f, (struct sent){1, 2, .sequence = 2, .time_us = NOW - WINDOW}),
                        "envelope.replay"); /* the memory begins then */
}

static void test_how_many_a_second(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        assert_string_equal(say(f, (struct sent){0, 1, .sequence = i}), "");
    }
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 4}), "budget.records");
    assert_true(f->a.known && slice_is(f->a.grant.identity, "probe-1"));
    assert_string_equal(say(f, (struct sent){1, 2, .sequence = 4}), "");
    signed_door_forget(f->door);
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 4}), "envelope.replay");
    assert_string_equal(say(f, (struct sent){0, 1, .sequence = 5}), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_true_is_taken_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_codes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_how_many_a_second, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
