/* SPDX-License-Identifier: Apache-2.0 */
/* What a result's records are about: who measured what between which ends. */
#include "ingestd/result/result_reader.h"

#include <stdio.h>

#include "common/address.h"
#include "common/record_dimensions.h"

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

/* Among the parameters "source.*" or "destination.*": what goes first, whatever else is there. A
 * name goes before the address it had, since it is there as well when it had none. */
static const struct slice endpoint_names[] = {SLICE("fqdn"), SLICE("hostname"), SLICE("host"),
                                              SLICE("name"), SLICE("url"),      SLICE("ip4"),
                                              SLICE("ip6")};
#define ENDPOINT_NAMES (sizeof endpoint_names / sizeof *endpoint_names)

static size_t endpoint_rank(struct slice name)
{
    size_t rank = 0;
    while (rank < ENDPOINT_NAMES && !slice_equal(name, endpoint_names[rank])) {
        rank++;
    }
    return rank;
}

/*
 * What stands at one end of the measurement: of the parameters of this prefix ("source." or
 * "destination.") the first by endpoint_names, else the first other one; but never a port, by which
 * every measurement would be a series of its own.
 */
static struct slice endpoint(const struct result_reading *g, const char *prefix)
{
    struct slice found = {"", 0};
    size_t best = ENDPOINT_NAMES + 1, skip = strlen(prefix);
    for (uint32_t i = 0; i < g->schema.parameters_count; i++) {
        struct slice name = g->schema.parameters[i];
        if (!slice_starts(name, prefix) || g->tail[i].len == 0) {
            continue;
        }
        struct slice rest = {name.at + skip, name.len - skip};
        size_t rank = endpoint_rank(rest);
        if (rank < best && !slice_is(rest, "port")) {
            best = rank;
            found = g->tail[i];
        }
    }
    return found;
}

/*
 * Type and content. The type: given outright, else by the mapping, else by the label. The content:
 * given outright, else by the mapping that told this type, else what the type has, so that a
 * report of a failure is in the series of the successes.
 */
static int read_type(struct result_reader *r, struct result_reading *g)
{
    struct record_message *c = &g->common;
    const struct record_types *types = r->means->types;
    struct record_types_kind kind;
    c->type = given(g, "record.type");
    c->content = given(g, "record.content");
    if (c->type.at != NULL && c->content.at != NULL) {
        return 0;
    }
    const struct record_types_clues clues = {
        c->label, g->schema.results,         g->schema.results_count, g->schema.parameters,
        g->tail,  g->schema.parameters_count};
    bool found = record_types_match(types, &clues, &kind) == 0;
    if (c->type.at == NULL) {
        c->type = found ? kind.type : record_types_named(types, c->label);
    }
    if (c->type.len == 0) {
        return result_refuse(r, RESULT_TYPE,
                             "expected record.type, columns of a known type or a label, found "
                             "none");
    }
    bool told = found && kind.content.at != NULL && slice_equal(kind.type, c->type);
    if (c->content.at == NULL &&
        (told || record_types_content(types, &clues, c->type, &kind) == 0)) {
        c->content = kind.content_from == NULL ? kind.content : parameter(g, kind.content_from);
    }
    if (c->content.at == NULL) {
        c->content = (struct slice){"", 0};
    }
    return 0;
}

/*
 * The path, and the hops where a parameter holds all of them. A list of hops that was sent as the
 * path and is too long for one is what it is: hops.
 */
static int read_path(struct result_reader *r, struct result_reading *g)
{
    struct record_message *c = &g->common;
    struct result_hops hops = {NULL, 0};
    for (uint32_t i = 0; i < g->schema.parameters_count; i++) {
        if (result_may_hold_hops(g->schema.parameters[i]) &&
            result_read_hops(r, g->tail[i], &hops) == -1) {
            return -1;
        }
    }
    struct result_hops sent_as_path = {NULL, 0};
    c->path = given(g, "record.path");
    if (c->path.len > LIMIT_DIMENSION_BYTES && result_read_hops(r, c->path, &sent_as_path) == -1) {
        return -1;
    }
    if (c->path.at == NULL || sent_as_path.count > 0) {
        c->path = (struct slice){"", 0};
    }
    hops = hops.count == 0 ? sent_as_path : hops;
    c->hops = hops.hop;
    c->hops_count = hops.count;
    return 0;
}

int result_check_lengths(struct result_reader *r, const struct record_message *c)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const struct slice *value = record_dimension(c, d);
        if (value->at == NULL) {
            return result_refuse_memory(r);
        }
        if (value->len > LIMIT_DIMENSION_BYTES) {
            return result_refuse(r, RESULT_LENGTH, "%s: expected at most %d bytes, found %zu",
                                 dimension_rows[d].element, LIMIT_DIMENSION_BYTES, value->len);
        }
    }
    size_t sum = record_dimensions_bytes(c);
    if (sum > LIMIT_DIMENSIONS_BYTES) {
        return result_refuse(r, RESULT_LENGTH,
                             "expected at most %d bytes of dimensions together, found %zu",
                             LIMIT_DIMENSIONS_BYTES, sum);
    }
    return 0;
}

static bool is_type_allowed(const struct result_origin *o, struct slice label)
{
    for (uint32_t i = 0; i < o->allowed_count; i++) {
        if (pattern_matches(&o->allowed[i], label)) {
            return true;
        }
    }
    return o->allowed == NULL;
}

static int refuse_series(struct result_reader *r, const struct record_message *c)
{
    char text[6 * (RESULT_EXCERPT_BYTES + 16)];
    size_t used = 0;
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const struct slice *value = record_dimension(c, d);
        if (value->len > 0) {
            int n = snprintf(text + used, sizeof text - used, "%s%s \"%.*s\"", used > 0 ? ", " : "",
                             dimension_rows[d].name, EXCERPT(*value));
            used += n > 0 ? (size_t)n : 0;
        }
    }
    return result_refuse(r, RESULT_DENIED_SERIES, "not authorized to deliver records of %s", text);
}

/* All lengths were looked at before. */
int result_check_allowed(struct result_reader *r, const struct record_message *c)
{
    char text[sizeof LABEL_COLLECT + LIMIT_DIMENSION_BYTES];
    const struct result_origin *o = r->origin;
    int n = snprintf(text, sizeof text, LABEL_COLLECT "%.*s", (int)c->type.len, c->type.at);
    struct slice label = {text, (size_t)n};
    if (!is_type_allowed(o, label)) {
        return result_refuse(r, RESULT_DENIED, "not authorized to use the capability %.*s",
                             EXCERPT(label));
    }
    return o->bound == NULL || series_bound_fits(o->bound, label, c) ? 0 : refuse_series(r, c);
}

int result_read_dimensions(struct result_reader *r, struct result_reading *g)
{
    struct record_message *c = &g->common;
    if (read_type(r, g) == -1) {
        return -1;
    }
    struct slice probe = metadatum(g, "System_ID");
    if (probe.at == NULL) {
        probe = given(g, "record.probe");
    }
    c->probe = address_canonical(r->arena, probe.at != NULL ? probe : r->origin->sender);
    c->source = address_host(r->arena, endpoint(g, "source."));
    c->dest = address_host(r->arena, endpoint(g, "destination."));
    return read_path(r, g) == -1 || result_check_lengths(r, c) == -1 ? -1
                                                                     : result_check_allowed(r, c);
}
