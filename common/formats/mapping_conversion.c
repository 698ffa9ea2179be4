/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what an expression does with its value, once it has one. */
#include "common/formats/mapping_reader.h"

/* A member that is `true`, where it is there. */
static bool read_flag(const struct document_place *at, const char *key)
{
    struct document_place flag = document_member(at, key);
    if (flag.node != NULL && flag.node->type != JSON_TRUE && flag.node->type != JSON_FALSE) {
        document_expected(&flag, "true or false");
    }
    return flag.node != NULL && flag.node->type == JSON_TRUE;
}

static struct slice read_text(struct mapping_reader *r, const struct document_place *at,
                              const char *key)
{
    struct document_place text = document_member(at, key);
    struct slice none = {NULL, 0};
    if (text.node == NULL) {
        return none;
    }
    struct slice read = document_text(&text, 1, JSON_PATH_BYTES);
    return read.at == NULL ? none : document_copy(&text, r->arena, read);
}

/* ["lower", "upper"], of which null is none. */
static void read_range(struct mapping_reader *r, const struct document_place *at,
                       struct mapping_range *range)
{
    if (!document_is_list(at, 2)) {
        return;
    }
    if (at->node->count != 2) {
        document_fault(at, "expected a lower and an upper end, found %u of two", at->node->count);
        return;
    }
    struct document_place low = document_first(at), high = low;
    document_next(&high);
    range->has_low = low.node->type != JSON_NULL;
    range->has_high = high.node->type != JSON_NULL;
    if (range->has_low) {
        mapping_exact(r, &low, &range->low);
    }
    if (range->has_high) {
        mapping_exact(r, &high, &range->high);
    }
    if (range->has_low && range->has_high && exact_compare(&range->low, &range->high) > 0) {
        document_fault(at, "the lower end is above the upper end");
    }
}

static void read_between(struct mapping_reader *r, const struct document_place *at,
                         struct slice between[2])
{
    const struct slice *texts;
    uint32_t count;
    if (mapping_texts(r, at, &texts, &count) == -1) {
        return;
    }
    if (count != 2 || texts[0].len == 0 || texts[1].len == 0) {
        document_fault(at, "expected two texts that are not empty");
        return;
    }
    between[0] = texts[0];
    between[1] = texts[1];
}

/* ---- units ---- */

static const struct unit *read_unit(const struct document_place *at, const struct unit *to)
{
    struct slice name = document_text(at, 1, 32);
    const struct unit *unit = name.at == NULL ? NULL : unit_named(name);
    if (name.at != NULL && unit == NULL) {
        document_expected(at, "a unit's name");
    } else if (unit != NULL && to != NULL && unit_kind(unit) != unit_kind(to)) {
        document_fault(at, "expected a unit of the same kind as the other, a %s, found a %s",
                       unit_kind_name(unit_kind(to)), unit_kind_name(unit_kind(unit)));
    }
    return unit;
}

static void read_unit_names(struct mapping_reader *r, const struct document_place *at,
                            struct conversion *c)
{
    if (!document_is_object(at)) {
        return;
    }
    struct unit_entry *names = document_take(at, r->arena, at->node->count, sizeof *names);
    c->unit_names = names;
    for (struct document_place m = document_first(at); names != NULL && m.node != NULL;
         document_next(&m)) {
        names[c->unit_name_count].text = document_copy(&m, r->arena, m.node->key);
        names[c->unit_name_count++].unit = read_unit(&m, c->unit_to);
    }
}

/* ["from", "to"], where `from` may be a path to a text that `units` translates. */
static void read_units(struct mapping_reader *r, const struct document_place *at,
                       const struct document_place *expression, struct conversion *c)
{
    struct document_place names = document_member(expression, "units");
    if (!document_is_list(at, 2)) {
        return;
    }
    if (at->node->count != 2) {
        document_fault(at, "expected the unit that it has and the one that is wanted, found %u",
                       at->node->count);
        return;
    }
    struct document_place from = document_first(at), to = from;
    document_next(&to);
    c->unit_to = read_unit(&to, NULL);
    bool by_value = from.node->type == JSON_STRING && json_path_is(from.node->text);
    if (by_value != (names.node != NULL)) {
        document_fault(at, by_value ? "expected \"units\" beside it, which says what the values of "
                                      "this path mean"
                                    : "\"units\" has a meaning only where the unit is a path");
    } else if (by_value) {
        c->unit_by = mapping_expression(r, &from);
        read_unit_names(r, &names, c);
    } else {
        c->unit_from = read_unit(&from, c->unit_to);
    }
}

