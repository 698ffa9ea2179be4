/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace of one record and grade name: gathered while it is graded, then told as JSON and in a
 * line. It decides nothing itself.
 */
#include "common/why/explaining.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/record_dimensions.h"

/* ---- while it is graded ---- */

static void open_block(struct explaining *x, uint32_t number)
{
    const struct grading_block *b = &x->grading->blocks[number];
    size_t conditions = 0;
    for (uint32_t i = 0; i < b->rule_count; i++) {
        conditions += b->rules[i].condition_count;
    }
    x->rules = arena_calloc(x->arena, b->rule_count + (size_t)1, sizeof *x->rules);
    x->conditions = arena_calloc(x->arena, conditions + 1, sizeof *x->conditions);
    x->no_memory = x->rules == NULL || x->conditions == NULL;
    x->block = b;
    x->block_number = number;
    x->decided = b->rule_count;
}

static void on_block(void *context, uint32_t block, int failed)
{
    struct explaining *x = context;
    if (x->grading->blocks[block].name != x->name) {
        return;
    }
    if (failed == GRADE_DECIDES) {
        open_block(x, block);
    } else {
        x->skipped[x->skipped_count++ % EXPLAIN_SKIPPED] = (struct skipped_block){block, failed};
    }
}

static bool is_ours(const struct explaining *x, uint32_t block)
{
    return x->block != NULL && !x->no_memory && x->block_number == block;
}

static void on_condition(void *context, const struct grade_condition_told *told)
{
    struct explaining *x = context;
    if (is_ours(x, told->at.block)) {
        x->conditions[x->condition_count++] = *told;
    }
}

static void on_rule(void *context, uint32_t block, uint32_t rule, bool holds)
{
    struct explaining *x = context;
    if (is_ours(x, block)) {
        x->rules[rule].holds = holds;
        x->rules[rule].first = x->condition_count - x->block->rules[rule].condition_count;
        x->decided = holds && x->decided == x->block->rule_count ? rule : x->decided;
    }
}

/* ---- what is told ---- */

static const char *const found_texts[] = {[GRADE_FOUND_MISSING] = "missing",
                                          [GRADE_FOUND_NULL] = "null",
                                          [GRADE_FOUND_NO_NUMBER] = "no number",
                                          [GRADE_FOUND_IMPOSSIBLE] = "impossible",
                                          [GRADE_FOUND_NUMBER] = "number"};
static void put_text(FILE *f, const char *key, struct slice text)
{
    fprintf(f, ",\"%s\":", key);
    json_print_slice(f, text);
}

static void put_condition(FILE *f, const struct explaining *x,
                          const struct grade_condition_told *told)
{
    const struct grading_condition *c = explaining_condition(x, told);
    fprintf(f, "{\"place\":\"grading[%u].gradingRules[%u].if[%u]\"", told->at.block, told->at.rule,
            told->at.condition);
    put_text(f, "metric", c->metric);
    fprintf(f, ",\"rel\":\"%s\"", explaining_relation(c->relation));
    put_text(f, "limit", explaining_shown(c->limit.text));
    fprintf(f, ",\"found\":\"%s\"", found_texts[told->found]);
    if (told->column.at != NULL) {
        put_text(f, "column", told->column);
    }
    if (told->value.at != NULL) {
        put_text(f, "value", explaining_shown(told->value));
    }
    if (told->found == GRADE_FOUND_NUMBER) {
        struct slice margin = explaining_margin(x->arena, c, told->value);
        if (margin.at != NULL) {
            put_text(f, "margin", margin);
        }
    }
    if (told->found == GRADE_FOUND_IMPOSSIBLE) {
        struct slice range = json_text(x->arena, record_types_range_said(told->range));
        fprintf(f, ",\"valid\":%.*s", SLICE_SHOWN(range, range.len));
    }
    fprintf(f, ",\"holds\":%s}", told->holds ? "true" : "false");
}

static void put_rules(FILE *f, const struct explaining *x)
{
    fprintf(f, ",\"rules\":[");
    for (uint32_t i = 0; i < x->block->rule_count; i++) {
        const struct grading_rule *rule = &x->block->rules[i];
        fprintf(f,
                "%s{\"place\":\"grading[%u].gradingRules[%u]\",\"grade\":%u,\"holds\":%s,"
                "\"decides\":%s,\"reached\":%s,\"conditions\":[",
                i == 0 ? "" : ",", x->block_number, i, rule->grade,
                x->rules[i].holds ? "true" : "false", i == x->decided ? "true" : "false",
                i <= x->decided ? "true" : "false");
        for (uint32_t c = 0; c < rule->condition_count; c++) {
            fputs(c == 0 ? "" : ",", f);
            put_condition(f, x, &x->conditions[x->rules[i].first + c]);
        }
        fputs("]}", f);
    }
    fputs("]", f);
}

/* Its hours, as they stand in the document. */
static void put_during(FILE *f, const struct explaining *x, const struct grading_block *b,
                       const char *before)
{
    struct slice text = json_text(x->arena, b->during_said);
    fprintf(f, "%s\"during\":%.*s", before, SLICE_SHOWN(text, text.len));
}

