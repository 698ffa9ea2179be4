/* SPDX-License-Identifier: Apache-2.0 */
/* How many lines of the audit log are written in a second, and what is said of the others. */
#include "common/door/audit_log.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"

struct audit_log {
    const int64_t *per_second;
    uint64_t *left_out;
    int64_t second;  /* that `written` belongs to */
    int64_t written; /* lines in it */
    uint64_t unsaid; /* left out and not told yet */
};

struct audit_log *audit_log_new(const int64_t *per_second, uint64_t *left_out)
{
    struct audit_log *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("audit.start", "error=\"out of memory\"");
        return NULL;
    }
    l->per_second = per_second;
    l->left_out = left_out;
    return l;
}

void audit_log_free(struct audit_log **l)
{
    free(*l);
    *l = NULL;
}

/* Whether a line may be written now. */
static bool may_write(struct audit_log *l, int64_t now_us)
{
    if (now_us / 1000000 != l->second) {
        l->second = now_us / 1000000;
        l->written = 0;
    }
    return l->written++ < *l->per_second;
}

static void leave_out(struct audit_log *l)
{
    ++*l->left_out;
    l->unsaid++;
}

void audit_log_write(struct audit_log *l, const struct audit_line *line, int64_t begun_us,
                     const char *what, uint64_t count)
{
    int64_t now_us = daemon_clock_us();
    if (!may_write(l, now_us)) {
        leave_out(l);
    } else if (log_audit("request", "%s ms=%lld.%03lld %s=%llu", line->text,
                         (long long)((now_us - begun_us) / 1000),
                         (long long)((now_us - begun_us) % 1000), what,
                         (unsigned long long)count) == -1) {
        leave_out(l);
    }
}

void audit_log_tick(struct audit_log *l)
{
    if (l->unsaid > 0 && log_audit("left_out", "lines=%llu", (unsigned long long)l->unsaid) == 0) {
        l->unsaid = 0;
    }
}
