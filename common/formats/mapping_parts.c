/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of a mapping are made of: places, paths, variables, constants, lists; and `each`.
 */
#include "common/formats/mapping_reader.h"

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

void *mapping_list(struct mapping_reader *r, const struct document_place *at, size_t size)
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
