/* SPDX-License-Identifier: Apache-2.0 */
/* Goes through the elements of a document that a rule makes records of: `each`, level by level. */
#include <stdlib.h>

#include "common/formats/evaluate.h"

struct iteration {
    struct scope *scope;
    const struct record_rule *rule;
    uint32_t level;
    evaluate_element take;
    void *context;
};

static void next_level(struct iteration *i, const struct json *element);

static void no_memory(struct evaluation *e)
{
    evaluate_fault_memory(e, NULL);
    e->beyond = true;
}

/* ---- by a path ---- */

static bool take_node(void *context, const struct json *node)
{
    struct iteration *i = context;
    next_level(i, node);
    return !i->scope->evaluation->beyond;
}

/* ---- names beside values ---- */

static struct json *new_object(struct evaluation *e)
{
    struct json *object = arena_calloc(e->arena, 1, sizeof *object);
    if (object == NULL) {
        no_memory(e);
        return NULL;
    }
    object->type = JSON_OBJECT;
    return object;
}

/* Appends a member behind the last; the new one, NULL when memory is out. */
static struct json *append_member(struct evaluation *e, struct json *object, struct json *last,
                                  struct slice key, const struct json *value)
{
    struct json *m = arena_alloc(e->arena, sizeof *m);
    if (m == NULL) {
        no_memory(e);
        return NULL;
    }
    *m = *value;
    m->key = key;
    m->next = NULL;
    *(last == NULL ? &object->first : &last->next) = m;
    object->count++;
    return m;
}

/* Sets a member of an object of few to what a node is; the last of a name stands. */
static void set_member(struct evaluation *e, struct json *object, struct slice key,
                       const struct json *value)
{
    struct json *m = (struct json *)(uintptr_t)object->first, *last = NULL;
    uint64_t passed = 0;
    for (; m != NULL && !slice_equal(m->key, key); m = (struct json *)(uintptr_t)m->next) {
        last = m;
        passed++;
    }
    evaluate_spend(e, passed);
    if (m == NULL) {
        append_member(e, object, last, key, value);
        return;
    }
    const struct json *next = m->next;
    *m = *value;
    m->key = key;
    m->next = next;
}

struct zip {
    struct iteration *iteration;
    const struct json *names;
};

static bool take_values(void *context, const struct json *values)
{
    struct zip *z = context;
    struct evaluation *e = z->iteration->scope->evaluation;
    struct json *object = new_object(e);
    const struct json *name = z->names->first;
    if (object == NULL || values->type != JSON_ARRAY) {
        return object != NULL;
    }
    for (const struct json *v = values->first; v != NULL && name != NULL && !e->beyond;
         v = v->next, name = name->next) {
        struct format_value key = value_of_node(name);
        if (key.kind == VALUE_TEXT) {
            set_member(e, object, key.text, v);
        }
    }
    if (!e->beyond) {
        next_level(z->iteration, object);
    }
    return !e->beyond;
}

static void zip(struct iteration *i, const struct level *level)
{
    struct zip z = {i, evaluate_first(i->scope, &level->path)};
    if (z.names != NULL && z.names->type == JSON_ARRAY) {
        evaluate_path(i->scope, &level->values, take_values, &z);
    }
}

/* ---- samples with labels ---- */

/* A sample: what it belongs to, its name, its value. */
struct sample {
    struct slice key; /* labels and time that tell the object */
    uint32_t number;
    struct slice name; /* .at NULL: none; it has labels all the same */
    const struct json *labels, *value, *time;
    const struct json *stands; /* of the first of its name in its object: the last one's value */
    struct sample *leader;     /* the first of the same key */
    struct json *object, *end; /* of a leader, once it is made: with its last member */
    struct sample *next;
};

struct grouping {
    struct iteration *iteration;
    const struct level *level;
    const struct json *around; /* the sample whose points are gone through */
    struct sample *first, *last;
    const struct json *labels; /* of the last, all of them */
    uint32_t count;
};

