/* SPDX-License-Identifier: Apache-2.0 */
/* mPlane results into records. No clock, no sockets, no globals. */
#include "ingestd/result/result_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/mplane/sections.h"
#include "common/mplane/when.h"
#include "common/record_dimensions.h"
#include "common/utf8.h"

const char *result_reason_name(enum result_reason reason)
{
#define RESULT_REASON_NAME(constant, name, help) name,
    static const char *const names[] = {RESULT_REASONS(RESULT_REASON_NAME)};
#undef RESULT_REASON_NAME
    return names[reason];
}

static int refuse_type(struct result_reader *r, const char *section, const char *expected,
                       const struct json *found)
{
    return result_refuse(r, RESULT_FORM, "%s: expected %s, found %s", section, expected,
                         found == NULL ? "nothing" : json_type_name(found->type));
}

static bool has_nul(const struct result_reader *r, struct slice s)
{
    return r->nuls && s.len > 0 && memchr(s.at, '\0', s.len) != NULL;
}

static bool is_absent(const struct json *node)
{
    return node == NULL || node->type == JSON_NULL;
}

/* ---- single sections ---- */

/* A string that may be absent, which is "". */
static int read_text(struct result_reader *r, const char *section, const struct json *node,
                     size_t max, struct slice *text)
{
    *text = (struct slice){"", 0};
    if (is_absent(node)) {
        return 0;
    }
    if (node->type != JSON_STRING) {
        return refuse_type(r, section, "a string", node);
    }
    if (node->text.len > max) {
        return result_refuse(r, RESULT_LENGTH, "%s: expected at most %zu bytes, found %zu", section,
                             max, node->text.len);
    }
    if (has_nul(r, node->text)) {
        return result_refuse(r, RESULT_NUL, "%s: expected no U+0000", section);
    }
    *text = node->text;
    return 0;
}

/* Which reason a section's fault is. */
static int refuse_section(struct result_reader *r, const struct mplane_section_fault *f)
{
    static const enum result_reason reasons[] = {
        [MPLANE_SECTION_FORM] = RESULT_FORM,
        [MPLANE_SECTION_NAMES] = RESULT_COLUMNS,
        [MPLANE_SECTION_ROW] = RESULT_ROW,
    };
    return f->wrong == MPLANE_SECTION_MEMORY
               ? result_refuse_memory(r)
               : result_refuse(r, reasons[f->wrong], "%s: %s", f->place, f->what);
}

static int check_name(struct result_reader *r, const char *section, struct slice name)
{
    return has_nul(r, name)
               ? result_refuse(r, RESULT_NUL, "%s: expected no U+0000 in a name", section)
               : 0;
}

/* `results`: "time" is noted by its place and left out of the schema. */
static int read_columns(struct result_reader *r, struct result_reading *g)
{
    struct mplane_columns c;
    struct mplane_section_fault f;
    if (mplane_section_columns(r->arena, g->members, true, &c, &f) == -1) {
        return refuse_section(r, &f);
    }
    for (uint32_t i = 0; i < c.count && r->nuls; i++) {
        if (check_name(r, "results", c.names[i]) == -1) {
            return -1;
        }
    }
    g->time_at = c.time_at;
    if (c.time_at != -1) {
        struct slice *time = c.names + c.time_at;
        memmove(time, time + 1, (size_t)(c.names + c.count-- - (time + 1)) * sizeof *time);
    }
    g->schema.results = c.names;
    g->schema.results_count = c.count;
    return 0;
}

/*
 * A value as records hold it: text as sent, no value for null, which the SDK writes "*"; and what
 * it was.
 */
static int read_value(struct result_reader *r, const char *section, const struct json *node,
                      struct slice *value, uint8_t *kind)
{
    *kind = IDENTITY_NUMBER_OR_STRING;
    if (!mplane_value_text(node, value)) {
        *kind = IDENTITY_JSON;
        *value = json_text(r->arena, node);
        if (value->at == NULL) {
            return result_refuse_memory(r);
        }
    } else if (node->type == JSON_TRUE || node->type == JSON_FALSE) {
        *kind = IDENTITY_BOOLEAN;
    } else if (has_nul(r, *value)) {
        return result_refuse(r, RESULT_NUL, "%s: expected no U+0000 in a value", section);
    }
    if (value->len > LIMIT_VALUE_BYTES) {
        return result_refuse(r, RESULT_LENGTH, "%s: expected values of at most %d bytes, found %zu",
                             section, LIMIT_VALUE_BYTES, value->len);
    }
    return 0;
}

