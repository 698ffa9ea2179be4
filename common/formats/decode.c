/* SPDX-License-Identifier: Apache-2.0 */
#include "common/formats/decode_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- making one ---- */

static size_t room_of(const struct format_input_patterns *patterns, size_t line_bytes, size_t most)
{
    for (uint32_t i = 0; i < patterns->count; i++) {
        size_t words = text_pattern_room(patterns->at[i].pattern, line_bytes);
        most = words > most ? words : most;
    }
    return most;
}

static int take_room(struct decode *d)
{
    const struct format_input_patterns *const lists[] = {&d->in->lines, &d->in->begin, &d->in->end,
                                                         &d->in->ignore};
    size_t words = 1;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        words = room_of(lists[i], d->limits.line_bytes, words);
    }
    d->room = calloc(words, sizeof *d->room);
    return d->room == NULL ? -1 : 0;
}

struct decode *decode_new(const struct format_input *in, const struct json_reach *reach,
                          const struct decode_limits *limits)
{
    struct decode *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    d->in = in;
    d->limits = *limits;
    d->limits.json.reach = reach;
    d->limits.json.nan = in->nan;
    d->limits.json.duplicates = in->duplicates;
    d->window.line_bytes = limits->line_bytes;
    if (in->decoder == FORMAT_JSON) {
        d->split = split_new(false, limits->document_bytes);
    }
    if ((in->decoder == FORMAT_JSON && d->split == NULL) || take_room(d) == -1) {
        decode_free(&d);
    }
    return d;
}

void decode_free(struct decode **d)
{
    if (*d != NULL) {
        split_free(&(*d)->split);
        line_window_free(&(*d)->window);
        free((*d)->room);
        free(*d);
        *d = NULL;
    }
}

/* ---- what comes of it ---- */

static void begin_item(struct decode *d, uint64_t line, struct slice bytes,
                       struct decode_item *item)
{
    *item = (struct decode_item){
        .number = d->number, .line = line, .bytes = bytes, .ignored = d->ignored};
    d->ignored = 0;
}

enum decode_event decode_fault(struct decode *d, uint64_t line, struct slice bytes,
                               struct decode_item *item, const char *format, ...)
{
    va_list args;
    begin_item(d, line, bytes, item);
    va_start(args, format);
    vsnprintf(item->why, sizeof item->why, format, args);
    va_end(args);
    return DECODE_FAULT;
}

struct decode_tree decode_tree_begin(const struct decode *d, struct arena *a)
{
    return (struct decode_tree){.arena = a, .limits = &d->limits.json};
}

enum decode_event decode_give(struct decode *d, const struct decode_tree *t,
                              const struct json *document, uint64_t line, struct slice bytes,
                              struct decode_item *item)
{
    if (t->fault != NULL) {
        return decode_fault(d, line, bytes, item, "%s", t->fault);
    }
    begin_item(d, line, bytes, item);
    item->document = document;
    return DECODE_DOCUMENT;
}

enum decode_event decode_line(struct decode *d, struct slice *bytes, bool last, struct slice *line,
                              struct decode_item *item)
{
    struct line_window *w = &d->window;
    enum line_event event = line_window_next(w, bytes, last, line);
    if (event == LINE_NO_TEXT || event == LINE_TOO_LONG) {
        d->number += d->state == DECODE_OUTSIDE;
    }
    switch (event) {
    case LINE_READ:
        return DECODE_DOCUMENT;
    case LINE_NO_TEXT:
        return decode_fault(d, w->line, *line, item, "expected a line of UTF-8 without NUL");
    case LINE_TOO_LONG:
        decode_fault(d, w->line, *line, item,
                     "expected a line of at most %zu bytes, found %" PRIu64, w->line_bytes,
                     w->passed);
        item->passed = w->passed;
        return DECODE_FAULT;
    case LINE_END:
        begin_item(d, w->line, *line, item);
        return DECODE_END;
    case LINE_MORE:
        return DECODE_MORE;
    case LINE_NO_MEMORY:
    default:
        return DECODE_NO_MEMORY;
    }
}

