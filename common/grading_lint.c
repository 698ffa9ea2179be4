/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told is certain: a block or rule is said to never decide only where that follows from the
 * patterns and conditions as they are written, whatever the records.
 */
#include "common/grading_lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/quote.h"

#define GOOD 4 /* grades from here on say that all is well */

struct lint {
    const struct grading *grading;
    const struct record_types *types;
    struct grading_remarks remarks;
};

void grading_remark(struct grading_remarks *r, const char *format, ...)
{
    char text[GRADING_REMARK_BYTES];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    r->told++;
    r->tell(r->context, text);
}

/* ---- blocks ---- */

static bool is_literal(const struct pattern *p)
{
    return p->kind == PATTERN_EXACT && memchr(p->text.at, '\\', p->text.len) == NULL;
}

/* Whether the one matches whatever the other does; false where it is not certain. */
static bool pattern_covers(const struct pattern *one, const struct pattern *other)
{
    return one->kind == PATTERN_ANY || slice_equal(one->text, other->text) ||
           (is_literal(other) && pattern_matches(one, other->text)) ||
           (one->kind == PATTERN_PREFIX && other->kind == PATTERN_PREFIX &&
            one->prefix.bits <= other->prefix.bits &&
            prefix_contains(&one->prefix, &other->prefix.address));
}

static bool block_covers(const struct grading_block *one, const struct grading_block *other)
{
    bool covers = one->name == other->name && one->during == NULL;
    for (int d = 0; covers && d < DIMENSION_COUNT; d++) {
        covers = pattern_covers(&one->patterns[d], &other->patterns[d]);
    }
    return covers;
}

static void lint_block(struct lint *l, uint32_t at)
{
    const struct grading_block *b = &l->grading->blocks[at];
    for (uint32_t i = 0; i < at; i++) {
        if (block_covers(&l->grading->blocks[i], b)) {
            grading_remark(
                &l->remarks,
                "grading[%u]: never decides: grading[%u] of the same name takes all of its "
                "records before it",
                at, i);
            break;
        }
    }
    if (b->rule_count == 0) {
        grading_remark(&l->remarks,
                       "grading[%u].gradingRules: no rule: all that the block takes has grade 0",
                       at);
    }
}

/* ---- conditions ---- */

/* A condition as an interval: which values hold. A relation of != is none. */
struct interval {
    const struct number *least, *most; /* NULL: none */
    bool open_least, open_most;        /* the end itself is not in it */
};

static bool interval_of(const struct grading_condition *c, struct interval *i)
{
    bool below = c->relation == GRADING_LT || c->relation == GRADING_LE;
    bool above = c->relation == GRADING_GT || c->relation == GRADING_GE;
    *i = (struct interval){.least = below ? NULL : &c->limit,
                           .most = above ? NULL : &c->limit,
                           .open_least = c->relation == GRADING_GT,
                           .open_most = c->relation == GRADING_LT};
    return c->relation != GRADING_NE;
}

static bool same_metric(const struct grading_condition *a, const struct grading_condition *b)
{
    return slice_equal(a->metric, b->metric);
}

/* Whether `one` holds whenever `other` does. `leave` moves a limit for a while: then only where
 * both say the same. */
static bool condition_follows(const struct grading_condition *one,
                              const struct grading_condition *other)
{
    struct interval a, b;
    if (!same_metric(one, other)) {
        return false;
    }
    if (one->relation == other->relation && number_compare(&one->limit, &other->limit) == 0) {
        return !one->has_leave && !other->has_leave;
    }
    if (one->has_leave || other->has_leave || !interval_of(one, &a) || !interval_of(other, &b)) {
        return false;
    }
    int least = a.least == NULL ? -1 : b.least == NULL ? 1 : number_compare(a.least, b.least);
    int most = a.most == NULL ? 1 : b.most == NULL ? -1 : number_compare(a.most, b.most);
    return (least < 0 || (least == 0 && (!a.open_least || b.open_least))) &&
           (most > 0 || (most == 0 && (!a.open_most || b.open_most)));
}

/* Whether no value is in both. */
static bool intervals_part(const struct interval *a, const struct interval *b)
{
    const struct interval *const both[] = {a, b};
    for (int i = 0; i < 2; i++) {
        const struct interval *low = both[1 - i], *high = both[i];
        int order =
            low->most == NULL || high->least == NULL ? 1 : number_compare(low->most, high->least);
        if (order < 0 || (order == 0 && (low->open_most || high->open_least))) {
            return true;
        }
    }
    return false;
}

