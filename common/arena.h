/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for one datagram, batch or request, given back all at once. */
#ifndef EZREPO_ARENA_H
#define EZREPO_ARENA_H

#include <stddef.h>

#include "common/slice.h"

struct arena;

/* An arena that never holds more than limit_bytes; NULL when memory is out. The caller owns it. */
struct arena *arena_new(size_t limit_bytes);

/* Frees the arena and all that came from it, and sets *a to NULL. */
void arena_free(struct arena **a);

/* Gives all of it back but keeps one block for the next round. */
void arena_reset(struct arena *a);

/* size bytes, aligned for any type, not cleared; NULL when the limit or memory is reached. */
void *arena_alloc(struct arena *a, size_t size);

/* count elements of size bytes, cleared; NULL also when the product overflows. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* A copy of the slice with a NUL behind it (not counted in len); at is NULL when memory is out. */
struct slice arena_copy(struct arena *a, struct slice s);

/* printf into the arena; NULL when memory is out. */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);

#endif
