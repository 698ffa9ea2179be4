/* SPDX-License-Identifier: Apache-2.0 */
/* A trial of a format on a file, and what is told of it. */
#ifndef EZREPO_CTL_TRIAL_REPORT_H
#define EZREPO_CTL_TRIAL_REPORT_H

#include <stdio.h>

#include "common/formats/format.h"
#include "ctl/trial_grades.h"
#include "ctl/trial_limits.h"
#include "ctl/trial_remarks.h"

#define TRIAL_FAULTS 1000 /* told; the others are counted */

/* What is tried, and what came of it. */
struct trial {
    const char *file;   /* the name it has in messages */
    const char *format; /* likewise */
    struct arena *kept; /* the context, and faults */
    struct format_context context;
    struct trial_grades *grades;
    bool json;
    bool something; /* other than white space */
    struct trial_limits limits;
    FILE *report; /* where all but records goes */
    uint64_t bytes, documents, ignored, ignored_lines, records, faults;
    const char *fault[TRIAL_FAULTS]; /* a line each */
    struct trial_remarks remarks;
};

/* The faults, a line each. */
void trial_tell_faults(const struct trial *t);

/* Under the heading the paths that were tried and found nothing, or were not tried. */
void trial_tell_untouched(struct trial *t, const struct format_reading *r, bool tried,
                          const char *heading);

/* How much there was; or what it means that there was nothing, and the mapping does not say so. */
void trial_tell_summary(const struct trial *t);
void trial_tell_nothing(const struct trial *t);

/* What is more than a door takes at once: a fault where it can only come at once (`whole`). */
void trial_look_at_sizes(struct trial *t, bool whole);

#endif
