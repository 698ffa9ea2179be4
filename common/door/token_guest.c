/* SPDX-License-Identifier: Apache-2.0 */
#include "common/door/token_guest.h"

#include <stdio.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/quote.h"

static void tell_refused(const struct connection *c, const struct access_grant *grant)
{
    static struct log_limit said;
    if (log_allowed(&said, 10)) {
        log_info("token.refused", "peer=%s reason=%s token=%s", connection_peer(c), grant->reason,
                 QUOTED(grant->name.at == NULL ? slice_of("") : grant->name));
    }
}

bool token_guest_find(const struct access *a, struct slice token, struct connection *c,
                      struct access_grant *grant, char *name, size_t size, int64_t *wait_us)
{
    char identity[LIMIT_SENDER_BYTES + 1];
    const struct address *from = connection_address(c);
    if (token.at == NULL || from == NULL) {
        return false;
    }
    if (!access_token(a, token, from, daemon_now_us(), grant)) {
        tell_refused(c, grant);
        return false;
    }
    snprintf(name, size, "%.*s", (int)grant->name.len, grant->name.at);
    snprintf(identity, sizeof identity, "%.*s", (int)grant->identity.len, grant->identity.at);
    if (connection_set_known(c, name, identity, (int64_t)grant->per_second) == -1) {
        *wait_us = 1000000;
    }
    return true;
}