/* ---- patterns ---- */

const struct format_input_pattern *decode_match(const struct decode *d,
                                                const struct format_input_patterns *patterns,
                                                struct slice line, bool whole,
                                                struct slice values[TEXT_PATTERN_FIELDS])
{
    for (uint32_t i = 0; i < patterns->count; i++) {
        if (text_pattern_match(patterns->at[i].pattern, line, whole, d->room, values)) {
            return &patterns->at[i];
        }
    }
    return NULL;
}

static void add_split(struct decode_tree *t, struct decode_branch *parent,
                      const struct format_input_field *field, struct slice value)
{
    struct decode_branch list = decode_tree_branch(t, parent, field->name, JSON_ARRAY);
    for (;;) {
        const char *found = memmem(value.at, value.len, field->separator.at, field->separator.len);
        size_t len = found == NULL ? value.len : (size_t)(found - value.at);
        decode_tree_leaf(t, &list, (struct slice){NULL, 0}, JSON_STRING,
                         decode_tree_copy(t, (struct slice){value.at, len}));
        if (found == NULL || t->fault != NULL) {
            return;
        }
        value.at += len + field->separator.len;
        value.len -= len + field->separator.len;
    }
}

void decode_add_field(struct decode_tree *t, struct decode_branch *parent,
                      const struct format_input_field *field, struct slice value)
{
    if (field->separator.at != NULL) {
        add_split(t, parent, field, value);
    } else {
        decode_tree_leaf(t, parent, field->name, JSON_STRING, decode_tree_copy(t, value));
    }
}

struct decode_branch decode_object(const struct decode *d, struct decode_tree *t,
                                   struct decode_branch *parent,
                                   const struct format_input_pattern *p,
                                   const struct slice values[TEXT_PATTERN_FIELDS])
{
    struct decode_branch object =
        decode_tree_branch(t, parent, (struct slice){NULL, 0}, JSON_OBJECT);
    for (uint32_t i = 0; i < text_pattern_field_count(p->pattern) && t->fault == NULL; i++) {
        if (values[i].at != NULL) {
            decode_add_field(t, &object, &d->in->fields[p->fields[i]], values[i]);
        }
    }
    return object;
}

bool decode_is_blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] != ' ' && (line.at[i] < '\t' || line.at[i] > '\r')) {
            return false;
        }
    }
    return true;
}

/* ---- json ---- */

static enum decode_event decode_json_next(struct decode *d, struct slice *bytes, bool last,
                                          struct arena *a, struct decode_item *item)
{
    struct split_item found;
    enum split_event event = split_next(d->split, bytes, last, &found);
    if (event == SPLIT_MORE || event == SPLIT_NO_MEMORY) {
        return event == SPLIT_MORE ? DECODE_MORE : DECODE_NO_MEMORY;
    }
    *item = (struct decode_item){0};
    if (event == SPLIT_END) {
        return DECODE_END;
    }
    item->number = found.number;
    item->line = found.line;
    if (event == SPLIT_FAULT) {
        item->passed = found.passed;
        snprintf(item->why, sizeof item->why, "%s", found.why);
        return DECODE_FAULT;
    }
    item->bytes = found.bytes;
    item->document = json_parse(a, found.bytes, &d->limits.json, item->why, sizeof item->why);
    return item->document == NULL ? DECODE_FAULT : DECODE_DOCUMENT;
}

enum decode_event decode_next(struct decode *d, struct slice *bytes, bool last, struct arena *a,
                              struct decode_item *item)
{
    switch (d->in->decoder) {
    case FORMAT_LINES:
        return decode_lines_next(d, bytes, last, a, item);
    case FORMAT_BLOCKS:
        return decode_blocks_next(d, bytes, last, a, item);
    case FORMAT_PROMETHEUS:
        return decode_prometheus_next(d, bytes, last, a, item);
    case FORMAT_INFLUX:
        return decode_influx_next(d, bytes, last, a, item);
    case FORMAT_JSON:
    default:
        return decode_json_next(d, bytes, last, a, item);
    }
}
