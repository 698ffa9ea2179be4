/* SPDX-License-Identifier: Apache-2.0 */
/* What grades: for classifyd, and for who asks why. */
#include "common/grade_edition.h"

#include <stdio.h>

void grade_edition_release(struct grade_edition *e)
{
    grade_rules_free(&e->rules);
    record_types_free(&e->types);
    arena_free(&e->arena);
    *e = (struct grade_edition){0};
}

int grade_edition_read(struct grade_edition *e, struct slice document, struct slice types,
                       const struct record_types *others, char *why, size_t why_size)
{
    struct grading_faults faults = {0};
    bool kept = types.len > 0;
    *e = (struct grade_edition){.arena = arena_new(GRADING_ARENA_BYTES)};
    if (e->arena != NULL) {
        e->grading = grading_read_kept(e->arena, document, types, &faults);
    }
    if (e->grading != NULL && kept) {
        e->types = record_types_read_kept(types); /* says what is wrong */
    }
    if (e->grading != NULL && (e->types != NULL || !kept)) {
        e->rules = grade_rules_new(e->grading, kept ? e->types : others);
    }
    if (e->rules != NULL) {
        return 0;
    }
    if (faults.kept > 0) {
        snprintf(why, why_size, "%u faults, the first: %s", faults.count, faults.text[0]);
    } else {
        bool unread = e->grading != NULL && kept && e->types == NULL;
        snprintf(why, why_size, "%s", unread ? "its record types cannot be read" : "out of memory");
    }
    grade_edition_release(e);
    return -1;
}