static bool is_listed(const struct slice *list, uint32_t count, struct slice text)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slice_equal(list[i], text)) {
            return true;
        }
    }
    return false;
}

/* Whether a label tells one object from another. */
static bool is_kept(const struct level *level, struct slice label)
{
    return !slice_is(label, "__name__") &&
           !is_listed(level->dropped, level->dropped_count, label) &&
           !is_listed(level->into_name, level->into_name_count, label);
}

static int label_order(const void *a, const void *b)
{
    return slice_order((*(const struct json *const *)a)->key,
                       (*(const struct json *const *)b)->key);
}

/* Of a sample, 5 and "5" are the same label, and the same time. */
static struct json as_text(const struct json *node)
{
    struct json text = *node;
    text.type = node->type == JSON_NUMBER ? JSON_STRING : node->type;
    text.next = NULL;
    return text;
}

/* The labels that are kept, by name, as an object. */
static struct json *kept_labels(struct evaluation *e, const struct level *level,
                                const struct json *labels)
{
    struct json *object = new_object(e);
    uint32_t n = 0, room = labels == NULL ? 0 : labels->count;
    const struct json **sorted = arena_alloc(e->arena, (room + 1) * sizeof *sorted);
    if (object == NULL || sorted == NULL) {
        no_memory(e);
        return NULL;
    }
    for (const struct json *l = room == 0 ? NULL : labels->first; l != NULL; l = l->next) {
        if (is_kept(level, l->key)) {
            sorted[n++] = l;
        }
    }
    qsort(sorted, n, sizeof *sorted, label_order);
    for (uint32_t i = 0; i < n && !e->beyond; i++) {
        struct json label = as_text(sorted[i]);
        set_member(e, object, sorted[i]->key, &label);
    }
    return e->beyond ? NULL : object;
}

/* Labels and time in a text that is the same for the same of both. */
static struct slice group_key(struct evaluation *e, const struct json *labels,
                              const struct json *time)
{
    struct json both = {.type = JSON_ARRAY, .count = 1}, at, first = *labels;
    both.first = &first;
    first.next = NULL;
    if (time != NULL) {
        at = as_text(time);
        first.next = &at;
        both.count = 2;
    }
    struct slice key = json_text(e->arena, &both);
    if (key.at == NULL) {
        no_memory(e);
    }
    return key;
}

/* A name, or a part of one. */
static bool is_name(const struct json *node)
{
    return node != NULL && (node->type == JSON_STRING || node->type == JSON_NUMBER);
}

/* name.label, in the arena; .at NULL: memory is out. */
static struct slice join(struct arena *a, struct slice name, struct slice label)
{
    size_t len = name.len + 1 + label.len;
    char *joined = arena_alloc(a, len);
    if (joined == NULL) {
        return (struct slice){NULL, 0};
    }
    memcpy(joined, name.at, name.len);
    joined[name.len] = '.';
    memcpy(joined + name.len + 1, label.at, label.len);
    return (struct slice){joined, len};
}

/* Its name, with the values of the labels that go into it. */
static struct slice sample_name(struct evaluation *e, const struct level *level,
                                const struct json *sample, const struct json *labels)
{
    const struct json *name = json_get(sample, "name");
    if (!is_name(name) || name->text.len == 0) {
        name = json_get(labels, "__name__");
    }
    struct slice text = is_name(name) ? name->text : (struct slice){NULL, 0};
    for (uint32_t i = 0; text.at != NULL && i < level->into_name_count; i++) {
        const struct json *label = json_get(labels, level->into_name[i].at);
        if (is_name(label)) {
            text = join(e->arena, text, label->text);
        }
    }
    return text;
}

/* ---- most samples have the labels and the time of the one before ---- */

/* The first label that is kept, from here on; NULL: none. */
static const struct json *next_kept(const struct level *level, const struct json *label)
{
    while (label != NULL && !is_kept(level, label->key)) {
        label = label->next;
    }
    return label;
}

