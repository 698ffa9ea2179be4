/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One grade name of one series after another, walked along twice over the same records: with the
 * grades that are stored, and with those that another document gives. What is told of both is in
 * sums over all series. Pure.
 *
 * Of the records before the range only the state at its beginning is known (the edge); both walks
 * go on from it, since a grading that had been published then would have graded nothing before.
 */
#ifndef EZREPO_DRY_LANE_H
#define EZREPO_DRY_LANE_H

#include "common/periods/steady.h"
#include "common/slice.h"
#include "reasond/dry_told.h"

#define DRY_GRADES 7 /* 0 to 5, and that there is none */
#define DRY_NONE   6

enum dry_side { DRY_BEFORE, DRY_AFTER, DRY_SIDES };

/* A number over all series; of a sample also its squares, by which it is told how far off it may
 * be. */
struct dry_figure {
    uint64_t sum;
    double squares;
};

/* What is counted, of one side or of both. */
struct dry_counts {
    uint64_t periods, events;
};

struct dry_lane {
    /* for who has it */
    struct slice name;
    uint16_t grade_id; /* in the store; 0: none */
    int32_t place;     /* in the document; -1: it is not there */
    int64_t since_us;  /* the beginning of the range */
    int64_t gap_us;    /* of the series at hand */
    /* over all series that are done */
    uint64_t matrix[DRY_GRADES][DRY_GRADES]; /* records, by grade before and after */
    uint64_t by_grade[DRY_SIDES][6];         /* periods, by their grade */
    struct dry_figure records, changed, periods[DRY_SIDES], events[DRY_SIDES];
    uint64_t series, series_changed;
    /* the series at hand */
    bool begun;
    uint64_t of_records, of_changed;
    struct dry_counts of[DRY_SIDES];
    struct steady edge;
    struct steady walk[DRY_SIDES];
    struct steady_rows settled;
    struct dry_example example; /* of the series */
    struct dry_most most;
};

/* One record's grade of that name: 0 to 5 or DRY_NONE, what it lets stand, and what is said of hold
 * and flap; NULL: nothing. */
struct dry_grade {
    uint8_t grade, stands;
    const struct steady_terms *terms;
};

/* Another series begins; edge NULL: there is nothing before the range. */
void dry_lane_begin(struct dry_lane *l, const struct steady *edge, int64_t gap_us);

/* Goes on with the edge: a graded record that is before the range. 0; -1: memory is out. */
int dry_lane_step_edge(struct steady *edge, struct steady_rows *settled,
                       const struct steady_record *r, int64_t gap_us);

/* The next record of the range, in order. 0; -1: memory is out. */
int dry_lane_record(struct dry_lane *l, const struct period_key *key, int64_t t_end_us,
                    const struct dry_grade grades[DRY_SIDES]);

/* The series, which has these dimensions, has no more: what is known of it goes into the sums. 0;
 * -1: memory is out. */
int dry_lane_end(struct dry_lane *l, const struct slice dimensions[DIMENSION_COUNT]);

void dry_lane_release(struct dry_lane *l);

#endif
