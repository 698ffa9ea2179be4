/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a mapping: its rules, and what all parts of it need. */
#include "common/formats/mapping_reader.h"

#include "common/record_dimensions.h"

#define COMMENT 4096 /* bytes of that of the whole */

/* ---- what all parts need ---- */

void *mapping_keep(struct mapping_reader *r, const struct document_place *at, const void *from,
                   size_t size)
{
    void *kept = document_take(at, r->arena, 1, size);
    return kept == NULL ? NULL : memcpy(kept, from, size);
}

const char *mapping_place(struct mapping_reader *r, const struct document_place *at)
{
    return document_place_text(at, r->arena);
}

int mapping_variable(struct mapping_reader *r, const struct document_place *at, struct slice name,
                     bool set)
{
    struct format_mapping *m = r->mapping;
    for (uint32_t i = 0; i < m->variable_count; i++) {
        if (slice_equal(r->variables[i], name)) {
            r->variable_set[i] = r->variable_set[i] || set;
            return (int)i;
        }
    }
    if (m->variable_count == MAPPING_VARIABLES) {
        document_fault(at, "expected at most %d names of let and remember, found %s beyond them",
                       MAPPING_VARIABLES, DOCUMENT_SHOWN(name));
        return -1;
    }
    r->variable_set[m->variable_count] = set;
    r->variable_places[m->variable_count] = mapping_place(r, at);
    r->variables[m->variable_count] = document_copy(at, r->arena, name);
    return r->variables[m->variable_count].at == NULL ? -1 : (int)m->variable_count++;
}

/* Gives a path its number, by which it is told whether it found anything. */
static int count_path(struct mapping_reader *r, const struct document_place *at,
                      struct json_path *path)
{
    struct format_mapping *m = r->mapping;
    if (m->path_count == MAPPING_PATHS) {
        document_fault(at, "expected at most %d paths", MAPPING_PATHS);
        return -1;
    }
    path->number = m->path_count;
    r->paths[m->path_count] = path->text;
    r->path_places[m->path_count++] = mapping_place(r, at);
    return 0;
}

int mapping_path_of(struct mapping_reader *r, const struct document_place *at, struct slice text,
                    struct json_path *path)
{
    if (json_path_read(at, r->arena, text, path) == -1 || count_path(r, at, path) == -1) {
        return -1;
    }
    if (path->root == JSON_ROOT_ELEMENT && path->level != JSON_LEVEL_INNERMOST && path->level > 0 &&
        path->level >= r->depth) {
        document_fault(at, "expected a level below %u, of the elements around it, found @%u",
                       r->depth, path->level);
        return -1;
    }
    int variable =
        path->root == JSON_ROOT_VARIABLE ? mapping_variable(r, at, path->name, false) : 0;
    path->variable = (uint32_t)variable;
    if (variable != -1 && path->root == JSON_ROOT_VARIABLE && r->variable_awaited[variable]) {
        document_fault(at, "expected a name that is computed before this one, found %s",
                       DOCUMENT_SHOWN(path->name));
        return -1;
    }
    return variable == -1 ? -1 : 0;
}

int mapping_path(struct mapping_reader *r, const struct document_place *at, struct json_path *path)
{
    struct slice text = document_text(at, 1, JSON_PATH_BYTES);
    return text.at == NULL ? -1 : mapping_path_of(r, at, text, path);
}

int mapping_steps(struct mapping_reader *r, const struct document_place *at, struct json_path *path)
{
    struct slice text = document_text(at, 1, JSON_PATH_BYTES);
    return text.at == NULL || json_steps_read(at, r->arena, text, path) == -1
               ? -1
               : count_path(r, at, path);
}

const struct json_path *mapping_steps_kept(struct mapping_reader *r,
                                           const struct document_place *at)
{
    struct json_path path;
    return at->node == NULL || mapping_steps(r, at, &path) == -1
               ? NULL
               : mapping_keep(r, at, &path, sizeof path);
}

int mapping_texts(struct mapping_reader *r, const struct document_place *at,
                  const struct slice **texts, uint32_t *count)
{
    uint32_t faults = at->document->faults;
    *texts = NULL;
    *count = 0;
    if (!document_is_list(at, MAPPING_LIST)) {
        return -1;
    }
    struct slice *list = document_take(at, r->arena, at->node->count, sizeof *list);
    for (struct document_place p = document_first(at); list != NULL && p.node != NULL;
         document_next(&p)) {
        struct slice text = document_text(&p, 0, JSON_PATH_BYTES);
        if (text.at != NULL) {
            list[(*count)++] = document_copy(&p, r->arena, text);
        }
    }
    *texts = list;
    return at->document->faults == faults ? 0 : -1;
}

