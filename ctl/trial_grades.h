/* SPDX-License-Identifier: Apache-2.0 */
/* The grades that records would get by a grading document, without a store. */
#ifndef EZREPO_CTL_TRIAL_GRADES_H
#define EZREPO_CTL_TRIAL_GRADES_H

#include "common/formats/format.h"

struct trial_grades;

/* Where the grading comes from. */
struct trial_grading {
    const char *file;      /* this one; NULL: */
    bool ask;              /* the one in force, of the gateway that mplane_options name; else: */
    const char *otherwise; /* this one, likewise where the gateway does not tell */
};

/*
 * By a grading document and the record types of these files (common/record_types.h). NULL after a
 * complaint. The caller owns it.
 */
struct trial_grades *trial_grades_new(const struct trial_grading *from, const char *schemas_dir,
                                      const char *record_types_dir, const char *formats_dir);
void trial_grades_free(struct trial_grades **g);

/* Which grading that is, for people. */
const char *trial_grades_whose(const struct trial_grades *g);

/* "overall 4, video ungraded", in the arena, of the blocks that are about such a record; .at NULL
 * when there are none, or memory is out. */
struct slice trial_grades_text(struct trial_grades *g, struct arena *a,
                               const struct format_record *record);

#endif
