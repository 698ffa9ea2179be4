/* SPDX-License-Identifier: Apache-2.0 */
/* A role of who may do what with one identity more or less, as a change has it. */
#ifndef EZREPO_CTL_ROLE_IDENTITIES_H
#define EZREPO_CTL_ROLE_IDENTITIES_H

#include <stdio.h>

#include "common/json.h"

/* Whether the role (a list of identities, or an object with one; NULL: none) names this one as it
 * stands. */
bool role_identities_name(const struct json *role, const char *identity);

/* Whether the identity has the role, by its name or by a glob. */
bool role_identities_have(const struct json *role, const char *identity);

/* The role's body with the identity, or without it; all else of it stays. */
void role_identities_put(FILE *f, struct arena *a, const struct json *role, const char *identity,
                         bool with);

#endif
