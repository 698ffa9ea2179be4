/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/openapi.json: the API as OpenAPI 3.0.3 has it, made of what capabilities are made of.
 */
#ifndef EZREPO_API_OPENAPI_H
#define EZREPO_API_OPENAPI_H

#include <stdio.h>

#include "common/mplane/registry.h"

/* Writes the document; elements have the types that the registry has for them, and the session's
 * cookie has this name. Pure. */
void openapi_write(FILE *f, const struct registry *r, const char *cookie);

#endif
