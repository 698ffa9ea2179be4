/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are delivered: read step by step, taken whole. */
#include <stdio.h>

#include "common/ingest_limits.h"
#include "ingestd/intake_parts.h"

/* A body being read; in its arena. */
struct intake_body {
    struct received received;
    struct result_origin origin;
    struct result_limits limits;
    struct format_context context;
    struct series_bound *bound; /* NULL: none */
    struct result_set set;
    struct result_mapped *mapped; /* NULL: all that can be read is */
    char name[INTAKE_NAME_BYTES];
};

static enum sender_door door_of(const struct deliver_message *d)
{
    static const enum sender_door doors[] = {
        [DOOR_HTTPS] = SENDER_HTTPS, [DOOR_FILE] = SENDER_FILE};
    return d->import == 1 ? SENDER_IMPORT : doors[d->door];
}

struct slice intake_name(const struct deliver_message *d, char room[INTAKE_NAME_BYTES])
{
    snprintf(room, INTAKE_NAME_BYTES, "%s:%.*s", sender_door_name(door_of(d)), (int)d->sender.len,
             d->sender.at);
    return slice_of(room);
}

/* A body of which nothing was read; `otherwise` is said where there is no memory for the detail. */
static void refuse_whole(struct result_set *set, enum result_reason reason, const char *detail,
                         const char *otherwise)
{
    set->spare = (struct refusal){reason, detail == NULL ? otherwise : detail, NULL};
    set->refusals = &set->spare;
}

/* In the format of this name; one that is not there is refused. */
static void begin_mapped(struct intake *i, struct intake_body *b, const struct deliver_message *d)
{
    struct received *r = &b->received;
    const struct format_file *file = format_files_find(i->formats, d->format);
    if (file == NULL) {
        refuse_whole(&b->set, RESULT_FORMAT,
                     arena_printf(r->arena, "expected the name of a format, found \"%.*s\"",
                                  (int)d->format.len, d->format.at),
                     "no such format");
        return;
    }
    const struct result_mapping mapping = {slice_of(file->name), file->format, &b->context};
    b->limits.rows = b->limits.rows < INGEST_MAPPED_ROWS ? INGEST_MAPPED_ROWS : b->limits.rows;
    r->format = file->name;
    b->mapped = result_mapped_begin(r->arena, r->bytes, &mapping, &i->means, &b->limits, &b->origin,
                                    &b->set);
}

static void begin(struct intake *i, struct intake_body *b, const struct deliver_message *d)
{
    struct received *r = &b->received;
    if (d->late.len > 0) {
        refuse_whole(&b->set, RESULT_LATE, arena_copy(r->arena, d->late).at, "too late");
    } else if (d->delivers_count > 0 && b->bound == NULL) {
        refuse_whole(&b->set, RESULT_MEMORY, NULL, "no memory for what binds who delivers");
    } else if (r->bytes.len > (size_t)settings.body_bytes) {
        refuse_whole(&b->set, RESULT_LENGTH,
                     arena_printf(r->arena,
                                  "expected at most %zu bytes, found %zu; the limit is "
                                  "ingestd.body_bytes",
                                  (size_t)settings.body_bytes, r->bytes.len),
                     "expected fewer bytes");
    } else if (d->format.len > 0) {
        begin_mapped(i, b, d);
    } else {
        result_read(r->arena, r->bytes, &i->means, &b->limits, &b->origin, &b->set);
    }
}

/* What is known beside a body. Who may deliver files may also say whose they were. */
static void read_context(const struct deliver_message *d, struct format_context *context,
                         struct result_origin *origin)
{
    for (uint32_t k = 0; k < d->context_names_count && k < d->context_values_count; k++) {
        format_context_set(context, d->context_names[k], d->context_values[k]);
        if (d->door == DOOR_FILE && slice_is(d->context_names[k], "sender")) {
            origin->sender = d->context_values[k];
        }
    }
}

struct intake_body *intake_body_begin(struct intake *i, const struct deliver_message *d,
                                      struct slice body, struct arena *a)
{
    struct intake_body *b = arena_calloc(a, 1, sizeof *b);
    struct pattern *allowed = arena_alloc(a, (d->allowed_count + 1) * sizeof *allowed);
    if (b == NULL || allowed == NULL) {
        return NULL;
    }
    intake_name(d, b->name);
    b->origin = (struct result_origin){.sender = d->sender,
                                       .now_us = d->received_us,
                                       .allowed = allowed,
                                       .allowed_count =
                                           intake_allowed(d->allowed, d->allowed_count, allowed)};
    b->bound = d->delivers_count == 0 ? NULL : series_bound_new(d->delivers, d->delivers_count);
    b->origin.bound = b->bound;
    read_context(d, &b->context, &b->origin);
    enum sender_door door = door_of(d);
    b->limits = i->body_limits;
    b->received = (struct received){
        .bytes = body,
        .received_us = d->received_us,
        .sender = {.door = sender_door_name(door), .name = slice_of(b->name), .answered = true},
        .from = b->name,
        .place = d->place,
        .as = d->format.len > 0 ? d->format : slice_of(FORMAT_MPLANE),
        .context = &b->context,
        .door = door,
        .name = d->sender,
        .head_most = (size_t)settings.reject_head_bytes,
        .arena = a};
    sender_rules_limits(i->rules, door, d->sender, NULL, &b->received.own);
    intake_apply_limits(&b->received, &b->origin, &b->limits);
    begin(i, b, d);
    return b;
}

bool intake_body_go_on(struct intake_body *b)
{
    return b->mapped != NULL && result_mapped_go_on(b->mapped);
}

void intake_body_end(struct intake_body *b)
{
    if (b->mapped != NULL) {
        result_mapped_end(b->mapped);
    }
    series_bound_free(&b->bound);
}

struct intake_outcome intake_body_take(struct intake *i, struct intake_body *b, int64_t now_us)
{
    counters[COUNT_RECEIVED_DATAGRAMS]++;
    counters[COUNT_RECEIVED_BYTES] += b->received.bytes.len;
    intake_keep_within(i, &b->received, &b->set, now_us);
    return intake_take_set(i, &b->received, &b->set, now_us);
}
