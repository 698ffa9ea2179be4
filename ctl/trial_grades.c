/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trial_grades.h"

#include <stdlib.h>

#include "common/grade.h"
#include "ctl/ctl.h"

struct trial_grades {
    const char *file;
    struct arena *arena;
    struct record_types *types;
    const struct grading *grading;
    struct grade_rules *rules;
};

struct trial_grades *trial_grades_new(const char *grading_file, const char *schemas_dir,
                                      const char *record_types_dir, const char *formats_dir)
{
    struct trial_grades *g = calloc(1, sizeof *g);
    struct slice document;
    if (g == NULL) {
        ctl_failed("out of memory");
        return NULL;
    }
    g->arena = arena_new(GRADING_ARENA_BYTES);
    g->types = record_types_of(schemas_dir, record_types_dir, formats_dir);
    if (g->arena != NULL && g->types != NULL) {
        g->file = arena_copy(g->arena, slice_of(grading_file)).at;
        g->grading = ctl_read_grading(g->arena, grading_file, &document);
    }
    if (g->file != NULL && g->grading != NULL) {
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

const char *trial_grades_file(const struct trial_grades *g)
{
    return g->file;
}

struct slice trial_grades_text(struct trial_grades *g, struct arena *a,
                               const struct format_record *record)
{
    uint8_t grades[LIMIT_GRADE_NAMES];
    const struct schema_message schema = {.results = (struct slice *)(uintptr_t)record->names,
                                          .results_count = record->metric_count};
    struct record_message message = {.values = (struct slice *)(uintptr_t)record->values,
                                     .values_count = record->metric_count};
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
