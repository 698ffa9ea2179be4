/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log of a server: who asked for what, and what became of it, a line a request, in the
 * form of the log, on standard output. How many lines are written in a second is bounded; what is
 * beyond that is counted, and told.
 */
#ifndef EZREPO_DOOR_AUDIT_LOG_H
#define EZREPO_DOOR_AUDIT_LOG_H

#include <stdint.h>

#include "common/door/audit_line.h"

struct audit_log;

/*
 * So many lines a second, where lines that are left out are counted; both outlive it. NULL after an
 * error was logged. The caller owns it.
 */
struct audit_log *audit_log_new(const int64_t *per_second, uint64_t *left_out);
void audit_log_free(struct audit_log **l);

/*
 * Writes a line of a request that began at begun_us by daemon_clock_us(): its fields, how long it
 * took, and so many of `what` ("rows"). Beyond the limit it is only counted.
 */
void audit_log_write(struct audit_log *l, const struct audit_line *line, int64_t begun_us,
                     const char *what, uint64_t count);

/* Once a second: says how many lines were left out. */
void audit_log_tick(struct audit_log *l);

#endif
