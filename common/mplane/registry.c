/* SPDX-License-Identifier: Apache-2.0 */
/* Element registries: names and primitive types, sorted by name. */
#include "common/mplane/registry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* Parses a registry file and looks at its head; its node is NULL after a fault. */
static struct document_place read_file(struct document *d, struct arena *a, struct slice bytes)
{
    static const struct json_limits limits = {8, 16 * REGISTRY_ELEMENTS, 65536, false};
    static const char *const formats[] = {"mplane-0", NULL};
    uint32_t before = d->faults;
    struct document_place whole = document_parse(d, a, bytes, &limits);
    if (whole.node == NULL || !document_is_object(&whole)) {
        return document_part(d, NULL, NULL);
    }
    struct document_place format = document_member(&whole, "registry-format");
    struct document_place uri = document_member(&whole, "registry-uri");
    struct document_place elements = document_member(&whole, "elements");
    document_choice(&format, formats);
    document_text(&uri, 1, limits.string_bytes);
    document_is_list(&elements, REGISTRY_ELEMENTS);
    if (d->faults > before) {
        whole.node = NULL;
    }
    return whole;
}

static bool is_known(const struct registry *r, const struct json *uri)
{
    for (size_t i = 0; uri->type == JSON_STRING && i < r->uri_count; i++) {
        if (slice_equal(r->uris[i], uri->text)) {
            return true;
        }
    }
    return false;
}

static void check_includes(const struct registry *r, const struct document_place *whole)
{
    struct document_place includes = document_member(whole, "includes");
    if (includes.node == NULL || !document_is_list(&includes, REGISTRY_ELEMENTS)) {
        return;
    }
    for (struct document_place u = document_first(&includes); u.node != NULL; document_next(&u)) {
        if (!is_known(r, u.node)) {
            document_expected(&u, "the URI of a registry read before");
        }
    }
}

