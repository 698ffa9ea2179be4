/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mPlane temporal scopes. Each reader works on a cursor and either moves it past what it read or
 * reports a fault; what is left over at the end is a fault too. Never asks what time it is.
 */
#include "common/mplane/when.h"

#include <stdio.h>

#include "common/when_parts.h"

/* "inf", as mPlane programs understand it. */
#define INFINITE_US (100000 * DAY_US)
/* Some weekday falls on 29 February at least once in this many days. */
#define CRON_DAYS 36600
/* How "any hour" is written: 0,1,...,59. */
#define CRON_ANY_HOUR ((UINT64_C(1) << 60) - 1)

/* A scope that can be read but never be. */
static int impossible(const struct when_cursor *c, const char *why)
{
    snprintf(c->error, c->error_size, "impossible scope: %s", why);
    return -1;
}

/* D: "[nd][nh][nm][ns]", in this order and at least one of them, or "inf". */
static int read_duration(struct when_cursor *c, int64_t *us)
{
    cursor_skip_blanks(c);
    if (cursor_take_word(c, "inf")) {
        *us = INFINITE_US;
        return 0;
    }
    return when_read_duration(c, "dhms", us);
}

/* T: past, now, future or an absolute time. */
static int read_point(struct when_cursor *c, enum when_point *point, int64_t *us, bool *local)
{
    struct when_time t;
    if (cursor_take_word(c, "past")) {
        *point = WHEN_AT_PAST;
    } else if (cursor_take_word(c, "now")) {
        *point = WHEN_AT_NOW;
    } else if (cursor_take_word(c, "future")) {
        *point = WHEN_AT_FUTURE;
    } else {
        cursor_skip_blanks(c);
        if (!cursor_at_digit(c)) {
            return cursor_fault(c, "past, now, future or a time");
        }
        *point = WHEN_AT;
        if (when_read_time(c, &t) == -1) {
            return -1;
        }
        *us = t.us;
        *local = !t.zoned;
    }
    return 0;
}

/* Whether a time follows a '/', where else a period would be: ISO 8601 writes ranges so. */
static bool take_interval(struct when_cursor *c)
{
    struct when_cursor ahead = *c;
    int64_t digits;
    if (!cursor_take_sign(&ahead, "/")) {
        return false;
    }
    cursor_skip_blanks(&ahead);
    struct when_cursor date = ahead;
    if (!cursor_take_number(&date, 8, 8, &digits) &&
        (!cursor_take_number(&date, 4, 4, &digits) || !cursor_take(&date, "-"))) {
        return false;
    }
    if (cursor_at_unit(&date)) {
        return false; /* 12345678s */
    }
    *c = ahead;
    return true;
}

/* "T", "T ... T", "T/T" or "T + D", and the "now + inf ... future" that a well-known component
 * sends. */
static int read_range(struct when_cursor *c, struct when *when)
{
    if (read_point(c, &when->start, &when->start_us, &when->start_local) == -1) {
        return -1;
    }
    if (cursor_take_sign(c, "+")) {
        if (read_duration(c, &when->duration_us) == -1) {
            return -1;
        }
        when->has_duration = true;
        struct when_cursor ahead = *c;
        if (!cursor_take_sign(&ahead, "...")) {
            return 0;
        }
        if (when->duration_us != INFINITE_US || !cursor_take_word(&ahead, "future")) {
            return cursor_fault(c, "no second end of the range");
        }
        *c = ahead;
        when->end = WHEN_AT_FUTURE;
        when->has_duration = false;
        when->duration_us = 0;
        return 0;
    }
    if (cursor_take_sign(c, "...") || (when->start == WHEN_AT && take_interval(c))) {
        return read_point(c, &when->end, &when->end_us, &when->end_local);
    }
    return 0;
}

/* One field of a cron part: "*", or numbers and spans "a-b" joined by commas. */
static int read_cron_field(struct when_cursor *c, const char *name, int64_t low, int64_t high,
                           uint64_t *bits)
{
    cursor_skip_blanks(c);
    *bits = 0;
    if (cursor_take(c, "*")) {
        for (int64_t i = low; i <= high; i++) {
            *bits |= UINT64_C(1) << i;
        }
    } else {
        do {
            const struct when_cursor begin = *c;
            int64_t from, to;
            if (!cursor_take_number(c, 1, 2, &from)) {
                return cursor_fault(c, "cron's %s, * or numbers", name);
            }
            to = from;
            if (cursor_take(c, "-") && !cursor_take_number(c, 1, 2, &to)) {
                return cursor_fault(c, "cron's %s, the end of a span", name);
            }
            if (from < low || to > high || from > to) {
                return cursor_fault(&begin, "cron's %s, from %d to %d", name, (int)low, (int)high);
            }
            for (int64_t i = from; i <= to; i++) {
                *bits |= UINT64_C(1) << i;
            }
        } while (cursor_take(c, ","));
    }
    if (c->at < c->end && *c->at != ' ' && *c->at != '\t' && *c->at != '{') {
        return cursor_fault(c, "a blank behind cron's %s", name);
    }
    return 0;
}

