/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of decoders that read no JSON, as trees of common/json.h: within the same limits, and
 * with a failure that sticks and is looked at once.
 */
#ifndef EZREPO_FORMATS_DECODE_TREE_H
#define EZREPO_FORMATS_DECODE_TREE_H

#include "common/json.h"

struct decode_tree {
    struct arena *arena;
    const struct json_limits *limits;
    uint32_t nodes;
    const char *fault; /* NULL so far; then nothing more is done */
};

/* An object or array, and where its next member goes. */
struct decode_branch {
    struct json *node, *last;
};

/* What has no parent (NULL) is the document. Keys have to stay; .at is NULL in an array. */
struct decode_branch decode_tree_branch(struct decode_tree *t, struct decode_branch *parent,
                                        struct slice key, enum json_type type);

/* A string or number; its text has to stay, too. NULL after a failure. */
struct json *decode_tree_leaf(struct decode_tree *t, struct decode_branch *parent, struct slice key,
                              enum json_type type, struct slice text);

/* The text in the arena; .at NULL after a failure. */
struct slice decode_tree_copy(struct decode_tree *t, struct slice text);

/* Room for a text that is written there by the caller; NULL after a failure. */
char *decode_tree_room(struct decode_tree *t, size_t bytes);

/* Sets the fault, unless there is one already. */
void decode_tree_fail(struct decode_tree *t, const char *fault);

#endif
