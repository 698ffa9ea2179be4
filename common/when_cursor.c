/* SPDX-License-Identifier: Apache-2.0 */
/* Reading temporal scopes a piece at a time. */
#include "common/when_parts.h"

#include <stdarg.h>
#include <stdio.h>

int cursor_fault(const struct when_cursor *c, const char *expected, ...)
{
    char what[128];
    va_list ap;
    va_start(ap, expected);
    vsnprintf(what, sizeof what, expected, ap);
    va_end(ap);
    int shown = c->end - c->at > 40 ? 40 : (int)(c->end - c->at);
    if (shown == 0) {
        snprintf(c->error, c->error_size, "at byte %td: expected %s, found the end",
                 c->at - c->start, what);
    } else {
        snprintf(c->error, c->error_size, "at byte %td: expected %s, found \"%.*s\"",
                 c->at - c->start, what, shown, c->at);
    }
    return -1;
}

bool cursor_at_unit(const struct when_cursor *c)
{
    char unit = c->at < c->end ? *c->at : ' ';
    return unit == 'd' || unit == 'h' || unit == 'm' || unit == 's';
}

bool cursor_take_word(struct when_cursor *c, const char *word)
{
    struct when_cursor ahead = *c;
    cursor_skip_blanks(&ahead);
    if (!cursor_take(&ahead, word)) {
        return false;
    }
    char next = ahead.at < ahead.end ? *ahead.at : ' ';
    if ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || cursor_at_digit(&ahead)) {
        return false;
    }
    *c = ahead;
    return true;
}

bool cursor_take_sign(struct when_cursor *c, const char *sign)
{
    struct when_cursor ahead = *c;
    cursor_skip_blanks(&ahead);
    if (!cursor_take(&ahead, sign)) {
        return false;
    }
    *c = ahead;
    return true;
}

static int64_t unit_us(char unit)
{
    switch (unit) {
    case 'w':
        return 7 * DAY_US;
    case 'd':
        return DAY_US;
    case 'h':
        return 3600 * SECOND_US;
    case 'm':
        return 60 * SECOND_US;
    default:
        return SECOND_US;
    }
}

/* "a duration, [nd][nh][nm][ns]" */
static int no_duration(const struct when_cursor *begin, const char *units)
{
    char form[32] = "";
    for (size_t i = 0; units[i] != '\0'; i++) {
        snprintf(form + 4 * i, sizeof form - 4 * i, "[n%c]", units[i]);
    }
    return cursor_fault(begin, "a duration, %s", form);
}

int when_read_duration(struct when_cursor *c, const char *units, int64_t *us)
{
    const struct when_cursor begin = *c;
    const char *unit = units;
    *us = 0;
    while (cursor_at_digit(c)) {
        int64_t n;
        if (!cursor_take_number(c, 1, 12, &n)) {
            return cursor_fault(&begin, "a shorter duration");
        }
        unit = c->at == c->end || *c->at == '\0' ? NULL : strchr(unit, *c->at);
        if (unit == NULL) {
            return no_duration(&begin, units);
        }
        if (n > (LONGEST_US - *us) / unit_us(*unit)) {
            return cursor_fault(&begin, "a shorter duration");
        }
        *us += n * unit_us(*unit++);
        c->at++;
    }
    char next = c->at < c->end ? *c->at : ' ';
    bool letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
    return c->at == begin.at || letter ? no_duration(&begin, units) : 0;
}

int when_duration_parse(struct slice text, int64_t *us)
{
    char error[128];
    const char *at = text.at == NULL ? "" : text.at;
    struct when_cursor c = {at, at, at + text.len, error, sizeof error};
    return when_read_duration(&c, "wdhms", us) == 0 && c.at == c.end ? 0 : -1;
}
