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
