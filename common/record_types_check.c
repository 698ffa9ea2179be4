/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What files of record types leave open although they are well formed: mappings that are never
 * reached, that share columns, and types whose own capabilities become something else.
 */
#include <inttypes.h>

#include "common/record_types_table.h"

/* Whether all that the one matches the other does; what is told to be so is, not the other way. */
static bool pattern_covers(const struct pattern *wide, const struct pattern *narrow)
{
    return pattern_matches(wide, narrow->text);
}

static bool covered_by_one(const struct name_patterns *wide, const struct pattern *narrow)
{
    for (uint32_t i = 0; i < wide->count; i++) {
        if (pattern_covers(&wide->patterns[i], narrow)) {
            return true;
        }
    }
    return false;
}

/* No patterns are all names. */
static bool names_cover(const struct name_patterns *wide, const struct name_patterns *narrow)
{
    if (wide->count > 0 && narrow->count == 0) {
        return false;
    }
    for (uint32_t i = 0; wide->count > 0 && i < narrow->count; i++) {
        if (!covered_by_one(wide, &narrow->patterns[i])) {
            return false;
        }
    }
    return true;
}

/* Whether one of the narrow one's parameters sees to this one of the wide one. */
static bool parameter_covered(const struct parameter_rule *wide, const struct mapping *narrow)
{
    for (uint32_t i = 0; i < narrow->parameter_count; i++) {
        if (pattern_covers(&wide->name, &narrow->parameters[i].name) &&
            names_cover(&wide->values, &narrow->parameters[i].values)) {
            return true;
        }
    }
    return false;
}

static bool parameters_cover(const struct mapping *wide, const struct mapping *narrow)
{
    for (uint32_t i = 0; i < wide->parameter_count; i++) {
        if (!parameter_covered(&wide->parameters[i], narrow)) {
            return false;
        }
    }
    return true;
}

static bool mapping_covers(const struct mapping *wide, const struct mapping *narrow)
{
    return names_cover(&wide->labels, &narrow->labels) &&
           names_cover(&wide->columns, &narrow->columns) && parameters_cover(wide, narrow);
}

/* A column's pattern that both look at; NULL when there is none. */
static const struct pattern *shared_column(const struct mapping *a, const struct mapping *b)
{
    for (uint32_t i = 0; i < a->columns.count; i++) {
        for (uint32_t k = 0; k < b->columns.count; k++) {
            const struct pattern *x = &a->columns.patterns[i], *y = &b->columns.patterns[k];
            if (pattern_covers(x, y)) {
                return y;
            }
            if (pattern_covers(y, x)) {
                return x;
            }
        }
    }
    return NULL;
}

/* What else they look at does not tell which of them is the more specific. */
static bool alike_but_for_columns(const struct mapping *a, const struct mapping *b)
{
    return names_cover(&a->labels, &b->labels) && names_cover(&b->labels, &a->labels) &&
           parameters_cover(a, b) && parameters_cover(b, a);
}

static bool same_kind(const struct mapping *a, const struct mapping *b)
{
    const char *x = a->content_from, *y = b->content_from;
    return slice_equal(a->type, b->type) && slice_equal(a->content, b->content) &&
           (x == NULL) == (y == NULL) && (x == NULL || strcmp(x, y) == 0);
}

#define SHOWN(s)    SLICE_SHOWN(s, (size_t)LIMIT_SHOWN)
#define LIMIT_SHOWN 200

static uint32_t check_pair(const struct record_types *t, uint32_t i, uint32_t k, FILE *out)
{
    const struct mapping *first = &t->mappings[i], *second = &t->mappings[k];
    if (i < t->own_mapping_count && k >= t->own_mapping_count) {
        return 0; /* it is in an own file to go before what is delivered */
    }
    if (mapping_covers(first, second)) {
        fprintf(out, "%s (%.*s) is never reached: %s (%.*s) takes all that it would\n",
                second->place, SHOWN(second->type), first->place, SHOWN(first->type));
        return 1;
    }
    const struct pattern *shared = shared_column(first, second);
    if (shared == NULL || same_kind(first, second) || mapping_covers(second, first) ||
        !alike_but_for_columns(first, second)) {
        return 0; /* the more specific one goes first: so it is meant */
    }
    fprintf(out, "%s (%.*s) and %s (%.*s) both look at the column \"%.*s\": the first decides\n",
            first->place, SHOWN(first->type), second->place, SHOWN(second->type),
            SHOWN(shared->text));
    return 1;
}

static uint32_t check_collects(const struct record_types *t, const struct type_entry *type,
                               FILE *out)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < type->collect_count; i++) {
        const struct record_types_collect *c = &type->collects[i];
        /* The values are not known; without them no parameter tells anything. */
        struct record_types_clues clues = {
            .label = slice_of(""), .columns = c->results, .column_count = c->result_count};
        struct record_types_kind kind = {.type = slice_of("nothing")};
        if (record_types_match(t, &clues, &kind) == -1 || !slice_equal(kind.type, type->name)) {
            fprintf(out, "types.%.*s.collect[%" PRIu32 "]: by its columns it becomes %.*s\n",
                    SHOWN(type->name), i, SHOWN(kind.type));
            found++;
        }
    }
    return found;
}

uint32_t record_types_check(const struct record_types *t, FILE *out)
{
    uint32_t found = 0;
    for (uint32_t k = 0; k < t->mapping_count; k++) {
        for (uint32_t i = 0; i < k; i++) {
            found += check_pair(t, i, k, out);
        }
    }
    for (uint32_t i = 0; i < t->type_count; i++) {
        found += check_collects(t, &t->types[i], out);
    }
    return found;
}