/* `parameters` or `metadata`: names into the schema, values to the end of the tail. */
static int read_pairs(struct result_reader *r, struct result_reading *g, const char *section,
                      const struct json *object, struct slice **names, uint32_t *count)
{
    *names = NULL;
    *count = 0;
    if (object == NULL) {
        return 0;
    }
    uint8_t kind; /* enters nothing: neither is measured */
    struct slice *name = arena_alloc(r->arena, object->count * sizeof *name);
    if (name == NULL) {
        return result_refuse_memory(r);
    }
    *names = name;
    *count = object->count;
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        if (check_name(r, section, m->key) == -1 ||
            read_value(r, section, m, &g->tail[g->tail_count], &kind) == -1) {
            return -1;
        }
        *name++ = m->key;
        g->tail_count++;
    }
    return 0;
}

static int read_tail(struct result_reader *r, struct result_reading *g)
{
    const struct json *p, *m;
    struct mplane_section_fault f;
    if (mplane_section_pairs(g->members, MPLANE_KEY_PARAMETERS, &p, &f) == -1 ||
        mplane_section_pairs(g->members, MPLANE_KEY_METADATA, &m, &f) == -1) {
        return refuse_section(r, &f);
    }
    size_t most = (p == NULL ? 0 : p->count) + (size_t)(m == NULL ? 0 : m->count);
    g->tail = arena_alloc(r->arena, most * sizeof *g->tail);
    if (g->tail == NULL) {
        return result_refuse_memory(r);
    }
    if (read_pairs(r, g, "parameters", p, &g->schema.parameters, &g->schema.parameters_count) ==
        -1) {
        return -1;
    }
    return read_pairs(r, g, "metadata", m, &g->schema.metadata, &g->schema.metadata_count);
}

/* ---- times ---- */

/* A time as it was read, which may be the local one of its sender. */
static int64_t to_utc(const struct result_reader *r, int64_t us, bool local)
{
    return local && r->origin->zone != NULL
               ? zone_to_utc(r->origin->zone, us, r->origin->now_us + r->limits->future_us)
               : us;
}

/* `when`, once per result and only if a row has no time of its own. */
static int read_when(struct result_reader *r, struct result_reading *g)
{
    const struct json *node = g->members->at[MPLANE_KEY_WHEN];
    struct when when;
    char error[160];
    if (g->when_read) {
        return 0;
    }
    if (is_absent(node) || node->type != JSON_STRING) {
        return result_refuse(
            r, RESULT_TIME,
            "when: expected a string with an absolute time, as "
            "\"2016-02-18 12:00:00\", found %s %.*s",
            node == NULL ? "nothing" : json_type_name(node->type),
            EXCERPT(is_absent(node) || node->type != JSON_NUMBER ? slice_of("") : node->text));
    }
    if (when_parse(node->text, &when, error, sizeof error) == -1) {
        return result_refuse(r, RESULT_TIME, "when: %s in \"%.*s\"", error, EXCERPT(node->text));
    }
    if (!when_is_definite(&when) || when.repeat || when.cron.given) {
        return result_refuse(r, RESULT_TIME,
                             "when: expected an absolute time or range, found \"%.*s\"",
                             EXCERPT(node->text));
    }
    g->when_start_us = to_utc(r, when.start_us, when.start_local);
    g->when_end_us =
        when.end == WHEN_AT ? to_utc(r, when.end_us, when.end_local) : g->when_start_us;
    if (g->when_end_us < g->when_start_us) {
        return result_refuse(r, RESULT_TIME, "when: an end before its start in \"%.*s\"",
                             EXCERPT(node->text));
    }
    if (when.end != WHEN_AT && when.has_duration &&
        __builtin_add_overflow(g->when_start_us, when.duration_us, &g->when_end_us)) {
        return result_refuse(r, RESULT_FUTURE, "when: a duration that is too long in \"%.*s\"",
                             EXCERPT(node->text));
    }
    g->when_read = true;
    return 0;
}

/* "; that is OPTION; ADVICE" */
static const char *limit_text(const struct result_reader *r, const char *of, char text[160])
{
    const char *advice = r->limits->advice;
    snprintf(text, 160, "%s%s%s%s", of == NULL ? "" : "; the limit is ", of == NULL ? "" : of,
             advice == NULL ? "" : "; ", advice == NULL ? "" : advice);
    return text;
}

/* That a time does not end before it starts is seen to where it is parsed. */
int result_check_times(struct result_reader *r, const struct record_message *m)
{
    int64_t now = r->origin->now_us;
    char text[WHEN_TEXT], limit[160];
    if (m->t_start_us < now - r->limits->past_us) {
        when_time_text(m->t_start_us, text);
        return result_refuse(r, RESULT_PAST, "expected at most %" PRId64 " s ago, found %s%s",
                             r->limits->past_us / 1000000, text,
                             limit_text(r, r->limits->past_of, limit));
    }
    if (m->t_end_us > now + r->limits->future_us) {
        when_time_text(m->t_end_us, text);
        return result_refuse(r, RESULT_FUTURE, "expected at most %" PRId64 " s ahead, found %s",
                             r->limits->future_us / 1000000, text);
    }
    if (r->limits->longest_us > 0 && m->t_end_us - m->t_start_us > r->limits->longest_us) {
        return result_refuse(
            r, RESULT_LONG, "expected at most %" PRId64 " s from start to end, found %" PRId64 "%s",
            r->limits->longest_us / 1000000, (m->t_end_us - m->t_start_us) / 1000000,
            limit_text(r, r->limits->longest_of, limit));
    }
    return 0;
}

