/* SPDX-License-Identifier: Apache-2.0 */
/* Who shows a token to a door. */
#ifndef EZREPO_DOOR_TOKEN_GUEST_H
#define EZREPO_DOOR_TOKEN_GUEST_H

#include "common/access/access.h"
#include "common/http/connections.h"

/*
 * Whether this token is good, shown by this connection. Then the connection is of whose it is for
 * this request, *grant what it grants, `name` the token's; *wait_us is set to a second when it has
 * too many connections. Else it is logged why not, ten lines a second at most, by the token's name
 * only: the name is known only when there is such a one. Nothing is shown when .at is NULL, and
 * nothing logged.
 */
bool token_guest_find(const struct access *a, struct slice token, struct connection *c,
                      struct access_grant *grant, char *name, size_t size, int64_t *wait_us);

#endif
