/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane/when.json: 125 scopes as the mPlane SDK reads them at one moment. Ours are read alike,
 * except for those in the table below, each with its reason.
 */
#include "tests/golden/mplane_vectors.h"

#include "common/mplane/when.h"

enum treatment {
    REFUSED,  /* the SDK accepts it, we don't */
    READ,     /* the SDK refuses it, or cuts something off: our rendering stands here */
    RENDERED, /* all alike but the rendering */
    RUNS      /* all alike but when it runs next, which stands here */
};

static const struct scope_difference {
    const char *text;
    enum treatment treatment;
    const char *expected;
    const char *reason;
} differences[] = {
    {"past", REFUSED, NULL, "no range; the SDK fails when it is to be resolved"},
    {"future", REFUSED, NULL, "no range; the SDK fails when it is to be resolved"},
    {"future ... past", REFUSED, NULL, "ends before it starts"},
    {"future ... now", REFUSED, NULL, "ends before it starts"},
    {"2016-02-18 13:00:00 ... 2016-02-18 11:00:00", REFUSED, NULL, "ends before it starts"},
    {"now + inf ... future", READ, "now ... future", "the SDK's own example means this"},
    {"now + inf ... future / 1s", READ, "now ... future / 1s", "the SDK's own example means this"},
    {"2016-02-18 11:00:00.1234567", READ, "2016-02-18 11:00:00.123456",
     "the grammar admits it; the microsecond is kept"},
    {"2016-02-18T11:00:00", READ, "2016-02-18 11:00:00.000000",
     "RFC 3339; the SDK drops the time of day"},
    {"2016-02-18 11:00:00+01:00", READ, "2016-02-18 10:00:00.000000",
     "RFC 3339; the SDK drops the offset"},
    {"0001-01-01", RENDERED, "0001-01-01 00:00:00.000000",
     "the SDK's rendering has a year of one digit, which it cannot read"},
    {"2016-02-18 11:00:00...2016-02-18 13:00:00", READ,
     "2016-02-18 11:00:00.000000 ... 2016-02-18 13:00:00.000000",
     "clear without blanks; the SDK drops the end"},
    {"2016-02-18 11:00:00 .. 2016-02-18 13:00:00", REFUSED, NULL, "the SDK drops the end"},
    {"2016-02-18 11:00:00  ...  2016-02-18 13:00:00", READ,
     "2016-02-18 11:00:00.000000 ... 2016-02-18 13:00:00.000000", "blanks do no harm"},
    {" now", READ, "now", "blanks do no harm"},
    {" now + 1s", READ, "now + 1s", "blanks do no harm"},
    {"now ", READ, "now", "blanks do no harm"},
    {"now  + 1s", READ, "now + 1s", "blanks do no harm"},
    {"now +1s", READ, "now + 1s", "blanks may be missing"},
    {"now+1s", READ, "now + 1s", "blanks may be missing"},
    {"now + 1S", REFUSED, NULL, "no duration; the SDK reads 0s"},
    {"now + 1 s", REFUSED, NULL, "no duration; the SDK reads 0s"},
    {"now + s", REFUSED, NULL, "no duration; the SDK reads 0s"},
    {"now + ", REFUSED, NULL, "no duration; the SDK reads 0s"},
    {"now + -5s", REFUSED, NULL, "no duration; the SDK reads 0s"},
    {"now + 1.5s", REFUSED, NULL, "no duration; the SDK reads 0s"},
    {"now + 10ms", REFUSED, NULL, "no duration; the SDK reads ten minutes"},
    {"now + 1w", REFUSED, NULL, "no duration; the SDK reads 0s"},
    {"now + 1s2m", REFUSED, NULL, "units out of order; the SDK drops the second"},
    {"now + 1m1m", REFUSED, NULL, "a unit twice; the SDK drops the second"},
    {"now + 1h / ", REFUSED, NULL, "no period; the SDK reads 0s"},
    {"now ... future ... now", REFUSED, NULL, "the SDK drops the rest"},
    {"past ... now ... future", REFUSED, NULL, "the SDK drops the rest"},
    {"2016-02-18 11:00:00 garbage", REFUSED, NULL, "the SDK drops the rest"},
    {"2016-02-18garbage", REFUSED, NULL, "the SDK drops the rest"},
    {"repeat now + 30m / 1m { now / 1s }", RENDERED, "repeat now + 30m / 1m { now / 1s } ",
     "the SDK's rendering drops the inner scope"},
    {"repeat now + 30m / 1m {now + 5s}", READ, "repeat now + 30m / 1m { now + 5s } ",
     "clear without blanks; the SDK drops the inner scope"},
    {"repeat now + 30m / 1m { now + 5s", REFUSED, NULL,
     "not closed; the SDK drops the inner scope"},
    {"repeat now ... future cron 60 0 0 * * *", REFUSED, NULL,
     "never comes true; the SDK searches for ever"},
    {"repeat now ... future cron 0 0 25 * * *", REFUSED, NULL,
     "never comes true; the SDK searches for ever"},
    {"repeat now ... future cron 0 0 0 * 7 *", RUNS, "2016-02-21 00:00:00.000000",
     "the specification has 7 for Sunday; the SDK searches for ever"},
    {"repeat  now + 1h / 1m", READ, "repeat now + 1h / 1m", "blanks do no harm"},
};