/* Whether one of the days exists in one of the months. */
static bool cron_has_date(const struct when_cron *cron)
{
    for (int64_t month = 1; month <= 12; month++) {
        uint32_t exist = (uint32_t)((UINT64_C(2) << when_month_days(2000, month)) - 2);
        if ((cron->months >> month & 1) != 0 && (cron->days & exist) != 0) {
            return true;
        }
    }
    return false;
}

static int read_cron(struct when_cursor *c, struct when_cron *cron)
{
    uint64_t days, weekdays, months;
    const struct when_cursor begin = *c;
    if (read_cron_field(c, "seconds", 0, 59, &cron->seconds) == -1 ||
        read_cron_field(c, "minutes", 0, 59, &cron->minutes) == -1 ||
        read_cron_field(c, "hours", 0, 59, &cron->hours) == -1 ||
        read_cron_field(c, "days of month", 1, 31, &days) == -1 ||
        read_cron_field(c, "days of week", 0, 7, &weekdays) == -1 ||
        read_cron_field(c, "months", 1, 12, &months) == -1) {
        return -1;
    }
    if (cron->hours != CRON_ANY_HOUR && cron->hours >> 24 != 0) {
        return cursor_fault(&begin, "cron's hours from 0 to 23");
    }
    cron->given = true;
    cron->days = (uint32_t)days;
    cron->weekdays = (uint32_t)weekdays;
    cron->months = (uint32_t)months;
    return cron_has_date(cron) ? 0 : impossible(c, "none of cron's days is in one of its months");
}

/* "{ now [+ D] [/ D] }" */
static int read_inner(struct when_cursor *c, struct when *when)
{
    if (!cursor_take_word(c, "now")) {
        cursor_skip_blanks(c);
        return cursor_fault(c, "now, which an inner scope begins with");
    }
    when->inner_given = true;
    if (cursor_take_sign(c, "+")) {
        if (read_duration(c, &when->inner_duration_us) == -1) {
            return -1;
        }
        when->inner_has_duration = true;
    }
    if (cursor_take_sign(c, "/")) {
        if (read_duration(c, &when->inner_period_us) == -1) {
            return -1;
        }
        when->inner_has_period = true;
    }
    if (!cursor_take_sign(c, "}")) {
        cursor_skip_blanks(c);
        return cursor_fault(c, "} behind the inner scope");
    }
    return 0;
}

static int read_scope(struct when_cursor *c, struct when *when)
{
    when->repeat = cursor_take_word(c, "repeat");
    if (read_range(c, when) == -1) {
        return -1;
    }
    if (cursor_take_sign(c, "/")) {
        if (read_duration(c, &when->period_us) == -1) {
            return -1;
        }
        when->has_period = true;
    }
    if (when->repeat) {
        if (cursor_take_word(c, "cron") && read_cron(c, &when->cron) == -1) {
            return -1;
        }
        if (cursor_take_sign(c, "{") && read_inner(c, when) == -1) {
            return -1;
        }
    }
    cursor_skip_blanks(c);
    return c->at == c->end ? 0 : cursor_fault(c, "the end of the scope");
}

/* Whether what was read can be. */
static int check(const struct when_cursor *c, const struct when *when)
{
    if (when->start == WHEN_AT_FUTURE) {
        return impossible(c, "it begins in the future without end");
    }
    if (when->end == WHEN_AT_PAST) {
        return impossible(c, "it ends before all time");
    }
    if (when->start == WHEN_AT_PAST && when->end == WHEN_ABSENT) {
        return impossible(c, "\"past\" needs an end, as in \"past ... now\"");
    }
    if (when->start == WHEN_AT && when->end == WHEN_AT && when->end_us < when->start_us) {
        return impossible(c, "its end lies before its start");
    }
    if (!when->repeat) {
        return 0;
    }
    if (when->has_period == when->cron.given) {
        return impossible(c, "a repeated one needs either a period or cron, and not both");
    }
    if (when->has_period && when->period_us == 0) {
        return impossible(c, "a repeated one needs a period of more than 0s");
    }
    return 0;
}

