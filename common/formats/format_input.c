/* SPDX-License-Identifier: Apache-2.0 */
/* The "input" of a mapping, checked. Patterns first, all of them; then which fields they make. */
#include "common/formats/format_input.h"

#include <inttypes.h>
#include <stdio.h>

struct input_reader {
    struct arena *arena;
    struct format_input *input;
    struct format_input_field *fields; /* the input's, while they are added to */
    uint32_t room;                     /* for fields, and how many there may be: */
};

/* ---- patterns ---- */

/* "..."; NULL after a fault. */
static const struct text_pattern *read_pattern(struct input_reader *r,
                                               const struct document_place *at)
{
    char why[TEXT_PATTERN_WHY];
    if (at->node == NULL || at->node->type != JSON_STRING) {
        document_expected(at, "a pattern (a string)");
        return NULL;
    }
    const struct text_pattern *p = text_pattern_compile(r->arena, at->node->text, why);
    if (p == NULL) {
        document_fault(at, "%s", why);
    }
    return p;
}

static void add_pattern(struct input_reader *r, const struct document_place *at,
                        struct format_input_patterns *list)
{
    const struct text_pattern *p = read_pattern(r, at);
    if (p != NULL) {
        list->at[list->count++] =
            (struct format_input_pattern){.pattern = p, .list = FORMAT_INPUT_NO_LIST};
        r->room += text_pattern_field_count(p) + 1;
    }
}

/* A line of a block: a pattern, or an object of one and the list its lines are gathered in. */
static void read_line(struct input_reader *r, const struct document_place *at,
                      struct format_input_patterns *list)
{
    static const char *const keys[] = {"pattern", "into", NULL};
    if (at->node->type != JSON_OBJECT) {
        add_pattern(r, at, list);
        return;
    }
    struct document_place pattern = document_member(at, "pattern");
    struct document_place into = document_member(at, "into");
    if (document_is_object_of(at, keys)) {
        add_pattern(r, &pattern, list);
    }
    struct slice name = document_text(&into, 1, TEXT_PATTERN_NAME_BYTES);
    if (name.at != NULL && !text_pattern_is_name(name)) {
        document_expected(&into, "a list's name of letters, digits and _, no digit first");
    }
}

typedef void (*read_element)(struct input_reader *r, const struct document_place *at,
                             struct format_input_patterns *list);

/* A list that has to have at least so many. */
static void read_list(struct input_reader *r, const struct document_place *at, uint32_t least,
                      read_element read, struct format_input_patterns *list)
{
    if (!document_is_list(at, FORMAT_INPUT_PATTERNS)) {
        return;
    }
    if (at->node->count < least) {
        document_fault(at, "expected at least one pattern, found none");
    }
    list->at = document_take(at, r->arena, at->node->count, sizeof *list->at);
    if (list->at == NULL) {
        return;
    }
    for (struct document_place e = document_first(at); e.node != NULL; document_next(&e)) {
        read(r, &e, list);
    }
}

/* One or a list. */
static void read_one_or_more(struct input_reader *r, const struct document_place *at,
                             struct format_input_patterns *list)
{
    if (at->node != NULL && at->node->type == JSON_ARRAY) {
        read_list(r, at, 1, add_pattern, list);
        return;
    }
    list->at = document_take(at, r->arena, 1, sizeof *list->at);
    if (list->at != NULL) {
        add_pattern(r, at, list);
    }
}

/* ---- fields ---- */

static uint32_t find_field(const struct format_input *in, struct slice name, uint32_t list)
{
    for (uint32_t i = 0; i < in->field_count; i++) {
        if (in->fields[i].list == list && slice_equal(in->fields[i].name, name)) {
            return i;
        }
    }
    return UINT32_MAX;
}

static bool ends_first(struct slice name)
{
    static const struct slice end = SLICE("_first");
    return name.len > end.len && memcmp(name.at + name.len - end.len, end.at, end.len) == 0;
}

/* The field of that name; a new one where it stands for the first time. */
static uint32_t add_field(struct input_reader *r, struct slice name, uint32_t list, bool is_list)
{
    struct format_input *in = r->input;
    uint32_t i = find_field(in, name, list);
    if (i == UINT32_MAX) {
        i = in->field_count++;
        r->fields[i] =
            (struct format_input_field){.name = name,
                                        .list = list,
                                        .is_list = is_list,
                                        .first = in->decoder == FORMAT_BLOCKS &&
                                                 list == FORMAT_INPUT_NO_LIST && ends_first(name)};
    }
    return i;
}

static int add_fields(struct input_reader *r, const struct document_place *at,
                      struct format_input_pattern *p)
{
    uint32_t n = text_pattern_field_count(p->pattern);
    uint32_t *fields = document_take(at, r->arena, n, sizeof *fields);
    if (fields == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct slice name = text_pattern_field_name(p->pattern, i);
        fields[i] = add_field(r, name, p->list, false);
        if (r->fields[fields[i]].is_list) {
            document_fault(at, "expected a field's name that no list has, found %s",
                           DOCUMENT_SHOWN(name));
        }
    }
    p->fields = fields;
    return 0;
}

static void add_all_fields(struct input_reader *r, const struct document_place *at,
                           struct format_input_patterns *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (add_fields(r, at, &list->at[i]) == -1) {
            return;
        }
    }
}

/* Which list the lines of a block are gathered in. As many patterns were read as there are lines,
 * or there were faults. */
static void add_lists(struct input_reader *r, const struct document_place *lines)
{
    struct format_input_patterns *list = &r->input->lines;
    if (lines->node == NULL || lines->node->count != list->count) {
        return;
    }
    for (struct document_place e = document_first(lines); e.node != NULL; document_next(&e)) {
        struct slice name = {NULL, 0};
        const struct json *into = json_get(e.node, "into");
        if (into != NULL) {
            name = into->text;
            list->at[e.index].list = add_field(r, name, FORMAT_INPUT_NO_LIST, true);
        }
    }
}