int mapping_exact(struct mapping_reader *r, const struct document_place *at, struct exact *number)
{
    struct number read;
    if (!document_number(at, &read)) {
        return -1;
    }
    if (exact_of_text(r->arena, at->node->text, number) != EXACT_OK) {
        document_expected(at, "a number of fewer digits");
        return -1;
    }
    return 0;
}

struct slice mapping_constant_text(struct mapping_reader *r, const struct document_place *at,
                                   struct slice text)
{
    if (text.len > 0 && memchr(text.at, '\0', text.len) != NULL) {
        document_fault(at, "expected a text without a NUL in it");
        return (struct slice){NULL, 0};
    }
    return document_copy(at, r->arena, text);
}

int mapping_constant(struct mapping_reader *r, const struct document_place *at,
                     struct format_value *value)
{
    *value = (struct format_value){.kind = VALUE_NONE};
    if (at->node == NULL || at->node->type >= JSON_ARRAY) {
        document_expected(at, "a text, a number, true, false or null");
        return -1;
    }
    if (at->node->type == JSON_NUMBER) {
        value->kind = VALUE_EXACT;
        return mapping_exact(r, at, &value->number);
    }
    if (at->node->type != JSON_NULL) {
        value->kind = VALUE_TEXT;
        value->text = at->node->type == JSON_TRUE    ? slice_of("1")
                      : at->node->type == JSON_FALSE ? slice_of("0")
                                                     : mapping_constant_text(r, at, at->node->text);
        return value->text.at == NULL ? -1 : 0;
    }
    return 0;
}

/* A list of `size` each, for what stands in a list or an object; NULL after a fault. */
static void *take_list(struct mapping_reader *r, const struct document_place *at, size_t size)
{
    return document_take(at, r->arena, at->node->count, size);
}

/* ---- each ---- */

/* A member that is steps from a sample; whether it is there. */
static bool read_member_steps(struct mapping_reader *r, const struct document_place *at,
                              const char *key, struct json_path *path)
{
    struct document_place member = document_member(at, key);
    return member.node != NULL && mapping_steps(r, &member, path) == 0;
}

static void read_group(struct mapping_reader *r, const struct document_place *at,
                       struct level *level)
{
    static const char *const keys[] = {"group",  "labels", "value",     "time",
                                       "series", "drop",   "into_name", NULL};
    struct document_place group = document_member(at, "group");
    struct document_place labels = document_member(at, "labels");
    struct document_place drop = document_member(at, "drop");
    struct document_place into_name = document_member(at, "into_name");
    struct document_place value = document_member(at, "value");
    if (!document_is_object_of(at, keys)) {
        return;
    }
    level->kind = LEVEL_GROUP;
    mapping_path(r, &group, &level->path);
    mapping_steps(r, &value, &level->value);
    level->labels = slice_of("labels");
    if (labels.node != NULL) {
        level->labels = document_copy(&labels, r->arena, document_text(&labels, 1, 256));
    }
    level->has_time = read_member_steps(r, at, "time", &level->time);
    level->has_series = read_member_steps(r, at, "series", &level->series);
    if (drop.node != NULL) {
        mapping_texts(r, &drop, &level->dropped, &level->dropped_count);
    }
    if (into_name.node != NULL) {
        mapping_texts(r, &into_name, &level->into_name, &level->into_name_count);
    }
}

static void read_zip(struct mapping_reader *r, const struct document_place *at, struct level *level)
{
    static const char *const keys[] = {"zip", NULL};
    struct document_place zip = document_member(at, "zip");
    if (!document_is_object_of(at, keys) || !document_is_list(&zip, MAPPING_LIST)) {
        return;
    }
    if (zip.node->count != 2) {
        document_fault(&zip, "expected a path to the names and one to the values, found %u of two",
                       zip.node->count);
        return;
    }
    struct document_place names = document_first(&zip), values = names;
    document_next(&values);
    level->kind = LEVEL_ZIP;
    mapping_path(r, &names, &level->path);
    mapping_path(r, &values, &level->values);
}

