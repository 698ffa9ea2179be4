/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/chunks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Digits of a size that an integer holds; one that is longer is too large, which evhttp says. */
#define DIGITS 15

static struct slice line_of(const struct chunks *c)
{
    struct slice line = {c->line, c->length < CHUNKS_LINE ? c->length : CHUNKS_LINE};
    line.len -= line.len > 0 && line.len == c->length && line.at[line.len - 1] == '\r';
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(struct slice *text)
{
    while (text->len > 0 && is_blank(text->at[0])) {
        *text = (struct slice){text->at + 1, text->len - 1};
    }
    while (text->len > 0 && is_blank(text->at[text->len - 1])) {
        text->len--;
    }
}

static void take_head(struct chunks *c, struct slice line)
{
    static const char name[] = "Transfer-Encoding:";
    if (line.len == 0) {
        c->state = c->coded ? CHUNKS_SIZE : CHUNKS_OVER;
    } else if (line.len >= sizeof name && strncasecmp(line.at, name, sizeof name - 1) == 0) {
        struct slice coding = {line.at + sizeof name - 1, line.len - sizeof name + 1};
        trim(&coding);
        c->coded = coding.len == 7 && strncasecmp(coding.at, "chunked", 7) == 0;
    }
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static void take_size(struct chunks *c, struct slice line)
{
    uint64_t size = 0;
    size_t i = 0;
    c->number++;
    while (i < line.len && digit_of(line.at[i]) >= 0 && i <= DIGITS) {
        size = 16 * size + (uint64_t)digit_of(line.at[i++]);
    }
    struct slice rest = {line.at + i, line.len - i};
    trim(&rest);
    c->left = size;
    c->state = i > DIGITS                ? CHUNKS_OVER
               : i == 0 || rest.len != 0 ? CHUNKS_MALFORMED
               : size == 0               ? CHUNKS_OVER /* what follows are trailers */
                                         : CHUNKS_BYTES;
}

static void end_line(struct chunks *c)
{
    struct slice line = line_of(c);
    if (c->state == CHUNKS_HEAD) {
        take_head(c, line);
    } else if (c->state == CHUNKS_SIZE) {
        take_size(c, line);
    } else {
        c->behind = line.len > 0;
        c->state = c->behind ? CHUNKS_MALFORMED : CHUNKS_SIZE;
    }
    if (c->state != CHUNKS_MALFORMED) { /* else it is shown */
        c->length = 0;
    }
}

void chunks_look(struct chunks *c, struct slice bytes)
{
    while (bytes.len > 0 && c->state < CHUNKS_OVER) {
        size_t taken = 1;
        if (c->state == CHUNKS_BYTES) {
            taken = bytes.len < c->left ? bytes.len : (size_t)c->left;
            c->left -= taken;
            c->state = c->left == 0 ? CHUNKS_BEHIND : CHUNKS_BYTES;
        } else if (bytes.at[0] == '\n') {
            end_line(c);
        } else {
            if (c->length < CHUNKS_LINE) {
                c->line[c->length] = bytes.at[0];
            }
            c->length++;
        }
        bytes = (struct slice){bytes.at + taken, bytes.len - taken};
    }
}

const char *chunks_fault(const struct chunks *c, char room[CHUNKS_FAULT])
{
    struct slice line = line_of(c);
    char shown[41] = "";
    for (size_t i = 0; i < line.len && i < sizeof shown - 1; i++) {
        shown[i] = line.at[i] > ' ' && line.at[i] < 0x7f && line.at[i] != '"' ? line.at[i] : '?';
    }
    room[0] = '\0';
    if (c->state == CHUNKS_MALFORMED) {
        snprintf(room, CHUNKS_FAULT,
                 "expected chunks as RFC 9112, 7.1 has them: of each its size, hexadecimal digits "
                 "on a line of their own, so many bytes, and the end of a line; found \"%s\" %s "
                 "%" PRIu64,
                 shown, c->behind ? "behind the bytes of chunk" : "as the size of chunk",
                 c->number);
    }
    return room;
}
