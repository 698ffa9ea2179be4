/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a grading document would have made of records that are stored: series by series, the records
 * of each in order of their start. By the code that grades (common/grade.h) and that makes periods
 * (common/periods/). Pure: no clock, no database.
 */
#ifndef EZREPO_DRY_RUN_H
#define EZREPO_DRY_RUN_H

#include "common/grade.h"
#include "reasond/dry_lane.h"

#define DRY_NAMES 1000    /* numbers of grade names that a store has at a time */
#define DRY_TIES  1000000 /* records of one series with one start */

/* A grade name of the store. */
struct dry_name {
    uint16_t id;
    struct slice name;
};

/* What is said of hold and flap at a place of a version of the store. */
struct dry_terms {
    uint32_t version, place;
    struct steady_terms terms;
};

/* All of it outlives the run. */
struct dry_setup {
    const struct grading *grading; /* the document */
    struct grade_rules *rules;     /* it, compiled */
    const struct schema_message *schemas;
    const struct dry_name *names;
    uint32_t name_count;
    const struct dry_terms *terms; /* by version and place, ascending */
    uint32_t term_count;
    uint32_t told;     /* series that change most, of each name; at most DRY_TOLD_MOST */
    struct slice only; /* this grade name; .at NULL: all */
    int64_t since_us;
};

/* A record as the store has it. Of values there are as many as its schema has results. */
struct dry_record {
    struct period_key key;
    int64_t t_end_us;
    const uint8_t *grades; /* by number, from 1: 0 to 5, DRY_NONE where there is none */
    uint32_t grade_count;
    struct slice steady; /* two bytes for each number */
    uint32_t version;
    uint32_t schema;
    struct slice *values;
};

struct dry_run;

/* NULL when memory is out. The caller owns it. */
struct dry_run *dry_run_new(const struct dry_setup *setup);
void dry_run_free(struct dry_run **run);

/* The grade names, those of the document first: an array. */
struct dry_lane *dry_run_lanes(struct dry_run *run, uint32_t *count);
/* The place among these of a grade name of the store; -1: it is not asked about. */
int32_t dry_run_lane_of(const struct dry_run *run, uint16_t grade_id);

/* Before series whose texts lie elsewhere than those of the ones before; schemas may be others. */
void dry_run_page(struct dry_run *run);

/* A record's grade by the store; grade DRY_NONE where there is none of that name. */
struct dry_grade dry_run_stored(const struct dry_run *run, const struct dry_record *r,
                                uint16_t grade_id);

/*
 * A series: its dimensions, which must live until its end, how long a silence ends its periods, and
 * of each lane the state before the range; NULL: there is none.
 */
void dry_run_series(struct dry_run *run, const struct slice dimensions[DIMENSION_COUNT],
                    int64_t gap_us, const struct steady *const *edges);

/* Its next record, in order of the start; those of one start may be in any order. 0; -1: memory is
 * out, or more than DRY_TIES have one start. */
int dry_run_record(struct dry_run *run, const struct dry_record *r);

/* It has no more. 0; -1 as above. */
int dry_run_series_end(struct dry_run *run);

#endif
