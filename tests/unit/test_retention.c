/* SPDX-License-Identifier: Apache-2.0 */
/* stored/retention: the option, classes by type and day, horizons. */
#include "tests/unit/faults.h"

#include "stored/cache/retention.h"

#define DAY_US INT64_C(86400000000)

static struct faults told;

static int read_option(const char *text, struct retention_rules *rules)
{
    static const struct json_limits limits = {4, 1000, 2000, false};
    struct arena *a = arena_new(1 << 20);
    struct document *d = faults_begin(&told);
    struct document_place option = document_parse(d, a, slice_of(text), &limits);
    assert_non_null(option.node);
    int rc = retention_rules_read(d, option.node, rules);
    arena_free(&a);
    return rc;
}

static void option_is_read(void **state)
{
    struct retention_rules rules;

    (void)state;
    assert_int_equal(retention_rules_read(faults_begin(&told), NULL, &rules), 0);
    assert_true(rules.count == 0 && rules.rest_days == 0);
    assert_int_equal(read_option("{\"ping\": 30, \"*\": 400, \"\": 0}", &rules), 0);
    assert_true(rules.count == 2 && rules.rest_days == 400);
    assert_true(rules.rule[0].days == 30 && rules.rule[0].type_bytes == 4);
    assert_true(rules.rule[1].days == 0 && rules.rule[1].type_bytes == 0);
    assert_int_equal(read_option("{\"a\": 36500}", &rules), 0);
}

static void faults_are_all_told(void **state)
{
    struct retention_rules rules;

    (void)state;
    assert_int_equal(read_option("{\"a\": 36501, \"b\": -1, \"c\": 1e1, \"d\": 1.0, \"e\": \"1\", "
                                 "\"f\": null, \"*\": [], \"g\": 99999999999999999999, \"h\": 7}",
                                 &rules),
                     -1);
#define EXPECTED ": expected whole days (0: for ever) 0..36500, found "
    ASSERT_FAULTS(&told, "stored.retention.a" EXPECTED "36501", "stored.retention.b" EXPECTED "-1",
                  "stored.retention.c" EXPECTED "1e1", "stored.retention.d" EXPECTED "1.0",
                  "stored.retention.e" EXPECTED "\"1\"", "stored.retention.f" EXPECTED "null",
                  "stored.retention.*" EXPECTED "array",
                  "stored.retention.g" EXPECTED "99999999999999999999");
#undef EXPECTED
    assert_int_equal(read_option("{\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1, \"e\": 1, \"f\": 1,"
                                 " \"g\": 1, \"h\": 1, \"i\": 1, \"j\": 1, \"k\": 1, \"l\": 1,"
                                 " \"m\": 1, \"n\": 1, \"o\": 1, \"p\": 1, \"*\": 1, \"q\": 1}",
                                 &rules),
                     -1);
    ASSERT_FAULTS(&told, "stored.retention.q: expected at most 16 record types beside \"*\"");
}

static void class_by_type_and_day(void **state)
{
    struct retention r = {.count = 3};

    (void)state;
    r.class[1] = (struct retention_class){.rule = {"ping", 4, 0}};
    r.class[2] = (struct retention_class){.rule = {"OTT", 3, 0}, .from_day = 100};
    assert_int_equal(retention_of_type(&r, slice_of("ping")), 1);
    assert_int_equal(retention_of_type(&r, slice_of("OTT")), 2);
    assert_int_equal(retention_of_type(&r, slice_of("pin")), 0);
    assert_int_equal(retention_of_type(&r, slice_of("")), 0);
    assert_int_equal(retention_on_day(&r, 1, 0), 1);
    assert_int_equal(retention_on_day(&r, 2, 99), 0);
    assert_int_equal(retention_on_day(&r, 2, 100), 2);
    assert_int_equal(retention_on_day(&r, 0, 100), 0);
}

static void horizons(void **state)
{
    struct retention r = {.count = 2};
    struct retention_rules rules = {.count = 1, .rest_days = 50, .rule = {{"OTT", 3, 10}}};

    (void)state;
    r.class[1] = (struct retention_class){.rule = {"OTT", 3, 0}, .from_day = 100};
    retention_set_days(&r, &rules);
    assert_true(r.class[0].rule.days == 50 && r.class[1].rule.days == 10);
    assert_true(retention_horizon_us(&r, 0) == INT64_MIN &&
                retention_horizon_us(&r, 1) == INT64_MIN);
    assert_int_equal(retention_horizon_due(&r.class[1], 105), 95);
    r.class[0].horizon_day = 55;
    r.class[1].horizon_day = 95; /* its own begin later: what counts is the horizon of class 0 */
    assert_true(retention_horizon_us(&r, 1) == 55 * DAY_US);
    assert_true(retention_is_expired(&r, slice_of("OTT"), 55 * DAY_US - 1));
    assert_false(retention_is_expired(&r, slice_of("OTT"), 55 * DAY_US));
    r.class[1].horizon_day = 101;
    assert_true(retention_horizon_us(&r, 1) == 101 * DAY_US);
    assert_true(retention_is_expired(&r, slice_of("OTT"), 101 * DAY_US - 1));
    assert_false(retention_is_expired(&r, slice_of("ping"), 101 * DAY_US - 1));
    assert_true(retention_earliest_us(&r) == 55 * DAY_US);
    r.class[0].horizon_day = 200;
    r.class[1].horizon_day = 0; /* all others are kept shorter */
    assert_true(retention_horizon_us(&r, 1) == 100 * DAY_US);
    /* It never moves back, neither with more days nor for ever. */
    r.class[1].horizon_day = 101;
    assert_int_equal(retention_horizon_due(&r.class[1], 110), 101);
    rules.count = 0;
    rules.rest_days = 0;
    retention_set_days(&r, &rules);
    assert_int_equal(r.class[1].rule.days, 0);
    assert_int_equal(retention_horizon_due(&r.class[1], 500), 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_is_read),
        cmocka_unit_test(faults_are_all_told),
        cmocka_unit_test(class_by_type_and_day),
        cmocka_unit_test(horizons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
