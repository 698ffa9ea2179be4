/* SPDX-License-Identifier: Apache-2.0 */
/* Values: what paths find, what expressions make of it. */
#include "common/formats/evaluate.h"

#include <stdarg.h>

/* ---- faults ---- */

void evaluate_fault(struct evaluation *e, const char *place, const char *format, ...)
{
    char text[512];
    va_list args;
    if (e->fault != NULL) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    e->fault = arena_copy(e->arena, slice_of(text)).at;
    e->fault = e->fault == NULL ? EVALUATE_MEMORY : e->fault;
    e->fault_place = place == NULL ? "" : place;
}

void evaluate_fault_memory(struct evaluation *e, const char *place)
{
    evaluate_fault(e, place, EVALUATE_MEMORY);
}

/* More than the document may cost. */
static void fault_beyond(struct evaluation *e)
{
    if (!e->beyond) {
        e->fault = NULL;
        e->beyond = true;
        evaluate_fault(e, NULL, "expected at most %llu values to look at",
                       (unsigned long long)e->budget.most);
    }
}

void evaluate_spend(struct evaluation *e, uint64_t values)
{
    e->budget.looked_at += values;
    if (e->budget.looked_at > e->budget.most) {
        fault_beyond(e);
    }
}

/* ---- values ---- */

static const struct format_value no_value;

struct format_value value_of_text(struct slice text)
{
    return (struct format_value){.kind = VALUE_TEXT, .text = text};
}

struct format_value value_of_exact(const struct exact *x)
{
    return (struct format_value){.kind = VALUE_EXACT, .number = *x};
}

struct format_value value_of_integer(int64_t n)
{
    return (struct format_value){.kind = VALUE_EXACT, .number = exact_of_integer(n)};
}

