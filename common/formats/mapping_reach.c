/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds out which parts of a document a mapping looks at. Every path is walked through a tree that
 * grows where it goes; a value's path ends in a set of nodes, at which the paths of elements begin.
 * Where an object is made of parts (zip, group, let, remember), all of these parts count as looked
 * at.
 */
#include "common/formats/mapping_reader.h"

#define REACH_WAYS 256 /* of one path */

/* A node while the tree grows. */
struct reach_node {
    bool whole;
    struct reach_node *any;
    struct reach_member_node {
        struct slice key;
        struct reach_node *node;
        struct reach_member_node *next;
    } * members;
};

/* Where a path may be: the same steps behind several beginnings. */
struct reach_set {
    struct reach_node **nodes;
    uint32_t count;
};

struct reach_maker {
    struct arena *arena;
    struct reach_node *root;
    struct reach_set levels[MAPPING_LEVELS + JSON_DEPTH]; /* of elements; agg's go beneath */
    uint32_t depth;
    bool listed; /* keys that stand twice have a list of their values */
    bool failed;
};

static struct reach_node *new_node(struct reach_maker *m)
{
    struct reach_node *n = arena_calloc(m->arena, 1, sizeof *n);
    m->failed = m->failed || n == NULL;
    return n;
}

static struct reach_node *any_of(struct reach_maker *m, struct reach_node *n)
{
    if (n->any == NULL) {
        n->any = new_node(m);
    }
    return n->any;
}

static struct reach_node *member_of(struct reach_maker *m, struct reach_node *n, struct slice key)
{
    struct reach_member_node *member = n->members;
    while (member != NULL && !slice_equal(member->key, key)) {
        member = member->next;
    }
    if (member == NULL) {
        member = arena_calloc(m->arena, 1, sizeof *member);
        if (member == NULL) {
            m->failed = true;
            return NULL;
        }
        member->key = key;
        member->node = new_node(m);
        member->next = n->members;
        n->members = member;
    }
    return member->node;
}

static struct reach_node *step_to(struct reach_maker *m, struct reach_node *n,
                                  const struct json_step *step)
{
    if (step->kind == JSON_STEP_KEY) {
        return member_of(m, n, step->key);
    }
    struct reach_node *element = any_of(m, n);
    if (step->kind == JSON_STEP_WHERE && element != NULL) {
        member_of(m, element, step->key);
    }
    return element;
}

/* Where steps lead from a node. A step to an element may also be one to the same key's other value,
 * which is not there when parts are left out, so that both are gone. */
static void walk_from(struct reach_maker *m, struct reach_node *n, const struct json_step *steps,
                      uint32_t count, struct reach_set *to)
{
    for (; count > 0 && n != NULL; steps++, count--) {
        if (m->listed && steps->kind != JSON_STEP_KEY) {
            walk_from(m, n, steps + 1, count - 1, to);
        }
        n = step_to(m, n, steps);
    }
    if (n != NULL) {
        to->nodes[to->count++] = n;
    }
}

/* Where a path's steps lead from a set of places. */
static struct reach_set walk_steps(struct reach_maker *m, struct reach_set from,
                                   const struct json_path *path)
{
    uint32_t ways = 1, count = path == NULL ? 0 : path->count;
    for (uint32_t k = 0; m->listed && k < count && ways <= REACH_WAYS; k++) {
        ways *= path->steps[k].kind == JSON_STEP_KEY ? 1 : 2;
    }
    struct reach_set to = {NULL, 0};
    if (ways <= REACH_WAYS) {
        to.nodes = arena_calloc(m->arena, (size_t)ways * (from.count + 1), sizeof *to.nodes);
    }
    if (to.nodes == NULL) {
        m->failed = true;
        return to;
    }
    for (uint32_t i = 0; i < from.count; i++) {
        walk_from(m, from.nodes[i], path == NULL ? NULL : path->steps, count, &to);
    }
    return to;
}

static struct reach_set walk_path(struct reach_maker *m, const struct json_path *path)
{
    struct reach_set root = {&m->root, 1}, none = {NULL, 0};
    if (path == NULL || path->root >= JSON_ROOT_VARIABLE) {
        return none; /* a variable's value is whole */
    }
    if (path->root == JSON_ROOT_DOCUMENT || m->depth == 0) {
        return walk_steps(m, root, path);
    }
    uint32_t level = path->level == JSON_LEVEL_INNERMOST ? m->depth - 1 : path->level;
    return level < m->depth ? walk_steps(m, m->levels[level], path) : none;
}

