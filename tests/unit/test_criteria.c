/* SPDX-License-Identifier: Apache-2.0 */
/* Questions become statements: what goes into parameters, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/capability_rows.h"
#include "common/when_time.h"
#include "queryd/criteria.h"
#include "queryd/cursor.h"

#define HOUR_US   INT64_C(3600000000)
#define MINUTE_US (HOUR_US / 60)
#define NOON_US   INT64_C(1455796800000000) /* 2016-02-18 12:00:00 */

static struct arena *arena;
static struct criteria c;
static char error[CRITERIA_ERROR];

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct query_message any(enum query_kind kind)
{
    struct slice star = slice_of("*");
    return (struct query_message){.kind = kind,
                                  .type = star,
                                  .content = star,
                                  .probe = star,
                                  .source = star,
                                  .dest = star,
                                  .path = star,
                                  .from_us = WHEN_PAST,
                                  .to_us = WHEN_FUTURE,
                                  .grade_name = slice_of("all"),
                                  .grade_low = 1,
                                  .grade_high = 5,
                                  .after = slice_of(""),
                                  .instance = slice_of(""),
                                  .sender = slice_of(""),
                                  .reason = slice_of(""),
                                  .grid_rows = slice_of(""),
                                  .grid_columns = slice_of(""),
                                  .metric = slice_of(""),
                                  .facet = slice_of(""),
                                  .begins = slice_of("")};
}

static int build(const struct query_message *q)
{
    arena_reset(arena);
    return criteria_build(arena, q, 100, 1000, &c, error);
}

