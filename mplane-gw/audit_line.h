/* A line of the audit log, field by field. Pure. */
#ifndef EZREPO_GW_AUDIT_LINE_H
#define EZREPO_GW_AUDIT_LINE_H

#include "common/slice.h"

/* What one value takes at most, escaped, without its quotes. */
#define AUDIT_VALUE_BYTES 240

struct audit_line {
    char text[2048];
    size_t used;
};

/*
 * Appends NAME="VALUE"; nothing for a value without bytes. Quotes and backslashes get a backslash;
 * control characters and what is no UTF-8 are written as \xHH. What takes more than
 * AUDIT_VALUE_BYTES is cut and ends with "...". What does not fit the line is left out.
 */
void audit_line_add(struct audit_line *line, const char *name, struct slice value);

#endif
