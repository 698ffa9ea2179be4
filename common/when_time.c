/* SPDX-License-Identifier: Apache-2.0 */
/* Absolute times, as RFC 3339, ISO 8601, PostgreSQL and mPlane programs write them. */
#include "common/number.h"
#include "common/when_parts.h"
/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
int64_t when_days_of(int64_t year, int64_t month, int64_t day)
{
    /* Counting years from March puts the leap day at the end of the year. */
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

void when_date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t n = days + 719468;
    int64_t era = n / 146097, of_era = n % 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

int64_t when_month_days(int64_t year, int64_t month)
{
    return month == 12 ? 31 : when_days_of(year, month + 1, 1) - when_days_of(year, month, 1);
}

/* ".f" or ",f": digits after the sixth are cut. */
static int read_fraction(struct when_cursor *c, int64_t *us)
{
    struct when_cursor ahead = *c;
    if (cursor_take(&ahead, "...") || !(cursor_take(c, ".") || cursor_take(c, ","))) {
        return 0;
    }
    if (!cursor_at_digit(c)) {
        return cursor_fault(c, "digits of a fraction");
    }
    for (int64_t unit = SECOND_US / 10; cursor_at_digit(c); c->at++, unit /= 10) {
        *us += (*c->at - '0') * unit;
    }
    return 0;
}

/* The digits of "+01:00", "-0130", "+02". */
static bool take_offset(struct when_cursor *c, int64_t *hours, int64_t *minutes)
{
    struct when_cursor ahead = *c;
    *minutes = 0;
    if (cursor_take_number(&ahead, 4, 4, hours)) {
        *minutes = *hours % 100;
        *hours /= 100;
    } else if (!cursor_take_number(&ahead, 2, 2, hours) ||
               (cursor_take(&ahead, ":") && !cursor_take_number(&ahead, 2, 2, minutes))) {
        return false;
    }
    if (cursor_at_unit(&ahead)) {
        return false;
    }
    *c = ahead;
    return true;
}

/* "Z" or an offset directly behind a time; anything else is none of ours. */
static int read_offset(struct when_cursor *c, struct when_time *t)
{
    struct when_cursor ahead = *c;
    int64_t hours, minutes;
    if (cursor_take(c, "Z") || cursor_take(c, "z")) {
        t->zoned = true;
        return 0;
    }
    bool east = cursor_take(&ahead, "+");
    if ((!east && !cursor_take(&ahead, "-")) || !take_offset(&ahead, &hours, &minutes)) {
        return 0;
    }
    if (hours > 23 || minutes > 59) {
        return cursor_fault(c, "an offset from UTC");
    }
    int64_t offset = (hours * 60 + minutes) * 60 * SECOND_US;
    t->us += east ? -offset : offset;
    t->zoned = true;
    *c = ahead;
    return 0;
}

/* "H:M[:S[.f]]", or in a basic time "HHMM[SS[.f]]". */
static int read_clock(struct when_cursor *c, bool basic, struct when_time *t)
{
    const struct when_cursor begin = *c;
    int64_t hour, minute, second = 0;
    if (basic && !cursor_take_number(c, 4, 4, &minute) && cursor_take_number(c, 6, 6, &minute)) {
        second = minute % 100;
        minute /= 100;
        hour = minute / 100;
        minute %= 100;
    } else if (basic && c->at != begin.at) {
        hour = minute / 100;
        minute %= 100;
    } else if (basic || !cursor_take_number(c, 1, 2, &hour) || !cursor_take(c, ":") ||
               !cursor_take_number(c, 1, 2, &minute)) {
        return cursor_fault(c,
                            basic ? "a time of day, HHMM[SS[.f]]" : "a time of day, H:M[:S[.f]]");
    } else if (cursor_take(c, ":") && !cursor_take_number(c, 1, 2, &second)) {
        return cursor_fault(c, "seconds");
    }
    if (read_fraction(c, &t->us) == -1) {
        return -1;
    }
    if (hour > 23 || minute > 59 || second > 60) {
        *c = begin;
        return cursor_fault(c, "a time of day from 00:00:00 to 23:59:59");
    }
    t->leap = second == 60;
    t->us += ((hour * 60 + minute) * 60 + second) * SECOND_US;
    return 0;
}

/* A time of day and an offset, if one follows the date. */
static int read_time_of_day(struct when_cursor *c, bool basic, struct when_time *t)
{
    struct when_cursor ahead = *c;
    if (cursor_take(&ahead, "T") || cursor_take(&ahead, "t")) {
        if (!cursor_at_digit(&ahead)) {
            return cursor_fault(&ahead, "a time of day");
        }
    } else {
        cursor_skip_blanks(&ahead);
        if (ahead.at == c->at || !cursor_at_digit(&ahead)) {
            return 0;
        }
    }
    *c = ahead;
    return read_clock(c, basic, t) == -1 ? -1 : read_offset(c, t);
}

/* Days since 1970 of "Y-M-D" or "YYYYMMDD". */
static int read_date(struct when_cursor *c, bool *basic, int64_t *days)
{
    const struct when_cursor begin = *c;
    int64_t year, month, day;
    *basic = cursor_take_number(c, 8, 8, &year);
    if (*basic && c->at < c->end && (*c->at == 'T' || *c->at == 't')) {
        day = year % 100;
        month = year / 100 % 100;
        year /= 10000;
    } else if (*basic || !cursor_take_number(c, 4, 4, &year) || !cursor_take(c, "-") ||
               !cursor_take_number(c, 1, 2, &month) || !cursor_take(c, "-") ||
               !cursor_take_number(c, 1, 2, &day)) {
        return cursor_fault(&begin, "a time, YYYY-MM-DD[ H:M[:S[.f]]]");
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > when_month_days(year, month)) {
        return cursor_fault(&begin, "a date of the calendar");
    }
    *days = when_days_of(year, month, day);
    return 0;
}

/* Second 60 is inserted before a UTC midnight between two months, and is counted as the one after.
 */
static bool can_leap(int64_t us)
{
    int64_t year, month, day, since = us - TIME_MIN_US;
    if (since < 0 || since % DAY_US >= SECOND_US) {
        return false;
    }
    when_date_of((us - since % DAY_US) / DAY_US, &year, &month, &day);
    return day == 1;
}

/* An absolute time at the cursor; the cursor stands behind it. */
int when_read_time(struct when_cursor *c, struct when_time *t)
{
    const struct when_cursor begin = *c;
    int64_t days = 0;
    bool basic;
    *t = (struct when_time){0};
    if (read_date(c, &basic, &days) == -1) {
        return -1;
    }
    t->us = days * DAY_US;
    if (read_time_of_day(c, basic, t) == -1) {
        return -1;
    }
    if (t->us < TIME_MIN_US || t->us > TIME_MAX_US) {
        return cursor_fault(&begin, "a time in the years 1 to 9999");
    }
    if (t->leap && !can_leap(t->us)) {
        return cursor_fault(&begin, "second 60 only as 23:59:60 UTC on the last day of a month");
    }
    return 0;
}

int when_time_read(struct slice text, int64_t *us, bool *local, char *error, size_t error_size)
{
    static const char nothing[] = "";
    const char *at = text.at == NULL ? nothing : text.at;
    struct when_cursor c = {at, at, at + text.len, error, error_size};
    struct when_time t;
    if (when_read_time(&c, &t) == -1) {
        return -1;
    }
    if (c.at != c.end) {
        return cursor_fault(&c, "the end of the time");
    }
    *us = t.us;
    *local = !t.zoned;
    return 0;
}

int when_time_parse(struct slice text, int64_t *us)
{
    char error[1];
    bool local;
    return when_time_read(text, us, &local, error, sizeof error);
}

void when_time_text(int64_t us, char text[WHEN_TEXT])
{
    int64_t year, month, day;
    int64_t t = us < TIME_MIN_US ? TIME_MIN_US : us > TIME_MAX_US ? TIME_MAX_US : us;
    int64_t of_day = (t - TIME_MIN_US) % DAY_US;
    int64_t second = of_day / SECOND_US;
    when_date_of((t - of_day) / DAY_US, &year, &month, &day);
    const struct {
        int64_t value;
        size_t digits;
        char behind;
    } parts[] = {{year, 4, '-'},
                 {month, 2, '-'},
                 {day, 2, ' '},
                 {second / 3600, 2, ':'},
                 {second / 60 % 60, 2, ':'},
                 {second % 60, 2, '.'},
                 {of_day % SECOND_US, 6, '\0'}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        text = number_write_digits(text, parts[i].value, parts[i].digits);
        *text++ = parts[i].behind;
    }
}