static const struct scope_difference *difference_of(struct slice text)
{
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        if (slice_is(text, differences[i].text)) {
            return &differences[i];
        }
    }
    return NULL;
}

static int64_t time_of(struct slice text)
{
    int64_t us = 0;
    assert_int_equal(when_time_parse(text, &us), 0);
    return us;
}

static const int64_t now_us = INT64_C(1455796800000000); /* 2016-02-18 12:00:00 */

/* A time in a vector: null stands for open. */
static void check_time(const struct json *node, int64_t us, int64_t open, struct slice in)
{
    char text[WHEN_TEXT];
    if (node->type == JSON_NULL) {
        assert_true(us == open);
        return;
    }
    when_time_text(us, text);
    vectors_equal(slice_of(text), node->text, in);
}

/* Seconds in a vector; null: none. */
static void check_seconds(const struct json *node, bool has, int64_t us, struct slice in)
{
    if (node->type == JSON_NULL) {
        if (has) {
            fail_msg("%.*s: a duration or period too many", (int)in.len, in.at);
        }
        return;
    }
    double seconds = strtod(node->text.at, NULL);
    if (!has || seconds != (double)us / 1e6) {
        fail_msg("%.*s: expected %f s, found %f s", (int)in.len, in.at, seconds, (double)us / 1e6);
    }
}

static bool has_flag(const struct json *flags, const char *name)
{
    for (const struct json *f = flags == NULL ? NULL : flags->first; f != NULL; f = f->next) {
        if (json_is(f, name)) {
            return true;
        }
    }
    return false;
}

/* The SDK's words for kinds of scopes, in ours. */
static void check_flags(const struct json *c, const struct when *w)
{
    const struct json *flags = json_get(c, "flags");
    bool to_future = w->end == WHEN_AT_FUTURE;
    assert_int_equal(has_flag(flags, "definite"), when_is_definite(w));
    assert_int_equal(has_flag(flags, "immediate"), w->start == WHEN_AT_NOW);
    assert_int_equal(has_flag(flags, "forever"), to_future);
    assert_int_equal(has_flag(flags, "infinite"), to_future && w->start == WHEN_AT_PAST);
    assert_int_equal(has_flag(flags, "future"), to_future && w->start == WHEN_AT_NOW);
    assert_int_equal(has_flag(flags, "past"), w->start == WHEN_AT_PAST && w->end == WHEN_AT_NOW);
}

/*
 * In how many seconds it begins and ends. The SDK has none for a range that is over, and lets a
 * duration count from now when the scope has begun.
 */
static void check_delays(const struct json *c, const struct when *w, int64_t start, int64_t end)
{
    const struct json *delays = json_get(c, "timer_delays");
    struct slice in = vectors_text(c, "in");
    if (delays == NULL) {
        assert_true(w->start == WHEN_AT_PAST);
        assert_non_null(json_get(c, "timer_delays_error"));
        return;
    }
    bool over = w->end == WHEN_AT && end < now_us;
    int64_t begins = start > now_us ? start - now_us : 0;
    bool open = end == WHEN_FUTURE;
    int64_t ends = open ? 0 : w->end == WHEN_ABSENT ? begins + (end - start) : end - now_us;
    assert_int_equal(delays->count, 2);
    check_seconds(delays->first, !over, begins, in);
    check_seconds(delays->first->next, !over && !open, ends, in);
}

