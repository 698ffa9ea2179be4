/* SPDX-License-Identifier: Apache-2.0 */
/* Which gaps hold is computed here without the database; gaps_store.c compares and writes. */
#include "stored/periods/gaps.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)16 << 20)

static int compare(struct slice a, struct slice b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int c = least == 0 ? 0 : memcmp(a.at, b.at, least);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int by_type(const void *a, const void *b)
{
    return compare(((const struct gap *)a)->type, ((const struct gap *)b)->type);
}

static const struct kept_gap *find_kept(const struct kept_gap *kept, uint32_t count,
                                        struct slice type)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slice_equal(kept[i].type, type)) {
            return &kept[i];
        }
    }
    return NULL;
}

/* What the release before said of all types that it did not name holds for those that are new. */
static struct gap decide(const struct record_types *types, const struct kept_gap *kept,
                         uint32_t kept_count, struct slice type)
{
    struct gap g = {.type = type, .becomes_us = record_types_gap_us(types, type)};
    const struct kept_gap *k = NULL;
    if (!record_types_gap_is_own(types, type)) {
        k = find_kept(kept, kept_count, type);
        k = k != NULL ? k : find_kept(kept, kept_count, slice_of(""));
    }
    g.us = k != NULL ? k->us : g.becomes_us;
    return g;
}

static int add(struct gaps *g, struct gap one)
{
    one.type = arena_copy(g->arena, one.type);
    if (one.type.at == NULL) {
        return -1;
    }
    g->at[g->count++] = one;
    g->kept += one.us != one.becomes_us;
    return 0;
}

static int add_all(struct gaps *g, const struct record_types *types, const struct kept_gap *kept,
                   uint32_t kept_count)
{
    struct slice type;
    int rc = add(g, decide(types, kept, kept_count, slice_of("")));
    uint32_t named = 0;
    for (; rc == 0 && record_types_each(types, named, &type) == 0; named++) {
        rc = add(g, decide(types, kept, kept_count, type));
    }
    qsort(g->at, g->count, sizeof *g->at, by_type);
    uint32_t known = g->count;
    for (uint32_t i = 0; rc == 0 && i < kept_count; i++) {
        const struct gap wanted = {.type = kept[i].type};
        if (bsearch(&wanted, g->at, known, sizeof wanted, by_type) == NULL) {
            rc = add(g, decide(types, kept, kept_count, kept[i].type));
        }
    }
    qsort(g->at, g->count, sizeof *g->at, by_type);
    return rc;
}

int gaps_decide(struct gaps *g, const struct record_types *types, const struct kept_gap *kept,
                uint32_t kept_count)
{
    struct gaps fresh = {.arena = arena_new(ARENA_BYTES)};
    struct slice type;
    size_t most = 1 + (size_t)kept_count;
    for (uint32_t i = 0; record_types_each(types, i, &type) == 0; i++) {
        most++;
    }
    if (fresh.arena != NULL) {
        fresh.at = arena_calloc(fresh.arena, most, sizeof *fresh.at);
    }
    if (fresh.at == NULL || add_all(&fresh, types, kept, kept_count) == -1) {
        arena_free(&fresh.arena);
        return -1;
    }
    gaps_release(g);
    *g = fresh;
    return 0;
}

int64_t gaps_of(const struct gaps *g, struct slice type)
{
    const struct gap wanted = {.type = type};
    const struct gap *found = bsearch(&wanted, g->at, g->count, sizeof wanted, by_type);
    return found != NULL ? found->us : g->at[0].us;
}

void gaps_release(struct gaps *g)
{
    arena_free(&g->arena);
    *g = (struct gaps){NULL, NULL, 0, 0};
}