/* ---- rules ---- */

/* Whether all conditions of the one hold whenever those of the other do. */
static bool rule_follows(const struct grading_rule *one, const struct grading_rule *other)
{
    for (uint32_t i = 0; i < one->condition_count; i++) {
        bool follows = false;
        for (uint32_t n = 0; n < other->condition_count && !follows; n++) {
            follows = condition_follows(&one->conditions[i], &other->conditions[n]);
        }
        if (!follows) {
            return false;
        }
    }
    return true;
}

static void lint_contradictions(struct lint *l, uint32_t block, uint32_t rule)
{
    const struct grading_rule *r = &l->grading->blocks[block].rules[rule];
    struct interval a, b;
    for (uint32_t i = 0; i < r->condition_count; i++) {
        for (uint32_t n = 0; n < i; n++) {
            if (same_metric(&r->conditions[i], &r->conditions[n]) &&
                interval_of(&r->conditions[i], &a) && interval_of(&r->conditions[n], &b) &&
                intervals_part(&a, &b)) {
                grading_remark(
                    &l->remarks,
                    "grading[%u].gradingRules[%u].if[%u]: never holds together with if[%u]: no "
                    "value of %s is in both",
                    block, rule, i, n, QUOTED(r->conditions[i].metric));
                return;
            }
        }
    }
}

/* The type by whose ranges a block is looked at; "" for all types': what is said of all metrics. */
static struct slice type_of(const struct grading_block *b)
{
    const struct pattern *p = &b->patterns[DIMENSION_type];
    return p->kind == PATTERN_EXACT ? p->text : slice_of("");
}

static void lint_range(struct lint *l, uint32_t block, uint32_t rule, uint32_t at)
{
    const struct grading_block *b = &l->grading->blocks[block];
    const struct grading_condition *c = &b->rules[rule].conditions[at];
    const struct record_types_range *range =
        l->types == NULL ? NULL : record_types_range(l->types, type_of(b), c->metric);
    if (range == NULL) {
        return;
    }
    const struct number *least = record_types_range_least(range);
    const struct number *most = record_types_range_most(range);
    bool low = least != NULL && number_compare(&c->limit, least) < 0;
    bool high = most != NULL && number_compare(&c->limit, most) > 0;
    if (low || high) {
        const struct number *end = low ? least : most;
        grading_remark(
            &l->remarks,
            "grading[%u].gradingRules[%u].if[%u].limit: %.*s is %s all that %s can be, %s is "
            "%.*s",
            block, rule, at, (int)c->limit.text.len, c->limit.text.at, low ? "below" : "above",
            QUOTED(c->metric), low ? "the least" : "the most", (int)end->text.len, end->text.at);
    }
}

static void lint_rule(struct lint *l, uint32_t block, uint32_t at)
{
    const struct grading_block *b = &l->grading->blocks[block];
    const struct grading_rule *r = &b->rules[at];
    for (uint32_t i = 0; i < at; i++) {
        if (rule_follows(&b->rules[i], r)) {
            grading_remark(
                &l->remarks,
                "grading[%u].gradingRules[%u]: never decides: gradingRules[%u] holds whenever "
                "it does",
                block, at, i);
            break;
        }
    }
    lint_contradictions(l, block, at);
    for (uint32_t i = 0; i < r->condition_count; i++) {
        lint_range(l, block, at, i);
    }
    if (r->condition_count == 0 && at > 0 && r->grade >= GOOD) {
        grading_remark(
            &l->remarks,
            "grading[%u].gradingRules[%u]: %u is the grade of records without a value, or with "
            "an impossible one, too: no condition holds on them",
            block, at, r->grade);
    }
}

uint32_t grading_lint(const struct grading *g, const struct record_types *types,
                      grading_warning *tell, void *context)
{
    struct lint l = {g, types, {tell, context, 0}};
    if (g->block_count == 0) {
        grading_remark(&l.remarks, "grading: no block: nothing is graded");
    }
    for (uint32_t i = 0; i < g->block_count; i++) {
        lint_block(&l, i);
        for (uint32_t n = 0; n < g->blocks[i].rule_count; n++) {
            lint_rule(&l, i, n);
        }
    }
    return l.remarks.told;
}
