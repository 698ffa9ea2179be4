/* SPDX-License-Identifier: Apache-2.0 */
/* common/formats/format_time.h: each form of a time, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/formats/format_time.h"
#include "common/when_time.h"

#define ARENA_BYTES ((size_t)1 << 20)

struct time_case {
    const char *text, *expected; /* NULL: no time */
};

static void assert_times(enum format_time_form form, const struct time_case *cases, size_t count)
{
    struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < count; i++) {
        char found[WHEN_TEXT] = "no time";
        struct exact us;
        int64_t t;
        if (format_time_text(form, slice_of(cases[i].text), &us) == 0) {
            assert_int_equal(format_time_whole(a, &us, NULL, &t), EXACT_OK);
            when_time_text(t, found);
        }
        const char *expected = cases[i].expected == NULL ? "no time" : cases[i].expected;
        if (strcmp(found, expected) != 0) {
            fail_msg("%s: expected %s, found %s", cases[i].text, expected, found);
        }
    }
    arena_free(&a);
}

#define ASSERT_TIMES(form, cases) assert_times(form, cases, sizeof(cases) / sizeof(cases)[0])

static void rfc3339(void **state)
{
    (void)state;
    static const struct time_case cases[] = {
        {"2026-11-28T13:30:11Z", "2026-11-28 13:30:11.000000"},
        {"2026-11-28 13:30:11", "2026-11-28 13:30:11.000000"},
        {"2026-11-28T13:30:11.123456789Z", "2026-11-28 13:30:11.123456"},
        {"2026-11-28T13:30:11.5+01:00", "2026-11-28 12:30:11.500000"},
        {"2026-11-28T13:30:11-0530", "2026-11-28 19:00:11.000000"},
        {"2026-11-28 13:30:11+00", "2026-11-28 13:30:11.000000"},
        {"2026-11-28 13:30:11.25 -05", "2026-11-28 18:30:11.250000"},
        {"2026-11-28 13:30:11 \tZ", "2026-11-28 13:30:11.000000"},
        {"2024-02-29T00:00:00Z", "2024-02-29 00:00:00.000000"},
        {"2016-12-31T23:59:60Z", "2017-01-01 00:00:00.000000"},
        {"2017-01-01T00:59:60+01:00", "2017-01-01 00:00:00.000000"},
        {"0001-01-01T00:00:00Z", "0001-01-01 00:00:00.000000"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999"},
        {"0001-01-01T00:00:00+00:01", NULL},
        {"2026-11-28T13:30:60Z", NULL},
        {"2025-02-29T00:00:00Z", NULL},
        {"2026-13-01T00:00:00Z", NULL},
        {"2026-11-31T00:00:00Z", NULL},
        {"0000-01-01T00:00:00Z", NULL},
        {"2026-11-28T24:00:00Z", NULL},
        {"2026-11-28T13:60:00Z", NULL},
        {"2026-11-28t13:30:11Z", NULL},
        {"2026-11-28T13:30:11z", NULL},
        {"2026-11-28T13:30:11,5Z", NULL},
        {"2026-11-28T13:30:11.Z", NULL},
        {"2026-11-28T13:30Z", NULL},
        {"2026-11-28", NULL},
        {"2026-11-28  13:30:11", NULL},
        {"2026-1-28T13:30:11Z", NULL},
        {"20261128T133011Z", NULL},
        {"2026-11-28T13:30:11+1", NULL},
        {"2026-11-28T13:30:11+24:00", NULL},
        {"2026-11-28T13:30:11+01:60", NULL},
        {"2026-11-28T13:30:11+01:0", NULL},
        {"2026-11-28T13:30:11+01:000", NULL},
        {"2026-11-28T13:30:11ZZ", NULL},
        {"2026-11-28T13:30:11 CET", NULL},
        {" 2026-11-28T13:30:11Z", NULL},
        {"2026-11-28T13:30:11Z\n", NULL},
        {"1764336611", NULL},
        {"", NULL},
    };
    ASSERT_TIMES(FORMAT_TIME_RFC3339, cases);
    struct exact us;
    assert_int_equal(format_time_text(FORMAT_TIME_RFC3339, (struct slice){NULL, 0}, &us), -1);
    /* Nothing behind the slice is looked at. */
    assert_int_equal(
        format_time_text(FORMAT_TIME_RFC3339, (struct slice){"2026-11-28T13:30:11Zx", 20}, &us), 0);
    assert_int_equal(
        format_time_text(FORMAT_TIME_RFC3339, (struct slice){"2026-11-28T13:30:11Z", 18}, &us), -1);
}

static void mail(void **state)
{
    (void)state;
    static const struct time_case cases[] = {
        {"Sat, 28 Nov 2026 13:30:11 +0000", "2026-11-28 13:30:11.000000"},
        {"28 Nov 2026 13:30:11 +0100", "2026-11-28 12:30:11.000000"},
        {"Sat,28 Nov 2026 13:30 -0500", "2026-11-28 18:30:00.000000"},
        {"sat, 1 nov 2026 13:30:11 gmt", "2026-11-01 13:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 UT", "2026-11-28 13:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 UTC", "2026-11-28 13:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 EST", "2026-11-28 18:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 PDT", "2026-11-28 20:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 Z", "2026-11-28 13:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 A", "2026-11-28 13:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 -0000", "2026-11-28 13:30:11.000000"},
        {"Sat, 28 Nov 2026 13:30:11 +0000 (Coordinated (Universal) Time)",
         "2026-11-28 13:30:11.000000"},
        {"  Sat,  28  Nov  2026  13:30:11  +0000  ", "2026-11-28 13:30:11.000000"},
        {"21 Nov 97 09:55:06 GMT", "1997-11-21 09:55:06.000000"},
        {"21 Nov 26 09:55:06 GMT", "2026-11-21 09:55:06.000000"},
        {"21 Nov 126 09:55:06 GMT", "2026-11-21 09:55:06.000000"},
        {"31 Dec 2016 23:59:60 +0000", "2017-01-01 00:00:00.000000"},
        {"Sat, 31 Nov 2026 13:30:11 +0000", NULL},
        {"Sat, 28 Nov 2026 13:30:11 J", NULL},
        {"Sat, 28 Nov 2026 13:30:11 CET", NULL},
        {"Sat, 28 Nov 2026 13:30:11 ESTX", NULL},
        {"Sat, 28 Nov 2026 13:30:11 +01", NULL},
        {"Sat, 28 Nov 2026 13:30:11 +01:00", NULL},
        {"Sat, 28 Nov 2026 13:30:11", NULL},
        {"Sat, 28 Nov 2026 13:30:11 ", NULL},
        {"Sat 28 Nov 2026 13:30:11 +0000", NULL},
        {"Sat, 28 November 2026 13:30:11 +0000", NULL},
        {"Sat, 28 Nov 2026 13:30:11 +0000 (not closed", NULL},
        {"Sat, 28 Nov 2026 13:30:11 +0000 and more", NULL},
        {"Sat, 28 Nov 2026 1:30:11 +0000", NULL},
        {"Sat, 28 Nov 12026 13:30:11 +0000", NULL},
        {"(", NULL},
        {"", NULL},
    };
    ASSERT_TIMES(FORMAT_TIME_MAIL, cases);
}

static void ctime_form(void **state)
{
    (void)state;
    static const struct time_case cases[] = {
        {"Sat Nov 28 13:30:11 2026", "2026-11-28 13:30:11.000000"},
        {"Sun Nov  8 03:30:11 2026", "2026-11-08 03:30:11.000000"},
        {"Sat Nov 28 13:30:11 UTC 2026", "2026-11-28 13:30:11.000000"},
        {"Sat Nov 28 13:30:11 GMT 2026", "2026-11-28 13:30:11.000000"},
        {"Sat Nov 28 13:30:11 CET 2026", NULL},
        {"Sat Nov 28 13:30:11 UTC2026", NULL},
        {"Sat Nov 31 13:30:11 2026", NULL},
        {"Sat Nov 28 13:30 2026", NULL},
        {"Nov 28 13:30:11 2026", NULL},
        {"Sat, Nov 28 13:30:11 2026", NULL},
        {"Sat Nov 28 13:30:11 2026\n", NULL},
        {"Sat Nov 28 13:30:11 26", NULL},
        {"", NULL},
    };
    ASSERT_TIMES(FORMAT_TIME_CTIME, cases);
}

static void counts(void **state)
{
    (void)state;
    static const struct {
        const char *count;
        enum format_time_epoch unit;
        const char *plus;
        int64_t expected;
    } cases[] = {
        {"1764336611", FORMAT_TIME_S, NULL, INT64_C(1764336611000000)},
        {"1764336611.1234567", FORMAT_TIME_S, NULL, INT64_C(1764336611123456)},
        {"1764336611123.4567", FORMAT_TIME_MS, NULL, INT64_C(1764336611123456)},
        {"1764336611123456", FORMAT_TIME_US, NULL, INT64_C(1764336611123456)},
        {"1764336611123456789", FORMAT_TIME_NS, NULL, INT64_C(1764336611123456)},
        {"99999999999", FORMAT_TIME_AUTO, NULL, INT64_C(99999999999000000)},
        {"100000000000", FORMAT_TIME_AUTO, NULL, INT64_C(100000000000000)},
        {"99999999999999.9", FORMAT_TIME_AUTO, NULL, INT64_C(99999999999999900)},
        {"100000000000000", FORMAT_TIME_AUTO, NULL, INT64_C(100000000000000)},
        {"100000000000000000", FORMAT_TIME_AUTO, NULL, INT64_C(100000000000000)},
        {"-5", FORMAT_TIME_AUTO, NULL, INT64_C(-5000000)},
        {"-0.0000001", FORMAT_TIME_S, NULL, -1},
        /* Nothing is cut before what is added has been. */
        {"0.0000006", FORMAT_TIME_S, "0.0000004", 1},
        {"10", FORMAT_TIME_S, "-0.5", INT64_C(9500000)},
    };
    struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exact x, plus;
        int64_t t;
        assert_int_equal(exact_of_text(a, slice_of(cases[i].count), &x), EXACT_OK);
        assert_int_equal(format_time_count(&x, cases[i].unit, &x), EXACT_OK);
        if (cases[i].plus != NULL) {
            assert_int_equal(exact_of_text(a, slice_of(cases[i].plus), &plus), EXACT_OK);
        }
        assert_int_equal(format_time_whole(a, &x, cases[i].plus == NULL ? NULL : &plus, &t),
                         EXACT_OK);
        assert_int_equal(t, cases[i].expected);
    }
    arena_free(&a);
}

