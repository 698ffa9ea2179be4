/* SPDX-License-Identifier: Apache-2.0 */
/* Element registries: names and primitive types, sorted by name. */
#include "common/mplane/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"

/* Of one registry file. */
#define REGISTRY_ELEMENTS 65536
#define NAME_BYTES        256

struct element {
    struct slice name;
    enum primitive primitive;
};

struct registry {
    struct arena *arena; /* names and URIs */
    struct element *elements;
    size_t count, capacity;
    struct slice *uris;
    size_t uri_count;
};

static const struct {
    const char *name;
    enum primitive primitive;
} primitives[] = {
    {"string", PRIMITIVE_STRING},   {"natural", PRIMITIVE_NATURAL}, {"real", PRIMITIVE_REAL},
    {"boolean", PRIMITIVE_BOOLEAN}, {"time", PRIMITIVE_TIME},       {"address", PRIMITIVE_ADDRESS},
    {"url", PRIMITIVE_URL},         {"bool", PRIMITIVE_BOOLEAN},
};
#define PRIMITIVES (sizeof primitives / sizeof primitives[0])

enum primitive primitive_parse(struct slice name)
{
    for (size_t i = 0; i < PRIMITIVES; i++) {
        if (slice_is(name, primitives[i].name)) {
            return primitives[i].primitive;
        }
    }
    return PRIMITIVE_NONE;
}

struct registry *registry_new(void)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r != NULL && (r->arena = arena_new(64 * 1024 * 1024)) == NULL) {
        free(r);
        r = NULL;
    }
    return r;
}

void registry_free(struct registry **r)
{
    if (*r != NULL) {
        arena_free(&(*r)->arena);
        free((*r)->elements);
        free((*r)->uris);
        free(*r);
        *r = NULL;
    }
}

size_t registry_count(const struct registry *r)
{
    return r->count;
}

