/* SPDX-License-Identifier: Apache-2.0 */
/* mPlane messages as structs: made, looked into, copied. */
#include "common/mplane/mplane_message.h"

#include <stdlib.h>

#include "schemas/messages.h"

const struct json_limits mplane_limits = {32, 1200000, LIMIT_DOCUMENT_BYTES, false};

struct mplane_message mplane_exception(struct slice token, struct slice text)
{
    return (struct mplane_message){.kind = MPLANE_EXCEPTION, .token = token, .text = text};
}

struct mplane_message mplane_message_answer(enum mplane_kind kind, const struct mplane_message *to)
{
    struct mplane_message m = *to;
    m.kind = kind;
    m.link = m.export = m.text = (struct slice){NULL, 0};
    m.cells = NULL;
    m.row_count = 0;
    m.contents = NULL;
    m.content_count = 0;
    return m;
}

const struct mplane_parameter *mplane_message_parameter(const struct mplane_message *m,
                                                        struct slice name)
{
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        if (slice_equal(m->parameters[i].name, name)) {
            return &m->parameters[i];
        }
    }
    return NULL;
}

struct slice mplane_message_value(const struct mplane_message *m, const char *name)
{
    const struct mplane_parameter *p = mplane_message_parameter(m, slice_of(name));
    return p == NULL || p->list ? (struct slice){NULL, 0} : p->values[0];
}

/* Of elements that begin with their name. */
static int name_order(const void *a, const void *b)
{
    return slice_order(*(const struct slice *)a, *(const struct slice *)b);
}

static void *sorted(struct arena *a, const void *elements, uint32_t count, size_t size)
{
    void *copy = arena_calloc(a, (size_t)count + 1, size);
    if (copy != NULL && count > 0) {
        memcpy(copy, elements, count * size);
        qsort(copy, count, size, name_order);
    }
    return copy;
}

struct mplane_parameter *mplane_parameters_sorted(struct arena *a, const struct mplane_message *m)
{
    return sorted(a, m->parameters, m->parameter_count, sizeof *m->parameters);
}

struct mplane_metadata *mplane_metadata_sorted(struct arena *a, const struct mplane_message *m)
{
    return sorted(a, m->metadata, m->metadata_count, sizeof *m->metadata);
}

struct slice *mplane_columns_sorted(struct arena *a, const struct mplane_message *m)
{
    return sorted(a, m->columns, m->column_count, sizeof *m->columns);
}

int mplane_message_column(const struct mplane_message *m, struct slice name)
{
    for (uint32_t i = 0; i < m->column_count; i++) {
        if (slice_equal(m->columns[i], name)) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- copying ---- */

struct message_copier {
    struct arena *arena;
    bool is_full;
};

/* Elements without what they point to; NULL when there are none. */
static void *copy_elements(struct message_copier *c, const void *from, size_t count, size_t size)
{
    void *to = count == 0 ? NULL : arena_calloc(c->arena, count, size);
    if (to != NULL) {
        memcpy(to, from, count * size);
    } else if (count > 0) {
        c->is_full = true;
    }
    return to;
}

static void copy_text(struct message_copier *c, struct slice *text)
{
    if (text->at != NULL) {
        *text = arena_copy(c->arena, *text);
        c->is_full = c->is_full || text->at == NULL;
    }
}

static struct slice *copy_texts(struct message_copier *c, const struct slice *from, size_t count)
{
    struct slice *to = copy_elements(c, from, count, sizeof *to);
    for (size_t i = 0; to != NULL && i < count; i++) {
        copy_text(c, &to[i]);
    }
    return to;
}

static struct mplane_parameter *copy_parameters(struct message_copier *c,
                                                const struct mplane_message *m)
{
    struct mplane_parameter *to = copy_elements(c, m->parameters, m->parameter_count, sizeof *to);
    for (uint32_t i = 0; to != NULL && i < m->parameter_count; i++) {
        copy_text(c, &to[i].name);
        to[i].values = copy_texts(c, to[i].values, to[i].count);
    }
    return to;
}

static struct mplane_metadata *copy_metadata(struct message_copier *c,
                                             const struct mplane_message *m)
{
    struct mplane_metadata *to = copy_elements(c, m->metadata, m->metadata_count, sizeof *to);
    for (uint32_t i = 0; to != NULL && i < m->metadata_count; i++) {
        copy_text(c, &to[i].name);
        copy_text(c, &to[i].value);
    }
    return to;
}

/* What the message points to becomes its own. Envelopes are nested as deep as they were read. */
static void copy_parts(struct message_copier *c, struct mplane_message *m)
{
    struct slice *const texts[] = {&m->verb, &m->registry, &m->label, &m->token,
                                   &m->link, &m->export,   &m->text};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        copy_text(c, texts[i]);
    }
    m->parameters = copy_parameters(c, m);
    m->metadata = copy_metadata(c, m);
    m->columns = copy_texts(c, m->columns, m->column_count);
    m->cells = copy_texts(c, m->cells, (size_t)m->row_count * m->column_count);
    m->contents = copy_elements(c, m->contents, m->content_count, sizeof *m->contents);
    for (uint32_t i = 0; m->contents != NULL && i < m->content_count; i++) {
        copy_parts(c, &m->contents[i]);
    }
}

const struct mplane_message *mplane_message_copy(struct arena *a, const struct mplane_message *m)
{
    struct message_copier c = {a, false};
    struct mplane_message *copy = copy_elements(&c, m, 1, sizeof *m);
    if (copy != NULL) {
        copy_parts(&c, copy);
    }
    return c.is_full ? NULL : copy;
}
