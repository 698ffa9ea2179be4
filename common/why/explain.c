/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace of one record and grade name: gathered while it is graded, then told as JSON and in a
 * line. It decides nothing itself.
 */
#include "common/why/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/formats/exact.h"
#include "common/formats/unit.h"
#include "common/json.h"
#include "common/record_dimensions.h"
#include "common/utf8.h"

struct skipped_block {
    uint32_t block;
    int failed; /* as a trace is told */
};

struct traced_rule {
    bool holds;
    uint32_t first; /* of its conditions */
};

struct explaining {
    struct arena *arena;
    const struct grading *grading;
    const struct explained_record *record;
    uint32_t name;
    struct skipped_block skipped[EXPLAIN_SKIPPED]; /* a ring: the last ones */
    uint32_t skipped_count;
    const struct grading_block *block; /* that decides; NULL: none */
    uint32_t block_number;
    struct traced_rule *rules;
    struct grade_condition_told *conditions;
    uint32_t condition_count;
    uint32_t decided; /* rule; the block's rule_count when none holds */
    bool no_memory;
};

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

static const struct grading_condition *condition_of(const struct explaining *x,
                                                    const struct grade_condition_told *told)
{
    return &x->block->rules[told->at.rule].conditions[told->at.condition];
}

static const char *relation_text(enum grading_relation relation)
{
    static const char *const texts[] = {"<", "<=", ">", ">=", "==", "!="};
    return texts[relation];
}

/* At most EXPLAIN_SHOWN bytes of it, whole characters. */
static struct slice shown(struct slice text)
{
    if (text.len > EXPLAIN_SHOWN) {
        text.len = utf8_cut(text.at, EXPLAIN_SHOWN);
    }
    return text;
}

/*
 * By how much a number holds, from 0 on, or fails, up to 0; exact. .at NULL where it has more
 * digits than are computed with.
 */
static struct slice margin_of(struct arena *a, const struct grading_condition *c,
                              struct slice value)
{
    struct exact found, limit, margin;
    struct slice none = {NULL, 0};
    if (exact_of_text(a, value, &found) != EXACT_OK ||
        exact_of_text(a, c->limit.text, &limit) != EXACT_OK) {
        return none;
    }
    bool upper = c->relation == GRADING_LT || c->relation == GRADING_LE;
    bool lower = c->relation == GRADING_GT || c->relation == GRADING_GE;
    bool below = exact_compare(&found, &limit) < 0;
    /* What is wanted equal fails by its distance, what is wanted different holds by it. */
    bool limit_first = upper || (!lower && below == (c->relation == GRADING_NE));
    int outcome =
        limit_first ? exact_sub(a, &limit, &found, &margin) : exact_sub(a, &found, &limit, &margin);
    return outcome == EXACT_OK ? exact_text(a, &margin) : none;
}

/* Its distance without the sign. */
static struct slice distance_of(struct slice margin)
{
    if (margin.len > 0 && margin.at[0] == '-') {
        return (struct slice){margin.at + 1, margin.len - 1};
    }
    return margin;
}

static const char *const found_texts[] = {[GRADE_FOUND_MISSING] = "missing",
                                          [GRADE_FOUND_NULL] = "null",
                                          [GRADE_FOUND_NO_NUMBER] = "no number",
                                          [GRADE_FOUND_IMPOSSIBLE] = "impossible",
                                          [GRADE_FOUND_NUMBER] = "number"};
static const char *const line_texts[] = {[GRADE_FOUND_MISSING] = "is missing",
                                         [GRADE_FOUND_NULL] = "is null",
                                         [GRADE_FOUND_NO_NUMBER] = "is no number",
                                         [GRADE_FOUND_IMPOSSIBLE] = "is impossible"};

static void put_text(FILE *f, const char *key, struct slice text)
{
    fprintf(f, ",\"%s\":", key);
    json_print_slice(f, text);
}

static void put_condition(FILE *f, const struct explaining *x,
                          const struct grade_condition_told *told)
{
    const struct grading_condition *c = condition_of(x, told);
    fprintf(f, "{\"place\":\"grading[%u].gradingRules[%u].if[%u]\"", told->at.block, told->at.rule,
            told->at.condition);
    put_text(f, "metric", c->metric);
    fprintf(f, ",\"rel\":\"%s\"", relation_text(c->relation));
    put_text(f, "limit", shown(c->limit.text));
    fprintf(f, ",\"found\":\"%s\"", found_texts[told->found]);
    if (told->column.at != NULL) {
        put_text(f, "column", told->column);
    }
    if (told->value.at != NULL) {
        put_text(f, "value", shown(told->value));
    }
    if (told->found == GRADE_FOUND_NUMBER) {
        struct slice margin = margin_of(x->arena, c, told->value);
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
            json_print_slice(f, shown(p->text));
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
        put_text(f, "pattern", shown(x->grading->blocks[s->block].patterns[s->failed].text));
        put_text(f, "value", shown(x->record->dimensions[s->failed]));
        fputs("}", f);
    }
    fputs("]", f);
}

/* ---- in a line ---- */

