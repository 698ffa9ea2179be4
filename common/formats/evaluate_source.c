/* SPDX-License-Identifier: Apache-2.0 */
/* What is computed out of several values: aggregates, texts, hops, histograms. */
#include "common/formats/evaluate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "schemas/messages.h"

static const struct format_value no_value;

/* ---- lists that grow in the arena ---- */

struct number_list {
    struct exact *at;
    uint32_t count, size;
};

static void add_number(struct evaluation *e, struct number_list *list, const struct exact *x)
{
    if (list->count == list->size) {
        uint32_t size = list->size == 0 ? 16 : 2 * list->size;
        struct exact *at = arena_alloc(e->arena, size * sizeof *at);
        if (at == NULL) {
            evaluate_fault_memory(e, NULL);
            return;
        }
        if (list->count > 0) {
            memcpy(at, list->at, list->count * sizeof *at);
        }
        list->at = at;
        list->size = size;
    }
    list->at[list->count++] = *x;
}

static int number_order(const void *a, const void *b)
{
    return exact_compare(a, b);
}

/* ---- aggregates ---- */

struct aggregation {
    struct scope *scope;
    const struct expression *expression;
    uint64_t length, count;
    struct exact first, last, min, max;
    struct exact_total total;
    struct number_list numbers; /* of a median */
};

/* A value that counts. */
static bool take_value(void *context, const struct json *node)
{
    struct aggregation *g = context;
    struct evaluation *e = g->scope->evaluation;
    const struct expression *x = g->expression;
    struct format_value v = value_of_node(node);
    struct exact n;
    g->length++;
    if (x->aggregate == AGGREGATE_LENGTH || !value_wanted(g->scope, x, &v, &n)) {
        return e->fault == NULL;
    }
    if (g->count++ == 0) {
        g->first = g->min = g->max = n;
    }
    g->last = n;
    if (x->aggregate == AGGREGATE_MIN && exact_compare(&n, &g->min) < 0) {
        g->min = n;
    } else if (x->aggregate == AGGREGATE_MAX && exact_compare(&n, &g->max) > 0) {
        g->max = n;
    } else if (x->aggregate == AGGREGATE_MEDIAN) {
        add_number(e, &g->numbers, &n);
    } else if (x->aggregate == AGGREGATE_SUM || x->aggregate == AGGREGATE_MEAN) {
        value_computed(e, x->place, exact_total_add(&g->total, &n));
    }
    return e->fault == NULL;
}

/* An element; whether it counts is asked of it. */
static bool take_element(void *context, const struct json *node)
{
    struct aggregation *g = context;
    struct scope *s = g->scope;
    bool counts = true;
    if (g->expression->condition != NULL) {
        s->elements[s->depth++] = node;
        counts = evaluate_condition(s, g->expression->condition);
        s->depth--;
    }
    if (counts) {
        evaluate_steps(s, node, g->expression->value, take_value, g);
    }
    return s->evaluation->fault == NULL;
}

/* The middle one, or what lies halfway between the two in the middle. */
static bool find_median(struct evaluation *e, const char *place, struct number_list *list,
                        struct exact *x)
{
    struct exact two = exact_of_integer(2);
    uint32_t half = list->count / 2;
    qsort(list->at, list->count, sizeof *list->at, number_order);
    *x = list->at[half];
    return list->count % 2 == 1 ||
           (value_computed(e, place, exact_add(e->arena, x, &list->at[half - 1], x)) &&
            value_computed(e, place, exact_div(e->arena, x, &two, x)));
}

static struct format_value of_aggregation(struct aggregation *g)
{
    struct evaluation *e = g->scope->evaluation;
    const char *place = g->expression->place;
    struct exact x = {0}, count = exact_of_integer((int64_t)g->count);
    bool ok = true;
    switch (g->expression->aggregate) {
    case AGGREGATE_COUNT:
        return value_of_integer((int64_t)g->count);
    case AGGREGATE_LENGTH:
        return value_of_integer((int64_t)g->length);
    case AGGREGATE_MIN:
        x = g->min;
        break;
    case AGGREGATE_MAX:
        x = g->max;
        break;
    case AGGREGATE_FIRST:
        x = g->first;
        break;
    case AGGREGATE_LAST:
        x = g->last;
        break;
    case AGGREGATE_MEDIAN:
        ok = g->count > 0 && find_median(e, place, &g->numbers, &x);
        break;
    case AGGREGATE_SUM:
    case AGGREGATE_MEAN:
        ok = value_computed(e, place, exact_total_value(e->arena, &g->total, &x)) &&
             (g->expression->aggregate == AGGREGATE_SUM || g->count == 0 ||
              value_computed(e, place, exact_div(e->arena, &x, &count, &x)));
        break;
    }
    return ok && g->count > 0 ? value_of_exact(&x) : no_value;
}

