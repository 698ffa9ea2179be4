/* SPDX-License-Identifier: Apache-2.0 */
/* What each connection of queryd is told first, and which store it may lead to; pool.h has the
 * contracts. */
#ifndef EZREPO_QUERYD_PG_SESSION_H
#define EZREPO_QUERYD_PG_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char pg_session_sql[];
extern const char pg_session_version_sql[];
bool pg_session_fits(int64_t version, char *why, size_t size);

#endif
