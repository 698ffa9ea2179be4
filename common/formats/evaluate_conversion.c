/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with a value: in one order, whatever order the mapping names it in. */
#include "common/formats/evaluate.h"

static const struct format_value no_value;

static const char *find(struct slice in, struct slice what)
{
    return in.len == 0 ? NULL : memmem(in.at, in.len, what.at, what.len);
}

static const char *find_last(struct slice in, struct slice what)
{
    for (size_t i = in.len < what.len ? 0 : in.len - what.len + 1; i > 0; i--) {
        if (memcmp(in.at + i - 1, what.at, what.len) == 0) {
            return in.at + i - 1;
        }
    }
    return NULL;
}

/* From a place to the end of the text. */
static struct slice rest_of(struct slice text, const char *from)
{
    return (struct slice){from, text.len - (size_t)(from - text.at)};
}

/* What stands between the last `open` and the next `close`; .at NULL: that is not there. */
static struct slice between(struct slice text, const struct slice ends[2])
{
    struct slice none = {NULL, 0};
    const char *open = find_last(text, ends[0]);
    if (open == NULL) {
        return none;
    }
    struct slice inner = rest_of(text, open + ends[0].len);
    const char *close = find(inner, ends[1]);
    return close == NULL ? none : (struct slice){inner.at, (size_t)(close - inner.at)};
}

/* Without a port; what is in brackets without them. */
static struct slice host(struct slice text)
{
    const char *close = text.len == 0 ? NULL : memchr(text.at, ']', text.len);
    const char *colon = text.len == 0 ? NULL : memchr(text.at, ':', text.len);
    if (text.len > 0 && text.at[0] == '[' && close != NULL) {
        return (struct slice){text.at + 1, (size_t)(close - text.at) - 1};
    }
    if (colon != NULL && memchr(colon + 1, ':', (size_t)(text.at + text.len - colon - 1)) == NULL) {
        return (struct slice){text.at, (size_t)(colon - text.at)};
    }
    return text;
}

/* Parts of a text. */
static struct format_value convert_text(struct evaluation *e, const struct expression *x,
                                        struct format_value v)
{
    const struct conversion *c = x->conversion;
    bool makes_text = c->after.at != NULL || c->before.at != NULL || c->between[0].at != NULL ||
                      c->host || c->prefix.at != NULL;
    if (!makes_text && !c->number) {
        return v;
    }
    struct slice text = value_text(e, x->place, &v);
    struct number number;
    const char *mark;
    if (text.at != NULL && c->after.at != NULL) {
        mark = find(text, c->after);
        text = mark == NULL ? (struct slice){NULL, 0} : rest_of(text, mark + c->after.len);
    }
    if (text.at != NULL && c->before.at != NULL && (mark = find(text, c->before)) != NULL) {
        text.len = (size_t)(mark - text.at);
    }
    if (text.at != NULL && c->between[0].at != NULL) {
        text = between(text, c->between);
    }
    if (text.at != NULL && c->host) {
        text = host(text);
    }
    if (text.at != NULL && c->number && number_parse(text, &number) == -1) {
        text = (struct slice){NULL, 0};
    }
    if (text.at != NULL && c->prefix.at != NULL) {
        text = slice_of(arena_printf(e->arena, "%.*s%.*s", (int)c->prefix.len, c->prefix.at,
                                     (int)text.len, text.at));
    }
    return text.at == NULL ? no_value : makes_text ? value_of_text(text) : v;
}

static bool is_null(struct evaluation *e, const struct conversion *c, const struct format_value *v)
{
    struct slice text = {NULL, 0};
    if (c->null_count > 0 && v->kind != VALUE_NODE) {
        text = value_text(e, NULL, v);
    }
    for (uint32_t i = 0; text.at != NULL && i < c->null_count; i++) {
        if (slice_equal(text, c->nulls[i])) {
            return true;
        }
    }
    return false;
}

/* The unit it has, also where a value names it; NULL: none that is known. */
static const struct unit *unit_of(struct scope *s, const struct expression *x)
{
    const struct conversion *c = x->conversion;
    if (c->unit_from != NULL) {
        return c->unit_from;
    }
    struct format_value v = evaluate(s, c->unit_by);
    struct slice name = value_text(s->evaluation, x->place, &v);
    for (uint32_t i = 0; name.at != NULL && i < c->unit_name_count; i++) {
        if (slice_equal(name, c->unit_names[i].text)) {
            return c->unit_names[i].unit;
        }
    }
    evaluate_remark(s, c->unit_by, "a unit that \"units\" has", &v);
    return NULL;
}

