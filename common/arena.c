/* SPDX-License-Identifier: Apache-2.0 */
/* Memory in blocks that grow; an arena is freed or reset as a whole. */
#include "common/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BLOCK_BYTES ((size_t)4096)
#define LARGEST_BLOCK     ((size_t)1 << 20)
#define ALIGNMENT         alignof(max_align_t)

struct arena_block {
    struct arena_block *next; /* the one that was filled before this */
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    unsigned char *at; /* what comes next, in the current block */
    size_t room;       /* behind it in the block, and within the limit */
    struct arena_block *current;
    size_t limit;
    size_t promised; /* used, and `room` */
};

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a != NULL) {
        a->limit = limit_bytes;
    }
    return a;
}

static void blocks_free(struct arena_block *b)
{
    while (b != NULL) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_free(struct arena **a)
{
    if (*a != NULL) {
        blocks_free((*a)->current);
        free(*a);
        *a = NULL;
    }
}

/* Goes on at the begin of a block. */
static void enter_block(struct arena *a, struct arena_block *b, size_t used)
{
    size_t left = a->limit - used;
    a->current = b;
    a->at = b->bytes;
    a->room = b->size < left ? b->size : left / ALIGNMENT * ALIGNMENT;
    a->promised = used + a->room;
}

void arena_reset(struct arena *a)
{
    if (a->current != NULL) {
        /* The newest block is the largest so far: after a few rounds one block does. */
        blocks_free(a->current->next);
        a->current->next = NULL;
        enter_block(a, a->current, 0);
    }
}

static int block_add(struct arena *a, size_t at_least)
{
    size_t size = a->current == NULL ? FIRST_BLOCK_BYTES : a->current->size * 2;
    if (size > LARGEST_BLOCK) {
        size = LARGEST_BLOCK;
    }
    if (size < at_least) {
        size = at_least;
    }
    struct arena_block *b = malloc(sizeof *b + size);
    if (b == NULL) {
        return -1;
    }
    *b = (struct arena_block){.next = a->current, .size = size};
    enter_block(a, b, arena_used(a));
    return 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    size_t rounded = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded > a->room && (rounded > a->limit - arena_used(a) || block_add(a, rounded) == -1)) {
        return NULL;
    }
    void *p = a->at;
    a->at += rounded;
    a->room -= rounded;
    return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *p = arena_alloc(a, total);
    if (p != NULL) {
        memset(p, 0, total);
    }
    return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (p == NULL) {
        return (struct slice){NULL, 0};
    }
    if (s.len > 0) {
        memcpy(p, s.at, s.len);
    }
    p[s.len] = '\0';
    return (struct slice){p, s.len};
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p != NULL) {
        vsnprintf(p, (size_t)n + 1, format, again);
    }
    va_end(again);
    return p;
}

size_t arena_used(const struct arena *a)
{
    return a->promised - a->room;
}
