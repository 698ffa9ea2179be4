/* SPDX-License-Identifier: Apache-2.0 */
/* One character of UTF-8 at a time, as strictly as PostgreSQL takes it. */
#ifndef EZREPO_UTF8_H
#define EZREPO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * How many bytes, 1 to 4, the character that begins at `at` has; 0 when none does: a stray or
 * missing continuation byte, an overlong form, a surrogate, more than U+10FFFF, or at == end.
 */
static inline size_t utf8_character(const char *at, const char *end)
{
    const unsigned char *c = (const unsigned char *)at;
    if (at == end) {
        return 0;
    }
    if (c[0] < 0x80) {
        return 1;
    }
    size_t length = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4 || (size_t)(end - at) < length) {
        return 0;
    }
    unsigned low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
    if (c[1] < low || c[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

/* Whether all of it is characters, none of them NUL: text that may be stored. */
static inline bool utf8_is_text(const char *at, const char *end)
{
    const uint64_t each = 0x0101010101010101, high = each * 0x80;
    uint64_t bytes;
    while (at != end) {
        /* Eight of ASCII at once: no high bit is set, and no byte is 0. */
        if (end - at >= 8 && memcpy(&bytes, at, sizeof bytes) != NULL &&
            ((bytes | ((bytes - each) & ~bytes)) & high) == 0) {
            at += 8;
            continue;
        }
        size_t length = *at == '\0' ? 0 : utf8_character(at, end);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/*
 * Makes text of bytes that an outsider wrote, or that were cut anywhere: each one that is NUL, or
 * no part of a character, becomes a '?'.
 */
static inline void utf8_repair(char *at, const char *end)
{
    while (at != end) {
        size_t length = *at == '\0' ? 0 : utf8_character(at, end);
        if (length == 0) {
            *at = '?';
            length = 1;
        }
        at += length;
    }
}

/*
 * How many of the first `most` bytes of a text that is longer are whole characters, if it is UTF-8.
 */
static inline size_t utf8_cut(const char *text, size_t most)
{
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80) {
        most--;
    }
    return most;
}

/* The code point of a character that utf8_character() found to have `length` bytes. */
static inline uint32_t utf8_code(const char *at, size_t length)
{
    uint32_t code = (unsigned char)at[0];
    if (length > 1) {
        code &= 0xffU >> (length + 1);
    }
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | ((unsigned char)at[i] & 0x3fU);
    }
    return code;
}

/*
 * Whether a character is shown where it stands: no control character, none that changes the
 * direction of others, that joins or parts without being seen, or that ends a line.
 */
static inline bool utf8_is_shown(uint32_t code)
{
    return code >= 0x20 && !(code >= 0x7f && code <= 0x9f) && code != 0x061c &&
           !(code >= 0x200b && code <= 0x200f) && !(code >= 0x2028 && code <= 0x202e) &&
           !(code >= 0x2060 && code <= 0x206f) && code != 0xfeff;
}

#endif
