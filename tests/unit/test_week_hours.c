/* SPDX-License-Identifier: Apache-2.0 */
/* common/week_hours: hours of the week by the clocks of a zone, through the changes of summer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/week_hours.h"
#include "common/when_time.h"
#include "tests/unit/faults.h"

static struct arena *arena;
static struct faults_text faults;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct week_hours *hours_of(const char *text)
{
    struct document d = {.tell = faults_append, .context = &faults};
    faults.text[0] = '\0';
    const struct json *json = json_in(arena, text);
    struct document_place at = document_part(&d, "route", json);
    return week_hours_read(&at, arena, zones_new(arena));
}

/* Of moments in UTC, each with whether it is in the hours. */
struct moment {
    const char *utc;
    bool in;
};

static void check(const char *text, const struct moment *moments, size_t count)
{
    struct week_hours *h = hours_of(text);
    assert_string_equal(faults.text, "");
    assert_non_null(h);
    for (size_t i = 0; i < count; i++) {
        int64_t us;
        assert_int_equal(when_time_parse(slice_of(moments[i].utc), &us), 0);
        if (week_hours_have(h, us) != moments[i].in) {
            fail_msg("%s: %s: expected %d", text, moments[i].utc, moments[i].in);
        }
    }
}
#define CHECK(text, ...)                                                                           \
    do {                                                                                           \
        static const struct moment moments[] = {__VA_ARGS__};                                      \
        check(text, moments, sizeof moments / sizeof moments[0]);                                  \
    } while (0)

static void test_days_and_times(void **state)
{
    (void)state;
    CHECK("{\"hours\": [{\"days\": \"mon-fri\", \"from\": \"08:00\", \"to\": \"18:00\"}]}",
          {"2026-11-30 07:59:59.999999", false}, /* a Monday */
          {"2026-11-30 08:00:00", true}, {"2026-11-30 17:59:59.999999", true},
          {"2026-11-30 18:00:00", false}, {"2026-12-04 12:00:00", true},
          {"2026-12-05 12:00:00", false}, {"2026-12-06 12:00:00", false},
          {"1969-12-29 08:00:00", true}, /* a Monday before 1970 */
          {"1969-12-28 08:00:00", false});
    CHECK("{\"hours\": [{\"days\": \"sat,mon\"}, {\"days\": \"wed\", \"from\": \"23:00\","
          " \"to\": \"24:00\"}]}",
          {"2026-12-05 00:00:00", true}, {"2026-12-05 23:59:59.999999", true},
          {"2026-12-06 00:00:00", false}, {"2026-12-07 00:00:00", true},
          {"2026-12-09 22:59:00", false}, {"2026-12-09 23:59:59.999999", true},
          {"2026-12-10 00:00:00", false});
    CHECK("{\"hours\": [{\"days\": \"sun-mon\"}]}", /* the week goes round */
          {"2026-12-05 23:59:00", false}, {"2026-12-06 00:00:00", true},
          {"2026-12-07 23:59:00", true}, {"2026-12-08 00:00:00", false});
    assert_true(week_hours_have(NULL, 0));
}

static void test_past_midnight(void **state)
{
    (void)state;
    CHECK("{\"hours\": [{\"days\": \"sun\", \"from\": \"22:00\", \"to\": \"06:30\"}]}",
          {"2026-12-06 06:00:00", false}, {"2026-12-06 21:59:00", false},
          {"2026-12-06 22:00:00", true}, {"2026-12-07 06:29:59", true},
          {"2026-12-07 06:30:00", false}, {"2026-12-07 22:00:00", false});
}

static void test_the_changes_of_summer(void **state)
{
    (void)state;
    /* 02:00 became 03:00 at 01:00 UTC on 2026-03-29; 03:00 became 02:00 at 01:00 UTC on 10-25. */
    const char *night = "{\"hours\": [{\"days\": \"sun\", \"from\": \"02:00\", \"to\": \"03:00\"}],"
                        " \"time_zone\": \"Europe/Madrid\"}";
    CHECK(night, {"2026-03-29 00:59:59", false}, {"2026-03-29 01:00:00", false}, /* never */
          {"2026-10-24 23:59:59", false}, {"2026-10-25 00:00:00", true},         /* twice */
          {"2026-10-25 00:59:59", true}, {"2026-10-25 01:00:00", true},
          {"2026-10-25 01:59:59", true}, {"2026-10-25 02:00:00", false});
    const char *day = "{\"hours\": [{\"from\": \"08:00\", \"to\": \"18:00\"}],"
                      " \"time_zone\": \"Europe/Madrid\"}";
    CHECK(day, {"2026-03-28 06:59:59", false}, {"2026-03-28 07:00:00", true},
          {"2026-03-29 05:59:59", false}, {"2026-03-29 06:00:00", true},
          {"2026-03-29 15:59:59", true}, {"2026-03-29 16:00:00", false});
    /* The day that it is there: Friday evening in New York is Saturday in UTC. */
    CHECK("{\"hours\": [{\"days\": \"fri\"}], \"time_zone\": \"America/New_York\"}",
          {"2026-12-04 04:59:59", false}, {"2026-12-04 05:00:00", true},
          {"2026-12-05 04:59:59", true}, {"2026-12-05 05:00:00", false});
}

static void test_faults_by_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"{\"hours\": []}", "route.hours: expected hours, found none"},
        {"{\"hours\": {}}", "route.hours: expected"},
        {"{\"hours\": [{\"days\": \"mon-\"}]}", "route.hours[0].days: expected days"},
        {"{\"hours\": [{\"days\": \"mon,\"}]}", "route.hours[0].days: expected days"},
        {"{\"hours\": [{\"days\": \"Mon\"}]}", "route.hours[0].days: expected days"},
        {"{\"hours\": [{}, {\"from\": \"8:00\"}]}", "route.hours[1].from: expected a time of day"},
        {"{\"hours\": [{\"from\": \"24:00\"}]}", "route.hours[0].from: expected a time of day"},
        {"{\"hours\": [{\"to\": \"24:01\"}]}", "route.hours[0].to: expected a time of day"},
        {"{\"hours\": [{\"to\": \"12:60\"}]}", "route.hours[0].to: expected a time of day"},
        {"{\"hours\": [{\"from\": \"08:00\", \"to\": \"08:00\"}]}",
         "route.hours[0]: ends where it begins"},
        {"{\"hours\": [{\"at\": \"08:00\"}]}", "route.hours[0].at"},
        {"{\"hours\": [{}], \"time_zone\": \"Europe/Nowhere\"}",
         "route.time_zone: expected a time zone that this machine knows"},
        {"{\"hours\": [{}], \"time_zone\": \"../../etc/passwd\"}", "route.time_zone: expected"},
        {"{\"time_zone\": \"Europe/Madrid\"}", "route.time_zone: there are no hours"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(hours_of(cases[i].text));
        if (strstr(faults.text, cases[i].fault) == NULL) {
            fail_msg("%s: %s", cases[i].text, faults.text);
        }
    }
    assert_null(hours_of("{}"));
    assert_string_equal(faults.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_and_times),
        cmocka_unit_test(test_past_midnight),
        cmocka_unit_test(test_the_changes_of_summer),
        cmocka_unit_test(test_faults_by_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
