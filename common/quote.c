/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping for the logs. */
#include "common/quote.h"

#include <stdio.h>

#include "common/utf8.h"

/* One character, or a byte that is none, as it is written; how many bytes of the text it was. */
static size_t escape(const char *at, const char *end, char out[8])
{
    size_t length = utf8_character(at, end);
    unsigned char c = (unsigned char)at[0];
    /* U+0080 to U+009F are control characters as well. */
    bool control = length == 2 && utf8_code(at, length) < 0xa0;
    if (length == 0 || c < 0x20 || c == 0x7f || control) {
        snprintf(out, 8, "\\x%02x", c);
        return 1;
    }
    snprintf(out, 8, "%s%.*s", c == '"' || c == '\\' ? "\\" : "", (int)length, at);
    return length;
}

const char *quote(struct slice text, char room[QUOTE_ROOM])
{
    char piece[8];
    size_t used = 0, done = 0;
    char *to = room + 1;
    while (done < text.len) {
        size_t taken = escape(text.at + done, text.at + text.len, piece);
        size_t size = strlen(piece);
        if (used + size > QUOTE_BYTES - 3) {
            memcpy(to + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(to + used, piece, size);
        used += size;
        done += taken;
    }
    room[0] = to[used] = '"';
    to[used + 1] = '\0';
    return room;
}
