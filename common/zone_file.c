/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file has its data twice: with 32-bit times, which are passed over, then with 64-bit ones.
 * Behind these stands a rule for all time after the last change, "CET-1CEST,M3.5.0,M10.5.0/3":
 * names and offsets (west of Greenwich is positive), then when summer begins and ends.
 */
#include "common/zone_file.h"

#include <ctype.h>
#include <stdlib.h>

#define HEADER_BYTES 44
#define DAY_S        INT64_C(86400)
#define HOUR_S       INT64_C(3600)
#define YEAR_FIRST   1800
#define YEAR_LAST    2100

/* ---- what is read ---- */

struct zone_cursor {
    const char *at, *end;
    bool bad; /* something was not there */
};

static const char *take(struct zone_cursor *c, size_t bytes)
{
    if (c->bad || (size_t)(c->end - c->at) < bytes) {
        c->bad = true;
        return NULL;
    }
    const char *at = c->at;
    c->at += bytes;
    return at;
}

/* A signed number of 4 or 8 bytes, the most significant first. */
static int64_t number_at(const char *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | (unsigned char)at[i];
    }
    return bytes == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
}

enum count { COUNT_UT, COUNT_STD, COUNT_LEAP, COUNT_TIME, COUNT_TYPE, COUNT_CHAR, COUNTS };

/* What a header says of the block behind it, whose times have so many bytes each. */
struct zone_block {
    size_t count[COUNTS];
    char version;
};

static struct zone_block take_header(struct zone_cursor *c)
{
    struct zone_block b = {.version = 0};
    const char *at = take(c, HEADER_BYTES);
    if (at == NULL || memcmp(at, "TZif", 4) != 0) {
        c->bad = true;
        return b;
    }
    b.version = at[4];
    for (int i = 0; i < COUNTS; i++) {
        b.count[i] = (size_t)(uint32_t)number_at(at + 20 + 4 * i, 4);
    }
    return b;
}

static void pass_block(struct zone_cursor *c, const struct zone_block *b)
{
    (void)take(c, b->count[COUNT_TIME] * 5 + b->count[COUNT_TYPE] * 6 + b->count[COUNT_CHAR] +
                      b->count[COUNT_LEAP] * 8 + b->count[COUNT_STD] + b->count[COUNT_UT]);
}

/* ---- what comes of it ---- */

struct zone_list {
    struct zone_change *at;
    int count;
    bool full;
    bool mixed; /* one came behind a later one */
    int64_t latest_s;
    int64_t listed_s; /* when the last change is that the file lists */
};

static void add(struct zone_list *l, int64_t from_s, int64_t offset_s)
{
    l->mixed = l->mixed || (l->count > 0 && from_s < l->latest_s);
    l->latest_s = from_s;
    if (l->count > 0 && l->at[l->count - 1].from_s == from_s) { /* lasted no time */
        l->count--;
    }
    if (l->count > 0 && l->at[l->count - 1].offset_s == offset_s) {
        return;
    }
    if (l->count == ZONE_CHANGES) {
        l->full = true;
        return;
    }
    l->at[l->count] = (struct zone_change){l->count == 0 ? ZONE_ALWAYS : from_s, offset_s};
    l->count++;
}

static bool is_offset(int64_t offset_s)
{
    return offset_s > -ZONE_OFFSET_S && offset_s < ZONE_OFFSET_S;
}

/* The changes that are listed: times, then of each the place of its offset, then the offsets. */
static void take_listed(struct zone_cursor *c, const struct zone_block *b, struct zone_list *l)
{
    size_t times = b->count[COUNT_TIME], types = b->count[COUNT_TYPE];
    const char *time = take(c, times * 8);
    const char *type = take(c, times);
    const char *offset = take(c, types * 6);
    (void)take(c, b->count[COUNT_CHAR] + b->count[COUNT_LEAP] * 12 + b->count[COUNT_STD] +
                      b->count[COUNT_UT]);
    if (c->bad || types == 0 || b->count[COUNT_LEAP] > 0 || !is_offset(number_at(offset, 4))) {
        c->bad = true;
        return;
    }
    add(l, ZONE_ALWAYS, number_at(offset, 4));
    l->listed_s = times == 0 ? ZONE_ALWAYS : number_at(time + 8 * (times - 1), 8);
    for (size_t i = 0; i < times; i++) {
        unsigned char which = (unsigned char)type[i];
        int64_t from_s = number_at(time + 8 * i, 8);
        bool rises = i == 0 || from_s > number_at(time + 8 * (i - 1), 8);
        if (which >= types || !rises || !is_offset(number_at(offset + 6 * which, 4))) {
            c->bad = true;
            return;
        }
        if (from_s < ZONE_UNTIL_S) {
            add(l, from_s, number_at(offset + 6 * which, 4));
        }
    }
}

/* ---- the rule behind ---- */

static int64_t take_digits(struct zone_cursor *c, int64_t most)
{
    int64_t value = 0;
    const char *first = c->at;
    while (c->at < c->end && isdigit((unsigned char)*c->at) && value <= most) {
        value = value * 10 + (*c->at++ - '0');
    }
    c->bad = c->bad || c->at == first || value > most;
    return value;
}

static bool take_char(struct zone_cursor *c, char wanted)
{
    bool there = c->at < c->end && *c->at == wanted;
    c->at += there;
    return there;
}

