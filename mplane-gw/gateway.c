/* SPDX-License-Identifier: Apache-2.0 */
/* The rules in force in a gateway, and those that were. */
#include "mplane-gw/gateway.h"

#include <string.h>

void gateway_use_access(struct gateway *g, struct access *a)
{
    if (access_equal(g->access, a)) {
        access_free(&g->access);
    } else {
        access_free(&g->former[FORMER_ACCESS - 1]);
        memmove(&g->former[1], &g->former[0], (FORMER_ACCESS - 1) * sizeof g->former[0]);
        g->former[0] = g->access;
    }
    g->access = a;
}

bool gateway_could_use(const struct gateway *g, struct slice identity, struct slice label)
{
    for (size_t i = 0; i < FORMER_ACCESS && g->former[i] != NULL; i++) {
        if (access_allows(g->former[i], identity, label)) {
            return true;
        }
    }
    return false;
}