static void mark_whole(struct reach_set set)
{
    for (uint32_t i = 0; i < set.count; i++) {
        set.nodes[i]->whole = true;
    }
}

/* ---- going through the mapping ---- */

static void reach_condition(struct reach_maker *m, const struct format_condition *c);
static void reach_expression(struct reach_maker *m, const struct expression *e, bool whole);

static void push(struct reach_maker *m, struct reach_set elements)
{
    if (m->depth == sizeof m->levels / sizeof m->levels[0]) {
        m->failed = true;
    } else {
        m->levels[m->depth++] = elements;
    }
}

static void reach_list(struct reach_maker *m, const struct expression *e)
{
    struct reach_set elements = walk_path(m, e->paths);
    if (e->condition != NULL && e->source == SOURCE_AGGREGATE && !m->failed) {
        push(m, elements);
        reach_condition(m, e->condition);
        m->depth--;
    }
    walk_steps(m, elements, e->value);
    walk_steps(m, elements, e->index);
    reach_expression(m, e->from, false);
}

static void reach_conversion(struct reach_maker *m, const struct conversion *c, bool whole)
{
    if (c != NULL) {
        reach_expression(m, c->unit_by, false);
        reach_expression(m, c->otherwise, whole);
    }
}

/* `whole`: what it gives may be a list or an object, in which others look. */
static void reach_expression(struct reach_maker *m, const struct expression *e, bool whole)
{
    if (e == NULL || m->failed) {
        return;
    }
    bool is_list = e->source == SOURCE_AGGREGATE || e->source == SOURCE_HOPS;
    for (uint32_t i = 0; !is_list && i < e->path_count; i++) {
        struct reach_set values = walk_path(m, &e->paths[i]);
        if (whole || e->source == SOURCE_HISTOGRAM) {
            mark_whole(values);
        }
    }
    for (uint32_t i = 0; i < e->part_count; i++) {
        reach_expression(m, e->parts[i], whole);
    }
    for (uint32_t i = 0; i < e->piece_count; i++) {
        reach_expression(m, e->pieces[i].value, false);
    }
    if (is_list) {
        reach_list(m, e);
    } else {
        reach_condition(m, e->condition);
    }
    reach_conversion(m, e->conversion, whole);
}

static void reach_condition(struct reach_maker *m, const struct format_condition *c)
{
    if (c == NULL || m->failed) {
        return;
    }
    for (uint32_t i = 0; i < c->part_count; i++) {
        reach_condition(m, c->parts[i]);
    }
    walk_path(m, c->path);
    reach_expression(m, c->left, false);
    reach_expression(m, c->right, false);
}

static void reach_instant(struct reach_maker *m, const struct instant *t)
{
    if (t == NULL || m->failed) {
        return;
    }
    reach_expression(m, t->value, false);
    reach_expression(m, t->fraction, false);
    reach_expression(m, t->plus, false);
    for (uint32_t i = 0; i < t->alternative_count; i++) {
        reach_instant(m, t->alternatives[i]);
    }
}

static void reach_level(struct reach_maker *m, const struct level *level)
{
    struct reach_set elements = walk_path(m, &level->path), none = {NULL, 0};
    if (level->kind == LEVEL_PATH) {
        push(m, elements);
        return;
    }
    if (level->kind == LEVEL_ZIP) {
        mark_whole(elements);
        mark_whole(walk_path(m, &level->values));
    } else {
        struct json_step name = {.kind = JSON_STEP_KEY, .key = slice_of("name")};
        struct json_step labels = {.kind = JSON_STEP_KEY, .key = level->labels};
        struct json_path name_path = {.count = 1, .steps = &name};
        struct json_path labels_path = {.count = 1, .steps = &labels};
        struct reach_set points =
            level->has_series ? walk_steps(m, elements, &level->series) : elements;
        walk_steps(m, elements, &name_path);
        mark_whole(walk_steps(m, elements, &labels_path));
        mark_whole(walk_steps(m, points, &level->value));
        if (level->has_time) {
            walk_steps(m, points, &level->time);
        }
    }
    push(m, none); /* what is made of it is there as a whole */
}

