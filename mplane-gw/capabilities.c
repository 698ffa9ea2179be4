/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities as messages, and finding the one that a specification means. Pure. */
#include "mplane-gw/capabilities.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/asking/sight.h"
#include "common/capability_rows.h"
#include "schemas/messages.h"

#define CAPABILITIES_BYTES (256 * 1024)

/* Of those that collect. */
#define COLLECTS_MAX 256

/* Capabilities that come and go together, with the memory of all they have. */
struct part {
    struct arena *arena;
    size_t count, most;
    struct capability *capability;
};

struct capabilities {
    struct slice registry_url, link, prefix; /* in the table's arena */
    struct part table, collects;
};

/* What a capability's names are. */
struct capability_names {
    struct slice *parameters, *columns;
    uint32_t parameter_count, column_count;
};

static int part_init(struct part *p, size_t most)
{
    *p = (struct part){.arena = arena_new(CAPABILITIES_BYTES), .most = most};
    if (p->arena != NULL) {
        p->capability = arena_calloc(p->arena, most, sizeof *p->capability);
    }
    return p->capability == NULL ? -1 : 0;
}

void capabilities_free(struct capabilities **c)
{
    if (*c != NULL) {
        arena_free(&(*c)->table.arena);
        arena_free(&(*c)->collects.arena);
        free(*c);
        *c = NULL;
    }
}

/* A row's names as slices. */
static uint32_t take_names(const char *const *names, struct slice to[CAPABILITY_NAMES])
{
    uint32_t n = 0;
    while (names[n] != NULL) {
        to[n] = slice_of(names[n]);
        n++;
    }
    return n;
}

/*
 * Every constraint is "*": what a value must be is said by the exception that refuses it, and "*"
 * as a value has to be taken for any.
 */
static int fill_schema(struct arena *a, const struct capability_names *names,
                       struct mplane_message *m)
{
    m->parameter_count = names->parameter_count;
    m->column_count = names->column_count;
    m->parameters = arena_calloc(a, m->parameter_count + (size_t)1, sizeof *m->parameters);
    m->columns = arena_calloc(a, m->column_count + (size_t)1, sizeof *m->columns);
    if (m->parameters == NULL || m->columns == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        struct mplane_parameter *p = &m->parameters[i];
        p->name = arena_copy(a, names->parameters[i]);
        p->count = 1;
        p->values = arena_calloc(a, 1, sizeof *p->values);
        if (p->name.at == NULL || p->values == NULL) {
            return -1;
        }
        p->values[0] = slice_of("*");
    }
    for (uint32_t i = 0; i < m->column_count; i++) {
        m->columns[i] = arena_copy(a, names->columns[i]);
        if (m->columns[i].at == NULL) {
            return -1;
        }
    }
    return 0;
}

/* An element that the registry does not have would break every peer's reading of the message. */
static int check_elements(const struct mplane_message *m, const struct registry *r, char *error,
                          size_t error_size)
{
    for (uint32_t i = 0; i < m->parameter_count + m->column_count; i++) {
        struct slice name =
            i < m->parameter_count ? m->parameters[i].name : m->columns[i - m->parameter_count];
        if (registry_primitive(r, name) == PRIMITIVE_NONE) {
            snprintf(error, error_size, "%.*s: the registries have no element %.*s",
                     (int)m->label.len, m->label.at, (int)name.len, name.at);
            return -1;
        }
    }
    return 0;
}

/* The label as peers see it; .at NULL when memory is out. */
static struct slice prefixed(const struct capabilities *c, struct arena *a, struct slice label)
{
    size_t size = c->prefix.len + label.len;
    char *text = arena_alloc(a, size + 1);
    if (text != NULL) {
        memcpy(text, c->prefix.at, c->prefix.len);
        memcpy(text + c->prefix.len, label.at, label.len);
        text[size] = '\0';
    }
    return (struct slice){text, size};
}

/* The next capability of a part, whose kind, verb, label and export are given; the rest follows. */
static int build(const struct capabilities *c, struct part *p, const struct capability *given,
                 const struct capability_names *names, const struct registry *r, char *error,
                 size_t error_size)
{
    char token[TOKEN_TEXT];
    if (p->count == p->most) {
        snprintf(error, error_size, "more than %zu capabilities", p->most);
        return -1;
    }
    struct capability *one = &p->capability[p->count];
    struct mplane_message *m = &one->message;
    *one = *given;
    m->kind = MPLANE_CAPABILITY;
    m->registry = c->registry_url;
    m->has_when = true;
    m->when.start = WHEN_AT_PAST;
    m->when.end = WHEN_AT_FUTURE;
    one->label = m->label;
    m->label = prefixed(c, p->arena, m->label);
    if (m->label.at == NULL || fill_schema(p->arena, names, m) == -1 ||
        token_of_capability(p->arena, m, r, token) == -1 ||
        (m->token = arena_copy(p->arena, slice_of(token))).at == NULL) {
        snprintf(error, error_size, "%.*s: out of memory", (int)m->label.len, m->label.at);
        return -1;
    }
    m->link = c->link;
    one->token = m->token;
    p->count++;
    return check_elements(m, r, error, error_size);
}

