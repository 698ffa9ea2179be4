/* SPDX-License-Identifier: Apache-2.0 */
/* Dry runs: records of a series walked along before and after, and rows as PostgreSQL writes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/pg/params.h"
#include "reasond/dry_row.h"

#define MINUTE_US INT64_C(60000000)
#define GAP_US    (5 * MINUTE_US)
#define SINCE_US  (1000 * MINUTE_US)

static const struct steady_terms holds_two = {.holds = 1, .worse_records = 2, .better_records = 2};
static const struct slice dimensions[DIMENSION_COUNT] = {SLICE("ping")};

static struct dry_lane lane_new(void)
{
    struct dry_lane l = {.since_us = SINCE_US};
    assert_int_equal(dry_most_init(&l.most, 2), 0);
    return l;
}

/* A record each minute from the beginning of the range on, with these grades. */
static void walk(struct dry_lane *l, int64_t first, const char *before, const char *after,
                 const struct steady_terms *terms)
{
    for (int64_t i = 0; before[i] != '\0'; i++) {
        struct period_key key = {SINCE_US + (first + i) * MINUTE_US, 0, i};
        key.end_us = key.t_us;
        const struct dry_grade grades[DRY_SIDES] = {
            {.grade = before[i] == '-' ? DRY_NONE : (uint8_t)(before[i] - '0')},
            {.grade = after[i] == '-' ? DRY_NONE : (uint8_t)(after[i] - '0'), .terms = terms}};
        assert_int_equal(dry_lane_record(l, &key, key.t_us, grades), 0);
    }
}

/* How a pair stands that had records of grade 5 before, the last a minute before the range. */
static struct steady edge_of_five(void)
{
    struct steady s = {.grade = 0};
    struct steady_rows settled = {0};
    for (int64_t i = -3; i < 0; i++) {
        const int64_t t_us = SINCE_US + i * MINUTE_US;
        const struct steady_record r = {
            .record = {.key = {t_us, t_us, 0}, .t_end_us = t_us, .grade = 5}};
        assert_int_equal(dry_lane_step_edge(&s, &settled, &r, GAP_US), 0);
    }
    free(settled.at);
    return s;
}

static void test_what_is_counted(void **state)
{
    (void)state;
    struct dry_lane l = lane_new();
    dry_lane_begin(&l, NULL, GAP_US);
    walk(&l, 0, "552550", "552-51", NULL);
    assert_int_equal(dry_lane_end(&l, dimensions), 0);
    assert_int_equal(l.records.sum, 6);
    assert_int_equal(l.changed.sum, 2);
    assert_int_equal(l.matrix[5][5], 3);
    assert_int_equal(l.matrix[2][2], 1);
    assert_int_equal(l.matrix[5][DRY_NONE], 1);
    assert_int_equal(l.matrix[0][1], 1);
    assert_int_equal(l.periods[DRY_BEFORE].sum, 3); /* 55 2 55 */
    assert_int_equal(l.periods[DRY_AFTER].sum, 4);  /* 55 2 5 1 */
    assert_int_equal(l.by_grade[DRY_AFTER][1], 1);
    assert_int_equal(l.events[DRY_BEFORE].sum, 3);
    assert_int_equal(l.most.count, 1);
    assert_int_equal(l.most.at[0].changed, 2);
    dry_lane_release(&l);
}

/* The period under way at the beginning goes on, and its event was told before; `hold` makes that
 * of the others what it says. */
static void test_the_edge(void **state)
{
    (void)state;
    const struct steady edge = edge_of_five();
    struct dry_lane l = lane_new();
    dry_lane_begin(&l, &edge, GAP_US);
    walk(&l, 0, "5255", "5255", &holds_two);
    assert_int_equal(dry_lane_end(&l, dimensions), 0);
    assert_int_equal(l.periods[DRY_BEFORE].sum, 3);
    assert_int_equal(l.events[DRY_BEFORE].sum, 2);
    assert_int_equal(l.periods[DRY_AFTER].sum, 1); /* one bad record is held */
    assert_int_equal(l.events[DRY_AFTER].sum, 0);
    assert_int_equal(l.changed.sum, 0);
    assert_int_equal(l.most.count, 0);
    /* Without a record in the range there is nothing, with one behind a gap another period. */
    dry_lane_begin(&l, &edge, GAP_US);
    assert_int_equal(dry_lane_end(&l, dimensions), 0);
    assert_int_equal(l.periods[DRY_BEFORE].sum, 3);
    dry_lane_begin(&l, &edge, GAP_US);
    walk(&l, 10, "5", "5", NULL);
    assert_int_equal(dry_lane_end(&l, dimensions), 0);
    assert_int_equal(l.periods[DRY_BEFORE].sum, 4);
    assert_int_equal(l.events[DRY_BEFORE].sum, 3);
    dry_lane_release(&l);
}

