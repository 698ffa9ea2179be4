/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of the gateway's audit log says, in which order. */
#include "mplane-gw/audit.h"

#include "common/door/audit_log.h"
#include "mplane-gw/gateway.h"

void audit_write(struct gateway *g, const struct audit *a)
{
    struct audit_line line = {.used = 0};
    audit_line_add(&line, "identity", slice_of(a->identity));
    audit_line_add(&line, "peer", slice_of(a->peer));
    audit_line_add(&line, "door", slice_of(a->door));
    audit_line_add(&line, "verb", a->verb);
    audit_line_add(&line, "capability", a->capability);
    audit_line_add(&line, "label", a->label);
    audit_line_add(&line, "token", a->token);
    audit_line_add(&line, "outcome", slice_of(a->outcome));
    audit_log_write(g->audit, &line, a->begun_us, "rows", a->rows);
}
