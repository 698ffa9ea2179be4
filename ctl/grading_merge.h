/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of a record type into a grading document that is in force, whose other bytes stay as they
 * are. Pure.
 */
#ifndef EZREPO_CTL_GRADING_MERGE_H
#define EZREPO_CTL_GRADING_MERGE_H

#include <stdio.h>

#include "common/arena.h"
#include "common/grading.h"

/* What came of it; the texts are in the arena, or the document's. */
struct grading_merge {
    struct slice document;  /* with the blocks in it; .at NULL: out of memory */
    uint32_t blocks;        /* in it */
    uint32_t put;           /* so many of them are new */
    uint32_t taken;         /* so many went for them */
    struct slice *taken_at; /* as they stood there */
    struct slice *put_at;   /* as they stand now */
};

/* The first block of a document, counted from 0, that takes records of a type; -1 for none. */
int64_t grading_merge_taken(const struct grading *g, struct slice type);

/*
 * The blocks (a list as in a document, checked) take the places of those that are for the type by
 * its name; they stand before the first that takes it by a pattern, since the first block that
 * matches decides, or at the end. g is the document read. .document.at is NULL when memory is out.
 */
struct grading_merge grading_merge_blocks(struct arena *a, struct slice document,
                                          const struct grading *g, struct slice type,
                                          const struct json *blocks);

/* What went and what is new, a line each with '-' and '+' before it. */
void grading_merge_print(const struct grading_merge *m, FILE *out);

#endif