/* Whether both surely are the same label, or time. */
static bool is_same(const struct json *a, const struct json *b)
{
    struct json x = as_text(a), y = as_text(b);
    return x.type == y.type && x.type < JSON_ARRAY && slice_equal(x.text, y.text);
}

/* Whether what is kept of them surely is the same. */
static bool are_same_labels(const struct level *level, const struct json *a, const struct json *b)
{
    if (a == b || a == NULL || b == NULL) {
        return a == b;
    }
    const struct json *x = next_kept(level, a->first), *y = next_kept(level, b->first);
    while (x != NULL && y != NULL && slice_equal(x->key, y->key) && is_same(x, y)) {
        x = next_kept(level, x->next);
        y = next_kept(level, y->next);
    }
    return x == NULL && y == NULL;
}

/* The labels that are kept, and the key; .key.at is NULL when memory is out. */
static void find_group(struct grouping *g, const struct json *labels, struct sample *sample)
{
    struct evaluation *e = g->iteration->scope->evaluation;
    const struct sample *last = g->last;
    bool same = last != NULL && are_same_labels(g->level, labels, g->labels);
    sample->labels = same ? last->labels : kept_labels(e, g->level, labels);
    if (sample->labels == NULL) {
        return;
    }
    if (same && (sample->time == NULL || last->time == NULL ? sample->time == last->time
                                                            : is_same(sample->time, last->time))) {
        sample->key = last->key;
    } else {
        sample->key = group_key(e, sample->labels, sample->time);
    }
}

static bool take_point(void *context, const struct json *point)
{
    struct grouping *g = context;
    struct scope *s = g->iteration->scope;
    struct evaluation *e = s->evaluation;
    const struct json *labels = json_get(g->around, g->level->labels.at);
    struct sample sample = {.number = g->count,
                            .name = sample_name(e, g->level, g->around, labels),
                            .value = evaluate_step(s, point, &g->level->value)};
    if (g->level->has_time) {
        sample.time = evaluate_step(s, point, &g->level->time);
    }
    if (sample.value == NULL || e->beyond) {
        return !e->beyond;
    }
    find_group(g, labels, &sample);
    struct sample *kept = sample.key.at == NULL ? NULL : arena_alloc(e->arena, sizeof *kept);
    if (kept == NULL) {
        no_memory(e);
        return false;
    }
    *kept = sample;
    *(g->last == NULL ? &g->first : &g->last->next) = kept;
    g->last = kept;
    g->labels = labels;
    g->count++;
    return true;
}

static bool take_sample(void *context, const struct json *node)
{
    struct grouping *g = context;
    g->around = node;
    if (node->type == JSON_OBJECT) {
        evaluate_steps(g->iteration->scope, node, g->level->has_series ? &g->level->series : NULL,
                       take_point, g);
    }
    return !g->iteration->scope->evaluation->beyond;
}

