/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at a mapping that is well formed for what cannot be meant: rules that never make a record,
 * names that nobody sets, metrics whose unit is not known or is another one than the name says.
 * What may be meant, paths in constants, is no fault but a doubt.
 *
 * Whether a rule can be reached is asked with what has to be so where its `when` holds, its facts:
 * the parts of an "all", each true; where a part says that a path equals a constant, that value. If
 * by these one of the parts is false, or one of the conditions to ignore is true, it is never
 * reached.
 */
#include "common/formats/mapping_reader.h"

/* ---- facts ---- */

#define FACTS 64

/* Parts of a condition that are true. */
struct facts {
    struct arena *arena;
    const struct json *parts[FACTS];
    uint32_t count;
    uint32_t left_out; /* one that is asked about itself; FACTS: none */
};

enum truth { TRUTH_UNKNOWN, TRUTH_FALSE, TRUTH_TRUE };

static enum truth negated(enum truth t)
{
    return t == TRUTH_UNKNOWN ? t : t == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
}

static enum truth truth_of(bool holds)
{
    return holds ? TRUTH_TRUE : TRUTH_FALSE;
}

static bool is_same(const struct facts *f, const struct json *a, const struct json *b)
{
    return slice_equal(json_text(f->arena, a), json_text(f->arena, b));
}

static bool is_path(const struct json *node)
{
    return node != NULL && node->type == JSON_STRING && json_path_is(node->text);
}

static bool is_constant(const struct json *node)
{
    return node != NULL && !is_path(node) &&
           (node->type == JSON_STRING || node->type == JSON_NUMBER);
}

/* The two of {"eq": [a, b]} and its like. */
static void take_two(const struct json *list, const struct json *two[2])
{
    two[0] = list->first;
    two[1] = two[0] == NULL ? NULL : two[0]->next;
}

/* Equal as conditions compare: as numbers where both are. */
static bool is_equal(const struct json *a, const struct json *b)
{
    struct number x, y;
    return number_parse(a->text, &x) == 0 && number_parse(b->text, &y) == 0
               ? number_compare(&x, &y) == 0
               : slice_equal(a->text, b->text);
}

/* The constant that a path has by the facts; NULL: none is known. */
static const struct json *known_value(const struct facts *f, const struct json *path)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const struct json *eq = json_get(f->parts[i], "eq"), *two[2];
        if (i == f->left_out || eq == NULL) {
            continue;
        }
        take_two(eq, two);
        if (is_path(two[0]) && is_constant(two[1]) && slice_equal(two[0]->text, path->text)) {
            return two[1];
        }
    }
    return NULL;
}

static enum truth holds(const struct facts *f, const struct json *condition);

/* Of a list where one that is so decides: FALSE for all of them, TRUE for any. */
static enum truth list_holds(const struct facts *f, const struct json *list, enum truth decisive)
{
    enum truth whole = negated(decisive);
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        enum truth t = holds(f, c);
        if (t == decisive) {
            return decisive;
        }
        whole = t == TRUTH_UNKNOWN ? t : whole;
    }
    return whole;
}

static enum truth equals(const struct facts *f, const struct json *list)
{
    const struct json *two[2];
    take_two(list, two);
    if (is_constant(two[0]) && is_constant(two[1])) {
        return truth_of(is_equal(two[0], two[1]));
    }
    const struct json *known = is_path(two[0]) ? known_value(f, two[0]) : NULL;
    return known != NULL && is_constant(two[1]) ? truth_of(is_equal(known, two[1])) : TRUTH_UNKNOWN;
}

static enum truth is_in(const struct facts *f, const struct json *list)
{
    const struct json *two[2];
    take_two(list, two);
    const struct json *value = is_path(two[0]) ? known_value(f, two[0]) : two[0];
    if (two[1]->count == 0) {
        return TRUTH_FALSE;
    }
    struct number number; /* 1 and "1.0" are equal, but the text of one is not the other's */
    if (!is_constant(value) || number_parse(value->text, &number) == 0) {
        return TRUTH_UNKNOWN;
    }
    for (const struct json *c = two[1]->first; c != NULL; c = c->next) {
        if (slice_equal(c->text, value->text)) {
            return TRUTH_TRUE;
        }
    }
    return TRUTH_FALSE;
}

static enum truth holds(const struct facts *f, const struct json *condition)
{
    const struct json *of = condition->first;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct json *opposite = json_get(f->parts[i], "not");
        if (i != f->left_out && is_same(f, f->parts[i], condition)) {
            return TRUTH_TRUE;
        }
        if (i != f->left_out && opposite != NULL && is_same(f, opposite, condition)) {
            return TRUTH_FALSE;
        }
    }
    return slice_is(of->key, "all")   ? list_holds(f, of, TRUTH_FALSE)
           : slice_is(of->key, "any") ? list_holds(f, of, TRUTH_TRUE)
           : slice_is(of->key, "not") ? negated(holds(f, of))
           : slice_is(of->key, "eq")  ? equals(f, of)
           : slice_is(of->key, "ne")  ? negated(equals(f, of))
           : slice_is(of->key, "in")  ? is_in(f, of)
           : slice_is(of->key, "has") && is_path(of) && known_value(f, of) != NULL ? TRUTH_TRUE
                                                                                   : TRUTH_UNKNOWN;
}

/* The parts that all hold where a condition does. */
static void collect_facts(struct facts *f, const struct json *condition)
{
    const struct json *all = json_get(condition, "all");
    for (const struct json *c = all == NULL ? NULL : all->first; c != NULL; c = c->next) {
        collect_facts(f, c);
    }
    if (all == NULL && f->count < FACTS) {
        f->parts[f->count++] = condition;
    }
}

