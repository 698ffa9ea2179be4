/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a grading document into what classifyd compiles and stored counts. Checks all of it before
 * it says no, so that an operator sees every fault at once. Pure.
 */
#include "common/grading.h"

#include "common/document.h"
#include "common/grading_steady.h"
#include "common/record_dimensions.h"
#include "schemas/messages.h"

#define DOCUMENT_NODES 262144

static const struct json_limits document_limits = {
    .depth = 16, .nodes = DOCUMENT_NODES, .string_bytes = 65536, .comments = false};

static const char *const relations[] = {"<", "<=", ">", ">=", "==", "!=", NULL};

struct grading_reader {
    struct arena *arena;
    struct grading_faults *faults;
    struct grading *grading;
    struct zones *zones;
    bool kept; /* published before: see pattern_compile_kept() */
};

static void keep_fault(void *context, const char *fault)
{
    struct grading_reader *r = context;
    const char *text = arena_copy(r->arena, slice_of(fault)).at;
    r->faults->text[r->faults->kept++] = text == NULL ? "document: out of memory" : text;
}

/* A list of at most max elements, and room for what is read of each; NULL after a fault. */
static void *read_list(struct grading_reader *r, const struct document_place *at, uint32_t max,
                       size_t size)
{
    return document_is_list(at, max) ? document_take(at, r->arena, at->node->count, size) : NULL;
}

static void read_condition(const struct document_place *at, struct grading_condition *condition)
{
    static const char *const keys[] = {"metric", "rel", "limit", "leave", NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place metric = document_member(at, "metric");
    struct document_place relation = document_member(at, "rel");
    struct document_place limit = document_member(at, "limit");
    condition->metric = document_text(&metric, 1, LIMIT_NAME_BYTES);
    int i = document_choice(&relation, relations);
    condition->relation = i == -1 ? GRADING_LT : (enum grading_relation)i;
    bool known = document_number(&limit, &condition->limit) && i != -1;
    struct document_place leave = document_member(at, "leave");
    if (leave.node != NULL) {
        grading_leave_read(&leave, known, condition);
    }
}

/* 1..5, or a fault and 0. It may be written as any number is, "5.0" too. */
static uint8_t read_grade(const struct document_place *at)
{
    static const char *const grades[] = {"1", "2", "3", "4", "5"};
    struct slice none = {NULL, 0};
    bool has_text =
        at->node != NULL && (at->node->type == JSON_NUMBER || at->node->type == JSON_STRING);
    struct number grade;
    if (number_parse(has_text ? at->node->text : none, &grade) == 0) {
        for (uint8_t i = 0; i < 5; i++) {
            struct number known;
            if (number_parse(slice_of(grades[i]), &known) == 0 &&
                number_compare(&grade, &known) == 0) {
                return (uint8_t)(i + 1);
            }
        }
    }
    document_expected(at, "a grade 1..5");
    return 0;
}

static void read_rule(struct grading_reader *r, const struct document_place *at,
                      struct grading_rule *rule)
{
    static const char *const keys[] = {"grade", "if", NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place grade = document_member(at, "grade");
    struct document_place conditions = document_member(at, "if");
    rule->grade = read_grade(&grade);
    if (conditions.node == NULL) {
        return; /* always holds */
    }
    rule->conditions = read_list(r, &conditions, GRADING_CONDITIONS, sizeof *rule->conditions);
    if (rule->conditions == NULL) {
        return;
    }
    for (struct document_place c = document_first(&conditions); c.node != NULL; document_next(&c)) {
        read_condition(&c, &rule->conditions[rule->condition_count++]);
    }
}

static void read_pattern(struct grading_reader *r, const struct document_place *at, bool addresses,
                         struct pattern *pattern)
{
    if (at->node->type != JSON_STRING) {
        document_expected(at, "a pattern (a string)");
    } else if ((r->kept ? pattern_compile_kept : pattern_compile)(at->node->text, addresses,
                                                                  pattern) == -1) {
        document_expected(
            at,
            "a pattern of at most %d bytes in UTF-8 without NUL, \\ in it only before "
            "*, ? and \\%s",
            LIMIT_DIMENSION_BYTES, addresses ? ", and no prefix that cannot be" : "");
    }
}

static void read_during(struct grading_reader *r, const struct document_place *at,
                        struct grading_block *block)
{
    static const char *const keys[] = {"hours", "time_zone", NULL};
    uint32_t before = at->document->faults, first, second;
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place hours = document_member(at, "hours");
    block->during_said = at->node;
    block->during = week_hours_read(at, r->arena, r->zones);
    if (hours.node == NULL && at->document->faults == before) {
        document_expected(&hours, "hours");
    } else if (block->during != NULL && week_hours_overlap(block->during, &first, &second)) {
        document_fault(&hours, "[%u] and [%u] overlap", first, second);
    }
}

static void read_applies_to(struct grading_reader *r, const struct document_place *at,
                            struct grading_block *block)
{
#define KEY(x, name, Name, addresses, help) "record" #Name,
    static const char *const keys[] = {DIMENSIONS(KEY, ) "during", NULL};
#undef KEY
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        (void)pattern_compile(slice_of("*"), false, &block->patterns[d]);
    }
    if (!document_is_object_of(at, keys)) {
        return;
    }
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        struct document_place text = document_member(at, keys[d]);
        if (text.node != NULL) {
            read_pattern(r, &text, dimension_rows[d].addresses, &block->patterns[d]);
        }
    }
    struct document_place during = document_member(at, "during");
    if (during.node != NULL) {
        read_during(r, &during, block);
    }
}

