/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of outsiders, made text that PostgreSQL takes. */
#include "stored/db/text.h"

#include <stdint.h>

#include "common/utf8.h"

struct slice text_valid(struct arena *a, struct slice s)
{
    struct slice copy = arena_copy(a, s);
    if (copy.at != NULL) {
        char *at = (char *)(uintptr_t)copy.at;
        utf8_repair(at, at + copy.len);
    }
    return copy;
}
