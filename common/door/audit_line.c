/* SPDX-License-Identifier: Apache-2.0 */
/* A line's fields; the escaping is common/quote.c's. */
#include "common/door/audit_line.h"

#include <stdio.h>

void audit_line_add(struct audit_line *line, const char *name, struct slice value)
{
    if (value.len == 0) {
        return;
    }
    size_t room = sizeof line->text - line->used;
    int n = snprintf(line->text + line->used, room, "%s%s=%s", line->used == 0 ? "" : " ", name,
                     QUOTED(value));
    if (n < 0 || (size_t)n >= room) {
        line->text[line->used] = '\0';
        return;
    }
    line->used += (size_t)n;
}