static void check_range(const struct json *c, const struct when *w)
{
    struct slice in = vectors_text(c, "in");
    int64_t start, end;
    bool instant;
    assert_int_equal(when_range(w, now_us, &start, &end, &instant), 0);
    check_time(json_get(c, "start"), start, WHEN_PAST, in);
    check_time(json_get(c, "end"), end, WHEN_FUTURE, in);
    assert_int_equal(instant, start == end);
    const struct json *duration = json_get(c, "duration");
    bool bounded = start != WHEN_PAST && end != WHEN_FUTURE;
    if (duration != NULL) {
        check_seconds(duration, bounded, bounded ? end - start : 0, in);
    } else {
        assert_true(start == WHEN_PAST);
        assert_non_null(json_get(c, "duration_error"));
    }
    check_delays(c, w, start, end);
}

/* The SDK's cron texts are canonical: the scope's rendering contains them. */
static void check_cron(const struct json *c, struct slice rendered)
{
    const struct json *cron = json_get(c, "cron");
    if (cron == NULL || cron->type == JSON_NULL) {
        assert_null(memmem(rendered.at, rendered.len, "cron", 4));
        return;
    }
    assert_non_null(memmem(rendered.at, rendered.len, cron->text.at, cron->text.len));
}

static void check_runs(const struct json *c, const struct when *w, const struct scope_difference *d)
{
    const struct json *runs = json_get(c, "first_iterations");
    int64_t from = now_us, us;
    if (runs == NULL) {
        assert_true(d != NULL && d->treatment == RUNS);
        assert_non_null(json_get(c, "iteration_error"));
        assert_int_equal(when_next(w, now_us, from, &us), 0);
        assert_true(us == time_of(slice_of(d->expected)));
        return;
    }
    for (const struct json *run = runs->first; run != NULL; run = run->next) {
        /* Behind the time the vector repeats the inner scope, which was compared above. */
        assert_int_equal(when_next(w, now_us, from, &us), 0);
        assert_true(us == time_of((struct slice){run->text.at, 26}));
        from = us + 1;
    }
    if (runs->count < 3) {
        assert_int_equal(when_next(w, now_us, from, &us), 1);
    }
}

static void check_alike(struct arena *a, const struct json *c, const struct when *w,
                        const struct scope_difference *d)
{
    struct slice in = vectors_text(c, "in");
    struct slice out = vectors_text(c, "out"), rendered = when_text(a, w);
    bool rendered_so = d != NULL && d->treatment == RENDERED;
    vectors_equal(rendered, rendered_so ? slice_of(d->expected) : out, in);
    if (!rendered_so) {
        check_range(c, w);
        check_cron(c, rendered);
    }
    check_flags(c, w);
    check_seconds(json_get(c, "period"), w->has_period, w->period_us, in);
    assert_int_equal(w->repeat, json_get(c, "repeated")->type == JSON_TRUE);
    if (w->repeat) {
        check_seconds(json_get(c, "inner_duration"), w->inner_has_duration, w->inner_duration_us,
                      in);
        check_seconds(json_get(c, "inner_period"), w->inner_has_period, w->inner_period_us, in);
        check_runs(c, w, d);
    }
}

/* What we render we read again, as the same. */
static void check_stable(struct arena *a, const struct when *w)
{
    struct when again;
    char error[200];
    struct slice text = when_text(a, w);
    assert_int_equal(when_parse(text, &again, error, sizeof error), 0);
    vectors_equal(when_text(a, &again), text, text);
}

static void check_case(struct arena *a, const struct json *c, const struct scope_difference *d)
{
    struct slice in = vectors_text(c, "in");
    struct when w;
    char error[200] = "";
    int status = when_parse(in, &w, error, sizeof error);
    bool sdk_reads = json_get(c, "error") == NULL;
    if (status == -1) {
        assert_true(strlen(error) > 0);
        if (d == NULL ? sdk_reads : d->treatment != REFUSED || !sdk_reads) {
            fail_msg("\"%.*s\" refused: %s", (int)in.len, in.at, error);
        }
        return;
    }
    if (d == NULL ? !sdk_reads : d->treatment == REFUSED) {
        fail_msg("\"%.*s\" accepted", (int)in.len, in.at);
    }
    if (d != NULL && d->treatment == READ) {
        vectors_equal(when_text(a, &w), slice_of(d->expected), in);
    } else {
        check_alike(a, c, &w, d);
    }
    check_stable(a, &w);
}