static struct format_value convert_unit(struct scope *s, const struct expression *x,
                                        struct format_value v)
{
    struct evaluation *e = s->evaluation;
    const struct unit *from = unit_of(s, x);
    struct exact n;
    return from != NULL && value_wanted(s, x, &v, &n) &&
                   value_computed(e, x->place,
                                  unit_convert(e->arena, &n, from, x->conversion->unit_to, &n))
               ? value_of_exact(&n)
               : no_value;
}

static struct format_value convert_duration(struct scope *s, const struct expression *x,
                                            struct format_value v)
{
    struct evaluation *e = s->evaluation;
    struct slice text = value_text(e, x->place, &v);
    struct exact n;
    int outcome = text.at == NULL ? EXACT_NO_NUMBER : unit_duration(e->arena, text, &n);
    if (outcome == EXACT_NO_NUMBER) {
        evaluate_remark(s, x, "a duration as ISO 8601 writes it", &v);
    }
    return value_computed(e, x->place, outcome) ? value_of_exact(&n) : no_value;
}

static struct format_value multiply(struct scope *s, const struct expression *x,
                                    struct format_value v)
{
    struct evaluation *e = s->evaluation;
    struct exact n;
    return value_wanted(s, x, &v, &n) &&
                   value_computed(e, x->place, exact_mul(e->arena, &n, &x->conversion->times, &n))
               ? value_of_exact(&n)
               : no_value;
}

/* A number out of the range is none; one within keeps its text. */
static struct format_value keep_valid(struct scope *s, const struct expression *x,
                                      struct format_value v)
{
    const struct mapping_range *range = &x->conversion->valid;
    struct exact n;
    return !value_wanted(s, x, &v, &n) || (range->has_low && exact_compare(&n, &range->low) < 0) ||
                   (range->has_high && exact_compare(&n, &range->high) > 0)
               ? no_value
               : v;
}

static struct format_value clamp(struct scope *s, const struct expression *x, struct format_value v)
{
    const struct mapping_range *range = &x->conversion->clamp;
    struct exact n;
    if (!value_wanted(s, x, &v, &n)) {
        return no_value;
    }
    if (range->has_low && exact_compare(&n, &range->low) < 0) {
        n = range->low;
    } else if (range->has_high && exact_compare(&n, &range->high) > 0) {
        n = range->high;
    }
    return value_of_exact(&n);
}

static struct format_value map(struct evaluation *e, const struct expression *x,
                               struct format_value v)
{
    const struct conversion *c = x->conversion;
    struct slice text = value_text(e, x->place, &v);
    for (uint32_t i = 0; text.at != NULL && i < c->map_count; i++) {
        if (slice_equal(text, c->map[i].key)) {
            return c->map[i].value;
        }
    }
    return c->has_map_else ? c->map_else : c->strict ? no_value : v;
}

struct format_value evaluate_conversion(struct scope *s, const struct expression *x,
                                        struct format_value v)
{
    const struct conversion *c = x->conversion;
    struct evaluation *e = s->evaluation;
    if (v.kind != VALUE_NONE) {
        v = convert_text(e, x, v);
    }
    if (v.kind != VALUE_NONE && is_null(e, c, &v)) {
        v = no_value;
    }
    if (v.kind != VALUE_NONE && c->duration) {
        v = convert_duration(s, x, v);
    }
    if (v.kind != VALUE_NONE && c->unit_to != NULL) {
        v = convert_unit(s, x, v);
    }
    if (v.kind != VALUE_NONE && c->has_times) {
        v = multiply(s, x, v);
    }
    if (v.kind != VALUE_NONE && c->has_valid) {
        v = keep_valid(s, x, v);
    }
    if (v.kind != VALUE_NONE && c->has_clamp) {
        v = clamp(s, x, v);
    }
    if (v.kind != VALUE_NONE && c->has_map) {
        v = map(e, x, v);
    }
    return v.kind == VALUE_NONE && c->otherwise != NULL ? evaluate(s, c->otherwise) : v;
}
