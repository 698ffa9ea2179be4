/* SPDX-License-Identifier: Apache-2.0 */
/* mPlane messages out of JSON. The struct says what stood there; nothing is looked up elsewhere. */
#include "common/mplane/mplane_message.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/mplane/constraint.h"
#include "common/mplane/sections.h"
#include "schemas/messages.h"

/* What is being read, and where in it we are: "contents[1].parameters.source.ip4". */
struct message_reader {
    struct arena *arena;
    const struct registry *registry;
    char *error;
    size_t error_size;
    char place[512];
    size_t place_len;
};

/* Goes to a member or element; the result takes one back. */
static size_t enter(struct message_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static size_t enter(struct message_reader *r, const char *format, ...)
{
    size_t before = r->place_len, room = sizeof r->place - before;
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(r->place + before, room, format, ap);
    va_end(ap);
    if (n > 0) {
        r->place_len += (size_t)n < room ? (size_t)n : room - 1;
    }
    return before;
}

static void leave(struct message_reader *r, size_t before)
{
    r->place[before] = '\0';
    r->place_len = before;
}

/* "PLACE: FAULT"; always -1. */
static int fault(struct message_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fault(struct message_reader *r, const char *format, ...)
{
    char what[400];
    const char *place = r->place[0] == '.' ? r->place + 1 : r->place;
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    snprintf(r->error, r->error_size, "%s%s%s", place, *place == '\0' ? "" : ": ", what);
    return -1;
}

static int full(struct message_reader *r)
{
    return fault(r, "the message is too large");
}

/* What is wrong with a section, at its place in the message. */
static int section_fault(struct message_reader *r, const struct mplane_section_fault *f)
{
    enter(r, ".%s", f->place);
    return f->wrong == MPLANE_SECTION_MEMORY ? full(r) : fault(r, "%s", f->what);
}

static size_t enter_name(struct message_reader *r, struct slice name)
{
    return enter(r, ".%.*s", SLICE_SHOWN(name, 80));
}

/* A value that is no list. */
static int scalar(struct message_reader *r, const struct json *node, struct slice *text)
{
    return mplane_value_text(node, text)
               ? 0
               : fault(r, "expected a string, number, boolean or null, found an %s",
                       json_type_name(node->type));
}

/* The type of the element named; a fault when it is none of the registry's. */
static int primitive_of(struct message_reader *r, struct slice name, enum primitive *primitive)
{
    *primitive = registry_primitive(r->registry, name);
    if (r->registry != NULL && *primitive == PRIMITIVE_NONE) {
        return fault(r, "no element of the name \"%.*s\" in the registries", (int)name.len,
                     name.at);
    }
    return 0;
}

/* Brings a value to its canonical text, if its type is known. */
static int value(struct message_reader *r, enum primitive primitive, const struct json *node,
                 struct slice *text)
{
    struct value v;
    char error[160];
    if (scalar(r, node, text) == -1) {
        return -1;
    }
    if (primitive == PRIMITIVE_NONE || text->at == NULL) {
        return 0;
    }
    if (value_parse(r->arena, primitive, *text, &v, error, sizeof error) == -1) {
        return fault(r, "%s", error);
    }
    *text = v.null ? (struct slice){NULL, 0} : v.text;
    return 0;
}

static int constraint(struct message_reader *r, enum primitive primitive, const struct json *node,
                      struct slice *text)
{
    struct constraint c;
    char error[160];
    if (scalar(r, node, text) == -1) {
        return -1;
    }
    if (text->len == 0) {
        *text = slice_of("*");
    }
    if (primitive == PRIMITIVE_NONE) {
        return 0;
    }
    if (constraint_parse(r->arena, primitive, *text, &c, error, sizeof error) == -1) {
        return fault(r, "%s", error);
    }
    *text = constraint_text(r->arena, &c);
    return text->at == NULL ? full(r) : 0;
}

/* A section that is a string where it is; null is as if it weren't there. */
static int text_section(struct message_reader *r, const struct mplane_members *from,
                        enum mplane_key key, struct slice *text)
{
    const struct json *node = from->at[key];
    if (node == NULL || node->type == JSON_NULL) {
        return 0;
    }
    if (node->type != JSON_STRING) {
        enter(r, ".%s", mplane_key_name(key));
        return fault(r, "expected a string, found %s", json_type_name(node->type));
    }
    *text = node->text;
    return 0;
}

static int version(struct message_reader *r, const struct mplane_members *from)
{
    const struct json *node = from->at[MPLANE_KEY_VERSION];
    if (mplane_version_is_known(from)) {
        return 0;
    }
    enter(r, ".version");
    return fault(r, "expected at most %d, found %s%s%.*s", MPLANE_VERSION,
                 json_type_name(node->type), node->text.len > 0 ? " " : "",
                 SLICE_SHOWN(node->text, 20));
}

static int scope(struct message_reader *r, const struct mplane_members *from,
                 struct mplane_message *m)
{
    struct slice text = {NULL, 0};
    char error[200];
    if (text_section(r, from, MPLANE_KEY_WHEN, &text) == -1) {
        return -1;
    }
    if (text.at == NULL) {
        return 0;
    }
    size_t before = enter(r, ".when");
    if (when_parse(text, &m->when, error, sizeof error) == -1) {
        return fault(r, "%s", error);
    }
    leave(r, before);
    m->has_when = true;
    return 0;
}

/* One parameter: a list of values, or one, or a constraint. */
static int parameter(struct message_reader *r, const struct json *node, bool constrained,
                     struct mplane_parameter *p)
{
    enum primitive primitive;
    p->name = node->key;
    if (primitive_of(r, node->key, &primitive) == -1) {
        return -1;
    }
    p->list = node->type == JSON_ARRAY && !constrained;
    p->count = p->list ? node->count : 1;
    p->values = arena_calloc(r->arena, p->count == 0 ? 1 : p->count, sizeof *p->values);
    if (p->values == NULL) {
        return full(r);
    }
    if (constrained) {
        return constraint(r, primitive, node, &p->values[0]);
    }
    if (!p->list) {
        return value(r, primitive, node, &p->values[0]);
    }
    uint32_t i = 0;
    for (const struct json *e = node->first; e != NULL; e = e->next, i++) {
        size_t before = enter(r, "[%u]", i);
        if (value(r, primitive, e, &p->values[i]) == -1) {
            return -1;
        }
        leave(r, before);
    }
    return 0;
}

static int parameters(struct message_reader *r, const struct mplane_members *from,
                      struct mplane_message *m)
{
    const struct json *node;
    struct mplane_section_fault f;
    bool constrained = m->kind == MPLANE_CAPABILITY || m->kind == MPLANE_WITHDRAWAL;
    if (mplane_section_pairs(from, MPLANE_KEY_PARAMETERS, &node, &f) == -1) {
        return section_fault(r, &f);
    }
    if (node == NULL) {
        return 0;
    }
    m->parameters = arena_calloc(r->arena, (size_t)node->count + 1, sizeof *m->parameters);
    if (m->parameters == NULL) {
        return full(r);
    }
    size_t outer = enter(r, ".parameters");
    for (const struct json *e = node->first; e != NULL; e = e->next) {
        size_t before = enter_name(r, e->key);
        if (parameter(r, e, constrained, &m->parameters[m->parameter_count++]) == -1) {
            return -1;
        }
        leave(r, before);
    }
    leave(r, outer);
    return 0;
}

static int metadata(struct message_reader *r, const struct mplane_members *from,
                    struct mplane_message *m)
{
    const struct json *node;
    struct mplane_section_fault f;
    if (mplane_section_pairs(from, MPLANE_KEY_METADATA, &node, &f) == -1) {
        return section_fault(r, &f);
    }
    if (node == NULL) {
        return 0;
    }
    m->metadata = arena_calloc(r->arena, (size_t)node->count + 1, sizeof *m->metadata);
    if (m->metadata == NULL) {
        return full(r);
    }
    size_t outer = enter(r, ".metadata");
    for (const struct json *e = node->first; e != NULL; e = e->next) {
        enum primitive primitive;
        struct mplane_metadata *into = &m->metadata[m->metadata_count++];
        size_t before = enter_name(r, e->key);
        into->name = e->key;
        if (primitive_of(r, e->key, &primitive) == -1 ||
            value(r, primitive, e, &into->value) == -1) {
            return -1;
        }
        leave(r, before);
    }
    leave(r, outer);
    return 0;
}

/* The result columns; their types into the arena, for the cells. */
static int columns(struct message_reader *r, const struct mplane_members *from,
                   struct mplane_message *m, enum primitive **types)
{
    struct mplane_columns c;
    struct mplane_section_fault f;
    if (mplane_section_columns(r->arena, from, false, &c, &f) == -1) {
        return section_fault(r, &f);
    }
    m->columns = c.names;
    m->column_count = c.count;
    *types = arena_calloc(r->arena, (size_t)c.count + 1, sizeof **types);
    if (*types == NULL) {
        return full(r);
    }
    for (uint32_t i = 0; i < c.count; i++) {
        size_t before = enter(r, ".results[%u]", i);
        if (primitive_of(r, c.names[i], &(*types)[i]) == -1) {
            return -1;
        }
        leave(r, before);
    }
    return 0;
}

/* Rows may be shorter than the columns; what is missing is null. */
static int row(struct message_reader *r, const struct json *node, const struct mplane_message *m,
               const enum primitive *types, struct slice *cells)
{
    struct mplane_section_fault f;
    if (mplane_section_row(node, m->row_count, m->column_count, &f) == -1) {
        return section_fault(r, &f);
    }
    size_t outer = enter(r, ".resultvalues[%u]", m->row_count);
    uint32_t i = 0;
    for (const struct json *e = node->first; e != NULL; e = e->next, i++) {
        size_t before = enter(r, "[%u]", i);
        if (value(r, types[i], e, &cells[i]) == -1) {
            return -1;
        }
        leave(r, before);
    }
    leave(r, outer);
    return 0;
}

static int rows(struct message_reader *r, const struct mplane_members *from,
                struct mplane_message *m, const enum primitive *types)
{
    const struct json *node;
    struct mplane_section_fault f;
    if (mplane_section_rows(from, &node, &f) == -1) {
        return section_fault(r, &f);
    }
    if (node == NULL || node->count == 0) {
        return 0;
    }
    if (m->column_count == 0) {
        return fault(r, "resultvalues: there are no columns for them");
    }
    m->cells = arena_calloc(r->arena, (size_t)node->count * m->column_count, sizeof *m->cells);
    if (m->cells == NULL) {
        return full(r);
    }
    for (const struct json *e = node->first; e != NULL; e = e->next) {
        if (row(r, e, m, types, m->cells + (size_t)m->row_count * m->column_count) == -1) {
            return -1;
        }
        m->row_count++;
    }
    return 0;
}

/* What a message of its kind cannot do without. */
static int complete(struct message_reader *r, const struct mplane_message *m)
{
    bool notification = m->kind == MPLANE_RECEIPT || m->kind == MPLANE_REDEMPTION ||
                        m->kind == MPLANE_INTERRUPT || m->kind == MPLANE_WITHDRAWAL;
    if (!m->has_when && !notification) {
        return fault(r, "when: expected the temporal scope, found nothing");
    }
    if (!m->has_when && m->token.at == NULL) {
        return fault(r, "token: expected the token of what the %s is for, found nothing",
                     mplane_kind_name(m->kind));
    }
    if (m->kind == MPLANE_RESULT && !when_is_definite(&m->when)) {
        return fault(r, "when: expected an absolute scope, which a result has");
    }
    return 0;
}

static int statement(struct message_reader *r, const struct mplane_members *from,
                     struct mplane_message *m)
{
    enum primitive *types;
    if (version(r, from) == -1 || text_section(r, from, MPLANE_KEY_REGISTRY, &m->registry) == -1 ||
        text_section(r, from, MPLANE_KEY_LABEL, &m->label) == -1 ||
        text_section(r, from, MPLANE_KEY_TOKEN, &m->token) == -1 ||
        text_section(r, from, MPLANE_KEY_LINK, &m->link) == -1 ||
        text_section(r, from, MPLANE_KEY_EXPORT, &m->export) == -1 || scope(r, from, m) == -1 ||
        parameters(r, from, m) == -1 || metadata(r, from, m) == -1 ||
        columns(r, from, m, &types) == -1) {
        return -1;
    }
    if (m->link.len == 0) {
        m->link.at = NULL;
    }
    if (m->kind == MPLANE_RESULT && rows(r, from, m, types) == -1) {
        return -1;
    }
    return complete(r, m);
}

static int message(struct message_reader *r, const struct json *tree, struct mplane_message *m);

static int envelope(struct message_reader *r, const struct mplane_members *from,
                    struct mplane_message *m)
{
    const struct json *contents = from->at[MPLANE_KEY_CONTENTS];
    if (version(r, from) == -1 || text_section(r, from, MPLANE_KEY_TOKEN, &m->token) == -1 ||
        text_section(r, from, MPLANE_KEY_LABEL, &m->label) == -1 ||
        text_section(r, from, MPLANE_KEY_REGISTRY, &m->registry) == -1 || scope(r, from, m) == -1) {
        return -1;
    }
    if (contents == NULL || contents->type != JSON_ARRAY) {
        enter(r, ".%s", mplane_key_name(MPLANE_KEY_CONTENTS));
        return fault(r, "expected an array of messages, found %s",
                     contents == NULL ? "nothing" : json_type_name(contents->type));
    }
    m->contents = arena_calloc(r->arena, (size_t)contents->count + 1, sizeof *m->contents);
    if (m->contents == NULL) {
        return full(r);
    }
    for (const struct json *e = contents->first; e != NULL; e = e->next) {
        size_t before = enter(r, ".contents[%u]", m->content_count);
        if (message(r, e, &m->contents[m->content_count++]) == -1) {
            return -1;
        }
        leave(r, before);
    }
    return 0;
}

/* The programs put the token under "exception", the specification under "token". */
static int exception(struct message_reader *r, const struct mplane_members *from,
                     struct mplane_message *m)
{
    m->token = mplane_members_text(from, MPLANE_KEY_EXCEPTION);
    return text_section(r, from, MPLANE_KEY_MESSAGE, &m->text) == -1
               ? -1
               : text_section(r, from, MPLANE_KEY_TOKEN, &m->token);
}

/* Which kind of message it is; exactly one of the keys must be there. */
static int kind_of(struct message_reader *r, const struct mplane_members *from)
{
    if (from->message->type != JSON_OBJECT) {
        return fault(r, "expected a message, found %s", json_type_name(from->message->type));
    }
    if (from->kinds != 1) {
        return fault(r,
                     "expected exactly one of the keys capability, specification, result, "
                     "receipt, redemption, interrupt, withdrawal, exception and envelope, "
                     "found %u",
                     from->kinds);
    }
    return 0;
}

static int message(struct message_reader *r, const struct json *tree, struct mplane_message *m)
{
    struct mplane_members from;
    mplane_members_sort(tree, &from);
    if (kind_of(r, &from) == -1) {
        return -1;
    }
    m->kind = from.kind;
    if (m->kind == MPLANE_EXCEPTION) {
        return exception(r, &from, m);
    }
    enum mplane_key key = mplane_kind_key(m->kind);
    m->verb = mplane_members_text(&from, key);
    if (m->verb.len == 0) {
        return fault(r, "%s: expected a string, found %s", mplane_key_name(key),
                     json_type_name(from.at[key]->type));
    }
    return m->kind == MPLANE_ENVELOPE ? envelope(r, &from, m) : statement(r, &from, m);
}

const struct mplane_message *mplane_message_read(struct arena *a, const struct json *tree,
                                                 const struct registry *r, char *error,
                                                 size_t error_size)
{
    struct message_reader reader = {a, r, error, error_size, "", 0};
    struct mplane_message *m = arena_calloc(a, 1, sizeof *m);
    if (m == NULL) {
        full(&reader);
        return NULL;
    }
    return message(&reader, tree, m) == -1 ? NULL : m;
}