/* ---- rules that are never reached ---- */

/* A field that no document can have, of formats whose fields are known; .at NULL: none. */
static struct slice missing_field(const struct format_mapping *m, const struct json *condition)
{
    const struct json *path = json_get(condition, "has");
    struct slice none = {NULL, 0};
    if (!is_path(path) || !format_input_knows_fields(m->input) || !slice_starts(path->text, "$.")) {
        return none;
    }
    struct slice name = {path->text.at + 2, 0};
    while (name.len + 2 < path->text.len && strchr(".[", name.at[name.len]) == NULL) {
        name.len++;
    }
    return format_input_has_field(m->input, name) ? none : name;
}

static void check_parts(struct mapping_reader *r, const struct document_place *when,
                        struct facts *f)
{
    for (f->left_out = 0; f->left_out < f->count; f->left_out++) {
        const struct json *part = f->parts[f->left_out];
        struct slice missing = missing_field(r->mapping, part);
        if (missing.at != NULL) {
            document_fault(when, "the rule is never reached: no pattern has a field %s",
                           DOCUMENT_SHOWN(missing));
        } else if (holds(f, part) == TRUTH_FALSE) {
            document_fault(when, "the rule is never reached: its conditions contradict each other");
            return;
        }
    }
    f->left_out = FACTS;
}

static void check_rule(struct mapping_reader *r, const struct document_place *rule,
                       const struct document_place *ignore)
{
    struct facts f = {.arena = r->arena, .left_out = FACTS};
    struct document_place when = document_member(rule, "when");
    uint32_t faults = rule->document->faults;
    if (when.node != NULL) {
        collect_facts(&f, when.node);
        check_parts(r, &when, &f);
    }
    f.left_out = FACTS;
    for (struct document_place c = document_first(ignore);
         c.node != NULL && rule->document->faults == faults; document_next(&c)) {
        if (holds(&f, c.node) == TRUTH_TRUE) {
            document_fault(
                rule, "the rule is never reached: what it takes is ignored by ignore[%u]", c.index);
        }
    }
}

/* ---- metrics and their units ---- */

/* Words of what has a unit: a number of it says nothing without. */
static const char *const quantity_words[] = {
    "delay", "rtt", "latency", "jitter", "ipdv", "duration", "throughput", "bandwidth", "loss"};

/* Whether the name is of something that has a unit. Names with underscores are those of old. */
static bool wants_unit(struct slice name)
{
    while (name.len > 0) {
        struct slice word = unit_next_word(&name, ".");
        for (size_t i = 0; i < sizeof quantity_words / sizeof quantity_words[0]; i++) {
            if (slice_is(word, quantity_words[i])) {
                return true;
            }
        }
    }
    return false;
}

static void check_metrics(const struct document_place *metrics)
{
    for (struct document_place m = document_first(metrics); m.node != NULL; document_next(&m)) {
        const char *unit;
        bool told = unit_in_name(m.node->key, &unit);
        const struct json *conversion = json_get(m.node, "unit");
        const struct json *to =
            conversion == NULL || conversion->first == NULL ? NULL : conversion->first->next;
        if (!told && wants_unit(m.node->key)) {
            document_fault(&m,
                           "expected a metric's name that tells its unit, such as %.*s.us or "
                           "%.*s.ratio, found none in it",
                           SLICE_SHOWN(m.node->key, (size_t)60),
                           SLICE_SHOWN(m.node->key, (size_t)60));
        } else if (unit != NULL && to != NULL && !json_is(to, unit)) {
            document_fault(&m, "its name tells the unit %s, its value is converted to %s", unit,
                           DOCUMENT_SHOWN(to->text));
        }
    }
}

/* ---- paths where nobody follows them ---- */

/* As "{$.host}-v4", or "host $.host". */
static bool has_path(struct slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        struct slice two = {text.at + i, 2};
        if (slice_is(two, "$.") || slice_is(two, "@.") ||
            (two.at[0] == '{' && memchr("$@%#~", two.at[1], 5) != NULL)) {
            return true;
        }
    }
    return false;
}

void mapping_doubt(struct mapping_reader *r, const struct document_place *at, struct slice text)
{
    struct format_mapping *m = r->mapping;
    if (!has_path(text) || m->doubt_count == FORMAT_DOUBTS) {
        return;
    }
    if (r->doubts == NULL) {
        m->doubts = r->doubts = document_take(at, r->arena, FORMAT_DOUBTS, sizeof *r->doubts);
    }
    const char *place = mapping_place(r, at);
    if (r->doubts != NULL && place != NULL) {
        r->doubts[m->doubt_count++] =
            (struct format_doubt){place, document_copy(at, r->arena, text)};
    }
}

/* ---- the whole ---- */

static void check_variables(const struct mapping_reader *r, const struct document_place *whole)
{
    for (uint32_t i = 0; i < r->mapping->variable_count; i++) {
        if (!r->variable_set[i]) {
            document_fault_in(whole->document, r->variable_places[i],
                              "expected a name that let or remember sets, found %s",
                              DOCUMENT_SHOWN(r->variables[i]));
        }
    }
}

void mapping_check(struct mapping_reader *r, const struct document_place *whole)
{
    struct document_place records = document_member(whole, "records");
    struct document_place ignore = document_member(whole, "ignore");
    check_variables(r, whole);
    for (struct document_place rule = document_first(&records); rule.node != NULL;
         document_next(&rule)) {
        struct document_place metrics = document_member(&rule, "metrics");
        check_rule(r, &rule, &ignore);
        check_metrics(&metrics);
    }
}
