/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a grading document into what classifyd compiles and stored counts. Checks all of it before
 * it says no, so that an operator sees every fault at once. Pure.
 */
#include "common/grading.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/utf8.h"
#include "schemas/messages.h"

#define DOCUMENT_NODES 262144
#define SHOWN_BYTES    60 /* of what was found, in a fault */

static const struct json_limits document_limits = {
    .depth = 16, .nodes = DOCUMENT_NODES, .string_bytes = 65536, .comments = false};

static const char *const relations[] = {"<", "<=", ">", ">=", "==", "!="};

struct grading_reader {
    struct arena *arena;
    struct grading_faults *faults;
    struct grading *grading;
    bool kept; /* published before: see pattern_compile_kept() */
};

static void fault(struct grading_reader *r, const char *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault(struct grading_reader *r, const char *place, const char *format, ...)
{
    struct grading_faults *f = r->faults;
    f->count++;
    if (f->kept >= sizeof f->text / sizeof f->text[0]) {
        return;
    }
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    const char *text = arena_printf(r->arena, "%s: %s", place, reason);
    f->text[f->kept++] = text == NULL ? "document: out of memory" : text;
}

/* Where something stands; the arena is small against the document's, so this hardly ever fails. */
#define PLACE(r, ...) place_or(arena_printf((r)->arena, __VA_ARGS__))

static const char *place_or(const char *text)
{
    return text == NULL ? "?" : text;
}

/* The beginning of a text in quotes, cut between characters, control characters replaced. */
static const char *shown_text(struct grading_reader *r, struct slice s)
{
    size_t n = s.len > SHOWN_BYTES ? utf8_cut(s.at, SHOWN_BYTES) : s.len;
    char *text = arena_printf(r->arena, "\"%.*s%s\"", (int)n, s.at, n < s.len ? "..." : "");
    for (char *c = text; c != NULL && *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    return place_or(text);
}

static const char *shown(struct grading_reader *r, const struct json *node)
{
    if (node == NULL) {
        return "nothing";
    }
    if (node->type == JSON_STRING || node->type == JSON_NUMBER) {
        return shown_text(r, node->text);
    }
    return json_type_name(node->type);
}

static void check_keys(struct grading_reader *r, const char *place, const struct json *object,
                       const char *const *keys)
{
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        bool known = false;
        for (uint32_t i = 0; !known && keys[i] != NULL; i++) {
            known = slice_is(m->key, keys[i]);
        }
        if (!known) {
            fault(r, place, "unknown key %s", shown_text(r, m->key));
        }
    }
}

static void *take(struct grading_reader *r, size_t count, size_t size)
{
    void *p = arena_calloc(r->arena, count > 0 ? count : 1, size);
    if (p == NULL) {
        fault(r, "document", "out of memory");
    }
    return p;
}

/* A list of at most max elements, or a fault and NULL. */
static const struct json *read_list(struct grading_reader *r, const char *place,
                                    const struct json *node, uint32_t max)
{
    if (node == NULL || node->type != JSON_ARRAY) {
        fault(r, place, "expected a list, found %s", shown(r, node));
        return NULL;
    }
    if (node->count > max) {
        fault(r, place, "expected at most %" PRIu32 " elements, found %" PRIu32, max, node->count);
        return NULL;
    }
    return node;
}

static bool is_object(struct grading_reader *r, const char *place, const struct json *node)
{
    if (node->type != JSON_OBJECT) {
        fault(r, place, "expected an object, found %s", shown(r, node));
        return false;
    }
    return true;
}

/* A name of 1..LIMIT_NAME_BYTES bytes that the database can hold. */
static struct slice read_name(struct grading_reader *r, const char *place, const struct json *node)
{
    if (node == NULL || node->type != JSON_STRING) {
        fault(r, place, "expected a string, found %s", shown(r, node));
    } else if (node->text.len == 0 || node->text.len > LIMIT_NAME_BYTES) {
        fault(r, place, "expected 1..%d bytes, found %zu", LIMIT_NAME_BYTES, node->text.len);
    } else if (!pattern_is_text(node->text)) {
        fault(r, place, "expected UTF-8 without NUL");
    } else {
        return node->text;
    }
    return (struct slice){NULL, 0};
}

/* The text of a JSON number or string; no value for anything else. */
static struct slice number_text(const struct json *node)
{
    if (node != NULL && (node->type == JSON_NUMBER || node->type == JSON_STRING)) {
        return node->text;
    }
    return (struct slice){NULL, 0};
}

static void read_condition(struct grading_reader *r, const char *place, const struct json *node,
                           struct grading_condition *condition)
{
    static const char *const keys[] = {"metric", "rel", "limit", NULL};
    if (!is_object(r, place, node)) {
        return;
    }
    check_keys(r, place, node, keys);
    condition->metric = read_name(r, PLACE(r, "%s.metric", place), json_get(node, "metric"));

    const struct json *relation = json_get(node, "rel");
    unsigned i = 0;
    while (i < sizeof relations / sizeof relations[0] && !json_is(relation, relations[i])) {
        i++;
    }
    if (i == sizeof relations / sizeof relations[0]) {
        fault(r, PLACE(r, "%s.rel", place), "expected one of < <= > >= == !=, found %s",
              shown(r, relation));
    } else {
        condition->relation = (enum grading_relation)i;
    }

    const struct json *limit = json_get(node, "limit");
    if (number_parse(number_text(limit), &condition->limit) == -1) {
        fault(r, PLACE(r, "%s.limit", place), "expected a number, found %s", shown(r, limit));
    }
}

/* 1..5, or a fault and 0. */
static uint8_t read_grade(struct grading_reader *r, const char *place, const struct json *node)
{
    static const char *const grades[] = {"1", "2", "3", "4", "5"};
    struct number grade;
    if (number_parse(number_text(node), &grade) == 0) {
        for (uint8_t i = 0; i < 5; i++) {
            struct number known;
            if (number_parse(slice_of(grades[i]), &known) == 0 &&
                number_compare(&grade, &known) == 0) {
                return (uint8_t)(i + 1);
            }
        }
    }
    fault(r, place, "expected a grade 1..5, found %s", shown(r, node));
    return 0;
}

static void read_rule(struct grading_reader *r, const char *place, const struct json *node,
                      struct grading_rule *rule)
{
    static const char *const keys[] = {"grade", "if", NULL};
    if (!is_object(r, place, node)) {
        return;
    }
    check_keys(r, place, node, keys);
    rule->grade = read_grade(r, PLACE(r, "%s.grade", place), json_get(node, "grade"));

    const struct json *conditions = json_get(node, "if");
    if (conditions == NULL) {
        return; /* always holds */
    }
    conditions = read_list(r, PLACE(r, "%s.if", place), conditions, GRADING_CONDITIONS);
    if (conditions == NULL) {
        return;
    }
    rule->conditions = take(r, conditions->count, sizeof *rule->conditions);
    if (rule->conditions == NULL) {
        return;
    }
    for (const struct json *c = conditions->first; c != NULL; c = c->next) {
        const char *at = PLACE(r, "%s.if[%" PRIu32 "]", place, rule->condition_count);
        read_condition(r, at, c, &rule->conditions[rule->condition_count++]);
    }
}

static void read_applies_to(struct grading_reader *r, const char *place, const struct json *node,
                            struct grading_block *block)
{
    static const char *const keys[] = {"recordType", "recordContent", "recordProbe", "recordSource",
                                       "recordDest", "recordPath",    NULL};
    struct pattern *const patterns[] = {&block->type,   &block->content, &block->probe,
                                        &block->source, &block->dest,    &block->path};
    for (int i = 0; keys[i] != NULL; i++) {
        (void)pattern_compile(slice_of("*"), false, patterns[i]);
    }
    if (node == NULL) {
        fault(r, place, "expected an object, found nothing");
        return;
    }
    if (!is_object(r, place, node)) {
        return;
    }
    check_keys(r, place, node, keys);
    for (int i = 0; keys[i] != NULL; i++) {
        const struct json *text = json_get(node, keys[i]);
        if (text == NULL) {
            continue;
        }
        bool addresses = patterns[i] == &block->source || patterns[i] == &block->dest;
        const char *at = PLACE(r, "%s.%s", place, keys[i]);
        if (text->type != JSON_STRING) {
            fault(r, at, "expected a pattern (a string), found %s", shown(r, text));
        } else if ((r->kept ? pattern_compile_kept : pattern_compile)(text->text, addresses,
                                                                      patterns[i]) == -1) {
            fault(
                r, at,
                "expected a pattern of at most %d bytes in UTF-8 without NUL, \\ in it only before "
                "*, ? and \\%s, found %s",
                LIMIT_DIMENSION_BYTES, addresses ? ", and no prefix that cannot be" : "",
                shown(r, text));
        }
    }
}

/* The index of a gradeName, a new one where it stands for the first time. */
static uint32_t name_index(struct grading_reader *r, const char *place, struct slice name)
{
    struct grading *g = r->grading;
    for (uint32_t i = 0; i < g->name_count; i++) {
        if (slice_equal(g->names[i], name)) {
            return i;
        }
    }
    if (g->name_count == LIMIT_GRADE_NAMES) {
        fault(r, place, "expected at most %d different grade names, found %s beyond them",
              LIMIT_GRADE_NAMES, shown_text(r, name));
        return 0;
    }
    g->names[g->name_count] = name;
    return g->name_count++;
}

static void read_block(struct grading_reader *r, const char *place, const struct json *node,
                       struct grading_block *block)
{
    static const char *const keys[] = {"gradeName", "appliesTo", "gradingRules", NULL};
    if (!is_object(r, place, node)) {
        return;
    }
    check_keys(r, place, node, keys);

    const char *at = PLACE(r, "%s.gradeName", place);
    struct slice name = read_name(r, at, json_get(node, "gradeName"));
    if (name.at != NULL && slice_is(name, "all")) {
        fault(r, at, "\"all\" is what queries call all grade names together");
    } else if (name.at != NULL) {
        block->name = name_index(r, at, name);
    }
    read_applies_to(r, PLACE(r, "%s.appliesTo", place), json_get(node, "appliesTo"), block);

    const struct json *rules = read_list(r, PLACE(r, "%s.gradingRules", place),
                                         json_get(node, "gradingRules"), GRADING_RULES);
    if (rules == NULL) {
        return;
    }
    block->rules = take(r, rules->count, sizeof *block->rules);
    if (block->rules == NULL) {
        return;
    }
    for (const struct json *n = rules->first; n != NULL; n = n->next) {
        at = PLACE(r, "%s.gradingRules[%" PRIu32 "]", place, block->rule_count);
        read_rule(r, at, n, &block->rules[block->rule_count++]);
    }
}

static void read_document(struct grading_reader *r, const struct json *root)
{
    static const char *const keys[] = {"grading", NULL};
    if (!is_object(r, "document", root)) {
        return;
    }
    check_keys(r, "document", root, keys);
    const struct json *list = read_list(r, "grading", json_get(root, "grading"), GRADING_BLOCKS);
    r->grading = take(r, 1, sizeof *r->grading);
    if (list == NULL || r->grading == NULL) {
        return;
    }
    struct grading *g = r->grading;
    g->names = take(r, LIMIT_GRADE_NAMES, sizeof *g->names);
    g->blocks = take(r, list->count, sizeof *g->blocks);
    if (g->names == NULL || g->blocks == NULL) {
        return;
    }
    for (const struct json *n = list->first; n != NULL; n = n->next) {
        const char *place = PLACE(r, "grading[%" PRIu32 "]", g->block_count);
        read_block(r, place, n, &g->blocks[g->block_count++]);
    }
}

static const struct grading *read_bytes(struct arena *a, struct slice document, bool kept,
                                        struct grading_faults *faults)
{
    struct grading_reader r = {.arena = a, .faults = faults, .kept = kept};
    *faults = (struct grading_faults){0};
    if (document.len > LIMIT_DOCUMENT_BYTES) {
        fault(&r, "document", "expected at most %d bytes, found %zu", LIMIT_DOCUMENT_BYTES,
              document.len);
        return NULL;
    }
    char error[256];
    const struct json *root = json_parse(a, document, &document_limits, error, sizeof error);
    if (root == NULL) {
        fault(&r, "document", "%s", error);
        return NULL;
    }
    read_document(&r, root);
    return faults->count > 0 ? NULL : r.grading;
}

const struct grading *grading_read(struct arena *a, struct slice document,
                                   struct grading_faults *faults)
{
    return read_bytes(a, document, false, faults);
}

const struct grading *grading_read_kept(struct arena *a, struct slice document,
                                        struct grading_faults *faults)
{
    return read_bytes(a, document, true, faults);
}