static bool has_parameter(const char *text)
{
    for (int i = 0; i < c.parameter_count; i++) {
        if (strcmp(c.parameters[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* Every parameter stands in the statement and every $n has a parameter: PostgreSQL refuses all
 * else. */
static void check_parameters(void)
{
    bool used[CRITERIA_PARAMETERS + 1] = {false};
    for (const char *at = c.sql; (at = strchr(at, '$')) != NULL; at++) {
        long n = strtol(at + 1, NULL, 10);
        assert_in_range(n, 1, c.parameter_count);
        used[n] = true;
    }
    for (int i = 1; i <= c.parameter_count; i++) {
        if (!used[i]) {
            fail_msg("$%d is not used in: %s", i, c.sql);
        }
    }
}

/* What those that draw refuse to do without. */
static void ask_for_a_shape(struct query_message *q)
{
    q->instant = 0;
    q->from_us = NOON_US;
    q->to_us = NOON_US + 30 * HOUR_US;
    q->metric = slice_of("rtt.ms.avg");
    q->grid_rows = slice_of("source");
    q->grid_columns = slice_of("dest");
    q->grade_name = slice_of(q->kind == QUERY_GRID ? "overall" : "all");
}

static void test_all_kinds_use_their_parameters(void **state)
{
    (void)state;
    for (int kind = 0; kind < QUERY_KINDS; kind++) {
        char cursor[32] = "";
        if (cursor_sql((enum query_kind)kind) != NULL) {
            unsigned keys = 0;
            while (cursor_key((enum query_kind)kind, keys) != CURSOR_NONE) {
                keys++;
            }
            snprintf(cursor, sizeof cursor, "%s5%.*s", query_rows[kind].letter, 2 * (int)keys - 2,
                     ".1.1.1.1.1");
        }
        for (int variant = 0; variant < 16; variant++) {
            struct query_message q = any((enum query_kind)kind);
            q.instant = variant & 1;
            q.grade_name = slice_of(variant & 2 ? "overall" : "all");
            q.source = slice_of(variant & 4 ? "192.0.2.0/24" : "*");
            q.after = slice_of(variant & 8 ? cursor : "");
            q.grading_version = (uint64_t)(variant & 1);
            q.recount = (uint64_t)(variant & 1);
            q.sender = slice_of(variant & 2 ? "192.0.2.1" : "");
            q.instance = slice_of(variant & 4 ? "0b6c" : "");
            q.reason = slice_of(variant & 4 ? "json" : "");
            q.reject = (uint64_t)variant;
            q.kinds = slice_of(variant & 2 ? "event,rebuild" : "");
            if (kind == QUERY_TRY) {
                continue; /* no statement answers it */
            }
            if (kind == QUERY_TIMELINE || kind == QUERY_GRID || kind == QUERY_BUCKETS) {
                ask_for_a_shape(&q);
            }
            if (kind == QUERY_SERIES || kind == QUERY_FACETS || kind == QUERY_NOW ||
                kind == QUERY_SILENT || kind == QUERY_TELLING || kind == QUERY_EXPORTED ||
                kind == QUERY_METRICS) {
                q.instant = 0; /* these are about now */
                q.from_us = INT64_MIN;
                q.to_us = INT64_MAX;
                q.facet = slice_of(variant & 4 ? "dest" : "");
                q.begins = slice_of(variant & 8 ? "a" : "");
                q.each = (uint64_t)(variant & 4);
            }
            struct slice metrics[] = {slice_of("a"), slice_of("b")};
            q.metrics = metrics;
            q.metrics_count = kind == QUERY_EXPORTED && (variant & 2) ? 2 : 0;
            assert_int_equal(build(&q), 0);
            check_parameters();
            assert_true(c.column_count >= 3);
        }
    }
}

static void test_nothing_is_pasted(void **state)
{
    (void)state;
    static const char evil[] = "'; DROP TABLE series; --";
    for (int kind = 0; kind < QUERY_GRADING; kind++) {
        struct query_message q = any((enum query_kind)kind);
        q.type = q.content = q.probe = q.source = q.dest = q.path = q.grade_name = slice_of(evil);
        assert_int_equal(build(&q), 0);
        assert_null(strstr(c.sql, "DROP"));
        assert_true(has_parameter(evil));
        assert_string_equal(c.grade_name, evil);
        check_parameters();
    }
}

static void test_patterns(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_COUNT);
    assert_int_equal(build(&q), 0);
    assert_null(strstr(c.sql, "series WHERE"));
    assert_null(c.grade_name);

    q.path = slice_of("***");
    assert_int_equal(build(&q), 0);
    assert_null(strstr(c.sql, "series WHERE"));

    q.path = slice_of("a%b_*");
    q.type = slice_of("ping");
    q.source = slice_of("2001:DB8::/32");
    assert_int_equal(build(&q), 0);
    assert_non_null(strstr(c.sql, "path LIKE $"));
    assert_non_null(strstr(c.sql, "type = $"));
    assert_non_null(strstr(c.sql, "source_addr <<= $"));
    assert_true(has_parameter("a\\%b\\_%"));
    assert_true(has_parameter("2001:db8::/32"));
    assert_true(has_parameter("2001:DB8::/32")); /* as text, for what is no address */

    /* Only source and dest are addresses. */
    q = any(QUERY_COUNT);
    q.probe = slice_of("192.0.2.0/24");
    assert_int_equal(build(&q), 0);
    assert_non_null(strstr(c.sql, "probe = $"));
}

/* How often `text` stands in the statement. */
static int times(const char *text)
{
    int n = 0;
    for (const char *at = c.sql; (at = strstr(at, text)) != NULL; at++) {
        n++;
    }
    return n;
}

static void test_ranges(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_COUNT);
    q.probe = slice_of("p1");
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("-infinity") && has_parameter("infinity"));

    q.from_us = NOON_US + 40 * MINUTE_US;
    q.to_us = NOON_US + 2 * HOUR_US + 5;
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("2016-02-18 12:40:00.000000+00"));
    assert_true(has_parameter("2016-02-18 12:00:00.000000+00")); /* the hour it lies in */
    assert_true(has_parameter("2016-02-18 13:00:00.000000+00")); /* the first whole one */
    assert_true(has_parameter("2016-02-18 14:00:00.000005+00"));
    assert_true(has_parameter("2016-02-18 14:00:00.000000+00"));
    assert_true(has_parameter("2016-02-18 00:00:00.000000+00")); /* the day it lies in */
    assert_int_equal(times("FROM rollup_hour t"), 1);
    assert_int_equal(times("counted_lists('day'"), 1);
    assert_int_equal(times("counted_lists('month'"), 0);
    assert_non_null(strstr(c.sql, ", 13, 14, "));

    q.to_us = NOON_US + 12 * HOUR_US; /* up to the end of the day */
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("counted_lists('day'"), 1);
    assert_non_null(strstr(c.sql, ", 13, 24, "));

    q.to_us = NOON_US + 13 * HOUR_US; /* and into the next one */
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("counted_lists('day'"), 2);
    assert_true(has_parameter("2016-02-19 00:00:00.000000+00"));
    assert_non_null(strstr(c.sql, ", 0, 1, "));

    q.to_us = NOON_US + HOUR_US; /* no hour is whole in it */
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("rollup_") + times("counted_lists"), 0);

    q.from_us = -1; /* hours go downward also before 1970 */
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("1969-12-31 23:00:00.000000+00"));
    assert_true(has_parameter("1970-01-01 00:00:00.000000+00"));
    assert_non_null(strstr(c.sql, "rollup_month"));

    q.to_us = q.from_us;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("FROM measurement") + times("rollup_") + times("counted_lists"), 0);

    q.from_us = INT64_MIN + 1; /* years that PostgreSQL does not have */
    q.to_us = INT64_MAX - 1;
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("-infinity") && has_parameter("infinity"));
}

