/* SPDX-License-Identifier: Apache-2.0 */
/* The distance is that of optimal string alignment: Levenshtein's, and two neighbours that change
 * places are one step. */
#include "common/alike.h"

#include <stdbool.h>

static unsigned char small(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_part(struct slice part, struct slice of)
{
    for (size_t at = 0; at + part.len <= of.len; at++) {
        size_t same = 0;
        while (same < part.len && small(part.at[same]) == small(of.at[at + same])) {
            same++;
        }
        if (same == part.len) {
            return part.len >= ALIKE_PART;
        }
    }
    return false;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return small(a) == small(b);
}

static uint32_t distance(struct slice a, struct slice b)
{
    /* To the beginnings of b: from that of a so far, and from those one and two letters shorter. */
    uint32_t rows[3][ALIKE_BYTES + 1];
    for (uint32_t n = 0; n <= b.len; n++) {
        rows[0][n] = n;
    }
    for (uint32_t i = 1; i <= a.len; i++) {
        uint32_t *now = rows[i % 3];
        const uint32_t *one = rows[(i - 1) % 3], *two = rows[(i + 1) % 3];
        now[0] = i;
        for (uint32_t n = 1; n <= b.len; n++) {
            uint32_t other = one[n - 1] + !same(a.at[i - 1], b.at[n - 1]);
            now[n] = least(other, least(now[n - 1], one[n]) + 1);
            if (i > 1 && n > 1 && same(a.at[i - 1], b.at[n - 2]) &&
                same(a.at[i - 2], b.at[n - 1])) {
                now[n] = least(now[n], two[n - 2] + 1);
            }
        }
    }
    return rows[a.len % 3][b.len];
}

uint32_t alike(struct slice written, struct slice name)
{
    if (written.len == 0 || name.len == 0 || written.len > ALIKE_BYTES || name.len > ALIKE_BYTES) {
        return ALIKE_NOT;
    }
    uint32_t most = (uint32_t)(written.len > name.len ? written.len : name.len) / 4;
    uint32_t apart = distance(written, name);
    if (apart <= (most == 0 ? 1 : most)) {
        return apart;
    }
    return is_part(written, name) || is_part(name, written) ? apart : ALIKE_NOT;
}
