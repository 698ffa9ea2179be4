/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a mapping as a whole: what is remembered of documents, then its rules. */
#include "common/formats/mapping_reader.h"

#include "schemas/messages.h"

#define COMMENT 4096 /* bytes of that of the whole */

/* ---- what is remembered ---- */

static void read_remember(struct mapping_reader *r, const struct document_place *at)
{
    static const char *const keys[] = {"when", "path", "as", "comment", NULL};
    if (!document_is_list(at, MAPPING_VARIABLES)) {
        return;
    }
    struct remember_rule *rules = mapping_list(r, at, sizeof *rules);
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
    struct forget_rule *rules = mapping_list(r, at, sizeof *rules);
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
    struct mapping_common common = {0};
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
    mapping_common(r, whole, &common);
    mapping_rules(r, &records, &common);
    mapping_empty(r, whole, &common);
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