/* "1", "-3:30", "+167:00:00": seconds. */
static int64_t take_time(struct zone_cursor *c)
{
    int64_t sign = take_char(c, '-') ? -1 : (take_char(c, '+'), 1);
    int64_t value = take_digits(c, 167) * HOUR_S;
    if (take_char(c, ':')) {
        value += take_digits(c, 59) * 60;
        value += take_char(c, ':') ? take_digits(c, 59) : 0;
    }
    return sign * value;
}

/* "CET", "<+0330>". */
static void pass_name(struct zone_cursor *c)
{
    const char *first = c->at;
    if (take_char(c, '<')) {
        while (c->at < c->end && *c->at != '>') {
            c->at++;
        }
        c->bad = c->bad || !take_char(c, '>');
        return;
    }
    while (c->at < c->end && isalpha((unsigned char)*c->at)) {
        c->at++;
    }
    c->bad = c->bad || c->at - first < 3;
}

/* When within a year: "M3.5.0/2", "J60" (29 February does not count), "59". */
struct zone_moment {
    char form; /* 'M', 'J', or 0 */
    int64_t month, week, day;
    int64_t time_s;
};

static struct zone_moment take_moment(struct zone_cursor *c)
{
    struct zone_moment m = {.time_s = 2 * HOUR_S};
    c->bad = c->bad || !take_char(c, ',');
    if (take_char(c, 'M')) {
        m.form = 'M';
        m.month = take_digits(c, 12);
        c->bad = c->bad || !take_char(c, '.');
        m.week = take_digits(c, 5);
        c->bad = c->bad || !take_char(c, '.');
        m.day = take_digits(c, 6);
        c->bad = c->bad || m.month == 0 || m.week == 0;
    } else {
        m.form = take_char(c, 'J') ? 'J' : 0;
        m.day = take_digits(c, 365);
        c->bad = c->bad || (m.form == 'J' && m.day == 0);
    }
    if (take_char(c, '/')) {
        m.time_s = take_time(c);
    }
    return m;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 to the first of January. */
static int64_t year_begins(int64_t year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t month_begins(int64_t year, int64_t month)
{
    static const int64_t days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    return year_begins(year) + days[month - 1] + (month > 2 && is_leap(year));
}

/* The moment in local time, as seconds since 1970 there. */
static int64_t moment_in(const struct zone_moment *m, int64_t year)
{
    int64_t day = year_begins(year);
    if (m->form == 'M') {
        int64_t first = month_begins(year, m->month);
        int64_t behind = m->month == 12 ? year_begins(year + 1) : month_begins(year, m->month + 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; Sunday is 0 */
        day = first + (m->day - weekday + 7) % 7 + (m->week - 1) * 7;
        day = day >= behind ? day - 7 : day;
    } else if (m->form == 'J') {
        day += m->day - 1 + (is_leap(year) && m->day >= 60);
    } else {
        day += m->day;
    }
    return day * DAY_S + m->time_s;
}

/* The changes of a year, in order, as far as they lie behind all that is listed. */
static void add_year(struct zone_list *l, int64_t year, const struct zone_moment at[2],
                     const int64_t offset_s[2])
{
    /* Summer begins by the clocks of winter, and ends by those of summer. */
    struct zone_change both[2] = {{moment_in(&at[0], year) - offset_s[0], offset_s[1]},
                                  {moment_in(&at[1], year) - offset_s[1], offset_s[0]}};
    int first = both[0].from_s > both[1].from_s;
    for (int i = 0; i < 2; i++) {
        const struct zone_change *change = &both[i == 0 ? first : 1 - first];
        if (change->from_s > l->listed_s && change->from_s < ZONE_UNTIL_S) {
            add(l, change->from_s, change->offset_s);
        }
    }
}

static void take_rule(struct zone_cursor *c, struct zone_list *l)
{
    if (c->at == c->end) { /* none: nobody knows */
        return;
    }
    int64_t offset_s[2];
    pass_name(c);
    offset_s[0] = -take_time(c);
    if (c->at == c->end) { /* no summer: the offset is that of the last change listed */
        return;
    }
    pass_name(c);
    offset_s[1] = c->at < c->end && *c->at != ',' ? -take_time(c) : offset_s[0] + HOUR_S;
    struct zone_moment at[2] = {take_moment(c)};
    at[1] = take_moment(c);
    c->bad = c->bad || c->at != c->end || !is_offset(offset_s[0]) || !is_offset(offset_s[1]);
    for (int64_t year = YEAR_FIRST; !c->bad && year <= YEAR_LAST; year++) {
        add_year(l, year, at, offset_s);
    }
}

int zone_file_changes(struct slice bytes, struct zone_change changes[ZONE_CHANGES])
{
    if (bytes.len == 0) {
        return -1;
    }
    struct zone_cursor c = {bytes.at, bytes.at + bytes.len, false};
    struct zone_list l = {.at = changes};
    struct zone_block b = take_header(&c);
    if (b.version < '2') {
        return -1;
    }
    pass_block(&c, &b);
    b = take_header(&c);
    if (!c.bad) {
        take_listed(&c, &b, &l);
    }
    if (c.bad || !take_char(&c, '\n')) {
        return -1;
    }
    const char *end = memchr(c.at, '\n', (size_t)(c.end - c.at));
    if (end == NULL) {
        return -1;
    }
    c.end = end;
    take_rule(&c, &l);
    return c.bad || l.full || l.mixed ? -1 : l.count;
}
