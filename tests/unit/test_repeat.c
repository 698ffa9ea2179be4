/* SPDX-License-Identifier: Apache-2.0 */
/* The times of repeated specifications, as the vectors' programs count them, and what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mplane-gw/jobs/repeat.h"

#define SECOND INT64_C(1000000)

static int64_t time_of(const char *text)
{
    int64_t us = 0;
    assert_int_equal(when_time_parse(slice_of(text), &us), 0);
    return us;
}

#define NOON time_of("2016-02-18 12:00:00")

static struct repeat *make(const char *scope, char *error, size_t size)
{
    struct when w;
    assert_int_equal(when_parse(slice_of(scope), &w, error, size), 0);
    return repeat_new(&w, NOON, NOON, error, size);
}

static struct repeat *repeat(const char *scope)
{
    char error[300] = "";
    struct repeat *r = make(scope, error, sizeof error);
    if (r == NULL) {
        fail_msg("%s: %s", scope, error);
    }
    return r;
}

static void assert_time(int64_t us, const char *expected)
{
    char text[WHEN_TEXT];
    when_time_text(us, text);
    assert_string_equal(text, expected);
}

/* The runs of a scope whose questions are asked at once when they are due. */
static void test_runs(void **state)
{
    (void)state;
    struct repeat *r = repeat("repeat now + 6s / 3s { now + 1s }");
    struct when scope;
    for (int i = 0; i < 3; i++) {
        int64_t at = NOON + i * 3 * SECOND;
        assert_true(repeat_due_us(r) == at + SECOND);
        assert_false(repeat_take(r, at + SECOND, &scope));
        assert_true(scope.start_us == at && scope.end_us == at + SECOND);
        assert_true(when_is_definite(&scope));
    }
    assert_true(repeat_due_us(r) == WHEN_FUTURE);
    repeat_free(&r);
    /* Without a range: the moment. */
    r = repeat("repeat 2016-02-18 13:00:00 ... future / 1h");
    assert_false(repeat_take(r, repeat_due_us(r), &scope));
    assert_true(scope.end == WHEN_ABSENT);
    assert_time(scope.start_us, "2016-02-18 13:00:00.000000");
    repeat_free(&r);
}

/* Ranges may overlap: each is asked for at its end, in the order of their times. */
static void test_overlapping_ranges(void **state)
{
    (void)state;
    struct repeat *r = repeat("repeat now ... future / 1h { now + 1d }");
    struct when scope;
    for (int i = 0; i < 30; i++) {
        int64_t due = repeat_due_us(r);
        assert_true(due == NOON + (24 + i) * 3600 * SECOND);
        assert_false(repeat_take(r, due + 5, &scope));
        assert_true(scope.start_us == NOON + i * 3600 * SECOND);
    }
    repeat_free(&r);
}

/* Late: the one that waited is run, those between are left out, the next is to come. */
static void test_late(void **state)
{
    (void)state;
    static const char *const scopes[] = {"repeat now ... future / 10s { now + 5s }",
                                         "repeat now ... future cron 0,10,20,30,40,50 * * * * * "
                                         "{ now + 5s }"};
    for (size_t i = 0; i < 2; i++) {
        struct repeat *r = repeat(scopes[i]);
        struct when scope;
        assert_true(repeat_take(r, NOON + 1000 * SECOND, &scope));
        assert_true(scope.start_us == NOON);
        assert_true(r->next_us == NOON + 1000 * SECOND);
        assert_true(repeat_due_us(r) == NOON + 1005 * SECOND);
        /* Due the very moment another is taken: it is the next, not left out. */
        assert_false(repeat_take(r, NOON + 1005 * SECOND, &scope));
        assert_true(r->next_us == NOON + 1010 * SECOND);
        repeat_free(&r);
    }
    struct repeat *r = repeat("repeat now + 1m / 10s");
    struct when scope;
    assert_true(repeat_take(r, NOON + 1000 * SECOND, &scope));
    assert_true(repeat_due_us(r) == WHEN_FUTURE);
    repeat_free(&r);
}