int when_parse(struct slice text, struct when *when, char *error, size_t error_size)
{
    static const char nothing[] = "";
    const char *at = text.at == NULL ? nothing : text.at;
    struct when_cursor c = {at, at, at + text.len, error, error_size};
    memset(when, 0, sizeof *when);
    return read_scope(&c, when) == -1 ? -1 : check(&c, when);
}

/* Text that grows to a known size: every part of a scope is bounded. */
struct when_writer {
    char text[2048];
    size_t len;
};

static void put(struct when_writer *w, const char *text)
{
    size_t n = strlen(text);
    if (n < sizeof w->text - w->len) {
        memcpy(w->text + w->len, text, n + 1);
        w->len += n;
    }
}

static void put_point(struct when_writer *w, enum when_point point, int64_t us)
{
    char text[WHEN_TEXT];
    switch (point) {
    case WHEN_AT_PAST:
        put(w, "past");
        break;
    case WHEN_AT_NOW:
        put(w, "now");
        break;
    case WHEN_AT_FUTURE:
        put(w, "future");
        break;
    case WHEN_AT:
        when_time_text(us, text);
        put(w, text);
        break;
    case WHEN_ABSENT:
        break;
    }
}

static void put_duration(struct when_writer *w, const char *before, int64_t us)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
    char text[32];
    int64_t left = us / SECOND_US;
    put(w, before);
    if (left == 0) {
        put(w, "0s");
    }
    for (size_t i = 0; i < 4; i++) {
        if (left >= units[i].seconds) {
            snprintf(text, sizeof text, "%lld%s", (long long)(left / units[i].seconds),
                     units[i].unit);
            put(w, text);
            left %= units[i].seconds;
        }
    }
}

static void put_cron_field(struct when_writer *w, uint64_t bits)
{
    char text[8];
    const char *before = " ";
    for (int i = 0; i < 64; i++) {
        if ((bits >> i & 1) != 0) {
            snprintf(text, sizeof text, "%s%d", before, i);
            put(w, text);
            before = ",";
        }
    }
}

/* "*" stands for these days of the week when it is written out. */
static uint32_t weekdays_written(const struct when_cron *cron)
{
    return cron->weekdays == 0xff ? 0x7f : cron->weekdays;
}

struct slice when_text(struct arena *a, const struct when *when)
{
    struct when_writer w;
    w.len = 0;
    put(&w, when->repeat ? "repeat " : "");
    put_point(&w, when->start, when->start_us);
    if (when->end != WHEN_ABSENT) {
        put(&w, " ... ");
        put_point(&w, when->end, when->end_us);
    } else if (when->has_duration) {
        put_duration(&w, " + ", when->duration_us);
    }
    if (when->has_period) {
        put_duration(&w, " / ", when->period_us);
    }
    if (when->cron.given) {
        put(&w, " cron");
        put_cron_field(&w, when->cron.seconds);
        put_cron_field(&w, when->cron.minutes);
        put_cron_field(&w, when->cron.hours);
        put_cron_field(&w, when->cron.days);
        put_cron_field(&w, weekdays_written(&when->cron));
        put_cron_field(&w, when->cron.months);
    }
    if (when->inner_has_duration || when->inner_has_period) {
        put(&w, " { now");
        if (when->inner_has_duration) {
            put_duration(&w, " + ", when->inner_duration_us);
        }
        if (when->inner_has_period) {
            put_duration(&w, " / ", when->inner_period_us);
        }
        put(&w, " } ");
    }
    return arena_copy(a, (struct slice){w.text, w.len});
}

static int64_t point_us(enum when_point point, int64_t us, int64_t now_us)
{
    switch (point) {
    case WHEN_AT_PAST:
        return WHEN_PAST;
    case WHEN_AT_FUTURE:
        return WHEN_FUTURE;
    case WHEN_AT:
        return us;
    case WHEN_AT_NOW:
    case WHEN_ABSENT:
        break;
    }
    return now_us;
}

