/* SPDX-License-Identifier: Apache-2.0 */
/* Local times into UTC, where clocks are put back and forward too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "common/when_time.h"
#include "common/zone.h"

static int64_t us_of(const char *text)
{
    int64_t us;
    assert_int_equal(when_time_parse(slice_of(text), &us), 0);
    return us;
}

struct example {
    const char *zone, *local, *latest, *utc;
};

static void test_examples(void **state)
{
    static const struct example examples[] = {
        {"Europe/Madrid", "2026-01-15 12:00:00.5", "2027-01-01", "2026-01-15 11:00:00.5"},
        {"Europe/Madrid", "2026-07-15 12:00:00", "2027-01-01", "2026-07-15 10:00:00"},
        /* 2026-10-25 01:00 UTC: back from 03:00 to 02:00. */
        {"Europe/Madrid", "2026-10-25 01:59:59", "2027-01-01", "2026-10-24 23:59:59"},
        {"Europe/Madrid", "2026-10-25 02:30:00", "2027-01-01", "2026-10-25 01:30:00"},
        {"Europe/Madrid", "2026-10-25 02:30:00", "2026-10-25 00:31:00", "2026-10-25 00:30:00"},
        {"Europe/Madrid", "2026-10-25 03:00:00", "2026-10-25 00:31:00", "2026-10-25 02:00:00"},
        /* 2026-03-29 01:00 UTC: forward from 02:00 to 03:00. */
        {"Europe/Madrid", "2026-03-29 01:59:59", "2027-01-01", "2026-03-29 00:59:59"},
        {"Europe/Madrid", "2026-03-29 02:30:00", "2027-01-01", "2026-03-29 01:30:00"},
        {"Europe/Madrid", "2026-03-29 03:00:00", "2027-01-01", "2026-03-29 01:00:00"},
        {"Asia/Kathmandu", "2026-06-01 05:45:00", "2027-01-01", "2026-06-01 00:00:00"},
        {"America/St_Johns", "2026-06-01 00:00:00", "2027-01-01", "2026-06-01 02:30:00"},
        {"UTC", "2026-06-01 00:00:00", "2027-01-01", "2026-06-01 00:00:00"},
        {"Etc/GMT+3", "2150-06-01 00:00:00", "2151-01-01", "2150-06-01 03:00:00"},
        {"Europe/Madrid", "1950-06-01 00:00:00", "2151-01-01", "1950-05-31 23:00:00"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct zone *z = zone_load(examples[i].zone);
        char found[WHEN_TEXT], expected[WHEN_TEXT];
        assert_non_null(z);
        when_time_text(zone_to_utc(z, us_of(examples[i].local), us_of(examples[i].latest)), found);
        when_time_text(us_of(examples[i].utc), expected);
        assert_string_equal(found, expected);
        zone_free(&z);
    }
}

static void test_what_is_none(void **state)
{
    static const char *const names[] = {"",   "Europe",       "Europe/Atlantis", "/etc/passwd",
                                        "..", "../localtime", "Europe/Madrid\n", "-x"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_null(zone_load(names[i]));
    }
}

/* The time zone of the process is what it was. */
static void test_tz_is_left(void **state)
{
    time_t t = 1795290000;
    struct tm before, after;
    (void)state;
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    localtime_r(&t, &before);
    struct zone *z = zone_load("Europe/Madrid");
    localtime_r(&t, &after);
    assert_string_equal(getenv("TZ"), "Asia/Tokyo");
    assert_int_equal(before.tm_hour, after.tm_hour);
    zone_free(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_what_is_none),
                                       cmocka_unit_test(test_tz_is_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
