/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grading. Three steps, so that the least is done for each record: once per version the document
 * becomes flat arrays; once per batch, schema and record type the blocks that can apply and the
 * columns their conditions look at are found (a plan); per record only values are looked at, each
 * of them turned into a number at most once. No names are compared and nothing is allocated per
 * record.
 */
#include "common/grade.h"

#include <stdlib.h>

#include "common/batch.h"
#include "common/record_dimensions.h"

/* Plans kept within a batch, each in the one place its schema and type hash to. */
#define PLANS 64

/* Of a plan's metrics. */
#define COLUMN_NONE       UINT16_MAX
#define COLUMN_UNRESOLVED (UINT16_MAX - 1)

/* A batch's schemas and grades; one record's values. What the limits of the messages allow fits. */
#define BATCH_MEMORY  (64 << 20)
#define RECORD_MEMORY (1 << 20)

struct condition {
    struct number limit;
    const struct number *leave; /* NULL: none */
    uint32_t metric;            /* index into a plan's columns */
    enum grading_relation relation;
};

struct grade_rule {
    const struct condition *conditions;
    uint32_t condition_count;
    uint8_t grade;
};

/* A pattern that is not "*". */
struct check {
    const struct pattern *pattern;
    enum dimension dimension;
};

struct block {
    uint32_t name;
    const struct pattern *type;
    struct check checks[DIMENSION_COUNT];
    uint32_t check_count;
    const struct week_hours *during; /* NULL: always */
    struct grade_rule *rules;
    uint32_t rule_count;
    uint8_t leaves; /* grades that have a `leave` in one of their rules, as STEADY_STANDS */
    uint16_t terms; /* the place of its own among all, from 1; 0: none */
};

struct schema_plan {
    uint64_t batch; /* which it was made for; 0: none */
    uint64_t schema;
    struct slice type;
    uint32_t *blocks; /* those whose record type matches, in document order */
    uint32_t block_count;
    uint16_t *columns;                        /* by metric */
    const struct record_types_range **ranges; /* by column; NULL: every value can be */
    uint32_t column_count;
};

struct metric_value {
    uint64_t record; /* which it was read for; 0: none */
    enum grade_found found;
    struct number number;
};

/*
 * What decides with a trace is what decides without one: all of it is made twice, and where the
 * trace is a constant NULL nothing is left of it. With one, nothing ends early.
 */
#define TRACEABLE static inline __attribute__((always_inline))

struct grade_rules {
    const struct grading *grading;
    const struct record_types *types;
    struct block *blocks;
    struct grade_rule *rules;
    struct condition *conditions;
    struct slice *metrics; /* distinct */
    uint32_t metric_count;
    bool leaves; /* some block has one */

    const struct schema_message *schemas; /* of the batch */
    uint64_t batch;                       /* counts up */
    uint64_t record;                      /* counts up */
    struct schema_plan *last;             /* the plan of the record before */
    struct schema_plan plans[PLANS];
    uint32_t *plan_blocks;  /* PLANS x block_count */
    uint16_t *plan_columns; /* PLANS x metric_count */
    const struct record_types_range *plan_ranges[PLANS][LIMIT_COLUMNS];
    uint64_t impossible; /* values seen */
    struct metric_value values[LIMIT_COLUMNS];
};

/* ---- once per version ---- */

struct rule_totals {
    size_t rules;
    size_t conditions;
};

static struct rule_totals count_all(const struct grading *g)
{
    struct rule_totals t = {0};
    for (uint32_t b = 0; b < g->block_count; b++) {
        t.rules += g->blocks[b].rule_count;
        for (uint32_t i = 0; i < g->blocks[b].rule_count; i++) {
            t.conditions += g->blocks[b].rules[i].condition_count;
        }
    }
    return t;
}

static void compile_checks(struct block *to, const struct grading_block *from)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (d != DIMENSION_type && from->patterns[d].kind != PATTERN_ANY) {
            to->checks[to->check_count++] = (struct check){&from->patterns[d], d};
        }
    }
}

