/* Lines that are kept for who asked. */
#include "common/told.h"

#include <stdarg.h>
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
    snprintf(line, TOLD_BYTES, "%s", text);
    utf8_repair(line, line + strlen(line));
}

void told_add(const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    keep(text);
}

void told_fault(const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s\n", text);
    keep(text);
}
