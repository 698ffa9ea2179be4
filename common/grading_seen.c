/* SPDX-License-Identifier: Apache-2.0 */
#include "common/grading_seen.h"

#include <stdio.h>
#include <string.h>

#include "common/alike.h"
#include "common/quote.h"

#define HINT_BYTES 1024
#define ALIKE_MOST 3    /* names that are told */
#define FAR_BELOW  100  /* so many times less than all values: then all of them are beyond it */
#define FAR_ABOVE  1000 /* a limit that is seldom reached is so, too */

enum field { FIELD_TYPE, FIELD_CONTENT, FIELD_NAME, FIELDS };

struct seen_lint {
    const struct grading *grading;
    const struct record_types *types;
    const struct grading_seen *seen;
    struct grading_remarks remarks;
    char without[HINT_BYTES]; /* types without series, as a list */
};

/* One more of a list with commas; what has no room is left out. */
static void add_to_list(char list[HINT_BYTES], struct slice name)
{
    size_t used = strlen(list);
    const char *quoted = QUOTED(name);
    if (strstr(list, quoted) == NULL && used + strlen(quoted) + 2 < HINT_BYTES) {
        snprintf(list + used, HINT_BYTES - used, "%s%s", used == 0 ? "" : ", ", quoted);
    }
}

/* ---- what is alike ---- */

static struct slice field_of(const struct grading_seen_metric *m, enum field f)
{
    const struct slice fields[FIELDS] = {m->type, m->content, m->name};
    return fields[f];
}

/* Whether a block takes records that have the fields before this one. */
static bool takes(const struct grading_block *b, const struct grading_seen_metric *m, enum field f)
{
    return (f == FIELD_TYPE || pattern_matches(&b->patterns[DIMENSION_type], m->type)) &&
           (f != FIELD_NAME || pattern_matches(&b->patterns[DIMENSION_content], m->content));
}

/* The nearest names, among what the block takes otherwise, as a list; "": nothing is alike. */
static const char *nearest(const struct seen_lint *l, const struct grading_block *b, enum field f,
                           struct slice written, char list[HINT_BYTES])
{
    struct slice best[ALIKE_MOST];
    uint32_t apart[ALIKE_MOST], count = 0;
    for (uint32_t i = 0; i < l->seen->metric_count; i++) {
        const struct grading_seen_metric *m = &l->seen->metrics[i];
        struct slice name = field_of(m, f);
        uint32_t far = takes(b, m, f) ? alike(written, name) : ALIKE_NOT;
        bool known = false;
        for (uint32_t n = 0; n < count; n++) {
            known = known || slice_equal(best[n], name);
        }
        if (far == ALIKE_NOT || known || (count == ALIKE_MOST && apart[count - 1] <= far)) {
            continue;
        }
        uint32_t at = count < ALIKE_MOST ? count++ : ALIKE_MOST - 1;
        for (; at > 0 && apart[at - 1] > far; at--) {
            best[at] = best[at - 1];
            apart[at] = apart[at - 1];
        }
        best[at] = name;
        apart[at] = far;
    }
    list[0] = '\0';
    for (uint32_t n = 0; n < count; n++) {
        add_to_list(list, best[n]);
    }
    return list;
}

/* ---- types and contents ---- */

/* Whether something the block takes so far is also in its pattern for this. */
static bool is_seen(const struct seen_lint *l, const struct grading_block *b, enum field f)
{
    const struct pattern *p = &b->patterns[f == FIELD_TYPE ? DIMENSION_type : DIMENSION_content];
    bool seen = false;
    for (uint32_t i = 0; i < l->seen->metric_count && !seen; i++) {
        const struct grading_seen_metric *m = &l->seen->metrics[i];
        seen = takes(b, m, f) && pattern_matches(p, field_of(m, f));
    }
    return seen;
}

static bool lint_kind(struct seen_lint *l, uint32_t at)
{
    const struct grading_block *b = &l->grading->blocks[at];
    char list[HINT_BYTES];
    if (!is_seen(l, b, FIELD_TYPE)) {
        struct slice type = b->patterns[DIMENSION_type].text;
        if (nearest(l, b, FIELD_TYPE, type, list)[0] == '\0') {
            add_to_list(l->without, type);
        } else {
            grading_remark(&l->remarks,
                           "grading[%u].appliesTo.recordType: no series is of %s; there is %s", at,
                           QUOTED(type), list);
        }
        return false;
    }
    if (!is_seen(l, b, FIELD_CONTENT)) {
        struct slice content = b->patterns[DIMENSION_content].text;
        const char *alike = nearest(l, b, FIELD_CONTENT, content, list);
        grading_remark(&l->remarks,
                       "grading[%u].appliesTo.recordContent: no series of these types has %s%s%s",
                       at, QUOTED(content), alike[0] == '\0' ? "" : "; there is ", alike);
        return false;
    }
    return true;
}

/* ---- metrics ---- */

/* Whether the metric stands in such records under this name. */
static bool goes_by(const struct seen_lint *l, const struct grading_seen_metric *m,
                    struct slice metric)
{
    const struct slice *aliases;
    bool found = slice_equal(m->name, metric);
    uint32_t count =
        l->types == NULL || found ? 0 : record_types_aliases(l->types, m->type, metric, &aliases);
    for (uint32_t i = 0; i < count && !found; i++) {
        found = slice_equal(m->name, aliases[i]);
    }
    return found;
}

/* What was seen of a metric, and all that a block says of it. */
struct metric_facts {
    bool seen, has_values;
    double least, most, least_limit, most_limit;
    struct slice least_text, most_text;
};