/* An hour that is mostly within is taken whole, and what is outside is so many less. */
static void test_cut_hours(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_COUNT);
    q.probe = slice_of("p1");
    q.from_us = NOON_US + 10 * MINUTE_US;
    q.to_us = NOON_US + 2 * HOUR_US + 50 * MINUTE_US;
    assert_int_equal(build(&q), 0);
    assert_non_null(strstr(c.sql, ", 12, 15, "));
    assert_int_equal(times("-records FROM counted_records"), 2);
    assert_int_equal(times("counted_hours"), 1);
    assert_true(has_parameter("2016-02-18 15:00:00.000000+00"));
    check_parameters();

    q.from_us = NOON_US - 11 * HOUR_US - 50 * MINUTE_US; /* with it the day is whole */
    q.to_us = NOON_US + 12 * HOUR_US;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("counted_lists('month'"), 1);
    assert_int_equal(times("counted_lists('day'"), 0);
    assert_int_equal(times("-records FROM counted_records"), 1);

    q.from_us = NOON_US + 10 * MINUTE_US; /* both ends cut the same hour */
    q.to_us = NOON_US + 50 * MINUTE_US;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("-records") + times("counted_lists") + times("counted_hours"), 0);

    q.kind = QUERY_HISTOGRAM;
    q.to_us = NOON_US + 90 * MINUTE_US;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("-records FROM counted_records"), 1);
    assert_int_equal(times("-l.n5"), 1);
    check_parameters();
}

/* Whole days are taken from their months: of one the difference of two places, of several all but
 * for the ends. */
static void test_months(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_HISTOGRAM);
    q.probe = slice_of("p1");
    q.from_us = NOON_US; /* 2016-02-18 */
    q.to_us = NOON_US + 72 * HOUR_US;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("FROM rollup_day t"), 2);
    assert_int_equal(times("FROM rollup_month t"), 1);
    assert_true(has_parameter("2016-02-01 00:00:00.000000+00"));
    assert_non_null(strstr(c.sql, "(coalesce(t.c5[20], 0) - coalesce(t.c5[18], 0))"));
    assert_non_null(strstr(c.sql, "(coalesce(t.c5[24], 0) - coalesce(t.c5[12], 0))"));

    q.to_us = NOON_US + 24 * 60 * HOUR_US; /* up to 2016-04-18 */
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("FROM rollup_month t"), 3);
    assert_true(has_parameter("2016-03-01 00:00:00.000000+00")); /* those between, from here ... */
    assert_true(has_parameter("2016-04-01 00:00:00.000000+00")); /* ... to here, and of this one */
    assert_non_null(strstr(c.sql, "(coalesce(t.c5[31], 0) - coalesce(t.c5[18], 0))"));
    assert_non_null(strstr(c.sql, "sum(coalesce(t.c5[17], 0))"));
    check_parameters();

    q.from_us = NOON_US - 12 * HOUR_US - 17 * 24 * HOUR_US; /* of a whole month no more */
    q.to_us = q.from_us + 29 * 24 * HOUR_US;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("FROM rollup_day t"), 0);
    assert_int_equal(times("FROM rollup_month t"), 1);
    assert_non_null(strstr(c.sql, "sum(coalesce(t.c5[31], 0))"));
}

/* With no criterion but the type: days, then hours and minutes at both ends, then parts of minutes.
 */