/* Where the element is, or would be. */
static size_t position(const struct registry *r, struct slice name, bool *found)
{
    size_t low = 0, high = r->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_order(r->elements[middle].name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

enum primitive registry_primitive(const struct registry *r, struct slice element)
{
    bool found = false;
    size_t at = r == NULL || element.len == 0 ? 0 : position(r, element, &found);
    return found ? r->elements[at].primitive : PRIMITIVE_NONE;
}

/* Parses a registry file and looks at its head; NULL on a fault. */
static const struct json *read_file(struct arena *a, struct slice bytes, char *error,
                                    size_t error_size)
{
    static const struct json_limits limits = {8, 16 * REGISTRY_ELEMENTS, 65536, false};
    const struct json *tree = json_parse(a, bytes, &limits, error, error_size);
    if (tree == NULL) {
        return NULL;
    }
    const struct json *uri = json_get(tree, "registry-uri");
    const struct json *elements = json_get(tree, "elements");
    if (!json_is(json_get(tree, "registry-format"), "mplane-0")) {
        snprintf(error, error_size, "registry-format: expected \"mplane-0\"");
        return NULL;
    }
    if (uri == NULL || uri->type != JSON_STRING || uri->text.len == 0) {
        snprintf(error, error_size, "registry-uri: expected a URI");
        return NULL;
    }
    if (elements == NULL || elements->type != JSON_ARRAY || elements->count > REGISTRY_ELEMENTS) {
        snprintf(error, error_size, "elements: expected a list of at most %d", REGISTRY_ELEMENTS);
        return NULL;
    }
    return tree;
}

/* Every URI in "includes" must be known. */
static int check_includes(const struct registry *r, const struct json *tree, char *error,
                          size_t error_size)
{
    const struct json *includes = json_get(tree, "includes");
    if (includes == NULL) {
        return 0;
    }
    if (includes->type != JSON_ARRAY) {
        snprintf(error, error_size, "includes: expected a list of URIs");
        return -1;
    }
    int at = 0;
    for (const struct json *uri = includes->first; uri != NULL; uri = uri->next, at++) {
        size_t i = 0;
        while (i < r->uri_count && !slice_equal(r->uris[i], uri->text)) {
            i++;
        }
        if (uri->type != JSON_STRING || i == r->uri_count) {
            snprintf(error, error_size, "includes[%d]: expected the URI of a registry read before",
                     at);
            return -1;
        }
    }
    return 0;
}

/* An element, or a comment, which is a string. */
static int check_elements(const struct json *elements, char *error, size_t error_size)
{
    int at = 0;
    for (const struct json *e = elements->first; e != NULL; e = e->next, at++) {
        const struct json *name = json_get(e, "name"), *prim = json_get(e, "prim");
        if (e->type == JSON_STRING) {
            continue;
        }
        if (name == NULL || name->type != JSON_STRING || name->text.len == 0 ||
            name->text.len > NAME_BYTES) {
            snprintf(error, error_size, "elements[%d].name: expected a name of at most %d bytes",
                     at, NAME_BYTES);
            return -1;
        }
        if (prim == NULL || prim->type != JSON_STRING ||
            primitive_parse(prim->text) == PRIMITIVE_NONE) {
            snprintf(error, error_size,
                     "elements[%d].prim: expected one of string natural real boolean time address "
                     "url",
                     at);
            return -1;
        }
    }
    return 0;
}

/* Room for all that the file may bring, so that adding it cannot fail half-way. */
static int reserve(struct registry *r, size_t count)
{
    if (count > r->capacity) {
        struct element *more = realloc(r->elements, count * sizeof *more);
        if (more == NULL) {
            return -1;
        }
        r->elements = more;
        r->capacity = count;
    }
    struct slice *uris = realloc(r->uris, (r->uri_count + 1) * sizeof *uris);
    if (uris == NULL) {
        return -1;
    }
    r->uris = uris;
    return 0;
}

static int insert(struct registry *r, struct slice name, enum primitive primitive)
{
    bool found;
    size_t at = position(r, name, &found);
    if (found) {
        return 0;
    }
    struct slice copy = arena_copy(r->arena, name);
    if (copy.at == NULL) {
        return -1;
    }
    memmove(r->elements + at + 1, r->elements + at, (r->count - at) * sizeof *r->elements);
    r->elements[at] = (struct element){copy, primitive};
    r->count++;
    return 0;
}

int registry_add(struct registry *r, struct slice bytes, char *error, size_t error_size)
{
    int status = -1;
    struct arena *a = arena_new(64 * 1024 * 1024);
    if (a == NULL) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    const struct json *tree = read_file(a, bytes, error, error_size);
    const struct json *elements = json_get(tree, "elements");
    if (tree == NULL || check_includes(r, tree, error, error_size) == -1 ||
        check_elements(elements, error, error_size) == -1) {
        goto done;
    }
    struct slice uri = arena_copy(r->arena, json_get(tree, "registry-uri")->text);
    if (uri.at == NULL || reserve(r, r->count + elements->count) == -1) {
        snprintf(error, error_size, "out of memory");
        goto done;
    }
    for (const struct json *e = elements->first; e != NULL; e = e->next) {
        if (e->type == JSON_OBJECT && insert(r, json_get(e, "name")->text,
                                             primitive_parse(json_get(e, "prim")->text)) == -1) {
            snprintf(error, error_size, "out of memory");
            goto done;
        }
    }
    r->uris[r->uri_count++] = uri;
    status = 0;
done:
    arena_free(&a);
    return status;
}

/* Port and path of an http URL with a host, both as they are written; -1 for anything else. */
static int split_url(struct slice url, struct slice *port, struct slice *path)
{
    static const char scheme[] = "http://";
    const size_t skipped = sizeof scheme - 1;
    if (url.len <= skipped || strncasecmp(url.at, scheme, skipped) != 0) {
        return -1;
    }
    const char *host = url.at + skipped, *end = url.at + url.len;
    const char *slash = memchr(host, '/', (size_t)(end - host));
    const char *host_end = slash == NULL ? end : slash;
    const char *colon = memrchr(host, ':', (size_t)(host_end - host));
    bool has_port = colon != NULL && memchr(colon, ']', (size_t)(host_end - colon)) == NULL;
    *port = has_port ? (struct slice){colon + 1, (size_t)(host_end - colon - 1)} : slice_of("80");
    *path = (struct slice){host_end, (size_t)(end - host_end)};
    return (has_port ? colon : host_end) == host ? -1 : 0;
}

bool registry_same(struct slice a, struct slice b)
{
    struct slice port_a, port_b, path_a, path_b;
    return slice_equal(a, b) ||
           (split_url(a, &port_a, &path_a) == 0 && split_url(b, &port_b, &path_b) == 0 &&
            slice_equal(port_a, port_b) && slice_equal(path_a, path_b));
}

struct slice registry_publish(struct arena *a, struct slice bytes, struct slice uri, char *error,
                              size_t error_size)
{
    const struct slice none = {NULL, 0};
    snprintf(error, error_size, "out of memory"); /* unless the file is at fault */
    const struct json *tree = read_file(a, bytes, error, error_size);
    struct json *head = tree == NULL ? NULL : arena_alloc(a, sizeof *head);
    if (head == NULL) {
        return none;
    }
    *head = *tree;
    head->first = NULL;
    /* The same members, one of them with another text. */
    struct json *last = NULL;
    for (const struct json *m = tree->first; m != NULL; m = m->next) {
        struct json *copy = arena_alloc(a, sizeof *copy);
        if (copy == NULL) {
            return none;
        }
        *copy = *m;
        copy->next = NULL;
        if (slice_is(m->key, "registry-uri")) {
            copy->text = uri;
        }
        if (last == NULL) {
            head->first = copy;
        } else {
            last->next = copy;
        }
        last = copy;
    }
    return json_text(a, head);
}