static int build_row(struct capabilities *c, enum capability_kind kind, const struct registry *r,
                     char *error, size_t error_size)
{
    const struct capability_row *row = &capability_rows[kind];
    struct slice parameters[CAPABILITY_NAMES], columns[CAPABILITY_NAMES];
    struct capability_names names = {.parameters = parameters, .columns = columns};
    struct capability given = {
        .kind = kind, .message = {.verb = slice_of(row->verb), .label = slice_of(row->label)}};
    names.parameter_count = take_names(row->parameters, parameters);
    names.column_count = take_names(row->columns, columns);
    return build(c, &c->table, &given, &names, r, error, error_size);
}

struct capabilities *capabilities_new(const char *registry_url, const char *link,
                                      const char *prefix, const struct registry *r, char *error,
                                      size_t error_size)
{
    struct capabilities *c = calloc(1, sizeof *c);
    if (c == NULL || part_init(&c->table, CAPABILITY_COLLECT) == -1) {
        snprintf(error, error_size, "out of memory");
        capabilities_free(&c);
        return NULL;
    }
    c->registry_url = arena_copy(c->table.arena, slice_of(registry_url));
    c->link = arena_copy(c->table.arena, slice_of(link));
    c->prefix = arena_copy(c->table.arena, slice_of(prefix));
    for (enum capability_kind kind = 0; kind < CAPABILITY_COLLECT; kind++) {
        if (build_row(c, kind, r, error, error_size) == -1) {
            capabilities_free(&c);
            return NULL;
        }
    }
    return c;
}

/* The schemas of one type. */
static int collect_type(const struct capabilities *c, struct part *p, struct slice type,
                        const struct record_types_collect *collects, uint32_t count,
                        const char *export_url, const struct registry *r, char *error,
                        size_t error_size)
{
    const char *label = arena_printf(p->arena, LABEL_COLLECT "%.*s", (int)type.len, type.at);
    struct capability given = {.kind = CAPABILITY_COLLECT,
                               .message = {.verb = slice_of("collect"),
                                           .label = slice_of(label == NULL ? "" : label),
                                           .export = arena_copy(p->arena, slice_of(export_url))}};
    if (label == NULL || given.message.export.at == NULL) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    for (uint32_t k = 0; k < count; k++) {
        struct capability_names names = {collects[k].parameters, collects[k].results,
                                         collects[k].parameter_count, collects[k].result_count};
        char why[256];
        if (build(c, p, &given, &names, r, why, sizeof why) == -1) {
            snprintf(error, error_size, "%s: %s", collects[k].place, why);
            return -1;
        }
    }
    return 0;
}

int capabilities_collect(struct capabilities *c, const struct record_types *types,
                         const char *const *export_urls, const struct registry *r, char *error,
                         size_t error_size)
{
    struct part fresh;
    struct slice type;
    int rc = part_init(&fresh, COLLECTS_MAX);
    if (rc == -1) {
        snprintf(error, error_size, "out of memory");
    }
    for (; rc == 0 && *export_urls != NULL; export_urls++) {
        for (uint32_t i = 0; rc == 0 && record_types_each(types, i, &type) == 0; i++) {
            const struct record_types_collect *collects;
            uint32_t count = record_types_collects(types, i, &collects);
            rc = collect_type(c, &fresh, type, collects, count, *export_urls, r, error, error_size);
        }
    }
    if (rc == 0) {
        arena_free(&c->collects.arena);
        c->collects = fresh;
    } else {
        arena_free(&fresh.arena);
    }
    return rc;
}

const char *capability_denied(const struct capability *c, const struct access *a,
                              struct slice identity)
{
    return sight_denied(a, identity, c->kind, c->label);
}

size_t capabilities_count(const struct capabilities *c)
{
    return c->table.count + c->collects.count;
}

const struct capability *capabilities_at(const struct capabilities *c, size_t i)
{
    return i < c->table.count ? &c->table.capability[i]
                              : &c->collects.capability[i - c->table.count];
}

const struct capability *capabilities_by_label(const struct capabilities *c, struct slice label)
{
    for (size_t i = 0; i < capabilities_count(c); i++) {
        if (slice_equal(capabilities_at(c, i)->label, label)) {
            return capabilities_at(c, i);
        }
    }
    return NULL;
}

const struct capability *capabilities_by_token(const struct capabilities *c, struct slice token)
{
    for (size_t i = 0; i < capabilities_count(c); i++) {
        if (slice_equal(capabilities_at(c, i)->token, token)) {
            return capabilities_at(c, i);
        }
    }
    return NULL;
}

/* How a specification's names differ from a capability's. */
struct name_difference {
    uint32_t count;
    const char *what; /* the first difference */
    struct slice name;
};

static void differ(struct name_difference *d, const char *what, struct slice name)
{
    if (d->count++ == 0) {
        d->what = what;
        d->name = name;
    }
}