static void read_level(struct mapping_reader *r, const struct document_place *at,
                       struct level *level)
{
    if (at->node->type == JSON_STRING) {
        mapping_path(r, at, &level->path);
    } else if (json_get(at->node, "group") != NULL) {
        read_group(r, at, level);
    } else if (json_get(at->node, "zip") != NULL) {
        read_zip(r, at, level);
    } else {
        document_expected(at, "a path, {\"group\": ...} or {\"zip\": ...}");
    }
}

int mapping_levels(struct mapping_reader *r, const struct document_place *at,
                   struct record_rule *rule)
{
    uint32_t faults = at->document->faults;
    bool is_list = at->node->type == JSON_ARRAY;
    r->depth = 0;
    if (is_list && !document_is_list(at, MAPPING_LEVELS)) {
        return -1;
    }
    uint32_t count = is_list ? at->node->count : 1;
    struct level *levels = document_take(at, r->arena, count, sizeof *levels);
    if (levels == NULL) {
        return -1;
    }
    rule->levels = levels;
    if (!is_list) {
        rule->level_count = 1;
        read_level(r, at, levels);
        r->depth = 1;
    }
    for (struct document_place p = document_first(at); is_list && p.node != NULL;
         document_next(&p)) {
        read_level(r, &p, &levels[rule->level_count++]);
        r->depth++;
    }
    return at->document->faults == faults ? 0 : -1;
}

/* ---- rules ---- */

/* What the mapping says for all of its rules. */
struct common_parts {
    struct variable_rule *variables;
    uint32_t variable_count;
    const struct expression *dimensions[DIMENSION_COUNT];
    const struct instant *start, *end;
};

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
                     const struct common_parts *common, struct record_rule *rule)
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
    struct metric_rule *metrics = take_list(r, at, sizeof *metrics);
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
                              const struct common_parts *common, struct record_rule *rule)
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
                      const struct common_parts *common, struct record_rule *rule)
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

static void read_rules(struct mapping_reader *r, const struct document_place *at,
                       const struct common_parts *common)
{
    if (!document_is_list(at, MAPPING_LIST)) {
        return;
    }
    if (at->node->count == 0) {
        document_fault(at, "expected at least one rule");
        return;
    }
    struct record_rule *rules = take_list(r, at, sizeof *rules);
    r->mapping->rules = rules;
    for (struct document_place p = document_first(at); rules != NULL && p.node != NULL;
         document_next(&p)) {
        read_rule(r, &p, common, &rules[r->mapping->rule_count++]);
    }
}

/* `empty`: what it means that a tool wrote nothing. */
static void read_empty(struct mapping_reader *r, const struct document_place *whole,
                       const struct common_parts *common)
{
    struct document_place at = document_member(whole, "empty");
    struct record_rule *rule =
        at.node == NULL ? NULL : document_take(&at, r->arena, 1, sizeof *rule);
    if (rule != NULL) {
        read_rule(r, &at, common, rule);
        r->mapping->empty = rule;
    }
}

/* ---- what is remembered ---- */

static void read_remember(struct mapping_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"when", "path", "as", "comment", NULL};
    if (!document_is_list(at, MAPPING_VARIABLES)) {
        return;
    }
    struct remember_rule *rules = take_list(r, at, sizeof *rules);
    r->mapping->remember = rules;
    for (struct document_place p = document_first(at); rules != NULL && p.node != NULL;
         document_next(&p)) {
        struct remember_rule *rule = &rules[r->mapping->remember_count++];
        if (!document_is_object_of(&p, keys)) {
            continue;
        }
        struct document_place when = document_member(&p, "when");
        struct document_place path = document_member(&p, "path");
        struct document_place as = document_member(&p, "as");
        struct slice name = document_text(&as, 1, LIMIT_NAME_BYTES);
        int variable = name.at == NULL ? -1 : mapping_variable(r, &as, name, true);
        rule->variable = (uint32_t)variable;
        if (variable != -1) {
            r->variable_remembered[variable] = true;
        }
        rule->when = when.node == NULL ? NULL : mapping_condition(r, &when);
        mapping_path(r, &path, &rule->path);
    }
}

