/* SPDX-License-Identifier: Apache-2.0 */
/* Reads expressions: what a value is made of. */
#include "common/formats/mapping_reader.h"

/* All members an expression may have, and beside which one they stand; NULL: a source of its own,
 * "": beside any. */
static const struct {
    const char *key, *beside;
    enum expression_source source;
} members[] = {
    {"path", NULL, SOURCE_PATHS},
    {"first", NULL, SOURCE_FIRST},
    {"const", NULL, SOURCE_CONSTANT},
    {"text", NULL, SOURCE_TEXT},
    {"agg", NULL, SOURCE_AGGREGATE},
    {"of", "agg", 0},
    {"where", "agg", 0},
    {"join", NULL, SOURCE_JOIN},
    {"with", "join", 0},
    {"each", "join", 0},
    {"hops", NULL, SOURCE_HOPS},
    {"index", "hops", 0},
    {"gap", "hops", 0},
    {"from", "hops", 0},
    {"sub", NULL, SOURCE_SUBTRACT},
    {"div", NULL, SOURCE_DIVIDE},
    {"add", NULL, SOURCE_ADD},
    {"hist", NULL, SOURCE_HISTOGRAM},
    {"stat", "hist", 0},
    {"test", NULL, SOURCE_TEST},
    {"if", NULL, SOURCE_IF},
    {"then", "if", 0},
    {"value", "", 0}, /* agg, hops */
    {"else", "", 0},  /* if, map */
    {"strict", "map", 0},
    {"units", "unit", 0},
    {"after", "", 0},
    {"before", "", 0},
    {"between", "", 0},
    {"host", "", 0},
    {"number", "", 0},
    {"prefix", "", 0},
    {"null", "", 0},
    {"duration", "", 0},
    {"unit", "", 0},
    {"times", "", 0},
    {"valid", "", 0},
    {"clamp", "", 0},
    {"map", "", 0},
    {"default", "", 0},
    {"comment", "", 0},
};

#define MEMBERS (sizeof members / sizeof members[0])

static bool has(const struct document_place *at, const char *key)
{
    return json_get(at->node, key) != NULL;
}

/* Every member is known and stands where it has a meaning; there is one source. */
static int check_members(const struct document_place *at, enum expression_source *source,
                         const char **key)
{
    const char *names[MEMBERS + 1] = {NULL};
    uint32_t faults = at->document->faults;
    *source = SOURCE_NONE;
    *key = NULL;
    for (size_t i = 0; i < MEMBERS; i++) {
        names[i] = members[i].key;
    }
    if (!document_is_object_of(at, names)) {
        return -1;
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!has(at, members[i].key)) {
            continue;
        }
        if (members[i].beside == NULL && *key != NULL) {
            document_fault(at, "expected one of \"%s\" and \"%s\", found both", *key,
                           members[i].key);
        } else if (members[i].beside == NULL) {
            *key = members[i].key;
            *source = members[i].source;
        } else if (members[i].beside[0] != '\0' && !has(at, members[i].beside)) {
            document_fault(at, "\"%s\" has a meaning beside \"%s\" only", members[i].key,
                           members[i].beside);
        }
    }
    if (has(at, "value") && *source != SOURCE_AGGREGATE && *source != SOURCE_HOPS) {
        document_fault(at, "\"value\" has a meaning beside \"agg\" and \"hops\" only");
    }
    if (has(at, "else") && (*source == SOURCE_IF) == has(at, "map")) {
        document_fault(at, "expected \"else\" beside one of \"if\" and \"map\", found %s",
                       has(at, "map") ? "both" : "neither");
    }
    if (*source == SOURCE_NONE && !has(at, "default")) {
        document_expected(at, "what the value is: path, first, const, text, agg, join, hops, add, "
                              "sub, div, hist, test or if");
    }
    return at->document->faults == faults ? 0 : -1;
}

/* ---- sources ---- */

/* One path, or a list of them. */
static void read_paths(struct mapping_reader *r, const struct document_place *at, bool may_be_list,
                       struct expression *e)
{
    bool is_list = at->node != NULL && at->node->type == JSON_ARRAY;
    if (is_list && !may_be_list) {
        document_expected(at, "a path");
        return;
    }
    if (is_list && (!document_is_list(at, MAPPING_LIST) || at->node->count == 0)) {
        document_expected(at, "at least one path");
        return;
    }
    uint32_t count = is_list ? at->node->count : 1;
    struct json_path *paths = document_take(at, r->arena, count, sizeof *paths);
    if (paths == NULL) {
        return;
    }
    e->paths = paths;
    e->path_count = count;
    if (!is_list) {
        mapping_path(r, at, paths);
        return;
    }
    for (struct document_place p = document_first(at); p.node != NULL; document_next(&p)) {
        mapping_path(r, &p, paths++);
    }
}

