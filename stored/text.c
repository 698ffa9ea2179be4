/* Bytes of outsiders, made text that PostgreSQL takes. */
#include "stored/text.h"

#include <stdint.h>

#include "common/utf8.h"

struct slice text_valid(struct arena *a, struct slice s)
{
    struct slice copy = arena_copy(a, s);
    char *at = (char *)(uintptr_t)copy.at, *end = at == NULL ? NULL : at + copy.len;
    while (at != end) {
        size_t n = *at == '\0' ? 0 : utf8_character(at, end);
        if (n == 0) {
            *at = '?';
            n = 1;
        }
        at += n;
    }
    return copy;
}
