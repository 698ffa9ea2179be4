/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as text that PostgreSQL takes. Pure. */
#ifndef EZREPO_STORED_TEXT_H
#define EZREPO_STORED_TEXT_H

#include "common/arena.h"

/* A copy with each byte that is NUL, or no part of UTF-8, replaced; .at NULL when memory is out. */
struct slice text_valid(struct arena *a, struct slice s);

#endif
