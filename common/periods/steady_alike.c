/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Late records within a calm time change how many records a row has, and nothing of what comes
 * behind. How many they are is looked at nowhere in a walk, but that a run's are counted and that
 * the last row may have none beside those of its run. Pure.
 */
#include "common/periods/steady.h"

static bool same_run(const struct steady *a, const struct steady *b)
{
    if (a->run.side != b->run.side || a->run.side == 0) {
        return a->run.side == b->run.side;
    }
    const uint64_t more =
        a->rows[a->row_count - 1].period.sum.records - b->rows[b->row_count - 1].period.sum.records;
    return a->run.nearest == b->run.nearest && a->run.records == b->run.records &&
           period_key_compare(&a->run.first, &b->run.first) == 0 &&
           period_sum_equal(&a->run.sum, &b->run.sum) &&
           a->run.before.t_end_us == b->run.before.t_end_us &&
           (a->run.before.records == 0) == (b->run.before.records == 0) &&
           a->run.before.records - b->run.before.records == more;
}

static bool same_flapping(const struct steady *a, const struct steady *b)
{
    return a->flaps == b->flaps &&
           (!a->flaps || (a->flap_us == b->flap_us && a->change_us == b->change_us));
}

static bool same_row(const struct steady_row *a, const struct steady_row *b)
{
    const struct period *p = &a->period, *q = &b->period;
    return period_key_compare(&p->start, &q->start) == 0 && p->sum.t_end_us == q->sum.t_end_us &&
           p->grade == q->grade && p->ended == q->ended && p->flap == q->flap &&
           a->from == b->from && a->change == b->change;
}

bool steady_alike(const struct steady *a, const struct steady *b, struct steady_more *more)
{
    more->count = 0;
    if (a->grade != b->grade || a->latest_us != b->latest_us || a->reaches_us != b->reaches_us ||
        a->row_count != b->row_count || a->row_count == 0 || !same_run(a, b) ||
        !same_flapping(a, b)) {
        return false;
    }
    for (uint32_t i = 0; i < a->row_count; i++) {
        const struct period *p = &a->rows[i].period, *q = &b->rows[i].period;
        if (!same_row(&a->rows[i], &b->rows[i])) {
            return false;
        }
        if (p->sum.records != q->sum.records) {
            more->at[more->count].start = p->start;
            more->at[more->count++].records = p->sum.records - q->sum.records;
        }
    }
    return true;
}

/* The row that begins at a key or took in the one that did, from 1; 0: it was settled. */
static uint32_t row_of(const struct steady *s, const struct period_key *start)
{
    uint32_t rows = 0;
    while (rows < s->row_count && period_key_compare(&s->rows[rows].period.start, start) <= 0) {
        rows++;
    }
    return rows;
}

bool steady_add(struct steady *s, const struct steady_more *more)
{
    bool any = false;
    for (uint32_t i = 0; i < more->count; i++) {
        uint32_t row = row_of(s, &more->at[i].start);
        if (row == 0) {
            continue;
        }
        s->rows[row - 1].period.sum.records += more->at[i].records;
        if (row == s->row_count && s->run.side != 0) {
            s->run.before.records += more->at[i].records;
        }
        any = true;
    }
    return any;
}

static uint64_t records_in(const struct steady *s, uint32_t row, const struct steady_more *more)
{
    uint64_t records = 0;
    for (uint32_t i = 0; i < more->count; i++) {
        records += row_of(s, &more->at[i].start) == row ? more->at[i].records : 0;
    }
    return records;
}

void steady_more_join(const struct steady *s, struct steady_more *more,
                      const struct steady_more *earlier)
{
    struct steady_more both = {0};
    for (uint32_t row = 1; row <= s->row_count; row++) {
        uint64_t records = records_in(s, row, more) + records_in(s, row, earlier);
        if (records != 0) {
            both.at[both.count].start = s->rows[row - 1].period.start;
            both.at[both.count++].records = records;
        }
    }
    *more = both;
}