/* The document as flat arrays; metrics are numbered afterwards. */
static void compile_blocks(struct grade_rules *r)
{
    struct grade_rule *rule = r->rules;
    struct condition *condition = r->conditions;
    for (uint32_t b = 0; b < r->grading->block_count; b++) {
        const struct grading_block *from = &r->grading->blocks[b];
        struct block *to = &r->blocks[b];
        *to = (struct block){.name = from->name,
                             .type = &from->patterns[DIMENSION_type],
                             .during = from->during,
                             .rules = rule,
                             .rule_count = from->rule_count};
        compile_checks(to, from);
        to->terms = (uint16_t)from->terms;
        for (uint32_t i = 0; i < from->rule_count; i++, rule++) {
            const struct grading_rule *source = &from->rules[i];
            *rule = (struct grade_rule){condition, source->condition_count, source->grade};
            for (uint32_t c = 0; c < source->condition_count; c++, condition++) {
                condition->limit = source->conditions[c].limit;
                condition->relation = source->conditions[c].relation;
                if (source->conditions[c].has_leave) {
                    condition->leave = &source->conditions[c].leave;
                    to->leaves |= (uint8_t)STEADY_STANDS(source->grade);
                    r->leaves = true;
                }
            }
        }
    }
}

/* A condition's metric while metrics are numbered. */
struct mention {
    struct slice metric;
    struct condition *condition;
};

static int compare_mentions(const void *a, const void *b)
{
    struct slice x = ((const struct mention *)a)->metric;
    struct slice y = ((const struct mention *)b)->metric;
    if (x.len != y.len) {
        return x.len < y.len ? -1 : 1;
    }
    return memcmp(x.at, y.at, x.len);
}

/* Numbers the distinct metrics and tells each condition which is its own. */
static int number_metrics(struct grade_rules *r, size_t conditions)
{
    struct mention *mentions = calloc(conditions + 1, sizeof *mentions);
    if (mentions == NULL) {
        return -1;
    }
    struct condition *condition = r->conditions;
    struct mention *mention = mentions;
    for (uint32_t b = 0; b < r->grading->block_count; b++) {
        const struct grading_block *block = &r->grading->blocks[b];
        for (uint32_t i = 0; i < block->rule_count; i++) {
            for (uint32_t c = 0; c < block->rules[i].condition_count; c++) {
                *mention++ = (struct mention){block->rules[i].conditions[c].metric, condition++};
            }
        }
    }
    qsort(mentions, conditions, sizeof *mentions, compare_mentions);
    for (size_t i = 0; i < conditions; i++) {
        if (i == 0 || !slice_equal(mentions[i - 1].metric, mentions[i].metric)) {
            r->metrics[r->metric_count++] = mentions[i].metric;
        }
        mentions[i].condition->metric = r->metric_count - 1;
    }
    free(mentions);
    return 0;
}

static int make_plans(struct grade_rules *r)
{
    size_t blocks = r->grading->block_count;
    r->plan_blocks = calloc(PLANS * blocks + 1, sizeof *r->plan_blocks);
    r->plan_columns = calloc(PLANS * (size_t)r->metric_count + 1, sizeof *r->plan_columns);
    if (r->plan_blocks == NULL || r->plan_columns == NULL) {
        return -1;
    }
    for (size_t i = 0; i < PLANS; i++) {
        r->plans[i].blocks = r->plan_blocks + i * blocks;
        r->plans[i].columns = r->plan_columns + i * r->metric_count;
        r->plans[i].ranges = r->plan_ranges[i];
    }
    return 0;
}

struct grade_rules *grade_rules_new(const struct grading *grading, const struct record_types *types)
{
    struct grade_rules *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    struct rule_totals totals = count_all(grading);
    r->grading = grading;
    r->types = types;
    r->blocks = calloc(grading->block_count + 1, sizeof *r->blocks);
    r->rules = calloc(totals.rules + 1, sizeof *r->rules);
    r->conditions = calloc(totals.conditions + 1, sizeof *r->conditions);
    r->metrics = calloc(totals.conditions + 1, sizeof *r->metrics);
    if (r->blocks == NULL || r->rules == NULL || r->conditions == NULL || r->metrics == NULL) {
        goto fail;
    }
    compile_blocks(r);
    if (number_metrics(r, totals.conditions) == -1 || make_plans(r) == -1) {
        goto fail;
    }
    return r;
fail:
    grade_rules_free(&r);
    return NULL;
}