static struct format_value aggregate(struct scope *s, const struct expression *x)
{
    struct aggregation g = {.scope = s, .expression = x};
    exact_total_begin(&g.total);
    evaluate_path(s, &x->paths[0], take_element, &g);
    return s->evaluation->fault == NULL ? of_aggregation(&g) : no_value;
}

/* ---- texts ---- */

/* A text that is put together. */
struct joined {
    struct evaluation *evaluation;
    const struct expression *expression;
    char *at;
    size_t len, size;
    uint32_t count;
};

static void put(struct joined *j, struct slice text)
{
    struct evaluation *e = j->evaluation;
    if (j->size - j->len < text.len) {
        size_t size = 2 * (j->len + text.len) + 64;
        char *at = arena_alloc(e->arena, size);
        if (at == NULL) {
            evaluate_fault_memory(e, j->expression->place);
            return;
        }
        if (j->len > 0) {
            memcpy(at, j->at, j->len);
        }
        j->at = at;
        j->size = size;
    }
    if (text.len > 0) {
        memcpy(j->at + j->len, text.at, text.len);
        j->len += text.len;
    }
}

static struct format_value of_joined(const struct joined *j)
{
    return value_of_text((struct slice){j->at == NULL ? "" : j->at, j->len});
}

static bool join_value(void *context, const struct json *node)
{
    struct joined *j = context;
    struct format_value v = value_of_node(node);
    if (v.kind == VALUE_NONE) {
        return true;
    }
    struct slice text = value_text(j->evaluation, j->expression->place, &v);
    if (j->count++ > 0) {
        put(j, j->expression->with);
    }
    put(j, j->expression->each[0]);
    put(j, text);
    put(j, j->expression->each[1]);
    return j->evaluation->fault == NULL;
}

static struct format_value join(struct scope *s, const struct expression *x)
{
    struct joined j = {.evaluation = s->evaluation, .expression = x};
    evaluate_path(s, &x->paths[0], join_value, &j);
    return j.count == 0 || s->evaluation->fault != NULL ? no_value : of_joined(&j);
}

static struct format_value text(struct scope *s, const struct expression *x)
{
    struct joined j = {.evaluation = s->evaluation, .expression = x};
    for (uint32_t i = 0; i < x->piece_count; i++) {
        put(&j, x->pieces[i].literal);
        if (x->pieces[i].value == NULL) {
            continue;
        }
        struct format_value v = evaluate(s, x->pieces[i].value);
        struct slice piece = value_text(s->evaluation, x->place, &v);
        if (piece.at == NULL) {
            return no_value;
        }
        put(&j, piece);
    }
    return s->evaluation->fault == NULL ? of_joined(&j) : no_value;
}

/* ---- hops ---- */

struct hop {
    int64_t index;
    struct slice text; /* .at NULL: a gap */
};

struct hop_list {
    struct scope *scope;
    const struct expression *expression;
    struct hop at[LIMIT_HOPS]; /* by index */
    uint32_t count;
    bool answered;
};

/* The place of a hop among those known, which the first that has its index takes. */
static struct hop *hop_at(struct hop_list *list, int64_t index)
{
    uint32_t i = list->count;
    while (i > 0 && list->at[i - 1].index >= index) {
        i--;
    }
    if (i < list->count && list->at[i].index == index) {
        return NULL;
    }
    if (list->count == LIMIT_HOPS) {
        evaluate_fault(list->scope->evaluation, list->expression->place, "expected at most %d hops",
                       LIMIT_HOPS);
        return NULL;
    }
    memmove(&list->at[i + 1], &list->at[i], (list->count++ - i) * sizeof list->at[0]);
    return &list->at[i];
}

static bool find_text(void *context, const struct json *node)
{
    if (node->type == JSON_NULL) {
        return true;
    }
    *(struct format_value *)context = value_of_node(node);
    return false;
}

