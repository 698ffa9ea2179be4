/* SPDX-License-Identifier: Apache-2.0 */
/* Reads conditions and times. */
#include "common/formats/mapping_reader.h"

/* ---- conditions ---- */

static const char *const kinds[] = {
    [CONDITION_ALL] = "all",         [CONDITION_ANY] = "any",           [CONDITION_NOT] = "not",
    [CONDITION_HAS] = "has",         [CONDITION_CONTAINS] = "contains", [CONDITION_IN] = "in",
    [CONDITION_ADDRESS] = "address", [CONDITION_EQUAL] = "eq",          [CONDITION_OTHER] = "ne",
    [CONDITION_LESS] = "lt",         [CONDITION_GREATER] = "gt",        NULL};

int mapping_conditions(struct mapping_reader *r, const struct document_place *at,
                       const struct format_condition *const **conditions, uint32_t *count)
{
    *conditions = NULL;
    *count = 0;
    if (!document_is_list(at, MAPPING_LIST)) {
        return -1;
    }
    const struct format_condition **list =
        document_take(at, r->arena, at->node->count, sizeof *list);
    for (struct document_place c = document_first(at); list != NULL && c.node != NULL;
         document_next(&c)) {
        list[(*count)++] = mapping_condition(r, &c);
    }
    *conditions = list;
    return list == NULL ? -1 : 0;
}

/* The two elements of a list; false after a fault. */
static bool take_two(const struct document_place *at, struct document_place two[2])
{
    if (!document_is_list(at, MAPPING_LIST)) {
        return false;
    }
    if (at->node->count != 2) {
        document_fault(at, "expected two elements, found %u", at->node->count);
        return false;
    }
    two[0] = two[1] = document_first(at);
    document_next(&two[1]);
    return true;
}

static const struct json_path *read_path(struct mapping_reader *r, const struct document_place *at)
{
    struct json_path *path = document_take(at, r->arena, 1, sizeof *path);
    return path == NULL || mapping_path(r, at, path) == -1 ? NULL : path;
}

static void read_two(struct mapping_reader *r, const struct document_place *at,
                     struct format_condition *c)
{
    struct document_place two[2];
    if (!take_two(at, two)) {
        return;
    }
    if (c->kind == CONDITION_CONTAINS) {
        c->path = read_path(r, &two[0]);
    } else {
        c->left = mapping_expression(r, &two[0]);
    }
    if (c->kind == CONDITION_IN) {
        mapping_texts(r, &two[1], &c->choices, &c->choice_count);
    } else {
        c->right = mapping_expression(r, &two[1]);
    }
}

static void read_operands(struct mapping_reader *r, const struct document_place *at,
                          struct format_condition *c)
{
    const struct format_condition *parts[1];
    switch (c->kind) {
    case CONDITION_ALL:
    case CONDITION_ANY:
        mapping_conditions(r, at, &c->parts, &c->part_count);
        break;
    case CONDITION_NOT:
        parts[0] = mapping_condition(r, at);
        c->parts = mapping_keep(r, at, parts, sizeof parts);
        c->part_count = 1;
        break;
    case CONDITION_HAS:
        c->path = read_path(r, at);
        break;
    case CONDITION_ADDRESS:
        c->left = mapping_expression(r, at);
        break;
    case CONDITION_CONTAINS:
    case CONDITION_IN:
    case CONDITION_EQUAL:
    case CONDITION_OTHER:
    case CONDITION_LESS:
    case CONDITION_GREATER:
        read_two(r, at, c);
        break;
    }
}