void grade_rules_free(struct grade_rules **rules)
{
    struct grade_rules *r = *rules;
    if (r != NULL) {
        free(r->blocks);
        free(r->rules);
        free(r->conditions);
        free(r->metrics);
        free(r->plan_blocks);
        free(r->plan_columns);
        free(r);
        *rules = NULL;
    }
}

uint32_t grade_name_count(const struct grade_rules *rules)
{
    return rules->grading->name_count;
}

/* ---- once per batch, schema and record type ---- */

static uint16_t find_column(const struct schema_message *schema, struct slice name)
{
    for (uint32_t i = 0; i < schema->results_count; i++) {
        if (slice_equal(schema->results[i], name)) {
            return (uint16_t)i;
        }
    }
    return COLUMN_NONE;
}

/* The metric's own name first, then its aliases in their order; the first that is a column decides.
 */
static uint16_t resolve(const struct grade_rules *r, const struct schema_plan *p,
                        struct slice metric)
{
    const struct schema_message *schema = &r->schemas[p->schema];
    uint16_t column = find_column(schema, metric);
    const struct slice *aliases;
    uint32_t count = record_types_aliases(r->types, p->type, metric, &aliases);
    for (uint32_t i = 0; i < count && column == COLUMN_NONE; i++) {
        column = find_column(schema, aliases[i]);
    }
    return column;
}

static void plan_block(const struct grade_rules *r, struct schema_plan *p, const struct block *b)
{
    for (uint32_t i = 0; i < b->rule_count; i++) {
        for (uint32_t c = 0; c < b->rules[i].condition_count; c++) {
            uint32_t metric = b->rules[i].conditions[c].metric;
            if (p->columns[metric] == COLUMN_UNRESOLVED) {
                p->columns[metric] = resolve(r, p, r->metrics[metric]);
            }
        }
    }
}

static void make_plan(struct grade_rules *r, struct schema_plan *p,
                      const struct record_message *record)
{
    p->batch = r->batch;
    p->schema = record->schema;
    p->type = record->type;
    p->block_count = 0;
    for (uint32_t i = 0; i < r->metric_count; i++) {
        p->columns[i] = COLUMN_UNRESOLVED;
    }
    const struct schema_message *schema = &r->schemas[p->schema];
    p->column_count = schema->results_count;
    for (uint32_t i = 0; i < p->column_count; i++) {
        p->ranges[i] = record_types_range(r->types, p->type, schema->results[i]);
    }
    for (uint32_t i = 0; i < r->grading->block_count; i++) {
        if (pattern_matches(r->blocks[i].type, p->type)) {
            p->blocks[p->block_count++] = i;
            plan_block(r, p, &r->blocks[i]);
        }
    }
}

static bool plan_fits(const struct grade_rules *r, const struct schema_plan *p,
                      const struct record_message *record)
{
    return p->batch == r->batch && p->schema == record->schema &&
           slice_equal(p->type, record->type);
}

TRACEABLE struct schema_plan *find_plan(struct grade_rules *r, const struct record_message *record)
{
    if (r->last != NULL && plan_fits(r, r->last, record)) {
        return r->last;
    }
    uint32_t hash = (uint32_t)record->schema * 31 + (uint32_t)record->type.len;
    for (size_t i = 0; i < record->type.len && i < 32; i++) {
        hash = hash * 31 + (unsigned char)record->type.at[i];
    }
    struct schema_plan *p = &r->plans[hash % PLANS];
    if (!plan_fits(r, p, record)) {
        make_plan(r, p, record);
    }
    r->last = p;
    return p;
}

void grade_begin(struct grade_rules *rules, const struct schema_message *schemas)
{
    rules->schemas = schemas;
    rules->batch++;
    rules->last = NULL;
}

/* ---- per record ---- */

/* A dimension of the record at hand, read as an address at most once. */
struct endpoint {
    bool read;
    bool is_address;
    struct address address;
};

struct subject {
    const struct record_message *record;
    struct endpoint source, dest;
};

static const struct address *endpoint_address(struct endpoint *e, struct slice text)
{
    if (!e->read) {
        e->read = true;
        e->is_address = address_of_host(text, &e->address) == 0;
    }
    return e->is_address ? &e->address : NULL;
}

