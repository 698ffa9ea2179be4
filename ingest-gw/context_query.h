/* SPDX-License-Identifier: Apache-2.0 */
/* The query of a URL as what is known beside a body: name=value&name=value. Pure. */
#ifndef EZREPO_CONTEXT_QUERY_H
#define EZREPO_CONTEXT_QUERY_H

#include <stdint.h>

#include "common/arena.h"
#include "schemas/messages.h"

/* ingestd adds some of its own. */
#define CONTEXT_QUERY_PAIRS       (LIMIT_CONTEXT - 8)
#define CONTEXT_QUERY_NAME_BYTES  64
#define CONTEXT_QUERY_VALUE_BYTES LIMIT_DIMENSION_BYTES

struct context_query {
    struct slice names[CONTEXT_QUERY_PAIRS], values[CONTEXT_QUERY_PAIRS];
    uint32_t count;
};

/*
 * Takes the query apart and decodes it (%XX, and + for a blank), into the arena; NULL and "" have
 * no pairs. What has no "=" has the value "". NULL; or what is wrong: too many pairs, a name that
 * is empty, too long or there twice, a value that is too long, what is not UTF-8 or has a NUL, or
 * memory that is out.
 */
const char *context_query_read(struct arena *a, const char *query, struct context_query *c);

#endif