static void read_separator(struct input_reader *r, const struct document_place *at)
{
    bool found = false;
    struct slice separator = document_text(at, 1, FORMAT_INPUT_SEPARATOR_BYTES);
    for (uint32_t i = 0; i < r->input->field_count; i++) {
        struct format_input_field *f = &r->fields[i];
        if (!f->is_list && slice_equal(f->name, at->key)) {
            f->separator = separator;
            found = true;
        }
    }
    if (!found) {
        document_fault(at, "expected the name of a field that a pattern has");
    }
}

static void read_split(struct input_reader *r, const struct document_place *at)
{
    if (at->node == NULL || !document_is_object(at)) {
        return;
    }
    for (struct document_place m = document_first(at); m.node != NULL; document_next(&m)) {
        read_separator(r, &m);
    }
}

/* Room for as many fields as there can be. */
static int take_fields(struct input_reader *r, const struct document_place *at)
{
    r->fields = document_take(at, r->arena, r->room, sizeof *r->fields);
    r->input->fields = r->fields;
    return r->fields == NULL ? -1 : 0;
}

/* ---- decoders ---- */

static void read_true_or_false(const struct document_place *at, bool *value)
{
    if (at->node == NULL) {
        return;
    }
    if (at->node->type != JSON_TRUE && at->node->type != JSON_FALSE) {
        document_expected(at, "true or false");
    }
    *value = at->node->type == JSON_TRUE;
}

static void read_json(struct input_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"decoder", "nan", "duplicates", NULL};
    static const char *const nans[] = {"null", NULL};
    static const char *const duplicates[] = {"refuse", "first", "last", "list", NULL};
    struct document_place nan = document_member(at, "nan");
    struct document_place twice = document_member(at, "duplicates");
    document_is_object_of(at, keys);
    r->input->nan = nan.node != NULL && document_choice(&nan, nans) == 0;
    if (twice.node != NULL) {
        int i = document_choice(&twice, duplicates);
        r->input->duplicates = i == -1 ? JSON_DUPLICATES_REFUSED : (enum json_duplicates)i;
    }
}

static void read_ignore(struct input_reader *r, const struct document_place *at)
{
    struct document_place ignore = document_member(at, "ignore");
    if (ignore.node != NULL) {
        read_list(r, &ignore, 0, add_pattern, &r->input->ignore);
    }
}

static void read_lines(struct input_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"decoder", "patterns", "ignore", "split", NULL};
    struct document_place patterns = document_member(at, "patterns");
    struct document_place split = document_member(at, "split");
    document_is_object_of(at, keys);
    read_list(r, &patterns, 1, add_pattern, &r->input->lines);
    read_ignore(r, at);
    if (take_fields(r, at) == 0) {
        add_all_fields(r, &patterns, &r->input->lines);
        read_split(r, &split);
    }
}

static void read_blocks(struct input_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"decoder", "begin",  "lines", "end",
                                       "strict",  "ignore", "split", NULL};
    struct document_place begin = document_member(at, "begin"), end = document_member(at, "end");
    struct document_place lines = document_member(at, "lines");
    struct document_place split = document_member(at, "split");
    struct document_place strict = document_member(at, "strict");
    struct format_input *in = r->input;
    document_is_object_of(at, keys);
    read_one_or_more(r, &begin, &in->begin);
    read_list(r, &lines, 0, read_line, &in->lines);
    if (end.node != NULL) {
        read_one_or_more(r, &end, &in->end);
    }
    read_true_or_false(&strict, &in->strict);
    read_ignore(r, at);
    if (take_fields(r, at) == 0) {
        add_lists(r, &lines);
        add_all_fields(r, &begin, &in->begin);
        add_all_fields(r, &lines, &in->lines);
        add_all_fields(r, &end, &in->end);
        read_split(r, &split);
    }
}

static void read_prometheus(struct input_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"decoder", "openmetrics", NULL};
    struct document_place openmetrics = document_member(at, "openmetrics");
    document_is_object_of(at, keys);
    read_true_or_false(&openmetrics, &r->input->openmetrics);
}

static void read_influx(struct input_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"decoder", NULL};
    (void)r;
    document_is_object_of(at, keys);
}

struct format_input *format_input_read(const struct document_place *at, struct arena *a)
{
    static const char *const decoders[] = {"json", "lines", "blocks", "prometheus", "influx", NULL};
    static void (*const reads[])(struct input_reader *, const struct document_place *) = {
        read_json, read_lines, read_blocks, read_prometheus, read_influx};
    uint32_t before = at->document->faults;
    if (!document_is_object(at)) {
        return NULL;
    }
    struct input_reader r = {.arena = a, .input = document_take(at, a, 1, sizeof *r.input)};
    if (r.input == NULL) {
        return NULL;
    }
    struct document_place decoder = document_member(at, "decoder");
    int i = document_choice(&decoder, decoders);
    if (i != -1) {
        r.input->decoder = (enum format_decoder)i;
        reads[i](&r, at);
    }
    return at->document->faults == before ? r.input : NULL;
}

/* ---- what is known of it ---- */

bool format_input_knows_fields(const struct format_input *in)
{
    return in->decoder == FORMAT_LINES || in->decoder == FORMAT_BLOCKS;
}

bool format_input_has_field(const struct format_input *in, struct slice name)
{
    return find_field(in, name, FORMAT_INPUT_NO_LIST) != UINT32_MAX;
}

bool format_input_is_json(const struct format_input *in)
{
    return in->decoder == FORMAT_JSON;
}