TRACEABLE bool check_holds(const struct check *c, struct subject *s)
{
    struct slice text = *record_dimension(s->record, c->dimension);
    const struct address *address = NULL;
    if (c->pattern->kind == PATTERN_PREFIX) {
        /* A prefix is compiled for these two only. */
        address = endpoint_address(c->dimension == DIMENSION_source ? &s->source : &s->dest, text);
    }
    return pattern_matches_address(c->pattern, text, address);
}

/* The first dimension, after the type, whose pattern does not match; or as a trace is told. */
TRACEABLE int block_fails(const struct block *b, struct subject *s)
{
    for (uint32_t i = 0; i < b->check_count; i++) {
        if (!check_holds(&b->checks[i], s)) {
            return (int)b->checks[i].dimension;
        }
    }
    bool has = b->during == NULL || week_hours_have(b->during, s->record->t_start_us);
    return has ? GRADE_DECIDES : GRADE_OUT_OF_HOURS;
}

TRACEABLE bool relation_holds(enum grading_relation relation, int order)
{
    switch (relation) {
    case GRADING_LT:
        return order < 0;
    case GRADING_LE:
        return order <= 0;
    case GRADING_GT:
        return order > 0;
    case GRADING_GE:
        return order >= 0;
    case GRADING_EQ:
        return order == 0;
    case GRADING_NE:
        return order != 0;
    }
    return false;
}

/* A column's value, read at most once for a record. One that cannot be is no number: it is as null.
 */
static const struct metric_value *value_at(struct grade_rules *r, const struct schema_plan *p,
                                           uint32_t column, const struct record_message *record)
{
    struct metric_value *v = &r->values[column];
    const struct record_types_range *range = p->ranges[column];
    if (v->record != r->record) {
        v->record = r->record;
        if (number_parse(record->values[column], &v->number) == -1) {
            v->found = record->values[column].at == NULL ? GRADE_FOUND_NULL : GRADE_FOUND_NO_NUMBER;
        } else if (range == NULL || record_types_possible(range, &v->number)) {
            v->found = GRADE_FOUND_NUMBER;
        } else {
            v->found = GRADE_FOUND_IMPOSSIBLE;
            r->impossible++;
        }
    }
    return v;
}

/* Values that no condition looked at are counted as well. */
static void look_at_ranges(struct grade_rules *r, const struct schema_plan *p,
                           const struct record_message *record)
{
    for (uint32_t i = 0; i < p->column_count; i++) {
        if (p->ranges[i] != NULL) {
            (void)value_at(r, p, i, record);
        }
    }
}

static void tell_condition(struct grade_rules *r, const struct schema_plan *p,
                           const struct grade_condition_place *at, bool holds,
                           const struct record_message *record, const struct grade_trace *trace)
{
    const struct block *b = &r->blocks[at->block];
    uint16_t column = p->columns[b->rules[at->rule].conditions[at->condition].metric];
    struct grade_condition_told told = {.at = *at, .holds = holds};
    if (column != COLUMN_NONE) {
        told.found = value_at(r, p, column, record)->found;
        told.column = r->schemas[p->schema].results[column];
        told.value = record->values[column];
        told.range = p->ranges[column];
    }
    trace->condition(trace->context, &told);
}

TRACEABLE bool condition_holds(struct grade_rules *r, const struct schema_plan *p,
                               const struct condition *c, const struct record_message *record)
{
    uint16_t column = p->columns[c->metric];
    if (column == COLUMN_NONE) {
        return false;
    }
    const struct metric_value *v = value_at(r, p, column, record);
    return v->found == GRADE_FOUND_NUMBER &&
           relation_holds(c->relation, number_compare(&v->number, &c->limit));
}

TRACEABLE bool rule_holds(struct grade_rules *r, const struct schema_plan *p, uint32_t block,
                          const struct grade_rule *rule, uint32_t number,
                          const struct record_message *record, const struct grade_trace *trace)
{
    bool all = true;
    for (uint32_t i = 0; i < rule->condition_count; i++) {
        bool holds = condition_holds(r, p, &rule->conditions[i], record);
        if (trace != NULL) {
            struct grade_condition_place at = {block, number, i};
            tell_condition(r, p, &at, holds, record, trace);
            all = all && holds;
        } else if (!holds) {
            return false;
        }
    }
    return all;
}