static void test_totals(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_COUNT);
    q.type = slice_of("p*");
    assert_int_equal(build(&q), 0); /* all time is whole days */
    assert_int_equal(times("grade_total"), 1);
    assert_int_equal(times("FROM measurement"), 0);
    assert_int_equal(times("t.type LIKE"), 1);

    q.from_us = NOON_US - 61 * 1000000;
    q.to_us = NOON_US + 72 * HOUR_US + 60 * 1000000;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("t.unit = 'day'"), 1);
    assert_int_equal(times("t.unit = 'hour'"), 2);
    assert_int_equal(times("t.unit = 'minute'"), 2);
    assert_int_equal(times("FROM measurement"), 1);
    assert_true(has_parameter("2016-02-18 11:58:59.000000+00"));
    assert_true(has_parameter("2016-02-18 11:59:00.000000+00"));
    assert_true(has_parameter("2016-02-19 00:00:00.000000+00"));
    assert_true(has_parameter("2016-02-21 00:00:00.000000+00"));
    assert_true(has_parameter("2016-02-21 12:01:00.000000+00"));
    check_parameters();

    q.from_us = NOON_US + 1; /* nothing whole in it */
    q.to_us = NOON_US + 30 * 1000000;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("grade_total"), 0);
    assert_int_equal(times("FROM measurement"), 1);
    check_parameters();

    q.source = slice_of("192.0.2.1"); /* more than the type */
    q.to_us = NOON_US + 72 * HOUR_US;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("grade_total"), 0);
}

static void test_limits(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_EVENTS);
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("100"));
    q.limit = 77;
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("77"));
    q.limit = 10000;
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("1000"));
}

/* The cursor ends the range: what is newer is not read again; but it does not empty it for periods.
 */
static void test_cursor(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_PERIODS);
    q.from_us = NOON_US;
    q.after = slice_of("p1455793200000000.12.1.1455793200000000.7"); /* an hour before `from` */
    assert_int_equal(build(&q), 0);
    assert_null(strstr(c.sql, "AND false"));
    assert_true(has_parameter("2016-02-18 11:00:00.000001+00"));
    assert_true(has_parameter("2016-02-18 11:00:00.000000+00"));
    assert_true(has_parameter("12"));
}

static void test_ledger(void **state)
{
    (void)state;
    static const char evil[] = "'; DROP TABLE ledger; --";
    struct query_message q = any(QUERY_ACCOUNTS);
    q.from_us = NOON_US;
    q.to_us = NOON_US + HOUR_US;
    q.sender = q.instance = slice_of(evil);
    q.after = slice_of("a0b6c.'; DROP");
    q.limit = 77;
    assert_int_equal(build(&q), 0);
    assert_null(strstr(c.sql, "DROP"));
    assert_true(has_parameter(evil) && has_parameter("0b6c.'; DROP") && has_parameter("77"));
    assert_true(has_parameter("2016-02-18 12:00:00.000000+00"));
    assert_true(has_parameter("2016-02-18 13:00:00.000000+00"));
    assert_int_equal(times("(k.account) > ("), 1);
    check_parameters();

    q.to_us = q.from_us; /* nothing */
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("AND false"), 1);

    q = any(QUERY_LOSSES);
    q.sender = slice_of(evil); /* nobody knows whose they were */
    assert_int_equal(build(&q), 0);
    assert_false(has_parameter(evil));
    assert_true(has_parameter("1000"));
}

/* Records are counted only when they are asked for, those of no row only when all is. */
static void test_faults_of_the_ledger(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_FAULTS);
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("FROM measurement") + times("records of no row"), 0);
    q.recount = 1;
    assert_int_equal(build(&q), 0);
    assert_int_equal(times("FROM measurement"), 1);
    assert_int_equal(times("records of no row"), 1);
    assert_true(has_parameter("1000"));
    for (int part = 0; part < 5; part++) {
        q = any(QUERY_FAULTS);
        q.recount = 1;
        q.from_us = part == 0 ? NOON_US : q.from_us;
        q.to_us = part == 1 ? NOON_US : q.to_us;
        q.sender = slice_of(part == 2 ? "x" : "");
        q.instance = slice_of(part == 3 ? "x" : "");
        if (part == 4) {
            q.from_us = NOON_US;
            q.instant = 1;
        }
        assert_int_equal(build(&q), 0);
        assert_int_equal(times("FROM measurement"), 1);
        assert_int_equal(times("records of no row"), 0);
    }
}