/* What 0 or nothing says as well: the newest, the usual number, the beginning, no comment; and a
 * column that came when there were programs that ask without it. */
static bool may_be_absent(struct slice name)
{
    return slice_is(name, "grading.version") || slice_is(name, "list.limit") ||
           slice_is(name, "list.after") || capability_column_was_added(name);
}

/* With the result columns that it leaves out. -1: memory. */
static int complete_columns(struct arena *a, const struct mplane_message *offer,
                            struct mplane_message *m)
{
    const struct slice *given = m->columns;
    m->columns = arena_calloc(a, (size_t)m->column_count + offer->column_count + 1, sizeof *given);
    if (m->columns == NULL) {
        return -1;
    }
    memcpy(m->columns, given, m->column_count * sizeof *given);
    for (uint32_t i = 0; i < offer->column_count; i++) {
        if (may_be_absent(offer->columns[i]) && mplane_message_column(m, offer->columns[i]) == -1) {
            m->columns[m->column_count++] = offer->columns[i];
        }
    }
    return 0;
}

const struct mplane_message *capabilities_complete(struct arena *a, const struct capability *c,
                                                   const struct mplane_message *specification)
{
    static struct slice null = {NULL, 0};
    const struct mplane_message *offer = &c->message;
    struct mplane_message *m = arena_calloc(a, 1, sizeof *m);
    uint32_t most = specification->parameter_count + offer->parameter_count;
    struct mplane_parameter *all = arena_calloc(a, most + (size_t)1, sizeof *all);
    if (m == NULL || all == NULL) {
        return NULL;
    }
    *m = *specification;
    if (complete_columns(a, offer, m) == -1) {
        return NULL;
    }
    m->parameters = all;
    for (uint32_t i = 0; i < specification->parameter_count; i++) {
        all[i] = specification->parameters[i];
    }
    for (uint32_t i = 0; i < offer->parameter_count; i++) {
        struct slice name = offer->parameters[i].name;
        if (may_be_absent(name) && mplane_message_parameter(specification, name) == NULL) {
            all[m->parameter_count++] =
                (struct mplane_parameter){.name = name, .count = 1, .values = &null};
        }
    }
    return m;
}

static struct name_difference compare(const struct mplane_message *s,
                                      const struct mplane_message *c)
{
    struct name_difference d = {0, "", {"", 0}};
    uint32_t absent = 0, absent_columns = 0;
    for (uint32_t i = 0; i < c->parameter_count; i++) {
        bool there = mplane_message_parameter(s, c->parameters[i].name) != NULL;
        absent += !there && may_be_absent(c->parameters[i].name);
        if (!there && !may_be_absent(c->parameters[i].name)) {
            differ(&d, "the parameter is missing:", c->parameters[i].name);
        }
    }
    for (uint32_t i = 0; i < s->parameter_count; i++) {
        if (mplane_message_parameter(c, s->parameters[i].name) == NULL) {
            differ(&d, "it has no parameter", s->parameters[i].name);
        }
    }
    for (uint32_t i = 0; i < c->column_count; i++) {
        bool there = mplane_message_column(s, c->columns[i]) != -1;
        absent_columns += !there && may_be_absent(c->columns[i]);
        if (!there && !may_be_absent(c->columns[i])) {
            differ(&d, "the result column is missing:", c->columns[i]);
        }
    }
    for (uint32_t i = 0; i < s->column_count; i++) {
        if (mplane_message_column(c, s->columns[i]) == -1) {
            differ(&d, "it has no result column", s->columns[i]);
        }
    }
    if (d.count == 0 && (s->parameter_count + absent != c->parameter_count ||
                         s->column_count + absent_columns != c->column_count)) {
        differ(&d, "a name stands twice in", c->label);
    }
    return d;
}

/* Whether a specification's label is the capability's, alone or with "-SERIAL" as programs add it.
 */
static bool labelled(const struct mplane_message *s, struct slice label)
{
    return s->label.len >= label.len && memcmp(s->label.at, label.at, label.len) == 0 &&
           (s->label.len == label.len || s->label.at[label.len] == '-');
}

const struct capability *capabilities_match(const struct capabilities *c,
                                            const struct mplane_message *specification, char *error,
                                            size_t error_size)
{
    const struct capability *nearest = NULL;
    struct name_difference least = {UINT32_MAX, "", {"", 0}};
    for (size_t i = 0; i < capabilities_count(c); i++) {
        const struct capability *candidate = capabilities_at(c, i);
        struct name_difference d = compare(specification, &candidate->message);
        if (d.count == 0) {
            return candidate;
        }
        if (labelled(specification, candidate->label) ||
            labelled(specification, candidate->message.label)) {
            d.count = 0; /* it says which one it means */
        }
        if (d.count < least.count) {
            least = d;
            nearest = candidate;
        }
    }
    snprintf(error, error_size,
             "unknown capability: none has these parameters and results; nearest is %.*s, but %s "
             "%.*s",
             (int)nearest->label.len, nearest->label.at, least.what, SLICE_SHOWN(least.name, 100));
    return NULL;
}
