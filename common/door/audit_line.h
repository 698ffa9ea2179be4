/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the audit log, field by field. Pure. */
#ifndef EZREPO_DOOR_AUDIT_LINE_H
#define EZREPO_DOOR_AUDIT_LINE_H

#include "common/quote.h"

/* What one value takes at most, escaped, without its quotes. */
#define AUDIT_VALUE_BYTES QUOTE_BYTES

struct audit_line {
    char text[2048];
    size_t used;
};

/*
 * Appends NAME="VALUE" (common/quote.h); nothing for a value without bytes. What does not fit the
 * line is left out.
 */
void audit_line_add(struct audit_line *line, const char *name, struct slice value);

#endif
