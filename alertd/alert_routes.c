/* SPDX-License-Identifier: Apache-2.0 */
/* Read once; every fault is told by its place. */
#include "alertd/alert_routes.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/pattern.h"
#include "common/record_criteria.h"
#include "schemas/messages.h"

#define ARENA_BYTES ((size_t)8 << 20)
#define LONGEST_S   INT64_C(31536000)

/* Names that alerts have by themselves. */
static const char *const own_labels[] = {"alertname", "grade",
#define OWN_LABEL(x, name, Name, addresses, help) #name,
                                         DIMENSIONS(OWN_LABEL, ) NULL};

/* A name as Prometheus and Alertmanager take it. */
static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (!isalpha(c) && c != '_' && (i == 0 || !isdigit(c))) {
            return false;
        }
    }
    return s.len > 0 && !slice_starts(s, "__");
}

static bool is_own_label(struct slice name)
{
    for (const char *const *own = own_labels; *own != NULL; own++) {
        if (slice_is(name, *own)) {
            return true;
        }
    }
    return false;
}

static void read_pair(const struct document_place *at, struct arena *a, bool labels,
                      struct route_pairs *pairs)
{
    struct slice value = document_text(at, 1, ROUTE_TEXT_BYTES);
    if (!is_name(at->key)) {
        document_fault(at, "expected a name of letters, digits and _, not beginning with a digit "
                           "or __");
    } else if (labels && is_own_label(at->key)) {
        document_fault(at, "is a label that every alert has by itself");
    } else if (value.at != NULL && !pattern_is_text(value)) {
        document_expected(at, "UTF-8");
    } else if (value.at != NULL) {
        pairs->pair[pairs->count].name = document_copy(at, a, at->key);
        pairs->pair[pairs->count++].value = document_copy(at, a, value);
    }
}

static void read_pairs(const struct document_place *at, struct arena *a, bool labels,
                       struct route_pairs *pairs)
{
    if (at->node == NULL || !document_is_object(at)) {
        return;
    }
    if (at->node->count > ROUTE_PAIRS) {
        document_fault(at, "expected at most %d members", ROUTE_PAIRS);
        return;
    }
    for (struct document_place m = document_first(at); m.node != NULL; document_next(&m)) {
        read_pair(&m, a, labels, pairs);
    }
}

static void read_range(const struct document_place *at, struct route *r)
{
    struct document_place m = document_first(at);
    if (at->node == NULL) {
        return;
    }
    if (!document_is_list(at, 2) || at->node->count != 2) {
        document_expected(at, "two grades, as [1, 2]");
        return;
    }
    bool good = document_integer(&m, "a grade", 1, 5, &r->low);
    document_next(&m);
    if (document_integer(&m, "a grade", 1, 5, &r->high) && good && r->low > r->high) {
        document_expected(at, "the worst first, as [1, 2]");
    }
}

static void read_integer(const struct document_place *route, const char *key, const char *what,
                         int64_t least, int64_t most, int64_t *value)
{
    struct document_place at = document_member(route, key);
    if (at.node != NULL) {
        document_integer(&at, what, least, most, value);
    }
}

/* Of what: 0, or a member that makes no sense with it. */
static void read_subject(const struct document_place *at, struct arena *a, struct route *r)
{
    static const char *const subjects[] = {"grade", "silence", NULL};
    struct document_place of = document_member(at, "of");
    struct document_place grade = document_member(at, "grade");
    struct document_place range = document_member(at, "range");
    r->silences = of.node != NULL && document_choice(&of, subjects) == 1;
    r->grade = slice_of("overall");
    r->low = 1;
    r->high = 2;
    if (r->silences && (grade.node != NULL || range.node != NULL)) {
        document_fault(grade.node != NULL ? &grade : &range, "silence has no grade");
        return;
    }
    read_range(&range, r);
    if (grade.node != NULL) {
        struct slice name = document_text(&grade, 1, LIMIT_NAME_BYTES);
        if (name.at != NULL && !pattern_is_text(name)) {
            document_expected(&grade, "a grade name in UTF-8");
        } else if (name.at != NULL) {
            r->grade = document_copy(&grade, a, name);
        }
    }
}

static void read_name(const struct document_place *at, struct arena *a,
                      const struct alert_routes *all, struct route *r)
{
    struct document_place m = document_member(at, "name");
    struct slice name = document_text(&m, 1, ROUTE_NAME_BYTES);
    if (name.at == NULL) {
        return;
    }
    if (!is_name(name) || slice_starts(name, "Ezrepo")) {
        document_expected(&m, "a name of letters, digits and _, not beginning with a digit, __ or "
                              "Ezrepo");
    } else if (alert_routes_find(all, name) != NULL) {
        document_fault(&m, "is the name of another route, too");
    } else {
        r->name = document_copy(&m, a, name);
    }
}

static void read_route(const struct document_place *at, struct alert_routes *all)
{
    static const char *const keys[] = {
        "name",  "of",    "criteria", "grade",       "range",     "for_s", "at_most_late_s",
        "limit", "hours", "labels",   "annotations", "time_zone", NULL};
    struct route *r = &all->route[all->count];
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place criteria = document_member(at, "criteria");
    struct document_place labels = document_member(at, "labels");
    struct document_place annotations = document_member(at, "annotations");
    read_name(at, all->arena, all, r);
    read_subject(at, all->arena, r);
    record_criteria_read(&criteria, all->arena, r->criteria);
    r->limit = 1000;
    read_integer(at, "for_s", "whole seconds", 0, LONGEST_S, &r->for_s);
    read_integer(at, "at_most_late_s", "whole seconds", 0, LONGEST_S, &r->at_most_late_s);
    read_integer(at, "limit", "a number", 1, ROUTE_LIMIT_MAX, &r->limit);
    r->hours = week_hours_read(at, all->arena, all->zones);
    read_pairs(&labels, all->arena, true, &r->labels);
    read_pairs(&annotations, all->arena, false, &r->annotations);
    all->count++;
}

static void read_all(struct document *d, const struct json *list, const struct json *labels,
                     struct alert_routes *r)
{
    struct document_place routes = document_part(d, "alertd.routes", list);
    struct document_place all = document_part(d, "alertd.labels", labels);
    read_pairs(&all, r->arena, true, &r->labels);
    if (list == NULL || !document_is_list(&routes, ROUTES_MAX)) {
        return;
    }
    for (struct document_place m = document_first(&routes); m.node != NULL; document_next(&m)) {
        read_route(&m, r);
    }
}

struct alert_routes *alert_routes_read(struct document *d, const struct json *list,
                                       const struct json *labels)
{
    struct alert_routes *r = calloc(1, sizeof *r);
    uint32_t before = d->faults;
    if (r != NULL) {
        r->arena = arena_new(ARENA_BYTES);
        r->zones = r->arena == NULL ? NULL : zones_new(r->arena);
    }
    if (r == NULL || r->zones == NULL) {
        document_fault_in(d, "alertd.routes", "out of memory");
    } else {
        read_all(d, list, labels, r);
    }
    if (d->faults > before) {
        alert_routes_free(&r);
    }
    return r;
}

void alert_routes_free(struct alert_routes **r)
{
    if (*r != NULL) {
        arena_free(&(*r)->arena);
        free(*r);
        *r = NULL;
    }
}

const struct route *alert_routes_find(const struct alert_routes *r, struct slice name)
{
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->route[i].name.at != NULL && slice_equal(r->route[i].name, name)) {
            return &r->route[i];
        }
    }
    return NULL;
}