static void look_at_values(struct metric_facts *f, const struct grading_seen_metric *m)
{
    struct number least, most;
    if (number_parse(m->least, &least) == -1 || number_parse(m->most, &most) == -1) {
        return;
    }
    if (!f->has_values || least.approximate < f->least) {
        f->least = least.approximate;
        f->least_text = m->least;
    }
    if (!f->has_values || most.approximate > f->most) {
        f->most = most.approximate;
        f->most_text = m->most;
    }
    f->has_values = true;
}

static void look_at_limits(struct metric_facts *f, const struct grading_block *b,
                           struct slice metric)
{
    bool first = true;
    for (uint32_t i = 0; i < b->rule_count; i++) {
        for (uint32_t n = 0; n < b->rules[i].condition_count; n++) {
            const struct grading_condition *c = &b->rules[i].conditions[n];
            double limit = c->limit.approximate;
            if (slice_equal(c->metric, metric)) {
                f->least_limit = first || limit < f->least_limit ? limit : f->least_limit;
                f->most_limit = first || limit > f->most_limit ? limit : f->most_limit;
                first = false;
            }
        }
    }
}

static struct metric_facts facts_of(const struct seen_lint *l, const struct grading_block *b,
                                    struct slice metric)
{
    struct metric_facts f = {.seen = false};
    for (uint32_t i = 0; i < l->seen->metric_count; i++) {
        const struct grading_seen_metric *m = &l->seen->metrics[i];
        if (takes(b, m, FIELD_NAME) && goes_by(l, m, metric)) {
            f.seen = true;
            look_at_values(&f, m);
        }
    }
    look_at_limits(&f, b, metric);
    return f;
}

static bool is_first(const struct grading_block *b, uint32_t rule, uint32_t condition)
{
    struct slice metric = b->rules[rule].conditions[condition].metric;
    for (uint32_t i = 0; i <= rule; i++) {
        uint32_t count = i == rule ? condition : b->rules[i].condition_count;
        for (uint32_t n = 0; n < count; n++) {
            if (slice_equal(b->rules[i].conditions[n].metric, metric)) {
                return false;
            }
        }
    }
    return true;
}

/* `unseen`: a list of metrics to which nothing is alike. */
static void lint_metric(struct seen_lint *l, uint32_t block, uint32_t rule, uint32_t at,
                        char unseen[HINT_BYTES])
{
    const struct grading_block *b = &l->grading->blocks[block];
    struct slice metric = b->rules[rule].conditions[at].metric;
    struct metric_facts f = facts_of(l, b, metric);
    char list[HINT_BYTES];
    bool below = f.has_values && f.least_limit > 0 && f.most_limit * FAR_BELOW <= f.least;
    bool above = f.has_values && f.most > 0 && f.least_limit >= f.most * FAR_ABOVE;
    if (!f.seen && nearest(l, b, FIELD_NAME, metric, list)[0] == '\0') {
        add_to_list(unseen, metric);
    } else if (!f.seen) {
        grading_remark(&l->remarks,
                       "grading[%u].gradingRules[%u].if[%u].metric: no series has %s; there is %s",
                       block, rule, at, QUOTED(metric), list);
    } else if (below || above) {
        grading_remark(
            &l->remarks,
            "grading[%u].gradingRules[%u].if[%u].limit: all limits of %s are far %s its values, "
            "of which the last are %.*s to %.*s: are they in the same unit?",
            block, rule, at, QUOTED(metric), below ? "below" : "above",
            SLICE_SHOWN(f.least_text, QUOTE_BYTES), SLICE_SHOWN(f.most_text, QUOTE_BYTES));
    }
}

static void lint_metrics(struct seen_lint *l, uint32_t block)
{
    const struct grading_block *b = &l->grading->blocks[block];
    char unseen[HINT_BYTES] = "";
    for (uint32_t i = 0; i < b->rule_count; i++) {
        for (uint32_t n = 0; n < b->rules[i].condition_count; n++) {
            if (is_first(b, i, n)) {
                lint_metric(l, block, i, n, unseen);
            }
        }
    }
    if (unseen[0] != '\0') {
        grading_remark(&l->remarks,
                       "grading[%u].gradingRules: no series that the block takes has %s", block,
                       unseen);
    }
}

/* ---- names ---- */

static void lint_names(struct seen_lint *l)
{
    const struct grading *before = l->seen->in_force;
    for (uint32_t i = 0; before != NULL && i < before->name_count; i++) {
        bool stays = false;
        for (uint32_t n = 0; n < l->grading->name_count && !stays; n++) {
            stays = slice_equal(l->grading->names[n], before->names[i]);
        }
        if (!stays) {
            grading_remark(
                &l->remarks,
                "grading: no block is of %s, which is in force: nothing is graded by it any more",
                QUOTED(before->names[i]));
        }
    }
}

uint32_t grading_lint_seen(const struct grading *g, const struct record_types *types,
                           const struct grading_seen *seen, grading_warning *tell, void *context)
{
    struct seen_lint l = {g, types, seen, {tell, context, 0}, ""};
    for (uint32_t i = 0; seen->metric_count > 0 && i < g->block_count; i++) {
        if (lint_kind(&l, i)) {
            lint_metrics(&l, i);
        }
    }
    if (l.without[0] != '\0') {
        grading_remark(&l.remarks, "grading: no series is of %s", l.without);
    }
    lint_names(&l);
    return l.remarks.told;
}