/* After a restart the times are those of before. */
static void test_taken_up_again(void **state)
{
    (void)state;
    struct when w, scope;
    char error[300] = "";
    assert_int_equal(when_parse(slice_of("repeat now + 1h / 7s"), &w, error, sizeof error), 0);
    struct repeat *r = repeat_new(&w, NOON, NOON + 50 * SECOND, error, sizeof error);
    assert_non_null(r);
    assert_true(r->first_us == NOON && r->next_us == NOON + 56 * SECOND);
    assert_true(repeat_span(r, NOON + 60 * SECOND).start_us == NOON);
    repeat_take(r, NOON + 56 * SECOND, &scope);
    repeat_free(&r);
    assert_null(repeat_new(&w, NOON, NOON + 3700 * SECOND, error, sizeof error));
    assert_non_null(strstr(error, "none of the times"));
}

static void test_impossible(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"repeat now ... future / 1h { now + 1h / 1m }", "no period in its scope"},
        {"repeat now ... future / 1h { now / 1m }", "no period in its scope"},
        {"repeat 2014-01-01 13:00:00 ... 2014-06-01 14:00:00 / 30m { now + 5m }",
         "none of the times"},
        {"repeat past ... 2016-02-18 11:59:59 / 1s", "none of the times"},
        {"repeat 9999-12-31 ... future / 1h { now + 2d }", "none of the times"},
        {"repeat now ... future / 1h { now + 3000000d }", "none of the times"},
        {"repeat now + 1d cron 0 0 0 29 * 2 { now }", "none of the times"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char error[300] = "";
        struct repeat *r = make(cases[i][0], error, sizeof error);
        if (r != NULL || strstr(error, cases[i][1]) == NULL) {
            fail_msg("%s: found \"%s\"", cases[i][0], error);
        }
    }
}

/* Programs redeem until the envelope's end is past: not before the last answer is there. */
static void test_span(void **state)
{
    (void)state;
    struct repeat *r = repeat("repeat now + 6s / 3s { now + 1s }");
    struct when w = repeat_span(r, NOON - 100 * SECOND);
    assert_true(when_is_definite(&w) && w.start_us == NOON && w.end_us == NOON + 7 * SECOND);
    assert_true(w.has_period && w.period_us == 3 * SECOND);
    w = repeat_span(r, NOON + 8 * SECOND);
    assert_true(w.end_us > NOON + 8 * SECOND);
    repeat_end(r, NOON + 9 * SECOND);
    assert_true(repeat_due_us(r) == WHEN_FUTURE);
    assert_true(repeat_span(r, NOON + 9 * SECOND).end_us == NOON + 7 * SECOND);
    repeat_free(&r);
    r = repeat("repeat 2016-02-19 ... future cron 0 0 * * * * { now + 1h }");
    w = repeat_span(r, NOON);
    assert_true(w.end_us == WHEN_FUTURE && !w.has_period);
    assert_time(w.start_us, "2016-02-19 00:00:00.000000");
    assert_time(w.end_us, "9999-12-31 23:59:59.999999");
    /* Interrupted before its first time: the range is not turned round. */
    repeat_end(r, NOON);
    w = repeat_span(r, NOON);
    assert_true(w.end_us == w.start_us);
    repeat_free(&r);
}

static void test_kept_runs(void **state)
{
    (void)state;
    struct repeat *r = repeat("repeat now ... future / 1s");
    struct when w = repeat_scope(r, NOON);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(repeat_keep(r, &w, strdup("answer"), 6, NULL), 0);
    }
    assert_int_equal(repeat_keep(r, &w, NULL, 0, "failed"), 0);
    assert_int_equal(r->count, 4);
    assert_int_equal(r->bytes, 18);
    repeat_forget(r);
    assert_int_equal(r->count, 3);
    assert_int_equal(r->bytes, 12);
    assert_memory_equal(r->runs->bytes, "answer", 6);
    assert_string_equal(r->runs->next->next->failure, "failed");
    repeat_free(&r);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),       cmocka_unit_test(test_overlapping_ranges),
        cmocka_unit_test(test_late),       cmocka_unit_test(test_taken_up_again),
        cmocka_unit_test(test_impossible), cmocka_unit_test(test_span),
        cmocka_unit_test(test_kept_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
