/* SPDX-License-Identifier: Apache-2.0 */
/* What decided a grade, in a line and piece by piece. */
#include "common/formats/exact.h"
#include "common/formats/unit.h"
#include "common/utf8.h"
#include "common/why/explaining.h"

const struct grading_condition *explaining_condition(const struct explaining *x,
                                                     const struct grade_condition_told *told)
{
    return &x->block->rules[told->at.rule].conditions[told->at.condition];
}

const char *explaining_relation(enum grading_relation relation)
{
    static const char *const texts[] = {"<", "<=", ">", ">=", "==", "!="};
    return texts[relation];
}

struct slice explaining_shown(struct slice text)
{
    if (text.len > EXPLAIN_SHOWN) {
        text.len = utf8_cut(text.at, EXPLAIN_SHOWN);
    }
    return text;
}

struct slice explaining_margin(struct arena *a, const struct grading_condition *c,
                               struct slice value)
{
    struct exact found, limit, margin;
    struct slice none = {NULL, 0};
    if (exact_of_text(a, value, &found) != EXACT_OK ||
        exact_of_text(a, c->limit.text, &limit) != EXACT_OK) {
        return none;
    }
    bool upper = c->relation == GRADING_LT || c->relation == GRADING_LE;
    bool lower = c->relation == GRADING_GT || c->relation == GRADING_GE;
    bool below = exact_compare(&found, &limit) < 0;
    /* What is wanted equal fails by its distance, what is wanted different holds by it. */
    bool limit_first = upper || (!lower && below == (c->relation == GRADING_NE));
    int outcome =
        limit_first ? exact_sub(a, &limit, &found, &margin) : exact_sub(a, &found, &limit, &margin);
    return outcome == EXACT_OK ? exact_text(a, &margin) : none;
}

/* Its distance without the sign. */
static struct slice distance_of(struct slice margin)
{
    if (margin.len > 0 && margin.at[0] == '-') {
        return (struct slice){margin.at + 1, margin.len - 1};
    }
    return margin;
}

static const char *const line_texts[] = {[GRADE_FOUND_MISSING] = "is missing",
                                         [GRADE_FOUND_NULL] = "is null",
                                         [GRADE_FOUND_NO_NUMBER] = "is no number",
                                         [GRADE_FOUND_IMPOSSIBLE] = "is impossible"};

static const char *condition_line(const struct explaining *x,
                                  const struct grade_condition_told *told)
{
    const struct grading_condition *c = explaining_condition(x, told);
    struct slice column = told->column.at == NULL ? c->metric : told->column;
    struct slice limit = explaining_shown(c->limit.text), value = explaining_shown(told->value);
    const char *relation = explaining_relation(c->relation);
    const char *of = arena_printf(x->arena, "%.*s", SLICE_SHOWN(column, column.len));
    if (told->found != GRADE_FOUND_NUMBER) {
        bool said = told->found == GRADE_FOUND_NO_NUMBER || told->found == GRADE_FOUND_IMPOSSIBLE;
        return arena_printf(x->arena, "%s %s%s%.*s%s, wanted %s %.*s", of, line_texts[told->found],
                            said ? " (" : "", SLICE_SHOWN(value, said ? value.len : 0),
                            said ? ")" : "", relation, SLICE_SHOWN(limit, limit.len));
    }
    struct slice by = distance_of(explaining_margin(x->arena, c, told->value));
    const char *words =
        by.at == NULL ? "" : arena_printf(x->arena, " (by %.*s)", SLICE_SHOWN(by, by.len));
    return arena_printf(x->arena, "%s %.*s is %s%s %.*s%s", of, SLICE_SHOWN(value, value.len),
                        told->holds ? "" : "not ", relation, SLICE_SHOWN(limit, limit.len),
                        words == NULL ? "" : words);
}

