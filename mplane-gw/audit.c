/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the audit log, and how many are written in a second. */
#include "mplane-gw/audit.h"

#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/audit_line.h"
#include "mplane-gw/gateway.h"

struct audit_log {
    int64_t second;  /* that `written` belongs to */
    int64_t written; /* lines in it */
    uint64_t unsaid; /* left out and not told yet */
};

int audit_start(struct gateway *g)
{
    g->audit = calloc(1, sizeof *g->audit);
    if (g->audit == NULL) {
        log_error("audit.start", "error=\"out of memory\"");
        return -1;
    }
    return 0;
}

void audit_stop(struct gateway *g)
{
    free(g->audit);
    g->audit = NULL;
}

/* Whether a line may be written now. */
static bool allowed(const struct gateway *g, int64_t now_us)
{
    struct audit_log *l = g->audit;
    if (now_us / 1000000 != l->second) {
        l->second = now_us / 1000000;
        l->written = 0;
    }
    return l->written++ < g->settings.audit_per_second;
}

static void leave_out(struct gateway *g)
{
    gateway_count(g, COUNT_AUDIT_LEFT_OUT);
    g->audit->unsaid++;
}

void audit_write(struct gateway *g, const struct audit *a)
{
    int64_t now_us = daemon_clock_us();
    if (!allowed(g, now_us)) {
        leave_out(g);
        return;
    }
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", slice_of(a->identity));
    audit_line_add(&line, "peer", slice_of(a->peer));
    audit_line_add(&line, "door", slice_of(a->door));
    audit_line_add(&line, "verb", a->verb);
    audit_line_add(&line, "capability", a->capability);
    audit_line_add(&line, "label", a->label);
    audit_line_add(&line, "token", a->token);
    audit_line_add(&line, "outcome", slice_of(a->outcome));
    if (log_audit("request", "%s ms=%lld.%03lld rows=%llu", line.text,
                  (long long)((now_us - a->begun_us) / 1000),
                  (long long)((now_us - a->begun_us) % 1000), (unsigned long long)a->rows) == -1) {
        leave_out(g);
    }
}

void audit_tick(struct gateway *g)
{
    struct audit_log *l = g->audit;
    if (l->unsaid > 0 && log_audit("left_out", "lines=%llu", (unsigned long long)l->unsaid) == 0) {
        l->unsaid = 0;
    }
}
