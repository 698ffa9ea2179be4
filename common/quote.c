/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping for the logs. */
#include "common/quote.h"

#include <stdio.h>

#include "common/utf8.h"

#define PIECE 17 /* four bytes as \xHH, and a NUL */

/* One character, or a byte that is none, as it is written; how many bytes of the text it was. */
static size_t escape(const char *at, const char *end, char out[PIECE])
{
    size_t length = utf8_character(at, end);
    if (length > 0 && utf8_is_shown(utf8_code(at, length))) {
        snprintf(out, PIECE, "%s%.*s", at[0] == '"' || at[0] == '\\' ? "\\" : "", (int)length, at);
        return length;
    }
    length = length == 0 ? 1 : length;
    for (size_t i = 0; i < length; i++) {
        snprintf(out + 4 * i, PIECE - 4 * i, "\\x%02x", (unsigned char)at[i]);
    }
    return length;
}

const char *quote(struct slice text, char room[QUOTE_ROOM])
{
    char piece[PIECE];
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