static bool take_hop(void *context, const struct json *node)
{
    struct hop_list *list = context;
    struct scope *s = list->scope;
    struct evaluation *e = s->evaluation;
    const struct expression *x = list->expression;
    int64_t index = list->count + 1;
    struct format_value v = no_value;
    if (x->index != NULL) {
        struct format_value number = value_of_node(evaluate_step(s, node, x->index));
        if (number.kind != VALUE_TEXT ||
            number_integer(number.text, INT32_MIN, INT32_MAX, &index) == -1) {
            evaluate_fault(e, x->place, "expected a whole number as the index of each hop");
            return false;
        }
    }
    evaluate_steps(s, node, x->value, find_text, &v);
    struct hop *hop = e->fault == NULL ? hop_at(list, index) : NULL;
    if (hop != NULL) {
        *hop = (struct hop){index, value_text(e, x->place, &v)};
        list->answered =
            list->answered || (hop->text.at != NULL && !slice_equal(hop->text, x->gap));
    }
    return e->fault == NULL;
}

/* The index at which the list begins. */
static int64_t first_index(struct hop_list *list)
{
    const struct expression *x = list->expression;
    struct evaluation *e = list->scope->evaluation;
    struct exact n;
    int64_t from = 1;
    if (x->from == NULL) {
        return list->at[0].index;
    }
    struct format_value v = evaluate(list->scope, x->from);
    if (value_number(e, x->place, &v, &n) && !exact_is_zero(&n) &&
        value_computed(e, x->place, exact_floor(&n, &from)) && from < 0) {
        struct exact whole = exact_of_integer(from);
        from += exact_compare(&whole, &n) != 0; /* what is behind the point does not count */
    }
    return from;
}

static struct format_value hops(struct scope *s, const struct expression *x)
{
    struct hop_list list = {.scope = s, .expression = x};
    struct joined j = {.evaluation = s->evaluation, .expression = x};
    evaluate_path(s, &x->paths[0], take_hop, &list);
    if (!list.answered || s->evaluation->fault != NULL) {
        return no_value;
    }
    int64_t first = first_index(&list), last = list.at[list.count - 1].index;
    if (last - first >= LIMIT_HOPS || first < INT32_MIN) {
        evaluate_fault(s->evaluation, x->place, "expected at most %d hops", LIMIT_HOPS);
    }
    uint32_t k = 0;
    for (int64_t i = first; i <= last && s->evaluation->fault == NULL; i++) {
        while (list.at[k].index < i) {
            k++;
        }
        bool there = list.at[k].index == i && list.at[k].text.at != NULL;
        if (i > first) {
            put(&j, slice_of(" "));
        }
        put(&j, there ? list.at[k].text : x->gap);
    }
    return s->evaluation->fault == NULL ? of_joined(&j) : no_value;
}

/* ---- histograms: an object of value and count ---- */

struct bucket {
    struct exact value, count;
};

static int bucket_order(const void *a, const void *b)
{
    const struct bucket *x = a, *y = b;
    int order = exact_compare(&x->value, &y->value);
    return order != 0 ? order : exact_compare(&x->count, &y->count);
}

/* The members as buckets, by value; NULL after a fault. */
static struct bucket *read_buckets(struct evaluation *e, const struct expression *x,
                                   const struct json *node)
{
    struct bucket *buckets = arena_alloc(e->arena, (node->count + 1) * sizeof *buckets);
    uint32_t n = 0;
    if (buckets == NULL) {
        evaluate_fault_memory(e, x->place);
        return NULL;
    }
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        struct format_value key = value_of_text(m->key), count = value_of_node(m);
        if (!value_number(e, x->place, &key, &buckets[n].value) ||
            !value_number(e, x->place, &count, &buckets[n].count)) {
            evaluate_fault(e, x->place, "expected numbers as values and counts, found %s",
                           DOCUMENT_SHOWN(m->key));
            return NULL;
        }
        n++;
    }
    e->budget.looked_at += n;
    qsort(buckets, n, sizeof *buckets, bucket_order);
    return buckets;
}

static bool sum_buckets(struct evaluation *e, const char *place, const struct bucket *buckets,
                        uint32_t n, bool weighted, struct exact *sum)
{
    struct exact_total total;
    exact_total_begin(&total);
    for (uint32_t i = 0; i < n; i++) {
        struct exact part = buckets[i].count;
        if ((weighted &&
             !value_computed(e, place, exact_mul(e->arena, &part, &buckets[i].value, &part))) ||
            !value_computed(e, place, exact_total_add(&total, &part))) {
            return false;
        }
    }
    return value_computed(e, place, exact_total_value(e->arena, &total, sum));
}

