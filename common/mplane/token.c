/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as mPlane programs compute them: MD5 over the sections, names sorted, joined by blanks. */
#include "common/mplane/token.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "common/mplane/value.h"

struct digest {
    EVP_MD_CTX *md5;
    bool failed;
};

static void add(struct digest *d, struct slice s)
{
    if (s.len > 0 && EVP_DigestUpdate(d->md5, s.at, s.len) != 1) {
        d->failed = true;
    }
}

static void add_text(struct digest *d, const char *text)
{
    add(d, slice_of(text));
}

void token_text(const unsigned char bytes[TOKEN_BYTES], char token[TOKEN_TEXT])
{
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    }
}

static int digest_end(struct digest *d, char token[TOKEN_TEXT])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!d->failed && (EVP_DigestFinal_ex(d->md5, bytes, &size) != 1 || size != TOKEN_BYTES)) {
        d->failed = true;
    }
    EVP_MD_CTX_free(d->md5);
    if (d->failed) {
        return -1;
    }
    token_text(bytes, token);
    return 0;
}

/* The message with its sections in the order they are hashed in. -1 when the arena is full. */
static int in_order(struct arena *a, const struct mplane_message *m, struct mplane_message *copy)
{
    *copy = *m;
    copy->parameters = mplane_parameters_sorted(a, m);
    copy->metadata = mplane_metadata_sorted(a, m);
    copy->columns = mplane_columns_sorted(a, m);
    return copy->parameters == NULL || copy->metadata == NULL || copy->columns == NULL ? -1 : 0;
}

/* A string in quotes as Python's repr() writes it. */
static void add_quoted(struct digest *d, struct slice s)
{
    bool single = s.len > 0 && memchr(s.at, '\'', s.len) != NULL;
    bool twice = s.len > 0 && memchr(s.at, '"', s.len) != NULL;
    char quote = single && !twice ? '"' : '\'';
    add(d, (struct slice){&quote, 1});
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i], text[8];
        if (c == '\n' || c == '\r' || c == '\t') {
            snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if ((unsigned char)c < 0x20 || c == 0x7f) {
            snprintf(text, sizeof text, "\\x%02x", (unsigned)c);
        } else {
            snprintf(text, sizeof text, "%s%c", c == quote || c == '\\' ? "\\" : "", c);
        }
        add_text(d, text);
    }
    add(d, (struct slice){&quote, 1});
}

static void add_null(struct digest *d, enum primitive primitive)
{
    add_text(d, value_null_is_text(primitive) ? "*" : "None");
}

/* A parameter's value; a list as Python's repr() writes it. */
static void add_value(struct digest *d, const struct mplane_parameter *p, const struct registry *r)
{
    if (!p->list) {
        if (p->values[0].at == NULL) {
            add_null(d, registry_primitive(r, p->name));
        } else {
            add(d, p->values[0]);
        }
        return;
    }
    add_text(d, "[");
    for (uint32_t i = 0; i < p->count; i++) {
        add_text(d, i == 0 ? "" : ", ");
        add_quoted(d, p->values[i].at == NULL ? slice_of("*") : p->values[i]);
    }
    add_text(d, "]");
}

static const char *blank(uint32_t i)
{
    return i == 0 ? "" : " ";
}

static void add_columns(struct digest *d, const struct mplane_message *m)
{
    add_text(d, " r ");
    for (uint32_t i = 0; i < m->column_count; i++) {
        add_text(d, blank(i));
        add(d, m->columns[i]);
    }
}

/* What a capability bears are constraints: its values are all null. */
static void add_values(struct digest *d, const struct mplane_message *m, const struct registry *r)
{
    bool constrained = m->kind == MPLANE_CAPABILITY || m->kind == MPLANE_WITHDRAWAL;
    add_text(d, " pv ");
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        add_text(d, blank(i));
        if (constrained) {
            add_null(d, registry_primitive(r, m->parameters[i].name));
        } else {
            add_value(d, &m->parameters[i], r);
        }
    }
}

/* Those of the capability; without one no parameter is constrained. */
static void add_constraints(struct digest *d, const struct mplane_message *m,
                            const struct mplane_message *capability)
{
    add_text(d, " pc ");
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        struct slice text = slice_of("*");
        for (uint32_t k = 0; capability != NULL && k < capability->parameter_count; k++) {
            if (slice_equal(capability->parameters[k].name, m->parameters[i].name)) {
                text = capability->parameters[k].values[0];
            }
        }
        add_text(d, blank(i));
        add(d, text);
    }
}

static void add_metadata(struct digest *d, const struct mplane_message *m)
{
    add_text(d, " mk ");
    for (uint32_t i = 0; i < m->metadata_count; i++) {
        add_text(d, blank(i));
        add(d, m->metadata[i].name);
    }
    add_text(d, " mv ");
    for (uint32_t i = 0; i < m->metadata_count; i++) {
        add_text(d, blank(i));
        add(d, m->metadata[i].value);
    }
}

/* Registry, verb, scope and parameter names, with which every digest begins. */
static int add_head(struct arena *a, struct digest *d, const struct mplane_message *m)
{
    struct slice when = m->has_when ? when_text(a, &m->when) : slice_of("");
    add(d, m->registry);
    add(d, m->verb);
    add_text(d, " w ");
    add(d, when);
    add_text(d, " pk ");
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        add_text(d, blank(i));
        add(d, m->parameters[i].name);
    }
    return when.at == NULL ? -1 : 0;
}

/* Of the message with its head; *s is the message in the order in which the rest is to be added. */
static struct digest digest_begin(struct arena *a, const struct mplane_message *m,
                                  struct mplane_message *s)
{
    struct digest d = {EVP_MD_CTX_new(), false};
    d.failed = d.md5 == NULL || EVP_DigestInit_ex(d.md5, EVP_md5(), NULL) != 1 ||
               in_order(a, m, s) == -1 || add_head(a, &d, s) == -1;
    return d;
}

int token_of_values(struct arena *a, const struct mplane_message *m, const struct registry *r,
                    char token[TOKEN_TEXT])
{
    struct mplane_message s;
    struct digest d = digest_begin(a, m, &s);
    if (!d.failed) {
        add_values(&d, &s, r);
        add_columns(&d, &s);
    }
    return digest_end(&d, token);
}

int token_of_specification(struct arena *a, const struct mplane_message *m, char token[TOKEN_TEXT])
{
    return token_of_values(a, m, NULL, token);
}

int token_of_statement(struct arena *a, const struct mplane_message *m,
                       const struct mplane_message *capability, const struct registry *r,
                       char token[TOKEN_TEXT])
{
    struct mplane_message s;
    struct digest d = digest_begin(a, m, &s);
    if (!d.failed) {
        add_constraints(&d, &s, capability);
        add_values(&d, &s, r);
        add_metadata(&d, &s);
        add_columns(&d, &s);
        add_text(&d, " ex ");
        add(&d, m->export.at == NULL ? slice_of("None") : m->export);
    }
    return digest_end(&d, token);
}

int token_of_capability(struct arena *a, const struct mplane_message *m, const struct registry *r,
                        char token[TOKEN_TEXT])
{
    return token_of_statement(a, m, m, r, token);
}
