/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that are kept for who asked. */
#include "common/told.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

#define LINE_BYTES 2048

static _Thread_local struct told *kept;

void told_keep(struct told *t)
{
    kept = t;
    if (t != NULL) {
        t->count = 0;
    }
}

static void keep(const char *text)
{
    if (kept == NULL || kept->count++ >= TOLD_LINES) {
        return;
    }
    char *line = kept->line[kept->count - 1];
    snprintf(line, TOLD_BYTES, "%.*s", TOLD_BYTES - 1, text);
    utf8_repair(line, line + strlen(line));
}

__attribute__((format(printf, 2, 0))) static void tell(bool printed, const char *format,
                                                       va_list args)
{
    char text[LINE_BYTES];
    vsnprintf(text, sizeof text, format, args);
    if (printed) {
        fprintf(stderr, "%s\n", text);
    }
    keep(text);
}

void told_add(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(false, format, args);
    va_end(args);
}

void told_fault(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(true, format, args);
    va_end(args);
}
