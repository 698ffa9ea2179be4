/* Escaping: what outsiders sent forges no field, no line, and drives no terminal. */
#include "mplane-gw/audit_line.h"

#include <stdio.h>

#include "common/utf8.h"

/* One character, or a byte that is none, as it is written; how many bytes of the value it was. */
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

void audit_line_add(struct audit_line *line, const char *name, struct slice value)
{
    char text[AUDIT_VALUE_BYTES + 8], piece[8];
    size_t used = 0, done = 0;
    if (value.len == 0) {
        return;
    }
    while (done < value.len) {
        size_t taken = escape(value.at + done, value.at + value.len, piece);
        size_t size = strlen(piece);
        if (used + size > AUDIT_VALUE_BYTES - 3) {
            memcpy(text + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(text + used, piece, size);
        used += size;
        done += taken;
    }
    size_t room = sizeof line->text - line->used;
    int n = snprintf(line->text + line->used, room, "%s%s=\"%.*s\"", line->used == 0 ? "" : " ",
                     name, (int)used, text);
    if (n < 0 || (size_t)n >= room) {
        line->text[line->used] = '\0';
        return;
    }
    line->used += (size_t)n;
}
