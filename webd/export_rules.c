/* SPDX-License-Identifier: Apache-2.0 */
/* Read once; every fault is told by its place. */
#include "webd/export_rules.h"

#include <stdlib.h>

#include "common/pattern.h"
#include "common/record_criteria.h"

#define ARENA_BYTES     ((size_t)4 << 20)
#define LIMIT_DEFAULT   1000
#define LINES_OF_SERIES 4 /* besides its metrics, at most */

static void read_name(const struct document_place *at, const struct export_rules *all,
                      struct export_rule *e)
{
    struct document_place m = document_member(at, "name");
    struct slice name = document_text(&m, 1, EXPORT_NAME_BYTES);
    if (name.at == NULL) {
        return;
    }
    if (!pattern_is_text(name)) {
        document_expected(&m, "UTF-8");
        return;
    }
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->at[i].name.at != NULL && slice_equal(all->at[i].name, name)) {
            document_fault(&m, "is the name of another export, too");
            return;
        }
    }
    e->name = document_copy(&m, all->arena, name);
}

static void read_grade(const struct document_place *at, struct arena *a, struct export_rule *e)
{
    struct document_place m = document_member(at, "grade");
    e->grade = slice_of("overall");
    if (m.node == NULL) {
        return;
    }
    struct slice name = document_text(&m, 1, LIMIT_NAME_BYTES);
    if (name.at != NULL && !pattern_is_text(name)) {
        document_expected(&m, "a grade name in UTF-8");
    } else if (name.at != NULL) {
        e->grade = document_copy(&m, a, name);
    }
}

static bool is_there(const struct export_rule *e, struct slice name)
{
    for (uint32_t i = 0; i < e->metric_count; i++) {
        if (slice_equal(e->metrics[i], name)) {
            return true;
        }
    }
    return false;
}

static void read_metrics(const struct document_place *at, struct arena *a, struct export_rule *e)
{
    struct document_place list = document_member(at, "metrics");
    if (list.node == NULL || !document_is_list(&list, LIMIT_EXPORTED_METRICS)) {
        return;
    }
    for (struct document_place m = document_first(&list); m.node != NULL; document_next(&m)) {
        struct slice name = document_text(&m, 1, LIMIT_NAME_BYTES);
        if (name.at != NULL && !pattern_is_text(name)) {
            document_expected(&m, "the name of a metric in UTF-8");
        } else if (name.at != NULL && is_there(e, name)) {
            document_fault(&m, "is there twice");
        } else if (name.at != NULL) {
            e->metrics[e->metric_count++] = document_copy(&m, a, name);
        }
    }
}

static void read_export(const struct document_place *at, struct export_rules *all)
{
    static const char *const keys[] = {"name", "criteria", "grade", "metrics", "limit", NULL};
    struct export_rule *e = &all->at[all->count];
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place criteria = document_member(at, "criteria");
    struct document_place limit = document_member(at, "limit");
    read_name(at, all, e);
    record_criteria_read(&criteria, all->arena, e->criteria);
    read_grade(at, all->arena, e);
    read_metrics(at, all->arena, e);
    e->limit = LIMIT_DEFAULT;
    if (limit.node != NULL) {
        document_integer(&limit, "a number", 1, EXPORT_SERIES_MAX, &e->limit);
    }
    all->count++;
}

static void read_all(struct document *d, const struct json *list, struct export_rules *e)
{
    struct document_place exports = document_part(d, "webd.export", list);
    int64_t sum = 0, lines = 0;
    if (list == NULL || !document_is_list(&exports, EXPORTS_MAX)) {
        return;
    }
    for (struct document_place m = document_first(&exports); m.node != NULL; document_next(&m)) {
        read_export(&m, e);
    }
    for (uint32_t i = 0; i < e->count; i++) {
        sum += e->at[i].limit;
        lines += e->at[i].limit * (LINES_OF_SERIES + e->at[i].metric_count);
    }
    if (sum > EXPORT_SERIES_MAX) {
        document_fault(&exports, "the limits of all together are at most %d, these are %lld",
                       EXPORT_SERIES_MAX, (long long)sum);
    }
    if (lines > EXPORT_LINES_MAX) {
        document_fault(&exports,
                       "of all together each limit times its metrics and %d is at most %d, these "
                       "are %lld",
                       LINES_OF_SERIES, EXPORT_LINES_MAX, (long long)lines);
    }
}

struct export_rules *export_rules_read(struct document *d, const struct json *list)
{
    struct export_rules *e = calloc(1, sizeof *e);
    uint32_t before = d->faults;
    if (e != NULL) {
        e->arena = arena_new(ARENA_BYTES);
    }
    if (e == NULL || e->arena == NULL) {
        document_fault_in(d, "webd.export", "out of memory");
    } else {
        read_all(d, list, e);
    }
    if (d->faults > before) {
        export_rules_free(&e);
    }
    return e;
}

void export_rules_free(struct export_rules **e)
{
    if (*e != NULL) {
        arena_free(&(*e)->arena);
        free(*e);
        *e = NULL;
    }
}
