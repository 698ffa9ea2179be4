/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for a sender: by rule, by option, by door. */
#include "tests/unit/faults.h"

#include <stdlib.h>

#include "ingestd/sender_rules.h"

#define DAY INT64_C(86400000000)

static struct sender_rules *rules;

static struct faults told;

static void try_rules(const char *text, struct sender_options options)
{
    const struct json_limits limits = {16, 1000, 1000, false};
    struct arena *a = arena_new(1 << 20);
    struct document *d = faults_begin(&told);
    struct document_place list = document_parse(d, a, slice_of(text), &limits);
    assert_non_null(list.node);
    sender_rules_free(&rules);
    rules = sender_rules_read(d, list.node, &options);
    arena_free(&a);
}

static void read_rules(const char *text, struct sender_options options)
{
    try_rules(text, options);
    assert_non_null(rules);
}

static struct sender_limits limits_of(enum sender_door door, const char *sender)
{
    struct sender_limits limits;
    struct address address;
    bool is_address = address_parse(slice_of(sender), &address) == 0;
    sender_rules_limits(rules, door, slice_of(sender), is_address ? &address : NULL, &limits);
    return limits;
}

static void test_by_door(void **state)
{
    (void)state;
    read_rules("[]", (struct sender_options){-1, 300, -1});
    struct sender_limits udp = limits_of(SENDER_UDP, "192.0.2.1"),
                         https = limits_of(SENDER_HTTPS, "org.example.probe"),
                         file = limits_of(SENDER_FILE, "joe");
    assert_int_equal(udp.past_us, 7 * DAY);
    assert_int_equal(https.past_us, 92 * DAY);
    assert_int_equal(file.past_us, 400 * DAY);
    assert_int_equal(udp.longest_us, 7 * DAY);
    assert_int_equal(https.longest_us, 31 * DAY);
    assert_int_equal(file.longest_us, 31 * DAY);
    assert_string_equal(udp.past_of, "past_limit_s of the door udp");
    assert_true(udp.future_us == 300000000 && file.future_us == 300000000);
    assert_true(udp.budget.records_per_s > 0 && https.budget.series_per_day > 0);
    assert_true(file.budget.records_per_s == 0 && file.budget.series_per_day == 0 &&
                file.budget.days_per_day == 0);
    assert_null(udp.zone);
}

static void test_options_hold_at_all_doors(void **state)
{
    (void)state;
    read_rules("[]", (struct sender_options){0, 1, 3});
    for (int door = 0; door < SENDER_DOORS; door++) {
        struct sender_limits limits = limits_of((enum sender_door)door, "192.0.2.1");
        assert_int_equal(limits.past_us, 0);
        assert_int_equal(limits.future_us, 1000000);
        assert_int_equal(limits.longest_us, 3000000);
        assert_string_equal(limits.past_of, "ingestd.past_limit_s");
        assert_string_equal(limits.longest_of, "ingestd.longest_s");
    }
}

static void test_rules_hold_before_options(void **state)
{
    (void)state;
    read_rules("[{\"door\": \"udp\", \"sender\": \"192.0.2.0/24\", \"past_limit_s\": 5,"
               "  \"records_per_s\": 7, \"days_per_day\": 0},"
               " {\"sender\": \"192.0.2.9\", \"longest_s\": 6, \"records_per_s\": 0,"
               "  \"series_per_day\": 9},"
               " {\"door\": \"file\", \"records_per_s\": 2, \"records_burst\": 3}]",
               (struct sender_options){100, 1, -1});
    struct sender_limits first = limits_of(SENDER_UDP, "192.0.2.9");
    assert_int_equal(first.past_us, 5000000);
    assert_string_equal(first.past_of, "ingestd.senders[0].past_limit_s");
    assert_int_equal(first.longest_us, 7 * DAY); /* what it does not say is as for others */
    assert_int_equal(first.budget.records_per_s, 7);
    assert_int_equal(first.budget.records_burst, 420);
    assert_int_equal(first.budget.days_per_day, 0);
    assert_true(first.budget.series_per_day > 0);
    struct sender_limits second = limits_of(SENDER_HTTPS, "192.0.2.9");
    assert_int_equal(second.past_us, 100000000);
    assert_string_equal(second.past_of, "ingestd.past_limit_s");
    assert_int_equal(second.longest_us, 6000000);
    assert_string_equal(second.longest_of, "ingestd.senders[1].longest_s");
    assert_int_equal(second.budget.records_per_s, 0);
    assert_int_equal(second.budget.series_per_day, 9);
    struct sender_limits third = limits_of(SENDER_FILE, "joe");
    assert_true(third.budget.records_per_s == 2 && third.budget.records_burst == 3);
    sender_rules_free(&rules);
}

static void test_all_faults_at_once(void **state)
{
    (void)state;
    try_rules("[{\"door\": \"tcp\", \"sender\": 3, \"time_zone\": \"Europe/Atlantis\"},"
              " {\"past_limit_s\": -1, \"longest_s\": \"1\", \"x\": 1, \"days_per_day\": 3661}, 7,"
              " {\"sender\": \"10.0.0.0/33\"}, {\"sender\": \"*\"}]",
              (struct sender_options){-1, 300, -1});
    assert_null(rules);
    ASSERT_FAULTS(&told, "ingestd.senders[0].door: expected one of udp https file, found \"tcp\"",
                  "ingestd.senders[0].sender: expected a string, found 3",
                  "ingestd.senders[0].time_zone: expected the name of a time zone, as "
                  "\"Europe/Madrid\", found \"Europe/Atlantis\"",
                  "ingestd.senders[1].x: unknown, expected one of door sender time_zone "
                  "past_limit_s future_limit_s longest_s records_per_s records_burst "
                  "series_per_day days_per_day",
                  "ingestd.senders[1].past_limit_s: expected an integer 0..31557600000, found -1",
                  "ingestd.senders[1].longest_s: expected an integer 1..31557600000, found \"1\"",
                  "ingestd.senders[1].days_per_day: expected an integer 0..3660, found 3661",
                  "ingestd.senders[2]: expected an object, found 7",
                  "ingestd.senders[3].sender: expected an address, a prefix or a pattern, found "
                  "\"10.0.0.0/33\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_door),
        cmocka_unit_test(test_options_hold_at_all_doors),
        cmocka_unit_test(test_rules_hold_before_options),
        cmocka_unit_test(test_all_faults_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