static void test_scopes(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 << 20);
    size_t different = 0;
    const struct json *cases = vectors_cases(a, "when.json", 125);
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        const struct scope_difference *d = difference_of(vectors_text(c, "in"));
        different += d != NULL;
        check_case(a, c, d);
    }
    assert_int_equal(different, sizeof differences / sizeof differences[0]);
    arena_free(&a);
}

/* What the vectors leave open. */
static void test_more_scopes(void **state)
{
    (void)state;
    static const char *const refused[] = {"past + 1h",
                                          "future + 1h",
                                          "past / 1s",
                                          "now ... past",
                                          "now + 1h ... future",
                                          "now + inf ... now",
                                          "repeat now + 1h / 0s",
                                          "repeat now + 1d cron 0 0 0 30,31 * 2",
                                          "repeat now + 1d cron 0 0 0 5-3 * *",
                                          "repeat now + 1d cron 0 0 0 * * * {",
                                          "repeat",
                                          "repeat now / 1s { now + 1s } }",
                                          "{ now }",
                                          "now + 99999999999999d",
                                          "now + 9999999d",
                                          "0000-01-01",
                                          "2015-02-29",
                                          "2016-02-18 11:00:00.",
                                          "2016-02-18 11",
                                          "2016-02-18T",
                                          "2016-02-18 11:00:00+24:00",
                                          "0001-01-01 00:00:00+01:00",
                                          "nowhere",
                                          "now ... futures",
                                          "now + info"};
    static const char *const accepted[][2] = {
        {"now / inf", "now / 100000d"},
        {"2016-02-29 23:59:59.9999999Z", "2016-02-29 23:59:59.999999"},
        {"2016-02-18t", NULL},
        {"2016-02-18 11:00:00-0130", "2016-02-18 12:30:00.000000"},
        {"2016-02-18 11:00:00+1d", "2016-02-18 11:00:00.000000 + 1d"},
        {"repeat now+1d cron 0 0 0-59 * 0-7 *{now}",
         "repeat now + 1d cron 0 0 "
         "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,"
         "33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59 "
         "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31 "
         "0,1,2,3,4,5,6 1,2,3,4,5,6,7,8,9,10,11,12"},
    };
    struct arena *a = arena_new(1 << 20);
    struct when w;
    char error[200];
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (when_parse(slice_of(refused[i]), &w, error, sizeof error) != -1) {
            fail_msg("\"%s\" accepted", refused[i]);
        }
    }
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        int status = when_parse(slice_of(accepted[i][0]), &w, error, sizeof error);
        assert_int_equal(status, accepted[i][1] == NULL ? -1 : 0);
        if (status == 0) {
            vectors_equal(when_text(a, &w), slice_of(accepted[i][1]), slice_of(accepted[i][0]));
        }
    }
    assert_int_equal(when_parse((struct slice){NULL, 0}, &w, error, sizeof error), -1);
    arena_free(&a);
}

/* Runs that are rare, or never come. */
static void test_runs(void **state)
{
    (void)state;
    static const struct {
        const char *scope, *from, *run;
    } cases[] = {
        {"repeat past ... future cron 0 0 0 29 1 2", "2016-03-01", "2044-02-29"},
        {"repeat past ... future cron 0 0 0 29 1 2", "2073-01-01", "2112-02-29"},
        {"repeat past ... future cron 59 59 23 31 * 12", "2016-12-31 23:59:59",
         "2016-12-31 23:59:59"},
        {"repeat past ... future cron 59 59 23 31 * 12", "2016-12-31 23:59:59.000001",
         "2017-12-31 23:59:59"},
        {"repeat past ... future cron 30 15,45 6 * * *", "2016-03-01 06:45:31",
         "2016-03-02 06:15:30"},
        {"repeat past ... future cron 30 15,45 6 * * *", "2016-03-01 06:15:31",
         "2016-03-01 06:45:30"},
        {"repeat now + 1m / 7s", "2016-02-18 12:00:01", "2016-02-18 12:00:07"},
        {"repeat now + 1m / 7s", "2016-02-18 12:00:56.5", NULL},
        {"repeat past ... 2016-01-01 / 1h", "2016-02-18", NULL},
        {"repeat 2017-01-01 ... future / 1h", "2016-02-18", "2017-01-01"},
        {"repeat past ... future / 1s", "9999-12-31 23:59:59.999999", NULL},
        {"now ... future / 1s", "2016-02-18 12:00:00", NULL},
    };
    struct when w;
    char error[200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 0;
        assert_int_equal(when_parse(slice_of(cases[i].scope), &w, error, sizeof error), 0);
        int status = when_next(&w, now_us, time_of(slice_of(cases[i].from)), &us);
        assert_int_equal(status, cases[i].run == NULL ? 1 : 0);
        assert_true(cases[i].run == NULL || us == time_of(slice_of(cases[i].run)));
    }
}

