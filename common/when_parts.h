/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of temporal scopes (mplane/when.c), of times, and of other tools' times
 * (formats/format_time.c) share. Nobody else includes it. */
#ifndef EZREPO_WHEN_PARTS_H
#define EZREPO_WHEN_PARTS_H

#include <string.h>

#include "common/when_time.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)
/* 0001-01-01 and the end of 9999-12-31: what "YYYY-MM-DD" can hold. */
#define TIME_MIN_US (-719162 * DAY_US)
#define TIME_MAX_US (2932897 * DAY_US - 1)
/* The longest duration there can be. */
#define LONGEST_US (TIME_MAX_US - TIME_MIN_US)

/* Text being read: each reader moves it past what it read, or leaves it alone. */
struct when_cursor {
    const char *at, *start, *end;
    char *error;
    size_t error_size;
};

/* Reports what was expected at the cursor; always -1. */
int cursor_fault(const struct when_cursor *c, const char *expected, ...)
    __attribute__((format(printf, 2, 3)));

/* These are here since each datagram has two times, read character by character. */

static inline void cursor_skip_blanks(struct when_cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t')) {
        c->at++;
    }
}

static inline bool cursor_at_digit(const struct when_cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

/* Takes the text if it is next. */
static inline bool cursor_take(struct when_cursor *c, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0) {
        return false;
    }
    c->at += n;
    return true;
}

/* min to max digits; false leaves the cursor alone. */
static inline bool cursor_take_number(struct when_cursor *c, int min, int max, int64_t *value)
{
    const char *at = c->at;
    int64_t number = 0;
    for (; at < c->end && *at >= '0' && *at <= '9' && at - c->at < max; at++) {
        number = number * 10 + (*at - '0');
    }
    *value = number;
    if (at - c->at < min || (at < c->end && *at >= '0' && *at <= '9')) {
        return false;
    }
    c->at = at;
    return true;
}

/* A unit of time, which makes a duration of the digits before it. */
bool cursor_at_unit(const struct when_cursor *c);

/*
 * A number before each of some units of "wdhms" (weeks to seconds), in the order of `units`, each
 * once and one at least; no letter may follow. 0, or -1 and the fault.
 */
int when_read_duration(struct when_cursor *c, const char *units, int64_t *us);

/* Take the word, if it is next behind blanks and no letter or digit follows it; the sign, if it is
 * next behind blanks. */
bool cursor_take_word(struct when_cursor *c, const char *word);
bool cursor_take_sign(struct when_cursor *c, const char *sign);

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back. */
int64_t when_days_of(int64_t year, int64_t month, int64_t day);
void when_date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day);
int64_t when_month_days(int64_t year, int64_t month);

/* An absolute time being read. */
struct when_time {
    int64_t us;
    bool zoned; /* an offset was given */
    bool leap;  /* its second is the 60th */
};

/* An absolute time at the cursor, which then stands behind it. 0, or -1 and the fault. */
int when_read_time(struct when_cursor *c, struct when_time *t);

#endif