/* The record's times: the row's own one, which is both, else those of `when`. */
static int read_times(struct result_reader *r, struct result_reading *g, const struct json *time,
                      struct record_message *m)
{
    if (time == NULL || time->type == JSON_NULL || json_is(time, "*")) {
        if (read_when(r, g) == -1) {
            return -1;
        }
        m->t_start_us = g->when_start_us;
        m->t_end_us = g->when_end_us;
        return result_check_times(r, m);
    }
    if (time->type != JSON_STRING) {
        struct slice found =
            time->text.at == NULL ? slice_of(json_type_name(time->type)) : time->text;
        return result_refuse(r, RESULT_TIME,
                             "resultvalues[%" PRIu64
                             "]: expected a time as \"2016-02-18 12:00:00.000000\", found \"%.*s\"",
                             m->row, EXCERPT(found));
    }
    char error[160];
    bool local;
    if (when_time_read(time->text, &m->t_start_us, &local, error, sizeof error) == -1) {
        return result_refuse(r, RESULT_TIME, "resultvalues[%" PRIu64 "]: %s in \"%.*s\"", m->row,
                             error, EXCERPT(time->text));
    }
    m->t_start_us = to_utc(r, m->t_start_us, local);
    m->t_end_us = m->t_start_us;
    return result_check_times(r, m);
}

/* ---- rows ---- */

static int read_row(struct result_reader *r, struct result_reading *g, const struct json *row,
                    struct record_message *m)
{
    uint32_t columns = g->schema.results_count + (g->time_at != -1 ? 1 : 0);
    struct mplane_section_fault f;
    if (mplane_section_row(row, m->row, columns, &f) == -1) {
        return refuse_section(r, &f);
    }
    const struct json *time = NULL;
    struct slice *value = m->values;
    uint8_t *kind = g->kinds + m->row * g->schema.results_count;
    int64_t at = 0;
    for (const struct json *cell = row->first; cell != NULL; cell = cell->next, at++) {
        if (at == g->time_at) {
            time = cell;
        } else if (read_value(r, "resultvalues", cell, value++, kind++) == -1) {
            return -1;
        }
    }
    while (value < m->values + g->schema.results_count) {
        *value++ = (struct slice){NULL, 0};
    }
    if (g->tail_count > 0) {
        memcpy(value, g->tail, g->tail_count * sizeof *value);
    }
    return read_times(r, g, time, m) == -1 ? -1 : result_read_row_hops(r, g, m);
}

/* What the rows will take beside their own values; counted before anything is allocated for them.
 */
static int check_expansion(struct result_reader *r, const struct result_reading *g, uint32_t rows)
{
    const struct record_message *c = &g->common;
    size_t each =
        sizeof *c + c->values_count * sizeof *c->values + record_dimensions_bytes(c) + c->label.len;
    for (uint32_t i = 0; i < g->tail_count; i++) {
        each += g->tail[i].len;
    }
    for (uint32_t i = 0; i < c->hops_count; i++) {
        each += c->hops[i].len + 1;
    }
    if (rows > r->limits->rows - r->rows) {
        return result_refuse(r, RESULT_ROWS,
                             "expected at most %" PRIu32 " rows in a message, found more",
                             r->limits->rows);
    }
    if (each * rows > RESULT_EXPANSION_BYTES - r->expansion) {
        return result_refuse(
            r, RESULT_MEMORY,
            "expected rows that come to at most %zu bytes with the parameters and metadata of "
            "each, found more",
            RESULT_EXPANSION_BYTES);
    }
    r->expansion += each * rows;
    r->rows += rows;
    return 0;
}