static const char *condition_line(const struct explaining *x,
                                  const struct grade_condition_told *told)
{
    const struct grading_condition *c = condition_of(x, told);
    struct slice column = told->column.at == NULL ? c->metric : told->column;
    struct slice limit = shown(c->limit.text), value = shown(told->value);
    const char *relation = relation_text(c->relation);
    const char *of = arena_printf(x->arena, "%.*s", SLICE_SHOWN(column, column.len));
    if (told->found != GRADE_FOUND_NUMBER) {
        bool said = told->found == GRADE_FOUND_NO_NUMBER || told->found == GRADE_FOUND_IMPOSSIBLE;
        return arena_printf(x->arena, "%s %s%s%.*s%s, wanted %s %.*s", of, line_texts[told->found],
                            said ? " (" : "", SLICE_SHOWN(value, said ? value.len : 0),
                            said ? ")" : "", relation, SLICE_SHOWN(limit, limit.len));
    }
    struct slice by = distance_of(margin_of(x->arena, c, told->value));
    const char *words =
        by.at == NULL ? "" : arena_printf(x->arena, " (by %.*s)", SLICE_SHOWN(by, by.len));
    return arena_printf(x->arena, "%s %.*s is %s%s %.*s%s", of, SLICE_SHOWN(value, value.len),
                        told->holds ? "" : "not ", relation, SLICE_SHOWN(limit, limit.len),
                        words == NULL ? "" : words);
}

/* The first condition of a rule that holds, or does not; NULL when there is none. */
static const struct grade_condition_told *first_that(const struct explaining *x, uint32_t rule,
                                                     bool holds)
{
    for (uint32_t i = 0; i < x->block->rules[rule].condition_count; i++) {
        const struct grade_condition_told *c = &x->conditions[x->rules[rule].first + i];
        if (c->holds == holds) {
            return c;
        }
    }
    return NULL;
}

/* The last rule that was asked, did not hold and would have given a better grade; -1: none. */
static int64_t better_rule(const struct explaining *x)
{
    bool graded = x->decided < x->block->rule_count;
    for (int64_t i = (int64_t)x->decided - 1; i >= 0; i--) {
        if (!graded || x->block->rules[i].grade > x->block->rules[x->decided].grade) {
            return i;
        }
    }
    return -1;
}

/* The first condition that was asked and found an impossible value; NULL when none did. */
static const struct grade_condition_told *first_impossible(const struct explaining *x)
{
    for (uint32_t i = 0; i < x->condition_count; i++) {
        const struct grade_condition_told *c = &x->conditions[i];
        if (c->found == GRADE_FOUND_IMPOSSIBLE && c->at.rule <= x->decided) {
            return c;
        }
    }
    return NULL;
}

/* The line, and which value was impossible, which nobody would look for where another condition
 * decided. `decided` NULL: none did. */
static const char *with_impossible(const struct explaining *x, const char *line,
                                   const struct grade_condition_told *decided)
{
    const struct grade_condition_told *c = first_impossible(x);
    if (line == NULL || c == NULL ||
        (decided != NULL && decided->found == GRADE_FOUND_IMPOSSIBLE)) {
        return line;
    }
    struct slice value = shown(c->value);
    return arena_printf(x->arena, "%s; %.*s is impossible (%.*s)", line,
                        SLICE_SHOWN(c->column, c->column.len), SLICE_SHOWN(value, value.len));
}

/*
 * What decided: the condition for which the next better grade was not given, by the rule *better;
 * where there is none (-1), a condition of the rule that held. NULL: no condition did.
 */
static const struct grade_condition_told *decider(const struct explaining *x, int64_t *better)
{
    *better = -1;
    if (x->block == NULL || x->block->rule_count == 0) {
        return NULL;
    }
    *better = better_rule(x);
    return *better >= 0 ? first_that(x, (uint32_t)*better, false) : first_that(x, x->decided, true);
}

static const char *because(const struct explaining *x)
{
    if (x->block == NULL) {
        return arena_printf(x->arena, "none of the %u blocks of this name matches",
                            x->skipped_count);
    }
    if (x->block->rule_count == 0) {
        return arena_printf(x->arena, "grading[%u] has no rules", x->block_number);
    }
    int64_t better;
    const struct grade_condition_told *c = decider(x, &better);
    const char *line = c == NULL ? "its rule always holds" : condition_line(x, c);
    if (c != NULL && better >= 0 && line != NULL) {
        line = arena_printf(x->arena, "%s%s as grade %u wants",
                            x->decided == x->block->rule_count ? "no rule holds; " : "", line,
                            x->block->rules[better].grade);
    }
    return with_impossible(x, line, c);
}

/* The same piece by piece. */
static struct explained_decision decision_of(const struct explaining *x)
{
    static const struct slice none = {NULL, 0};
    int64_t better;
    const struct grade_condition_told *told = decider(x, &better);
    struct explained_decision d = {.wants = GRADE_NONE};
    if (told == NULL) {
        return d;
    }
    const struct grading_condition *c = condition_of(x, told);
    d.metric = told->column.at == NULL ? c->metric : told->column;
    d.relation = relation_text(c->relation);
    d.limit = c->limit.text.len > EXPLAIN_SHOWN ? none : c->limit.text;
    d.holds = told->holds;
    d.wants = better >= 0 ? x->block->rules[better].grade : GRADE_NONE;
    unit_in_name(d.metric, &d.unit);
    if (told->found == GRADE_FOUND_NUMBER && told->value.len <= EXPLAIN_SHOWN) {
        d.value = told->value;
    }
    return d;
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
        e.because = because(x);
    }
    return e;
}

const char *explain_line(struct arena *a, struct kept_edition *edition, struct slice name,
                         const struct explained_record *record, uint8_t *grade,
                         struct explained_decision *decision)
{
    struct explaining *x = graded_again(a, edition, name, record, grade);
    *decision = x == NULL ? (struct explained_decision){.wants = GRADE_NONE} : decision_of(x);
    return x == NULL ? NULL : because(x);
}
