/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as a tree in an arena, read through yajl with hard limits. Used for everything that arrives
 * as JSON: datagrams, mPlane messages, grading documents, mappings, the configuration.
 * Numbers keep the text they came with: nothing is rounded here.
 */
#ifndef EZREPO_JSON_H
#define EZREPO_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/slice.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    uint32_t count;           /* members of an object, elements of an array */
    struct slice key;         /* inside an object: the member's name */
    struct slice text;        /* a string's bytes (UTF-8, unescaped), a number's text as sent */
    const struct json *first; /* object, array: the first member */
    const struct json *next;  /* the sibling after this one */
};

/* However the limits are set: deepest nesting, most members of one object. */
#define JSON_DEPTH   64
#define JSON_MEMBERS 1024

#define JSON_REACH_LISTS 16

/*
 * Which parts of a document are looked at, as a trie: what stands at a place is kept when a reach
 * leads there. Of an array all elements are kept or none.
 */
struct json_reach {
    bool whole;                   /* and all below, whatever the others say */
    const struct json_reach *any; /* of each element, and of each member that has no name here;
                                     NULL: they are not kept */
    /* Lists, by their keys' lengths modulo JSON_REACH_LISTS; each has what `any` has, too. */
    const struct json_reach_member *members[JSON_REACH_LISTS];
};

struct json_reach_member {
    struct slice key;
    const struct json_reach *reach;
    const struct json_reach_member *next;
};

/* What becomes of a key that stands twice in one object. */
enum json_duplicates {
    JSON_DUPLICATES_REFUSED, /* its meaning would depend on the reader */
    JSON_DUPLICATES_FIRST,   /* the first value stands */
    JSON_DUPLICATES_LAST,    /* the last one, where the first stood */
    JSON_DUPLICATES_LISTED   /* a list of them, where the first stood */
};

struct json_limits {
    uint32_t depth;        /* nesting of arrays and objects, at most JSON_DEPTH */
    uint32_t nodes;        /* values altogether */
    uint32_t string_bytes; /* of one string, key or number */
    bool comments;         /* slash-star and slash-slash comments are allowed */
    bool nan;              /* nan, NaN, inf and Infinity, also with a '-' before them, are read as
                              null; not together with comments */
    enum json_duplicates duplicates;
    const struct json_reach *reach; /* NULL: all is kept */
};

/*
 * Reads exactly one JSON value out of the bytes; a byte order mark before it and NULs behind it are
 * left out. The tree lives in the arena; strings are copied, but for keys that the reach names,
 * which are its own. What is not reached is left out of its object or array; it has to be JSON all
 * the same, but takes nothing of the arena, counts for no limit, and its key may stand twice. NULL
 * on a fault; then error holds, NUL-terminated, what was wrong and at which byte.
 */
const struct json *json_parse(struct arena *a, struct slice bytes, const struct json_limits *limits,
                              char *error, size_t error_size);

/* A member by name; NULL when object is NULL, not an object, or has none of that name. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_find(const struct json *object, struct slice key);

/* Whether the node is there and a string with exactly this text. */
bool json_is(const struct json *node, const char *text);

/* The name of a type, for messages: "object", "string" ... */
const char *json_type_name(enum json_type type);

/*
 * The node as compact JSON text in the arena (strings escaped, numbers as they came);
 * .at is NULL when memory is out.
 */
struct slice json_text(struct arena *a, const struct json *node);

/* The text as a JSON string, with its quotes. */
void json_print_string(FILE *f, const char *text);
void json_print_slice(FILE *f, struct slice text);

#endif