static void read_parts(struct mapping_reader *r, const struct document_place *at, uint32_t exactly,
                       struct expression *e)
{
    if (!document_is_list(at, MAPPING_LIST)) {
        return;
    }
    if (at->node->count == 0 || (exactly > 0 && at->node->count != exactly)) {
        document_fault(at, "expected %s, found %u", exactly > 0 ? "two values" : "at least one",
                       at->node->count);
        return;
    }
    const struct expression **parts = document_take(at, r->arena, at->node->count, sizeof *parts);
    e->parts = parts;
    for (struct document_place p = document_first(at); parts != NULL && p.node != NULL;
         document_next(&p)) {
        parts[e->part_count++] = mapping_expression(r, &p);
    }
}

/* "AS{@}" in two: what stands before and behind. */
static void read_around(const struct document_place *at, struct slice each[2])
{
    struct slice text = document_text(at, 0, JSON_PATH_BYTES);
    const char *mark = text.at == NULL ? NULL : memmem(text.at, text.len, "{@}", 3);
    if (text.at != NULL && mark == NULL) {
        document_expected(at, "a text with {@} where each value goes");
    } else if (mark != NULL) {
        each[0] = (struct slice){text.at, (size_t)(mark - text.at)};
        each[1] = (struct slice){mark + 3, text.len - each[0].len - 3};
    }
}

static void read_join(struct mapping_reader *r, const struct document_place *at,
                      struct expression *e)
{
    struct document_place list = document_member(at, "join");
    struct document_place with = document_member(at, "with");
    struct document_place each = document_member(at, "each");
    read_paths(r, &list, false, e);
    e->with = with.node == NULL ? slice_of(" ") : document_text(&with, 0, JSON_PATH_BYTES);
    e->each[0] = e->each[1] = slice_of("");
    if (each.node != NULL) {
        read_around(&each, e->each);
    }
}

static void read_aggregate(struct mapping_reader *r, const struct document_place *at,
                           struct expression *e)
{
    static const char *const kinds[] = {"min",   "max",    "mean",  "median", "sum",
                                        "count", "length", "first", "last",   NULL};
    struct document_place agg = document_member(at, "agg");
    struct document_place of = document_member(at, "of");
    struct document_place where = document_member(at, "where");
    struct document_place value = document_member(at, "value");
    int kind = document_choice(&agg, kinds);
    e->aggregate = kind == -1 ? AGGREGATE_MIN : (enum aggregate)kind;
    read_paths(r, &of, false, e);
    if (where.node != NULL) {
        r->depth++;
        e->condition = mapping_condition(r, &where);
        r->depth--;
    }
    e->value = mapping_steps_kept(r, &value);
}

static void read_hops(struct mapping_reader *r, const struct document_place *at,
                      struct expression *e)
{
    struct document_place list = document_member(at, "hops");
    struct document_place index = document_member(at, "index");
    struct document_place value = document_member(at, "value");
    struct document_place gap = document_member(at, "gap");
    struct document_place from = document_member(at, "from");
    read_paths(r, &list, false, e);
    e->index = mapping_steps_kept(r, &index);
    e->value = mapping_steps_kept(r, &value);
    e->gap = gap.node == NULL ? slice_of("-") : document_text(&gap, 1, 64);
    if (value.node == NULL) {
        document_expected(&value, "the steps from a hop to its address");
    }
    if (from.node != NULL) {
        e->from = mapping_expression(r, &from);
    }
}

static void read_histogram(struct mapping_reader *r, const struct document_place *at,
                           struct expression *e)
{
    static const char *const names[] = {"min", "max", "mean", "count"};
    struct document_place of = document_member(at, "hist");
    struct document_place stat = document_member(at, "stat");
    struct slice name = document_text(&stat, 1, 16);
    int64_t quantile;
    read_paths(r, &of, false, e);
    if (name.at == NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is(name, names[i])) {
            e->statistic = (enum histogram_statistic)i;
            return;
        }
    }
    struct slice digits = {name.at + 1, name.len - 1};
    if (name.at[0] == 'p' && number_integer(digits, 0, 100, &quantile) == 0) {
        e->statistic = HISTOGRAM_QUANTILE;
        e->quantile = (uint32_t)quantile;
    } else {
        document_expected(&stat, "one of min max mean count p0 ... p100");
    }
}

static void read_if(struct mapping_reader *r, const struct document_place *at, struct expression *e)
{
    struct document_place condition = document_member(at, "if");
    struct document_place then = document_member(at, "then");
    struct document_place otherwise = document_member(at, "else");
    const struct expression *parts[2] = {NULL, NULL};
    e->condition = mapping_condition(r, &condition);
    if (then.node == NULL) {
        document_expected(&then, "a value");
    } else {
        parts[0] = mapping_expression(r, &then);
    }
    if (otherwise.node != NULL && !has(at, "map")) {
        parts[1] = mapping_expression(r, &otherwise);
    }
    e->parts = mapping_keep(r, at, parts, sizeof parts);
    e->part_count = 2;
}