static void read_forgotten(struct mapping_reader *r, const struct document_place *at,
                           struct forget_rule *rule)
{
    const struct slice *names;
    uint32_t count;
    if (mapping_texts(r, at, &names, &count) == -1) {
        return;
    }
    uint32_t *variables = document_take(at, r->arena, count, sizeof *variables);
    rule->variables = variables;
    for (uint32_t i = 0; variables != NULL && i < count; i++) {
        int variable = mapping_variable(r, at, names[i], false);
        variables[rule->variable_count++] = (uint32_t)variable;
    }
}

static void read_forget(struct mapping_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"when", "names", "comment", NULL};
    if (!document_is_list(at, MAPPING_VARIABLES)) {
        return;
    }
    struct forget_rule *rules = take_list(r, at, sizeof *rules);
    r->mapping->forget = rules;
    for (struct document_place p = document_first(at); rules != NULL && p.node != NULL;
         document_next(&p)) {
        struct forget_rule *rule = &rules[r->mapping->forget_count++];
        if (!document_is_object_of(&p, keys)) {
            continue;
        }
        struct document_place when = document_member(&p, "when");
        struct document_place names = document_member(&p, "names");
        rule->when = when.node == NULL ? NULL : mapping_condition(r, &when);
        read_forgotten(r, &names, rule);
    }
}

/* ---- the whole ---- */

static void read_common(struct mapping_reader *r, const struct document_place *whole,
                        struct common_parts *common)
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

static void read_documents(struct mapping_reader *r, const struct document_place *whole)
{
    struct format_mapping *m = r->mapping;
    struct document_place remember = document_member(whole, "remember");
    struct document_place forget = document_member(whole, "forget");
    struct document_place ignore = document_member(whole, "ignore");
    struct document_place empty = document_member(whole, "may_be_empty");
    if (remember.node != NULL) {
        read_remember(r, &remember);
    }
    if (forget.node != NULL) {
        read_forget(r, &forget);
    }
    if (ignore.node != NULL) {
        mapping_conditions(r, &ignore, &m->ignore, &m->ignore_count);
    }
    if (empty.node != NULL) {
        mapping_conditions(r, &empty, &m->may_be_empty, &m->may_be_empty_count);
    }
}

/* What was collected aside goes to where it is kept. */
static void keep_names(struct mapping_reader *r, const struct document_place *whole)
{
    struct format_mapping *m = r->mapping;
    struct slice *variables = document_take(whole, r->arena, m->variable_count, sizeof *variables);
    struct slice *paths = document_take(whole, r->arena, m->path_count, sizeof *paths);
    const char **places = document_take(whole, r->arena, m->path_count, sizeof *places);
    if (variables == NULL || paths == NULL || places == NULL) {
        return;
    }
    memcpy(variables, r->variables, m->variable_count * sizeof *variables);
    memcpy(paths, r->paths, m->path_count * sizeof *paths);
    memcpy(places, r->path_places, m->path_count * sizeof *places);
    m->variables = variables;
    m->paths = paths;
    m->path_places = places;
}

int mapping_read(struct mapping_reader *r, const struct document_place *whole)
{
    static const char *const keys[] = {"input",    "remember",     "forget",  "ignore", "let",
                                       "defaults", "may_be_empty", "records", "empty",  "types",
                                       "comment",  "assemble",     NULL};
    struct common_parts common = {0};
    if (!document_is_object_of(whole, keys)) {
        return -1;
    }
    struct document_place comment = document_member(whole, "comment");
    struct document_place input = document_member(whole, "input");
    struct document_place records = document_member(whole, "records");
    struct document_place assemble = document_member(whole, "assemble");
    r->mapping->comment = comment.node == NULL ? slice_of("") : document_text(&comment, 0, COMMENT);
    r->mapping->input = format_input_read(&input, r->arena);
    r->mapping->assemble = assemble.node == NULL ? NULL : mapping_assemble(r, &assemble);
    read_documents(r, whole);
    read_common(r, whole, &common);
    read_rules(r, &records, &common);
    read_empty(r, whole, &common);
    keep_names(r, whole);
    if (whole->document->faults == 0) {
        mapping_check(r, whole);
    }
    if (whole->document->faults > 0) {
        return -1;
    }
    r->mapping->reach = mapping_reach(r->arena, r->mapping);
    if (r->mapping->reach == NULL) {
        document_fault(whole, "expected paths that need less memory to follow");
        return -1;
    }
    return 0;
}
