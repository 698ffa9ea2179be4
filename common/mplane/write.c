/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mPlane messages as JSON: sorted keys, two blanks, ASCII, as mPlane programs write them. Written
 * twice: first only counted, then into memory of that size.
 */
#include <stdio.h>

#include "common/mplane/value.h"
#include "common/mplane/write.h"
#include "common/utf8.h"

struct writer {
    char *at; /* NULL: only counting */
    size_t len;
    unsigned indent;
    struct arena *arena;
    const struct registry *registry;
    bool failed;
    size_t label_at, label_end; /* of the outermost message */
};

static void put(struct writer *w, const char *text, size_t n)
{
    if (w->at != NULL && n > 0) {
        memcpy(w->at + w->len, text, n);
    }
    w->len += n;
}

static void put_text(struct writer *w, const char *text)
{
    put(w, text, strlen(text));
}

static void put_line(struct writer *w)
{
    put(w, "\n", 1);
    for (unsigned i = 0; i < w->indent; i++) {
        put(w, "  ", 2);
    }
}

static void begin(struct writer *w, const char *bracket)
{
    put_text(w, bracket);
    w->indent++;
}

static void end(struct writer *w, const char *bracket)
{
    w->indent--;
    put_line(w);
    put_text(w, bracket);
}

/* Before each member or element: a comma but before the first, and a new line. */
static void next(struct writer *w, bool first)
{
    if (!first) {
        put(w, ",", 1);
    }
    put_line(w);
}

/* The character at s, how many bytes it has; U+FFFD and 1 for what is no UTF-8. */
static uint32_t decode(struct slice s, size_t *size)
{
    size_t length = utf8_character(s.at, s.at + s.len);
    *size = length == 0 ? 1 : length;
    return length == 0 ? 0xfffd : utf8_code(s.at, length);
}

static void put_escaped(struct writer *w, uint32_t code)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    char text[16];
    const char *found = code != 0 && code < 0x80 ? strchr(special, (int)code) : NULL;
    if (found != NULL) {
        snprintf(text, sizeof text, "\\%c", letters[found - special]);
    } else if (code >= 0x20 && code < 0x7f) {
        snprintf(text, sizeof text, "%c", (char)code);
    } else if (code < 0x10000) {
        snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
    } else {
        snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
                 (unsigned)(0xdc00 + ((code - 0x10000) & 0x3ff)));
    }
    put_text(w, text);
}

static void put_string(struct writer *w, struct slice s)
{
    put(w, "\"", 1);
    while (s.len > 0) {
        size_t plain = 0, size;
        while (plain < s.len && s.at[plain] >= 0x20 && s.at[plain] < 0x7f && s.at[plain] != '"' &&
               s.at[plain] != '\\') {
            plain++;
        }
        put(w, s.at, plain);
        s.at += plain;
        s.len -= plain;
        if (s.len > 0) {
            put_escaped(w, decode(s, &size));
            s.at += size;
            s.len -= size;
        }
    }
    put(w, "\"", 1);
}

/* A value; null is "*", but for times, where no string stands for it. */
static void put_value(struct writer *w, struct slice text, bool null_is_text)
{
    if (text.at != NULL) {
        put_string(w, text);
    } else {
        put_text(w, null_is_text ? "\"*\"" : "null");
    }
}

static bool null_is_text(const struct writer *w, struct slice element)
{
    return value_null_is_text(registry_primitive(w->registry, element));
}

static void put_list(struct writer *w, const struct slice *values, uint32_t count, bool as_text)
{
    if (count == 0) {
        put_text(w, "[]");
        return;
    }
    begin(w, "[");
    for (uint32_t i = 0; i < count; i++) {
        next(w, i == 0);
        put_value(w, values[i], as_text);
    }
    end(w, "]");
}

static void put_parameters(struct writer *w, const struct mplane_message *m)
{
    const struct mplane_parameter *sorted = mplane_parameters_sorted(w->arena, m);
    if (sorted == NULL) {
        w->failed = true;
        return;
    }
    begin(w, "{");
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        const struct mplane_parameter *p = &sorted[i];
        bool as_text = null_is_text(w, p->name);
        next(w, i == 0);
        put_string(w, p->name);
        put_text(w, ": ");
        if (p->list) {
            put_list(w, p->values, p->count, as_text);
        } else if (p->count == 1) {
            put_value(w, p->values[0], as_text);
        } else {
            w->failed = true;
        }
    }
    end(w, "}");
}

static void put_metadata(struct writer *w, const struct mplane_message *m)
{
    const struct mplane_metadata *sorted = mplane_metadata_sorted(w->arena, m);
    if (sorted == NULL) {
        w->failed = true;
        return;
    }
    begin(w, "{");
    for (uint32_t i = 0; i < m->metadata_count; i++) {
        next(w, i == 0);
        put_string(w, sorted[i].name);
        put_text(w, ": ");
        put_value(w, sorted[i].value, null_is_text(w, sorted[i].name));
    }
    end(w, "}");
}

static void put_rows(struct writer *w, const struct mplane_message *m)
{
    bool *as_text = arena_calloc(w->arena, m->column_count, sizeof *as_text);
    if (as_text == NULL) {
        w->failed = true;
        return;
    }
    for (uint32_t i = 0; i < m->column_count; i++) {
        as_text[i] = null_is_text(w, m->columns[i]);
    }
    begin(w, "[");
    for (uint32_t r = 0; r < m->row_count; r++) {
        next(w, r == 0);
        begin(w, "[");
        for (uint32_t i = 0; i < m->column_count; i++) {
            next(w, i == 0);
            put_value(w, m->cells[(size_t)r * m->column_count + i], as_text[i]);
        }
        end(w, "]");
    }
    end(w, "]");
}