/* Each is an element, or a comment, which is a string. */
static void check_elements(const struct document_place *elements)
{
    for (struct document_place e = document_first(elements); e.node != NULL; document_next(&e)) {
        if (e.node->type == JSON_STRING || !document_is_object(&e)) {
            continue;
        }
        struct document_place name = document_member(&e, "name"),
                              prim = document_member(&e, "prim");
        document_text(&name, 1, NAME_BYTES);
        if (prim.node == NULL || prim.node->type != JSON_STRING ||
            primitive_parse(prim.node->text) == PRIMITIVE_NONE) {
            document_expected(&prim, "one of string natural real boolean time address url");
        }
    }
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

/* All that a file that is without faults brings; nothing, or -1. */
static int add_all(struct registry *r, const struct json *tree)
{
    const struct json *elements = json_get(tree, "elements");
    struct slice uri = arena_copy(r->arena, json_get(tree, "registry-uri")->text);
    if (uri.at == NULL || reserve(r, r->count + elements->count) == -1) {
        return -1;
    }
    for (const struct json *e = elements->first; e != NULL; e = e->next) {
        if (e->type == JSON_OBJECT && insert(r, json_get(e, "name")->text,
                                             primitive_parse(json_get(e, "prim")->text)) == -1) {
            return -1;
        }
    }
    r->uris[r->uri_count++] = uri;
    return 0;
}

int registry_add(struct registry *r, struct document *d, struct slice bytes)
{
    uint32_t before = d->faults;
    struct arena *a = arena_new(64 * 1024 * 1024);
    if (a == NULL) {
        document_fault_in(d, "", "out of memory");
        return -1;
    }
    struct document_place whole = read_file(d, a, bytes);
    if (whole.node != NULL) {
        struct document_place elements = document_member(&whole, "elements");
        check_includes(r, &whole);
        check_elements(&elements);
    }
    if (d->faults == before && add_all(r, whole.node) == -1) {
        document_fault_in(d, "", "out of memory");
    }
    arena_free(&a);
    return d->faults == before ? 0 : -1;
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

/* ---- elements from elsewhere ---- */

static int publish_with(struct registry_more *more, const struct json *e)
{
    static const char *const keys[] = {"name", "prim", "desc"};
    struct json *copy = arena_calloc(more->arena, 1, sizeof *copy);
    struct json *members = arena_calloc(more->arena, 3, sizeof *members);
    if (copy == NULL || members == NULL) {
        return -1;
    }
    *copy = (struct json){.type = JSON_OBJECT, .first = members};
    for (size_t i = 0; i < 3; i++) {
        const struct json *said = json_get(e, keys[i]);
        if (said == NULL) {
            break; /* desc, the last one */
        }
        members[i] = (struct json){.type = JSON_STRING,
                                   .key = slice_of(keys[i]),
                                   .text = arena_copy(more->arena, said->text)};
        if (members[i].text.at == NULL) {
            return -1;
        }
        copy->count++;
    }
    members[0].next = &members[1];
    members[1].next = copy->count == 3 ? &members[2] : NULL;
    if (more->last == NULL) {
        more->first = copy;
    } else {
        more->last->next = copy;
    }
    more->last = copy;
    more->count++;
    return 0;
}

static int add_element(struct registry *r, const struct json *e, struct registry_more *more)
{
    return reserve(r, r->count + 1) == -1 ||
                   insert(r, json_get(e, "name")->text,
                          primitive_parse(json_get(e, "prim")->text)) == -1
               ? -1
               : publish_with(more, e);
}

int registry_add_elements(struct registry *r, struct document *d, const struct json *list,
                          struct registry_more *more)
{
    uint32_t before = d->faults;
    for (const struct json *e = list->first; e != NULL && d->faults - before < DOCUMENT_FAULTS;
         e = e->next) {
        struct slice name = json_get(e, "name")->text, prim = json_get(e, "prim")->text;
        enum primitive known = registry_primitive(r, name);
        if (known == PRIMITIVE_NONE && add_element(r, e, more) == -1) {
            document_fault_in(d, "", "out of memory");
            return -1;
        }
        if (known != PRIMITIVE_NONE && known != primitive_parse(prim)) {
            document_fault_in(d, "", "the element %s is there with another primitive type than %s",
                              DOCUMENT_SHOWN(name), DOCUMENT_SHOWN(prim));
        }
    }
    return d->faults == before ? 0 : -1;
}

/* ---- to be served ---- */

static struct json *copy_of(struct arena *a, const struct json *m)
{
    struct json *copy = arena_alloc(a, sizeof *copy);
    if (copy != NULL) {
        *copy = *m;
        copy->next = NULL;
    }
    return copy;
}

/* The list with more behind it; -1 when memory is out. */
static int extend(struct arena *a, struct json *list, const struct registry_more *more)
{
    const struct json **end = &list->first;
    for (const struct json *e = list->first; e != NULL; e = e->next) {
        struct json *copy = copy_of(a, e);
        if (copy == NULL) {
            return -1;
        }
        *end = copy;
        end = &copy->next;
    }
    *end = more->first;
    list->count += more->count;
    return 0;
}

/* The same members, one of them with another text, one with more in it; NULL when memory is out. */
static const struct json *published(struct arena *a, const struct json *tree, struct slice uri,
                                    const struct registry_more *more)
{
    struct json *head = copy_of(a, tree);
    if (head == NULL) {
        return NULL;
    }
    const struct json **end = &head->first;
    for (const struct json *m = tree->first; m != NULL; m = m->next) {
        struct json *copy = copy_of(a, m);
        if (copy == NULL) {
            return NULL;
        }
        if (slice_is(m->key, "registry-uri")) {
            copy->text = uri;
        }
        if (slice_is(m->key, "elements") && extend(a, copy, more) == -1) {
            return NULL;
        }
        *end = copy;
        end = &copy->next;
    }
    return head;
}

struct slice registry_publish(struct arena *a, struct document *d, struct slice bytes,
                              struct slice uri, const struct registry_more *more)
{
    struct slice text = {NULL, 0};
    struct document_place whole = read_file(d, a, bytes);
    if (whole.node != NULL) {
        const struct json *head = published(a, whole.node, uri, more);
        text = head == NULL ? text : json_text(a, head);
    }
    if (whole.node != NULL && text.at == NULL) {
        document_fault_in(d, "", "out of memory");
    }
    return text;
}
