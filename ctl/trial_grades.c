/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trial_grades.h"

#include <stdlib.h>

#include "common/grade.h"
#include "ctl/ctl.h"
#include "ctl/grading_in_force.h"

struct trial_grades {
    const char *whose;
    struct arena *arena;
    struct record_types *types;
    const struct grading *grading;
    struct grade_rules *rules;
};

/* By the one in force. -1 where the gateway does not tell, which it was complained about. */
static int ask(struct trial_grades *g)
{
    struct grading_in_force of;
    int code;
    struct mplane_client *client = mplane_client_new(g->arena, &code);
    int rc = client == NULL ? -1 : grading_in_force(g->arena, client, &of);
    mplane_client_free(&client);
    if (rc == 0) {
        g->grading = of.grading;
        g->whose = arena_printf(g->arena, "version %llu, the grading in force",
                                (unsigned long long)of.version);
    }
    return rc;
}

static void read_grading(struct trial_grades *g, const struct trial_grading *from)
{
    struct slice document;
    if (from->file != NULL) {
        g->grading = ctl_read_grading(g->arena, from->file, &document);
        g->whose = arena_copy(g->arena, slice_of(from->file)).at;
    } else if (!from->ask || ask(g) == -1) {
        g->grading = ctl_read_grading(g->arena, from->otherwise, &document);
        g->whose = arena_printf(
            g->arena, "%s%s", from->otherwise,
            from->ask ? ", since the set does not tell the grading in force"
                      : "; what the store of a set grades by tells `ezrepo grading get`");
    }
}

struct trial_grades *trial_grades_new(const struct trial_grading *from, const char *schemas_dir,
                                      const char *record_types_dir, const char *formats_dir)
{
    struct trial_grades *g = calloc(1, sizeof *g);
    if (g == NULL) {
        ctl_failed("out of memory");
        return NULL;
    }
    g->arena = arena_new(GRADING_ARENA_BYTES);
    g->types = record_types_of(schemas_dir, record_types_dir, formats_dir);
    if (g->arena != NULL && g->types != NULL) {
        read_grading(g, from);
    }
    if (g->whose != NULL && g->grading != NULL) {
        g->rules = grade_rules_new(g->grading, g->types);
    }
    if (g->rules == NULL) {
        trial_grades_free(&g);
    }
    return g;
}

void trial_grades_free(struct trial_grades **g)
{
    if (*g != NULL) {
        grade_rules_free(&(*g)->rules);
        record_types_free(&(*g)->types);
        arena_free(&(*g)->arena);
        free(*g);
        *g = NULL;
    }
}

const char *trial_grades_whose(const struct trial_grades *g)
{
    return g->whose;
}

struct slice trial_grades_text(struct trial_grades *g, struct arena *a,
                               const struct format_record *record)
{
    uint8_t grades[LIMIT_GRADE_NAMES];
    const struct schema_message schema = {.results = (struct slice *)(uintptr_t)record->names,
                                          .results_count = record->metric_count};
    struct record_message message = {.values = (struct slice *)(uintptr_t)record->values,
                                     .values_count = record->metric_count,
                                     .t_start_us = record->start_us};
    const char *text = NULL;
#define TAKE_DIMENSION(x, name, Name, addresses, help)                                             \
    message.name = record->dimensions[DIMENSION_##name];
    DIMENSIONS(TAKE_DIMENSION, )
#undef TAKE_DIMENSION
    grade_begin(g->rules, &schema);
    grade_record(g->rules, &message, grades);
    for (uint32_t i = 0; i < g->grading->name_count; i++) {
        struct slice name = g->grading->names[i];
        const char *before = text == NULL ? "" : text, *comma = text == NULL ? "" : ", ";
        if (grades[i] == 0) {
            text = arena_printf(a, "%s%s%.*s ungraded", before, comma, (int)name.len, name.at);
        } else if (grades[i] != GRADE_NONE) {
            text = arena_printf(a, "%s%s%.*s %u", before, comma, (int)name.len, name.at, grades[i]);
        }
    }
    return slice_of(text);
}