int when_range(const struct when *when, int64_t now_us, int64_t *start_us, int64_t *end_us,
               bool *instant)
{
    *start_us = point_us(when->start, when->start_us, now_us);
    *end_us = *start_us;
    if (when->end != WHEN_ABSENT) {
        *end_us = point_us(when->end, when->end_us, now_us);
    } else if (when->has_duration && *start_us != WHEN_PAST) {
        *end_us = *start_us > TIME_MAX_US - when->duration_us ? WHEN_FUTURE
                                                              : *start_us + when->duration_us;
    }
    *instant = *end_us == *start_us;
    return *end_us < *start_us ? -1 : 0;
}

bool when_is_definite(const struct when *when)
{
    return when->start == WHEN_AT && (when->end == WHEN_AT || when->end == WHEN_ABSENT);
}

bool when_follows(const struct when *specification, const struct when *capability, int64_t now_us)
{
    if (capability->has_period) {
        bool has =
            specification->repeat ? specification->inner_has_period : specification->has_period;
        int64_t period =
            specification->repeat ? specification->inner_period_us : specification->period_us;
        if (!has || period < capability->period_us) {
            return false;
        }
    }
    int64_t low, high;
    bool instant;
    if (when_range(capability, now_us, &low, &high, &instant) == -1) {
        return false;
    }
    int64_t start = point_us(specification->start, specification->start_us, now_us);
    if (start >= low && start <= high) {
        return true;
    }
    return specification->end == WHEN_AT && specification->end_us >= low &&
           specification->end_us <= high;
}

/* The first bit set at or above `from`; -1 when there is none. */
static int next_bit(uint64_t bits, int from)
{
    for (int i = from; i < 64; i++) {
        if ((bits >> i & 1) != 0) {
            return i;
        }
    }
    return -1;
}

/* The first second of a day, at or after `second`, that the cron part names; -1 when none is left.
 */
static int cron_second(const struct when_cron *cron, int second)
{
    uint64_t hours = cron->hours & 0xffffff;
    int h = next_bit(hours, second / 3600);
    if (h == -1) {
        return -1;
    }
    int left = h == second / 3600 ? second % 3600 : 0;
    int s = next_bit(cron->seconds, left % 60);
    int m = next_bit(cron->minutes, s == -1 ? left / 60 + 1 : left / 60);
    if (m == -1) {
        return h == 23 ? -1 : cron_second(cron, (h + 1) * 3600);
    }
    if (m > left / 60 || s == -1) {
        s = next_bit(cron->seconds, 0);
    }
    return (h * 60 + m) * 60 + s;
}

static bool cron_date(const struct when_cron *cron, int64_t days)
{
    int64_t year, month, day;
    when_date_of(days, &year, &month, &day);
    /* The first of January 1970 was a Thursday; Sunday is both 0 and 7. */
    int64_t weekday = (days + 4 + 7 * 719162) % 7;
    bool on_weekday =
        (cron->weekdays >> weekday & 1) != 0 || (weekday == 0 && (cron->weekdays >> 7 & 1) != 0);
    return on_weekday && (cron->months >> month & 1) != 0 && (cron->days >> day & 1) != 0;
}

/* The first time at or after from_us that the cron part names; 1 when there is none. */
static int cron_next(const struct when_cron *cron, int64_t from_us, int64_t *us)
{
    int64_t seconds = (from_us - TIME_MIN_US + SECOND_US - 1) / SECOND_US;
    int64_t first = seconds / 86400, of_day = seconds % 86400;
    for (int64_t i = 0; i < CRON_DAYS; i++) {
        int64_t days = first + i + TIME_MIN_US / DAY_US;
        int second = cron_date(cron, days) ? cron_second(cron, i == 0 ? (int)of_day : 0) : -1;
        if (second != -1) {
            *us = days * DAY_US + second * SECOND_US;
            return 0;
        }
    }
    return 1;
}

int when_next(const struct when *when, int64_t now_us, int64_t from_us, int64_t *us)
{
    int64_t start, end;
    bool instant;
    if (!when->repeat || now_us < TIME_MIN_US || now_us > TIME_MAX_US || from_us > TIME_MAX_US ||
        when_range(when, now_us, &start, &end, &instant) == -1) {
        return 1;
    }
    int64_t begin = start > now_us ? start : now_us;
    int64_t next = from_us > begin ? from_us : begin;
    if (when->cron.given) {
        if (cron_next(&when->cron, next, &next) == 1) {
            return 1;
        }
    } else if (when->period_us > 0) {
        int64_t behind = (next - begin) % when->period_us;
        next += behind == 0 ? 0 : when->period_us - behind;
    } else {
        return 1;
    }
    if (next > end || next > TIME_MAX_US) {
        return 1;
    }
    *us = next;
    return 0;
}
