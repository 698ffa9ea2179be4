/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the rules of a mapping, and what it says for all of them. */
#include "common/formats/mapping_reader.h"

#include "common/record_dimensions.h"

/* Adds those that stand there; what is said later of a name goes before, in its place. */
static void read_variables(struct mapping_reader *r, const struct document_place *at,
                           struct variable_rule *variables, uint32_t *count)
{
    for (struct document_place m = document_first(at); m.node != NULL; document_next(&m)) {
        int variable = mapping_variable(r, &m, m.node->key, true);
        if (variable != -1) {
            r->variable_awaited[variable] = !r->variable_remembered[variable];
        }
    }
    for (struct document_place m = document_first(at); m.node != NULL; document_next(&m)) {
        int variable = mapping_variable(r, &m, m.node->key, true);
        const struct expression *value = mapping_expression(r, &m);
        if (variable != -1) {
            r->variable_awaited[variable] = false;
        }
        uint32_t i = 0;
        while (i < *count && variables[i].variable != (uint32_t)variable) {
            i++;
        }
        variables[i] = (struct variable_rule){(uint32_t)variable, value};
        *count += i == *count;
    }
}

/* `let`, beside that of all rules. */
static void read_let(struct mapping_reader *r, const struct document_place *at,
                     const struct mapping_common *common, struct record_rule *rule)
{
    struct document_place let = document_member(at, "let");
    rule->variables = common->variables;
    rule->variable_count = common->variable_count;
    if (let.node == NULL || !document_is_object(&let)) {
        return;
    }
    struct variable_rule *variables =
        document_take(&let, r->arena, common->variable_count + let.node->count, sizeof *variables);
    if (variables == NULL) {
        return;
    }
    if (common->variable_count > 0) {
        memcpy(variables, common->variables, common->variable_count * sizeof *variables);
    }
    rule->variables = variables;
    read_variables(r, &let, variables, &rule->variable_count);
}

static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f) {
            return false;
        }
    }
    return name.len > 0 && name.len <= LIMIT_NAME_BYTES;
}

static void read_metrics(struct mapping_reader *r, const struct document_place *at,
                         struct record_rule *rule)
{
    if (!document_is_object(at)) {
        return;
    }
    if (at->node->count > LIMIT_COLUMNS) {
        document_fault(at, "expected at most %d metrics, found %u", LIMIT_COLUMNS, at->node->count);
        return;
    }
    struct metric_rule *metrics = mapping_list(r, at, sizeof *metrics);
    rule->metrics = metrics;
    for (struct document_place m = document_first(at); metrics != NULL && m.node != NULL;
         document_next(&m)) {
        struct metric_rule *metric = &metrics[rule->metric_count++];
        if (!is_name(m.node->key)) {
            document_fault(&m,
                           "expected a metric's name of 1 to %d bytes without control characters",
                           LIMIT_NAME_BYTES);
        }
        metric->name = document_copy(&m, r->arena, m.node->key);
        mapping_doubt(r, &m, m.node->key);
        metric->value = mapping_expression(r, &m);
    }
}

/* The dimensions and times that stand there; what does not stays. */
static void read_kind(struct mapping_reader *r, const struct document_place *at,
                      const struct expression *dimensions[DIMENSION_COUNT],
                      const struct instant **start, const struct instant **end)
{
    struct document_place start_at = document_member(at, "start");
    struct document_place end_at = document_member(at, "end");
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        struct document_place p = document_member(at, dimension_rows[d].name);
        if (p.node != NULL) {
            dimensions[d] = mapping_expression(r, &p);
        }
    }
    if (start_at.node != NULL) {
        *start = mapping_instant(r, &start_at);
    }
    if (end_at.node != NULL) {
        *end = mapping_instant(r, &end_at);
    }
}

/* With what is said for all rules. */
static void read_kind_of_rule(struct mapping_reader *r, const struct document_place *at,
                              const struct mapping_common *common, struct record_rule *rule)
{
    uint32_t faults = at->document->faults;
    memcpy(rule->dimensions, common->dimensions, sizeof rule->dimensions);
    rule->start = common->start;
    rule->end = common->end;
    read_kind(r, at, rule->dimensions, &rule->start, &rule->end);
    if (at->document->faults > faults) {
        return;
    }
    if (rule->dimensions[DIMENSION_type] == NULL) {
        document_fault(at, "expected \"type\", the record type, here or in \"defaults\"");
    }
    if (rule->start == NULL) {
        document_fault(at, "expected \"start\", when it was measured, here or in \"defaults\"");
    }
}

static void read_rule(struct mapping_reader *r, const struct document_place *at,
                      const struct mapping_common *common, struct record_rule *rule)
{
    static const char *const keys[] = {"when",  "each",    "if",      "let",  "type", "content",
                                       "probe", "source",  "dest",    "path", "hops", "start",
                                       "end",   "metrics", "comment", NULL};
    rule->place = mapping_place(r, at);
    r->depth = 0;
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place when = document_member(at, "when");
    struct document_place each = document_member(at, "each");
    struct document_place condition = document_member(at, "if");
    struct document_place hops = document_member(at, "hops");
    struct document_place metrics = document_member(at, "metrics");
    if (when.node != NULL) {
        rule->when = mapping_condition(r, &when);
    }
    if (each.node != NULL) {
        mapping_levels(r, &each, rule);
    }
    if (condition.node != NULL) {
        rule->condition = mapping_condition(r, &condition);
    }
    read_let(r, at, common, rule);
    read_kind_of_rule(r, at, common, rule);
    if (hops.node != NULL) {
        rule->hops = mapping_expression(r, &hops);
    }
    read_metrics(r, &metrics, rule);
}

void mapping_rules(struct mapping_reader *r, const struct document_place *at,
                   const struct mapping_common *common)
{
    if (!document_is_list(at, MAPPING_LIST)) {
        return;
    }
    if (at->node->count == 0) {
        document_fault(at, "expected at least one rule");
        return;
    }
    struct record_rule *rules = mapping_list(r, at, sizeof *rules);
    r->mapping->rules = rules;
    for (struct document_place p = document_first(at); rules != NULL && p.node != NULL;
         document_next(&p)) {
        read_rule(r, &p, common, &rules[r->mapping->rule_count++]);
    }
}

void mapping_empty(struct mapping_reader *r, const struct document_place *whole,
                   const struct mapping_common *common)
{
    struct document_place at = document_member(whole, "empty");
    struct record_rule *rule =
        at.node == NULL ? NULL : document_take(&at, r->arena, 1, sizeof *rule);
    if (rule != NULL) {
        read_rule(r, &at, common, rule);
        r->mapping->empty = rule;
    }
}

void mapping_common(struct mapping_reader *r, const struct document_place *whole,
                    struct mapping_common *common)
{
    static const char *const keys[] = {"type", "content", "probe", "source",  "dest",
                                       "path", "start",   "end",   "comment", NULL};
    struct document_place let = document_member(whole, "let");
    struct document_place defaults = document_member(whole, "defaults");
    r->depth = MAPPING_LEVELS; /* of whichever rule */
    if (let.node != NULL && document_is_object(&let)) {
        common->variables =
            document_take(&let, r->arena, let.node->count, sizeof *common->variables);
        if (common->variables != NULL) {
            read_variables(r, &let, common->variables, &common->variable_count);
        }
    }
    if (defaults.node != NULL && document_is_object_of(&defaults, keys)) {
        read_kind(r, &defaults, common->dimensions, &common->start, &common->end);
    }
}