static void test_ranges(void **state)
{
    (void)state;
    struct when w;
    char error[200];
    int64_t start, end;
    bool instant;
    assert_int_equal(when_parse(slice_of("now ... 2016-01-01"), &w, error, sizeof error), 0);
    assert_int_equal(when_range(&w, now_us, &start, &end, &instant), -1);
    assert_int_equal(when_parse(slice_of("9999-12-31 + 2d"), &w, error, sizeof error), 0);
    assert_int_equal(when_range(&w, now_us, &start, &end, &instant), 0);
    assert_true(end == WHEN_FUTURE && !instant);
}

static void test_times(void **state)
{
    (void)state;
    char text[WHEN_TEXT];
    int64_t us;
    assert_int_equal(when_time_parse(slice_of("1969-12-31 23:59:59.999999"), &us), 0);
    assert_true(us == -1);
    when_time_text(us, text);
    assert_string_equal(text, "1969-12-31 23:59:59.999999");
    assert_int_equal(when_time_parse(slice_of("2000-02-29"), &us), 0);
    when_time_text(us, text);
    assert_string_equal(text, "2000-02-29 00:00:00.000000");
    assert_int_equal(when_time_parse(slice_of("1900-02-29"), &us), -1);
    assert_int_equal(when_time_parse(slice_of("2016-02-18 "), &us), -1);
    assert_int_equal(when_time_parse(slice_of(""), &us), -1);
    assert_int_equal(when_time_parse((struct slice){NULL, 0}, &us), -1);
}

/* Times as PostgreSQL, RFC 3339 and ISO 8601 write them; or what is wrong with them. */
static void test_spellings(void **state)
{
    static const struct {
        const char *text, *time; /* or what was expected */
        bool local;
    } cases[] = {
        {"2026-10-25 02:30:00+00", "2026-10-25 02:30:00.000000", false},
        {"2026-10-25 02:30:00.5+02", "2026-10-25 00:30:00.500000", false},
        {"2026-10-25 02:30:00-03", "2026-10-25 05:30:00.000000", false},
        {"2026-10-25T02:30:00z", "2026-10-25 02:30:00.000000", false},
        {"2026-10-25t02:30:00Z", "2026-10-25 02:30:00.000000", false},
        {"2026-10-25T02:30:00,5Z", "2026-10-25 02:30:00.500000", false},
        {"2026-10-25T02:30Z", "2026-10-25 02:30:00.000000", false},
        {"2026-10-25 02:30:00.123456789Z", "2026-10-25 02:30:00.123456", false},
        {"20261025T023000Z", "2026-10-25 02:30:00.000000", false},
        {"20261025T0230+0200", "2026-10-25 00:30:00.000000", false},
        {"20261025t023000,25", "2026-10-25 02:30:00.250000", true},
        {"20261025", "expected a time, YYYY-MM-DD", false},
        {"2026-10-25", "2026-10-25 00:00:00.000000", true},
        {"2026-06-30 23:59:60", "2026-07-01 00:00:00.000000", true},
        {"2016-12-31T23:59:60.75Z", "2017-01-01 00:00:00.750000", false},
        {"2017-01-01T00:59:60+01:00", "2017-01-01 00:00:00.000000", false},
        {"2026-06-29 23:59:60", "expected second 60 only as 23:59:60 UTC on the last day", false},
        {"2026-06-30 22:59:60", "expected second 60 only as 23:59:60 UTC on the last day", false},
        {"2026-06-30 23:59:60+01", "expected second 60 only as 23:59:60 UTC", false},
        {"2026-06-30 23:59:61", "expected a time of day from 00:00:00 to 23:59:59", false},
        {"2026-06-30 24:00:00", "expected a time of day from 00:00:00 to 23:59:59", false},
        {"2026-06-30 23:59:00 CET", "at byte 19: expected the end of the time, found \" CET\"",
         false},
        {"2026-06-30 23:59:00+0", "expected the end of the time, found \"+0\"", false},
        {"2026-06-30 23:59:00+99", "expected an offset from UTC, found \"+99\"", false},
        {"20261325T000000", "expected a date of the calendar", false},
        {"20260625T0", "expected a time of day, HHMM[SS[.f]]", false},
        {"1793071800", "expected a time, YYYY-MM-DD", false},
    };
    char error[200], text[WHEN_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t us;
        bool local;
        if (when_time_read(slice_of(cases[i].text), &us, &local, error, sizeof error) == 0) {
            when_time_text(us, text);
            assert_string_equal(text, cases[i].time);
            assert_int_equal(local, cases[i].local);
        } else if (strstr(error, cases[i].time) == NULL) {
            fail_msg("%s: expected %s, found %s", cases[i].text, cases[i].time, error);
        }
    }
}