static void test_rejects(void **state)
{
    (void)state;
    static const char evil[] = "'; DROP TABLE rejected; --";
    struct query_message q = any(QUERY_REJECTS);
    q.from_us = NOON_US;
    q.sender = q.reason = slice_of(evil);
    q.after = slice_of("j4711");
    assert_int_equal(build(&q), 0);
    assert_null(strstr(c.sql, "DROP"));
    assert_true(has_parameter(evil) && has_parameter("4711") && has_parameter("100"));
    assert_true(has_parameter("2016-02-18 12:00:00.000000+00") && has_parameter("infinity"));
    assert_int_equal(times("(k.id) < ("), 1);
    check_parameters();

    q = any(QUERY_REJECT);
    q.reject = INT64_MAX;
    assert_int_equal(build(&q), 0);
    assert_true(has_parameter("9223372036854775807"));
}

static void refused(struct query_message q, const char *said)
{
    assert_int_equal(build(&q), -1);
    assert_string_equal(error, said);
}

static void test_faults(void **state)
{
    (void)state;
    struct query_message q = any(QUERY_COUNT);
    q.dest = (struct slice){"a\xff", 2};
    refused(q,
            "record.dest: expected a pattern in UTF-8 of at most 1024 bytes, \\ in it only before "
            "*, ? and \\, and no prefix that cannot be");
    q.dest = (struct slice){"a\0b", 3};
    refused(q,
            "record.dest: expected a pattern in UTF-8 of at most 1024 bytes, \\ in it only before "
            "*, ? and \\, and no prefix that cannot be");

    q = any(QUERY_RECORDS);
    q.grade_high = 6;
    refused(q, "range.grade: expected two grades within 0 ... 5, found 1 ... 6");
    q.grade_low = 4;
    q.grade_high = 3;
    refused(q, "range.grade: expected two grades within 0 ... 5, found 4 ... 3");

    q = any(QUERY_HISTOGRAM);
    q.grade_low = 0; /* has no range of grades */
    assert_int_equal(build(&q), 0);
    q.grade_name = slice_of("");
    refused(q, "select.grade: expected \"all\" or a grade name in UTF-8");
    q.grade_name = (struct slice){"a\0b", 3};
    refused(q, "select.grade: expected \"all\" or a grade name in UTF-8");

    q = any(QUERY_EVENTS);
    q.after = slice_of("p1.2.3.4");
    refused(q, "list.after: expected the list.cursor of a row of such a listing");
    q.after = slice_of("e-99999999999999999.1"); /* before the year 1 */
    refused(q, "list.after: expected the list.cursor of a row of such a listing");

    q = any(QUERY_ACCOUNTS);
    q.sender = (struct slice){"a\0b", 3};
    refused(q, "input.sender: expected a text in UTF-8 without NUL");
    q = any(QUERY_REJECTS);
    q.sender = (struct slice){"\xff", 1};
    refused(q, "input.sender: expected a text in UTF-8 without NUL");
    q = any(QUERY_REJECTS);
    q.reason = (struct slice){"a\0b", 3};
    refused(q, "rejected.reason: expected a text in UTF-8 without NUL");
    q = any(QUERY_LOSSES);
    q.instance = (struct slice){"\xff", 1};
    refused(q, "ingestd.instance: expected the UUID of an ingestd");
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct arena *small = arena_new(64);
    struct query_message q = any(QUERY_COUNT);
    assert_int_equal(criteria_build(small, &q, 100, 1000, &c, error), -2);
    arena_free(&small);
    small = arena_new(9000);
    static char text[LIMIT_DIMENSION_BYTES];
    memset(text, 'x', sizeof text);
    q.type = q.content = q.probe = q.source = q.dest = q.path = (struct slice){text, sizeof text};
    assert_int_equal(criteria_build(small, &q, 100, 1000, &c, error), -2);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds_use_their_parameters),
        cmocka_unit_test(test_nothing_is_pasted),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_cut_hours),
        cmocka_unit_test(test_months),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_ledger),
        cmocka_unit_test(test_faults_of_the_ledger),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
