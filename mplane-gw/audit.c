/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the audit log, and how many are written in a second. */
#include "mplane-gw/audit.h"

#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/audit_line.h"
#include "mplane-gw/gateway.h"

static int64_t second;  /* that `written` belongs to */
static int64_t written; /* lines in it */
static uint64_t unsaid; /* left out and not told yet */

/* Whether a line may be written now. */
static bool allowed(int64_t now_us)
{
    if (now_us / 1000000 != second) {
        second = now_us / 1000000;
        written = 0;
    }
    return written++ < gateway.settings.audit_per_second;
}

static void leave_out(void)
{
    gateway_count(COUNT_AUDIT_LEFT_OUT);
    unsaid++;
}

void audit_write(const struct audit *a)
{
    int64_t now_us = daemon_clock_us();
    if (!allowed(now_us)) {
        leave_out();
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
        leave_out();
    }
}

void audit_tick(void)
{
    if (unsaid > 0 && log_audit("left_out", "lines=%llu", (unsigned long long)unsaid) == 0) {
        unsaid = 0;
    }
}
