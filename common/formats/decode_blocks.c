/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several lines a document: from one that a `begin` takes to the next such, or one that an `end`
 * takes. While they are read it is only looked for these; when the block is complete its lines are
 * gone through once more, so that its tree is made in one call.
 */
#include "common/formats/decode_parts.h"
#include "common/pattern.h"

/* ---- a complete block into a document ---- */

/* A field of the input in the block under way. */
struct block_member {
    struct slice value;        /* .at NULL: it is not there yet */
    struct decode_branch list; /* the same for a list of objects */
};

struct block_object {
    struct decode_branch object;
    struct block_member *members; /* by the number of their field */
    uint32_t *order;              /* of those with a value, in the order they came */
    uint32_t count;
};

static int block_object_begin(const struct decode *d, struct decode_tree *t, struct block_object *b)
{
    uint32_t n = d->in->field_count;
    *b = (struct block_object){.members = arena_calloc(t->arena, n, sizeof *b->members),
                               .order = arena_calloc(t->arena, n, sizeof *b->order)};
    if (b->members == NULL || b->order == NULL) {
        decode_tree_fail(t, "needs more memory than allowed");
        return -1;
    }
    b->object = decode_tree_branch(t, NULL, (struct slice){NULL, 0}, JSON_OBJECT);
    return t->fault == NULL ? 0 : -1;
}

static void set_values(const struct decode *d, struct block_object *b,
                       const struct format_input_pattern *p, const struct slice *values)
{
    for (uint32_t i = 0; i < text_pattern_field_count(p->pattern); i++) {
        uint32_t field = p->fields[i];
        struct slice *value = &b->members[field].value;
        if (values[i].at == NULL || (value->at != NULL && d->in->fields[field].first)) {
            continue;
        }
        if (value->at == NULL) {
            b->order[b->count++] = field;
        }
        *value = values[i];
    }
}

/* Lists are there already. */
static void add_values(const struct decode *d, struct decode_tree *t, struct block_object *b)
{
    for (uint32_t i = 0; i < b->count && t->fault == NULL; i++) {
        uint32_t field = b->order[i];
        decode_add_field(t, &b->object, &d->in->fields[field], b->members[field].value);
    }
}

/* One more object in a list. */
static void gather(const struct decode *d, struct decode_tree *t, struct block_object *b,
                   const struct format_input_pattern *p, const struct slice *values)
{
    struct decode_branch *list = &b->members[p->list].list;
    if (list->node == NULL) {
        *list = decode_tree_branch(t, &b->object, d->in->fields[p->list].name, JSON_ARRAY);
    }
    decode_object(d, t, list, p, values);
}

static void take_line(const struct decode *d, struct decode_tree *t, struct block_object *b,
                      struct slice line)
{
    struct slice values[TEXT_PATTERN_FIELDS];
    const struct format_input_pattern *p = decode_match(d, &d->in->lines, line, false, values);
    if (p != NULL && p->list != FORMAT_INPUT_NO_LIST) {
        gather(d, t, b, p, values);
    } else if (p != NULL) {
        set_values(d, b, p, values);
    }
}

/* The line that begins the block, or ends it. */
static void take_edge(const struct decode *d, struct block_object *b,
                      const struct format_input_pattern *p, struct slice line)
{
    struct slice values[TEXT_PATTERN_FIELDS];
    if (text_pattern_match(p->pattern, line, false, d->room, values)) {
        set_values(d, b, p, values);
    }
}

static void take_lines(const struct decode *d, struct decode_tree *t, struct block_object *b)
{
    struct slice rest = d->text, line;
    for (bool first = true; t->fault == NULL && line_window_again(&rest, &line); first = false) {
        if (first) {
            take_edge(d, b, d->begin, line);
        } else if (rest.len == 0 && d->end != NULL) {
            take_edge(d, b, d->end, line);
        } else if (pattern_is_text(line)) {
            take_line(d, t, b, line);
        }
    }
}

static enum decode_event give_block(struct decode *d, struct arena *a, struct decode_item *item)
{
    struct decode_tree t = decode_tree_begin(d, a);
    struct block_object b;
    if (block_object_begin(d, &t, &b) == 0) {
        take_lines(d, &t, &b);
        add_values(d, &t, &b);
    }
    return decode_give(d, &t, b.object.node, d->line, d->text, item);
}

/* ---- lines into blocks ---- */

/* The block under way is complete: its last line is the one before that which was read last, or
 * (`with`) this one. */
static enum decode_event end_block(struct decode *d, bool with, struct arena *a,
                                   struct decode_item *item)
{
    d->state = DECODE_OUTSIDE;
    d->text = line_window_kept(&d->window, with);
    enum decode_event event = give_block(d, a, item);
    line_window_let_go(&d->window, !with);
    return event;
}

static void begin_block(struct decode *d, const struct format_input_pattern *begin)
{
    line_window_let_go(&d->window, true);
    d->state = DECODE_WITHIN;
    d->begin = begin;
    d->end = NULL;
    d->line = d->window.line;
    d->number++;
}

static enum decode_event take_within(struct decode *d, struct slice line, struct arena *a,
                                     struct decode_item *item)
{
    struct slice values[TEXT_PATTERN_FIELDS];
    if (line_window_kept(&d->window, true).len > d->limits.document_bytes) {
        d->state = DECODE_TOO_LARGE;
        return decode_fault(d, d->line, (struct slice){NULL, 0}, item,
                            "expected a block of at most %zu bytes", d->limits.document_bytes);
    }
    d->end = decode_match(d, &d->in->end, line, false, values);
    return d->end == NULL ? DECODE_MORE : end_block(d, true, a, item);
}

static enum decode_event take_outside(struct decode *d, struct slice line, struct decode_item *item)
{
    struct slice values[TEXT_PATTERN_FIELDS];
    if (decode_match(d, &d->in->ignore, line, false, values) != NULL) {
        d->ignored++;
    } else if (d->in->strict && !decode_is_blank(line)) {
        d->number++;
        return decode_fault(d, d->window.line, line, item,
                            "expected a line that begins a block or is ignored, found %s",
                            DOCUMENT_SHOWN(line));
    }
    return DECODE_MORE;
}

static enum decode_event take_any(struct decode *d, struct slice line, struct arena *a,
                                  struct decode_item *item)
{
    struct slice values[TEXT_PATTERN_FIELDS];
    const struct format_input_pattern *begin = decode_match(d, &d->in->begin, line, false, values);
    if (begin != NULL) {
        bool within = d->state == DECODE_WITHIN;
        enum decode_event event = within ? end_block(d, false, a, item) : DECODE_MORE;
        begin_block(d, begin);
        return event;
    }
    if (d->state == DECODE_WITHIN) {
        return take_within(d, line, a, item);
    }
    if (d->state == DECODE_OUTSIDE) {
        return take_outside(d, line, item);
    }
    if (decode_match(d, &d->in->end, line, false, values) != NULL) {
        d->state = DECODE_OUTSIDE; /* behind one that is too large */
    }
    return DECODE_MORE;
}

static enum decode_event end_all(struct decode *d, struct arena *a, struct decode_item *item)
{
    return end_block(d, true, a, item);
}

const struct line_decoder decoder_of_blocks = {.take = take_any, .end = end_all};