const struct format_condition *mapping_condition(struct mapping_reader *r,
                                                 const struct document_place *at)
{
    struct format_condition c = {0};
    uint32_t faults = at->document->faults;
    if (!document_is_object_of(at, kinds) || at->document->faults > faults) {
        return NULL;
    }
    if (at->node->count != 1) {
        document_fault(at, "expected one condition, found %u; several go into \"all\" or \"any\"",
                       at->node->count);
        return NULL;
    }
    while (!slice_is(at->node->first->key, kinds[c.kind])) {
        c.kind++;
    }
    struct document_place operands = document_first(at);
    read_operands(r, &operands, &c);
    return at->document->faults > faults ? NULL : mapping_keep(r, at, &c, sizeof c);
}

/* ---- times ---- */

static const char *const instant_members[] = {"time",  "rfc2822", "ctime", "epoch",   "split",
                                              "first", "unit",    "plus",  "comment", NULL};
#define INSTANT_SOURCES 6 /* the first of them */

/* The one of the sources that is there; -1 after a fault. */
static int find_source(const struct document_place *at)
{
    int found = -1, count = 0;
    for (int i = 0; i < INSTANT_SOURCES; i++) {
        if (json_get(at->node, instant_members[i]) != NULL) {
            found = i;
            count++;
        }
    }
    if (count != 1) {
        document_fault(at, "expected one of time, rfc2822, ctime, epoch, split and first, found %s",
                       count == 0 ? "none" : "several");
        return -1;
    }
    if (json_get(at->node, "unit") != NULL && strcmp(instant_members[found], "epoch") != 0) {
        document_fault(at, "\"unit\" has a meaning beside \"epoch\" only");
    }
    return found;
}

static void read_alternatives(struct mapping_reader *r, const struct document_place *at,
                              struct instant *t)
{
    if (!document_is_list(at, MAPPING_LIST)) {
        return;
    }
    const struct instant **list = document_take(at, r->arena, at->node->count, sizeof *list);
    t->alternatives = list;
    for (struct document_place p = document_first(at); list != NULL && p.node != NULL;
         document_next(&p)) {
        list[t->alternative_count++] = mapping_instant(r, &p);
    }
}

static void read_instant(struct mapping_reader *r, const struct document_place *at, int source,
                         struct instant *t)
{
    static const char *const units[] = {"s", "ms", "us", "ns", "auto", NULL};
    struct document_place value = document_member(at, instant_members[source]);
    struct document_place unit = document_member(at, "unit");
    struct document_place two[2];
    switch (source) {
    case 0:
    case 1:
    case 2:
        t->source = INSTANT_TEXT;
        t->form = (enum format_time_form)source;
        t->value = mapping_expression(r, &value);
        break;
    case 3:
        t->source = INSTANT_EPOCH;
        t->value = mapping_expression(r, &value);
        if (unit.node != NULL) {
            int i = document_choice(&unit, units);
            t->unit = i == -1 ? FORMAT_TIME_S : (enum format_time_epoch)i;
        }
        break;
    case 4:
        t->source = INSTANT_SPLIT;
        if (take_two(&value, two)) {
            t->value = mapping_expression(r, &two[0]);
            t->fraction = mapping_expression(r, &two[1]);
        }
        break;
    default:
        t->source = INSTANT_FIRST;
        read_alternatives(r, &value, t);
        break;
    }
}

const struct instant *mapping_instant(struct mapping_reader *r, const struct document_place *at)
{
    struct instant t = {.source = INSTANT_TEXT, .place = mapping_place(r, at)};
    uint32_t faults = at->document->faults;
    if (at->node != NULL && at->node->type == JSON_STRING) {
        t.value = mapping_expression(r, at);
    } else if (document_is_object_of(at, instant_members)) {
        struct document_place plus = document_member(at, "plus");
        int source = find_source(at);
        if (source != -1) {
            read_instant(r, at, source, &t);
        }
        if (plus.node != NULL && t.source == INSTANT_FIRST) {
            document_fault(&plus, "\"plus\" goes into the times of \"first\"");
        } else if (plus.node != NULL) {
            t.plus = mapping_expression(r, &plus);
        }
    }
    return at->document->faults > faults ? NULL : mapping_keep(r, at, &t, sizeof t);
}