static void reach_rule(struct reach_maker *m, const struct record_rule *rule)
{
    reach_condition(m, rule->when);
    for (uint32_t i = 0; i < rule->level_count && !m->failed; i++) {
        reach_level(m, &rule->levels[i]);
    }
    reach_condition(m, rule->condition);
    for (uint32_t i = 0; i < rule->variable_count; i++) {
        reach_expression(m, rule->variables[i].value, true);
    }
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        reach_expression(m, rule->dimensions[d], false);
    }
    reach_instant(m, rule->start);
    reach_instant(m, rule->end);
    reach_expression(m, rule->hops, false);
    for (uint32_t i = 0; i < rule->metric_count; i++) {
        reach_expression(m, rule->metrics[i].value, false);
    }
    m->depth = 0;
}

static void reach_documents(struct reach_maker *m, const struct format_mapping *mapping)
{
    for (uint32_t i = 0; i < mapping->remember_count; i++) {
        reach_condition(m, mapping->remember[i].when);
        mark_whole(walk_path(m, &mapping->remember[i].path));
    }
    for (uint32_t i = 0; i < mapping->forget_count; i++) {
        reach_condition(m, mapping->forget[i].when);
    }
    for (uint32_t i = 0; i < mapping->ignore_count; i++) {
        reach_condition(m, mapping->ignore[i]);
    }
    for (uint32_t i = 0; i < mapping->may_be_empty_count; i++) {
        reach_condition(m, mapping->may_be_empty[i]);
    }
}

/* ---- as the reader of JSON wants it ---- */

static const struct json_reach *finish(struct reach_maker *m, struct reach_set set);

/* The nodes behind a key in any of the set, and behind any key. */
static struct reach_set behind(struct reach_maker *m, struct reach_set set, const struct slice *key)
{
    struct reach_set to = {arena_calloc(m->arena, 2 * (size_t)set.count, sizeof *to.nodes), 0};
    if (to.nodes == NULL) {
        m->failed = true;
        return to;
    }
    for (uint32_t i = 0; i < set.count; i++) {
        const struct reach_member_node *member = key == NULL ? NULL : set.nodes[i]->members;
        while (member != NULL && !slice_equal(member->key, *key)) {
            member = member->next;
        }
        if (member != NULL) {
            to.nodes[to.count++] = member->node;
        }
        if (set.nodes[i]->any != NULL) {
            to.nodes[to.count++] = set.nodes[i]->any;
        }
    }
    return to;
}

static void finish_members(struct reach_maker *m, struct reach_set set, struct json_reach *reach)
{
    for (uint32_t i = 0; i < set.count; i++) {
        for (const struct reach_member_node *n = set.nodes[i]->members; n != NULL; n = n->next) {
            const struct json_reach_member **list = &reach->members[n->key.len % JSON_REACH_LISTS];
            const struct json_reach_member *known = *list;
            while (known != NULL && !slice_equal(known->key, n->key)) {
                known = known->next;
            }
            struct json_reach_member *member =
                known != NULL || m->failed ? NULL : arena_calloc(m->arena, 1, sizeof *member);
            m->failed = m->failed || (known == NULL && member == NULL);
            if (member != NULL) {
                member->key = n->key;
                member->reach = finish(m, behind(m, set, &n->key));
                member->next = *list;
                *list = member;
            }
        }
    }
}

static const struct json_reach *finish(struct reach_maker *m, struct reach_set set)
{
    struct json_reach *reach = m->failed ? NULL : arena_calloc(m->arena, 1, sizeof *reach);
    if (reach == NULL) {
        m->failed = true;
        return NULL;
    }
    for (uint32_t i = 0; i < set.count; i++) {
        reach->whole = reach->whole || set.nodes[i]->whole;
    }
    if (!reach->whole) {
        struct reach_set any = behind(m, set, NULL);
        reach->any = any.count == 0 ? NULL : finish(m, any);
        finish_members(m, set, reach);
    }
    return reach;
}

const struct json_reach *mapping_reach(struct arena *a, const struct format_mapping *mapping)
{
    struct reach_maker m = {.arena = a,
                            .listed = mapping->input->duplicates == JSON_DUPLICATES_LISTED};
    m.root = new_node(&m);
    if (!m.failed) {
        reach_documents(&m, mapping);
    }
    for (uint32_t i = 0; i < mapping->rule_count && !m.failed; i++) {
        reach_rule(&m, &mapping->rules[i]);
    }
    if (mapping->empty != NULL && !m.failed) {
        reach_rule(&m, mapping->empty);
    }
    struct reach_set root = {&m.root, 1};
    const struct json_reach *reach = m.failed ? NULL : finish(&m, root);
    return m.failed ? NULL : reach;
}