static int sample_order(const void *a, const void *b)
{
    const struct sample *x = *(const struct sample *const *)a;
    const struct sample *y = *(const struct sample *const *)b;
    int order = slice_order(x->key, y->key);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* Finds the first sample of each key; what has the very key of the one before follows that. */
static int find_leaders(struct evaluation *e, const struct grouping *g)
{
    struct sample **sorted = arena_alloc(e->arena, (g->count + 1) * sizeof *sorted);
    const struct sample *before = NULL;
    uint32_t n = 0;
    if (sorted == NULL) {
        no_memory(e);
        return -1;
    }
    for (struct sample *s = g->first; s != NULL; before = s, s = s->next) {
        if (before == NULL || before->key.at != s->key.at) {
            sorted[n++] = s;
        }
    }
    qsort(sorted, n, sizeof *sorted, sample_order);
    for (uint32_t i = 0; i < n; i++) {
        bool same = i > 0 && slice_equal(sorted[i]->key, sorted[i - 1]->key);
        sorted[i]->leader = same ? sorted[i - 1]->leader : sorted[i];
    }
    for (struct sample *s = g->first; s != NULL; before = s, s = s->next) {
        s->leader = s->leader == NULL ? before->leader : s->leader;
    }
    return 0;
}

static int name_order(const void *a, const void *b)
{
    const struct sample *x = *(const struct sample *const *)a;
    const struct sample *y = *(const struct sample *const *)b;
    int order = (x->leader->number > y->leader->number) - (x->leader->number < y->leader->number);
    order = order != 0 ? order : slice_order(x->name, y->name);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* Finds of each object the first sample of each name, and the value that stands there. */
static int find_names(struct evaluation *e, const struct grouping *g)
{
    struct sample **sorted = arena_alloc(e->arena, (g->count + 1) * sizeof *sorted);
    struct sample *first = NULL;
    uint32_t n = 0;
    if (sorted == NULL) {
        no_memory(e);
        return -1;
    }
    for (struct sample *s = g->first; s != NULL; s = s->next) {
        if (s->name.at != NULL) {
            sorted[n++] = s;
        }
    }
    qsort(sorted, n, sizeof *sorted, name_order);
    for (uint32_t i = 0; i < n; i++) {
        bool same = first != NULL && first->leader == sorted[i]->leader &&
                    slice_equal(first->name, sorted[i]->name);
        first = same ? first : sorted[i];
        first->stands = sorted[i]->value;
    }
    return 0;
}

static void begin_object(struct evaluation *e, struct sample *leader)
{
    leader->object = new_object(e);
    if (leader->object != NULL) {
        leader->end = append_member(e, leader->object, NULL, slice_of("labels"), leader->labels);
    }
    if (leader->end != NULL && leader->time != NULL) {
        leader->end = append_member(e, leader->object, leader->end, slice_of("time"), leader->time);
    }
}

/* {"labels": {...}, "time": ..., and each sample's value under its name}. */
static void make_objects(struct evaluation *e, const struct grouping *g)
{
    for (struct sample *s = g->first; s != NULL && !e->beyond; s = s->next) {
        struct sample *leader = s->leader;
        if (leader == s) {
            begin_object(e, s);
        }
        if (e->beyond || s->stands == NULL) {
            continue;
        }
        if (slice_is(s->name, "labels") || (slice_is(s->name, "time") && leader->time != NULL)) {
            set_member(e, leader->object, s->name, s->stands); /* one of the first two */
        } else {
            leader->end = append_member(e, leader->object, leader->end, s->name, s->stands);
        }
    }
}

static void group(struct iteration *i, const struct level *level)
{
    struct evaluation *e = i->scope->evaluation;
    struct grouping g = {.iteration = i, .level = level};
    evaluate_path(i->scope, &level->path, take_sample, &g);
    if (e->beyond || find_leaders(e, &g) == -1 || find_names(e, &g) == -1) {
        return;
    }
    make_objects(e, &g);
    for (const struct sample *s = g.first; s != NULL && !e->beyond; s = s->next) {
        if (s->object != NULL) {
            next_level(i, s->object);
        }
    }
}

/* ---- level by level ---- */

static void iterate(struct iteration *i)
{
    if (i->level == i->rule->level_count) {
        i->take(i->context, i->scope);
        return;
    }
    const struct level *level = &i->rule->levels[i->level];
    switch (level->kind) {
    case LEVEL_PATH:
        evaluate_path(i->scope, &level->path, take_node, i);
        break;
    case LEVEL_ZIP:
        zip(i, level);
        break;
    case LEVEL_GROUP:
        group(i, level);
        break;
    }
}

static void next_level(struct iteration *i, const struct json *element)
{
    i->scope->elements[i->scope->depth++] = element;
    i->level++;
    iterate(i);
    i->level--;
    i->scope->depth--;
}

void evaluate_elements(struct scope *s, const struct record_rule *rule, evaluate_element take,
                       void *context)
{
    struct iteration i = {s, rule, 0, take, context};
    iterate(&i);
}