/* The patterns of the block that decides, those that are not "*", and its hours. */
static void put_block(FILE *f, const struct explaining *x)
{
    fprintf(f, ",\"block\":{\"place\":\"grading[%u]\",\"appliesTo\":{", x->block_number);
    bool first = true;
#define KEY(x, name, Name, addresses, help) "record" #Name,
    static const char *const keys[] = {DIMENSIONS(KEY, )};
#undef KEY
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const struct pattern *p = &x->block->patterns[d];
        if (p->kind != PATTERN_ANY) {
            fprintf(f, "%s\"%s\":", first ? "" : ",", keys[d]);
            json_print_slice(f, explaining_shown(p->text));
            first = false;
        }
    }
    if (x->block->during != NULL) {
        put_during(f, x, x->block, first ? "" : ",");
    }
    fputs("}}", f);
}

static void put_skipped(FILE *f, const struct explaining *x)
{
    uint32_t told = x->skipped_count < EXPLAIN_SKIPPED ? x->skipped_count : EXPLAIN_SKIPPED;
    fprintf(f, ",\"passed_over_count\":%u,\"passed_over\":[", x->skipped_count);
    for (uint32_t i = x->skipped_count - told; i < x->skipped_count; i++) {
        const struct skipped_block *s = &x->skipped[i % EXPLAIN_SKIPPED];
        fprintf(f, "%s{\"place\":\"grading[%u]\"", i == x->skipped_count - told ? "" : ",",
                s->block);
        if (s->failed == GRADE_OUT_OF_HOURS) {
            put_during(f, x, &x->grading->blocks[s->block], ",");
            fputs("}", f);
            continue;
        }
        fprintf(f, ",\"dimension\":\"%s\"", dimension_rows[s->failed].name);
        put_text(f, "pattern",
                 explaining_shown(x->grading->blocks[s->block].patterns[s->failed].text));
        put_text(f, "value", explaining_shown(x->record->dimensions[s->failed]));
        fputs("}", f);
    }
    fputs("]", f);
}

/* ---- all of it ---- */

static void grade_again(struct explaining *x, struct kept_edition *edition, uint8_t *grades)
{
    const struct explained_record *given = x->record;
    struct schema_message schema = {.results = (struct slice *)(uintptr_t)given->names,
                                    .results_count = given->count};
    struct record_message record = {.values = (struct slice *)(uintptr_t)given->values,
                                    .values_count = given->count,
                                    .t_start_us = given->t_start_us};
    struct grade_trace trace = {x, on_block, on_condition, on_rule};
#define TAKE_DIMENSION(x, name, Name, addresses, help)                                             \
    record.name = given->dimensions[DIMENSION_##name];
    DIMENSIONS(TAKE_DIMENSION, )
#undef TAKE_DIMENSION
    grade_begin(edition->compiled.rules, &schema);
    grade_record_traced(edition->compiled.rules, &record, grades, &trace);
}

static const char *told(const struct explaining *x)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return NULL;
    }
    put_skipped(f, x);
    if (x->block == NULL) {
        fputs(",\"block\":null,\"rules\":[]", f);
    } else {
        put_block(f, x);
        put_rules(f, x);
    }
    bool whole = fclose(f) == 0;
    const char *kept = whole ? arena_copy(x->arena, (struct slice){text, size}).at : NULL;
    free(text);
    return kept;
}

/* The record graded again, and how; NULL when memory is out. */
static struct explaining *graded_again(struct arena *a, struct kept_edition *edition,
                                       struct slice name, const struct explained_record *record,
                                       uint8_t *grade)
{
    const struct grading *grading = edition->compiled.grading;
    uint8_t grades[LIMIT_GRADE_NAMES];
    struct explaining *x = arena_calloc(a, 1, sizeof *x);
    *grade = GRADE_NONE;
    if (x == NULL) {
        return NULL;
    }
    *x = (struct explaining){.arena = a, .grading = grading, .record = record};
    while (x->name < grading->name_count && !slice_equal(grading->names[x->name], name)) {
        x->name++;
    }
    grade_again(x, edition, grades);
    *grade = x->no_memory || x->name == grading->name_count ? GRADE_NONE : grades[x->name];
    return x->no_memory ? NULL : x;
}

struct explanation explain(struct arena *a, struct kept_edition *edition, struct slice name,
                           const struct explained_record *record)
{
    struct explanation e = {.grade = GRADE_NONE};
    struct explaining *x = graded_again(a, edition, name, record, &e.grade);
    if (x != NULL) {
        e.json = told(x);
        e.because = explaining_because(x);
    }
    return e;
}

const char *explain_line(struct arena *a, struct kept_edition *edition, struct slice name,
                         const struct explained_record *record, uint8_t *grade,
                         struct explained_decision *decision)
{
    struct explaining *x = graded_again(a, edition, name, record, grade);
    *decision =
        x == NULL ? (struct explained_decision){.wants = GRADE_NONE} : explaining_decision(x);
    return x == NULL ? NULL : explaining_because(x);
}
