/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of a walk, a period and the event at its start, counts where the range has a record of it;
 * its event where it is another one than stood there when the range began.
 */
#include "reasond/dry_lane.h"

#include <stdlib.h>
#include <string.h>

void dry_lane_begin(struct dry_lane *l, const struct steady *edge, int64_t gap_us)
{
    static const struct steady none = {.grade = 0};
    l->begun = true;
    l->gap_us = gap_us;
    l->of_records = l->of_changed = 0;
    memset(l->of, 0, sizeof l->of);
    l->edge = edge == NULL ? none : *edge;
    l->walk[DRY_BEFORE] = l->walk[DRY_AFTER] = l->edge;
    l->settled.count = 0;
}

static const struct steady_row *edge_row(const struct dry_lane *l, const struct period_key *start)
{
    for (uint32_t i = 0; i < l->edge.row_count; i++) {
        if (period_key_compare(&l->edge.rows[i].period.start, start) == 0) {
            return &l->edge.rows[i];
        }
    }
    return NULL;
}

static bool same_event(const struct steady_row *a, const struct steady_row *b)
{
    return a->from == b->from && a->period.grade == b->period.grade &&
           a->period.flap == b->period.flap;
}

static void count_row(struct dry_lane *l, enum dry_side side, const struct steady_row *row)
{
    bool within = row->period.start.t_us >= l->since_us;
    const struct steady_row *was = within ? NULL : edge_row(l, &row->period.start);
    if (!within && was != NULL && row->period.sum.records <= was->period.sum.records) {
        return; /* none of its records is of the range */
    }
    l->of[side].periods++;
    l->by_grade[side][row->period.grade]++;
    l->of[side].events += was == NULL || !same_event(was, row);
}

static void count_settled(struct dry_lane *l, enum dry_side side)
{
    for (uint32_t i = 0; i < l->settled.count; i++) {
        count_row(l, side, &l->settled.at[i]);
    }
    l->settled.count = 0;
}

int dry_lane_step_edge(struct steady *edge, struct steady_rows *settled,
                       const struct steady_record *r, int64_t gap_us)
{
    settled->count = 0;
    return steady_step(edge, r, gap_us, settled);
}

int dry_lane_record(struct dry_lane *l, const struct period_key *key, int64_t t_end_us,
                    const struct dry_grade grades[DRY_SIDES])
{
    l->matrix[grades[DRY_BEFORE].grade][grades[DRY_AFTER].grade]++;
    l->of_records++;
    l->of_changed += grades[DRY_BEFORE].grade != grades[DRY_AFTER].grade;
    for (enum dry_side side = 0; side < DRY_SIDES; side++) {
        const struct dry_grade *g = &grades[side];
        if (g->grade == 0 || g->grade == DRY_NONE) {
            continue;
        }
        const struct steady_record r = {
            .record = {.key = *key, .t_end_us = t_end_us, .grade = g->grade},
            .stands = g->stands,
            .terms = g->terms};
        if (steady_step(&l->walk[side], &r, l->gap_us, &l->settled) == -1) {
            return -1;
        }
        if (l->settled.count > 0) {
            count_settled(l, side);
        }
    }
    return 0;
}

static void add(struct dry_figure *f, uint64_t n)
{
    f->sum += n;
    f->squares += (double)n * (double)n;
}

int dry_lane_end(struct dry_lane *l, const struct slice dimensions[DIMENSION_COUNT])
{
    for (enum dry_side side = 0; side < DRY_SIDES; side++) {
        for (uint32_t i = 0; i < l->walk[side].row_count; i++) {
            count_row(l, side, &l->walk[side].rows[i]);
        }
        add(&l->periods[side], l->of[side].periods);
        add(&l->events[side], l->of[side].events);
    }
    add(&l->records, l->of_records);
    add(&l->changed, l->of_changed);
    l->series++;
    l->series_changed += l->of_changed > 0;
    l->begun = false;
    if (l->of_changed == 0) {
        return 0;
    }
    const struct dry_told told = {.records = l->of_records,
                                  .changed = l->of_changed,
                                  .periods = {l->of[DRY_BEFORE].periods, l->of[DRY_AFTER].periods},
                                  .events = {l->of[DRY_BEFORE].events, l->of[DRY_AFTER].events}};
    return dry_most_add(&l->most, &told, dimensions, &l->example);
}

void dry_lane_release(struct dry_lane *l)
{
    free(l->settled.at);
    dry_example_release(&l->example);
    dry_most_release(&l->most);
    l->settled = (struct steady_rows){0};
}