TRACEABLE uint8_t block_grade(struct grade_rules *r, const struct schema_plan *p, uint32_t block,
                              const struct record_message *record, const struct grade_trace *trace)
{
    const struct block *b = &r->blocks[block];
    uint8_t grade = 0;
    for (uint32_t i = 0; i < b->rule_count; i++) {
        bool holds = rule_holds(r, p, block, &b->rules[i], i, record, trace);
        if (trace != NULL) {
            trace->rule(trace->context, block, i, holds);
            grade = holds && grade == 0 ? b->rules[i].grade : grade;
        } else if (holds) {
            return b->rules[i].grade;
        }
    }
    return grade;
}

/* ---- steadiness ---- */

/* Whether the rule holds with each `leave` in the place of its limit. */
static bool rule_stands(struct grade_rules *r, const struct schema_plan *p,
                        const struct grade_rule *rule, const struct record_message *record)
{
    for (uint32_t i = 0; i < rule->condition_count; i++) {
        struct condition c = rule->conditions[i];
        if (c.leave != NULL) {
            c.limit = *c.leave;
        }
        if (!condition_holds(r, p, &c, record)) {
            return false;
        }
    }
    return true;
}

/* Whether the first rule that holds, those of this grade with their `leave`, is one of them. */
static bool lets_stand(struct grade_rules *r, const struct schema_plan *p, const struct block *b,
                       uint8_t grade, const struct record_message *record)
{
    for (uint32_t i = 0; i < b->rule_count; i++) {
        const struct grade_rule *rule = &b->rules[i];
        if (rule->grade == grade ? rule_stands(r, p, rule, record)
                                 : rule_holds(r, p, 0, rule, i, record, NULL)) {
            return rule->grade == grade;
        }
    }
    return false;
}

static uint16_t steadiness(struct grade_rules *r, const struct schema_plan *p,
                           const struct block *b, uint8_t own, const struct record_message *record)
{
    uint16_t bits = (uint16_t)(b->terms << 5);
    for (uint8_t k = 1; k <= 5 && b->leaves != 0; k++) {
        if (k != own && (b->leaves & STEADY_STANDS(k)) != 0 && lets_stand(r, p, b, k, record)) {
            bits = (uint16_t)(bits | STEADY_STANDS(k));
        }
    }
    return bits;
}

/* Blocks from `next` to before `before` are not in the plan: their type does not match. */
static void tell_types(const struct grade_rules *r, uint32_t next, uint32_t before,
                       const uint8_t *grades, const struct grade_trace *trace)
{
    for (uint32_t i = next; i < before; i++) {
        if (grades[r->blocks[i].name] == GRADE_NONE) {
            trace->block(trace->context, i, DIMENSION_type);
        }
    }
}

TRACEABLE void grade(struct grade_rules *rules, const struct record_message *record,
                     uint8_t *grades, uint16_t *steady, const struct grade_trace *trace)
{
    const struct schema_plan *p = find_plan(rules, record);
    struct subject subject = {.record = record};
    uint32_t name_count = rules->grading->name_count;
    uint32_t missing = name_count, next = 0;

    rules->record++;
    memset(grades, GRADE_NONE, name_count);
    for (uint32_t i = 0; i < p->block_count && missing > 0; i++) {
        const struct block *b = &rules->blocks[p->blocks[i]];
        if (trace != NULL) {
            tell_types(rules, next, p->blocks[i], grades, trace);
            next = p->blocks[i] + 1;
        }
        if (grades[b->name] != GRADE_NONE) {
            continue;
        }
        int failed = block_fails(b, &subject);
        if (trace != NULL) {
            trace->block(trace->context, p->blocks[i], failed);
        }
        if (failed == GRADE_DECIDES) {
            grades[b->name] = block_grade(rules, p, p->blocks[i], record, trace);
            if (steady != NULL) {
                steady[b->name] = steadiness(rules, p, b, grades[b->name], record);
            }
            missing--;
        }
    }
    if (trace != NULL) {
        tell_types(rules, next, rules->grading->block_count, grades, trace);
    }
    look_at_ranges(rules, p, record);
}