/* The index of a gradeName, a new one where it stands for the first time. */
static uint32_t name_index(struct grading *g, const struct document_place *at, struct slice name)
{
    for (uint32_t i = 0; i < g->name_count; i++) {
        if (slice_equal(g->names[i], name)) {
            return i;
        }
    }
    if (g->name_count == LIMIT_GRADE_NAMES) {
        document_fault(at, "expected at most %d different grade names, found %s beyond them",
                       LIMIT_GRADE_NAMES, DOCUMENT_SHOWN(name));
        return 0;
    }
    g->names[g->name_count] = name;
    return g->name_count++;
}

static void read_block(struct grading_reader *r, const struct document_place *at,
                       struct grading_block *block)
{
    static const char *const keys[] = {"gradeName", "appliesTo", "gradingRules", "hold", "flap",
                                       "comment",   NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place name_at = document_member(at, "gradeName");
    struct document_place applies = document_member(at, "appliesTo");
    struct document_place rules = document_member(at, "gradingRules");
    struct slice name = document_text(&name_at, 1, LIMIT_NAME_BYTES);
    if (name.at != NULL && slice_is(name, "all")) {
        document_fault(&name_at, "\"all\" is what queries call all grade names together");
    } else if (name.at != NULL) {
        block->name = name_index(r->grading, &name_at, name);
    }
    read_applies_to(r, &applies, block);
    struct document_place comment = document_member(at, "comment");
    if (comment.node != NULL) {
        document_text(&comment, 0, GRADING_COMMENT_BYTES);
    }
    grading_steady_read(at, r->grading, block);
    block->rules = read_list(r, &rules, GRADING_RULES, sizeof *block->rules);
    if (block->rules == NULL) {
        return;
    }
    for (struct document_place n = document_first(&rules); n.node != NULL; document_next(&n)) {
        read_rule(r, &n, &block->rules[block->rule_count++]);
    }
}

static void read_blocks(struct grading_reader *r, const struct document_place *list)
{
    struct grading *g = document_take(list, r->arena, 1, sizeof *g);
    if (g == NULL) {
        return;
    }
    r->grading = g;
    g->zones = r->zones;
    g->names = document_take(list, r->arena, LIMIT_GRADE_NAMES, sizeof *g->names);
    g->blocks = read_list(r, list, GRADING_BLOCKS, sizeof *g->blocks);
    if (g->names == NULL || g->blocks == NULL) {
        return;
    }
    g->terms = document_take(list, r->arena, list->node->count + (size_t)1, sizeof *g->terms);
    if (g->terms == NULL) {
        return;
    }
    for (struct document_place n = document_first(list); n.node != NULL; document_next(&n)) {
        read_block(r, &n, &g->blocks[g->block_count++]);
    }
}

static void read_document(struct grading_reader *r, const struct document_place *whole)
{
    static const char *const keys[] = {"grading", NULL};
    if (document_is_object_of(whole, keys)) {
        struct document_place list = document_member(whole, "grading");
        read_blocks(r, &list);
    }
}

/* kept.at NULL: the document is not published yet. */
static const struct grading *read_bytes(struct arena *a, struct slice bytes, struct slice kept,
                                        struct grading_faults *faults)
{
    struct zones *zones = kept.at == NULL ? zones_new(a) : zones_of_kept(a, kept);
    struct grading_reader r = {
        .arena = a, .faults = faults, .zones = zones, .kept = kept.at != NULL};
    struct document d = {.tell = keep_fault, .context = &r};
    const char *nul = kept.at == NULL && bytes.len > 0 ? memchr(bytes.at, '\0', bytes.len) : NULL;
    *faults = (struct grading_faults){0};
    if (zones == NULL) {
        document_fault_in(&d, "document", "out of memory");
    } else if (bytes.len > LIMIT_DOCUMENT_BYTES) {
        document_fault_in(&d, "document", "expected at most %d bytes, found %zu",
                          LIMIT_DOCUMENT_BYTES, bytes.len);
    } else if (nul != NULL) { /* JSON as C programs send it ends so; no text in the store does */
        document_fault_in(&d, "document", "expected JSON without NUL, found one at byte %td",
                          nul - bytes.at + 1);
    } else {
        struct document_place whole = document_parse(&d, a, bytes, &document_limits);
        if (whole.node != NULL) {
            read_document(&r, &whole);
        }
    }
    faults->count = d.faults;
    return d.faults > 0 ? NULL : r.grading;
}

const struct grading *grading_read(struct arena *a, struct slice document,
                                   struct grading_faults *faults)
{
    return read_bytes(a, document, (struct slice){NULL, 0}, faults);
}

const struct grading *grading_read_kept(struct arena *a, struct slice document, struct slice kept,
                                        struct grading_faults *faults)
{
    return read_bytes(a, document, kept.at == NULL ? slice_of("") : kept, faults);
}

/* ---- blocks of one type ---- */

/* Whether the pattern matches the name and nothing else. */
static bool is_name(struct slice pattern, struct slice name)
{
    size_t i = 0, n = 0;
    for (; i < pattern.len && n < name.len; i++, n++) {
        bool any = pattern.at[i] == '*' || pattern.at[i] == '?';
        i += pattern.at[i] == '\\' && i + 1 < pattern.len;
        if (any || pattern.at[i] != name.at[n]) {
            return false;
        }
    }
    return i == pattern.len && n == name.len;
}

void grading_check_blocks(struct arena *a, const struct document_place *list, struct slice type)
{
    struct grading_faults none = {0};
    struct grading_reader r = {.arena = a, .faults = &none, .zones = zones_new(a)};
    if (r.zones == NULL) {
        document_fault(list, "out of memory");
        return;
    }
    read_blocks(&r, list);
    for (struct document_place b = document_first(list); b.node != NULL; document_next(&b)) {
        struct document_place applies = document_member(&b, "appliesTo");
        struct document_place named = document_member(&applies, "recordType");
        if (applies.node != NULL && applies.node->type == JSON_OBJECT &&
            (named.node == NULL || named.node->type != JSON_STRING ||
             !is_name(named.node->text, type))) {
            document_expected(&named, "the record type itself, %s", DOCUMENT_SHOWN(type));
        }
    }
}

enum grading_takes grading_takes(const struct grading_block *block, struct slice type)
{
    const struct pattern *p = &block->patterns[DIMENSION_type];
    return is_name(p->text, type)     ? GRADING_BY_NAME
           : pattern_matches(p, type) ? GRADING_BY_PATTERN
                                      : GRADING_TAKES_NOT;
}