/* "{$.a}-{$.b}" in pieces. */
static void read_text(struct mapping_reader *r, const struct document_place *at,
                      struct expression *e)
{
    struct slice text = document_text(at, 0, JSON_PATH_BYTES);
    uint32_t marks = 0;
    for (size_t i = 0; i < text.len; i++) {
        marks += text.at[i] == '{';
    }
    struct text_piece *pieces =
        text.at == NULL ? NULL : document_take(at, r->arena, marks + 1, sizeof *pieces);
    e->pieces = pieces;
    while (pieces != NULL) {
        const char *open = text.len == 0 ? NULL : memchr(text.at, '{', text.len);
        struct text_piece *p = &pieces[e->piece_count++];
        p->literal = open == NULL ? text : (struct slice){text.at, (size_t)(open - text.at)};
        if (open == NULL) {
            return;
        }
        const char *end = text.at + text.len;
        const char *close = memchr(open, '}', (size_t)(end - open));
        if (close == NULL) {
            document_fault(at, "expected a } behind each {");
            return;
        }
        struct slice path = {open + 1, (size_t)(close - open) - 1};
        if (!json_path_is(path)) {
            document_fault(at, "expected a path between { and }, found %s", DOCUMENT_SHOWN(path));
            return;
        }
        p->value = mapping_expression_of(r, at, path);
        text = (struct slice){close + 1, (size_t)(end - close) - 1};
    }
}

static void read_source(struct mapping_reader *r, const struct document_place *at, const char *key,
                        struct expression *e)
{
    struct document_place member =
        key == NULL ? (struct document_place){0} : document_member(at, key);
    switch (e->source) {
    case SOURCE_PATHS:
        read_paths(r, &member, true, e);
        break;
    case SOURCE_FIRST:
        read_parts(r, &member, 0, e);
        break;
    case SOURCE_CONSTANT:
        mapping_constant(r, &member, &e->constant);
        break;
    case SOURCE_TEXT:
        read_text(r, &member, e);
        break;
    case SOURCE_AGGREGATE:
        read_aggregate(r, at, e);
        break;
    case SOURCE_JOIN:
        read_join(r, at, e);
        break;
    case SOURCE_HOPS:
        read_hops(r, at, e);
        break;
    case SOURCE_ADD:
    case SOURCE_SUBTRACT:
    case SOURCE_DIVIDE:
        read_parts(r, &member, 2, e);
        break;
    case SOURCE_HISTOGRAM:
        read_histogram(r, at, e);
        break;
    case SOURCE_TEST:
        e->condition = mapping_condition(r, &member);
        break;
    case SOURCE_IF:
        read_if(r, at, e);
        break;
    case SOURCE_PATH:
    case SOURCE_NONE:
        break;
    }
}

const struct expression *mapping_expression_of(struct mapping_reader *r,
                                               const struct document_place *at, struct slice text)
{
    struct expression e = {.source = SOURCE_CONSTANT, .place = mapping_place(r, at)};
    struct json_path path;
    if (!json_path_is(text)) {
        mapping_doubt(r, at, text);
        e.constant =
            (struct format_value){.kind = VALUE_TEXT, .text = mapping_constant_text(r, at, text)};
        return e.constant.text.at == NULL ? NULL : mapping_keep(r, at, &e, sizeof e);
    }
    if (mapping_path_of(r, at, text, &path) == -1) {
        return NULL;
    }
    e.source = SOURCE_PATH;
    e.paths = mapping_keep(r, at, &path, sizeof path);
    e.path_count = 1;
    return e.paths == NULL ? NULL : mapping_keep(r, at, &e, sizeof e);
}

const struct expression *mapping_expression(struct mapping_reader *r,
                                            const struct document_place *at)
{
    struct expression e = {.place = mapping_place(r, at)};
    uint32_t faults = at->document->faults;
    const char *key;
    if (at->node == NULL || at->node->type == JSON_ARRAY) {
        document_expected(at, "a path, a constant or an object that says what the value is");
        return NULL;
    }
    if (at->node->type == JSON_STRING) {
        return mapping_expression_of(r, at, at->node->text);
    }
    if (at->node->type != JSON_OBJECT) {
        e.source = SOURCE_CONSTANT;
        mapping_constant(r, at, &e.constant);
    } else if (check_members(at, &e.source, &key) == 0) {
        read_source(r, at, key, &e);
        mapping_conversion(r, at, &e.conversion);
    }
    return at->document->faults > faults ? NULL : mapping_keep(r, at, &e, sizeof e);
}