static void put_message(struct writer *w, const struct mplane_message *m);

static void put_contents(struct writer *w, const struct mplane_message *m)
{
    if (m->content_count == 0) {
        put_text(w, "[]");
        return;
    }
    begin(w, "[");
    for (uint32_t i = 0; i < m->content_count; i++) {
        next(w, i == 0);
        put_message(w, &m->contents[i]);
    }
    end(w, "]");
}

/* A section that is a string; {NULL, 0} when the message has none. */
static struct slice text_section_of(const struct mplane_message *m, enum mplane_key key)
{
    switch (key) {
    case MPLANE_KEY_EXPORT:
        return m->export;
    case MPLANE_KEY_LABEL:
        return m->label;
    case MPLANE_KEY_LINK:
        return m->link;
    case MPLANE_KEY_MESSAGE:
        return m->text;
    case MPLANE_KEY_REGISTRY:
        return m->registry;
    case MPLANE_KEY_TOKEN:
        return m->token;
    default:
        return (struct slice){NULL, 0};
    }
}

static bool has(const struct mplane_message *m, enum mplane_key key)
{
    bool exception = m->kind == MPLANE_EXCEPTION;
    switch (key) {
    case MPLANE_KEY_CONTENTS:
        return m->kind == MPLANE_ENVELOPE;
    case MPLANE_KEY_MESSAGE:
        return exception;
    case MPLANE_KEY_METADATA:
        return m->metadata_count > 0;
    case MPLANE_KEY_PARAMETERS:
        return m->parameter_count > 0;
    case MPLANE_KEY_RESULTS:
        return m->column_count > 0;
    case MPLANE_KEY_RESULTVALUES:
        return m->row_count > 0 && m->column_count > 0;
    case MPLANE_KEY_TOKEN:
        return m->token.at != NULL && !exception;
    case MPLANE_KEY_VERSION:
        return !exception;
    case MPLANE_KEY_WHEN:
        return m->has_when;
    default:
        return key == mplane_kind_key(m->kind) || text_section_of(m, key).at != NULL;
    }
}

static void put_scope(struct writer *w, const struct mplane_message *m)
{
    struct slice text = when_text(w->arena, &m->when);
    w->failed = w->failed || text.at == NULL;
    put_string(w, text);
}

static void put_label(struct writer *w, struct slice label)
{
    size_t from = w->len;
    put_string(w, label);
    if (w->indent == 1) {
        w->label_at = from;
        w->label_end = w->len;
    }
}

/* What names the kind holds the verb, or an exception's token. */
static void put_kind(struct writer *w, const struct mplane_message *m)
{
    if (m->kind == MPLANE_EXCEPTION) {
        put_value(w, m->token, false);
    } else {
        put_string(w, m->verb);
    }
}

static void put_member(struct writer *w, const struct mplane_message *m, enum mplane_key key)
{
    switch (key) {
    case MPLANE_KEY_CONTENTS:
        put_contents(w, m);
        break;
    case MPLANE_KEY_LABEL:
        put_label(w, m->label);
        break;
    case MPLANE_KEY_METADATA:
        put_metadata(w, m);
        break;
    case MPLANE_KEY_PARAMETERS:
        put_parameters(w, m);
        break;
    case MPLANE_KEY_RESULTS:
        put_list(w, m->columns, m->column_count, true);
        break;
    case MPLANE_KEY_RESULTVALUES:
        put_rows(w, m);
        break;
    case MPLANE_KEY_VERSION:
        put_text(w, "1");
        break;
    case MPLANE_KEY_WHEN:
        put_scope(w, m);
        break;
    default:
        if (key == mplane_kind_key(m->kind)) {
            put_kind(w, m);
        } else {
            put_string(w, text_section_of(m, key));
        }
    }
}

static void put_message(struct writer *w, const struct mplane_message *m)
{
    bool first = true;
    /* A result says when it was measured, absolutely. */
    if (m->kind == MPLANE_RESULT && (!m->has_when || !when_is_definite(&m->when))) {
        w->failed = true;
        return;
    }
    begin(w, "{");
    for (int i = 0; i < MPLANE_KEY_COUNT; i++) {
        enum mplane_key key = (enum mplane_key)i;
        if (has(m, key)) {
            next(w, first);
            put_string(w, slice_of(mplane_key_name(key)));
            put_text(w, ": ");
            put_member(w, m, key);
            first = false;
        }
    }
    end(w, "}");
}

int write_message(struct arena *a, const struct mplane_message *m, const struct registry *r,
                  struct written *w)
{
    struct writer writer = {.at = w->at, .arena = a, .registry = r};
    put_message(&writer, m);
    w->len = writer.len;
    w->label_at = writer.label_at;
    w->label_end = writer.label_end;
    return writer.failed ? -1 : 0;
}

struct slice write_string(struct arena *a, struct slice s)
{
    struct writer count = {.arena = a};
    put_string(&count, s);
    struct writer w = {.at = arena_alloc(a, count.len + 1), .arena = a};
    if (w.at == NULL) {
        return (struct slice){NULL, 0};
    }
    put_string(&w, s);
    return (struct slice){w.at, w.len};
}

struct slice mplane_message_write(struct arena *a, const struct mplane_message *m,
                                  const struct registry *r)
{
    const struct slice none = {NULL, 0};
    struct written w = {NULL, 0, 0, 0};
    if (write_message(a, m, r, &w) == -1 || (w.at = arena_alloc(a, w.len + 1)) == NULL ||
        write_message(a, m, r, &w) == -1) {
        return none;
    }
    w.at[w.len] = '\0';
    return (struct slice){w.at, w.len};
}