/* ---- maps ---- */

static void read_map(struct mapping_reader *r, const struct document_place *at,
                     struct conversion *c)
{
    if (!document_is_object(at)) {
        return;
    }
    struct map_entry *entries = document_take(at, r->arena, at->node->count, sizeof *entries);
    c->has_map = true;
    c->map = entries;
    for (struct document_place m = document_first(at); entries != NULL && m.node != NULL;
         document_next(&m)) {
        entries[c->map_count].key = document_copy(&m, r->arena, m.node->key);
        mapping_constant(r, &m, &entries[c->map_count++].value);
        mapping_doubt(r, &m, m.node->text);
    }
}

static void read_map_rest(struct mapping_reader *r, const struct document_place *at,
                          struct conversion *c)
{
    struct document_place otherwise = document_member(at, "else");
    c->strict = read_flag(at, "strict");
    if (otherwise.node != NULL) {
        c->has_map_else = true;
        mapping_constant(r, &otherwise, &c->map_else);
        mapping_doubt(r, &otherwise, otherwise.node->text);
    }
    if (c->strict && c->has_map_else) {
        document_fault(at, "\"strict\" and \"else\" contradict each other");
    }
}

/* ---- all of it ---- */

static void read_texts(struct mapping_reader *r, const struct document_place *at,
                       struct conversion *c)
{
    struct document_place between = document_member(at, "between");
    struct document_place prefix = document_member(at, "prefix");
    struct document_place nulls = document_member(at, "null");
    c->after = read_text(r, at, "after");
    c->before = read_text(r, at, "before");
    c->prefix = read_text(r, at, "prefix");
    mapping_doubt(r, &prefix, c->prefix);
    c->host = read_flag(at, "host");
    c->number = read_flag(at, "number");
    c->duration = read_flag(at, "duration");
    if (between.node != NULL) {
        read_between(r, &between, c->between);
    }
    if (nulls.node != NULL) {
        mapping_texts(r, &nulls, &c->nulls, &c->null_count);
    }
}

static void read_numbers(struct mapping_reader *r, const struct document_place *at,
                         struct conversion *c)
{
    struct document_place unit = document_member(at, "unit");
    struct document_place times = document_member(at, "times");
    struct document_place valid = document_member(at, "valid");
    struct document_place clamp = document_member(at, "clamp");
    if (unit.node != NULL) {
        read_units(r, &unit, at, c);
    }
    if (times.node != NULL) {
        c->has_times = mapping_exact(r, &times, &c->times) == 0;
    }
    c->has_valid = valid.node != NULL;
    c->has_clamp = clamp.node != NULL;
    if (c->has_valid) {
        read_range(r, &valid, &c->valid);
    }
    if (c->has_clamp) {
        read_range(r, &clamp, &c->clamp);
    }
}

static bool has_conversion(const struct json *node)
{
    static const char *const keys[] = {"after",    "before", "between", "host",   "number",
                                       "prefix",   "null",   "unit",    "times",  "valid",
                                       "duration", "clamp",  "map",     "default"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (json_get(node, keys[i]) != NULL) {
            return true;
        }
    }
    return false;
}

int mapping_conversion(struct mapping_reader *r, const struct document_place *at,
                       const struct conversion **conversion)
{
    struct conversion c = {0};
    uint32_t faults = at->document->faults;
    struct document_place map = document_member(at, "map");
    struct document_place otherwise = document_member(at, "default");
    if (!has_conversion(at->node)) {
        return 0;
    }
    read_texts(r, at, &c);
    read_numbers(r, at, &c);
    if (map.node != NULL) {
        read_map(r, &map, &c);
        read_map_rest(r, at, &c);
    }
    if (otherwise.node != NULL) {
        c.otherwise = mapping_expression(r, &otherwise);
    }
    *conversion = mapping_keep(r, at, &c, sizeof c);
    return at->document->faults == faults ? 0 : -1;
}
