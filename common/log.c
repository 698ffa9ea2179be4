/* SPDX-License-Identifier: Apache-2.0 */
/* One line an event, to standard error, whichever thread writes it. */
#include "common/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/outlet.h"
#include "common/told.h"

#define LINE_BYTES 2048

static char process_name[32] = "ezrepo";
static unsigned process_instance;
static enum log_level lowest = LOG_LEVEL_INFO;
static bool to_journal[STDERR_FILENO + 1]; /* by descriptor */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct outlet log_lines = {.fd = STDERR_FILENO}, audit_lines = {.fd = STDOUT_FILENO};
static uint64_t left_out_told;

const char *const log_level_names[] = {"debug", "info", "warn", "error", NULL};
/* As syslog(3) numbers them, which is how the journal reads the beginning of a line. */
static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"};
#define AUDIT_PRIORITY "<5>"

void log_start(const char *process, unsigned instance)
{
    snprintf(process_name, sizeof process_name, "%s", process);
    process_instance = instance;
    outlet_start(&log_lines);
    outlet_start(&audit_lines);
    to_journal[STDOUT_FILENO] = outlet_is_journal(STDOUT_FILENO);
    to_journal[STDERR_FILENO] = outlet_is_journal(STDERR_FILENO);
}

void log_set_level(enum log_level level)
{
    lowest = level;
}

int log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; log_level_names[i] != NULL; i++) {
        if (strcmp(name, log_level_names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

/* What outsiders sent must not look like a line of its own, nor drive a terminal. */
static void disarm(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            text[i] = '?';
        }
    }
}

/* How much of the line is used after snprintf said `written`; there is always room for the newline.
 */
static size_t append(size_t used, int written)
{
    if (written > 0) {
        used += (size_t)written;
    }
    return used < LINE_BYTES - 1 ? used : LINE_BYTES - 2;
}

__attribute__((format(printf, 6, 0))) static size_t
make_line(char line[LINE_BYTES], const char *priority, const char *level, int error,
          const char *event, const char *format, va_list args)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = append(0, snprintf(line, LINE_BYTES, "%s", priority));
    used += strftime(line + used, LINE_BYTES - used, "%Y-%m-%dT%H:%M:%S", &utc);
    used = append(used, snprintf(line + used, LINE_BYTES - used, ".%06ldZ %s %s[%u] %s ",
                                 now.tv_nsec / 1000, level, process_name, process_instance, event));
    size_t body = used;
    used = append(used, vsnprintf(line + used, LINE_BYTES - used, format, args));
    if (error != 0) {
        used = append(used,
                      snprintf(line + used, LINE_BYTES - used, " error=\"%s\"", strerror(error)));
    }
    disarm(line + body, used - body);
    if (level == log_level_names[LOG_LEVEL_WARN] || level == log_level_names[LOG_LEVEL_ERROR]) {
        told_add("%s %.*s", event, (int)(used - body), line + body);
    }
    line[used++] = '\n';
    return used;
}

/* 0, or -1 when the line was left out, which must not stop the process. */
__attribute__((format(printf, 6, 0))) static int write_line(struct outlet *to, const char *priority,
                                                            const char *level, int error,
                                                            const char *event, const char *format,
                                                            va_list args)
{
    char line[LINE_BYTES];
    size_t len =
        make_line(line, to_journal[to->fd] ? priority : "", level, error, event, format, args);
    pthread_mutex_lock(&lock);
    int result = outlet_write(to, line, len);
    pthread_mutex_unlock(&lock);
    return result;
}

#define WRITE_LINE(level, error)                                                                   \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        if (level >= lowest) {                                                                     \
            write_line(&log_lines, priorities[level], log_level_names[level], error, event,        \
                       format, args);                                                              \
        }                                                                                          \
        va_end(args);                                                                              \
    } while (0)

int log_audit(const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = write_line(&audit_lines, AUDIT_PRIORITY, "audit", 0, event, format, args);
    va_end(args);
    return result;
}

void log_debug(const char *event, const char *format, ...)
{
    WRITE_LINE(LOG_LEVEL_DEBUG, 0);
}

void log_info(const char *event, const char *format, ...)
{
    WRITE_LINE(LOG_LEVEL_INFO, 0);
}

void log_warn(const char *event, const char *format, ...)
{
    WRITE_LINE(LOG_LEVEL_WARN, 0);
}

void log_error(const char *event, const char *format, ...)
{
    WRITE_LINE(LOG_LEVEL_ERROR, 0);
}

void log_errno(const char *event, const char *format, ...)
{
    int error = errno;
    WRITE_LINE(LOG_LEVEL_ERROR, error);
    errno = error;
}

void log_panic(const char *event, const char *format, ...)
{
    WRITE_LINE(LOG_LEVEL_ERROR, 0);
    abort();
}

uint64_t log_left_out(void)
{
    pthread_mutex_lock(&lock);
    uint64_t left_out = log_lines.left_out;
    pthread_mutex_unlock(&lock);
    return left_out;
}

void log_flush(void)
{
    pthread_mutex_lock(&lock);
    bool through = outlet_flush(&log_lines);
    uint64_t untold = log_lines.left_out - left_out_told;
    if (through) {
        left_out_told = log_lines.left_out;
    }
    outlet_flush(&audit_lines);
    pthread_mutex_unlock(&lock);
    if (through && untold > 0) {
        log_warn("log.left_out", "lines=%llu reason=\"nobody read the log\"",
                 (unsigned long long)untold);
    }
}

bool log_allowed(struct log_limit *limit, uint32_t burst)
{
    int64_t now_us = clock_steady_us();
    if (limit->window_us == 0 || now_us - limit->window_us >= 10000000) {
        uint32_t left_out = limit->left_out;
        *limit = (struct log_limit){.window_us = now_us};
        if (left_out > 0) {
            log_warn("log.left_out", "lines=%u reason=\"too many of one kind\"", left_out);
        }
    }
    if (limit->written >= burst) {
        limit->left_out++;
        return false;
    }
    limit->written++;
    return true;
}
