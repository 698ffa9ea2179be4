/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element registries: which elements exist and of which primitive type they are. Pure: registries
 * are given as bytes, nothing is fetched.
 */
#ifndef EZREPO_MPLANE_REGISTRY_H
#define EZREPO_MPLANE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/document.h"

enum primitive {
    PRIMITIVE_NONE, /* no such element */
    PRIMITIVE_STRING,
    PRIMITIVE_NATURAL,
    PRIMITIVE_REAL,
    PRIMITIVE_BOOLEAN,
    PRIMITIVE_TIME,
    PRIMITIVE_ADDRESS,
    PRIMITIVE_URL
};

/* "natural" ... as registries write it; "bool", which the specification has, is read as boolean. */
enum primitive primitive_parse(struct slice name);

/* All elements that this process knows, out of one or more registries. */
struct registry;

/* An empty one; NULL when memory is out. The caller owns it. */
struct registry *registry_new(void);
void registry_free(struct registry **r);

/*
 * Adds a registry file ({"registry-format": "mplane-0", "registry-uri", "elements": [...]}). An
 * element that is known already keeps its first meaning, as in other mPlane programs; its URIs in
 * "includes" must have been added before. -1 after each fault was told; then nothing was added. The
 * bytes are copied as far as they are needed.
 */
int registry_add(struct registry *r, struct document *d, struct slice bytes);

/* Elements that came from elsewhere than a registry file, to be published with one. Begins with an
 * arena and nothing else. */
struct registry_more {
    struct arena *arena;
    const struct json *first; /* copies; each has name, prim and perhaps desc */
    struct json *last;
    uint32_t count;
};

/*
 * Adds a list of elements whose form was checked, and those that were not known before to `more`.
 * -1 after each of them that is known with another primitive type was told, or memory is out; some
 * may have been added then.
 */
int registry_add_elements(struct registry *r, struct document *d, const struct json *list,
                          struct registry_more *more);

/* The primitive type of an element; PRIMITIVE_NONE when no registry has it. r may be NULL. */
enum primitive registry_primitive(const struct registry *r, struct slice element);

/* How many distinct elements are known. */
size_t registry_count(const struct registry *r);

/*
 * Whether two URIs name one registry: equal, or both are http URLs with the same port (80 when
 * there is none) and path, however their host is spelled. One machine has many names, and what a
 * registry is follows from its elements, not from who serves it.
 */
bool registry_same(struct slice a, struct slice b);

/*
 * The registry file with its "registry-uri" set to this URI and `more` behind its elements, as JSON
 * text in the arena, for serving it; .at NULL after a fault was told.
 */
struct slice registry_publish(struct arena *a, struct document *d, struct slice bytes,
                              struct slice uri, const struct registry_more *more);

#endif
