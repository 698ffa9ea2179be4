/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a trial behind its records. */
#include "ctl/trial_report.h"

#include <inttypes.h>

#include "ctl/table.h"

void trial_tell_faults(const struct trial *t)
{
    uint64_t told = t->faults < TRIAL_FAULTS ? t->faults : TRIAL_FAULTS;
    for (uint64_t i = 0; i < told; i++) {
        table_safe(t->report, slice_of(t->fault[i] == NULL ? "out of memory" : t->fault[i]));
        fputc('\n', t->report);
    }
    if (t->faults > told) {
        fprintf(t->report, "and %" PRIu64 " more\n", t->faults - told);
    }
}

/* Of the rule for nothing at all: only looked for where there is nothing. */
static bool is_of_empty(const char *place)
{
    return strncmp(place, "empty", strlen("empty")) == 0;
}

static void tell_path(void *context, const char *place, struct slice path)
{
    const struct trial *t = context;
    if (is_of_empty(place)) {
        return;
    }
    fputs("  ", t->report);
    table_safe(t->report, path);
    fputs("  in ", t->report);
    table_safe(t->report, slice_of(place));
    fputc('\n', t->report);
}

/* Counts before they are told, for the heading. */
static void count_path(void *context, const char *place, struct slice path)
{
    (void)path;
    *(uint32_t *)context += !is_of_empty(place);
}

void trial_tell_untouched(struct trial *t, const struct format_reading *r, bool tried,
                          const char *heading)
{
    uint32_t count = 0;
    format_untouched(r, tried, count_path, &count);
    if (count > 0) {
        fprintf(t->report, "%s\n", heading);
        format_untouched(r, tried, tell_path, t);
    }
}

/* "3 documents" */
static void tell_count(const struct trial *t, uint64_t count, const char *what, const char *behind)
{
    fprintf(t->report, "%" PRIu64 " %s%s%s", count, what, count == 1 ? "" : "s", behind);
}

void trial_tell_summary(const struct trial *t)
{
    table_safe(t->report, slice_of(t->file));
    fprintf(t->report, " by %s: ", t->format);
    tell_count(t, t->documents, "document", ", ");
    if (t->ignored > 0) {
        fprintf(t->report, "%" PRIu64 " of them ignored, ", t->ignored);
    }
    if (t->ignored_lines > 0) {
        tell_count(t, t->ignored_lines, "line", " ignored, ");
    }
    tell_count(t, t->records, "record", ", ");
    tell_count(t, t->faults, "fault", "\n");
    if (t->grades != NULL && t->records > 0) {
        fprintf(t->report, "graded by %s\n", trial_grades_whose(t->grades));
    }
}

void trial_tell_nothing(const struct trial *t)
{
    table_safe(t->report, slice_of(t->file));
    if (t->something) {
        fputs(
            " has bytes, and no document in them for the mapping's input (of blocks: no line that "
            "a pattern of input.begin fits): no record\n",
            t->report);
        return;
    }
    fputs(" is empty, and the mapping does not say what that means (\"empty\"): no record. Many "
          "tools write nothing to standard output when they could not measure, and why to standard "
          "error: look there, or add 2>&1 to the command where the format reads it\n",
          t->report);
}

void trial_look_at_sizes(struct trial *t, bool whole)
{
    const struct trial_limits *l = &t->limits;
    const struct {
        uint64_t found, most;
        const char *what, *of;
    } sizes[] = {{t->bytes, l->bytes, "bytes", l->bytes_of},
                 {t->records, l->records, "records", l->records_of}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i].found <= sizes[i].most) {
            continue;
        }
        t->faults += whole;
        table_safe(t->report, slice_of(t->file));
        fprintf(t->report, ": expected at most %" PRIu64 " %s at once (%s), found %" PRIu64 "%s\n",
                sizes[i].most, sizes[i].what, sizes[i].of, sizes[i].found,
                whole ? "" : "; ezrepo send and ezrepo import deliver it in parts");
    }
}