/* ISO 8601's ranges beside mPlane's periods. */
static void test_intervals(void **state)
{
    static const char *const cases[][2] = {
        {"2026-10-25T02:00:00Z/2026-10-25T02:30:00Z",
         "2026-10-25 02:00:00.000000 ... 2026-10-25 02:30:00.000000"},
        {"20261025T020000Z / 20261025T023000Z",
         "2026-10-25 02:00:00.000000 ... 2026-10-25 02:30:00.000000"},
        {"2026-10-25 / 2026s", "2026-10-25 00:00:00.000000 / 2026s"},
        {"2026-10-25 / 12345678s", "2026-10-25 00:00:00.000000 / 12345678s"},
        {"2026-10-25 02:00:00+30s", "2026-10-25 02:00:00.000000 + 30s"},
        {"2026-10-25 02:00:00+02 + 30s / 10s", "2026-10-25 00:00:00.000000 + 30s / 10s"},
        {"2026-10-25/2026-10-24", NULL},
        {"now/2026-10-24", NULL},
        {"2026-10-25/PT5M", NULL},
    };
    struct arena *a = arena_new(1 << 20);
    char error[200];
    struct when w;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = when_parse(slice_of(cases[i][0]), &w, error, sizeof error);
        assert_int_equal(status, cases[i][1] == NULL ? -1 : 0);
        if (status == 0) {
            struct when again;
            struct slice text = when_text(a, &w);
            assert_int_equal(when_parse(text, &again, error, sizeof error), 0);
            struct slice expected =
                when_parse(slice_of(cases[i][1]), &again, error, sizeof error) == 0
                    ? when_text(a, &again)
                    : (struct slice){"", 0};
            vectors_equal(text, expected, slice_of(cases[i][0]));
        }
    }
    arena_free(&a);
}

/* Of the command line; scopes have the same but for weeks. */
static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -1: none */
    } cases[] = {
        {"30s", 30},      {"90m", 5400},
        {"2h", 7200},     {"1d12h", 129600},
        {"1w", 604800},   {"1w1d1h1m1s", 694861},
        {"0s", 0},        {"", -1},
        {"5", -1},        {"s", -1},
        {"1h1d", -1},     {"1h1h", -1},
        {"1s ", -1},      {" 1s", -1},
        {"1h5", -1},      {"1sx", -1},
        {"-1s", -1},      {"1.5h", -1},
        {"1y", -1},       {"3650000d", 315360000000},
        {"3660000d", -1}, {"1234567890123s", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us;
        int rc = when_duration_parse(slice_of(cases[i].text), &us);
        if (rc != (cases[i].seconds == -1 ? -1 : 0) ||
            (rc == 0 && us != cases[i].seconds * 1000000)) {
            fail_msg("%s: %d", cases[i].text, rc);
        }
    }
    assert_int_equal(when_duration_parse((struct slice){NULL, 0}, &(int64_t){0}), -1);
    assert_int_equal(when_duration_parse((struct slice){"1\0s", 3}, &(int64_t){0}), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes),    cmocka_unit_test(test_more_scopes),
        cmocka_unit_test(test_runs),      cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_times),     cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_intervals), cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
