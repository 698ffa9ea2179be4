/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of other tools. Each form is taken apart by its shape alone and written anew in the one way
 * that common/when_time.h reads in each of them; that one knows the calendar.
 */
#include "common/formats/format_time.h"

#include "common/number.h"
#include "common/when_parts.h"

/* Parts of a time as they stood; none has more digits than it is written with. */
struct time_parts {
    int64_t year, month, day, hour, minute, second;
    struct slice fraction; /* digits */
    int64_t zone;          /* +hhmm as a number */
    bool west;
};

/* Microseconds: so many digits of a fraction count. */
#define US_DIGITS 6

/* "YYYY-MM-DDTHH:MM:SS.ffffff+hhmm" */
#define TIME_BYTES 31

/* So many digits, and what stands before them. */
static char *put_number(char *to, char before, int64_t value, size_t count)
{
    *to = before;
    return number_write_digits(to + 1, value, count);
}

static int to_us(const struct time_parts *t, struct exact *us)
{
    char text[1 + TIME_BYTES]; /* from the second on */
    char *end = put_number(text, ' ', t->year, 4);
    int64_t at;
    end = put_number(end, '-', t->month, 2);
    end = put_number(end, '-', t->day, 2);
    end = put_number(end, 'T', t->hour, 2);
    end = put_number(end, ':', t->minute, 2);
    end = put_number(end, ':', t->second, 2);
    if (t->fraction.len > 0) {
        size_t kept = t->fraction.len < US_DIGITS ? t->fraction.len : US_DIGITS;
        *end++ = '.';
        memcpy(end, t->fraction.at, kept);
        end += kept;
    }
    end = put_number(end, t->west ? '-' : '+', t->zone, 4);
    if (when_time_parse((struct slice){text + 1, (size_t)(end - text - 1)}, &at) == -1) {
        return -1;
    }
    *us = exact_of_integer(at);
    return 0;
}

/* Digits of a fraction; at least one. */
static bool take_fraction(struct when_cursor *c, struct slice *fraction)
{
    fraction->at = c->at;
    while (cursor_at_digit(c)) {
        c->at++;
    }
    fraction->len = (size_t)(c->at - fraction->at);
    return fraction->len > 0;
}

/* "+hh", "+hhmm", "+hh:mm" */
static bool take_zone_digits(struct when_cursor *c, bool short_ones, struct time_parts *t)
{
    int64_t minutes;
    t->west = *c->at == '-';
    if (!cursor_take(c, "+") && !cursor_take(c, "-")) {
        return false;
    }
    if (cursor_take_number(c, 4, 4, &t->zone)) {
        return true;
    }
    if (!short_ones || !cursor_take_number(c, 2, 2, &t->zone)) {
        return false;
    }
    t->zone *= 100;
    if (cursor_take(c, ":")) {
        if (!cursor_take_number(c, 2, 2, &minutes)) {
            return false;
        }
        t->zone += minutes;
    }
    return true;
}

static bool take_two(struct when_cursor *c, int64_t *value)
{
    return cursor_take_number(c, 2, 2, value);
}

static bool take_clock(struct when_cursor *c, struct time_parts *t)
{
    return take_two(c, &t->hour) && cursor_take(c, ":") && take_two(c, &t->minute) &&
           cursor_take(c, ":") && take_two(c, &t->second);
}

static bool take_rfc3339(struct when_cursor *c, struct time_parts *t)
{
    if (!cursor_take_number(c, 4, 4, &t->year) || !cursor_take(c, "-") || !take_two(c, &t->month) ||
        !cursor_take(c, "-") || !take_two(c, &t->day) ||
        (!cursor_take(c, "T") && !cursor_take(c, " ")) || !take_clock(c, t) ||
        (cursor_take(c, ".") && !take_fraction(c, &t->fraction))) {
        return false;
    }
    cursor_skip_blanks(c);
    return c->at == c->end || cursor_take(c, "Z") || take_zone_digits(c, true, t);
}

