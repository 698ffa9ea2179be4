/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the record types. Lookups are linear: those for grading happen once per
 * combination of columns, those for a result's type once per result, and most patterns end at their
 * first character.
 */
#include "common/record_types_table.h"

static bool name_matches(const struct name_patterns *names, struct slice name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        const struct pattern *p = &names->patterns[i];
        char first = *p->text.at;
        bool other =
            first != '*' && first != '?' && first != '\\' && (name.len == 0 || *name.at != first);
        if (!other && pattern_matches(p, name)) { /* hardly ever called for nothing */
            return true;
        }
    }
    return false;
}

/* Bytes with which the names begin; all of them, where one has none. */
static void list_firsts(const struct slice *name, uint32_t count, uint64_t firsts[4])
{
    memset(firsts, 0, 4 * sizeof *firsts);
    for (uint32_t i = 0; i < count; i++) {
        if (name[i].len == 0) {
            memset(firsts, 0xff, 4 * sizeof *firsts);
            return;
        }
        unsigned char first = (unsigned char)*name[i].at;
        firsts[first >> 6] |= UINT64_C(1) << (first & 63);
    }
}

static bool may_match(const struct name_patterns *names, const uint64_t firsts[4])
{
    const uint64_t *own = names->firsts;
    return names->count == 0 || ((own[0] & firsts[0]) | (own[1] & firsts[1]) |
                                 (own[2] & firsts[2]) | (own[3] & firsts[3])) != 0;
}

static bool any_matches(const struct name_patterns *names, const struct slice *name, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (name_matches(names, name[i])) {
            return true;
        }
    }
    return names->count == 0;
}

static bool parameters_hold(const struct mapping *m, const struct record_types_clues *clues)
{
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        const struct parameter_rule *rule = &m->parameters[i];
        bool holds = false;
        for (uint32_t p = 0; p < clues->parameter_count && !holds; p++) {
            holds = clues->values[p].len > 0 &&
                    pattern_matches(&rule->name, clues->parameters[p]) &&
                    name_matches(&rule->values, clues->values[p]);
        }
        if (!holds) {
            return false;
        }
    }
    return true;
}

/* The label, or what stands before any '-' in it. */
static bool label_matches(const struct name_patterns *labels, struct slice label)
{
    if (labels->count == 0) {
        return true;
    }
    for (size_t i = label.len; i > 0; i--) {
        if ((i == label.len || label.at[i] == '-') &&
            name_matches(labels, (struct slice){label.at, i})) {
            return true;
        }
    }
    return false;
}

static struct record_types_kind kind_of(const struct mapping *m)
{
    return (struct record_types_kind){m->type, m->content, m->content_from};
}

int record_types_match(const struct record_types *t, const struct record_types_clues *clues,
                       struct record_types_kind *kind)
{
    uint64_t firsts[4];
    list_firsts(clues->columns, clues->column_count, firsts);
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        const struct mapping *m = &t->mappings[i];
        if (may_match(&m->columns, firsts) &&
            any_matches(&m->columns, clues->columns, clues->column_count) &&
            parameters_hold(m, clues) && label_matches(&m->labels, clues->label)) {
            *kind = kind_of(m);
            return 0;
        }
    }
    return -1;
}

int record_types_content(const struct record_types *t, const struct record_types_clues *clues,
                         struct slice type, struct record_types_kind *kind)
{
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        const struct mapping *m = &t->mappings[i];
        if (m->content.at != NULL && slice_equal(m->type, type) && parameters_hold(m, clues)) {
            *kind = kind_of(m);
            return 0;
        }
    }
    return -1;
}

struct slice record_types_named(const struct record_types *t, struct slice label)
{
    struct slice longest = {label.at, 0};
    for (uint32_t i = 0; i < t->type_count; i++) {
        struct slice name = t->types[i].name;
        if (name.len > longest.len && name.len <= label.len &&
            memcmp(name.at, label.at, name.len) == 0 &&
            (name.len == label.len || label.at[name.len] == '-')) {
            longest.len = name.len;
        }
    }
    if (longest.len == 0) {
        const char *dash = label.len == 0 ? NULL : memchr(label.at, '-', label.len);
        longest.len = dash == NULL ? label.len : (size_t)(dash - label.at);
    }
    return longest;
}

static const struct type_entry *find_type(const struct record_types *t, struct slice type)
{
    for (uint32_t i = 0; i < t->type_count; i++) {
        if (slice_equal(t->types[i].name, type)) {
            return &t->types[i];
        }
    }
    return NULL;
}

uint32_t record_types_aliases(const struct record_types *t, struct slice type, struct slice metric,
                              const struct slice **aliases)
{
    const struct type_entry *entry = find_type(t, type);
    for (uint32_t i = 0; entry != NULL && i < entry->alias_count; i++) {
        if (slice_equal(entry->aliases[i].metric, metric)) {
            *aliases = entry->aliases[i].names;
            return entry->aliases[i].name_count;
        }
    }
    *aliases = NULL;
    return 0;
}

uint32_t record_types_collects(const struct record_types *t, uint32_t i,
                               const struct record_types_collect **collects)
{
    *collects = t->types[i].collects;
    return t->types[i].collect_count;
}

int64_t record_types_gap_us(const struct record_types *t, struct slice type)
{
    const struct type_entry *entry = find_type(t, type);
    return entry == NULL ? t->gap_us : entry->gap_us;
}

bool record_types_gap_is_own(const struct record_types *t, struct slice type)
{
    const struct type_entry *entry = find_type(t, type);
    return entry == NULL ? t->own_gap : entry->own_gap;
}

int64_t record_types_interval_us(const struct record_types *t, struct slice type)
{
    const struct type_entry *entry = find_type(t, type);
    return entry == NULL ? 0 : entry->interval_us;
}

int record_types_each(const struct record_types *t, uint32_t i, struct slice *type)
{
    if (i >= t->type_count) {
        return -1;
    }
    *type = t->types[i].name;
    return 0;
}

static const struct record_types_range *range_among(const struct value_ranges *ranges,
                                                    struct slice metric)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (name_matches(&ranges->range[i].metrics, metric)) {
            return &ranges->range[i];
        }
    }
    return NULL;
}

const struct record_types_range *record_types_range(const struct record_types *t, struct slice type,
                                                    struct slice metric)
{
    const struct type_entry *entry = find_type(t, type);
    const struct record_types_range *own =
        entry == NULL ? NULL : range_among(&entry->valid, metric);
    return own != NULL ? own : range_among(&t->valid, metric);
}

bool record_types_possible(const struct record_types_range *range, const struct number *value)
{
    if ((range->has_least && number_compare(value, &range->least) < 0) ||
        (range->has_most && number_compare(value, &range->most) > 0)) {
        return false;
    }
    for (uint32_t i = 0; i < range->never_count; i++) {
        if (number_compare(value, &range->never[i]) == 0) {
            return false;
        }
    }
    return true;
}

const struct number *record_types_range_least(const struct record_types_range *range)
{
    return range->has_least ? &range->least : NULL;
}

const struct number *record_types_range_most(const struct record_types_range *range)
{
    return range->has_most ? &range->most : NULL;
}

const struct json *record_types_range_said(const struct record_types_range *range)
{
    return range->said;
}

struct slice record_types_grading(const struct record_types *t)
{
    return t->grading;
}