static int read_rows(struct result_reader *r, struct result_reading *g, struct result *result)
{
    const struct json *rows;
    struct mplane_section_fault f;
    result->schema = g->schema;
    if (mplane_section_rows(g->members, &rows, &f) == -1) {
        return refuse_section(r, &f);
    }
    if (rows == NULL) {
        return 0;
    }
    uint32_t values = g->schema.results_count + g->tail_count;
    g->common.values_count = values;
    if (check_expansion(r, g, rows->count) == -1) {
        return -1;
    }
    struct slice *cells = arena_alloc(r->arena, (size_t)values * rows->count * sizeof *cells);
    result->records = arena_alloc(r->arena, rows->count * sizeof *result->records);
    g->kinds = arena_alloc(r->arena, (size_t)g->schema.results_count * rows->count);
    if (cells == NULL || result->records == NULL || g->kinds == NULL) {
        return result_refuse_memory(r);
    }
    for (const struct json *row = rows->first; row != NULL; row = row->next) {
        struct record_message *m = &result->records[result->count];
        *m = g->common;
        m->row = result->count;
        m->values = cells + (size_t)values * result->count;
        if (read_row(r, g, row, m) == -1) {
            return -1;
        }
        result->count++;
    }
    return result_identify(r, g, result);
}

/* ---- messages ---- */

static int check_version(struct result_reader *r, const struct mplane_members *m)
{
    const struct json *version = m->at[MPLANE_KEY_VERSION];
    if (mplane_version_is_known(m)) {
        return 0;
    }
    struct slice found =
        version->text.at == NULL ? slice_of(json_type_name(version->type)) : version->text;
    return result_refuse(r, RESULT_VERSION, "version: expected 0 or 1, found %.*s", EXCERPT(found));
}

static int read_result(struct result_reader *r, const struct mplane_members *m)
{
    struct result_reading g = {.members = m, .time_at = -1};
    struct slice verb;
    if (m->at[MPLANE_KEY_RESULT]->type != JSON_STRING) {
        return refuse_type(r, "result", "a verb", m->at[MPLANE_KEY_RESULT]);
    }
    if (check_version(r, m) == -1 ||
        read_text(r, "result", m->at[MPLANE_KEY_RESULT], 64, &verb) == -1 ||
        read_text(r, "label", m->at[MPLANE_KEY_LABEL], LIMIT_LABEL_BYTES, &g.common.label) == -1 ||
        read_text(r, "registry", m->at[MPLANE_KEY_REGISTRY], LIMIT_TEXT_BYTES,
                  &g.schema.registry) == -1 ||
        read_columns(r, &g) == -1 || read_tail(r, &g) == -1 ||
        result_read_dimensions(r, &g) == -1) {
        return -1;
    }
    g.schema.verb = verb;
    g.schema.format = slice_of(FORMAT_MPLANE);
    struct result *result = arena_calloc(r->arena, 1, sizeof *result);
    if (result == NULL) {
        return result_refuse_memory(r);
    }
    if (read_rows(r, &g, result) == -1) {
        return -1;
    }
    *r->results_end = result;
    r->results_end = &result->next;
    return 0;
}

/* Whether the messages in it are to be read; else it is refused. */
static bool check_envelope(struct result_reader *r, const struct mplane_members *m)
{
    if (check_version(r, m) == -1) {
        return false;
    }
    if (!mplane_can_open(m)) {
        refuse_type(r, "contents", "an array of messages", m->at[MPLANE_KEY_CONTENTS]);
        return false;
    }
    return true;
}

/* Exactly one key tells the kind; one that nobody uses is one, too. */
static int check_kind(struct result_reader *r, const struct mplane_members *m)
{
    const struct json *unused = m->at[MPLANE_KEY_INDIRECTION];
    uint32_t kinds = m->kinds + (unused == NULL ? 0 : 1);
    if (m->message->type != JSON_OBJECT) {
        return result_refuse(r, RESULT_MESSAGE, "expected an object, found %s",
                             json_type_name(m->message->type));
    }
    if (kinds != 1) {
        return result_refuse(
            r, RESULT_MESSAGE,
            "expected one key that tells the kind of message (\"result\", \"envelope\" or "
            "\"exception\"), found %" PRIu32,
            kinds);
    }
    if (unused == NULL &&
        (m->kind == MPLANE_RESULT || m->kind == MPLANE_ENVELOPE || m->kind == MPLANE_EXCEPTION)) {
        return 0;
    }
    return result_refuse(r, RESULT_KIND, "expected a result, found a message of the kind \"%s\"",
                         unused == NULL ? mplane_kind_name(m->kind)
                                        : mplane_key_name(MPLANE_KEY_INDIRECTION));
}

static enum mplane_step read_message(void *context, const struct mplane_members *m,
                                     const struct mplane_place *place)
{
    struct result_reader *r = context;
    r->place = place;
    if (check_kind(r, m) == -1) {
        return MPLANE_GO_ON;
    }
    if (m->kind == MPLANE_ENVELOPE) {
        return check_envelope(r, m) ? MPLANE_OPEN : MPLANE_GO_ON;
    }
    if (m->kind == MPLANE_RESULT) {
        read_result(r, m);
    } else {
        r->set->exceptions++;
    }
    return MPLANE_GO_ON;
}

void result_read_message(struct result_reader *r, const struct json *message)
{
    mplane_walk(message, read_message, r);
    r->place = NULL;
}
