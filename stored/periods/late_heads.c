/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A late record in a long period must not make us read months. An example: a period of grade 5
 * with a record each second began at 08:20; at 14:30 comes one of grade 2, late.
 *
 *   08:20    09:00    10:00      ...      13:00    14:00    14:30
 *     |--read--|--------|------- counted ----|--------|--walk--x-- taken as the rest
 *        2400           5 sealed hours: 18000            1800
 *
 * The head ends where the hour of the late record begins, or the first hour that is not sealed. Its
 * 20400 records are known for 2400 that are read: the roll-up counts whole hours, and those between
 * are the period's own as a whole, which its first one is not. What lies behind 14:30 is not read
 * either: periods.c knows how many records the period has.
 *
 * The roll-up does not say when the head's latest record ends. That is looked for among the newest:
 * where each record is an instant, among those of 13:00 only. An hour has noted how far its records
 * reach; would one that starts at 11:10 last until 13:30, we would read from 11:00 on.
 */
#include "stored/periods/late_heads.h"

#include "stored/periods/period_rows.h"

/* Below, reading is as cheap. */
#define RECORDS_WORTH 512
#define HOURS_WORTH   2 /* in the roll-up */

/* Hours that hold measurements, within [first, behind) of the calendar's. */
struct hour_span {
    const struct calendar_hour *first;
    uint32_t count;
    int32_t behind; /* the hour the head ends before */
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/*
 * Up to where all that the pair has from the period's start on belongs to it. This flush may have
 * ended an open one before the late record already: by a record behind the key through which its
 * row holds, or behind the row's end.
 */
static int64_t own_until_us(const struct period_pair *pair, const struct period *period,
                            int64_t late_us)
{
    const struct series_grade *g = series_grade_find(pair->series, pair->grade_id);
    if (period->ended != PERIOD_OPEN ||
        period_key_compare(&g->open.start, &period->start) == 0) { /* nor by this flush */
        return late_us;
    }
    return earlier(late_us, earlier(g->through.t_us, period->sum.t_end_us));
}

/* The sealed hours from `first` on without a break, before the one of `until_us`. */
static struct hour_span sealed_span(const struct calendar *c, int32_t first, int64_t until_us)
{
    struct hour_span s = {.behind = calendar_hour_of(until_us)};
    for (uint32_t i = calendar_place(c, first); i < c->hour_count && c->hours[i].hour < s.behind;
         i++) {
        if (c->hours[i].state < HOUR_SEALED) {
            s.behind = c->hours[i].hour;
            break;
        }
        s.first = s.count++ == 0 ? &c->hours[i] : s.first;
    }
    return s;
}

/* The pair's graded records in these hours: their number, and the last hour that has any. 1; 0:
 * there are none; -1. */
static int count_hours(struct store *store, const struct period_pair *pair,
                       const struct hour_span *s, uint64_t *records, int32_t *last)
{
    struct pg_params *p = &store->params;
    pg_params_begin(p);
    pg_add_64(p, pair->series->id);
    pg_add_16(p, (int16_t)pair->grade_id);
    int hours = pg_add_array(p, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < s->count; i++) {
        pg_put_time(p, hours, s->first[i].hour * HOUR_US);
    }
    PGresult *r = pg_rows(&store->pg, SQL_HEAD_HOURS, p);
    if (r == NULL) {
        return -1;
    }
    *records = (uint64_t)pg_cell_64(r, 0, 0);
    *last = calendar_hour_of(pg_cell_time(r, 0, 1));
    PQclear(r);
    return *records > 0;
}

/*
 * From when on the latest end is to be looked for: what started before ends before the hour `last`,
 * in which the pair has records.
 */
static int64_t reaching_us(const struct calendar *c, int64_t first_us, int32_t last)
{
    for (uint32_t i = calendar_place(c, calendar_hour_of(first_us)); i < c->hour_count; i++) {
        if (c->hours[i].hour >= last || c->hours[i].reach >= last) {
            int64_t hour_us = c->hours[i].hour * HOUR_US;
            return hour_us > first_us ? hour_us : first_us;
        }
    }
    return first_us;
}

/* Reads the records behind `from` of that hour, and those from latest_us on: *head is complete
 * then. */
static int read_ends(struct store *store, const struct period_pair *pair,
                     const struct period_key *from, int64_t latest_us, const struct hour_span *s,
                     struct period_head *head)
{
    struct pg_params *p = &store->params;
    period_rows_alone(p, pair->series->id, pair->grade_id, from);
    pg_add_time(p, (calendar_hour_of(from->t_us) + INT64_C(1)) * HOUR_US);
    pg_add_time(p, latest_us);
    pg_add_time(p, s->behind * HOUR_US);
    PGresult *r = pg_rows(&store->pg, SQL_HEAD_RECORDS, p);
    if (r == NULL) {
        return -1;
    }
    const struct period_sum sum = period_rows_sum(r, 0, 0);
    period_sum_add(&head->sum, &sum);
    head->until_us = s->behind * HOUR_US;
    PQclear(r);
    return 0;
}

int head_extend(struct store *store, struct period_pair pair, const struct period *period,
                const struct period_key *late, struct period_head *head)
{
    const struct calendar *c = &store->calendar;
    if (period->ended != PERIOD_OPEN && late->t_us > period->sum.t_end_us) { /* all of it */
        *head = (struct period_head){period->sum, period->sum.t_end_us + 1};
        return 0;
    }
    if (period->sum.records < head->sum.records + RECORDS_WORTH) {
        return 0;
    }
    const struct period_key from = periods_repair_from(period, head);
    const struct hour_span s =
        sealed_span(c, calendar_hour_of(from.t_us) + 1, own_until_us(&pair, period, late->t_us));
    if (s.count < HOURS_WORTH) {
        return 0;
    }
    uint64_t records;
    int32_t last;
    int rc = count_hours(store, &pair, &s, &records, &last);
    if (rc != 1) {
        return rc;
    }
    head->sum.records += records;
    return read_ends(store, &pair, &from, reaching_us(c, from.t_us, last), &s, head);
}
