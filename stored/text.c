/* UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#include "stored/text.h"

#include <stdbool.h>
#include <stdint.h>

/* The length of the UTF-8 sequence at s, 0 when it is none (or NUL). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80) {
        return s[0] != 0;
    }
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > left) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool beyond = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || beyond ? 0 : n;
}

struct slice text_valid(struct arena *a, struct slice s)
{
    struct slice copy = arena_copy(a, s);
    unsigned char *at = (unsigned char *)(uintptr_t)copy.at;
    for (size_t i = 0; copy.at != NULL && i < copy.len;) {
        size_t n = utf8_length(at + i, copy.len - i);
        if (n == 0) {
            at[i] = '?';
            n = 1;
        }
        i += n;
    }
    return copy;
}
