/* SPDX-License-Identifier: Apache-2.0 */
#include "common/formats/decode_tree.h"

void decode_tree_fail(struct decode_tree *t, const char *fault)
{
    if (t->fault == NULL) {
        t->fault = fault;
    }
}

static struct json *add(struct decode_tree *t, struct decode_branch *parent, struct slice key,
                        enum json_type type)
{
    if (t->fault == NULL && ++t->nodes > t->limits->nodes) {
        decode_tree_fail(t, "more values than allowed");
    }
    if (key.len > t->limits->string_bytes) {
        decode_tree_fail(t, "a key longer than allowed");
    }
    if (t->fault == NULL && parent != NULL && parent->node->type == JSON_OBJECT &&
        parent->node->count == JSON_MEMBERS) {
        decode_tree_fail(t, "an object with more members than allowed");
    }
    struct json *node = t->fault == NULL ? arena_alloc(t->arena, sizeof *node) : NULL;
    if (node == NULL) {
        decode_tree_fail(t, "needs more memory than allowed");
        return NULL;
    }
    *node = (struct json){.type = type, .key = key};
    if (parent == NULL) {
        return node;
    }
    if (parent->last == NULL) {
        parent->node->first = node;
    } else {
        parent->last->next = node;
    }
    parent->last = node;
    parent->node->count++;
    return node;
}

struct decode_branch decode_tree_branch(struct decode_tree *t, struct decode_branch *parent,
                                        struct slice key, enum json_type type)
{
    return (struct decode_branch){.node = add(t, parent, key, type)};
}

struct json *decode_tree_leaf(struct decode_tree *t, struct decode_branch *parent, struct slice key,
                              enum json_type type, struct slice text)
{
    if (text.len > t->limits->string_bytes) {
        decode_tree_fail(t, "a text longer than allowed");
    }
    struct json *node = add(t, parent, key, type);
    if (node != NULL) {
        node->text = text;
    }
    return node;
}

struct slice decode_tree_copy(struct decode_tree *t, struct slice text)
{
    struct slice copy = {NULL, 0};
    if (t->fault == NULL) {
        copy = arena_copy(t->arena, text);
    }
    if (copy.at == NULL) {
        decode_tree_fail(t, "needs more memory than allowed");
    }
    return copy;
}

char *decode_tree_room(struct decode_tree *t, size_t bytes)
{
    char *room = t->fault == NULL ? arena_alloc(t->arena, bytes) : NULL;
    if (room == NULL) {
        decode_tree_fail(t, "needs more memory than allowed");
    }
    return room;
}
