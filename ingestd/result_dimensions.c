/* What a result's records are about: who measured what between which ends. */
#include "ingestd/result_reader.h"

#include <stdio.h>

#include "common/address.h"

/* A parameter's value by name; no value when it is absent, null or "". */
static struct slice parameter(const struct result_reading *g, const char *name)
{
    for (uint32_t i = 0; i < g->schema.parameters_count; i++) {
        if (slice_is(g->schema.parameters[i], name) && g->tail[i].len > 0) {
            return g->tail[i];
        }
    }
    return (struct slice){NULL, 0};
}

static struct slice metadatum(const struct result_reading *g, const char *name)
{
    const struct slice *values = g->tail + g->schema.parameters_count;
    for (uint32_t i = 0; i < g->schema.metadata_count; i++) {
        if (slice_is(g->schema.metadata[i], name) && values[i].len > 0) {
            return values[i];
        }
    }
    return (struct slice){NULL, 0};
}

/* Given outright: as a parameter or in the metadata. */
static struct slice given(const struct result_reading *g, const char *name)
{
    struct slice value = parameter(g, name);
    return value.at != NULL ? value : metadatum(g, name);
}

/*
 * What stands at one end of the measurement: the address among the parameters of this prefix
 * ("source." or "destination."), else the first other one; but never a port, by which every
 * measurement would be a series of its own.
 */
static struct slice endpoint(const struct result_reading *g, const char *prefix)
{
    struct slice other = {"", 0}, ip6 = {NULL, 0};
    size_t skip = strlen(prefix);
    for (uint32_t i = 0; i < g->schema.parameters_count; i++) {
        struct slice name = g->schema.parameters[i];
        if (!slice_starts(name, prefix) || g->tail[i].len == 0) {
            continue;
        }
        struct slice rest = {name.at + skip, name.len - skip};
        if (slice_is(rest, "ip4")) {
            return g->tail[i];
        }
        if (slice_is(rest, "ip6")) {
            ip6 = g->tail[i];
        } else if (other.len == 0 && !slice_is(rest, "port")) {
            other = g->tail[i];
        }
    }
    return ip6.at != NULL ? ip6 : other;
}

/* Type and content: given outright, else by the columns, else the label up to its first '-'. */
static int read_type(struct result_reader *r, struct result_reading *g)
{
    struct record_message *c = &g->common;
    struct slice type, content;
    const char *content_from = NULL;
    c->type = given(g, "record.type");
    c->content = given(g, "record.content");
    if (c->type.at != NULL && c->content.at != NULL) {
        return 0;
    }
    if (record_types_match(r->means->types, g->schema.results, g->schema.results_count, &type,
                           &content, &content_from) == 0 &&
        (c->type.at == NULL || slice_equal(c->type, type))) {
        c->type = type;
        if (c->content.at == NULL) {
            c->content = content_from == NULL ? content : parameter(g, content_from);
        }
    }
    if (c->type.at == NULL) {
        const char *dash = c->label.len == 0 ? NULL : memchr(c->label.at, '-', c->label.len);
        c->type =
            (struct slice){c->label.at, dash == NULL ? c->label.len : (size_t)(dash - c->label.at)};
        if (c->type.len == 0) {
            return result_refuse(
                r, RESULT_TYPE,
                "expected record.type, columns of a known type or a label, found none");
        }
    }
    if (c->content.at == NULL) {
        c->content = (struct slice){"", 0};
    }
    return 0;
}

static int check_lengths(struct result_reader *r, const struct record_message *c)
{
    const struct slice *all[] = {&c->type, &c->content, &c->probe, &c->source, &c->dest, &c->path};
    static const char *const names[] = {"type", "content", "probe", "source", "dest", "path"};
    size_t sum = 0;
    for (size_t i = 0; i < 6; i++) {
        if (all[i]->at == NULL) {
            return result_refuse_memory(r);
        }
        if (all[i]->len > LIMIT_DIMENSION_BYTES) {
            return result_refuse(r, RESULT_LENGTH,
                                 "record.%s: expected at most %d bytes, found %zu", names[i],
                                 LIMIT_DIMENSION_BYTES, all[i]->len);
        }
        sum += all[i]->len;
    }
    if (sum > LIMIT_DIMENSIONS_BYTES) {
        return result_refuse(r, RESULT_LENGTH,
                             "expected at most %d bytes of dimensions together, found %zu",
                             LIMIT_DIMENSIONS_BYTES, sum);
    }
    return 0;
}

/* Whether this type may come from there; its length is looked at before all of it is compared. */
static int check_allowed(struct result_reader *r, struct slice type)
{
    char label[sizeof LABEL_COLLECT + LIMIT_DIMENSION_BYTES];
    if (r->origin->allowed == NULL || type.len > LIMIT_DIMENSION_BYTES) {
        return 0;
    }
    int n = snprintf(label, sizeof label, LABEL_COLLECT "%.*s", (int)type.len, type.at);
    for (uint32_t i = 0; i < r->origin->allowed_count; i++) {
        if (pattern_matches(&r->origin->allowed[i], (struct slice){label, (size_t)n})) {
            return 0;
        }
    }
    return result_refuse(r, RESULT_DENIED, "not authorized to use the capability %.*s",
                         EXCERPT(slice_of(label)));
}

int result_read_dimensions(struct result_reader *r, struct result_reading *g)
{
    struct record_message *c = &g->common;
    if (read_type(r, g) == -1 || check_allowed(r, c->type) == -1) {
        return -1;
    }
    struct slice probe = metadatum(g, "System_ID");
    if (probe.at == NULL) {
        probe = given(g, "record.probe");
    }
    c->probe = address_canonical(r->arena, probe.at != NULL ? probe : r->origin->sender);
    c->source = address_canonical(r->arena, endpoint(g, "source."));
    c->dest = address_canonical(r->arena, endpoint(g, "destination."));
    c->path = given(g, "record.path");
    if (c->path.at == NULL) {
        c->path = (struct slice){"", 0};
    }
    return check_lengths(r, c);
}
