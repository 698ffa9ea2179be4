/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions, and times. */
#include "common/formats/evaluate.h"

#include "common/address.h"

/* ---- conditions ---- */

struct wanted_text {
    struct slice text;
    bool found;
};

static bool is_wanted(void *context, const struct json *node)
{
    struct wanted_text *w = context;
    struct format_value v = value_of_node(node);
    w->found = v.kind == VALUE_TEXT && slice_equal(v.text, w->text);
    return !w->found;
}

static bool contains(struct scope *s, const struct format_condition *c)
{
    struct format_value v = evaluate(s, c->right);
    struct wanted_text w = {value_text(s->evaluation, c->right->place, &v), false};
    if (w.text.at != NULL) {
        evaluate_path(s, c->path, is_wanted, &w);
    }
    return w.found;
}

/* The text of a value for comparing; a list or an object is like nothing else. */
static struct slice comparable(struct scope *s, const struct expression *x,
                               const struct format_value *v)
{
    return v->kind == VALUE_NODE ? (struct slice){NULL, 0} : value_text(s->evaluation, x->place, v);
}

static bool is_in(struct scope *s, const struct format_condition *c)
{
    struct format_value v = evaluate(s, c->left);
    struct slice text = comparable(s, c->left, &v);
    for (uint32_t i = 0; text.at != NULL && i < c->choice_count; i++) {
        if (slice_equal(text, c->choices[i])) {
            return true;
        }
    }
    return false;
}

static bool is_address(struct scope *s, const struct format_condition *c)
{
    struct format_value v = evaluate(s, c->left);
    struct slice text = comparable(s, c->left, &v);
    struct address address;
    return text.at != NULL && address_parse(text, &address) == 0;
}

/* As numbers where both are, else as texts, of which none is less than another. */
static bool compare(struct scope *s, const struct format_condition *c)
{
    struct evaluation *e = s->evaluation;
    struct format_value a = evaluate(s, c->left), b = evaluate(s, c->right);
    struct exact x, y;
    if (a.kind == VALUE_NONE || b.kind == VALUE_NONE) {
        return c->kind == CONDITION_OTHER;
    }
    if (value_number(e, c->left->place, &a, &x) && value_number(e, c->right->place, &b, &y)) {
        int order = exact_compare(&x, &y);
        return c->kind == CONDITION_EQUAL   ? order == 0
               : c->kind == CONDITION_OTHER ? order != 0
               : c->kind == CONDITION_LESS  ? order < 0
                                            : order > 0;
    }
    struct slice left = comparable(s, c->left, &a), right = comparable(s, c->right, &b);
    bool equal = left.at != NULL && right.at != NULL && slice_equal(left, right);
    return (c->kind == CONDITION_EQUAL && equal) || (c->kind == CONDITION_OTHER && !equal);
}

bool evaluate_condition(struct scope *s, const struct format_condition *c)
{
    bool all = true, any = false;
    switch (c->kind) {
    case CONDITION_ALL:
        for (uint32_t i = 0; i < c->part_count && all; i++) {
            all = evaluate_condition(s, c->parts[i]);
        }
        return all;
    case CONDITION_ANY:
        for (uint32_t i = 0; i < c->part_count && !any; i++) {
            any = evaluate_condition(s, c->parts[i]);
        }
        return any;
    case CONDITION_NOT:
        return !evaluate_condition(s, c->parts[0]);
    case CONDITION_HAS:
        return evaluate_has(s, c->path);
    case CONDITION_CONTAINS:
        return contains(s, c);
    case CONDITION_IN:
        return is_in(s, c);
    case CONDITION_ADDRESS:
        return is_address(s, c);
    case CONDITION_EQUAL:
    case CONDITION_OTHER:
    case CONDITION_LESS:
    case CONDITION_GREATER:
        break;
    }
    return compare(s, c);
}

/* ---- times ---- */

/* A number of a part of a time; 0 where it is none. */
static struct exact number_or_zero(struct scope *s, const struct expression *x)
{
    struct format_value v = evaluate(s, x);
    struct exact n;
    return x != NULL && value_number(s->evaluation, x->place, &v, &n) ? n : exact_of_integer(0);
}

/* Whether there is one; before anything is added to it. */
static bool find_instant(struct scope *s, const struct instant *t, struct exact *us)
{
    struct evaluation *e = s->evaluation;
    struct format_value v = evaluate(s, t->value);
    if (t->source == INSTANT_TEXT) {
        struct slice text = value_text(e, t->place, &v);
        return text.at != NULL && format_time_text(t->form, text, us) == 0;
    }
    struct exact n;
    if (!value_number(e, t->place, &v, &n)) {
        return false;
    }
    if (t->source == INSTANT_EPOCH) {
        return value_computed(e, t->place, format_time_count(&n, t->unit, us));
    }
    struct exact fraction = number_or_zero(s, t->fraction);
    return value_computed(e, t->place, exact_scale(&n, 6, us)) &&
           value_computed(e, t->place, exact_add(e->arena, us, &fraction, us));
}

bool evaluate_instant(struct scope *s, const struct instant *t, int64_t *us)
{
    struct evaluation *e = s->evaluation;
    struct exact found, plus;
    if (t->source == INSTANT_FIRST) {
        for (uint32_t i = 0; i < t->alternative_count && e->fault == NULL; i++) {
            if (evaluate_instant(s, t->alternatives[i], us)) {
                return true;
            }
            e->of_receipt = false; /* it gave no time */
        }
        return false;
    }
    if (!find_instant(s, t, &found) || e->fault != NULL) {
        return false;
    }
    plus = number_or_zero(s, t->plus);
    int outcome = format_time_whole(e->arena, &found, &plus, us);
    if (outcome == EXACT_BEYOND) {
        evaluate_fault(e, t->place, "expected a time in the years 1 to 9999");
    }
    return value_computed(e, t->place, outcome);
}