/* The least value at which so many hundredths of all are reached. */
static struct format_value find_quantile(struct evaluation *e, const struct expression *x,
                                         const struct bucket *buckets, uint32_t n,
                                         const struct exact *all)
{
    struct exact wanted = exact_of_integer(x->quantile), sum = exact_of_integer(0);
    if (!value_computed(e, x->place, exact_mul(e->arena, &wanted, all, &wanted)) ||
        !value_computed(e, x->place, exact_scale(&wanted, -2, &wanted))) {
        return no_value;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!value_computed(e, x->place, exact_add(e->arena, &sum, &buckets[i].count, &sum))) {
            return no_value;
        }
        if (exact_compare(&sum, &wanted) >= 0) {
            return value_of_exact(&buckets[i].value);
        }
    }
    return no_value;
}

static struct format_value histogram(struct scope *s, const struct expression *x)
{
    struct evaluation *e = s->evaluation;
    const struct json *node = evaluate_first(s, &x->paths[0]);
    struct exact all, sum;
    if (node == NULL || node->type == JSON_NULL || e->fault != NULL) {
        return no_value;
    }
    if (node->type != JSON_OBJECT) {
        evaluate_fault(e, x->place, "expected an object of values and counts, found %s",
                       json_type_name(node->type));
        return no_value;
    }
    const struct bucket *buckets = read_buckets(e, x, node);
    if (buckets == NULL || !sum_buckets(e, x->place, buckets, node->count, false, &all) ||
        exact_is_zero(&all)) {
        return no_value;
    }
    switch (x->statistic) {
    case HISTOGRAM_MIN:
        return value_of_exact(&buckets[0].value);
    case HISTOGRAM_MAX:
        return value_of_exact(&buckets[node->count - 1].value);
    case HISTOGRAM_COUNT:
        return value_of_exact(&all);
    case HISTOGRAM_MEAN:
        return sum_buckets(e, x->place, buckets, node->count, true, &sum) &&
                       value_computed(e, x->place, exact_div(e->arena, &sum, &all, &sum))
                   ? value_of_exact(&sum)
                   : no_value;
    case HISTOGRAM_QUANTILE:
        break;
    }
    return find_quantile(e, x, buckets, node->count, &all);
}

/* ---- the others ---- */

static struct format_value compute(struct scope *s, const struct expression *x)
{
    struct evaluation *e = s->evaluation;
    struct format_value left = evaluate(s, x->parts[0]), right = evaluate(s, x->parts[1]);
    struct exact a, b;
    if (!value_wanted(s, x->parts[0], &left, &a) || !value_wanted(s, x->parts[1], &right, &b)) {
        return no_value;
    }
    int outcome = x->source == SOURCE_ADD        ? exact_add(e->arena, &a, &b, &a)
                  : x->source == SOURCE_SUBTRACT ? exact_sub(e->arena, &a, &b, &a)
                                                 : exact_div(e->arena, &a, &b, &a);
    return value_computed(e, x->place, outcome) ? value_of_exact(&a) : no_value;
}

static struct format_value first(struct scope *s, const struct expression *x)
{
    struct format_value v = no_value;
    for (uint32_t i = 0; i < x->part_count && v.kind == VALUE_NONE; i++) {
        v = evaluate(s, x->parts[i]);
    }
    return v;
}

struct format_value evaluate_source(struct scope *s, const struct expression *x)
{
    switch (x->source) {
    case SOURCE_FIRST:
        return first(s, x);
    case SOURCE_TEXT:
        return text(s, x);
    case SOURCE_AGGREGATE:
        return aggregate(s, x);
    case SOURCE_JOIN:
        return join(s, x);
    case SOURCE_HOPS:
        return hops(s, x);
    case SOURCE_ADD:
    case SOURCE_SUBTRACT:
    case SOURCE_DIVIDE:
        return compute(s, x);
    case SOURCE_HISTOGRAM:
        return histogram(s, x);
    case SOURCE_TEST:
        return value_of_integer(evaluate_condition(s, x->condition));
    case SOURCE_IF:
        return evaluate(s, x->parts[evaluate_condition(s, x->condition) ? 0 : 1]);
    case SOURCE_NONE:
    case SOURCE_CONSTANT:
    case SOURCE_PATH:
    case SOURCE_PATHS:
        break;
    }
    return no_value;
}