static void beyond(void **state)
{
    (void)state;
    static const char *const counts_beyond[] = {"1e19", "253402300800", "-62135596800.000001",
                                                "1e1190", "-1e1190"};
    struct arena *a = arena_new(ARENA_BYTES);
    struct exact x;
    int64_t t = 7;
    for (size_t i = 0; i < sizeof counts_beyond / sizeof counts_beyond[0]; i++) {
        assert_int_equal(exact_of_text(a, slice_of(counts_beyond[i]), &x), EXACT_OK);
        assert_int_equal(format_time_count(&x, FORMAT_TIME_S, &x), EXACT_OK);
        assert_int_equal(format_time_whole(a, &x, NULL, &t), EXACT_BEYOND);
    }
    assert_int_equal(t, 7);
    assert_int_equal(exact_of_text(a, slice_of("1e1200"), &x), EXACT_OK);
    assert_int_equal(format_time_count(&x, FORMAT_TIME_S, &x), EXACT_BEYOND);
    struct exact zero = exact_of_integer(0);
    assert_int_equal(format_time_whole(a, &zero, &x, &t), EXACT_BEYOND);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339), cmocka_unit_test(mail),   cmocka_unit_test(ctime_form),
        cmocka_unit_test(counts),  cmocka_unit_test(beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