/* The first condition of a rule that holds, or does not; NULL when there is none. */
static const struct grade_condition_told *first_that(const struct explaining *x, uint32_t rule,
                                                     bool holds)
{
    for (uint32_t i = 0; i < x->block->rules[rule].condition_count; i++) {
        const struct grade_condition_told *c = &x->conditions[x->rules[rule].first + i];
        if (c->holds == holds) {
            return c;
        }
    }
    return NULL;
}

/* The last rule that was asked, did not hold and would have given a better grade; -1: none. */
static int64_t better_rule(const struct explaining *x)
{
    bool graded = x->decided < x->block->rule_count;
    for (int64_t i = (int64_t)x->decided - 1; i >= 0; i--) {
        if (!graded || x->block->rules[i].grade > x->block->rules[x->decided].grade) {
            return i;
        }
    }
    return -1;
}

/* The first condition that was asked and found an impossible value; NULL when none did. */
static const struct grade_condition_told *first_impossible(const struct explaining *x)
{
    for (uint32_t i = 0; i < x->condition_count; i++) {
        const struct grade_condition_told *c = &x->conditions[i];
        if (c->found == GRADE_FOUND_IMPOSSIBLE && c->at.rule <= x->decided) {
            return c;
        }
    }
    return NULL;
}

/* The line, and which value was impossible, which nobody would look for where another condition
 * decided. `decided` NULL: none did. */
static const char *with_impossible(const struct explaining *x, const char *line,
                                   const struct grade_condition_told *decided)
{
    const struct grade_condition_told *c = first_impossible(x);
    if (line == NULL || c == NULL ||
        (decided != NULL && decided->found == GRADE_FOUND_IMPOSSIBLE)) {
        return line;
    }
    struct slice value = explaining_shown(c->value);
    return arena_printf(x->arena, "%s; %.*s is impossible (%.*s)", line,
                        SLICE_SHOWN(c->column, c->column.len), SLICE_SHOWN(value, value.len));
}

/*
 * What decided: the condition for which the next better grade was not given, by the rule *better;
 * where there is none (-1), a condition of the rule that held. NULL: no condition did.
 */
static const struct grade_condition_told *decider(const struct explaining *x, int64_t *better)
{
    *better = -1;
    if (x->block == NULL || x->block->rule_count == 0) {
        return NULL;
    }
    *better = better_rule(x);
    return *better >= 0 ? first_that(x, (uint32_t)*better, false) : first_that(x, x->decided, true);
}

const char *explaining_because(const struct explaining *x)
{
    if (x->block == NULL) {
        return arena_printf(x->arena, "none of the %u blocks of this name matches",
                            x->skipped_count);
    }
    if (x->block->rule_count == 0) {
        return arena_printf(x->arena, "grading[%u] has no rules", x->block_number);
    }
    int64_t better;
    const struct grade_condition_told *c = decider(x, &better);
    const char *line = c == NULL ? "its rule always holds" : condition_line(x, c);
    if (c != NULL && better >= 0 && line != NULL) {
        line = arena_printf(x->arena, "%s%s as grade %u wants",
                            x->decided == x->block->rule_count ? "no rule holds; " : "", line,
                            x->block->rules[better].grade);
    }
    return with_impossible(x, line, c);
}

struct explained_decision explaining_decision(const struct explaining *x)
{
    static const struct slice none = {NULL, 0};
    int64_t better;
    const struct grade_condition_told *told = decider(x, &better);
    struct explained_decision d = {.wants = GRADE_NONE};
    if (told == NULL) {
        return d;
    }
    const struct grading_condition *c = explaining_condition(x, told);
    d.metric = told->column.at == NULL ? c->metric : told->column;
    d.relation = explaining_relation(c->relation);
    d.limit = c->limit.text.len > EXPLAIN_SHOWN ? none : c->limit.text;
    d.holds = told->holds;
    d.wants = better >= 0 ? x->block->rules[better].grade : GRADE_NONE;
    unit_in_name(d.metric, &d.unit);
    if (told->found == GRADE_FOUND_NUMBER && told->value.len <= EXPLAIN_SHOWN) {
        d.value = told->value;
    }
    return d;
}