struct format_value value_of_node(const struct json *node)
{
    switch (node == NULL ? JSON_NULL : node->type) {
    case JSON_NULL:
        return no_value;
    case JSON_TRUE:
        return value_of_text(slice_of("1"));
    case JSON_FALSE:
        return value_of_text(slice_of("0"));
    case JSON_NUMBER:
    case JSON_STRING:
        return value_of_text(node->text);
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return (struct format_value){.kind = VALUE_NODE, .node = node};
}

struct slice value_text(struct evaluation *e, const char *place, const struct format_value *v)
{
    struct slice none = {NULL, 0};
    switch (v->kind) {
    case VALUE_TEXT:
        return v->text;
    case VALUE_EXACT: {
        struct slice text = exact_text(e->arena, &v->number);
        if (text.at == NULL) {
            evaluate_fault_memory(e, place);
        }
        return text;
    }
    case VALUE_NODE:
        evaluate_fault(e, place, "expected a text or a number, found %s",
                       v->node->type == JSON_ARRAY ? "a list" : "an object");
        return none;
    case VALUE_NONE:
        break;
    }
    return none;
}

bool value_computed(struct evaluation *e, const char *place, int outcome)
{
    if (outcome == EXACT_BEYOND) {
        evaluate_fault(e, place, "expected a number of fewer digits");
    } else if (outcome == EXACT_NO_MEMORY) {
        evaluate_fault_memory(e, place);
    }
    return outcome == EXACT_OK;
}

bool value_number(struct evaluation *e, const char *place, const struct format_value *v,
                  struct exact *x)
{
    if (v->kind == VALUE_EXACT) {
        *x = v->number;
        return true;
    }
    return v->kind == VALUE_TEXT && value_computed(e, place, exact_of_text(e->arena, v->text, x));
}

/* ---- remarks ---- */

/* The path that led to what an expression found, as it is written; "": none of its own. */
static struct slice path_written(const struct evaluation *e, const struct expression *x)
{
    struct slice text = slice_of("");
    if (x->source != SOURCE_PATH && x->source != SOURCE_PATHS && x->source != SOURCE_AGGREGATE) {
        return text;
    }
    for (uint32_t i = 0; i < x->path_count && text.at != NULL; i++) {
        struct slice path = e->mapping->paths[x->paths[i].number];
        text = slice_of(arena_printf(e->arena, "%.*s%s%.*s", (int)text.len, text.at,
                                     i == 0 ? "" : " or ", (int)path.len, path.at));
    }
    return text;
}

void evaluate_remark(struct scope *s, const struct expression *x, const char *expected,
                     const struct format_value *v)
{
    struct evaluation *e = s->evaluation;
    if (!e->remarking || e->remark != NULL || e->fault != NULL || v->kind == VALUE_NONE) {
        return;
    }
    struct slice text = v->kind == VALUE_NODE ? slice_of("") : value_text(e, x->place, v);
    const char *why =
        arena_printf(e->arena, "expected %s, found %s", expected,
                     v->kind != VALUE_NODE ? DOCUMENT_SHOWN(text) : json_type_name(v->node->type));
    struct format_remark *r = arena_alloc(e->arena, sizeof *r);
    if (r != NULL && why != NULL) {
        *r = (struct format_remark){.place = x->place, .path = path_written(e, x), .why = why};
        e->remark = r;
    }
}

bool value_wanted(struct scope *s, const struct expression *x, const struct format_value *v,
                  struct exact *n)
{
    bool found = value_number(s->evaluation, x->place, v, n);
    if (!found) {
        evaluate_remark(s, x, "a number", v);
    }
    return found;
}

/* ---- paths ---- */

/* A variable or what is known of the delivery, as a node. */
static const struct json *node_of_value(struct evaluation *e, const struct format_value *v)
{
    if (v->kind == VALUE_NODE || v->kind == VALUE_NONE) {
        return v->kind == VALUE_NODE ? v->node : NULL;
    }
    struct json *node = arena_calloc(e->arena, 1, sizeof *node);
    if (node == NULL) {
        evaluate_fault_memory(e, NULL);
        return NULL;
    }
    node->type = JSON_STRING;
    node->text = value_text(e, NULL, v);
    return node->text.at == NULL ? NULL : node;
}

static struct format_value of_context(const struct evaluation *e, struct slice name)
{
    for (uint32_t i = 0; i < e->context->count; i++) {
        if (slice_equal(e->context->names[i], name)) {
            return value_of_text(e->context->values[i]);
        }
    }
    return no_value;
}

static const struct json *root_of(struct scope *s, const struct json_path *path)
{
    struct format_value v;
    switch (path->root) {
    case JSON_ROOT_DOCUMENT:
        return s->document;
    case JSON_ROOT_ELEMENT:
        if (s->depth == 0) {
            return s->document;
        }
        return path->level == JSON_LEVEL_INNERMOST ? s->elements[s->depth - 1]
               : path->level < s->depth            ? s->elements[path->level]
                                                   : NULL;
    case JSON_ROOT_VARIABLE:
        s->evaluation->of_receipt |= s->variables[path->variable].of_receipt;
        return node_of_value(s->evaluation, &s->variables[path->variable]);
    case JSON_ROOT_CONTEXT:
        v = of_context(s->evaluation, path->name);
        s->evaluation->of_receipt |= slice_is(path->name, "received");
        return node_of_value(s->evaluation, &v);
    }
    return NULL;
}

/* Counts what is found on the way to who asked for it. */
struct counted {
    json_visit visit;
    void *context;
    bool found;
};

static bool count_visit(void *context, const struct json *node)
{
    struct counted *c = context;
    c->found = c->found || node->type != JSON_NULL;
    return c->visit(c->context, node);
}

static void count_walk(struct evaluation *e, const struct json_path *path, bool found)
{
    e->tried[path->number]++;
    e->found[path->number] += found;
    evaluate_spend(e, 0);
}

/* The value of a path that has one at most. */
static const struct json *walk_to(struct scope *s, const struct json *from,
                                  const struct json_path *path)
{
    struct evaluation *e = s->evaluation;
    const struct json *node =
        e->fault != NULL ? NULL : json_walk_to(from, path->steps, path->count, &e->budget);
    count_walk(e, path, node != NULL && node->type != JSON_NULL);
    return node;
}

static void walk_from(struct scope *s, const struct json *from, const struct json_path *path,
                      json_visit visit, void *context)
{
    struct evaluation *e = s->evaluation;
    struct counted counted = {visit, context, false};
    if (!path->several) {
        const struct json *node = walk_to(s, from, path);
        if (node != NULL) {
            visit(context, node);
        }
        return;
    }
    if (from != NULL && e->fault == NULL) {
        json_walk(from, path->steps, path->count, &e->budget, count_visit, &counted);
    }
    count_walk(e, path, counted.found);
}

void evaluate_path(struct scope *s, const struct json_path *path, json_visit visit, void *context)
{
    walk_from(s, root_of(s, path), path, visit, context);
}

void evaluate_steps(struct scope *s, const struct json *from, const struct json_path *steps,
                    json_visit visit, void *context)
{
    if (steps == NULL) {
        visit(context, from);
    } else {
        walk_from(s, from, steps, visit, context);
    }
}

static bool keep_first(void *context, const struct json *node)
{
    *(const struct json **)context = node;
    return false;
}

static const struct json *first_from(struct scope *s, const struct json *from,
                                     const struct json_path *path)
{
    const struct json *first = NULL;
    if (!path->several) {
        return walk_to(s, from, path);
    }
    walk_from(s, from, path, keep_first, &first);
    return first;
}

const struct json *evaluate_first(struct scope *s, const struct json_path *path)
{
    return first_from(s, root_of(s, path), path);
}

const struct json *evaluate_step(struct scope *s, const struct json *from,
                                 const struct json_path *steps)
{
    return steps == NULL ? from : first_from(s, from, steps);
}

/* ---- expressions ---- */

static bool keep_first_with_text(void *context, const struct json *node)
{
    if (node->type == JSON_NULL || (node->type == JSON_STRING && node->text.len == 0)) {
        return true;
    }
    *(const struct json **)context = node;
    return false;
}

/* A variable itself, as it was computed. */
static const struct format_value *variable_of(const struct scope *s, const struct json_path *path)
{
    return path->root == JSON_ROOT_VARIABLE && path->count == 0 && !path->absent
               ? &s->variables[path->variable]
               : NULL;
}

static bool is_set(void *context, const struct json *node)
{
    *(bool *)context = node->type != JSON_NULL;
    return !*(bool *)context;
}

bool evaluate_has(struct scope *s, const struct json_path *path)
{
    bool set = false;
    evaluate_path(s, path, is_set, &set);
    return set != path->absent;
}

/* The first value of a path written as a text; an object is none. */
static struct format_value of_node_of_path(const struct json *node)
{
    struct format_value v = value_of_node(node);
    return v.kind == VALUE_NODE && v.node->type == JSON_OBJECT ? no_value : v;
}

static struct format_value of_path(struct scope *s, const struct json_path *path)
{
    const struct format_value *variable = variable_of(s, path);
    struct evaluation *e = s->evaluation;
    if (path->absent) {
        return value_of_integer(evaluate_has(s, path));
    }
    if (variable == NULL) {
        return of_node_of_path(evaluate_first(s, path));
    }
    e->tried[path->number]++;
    e->found[path->number] += variable->kind != VALUE_NONE;
    return variable->kind == VALUE_NODE && variable->node->type == JSON_OBJECT ? no_value
                                                                               : *variable;
}

static struct format_value of_paths(struct scope *s, const struct expression *x)
{
    for (uint32_t i = 0; i < x->path_count && s->evaluation->fault == NULL; i++) {
        const struct format_value *variable = variable_of(s, &x->paths[i]);
        const struct json *node = NULL;
        if (x->paths[i].absent) {
            return value_of_integer(evaluate_has(s, &x->paths[i]));
        }
        evaluate_path(s, &x->paths[i], keep_first_with_text, &node);
        if (node != NULL) {
            return variable != NULL ? *variable : value_of_node(node);
        }
    }
    return no_value;
}

struct format_value evaluate(struct scope *s, const struct expression *x)
{
    struct format_value v = no_value;
    if (x == NULL || s->evaluation->fault != NULL) {
        return v;
    }
    switch (x->source) {
    case SOURCE_NONE:
        break;
    case SOURCE_CONSTANT:
        v = x->constant;
        break;
    case SOURCE_PATH:
        v = of_path(s, &x->paths[0]);
        break;
    case SOURCE_PATHS:
        v = of_paths(s, x);
        break;
    case SOURCE_FIRST:
    case SOURCE_TEXT:
    case SOURCE_AGGREGATE:
    case SOURCE_JOIN:
    case SOURCE_HOPS:
    case SOURCE_ADD:
    case SOURCE_SUBTRACT:
    case SOURCE_DIVIDE:
    case SOURCE_HISTOGRAM:
    case SOURCE_TEST:
    case SOURCE_IF:
        v = evaluate_source(s, x);
        break;
    }
    return x->conversion == NULL || s->evaluation->fault != NULL ? v : evaluate_conversion(s, x, v);
}

struct slice evaluate_text(struct scope *s, const struct expression *x)
{
    /* Mostly it is a text of the document as it stands: that becomes no value first. */
    if (x->source == SOURCE_PATH && x->conversion == NULL &&
        x->paths[0].root <= JSON_ROOT_ELEMENT && !x->paths[0].absent &&
        s->evaluation->fault == NULL) {
        const struct json *node = evaluate_first(s, &x->paths[0]);
        if (node == NULL || node->type == JSON_NUMBER || node->type == JSON_STRING) {
            return node == NULL ? (struct slice){NULL, 0} : node->text;
        }
        struct format_value v = of_node_of_path(node);
        return value_text(s->evaluation, x->place, &v);
    }
    struct format_value v = evaluate(s, x);
    return value_text(s->evaluation, x->place, &v);
}
