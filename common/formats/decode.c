/* SPDX-License-Identifier: Apache-2.0 */
#include "common/formats/decode_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- making one ---- */

/* The pattern of most elements, for which there is room enough for all. */
static void find_widest(struct decode *d)
{
    const struct format_input_patterns *const lists[] = {&d->in->lines, &d->in->begin, &d->in->end,
                                                         &d->in->ignore};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (uint32_t k = 0; k < lists[i]->count; k++) {
            const struct text_pattern *p = lists[i]->at[k].pattern;
            if (d->widest == NULL || text_pattern_room(p, 0) > text_pattern_room(d->widest, 0)) {
                d->widest = p;
            }
        }
    }
}

/* Room to match a line of so many bytes. */
static int make_room(struct decode *d, size_t line_bytes)
{
    size_t words = d->widest == NULL ? 0 : text_pattern_room(d->widest, line_bytes);
    if (words <= d->room_words) {
        return 0;
    }
    uint64_t *room = realloc(d->room, words * sizeof *room);
    if (room == NULL) {
        return -1;
    }
    d->room = room;
    d->room_words = words;
    return 0;
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
    find_widest(d);
    d->split = in->decoder == FORMAT_JSON ? split_new(false, limits->document_bytes) : NULL;
    if (in->decoder == FORMAT_JSON && d->split == NULL) {
        decode_free(&d);
    } else if (d->split != NULL) {
        split_whole(d->split);
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
    item->end = line_window_read(&d->window);
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
    item->end = found.end;
    if (event == SPLIT_FAULT) {
        item->passed = found.passed;
        snprintf(item->why, sizeof item->why, "%s", found.why);
        return DECODE_FAULT;
    }
    item->bytes = found.bytes;
    item->document = json_parse(a, found.bytes, &d->limits.json, item->why, sizeof item->why);
    return item->document == NULL ? DECODE_FAULT : DECODE_DOCUMENT;
}

/* ---- lines ---- */

/* A line that is none: it is of the document under way, if there is one. */
static enum decode_event refuse_line(struct decode *d, const struct line_decoder *of,
                                     enum line_event event, struct slice line,
                                     struct decode_item *item)
{
    const struct line_window *w = &d->window;
    if (d->state == DECODE_OUTSIDE && of->begin != NULL) {
        of->begin(d);
    } else if (d->state == DECODE_OUTSIDE) {
        d->number++;
    }
    if (event == LINE_NO_TEXT) {
        return decode_fault(d, w->line, line, item, "expected a line of UTF-8 without NUL");
    }
    decode_fault(d, w->line, line, item, "expected a line of at most %zu bytes, found %" PRIu64,
                 w->line_bytes, w->passed);
    item->passed = w->passed;
    return DECODE_FAULT;
}

static enum decode_event end_lines(struct decode *d, const struct line_decoder *of, struct arena *a,
                                   struct decode_item *item)
{
    if (d->state == DECODE_WITHIN) {
        return of->end(d, a, item);
    }
    begin_item(d, d->window.line, (struct slice){NULL, 0}, item);
    return DECODE_END;
}

static enum decode_event decode_lines_next(struct decode *d, const struct line_decoder *of,
                                           struct slice *bytes, bool last, struct arena *a,
                                           struct decode_item *item)
{
    enum decode_event event = DECODE_MORE;
    struct slice line;
    if (d->state == DECODE_CHECKING) {
        return of->check(d, a, item);
    }
    while (event == DECODE_MORE) {
        if (d->state != DECODE_WITHIN) {
            line_window_let_go(&d->window, false);
        }
        enum line_event found = line_window_next(&d->window, bytes, last, &line);
        switch (found) {
        case LINE_READ:
            event = make_room(d, line.len) == -1 ? DECODE_NO_MEMORY : of->take(d, line, a, item);
            break;
        case LINE_NO_TEXT:
        case LINE_TOO_LONG:
            return refuse_line(d, of, found, line, item);
        case LINE_END:
            return end_lines(d, of, a, item);
        case LINE_MORE:
            return DECODE_MORE;
        case LINE_NO_MEMORY:
        default:
            return DECODE_NO_MEMORY;
        }
    }
    return event;
}

enum decode_event decode_next(struct decode *d, struct slice *bytes, bool last, struct arena *a,
                              struct decode_item *item)
{
    static const struct line_decoder *const decoders[] = {[FORMAT_LINES] = &decoder_of_lines,
                                                          [FORMAT_BLOCKS] = &decoder_of_blocks,
                                                          [FORMAT_PROMETHEUS] =
                                                              &decoder_of_prometheus,
                                                          [FORMAT_INFLUX] = &decoder_of_influx};
    return d->in->decoder == FORMAT_JSON
               ? decode_json_next(d, bytes, last, a, item)
               : decode_lines_next(d, decoders[d->in->decoder], bytes, last, a, item);
}