void grade_record(struct grade_rules *rules, const struct record_message *record, uint8_t *grades)
{
    grade(rules, record, grades, NULL, NULL);
}

void grade_record_steady(struct grade_rules *rules, const struct record_message *record,
                         uint8_t *grades, uint16_t *steady)
{
    memset(steady, 0, rules->grading->name_count * sizeof *steady);
    grade(rules, record, grades, steady, NULL);
}

void grade_record_traced(struct grade_rules *rules, const struct record_message *record,
                         uint8_t *grades, const struct grade_trace *trace)
{
    grade(rules, record, grades, NULL, trace);
}

/* ---- a batch ---- */

int grade_scratch_init(struct grade_scratch *s)
{
    s->batch = arena_new(BATCH_MEMORY);
    s->record = arena_new(RECORD_MEMORY);
    if (s->batch == NULL || s->record == NULL) {
        grade_scratch_release(s);
        return -1;
    }
    return 0;
}

void grade_scratch_release(struct grade_scratch *s)
{
    arena_free(&s->batch);
    arena_free(&s->record);
}

static void count_grades(struct grade_counts *counts, const uint8_t *grades, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (grades[i] <= 5) {
            counts->grade[grades[i]]++;
        }
    }
}

/* Steadiness of a whole batch, two bytes each; .at NULL: memory. */
static struct slice steady_bytes(struct grade_scratch *scratch, const uint16_t *steady, size_t size)
{
    char *bytes = arena_alloc(scratch->batch, 2 * size + 1);
    bool any = false;
    for (size_t i = 0; bytes != NULL && i < size; i++) {
        bytes[2 * i] = (char)(steady[i] >> 8);
        bytes[2 * i + 1] = (char)(steady[i] & 0xff);
        any = any || steady[i] != 0;
    }
    return (struct slice){bytes, any ? 2 * size : 0};
}

/* All records: -1 when the frame is not well formed. `steady` NULL: nobody asks. */
static int grade_all(struct grade_rules *rules, struct batch_reader *reader,
                     struct grade_scratch *scratch, uint8_t *grades, uint16_t *steady)
{
    uint32_t names = grade_name_count(rules);
    struct record_message record;
    int rc;
    grade_begin(rules, reader->schemas);
    while ((rc = batch_reader_next(reader, scratch->record, &record)) == 1) {
        if (steady == NULL) {
            grade_record(rules, &record, grades);
        } else {
            grade_record_steady(rules, &record, grades, steady);
            steady += names;
        }
        grades += names;
        arena_reset(scratch->record);
    }
    return rc;
}

int grade_batch(struct grade_rules *rules, uint64_t version, uint64_t digest, struct slice frame,
                uint64_t count, struct grade_scratch *scratch, struct pack *out,
                struct grade_counts *counts)
{
    arena_reset(scratch->batch);
    arena_reset(scratch->record);
    struct batch_reader reader;
    if (batch_reader_open(&reader, frame, scratch->batch) == -1 || reader.record_count != count) {
        return -1;
    }
    uint32_t names = grade_name_count(rules);
    size_t size = (size_t)count * names;
    bool asked = rules->leaves || rules->grading->term_count > 0;
    uint8_t *grades = arena_alloc(scratch->batch, size + 1);
    uint16_t *steady = asked ? arena_calloc(scratch->batch, size + 1, sizeof *steady) : NULL;
    if (grades == NULL || (asked && steady == NULL)) {
        return 1;
    }
    uint64_t impossible_before = rules->impossible;
    if (grade_all(rules, &reader, scratch, grades, steady) == -1) {
        return -1;
    }
    struct slice bytes = asked ? steady_bytes(scratch, steady, size) : (struct slice){"", 0};
    if (bytes.at == NULL) {
        return 1;
    }
    struct grades_message message = {.grading_version = version,
                                     .names = rules->grading->names,
                                     .names_count = names,
                                     .grades = {(const char *)grades, size},
                                     .digest = digest,
                                     .steady = bytes};
    grades_encode(out, &message);
    if (!pack_ok(out)) {
        return 1;
    }
    count_grades(counts, grades, size);
    counts->impossible += rules->impossible - impossible_before;
    return 0;
}
