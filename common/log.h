/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to standard error, one line each:
 *   2026-11-21T20:10:35.123456Z info stored[0] batch.committed records=512 ms=4
 * A line is an event name (words joined by dots) and a text, best as key=value fields. Control
 * characters are replaced in whatever is written: what outsiders sent cannot forge a line.
 *
 * Nobody waits for a log: while who reads it does not, lines are kept, up to a megabyte of them,
 * and what does not fit is left out, counted, and told by a line once there is room again.
 *
 * Where systemd's journal reads them, each begins with its priority ("<3>"), which the journal
 * takes off.
 */
#ifndef EZREPO_LOG_H
#define EZREPO_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Names the process and its instance in every line that follows; from here on no line waits. */
void log_start(const char *process, unsigned instance);

/* Lines below this level are not written. */
void log_set_level(enum log_level level);

/* "debug" to "error"; NULL is the end. */
extern const char *const log_level_names[];

/* 0 and the level for "debug", "info", "warn" or "error"; else -1. */
int log_level_parse(const char *name, enum log_level *level);

#define LOG_PRINTF __attribute__((format(printf, 2, 3)))

void log_debug(const char *event, const char *format, ...) LOG_PRINTF;
void log_info(const char *event, const char *format, ...) LOG_PRINTF;
/* A peer's fault, handled. */
void log_warn(const char *event, const char *format, ...) LOG_PRINTF;
/* Ours or the machine's to look at. */
void log_error(const char *event, const char *format, ...) LOG_PRINTF;
/* As log_error, with errno's text appended. */
void log_errno(const char *event, const char *format, ...) LOG_PRINTF;
/* Our bug. Logs and aborts. */
void log_panic(const char *event, const char *format, ...) LOG_PRINTF __attribute__((noreturn));

/*
 * A line of an audit log: on standard output, at any level, with "audit" where other lines have
 * theirs. 0, or -1 when it was left out.
 */
int log_audit(const char *event, const char *format, ...) LOG_PRINTF;

/* Writes what waits, as far as it is taken; to be called now and then, and at the end. */
void log_flush(void);

/* How many lines were left out of the log (not of the audit log) since nobody read it. */
uint64_t log_left_out(void);

/*
 * For what outsiders can cause at any rate: true at most `burst` times in each ten seconds; the
 * next line after a silence says how many were left out. One struct per place in the code, zeroed.
 */
struct log_limit {
    int64_t window_us;
    uint32_t written;
    uint32_t left_out;
};
bool log_allowed(struct log_limit *limit, uint32_t burst);

#endif
