/* SPDX-License-Identifier: Apache-2.0 */
/* `assemble` of a mapping: how samples that come apart are put together. */
#include <inttypes.h>

#include "common/formats/mapping_reader.h"

#define MOST_LABELS   16
#define MOST_GLOBS    64
#define MOST_NAME     256 /* bytes */
#define WITHIN_S      15  /* else */
#define MOST_WITHIN_S 600 /* a record is late by as much */
#define US_A_SECOND   INT64_C(1000000)

static bool is_name(struct slice text, bool colons)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(colons && c == ':') && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return text.len > 0;
}

/* A list of names, none twice. */
static void read_names(struct mapping_reader *r, const struct document_place *at, const char *what,
                       uint32_t most, const struct slice **names, uint32_t *count)
{
    if (!document_is_list(at, most) || mapping_texts(r, at, names, count) == -1) {
        return;
    }
    for (struct document_place p = document_first(at); p.node != NULL; document_next(&p)) {
        if (!is_name((*names)[p.index], what[0] == 'm')) {
            document_expected(&p, "the name of a %s", what);
        }
        for (uint32_t i = 0; i < p.index; i++) {
            if (slice_equal((*names)[i], (*names)[p.index])) {
                document_expected(&p, "a %s that does not stand there yet", what);
            }
        }
    }
}

static void read_globs(struct mapping_reader *r, const struct document_place *at,
                       struct assemble_rule *rule)
{
    const struct slice *texts = NULL;
    uint32_t count = 0;
    if (!document_is_list(at, MOST_GLOBS) || mapping_texts(r, at, &texts, &count) == -1) {
        return;
    }
    struct pattern *globs = document_take(at, r->arena, count, sizeof *globs);
    rule->metrics = globs;
    for (struct document_place p = document_first(at); globs != NULL && p.node != NULL;
         document_next(&p)) {
        if (texts[p.index].len == 0 ||
            pattern_compile(texts[p.index], false, &globs[rule->metric_count++]) == -1) {
            document_expected(&p, "a glob of metrics");
        }
    }
}

static bool is_taken(const struct assemble_rule *rule, struct slice metric)
{
    for (uint32_t i = 0; i < rule->metric_count; i++) {
        if (pattern_matches(&rule->metrics[i], metric)) {
            return true;
        }
    }
    return rule->metric_count == 0;
}

/* What is asked for and never taken would leave every group incomplete. */
static void check_taken(const struct document_place *require, const struct document_place *count,
                        const struct assemble_rule *rule)
{
    for (struct document_place p = document_first(require); p.node != NULL; document_next(&p)) {
        if (!is_taken(rule, rule->require[p.index])) {
            document_expected(&p, "a metric that one of `metrics` takes");
        }
    }
    if (rule->count.len > 0 && !is_taken(rule, rule->count)) {
        document_expected(count, "a metric that one of `metrics` takes");
    }
}

static void read_count(struct mapping_reader *r, const struct document_place *at,
                       struct assemble_rule *rule)
{
    struct slice text = document_text(at, 1, MOST_NAME);
    if (text.at != NULL && !is_name(text, true)) {
        document_expected(at, "the name of a metric");
    } else if (text.at != NULL) {
        rule->count = document_copy(at, r->arena, text);
    }
}

static void read_within(const struct document_place *at, struct assemble_rule *rule)
{
    int64_t seconds = WITHIN_S;
    if (at->node != NULL) {
        document_integer(at, "whole seconds", 1, MOST_WITHIN_S, &seconds);
    }
    rule->within_us = seconds * US_A_SECOND;
}

static void read_parts(struct mapping_reader *r, const struct document_place *at,
                       struct assemble_rule *rule)
{
    uint32_t faults = at->document->faults;
    struct document_place by = document_member(at, "by");
    struct document_place require = document_member(at, "require");
    struct document_place metrics = document_member(at, "metrics");
    struct document_place count = document_member(at, "count");
    struct document_place within = document_member(at, "within_s");
    read_names(r, &by, "label", MOST_LABELS, &rule->by, &rule->by_count);
    if (require.node != NULL) {
        read_names(r, &require, "metric", MAPPING_REQUIRED, &rule->require, &rule->require_count);
    }
    if (metrics.node != NULL) {
        read_globs(r, &metrics, rule);
    }
    if (count.node != NULL) {
        read_count(r, &count, rule);
    }
    read_within(&within, rule);
    if (at->document->faults == faults) {
        check_taken(&require, &count, rule);
    }
}

const struct assemble_rule *mapping_assemble(struct mapping_reader *r,
                                             const struct document_place *at)
{
    static const char *const keys[] = {"by",       "require", "metrics", "count",
                                       "within_s", "comment", NULL};
    if (!document_is_object_of(at, keys)) {
        return NULL;
    }
    struct assemble_rule *rule = document_take(at, r->arena, 1, sizeof *rule);
    if (rule == NULL) {
        return NULL;
    }
    rule->count = (struct slice){"", 0};
    if (r->mapping->input != NULL && r->mapping->input->decoder != FORMAT_PROMETHEUS) {
        document_fault(at, "expected it with the decoder prometheus only");
    }
    read_parts(r, at, rule);
    return rule;
}