static bool letter_equal(char c, char small)
{
    return (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == small;
}

/* The word at the cursor, in large letters or small ones. */
static bool take_word(struct when_cursor *c, struct slice small)
{
    if ((size_t)(c->end - c->at) < small.len) {
        return false;
    }
    for (size_t i = 0; i < small.len; i++) {
        if (!letter_equal(c->at[i], small.at[i])) {
            return false;
        }
    }
    c->at += small.len;
    return true;
}

/* Which of the words of three letters each is at the cursor, counted from 1; 0: none. */
static int64_t take_name(struct when_cursor *c, const char *names)
{
    for (size_t i = 0; names[i] != '\0'; i += 3) {
        if (take_word(c, (struct slice){names + i, 3})) {
            return (int64_t)(i / 3 + 1);
        }
    }
    return 0;
}

static bool take_month(struct when_cursor *c, struct time_parts *t)
{
    t->month = take_name(c, "janfebmaraprmayjunjulaugsepoctnovdec");
    return t->month != 0;
}

static bool take_weekday(struct when_cursor *c)
{
    return take_name(c, "montuewedthufrisatsun") != 0;
}

static bool take_blanks(struct when_cursor *c)
{
    const char *before = c->at;
    cursor_skip_blanks(c);
    return c->at != before;
}

static const struct named_zone {
    struct slice name;
    int64_t west; /* hhmm */
} named_zones[] = {
    {SLICE("utc"), 0},   {SLICE("ut"), 0},    {SLICE("gmt"), 0},   {SLICE("est"), 500},
    {SLICE("edt"), 400}, {SLICE("cst"), 600}, {SLICE("cdt"), 500}, {SLICE("mst"), 700},
    {SLICE("mdt"), 600}, {SLICE("pst"), 800}, {SLICE("pdt"), 700},
};

static bool at_letter(const struct when_cursor *c)
{
    return c->at < c->end && ((*c->at >= 'A' && *c->at <= 'Z') || (*c->at >= 'a' && *c->at <= 'z'));
}

/* A zone of mail: an offset, or one of the obsolete names. */
static bool take_mail_zone(struct when_cursor *c, struct time_parts *t)
{
    if (c->at < c->end && !at_letter(c)) {
        return take_zone_digits(c, false, t);
    }
    for (size_t i = 0; i < sizeof named_zones / sizeof named_zones[0]; i++) {
        if (take_word(c, named_zones[i].name)) {
            t->zone = named_zones[i].west;
            t->west = true;
            return !at_letter(c);
        }
    }
    if (!at_letter(c) || letter_equal(*c->at, 'j')) {
        return false;
    }
    c->at++;
    return !at_letter(c);
}

/* "(comment)", also with others in it */
static bool take_comment(struct when_cursor *c)
{
    size_t depth = 0;
    if (c->at == c->end || *c->at != '(') {
        return true;
    }
    do {
        depth += *c->at == '(';
        depth -= *c->at == ')';
        c->at++;
    } while (depth > 0 && c->at < c->end);
    cursor_skip_blanks(c);
    return depth == 0;
}

/* RFC 5322 has four digits or more; before it there were two, and three by mistake. */
static bool take_mail_year(struct when_cursor *c, struct time_parts *t)
{
    if (cursor_take_number(c, 4, 4, &t->year)) {
        return true;
    }
    if (cursor_take_number(c, 3, 3, &t->year)) {
        t->year += 1900;
        return true;
    }
    if (!cursor_take_number(c, 2, 2, &t->year)) {
        return false;
    }
    t->year += t->year < 50 ? 2000 : 1900;
    return true;
}

static bool take_mail(struct when_cursor *c, struct time_parts *t)
{
    cursor_skip_blanks(c);
    if (take_weekday(c)) {
        cursor_skip_blanks(c);
        if (!cursor_take(c, ",")) {
            return false;
        }
        cursor_skip_blanks(c);
    }
    if (!cursor_take_number(c, 1, 2, &t->day) || !take_blanks(c) || !take_month(c, t) ||
        !take_blanks(c) || !take_mail_year(c, t) || !take_blanks(c) || !take_two(c, &t->hour) ||
        !cursor_take(c, ":") || !take_two(c, &t->minute) ||
        (cursor_take(c, ":") && !take_two(c, &t->second)) || !take_blanks(c) ||
        !take_mail_zone(c, t)) {
        return false;
    }
    cursor_skip_blanks(c);
    return take_comment(c);
}

static bool take_ctime(struct when_cursor *c, struct time_parts *t)
{
    if (!take_weekday(c) || !take_blanks(c) || !take_month(c, t) || !take_blanks(c) ||
        !cursor_take_number(c, 1, 2, &t->day) || !take_blanks(c) || !take_clock(c, t) ||
        !take_blanks(c)) {
        return false;
    }
    if ((cursor_take(c, "UTC") || cursor_take(c, "GMT")) && !take_blanks(c)) {
        return false;
    }
    return cursor_take_number(c, 4, 4, &t->year);
}

int format_time_text(enum format_time_form form, struct slice text, struct exact *us)
{
    static bool (*const takes[])(struct when_cursor *, struct time_parts *) = {
        [FORMAT_TIME_RFC3339] = take_rfc3339,
        [FORMAT_TIME_MAIL] = take_mail,
        [FORMAT_TIME_CTIME] = take_ctime,
    };
    struct time_parts t = {0};
    if (text.len == 0) {
        return -1;
    }
    struct when_cursor c = {.at = text.at, .start = text.at, .end = text.at + text.len};
    return takes[form](&c, &t) && c.at == c.end ? to_us(&t, us) : -1;
}

int format_time_count(const struct exact *count, enum format_time_epoch unit, struct exact *us)
{
    static const int scales[] = {
        [FORMAT_TIME_S] = 6, [FORMAT_TIME_MS] = 3, [FORMAT_TIME_US] = 0, [FORMAT_TIME_NS] = -3};
    static const int64_t bounds[] = {[FORMAT_TIME_S] = INT64_C(100000000000),
                                     [FORMAT_TIME_MS] = INT64_C(100000000000000),
                                     [FORMAT_TIME_US] = INT64_C(100000000000000000)};
    if (unit == FORMAT_TIME_AUTO) {
        unit = FORMAT_TIME_S;
        for (; unit < FORMAT_TIME_NS; unit++) {
            struct exact bound = exact_of_integer(bounds[unit]);
            if (exact_compare(count, &bound) < 0) {
                break;
            }
        }
    }
    return exact_scale(count, scales[unit], us);
}

int format_time_whole(struct arena *a, const struct exact *us, const struct exact *plus_s,
                      int64_t *t)
{
    struct exact plus, sum = *us;
    int outcome = EXACT_OK;
    if (plus_s != NULL) {
        outcome = exact_scale(plus_s, US_DIGITS, &plus);
        if (outcome == EXACT_OK) {
            outcome = exact_add(a, us, &plus, &sum);
        }
    }
    int64_t whole = 0;
    if (outcome == EXACT_OK) {
        outcome = exact_floor(&sum, &whole);
    }
    if (outcome == EXACT_OK && (whole < TIME_MIN_US || whole > TIME_MAX_US)) {
        outcome = EXACT_BEYOND;
    }
    if (outcome == EXACT_OK) {
        *t = whole;
    }
    return outcome;
}