static void test_those_that_change_most(void **state)
{
    (void)state;
    struct dry_most m;
    assert_int_equal(dry_most_init(&m, 2), 0);
    for (uint64_t changed = 1; changed <= 4; changed++) {
        struct slice values[] = {SLICE("1"), {NULL, 0}, SLICE("22")};
        struct dry_example e = {.before = (uint8_t)changed};
        const struct dry_told t = {.changed = changed % 4};
        assert_int_equal(dry_example_keep(&e, values, 3), 0);
        assert_int_equal(dry_most_add(&m, &t, dimensions, &e), 0);
        assert_false(e.is_there);
    }
    assert_int_equal(m.count, 2);
    assert_int_equal(m.at[0].changed, 3);
    assert_int_equal(m.at[1].changed, 2);
    assert_true(slice_is(m.at[0].dimensions[DIMENSION_type], "ping"));
    assert_true(slice_is(m.at[0].example.values[2], "22"));
    assert_null(m.at[0].example.values[1].at);
    dry_most_release(&m);
}

/* ---- rows ---- */

static void put_array(struct bytes *b, uint32_t type, uint32_t count)
{
    bytes_put_32(b, count > 0);
    bytes_put_32(b, 0);
    bytes_put_32(b, type);
    if (count > 0) {
        bytes_put_32(b, count);
        bytes_put_32(b, 1);
    }
}

static void test_arrays(void **state)
{
    (void)state;
    struct bytes b = {0};
    uint8_t grades[2];
    struct slice texts[2];
    bool bad = false;
    put_array(&b, PG_SMALLINT, 0);
    assert_int_equal(dry_array_grades((struct slice){b.at, b.len}, grades, 2, &bad), 0);
    assert_false(bad);
    bytes_reset(&b, 1000);
    put_array(&b, PG_SMALLINT, 2);
    bytes_put_32(&b, 2);
    bytes_put_16(&b, 4);
    bytes_put_32(&b, UINT32_MAX);
    assert_int_equal(dry_array_grades((struct slice){b.at, b.len}, grades, 2, &bad), 2);
    assert_int_equal(grades[0], 4);
    assert_int_equal(grades[1], DRY_NONE);
    assert_false(bad);
    /* Cut anywhere it is none, and nothing behind its end is looked at. */
    for (size_t n = 0; n < b.len; n++) {
        char *exact = malloc(n + 1);
        memcpy(exact, b.at, n);
        bad = false;
        (void)dry_array_grades((struct slice){exact, n}, grades, 2, &bad);
        assert_true(bad || n == 12);
        free(exact);
    }
    bad = false;
    (void)dry_array_texts((struct slice){b.at, b.len}, texts, 1,
                          &bad); /* more than there is room for */
    assert_true(bad);
    bytes_release(&b);
}

static void test_rows(void **state)
{
    (void)state;
    struct bytes b = {0};
    bytes_put_16(&b, 2);
    bytes_put_32(&b, 8);
    bytes_put_64(&b, 7);
    bytes_put_32(&b, UINT32_MAX);
    struct dry_row r = dry_row_of((struct slice){b.at, b.len}, 2);
    assert_int_equal(dry_row_64(&r), 7);
    assert_null(dry_row_bytes(&r).at);
    assert_false(r.bad);
    (void)dry_row_bytes(&r); /* there is no third */
    assert_true(r.bad);
    r = dry_row_of((struct slice){b.at, b.len}, 3);
    assert_true(r.bad);
    r = dry_row_of((struct slice){b.at, b.len}, 2);
    assert_int_equal(dry_row_32(&r), 0);
    assert_true(r.bad);
    bytes_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_counted),
        cmocka_unit_test(test_the_edge),
        cmocka_unit_test(test_those_that_change_most),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
