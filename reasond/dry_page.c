/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of series: which ones, and how each stands at the beginning of the range. Their records:
 * dry_records.c.
 *
 * How a pair stands then is what the store has made of all records before: a state that stored has
 * kept and the records behind it, where its grading asked for steadiness; else its last periods. Of
 * the last one, which may go on within the range, it is looked up among the records before when it
 * ended last: only of those that reach up to a gap before the range, since earlier ends are all
 * alike: behind them there is a gap.
 */
#include <stdlib.h>

#include "reasond/dry_job.h"
#include "reasond/dry_sql.h"

enum { SERIES, KEPT, PERIODS };

#define PERIODS_STEADY (STEADY_ROWS + 1) /* that are looked at where something asks for it */

/* ---- which series ---- */

bool dry_job_fits(const struct dry_job *job, const struct slice dimensions[DIMENSION_COUNT])
{
    bool seen = job->sees_count == 0;
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (!pattern_matches(&job->criteria.of[d], dimensions[d])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < job->sees_count && !seen; i++) {
        seen = true;
        for (enum dimension d = 0; d < DIMENSION_COUNT && seen; d++) {
            seen = pattern_matches(&job->sees[i].of[d], dimensions[d]);
        }
    }
    return seen;
}

/* By its number, mixed (the finaliser of splitmix64), so that a sample is one of all series, and
 * the same one each time. */
static bool is_sampled(const struct dry_job *job, int64_t id)
{
    uint64_t x = (uint64_t)id + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return job->share >= 1 || (double)(x >> 11) * 0x1p-53 < job->share;
}

static const struct dry_gap *gap_of(const struct dry_job *job, struct slice type)
{
    const struct dry_gap *others = NULL;
    for (uint32_t i = 0; i < job->gap_count; i++) {
        if (slice_equal(job->gaps[i].type, type)) {
            return &job->gaps[i];
        }
        others = job->gaps[i].type.len == 0 ? &job->gaps[i] : others;
    }
    return others;
}

static int take_series(struct dry_job *job, const PGresult *r, int row)
{
    struct dry_series *s = &job->series[job->series_count];
    s->id = job->series_last = pg_cell_64(r, row, 0);
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        s->dimensions[d] = pg_cell_text(r, row, 1 + (int)d);
    }
    if (!dry_job_fits(job, s->dimensions)) {
        return 0;
    }
    job->series_seen++;
    if (!is_sampled(job, s->id)) {
        return 0;
    }
    job->series_taken++;
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        s->dimensions[d] = arena_copy(job->page, s->dimensions[d]);
        if (s->dimensions[d].at == NULL) {
            return -1;
        }
    }
    s->gap = gap_of(job, s->dimensions[DIMENSION_type]);
    s->from_us = job->since_us;
    job->series_count++;
    return s->gap == NULL ? -1 : 0;
}

static void put_series(void *owner, struct pg_params *p)
{
    const struct dry_job *job = owner;
    pg_add_64(p, job->series_last);
    pg_add_32(p, (int32_t)job->page_size);
}

static int on_series(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    job->series_count = 0;
    arena_reset(job->page);
    memset(job->edges, 0, (size_t)job->page_size * job->lane_count * sizeof *job->edges);
    for (int i = 0; i < PQntuples(r); i++) {
        if (take_series(job, r, i) == -1) {
            dry_job_fail(job, ANSWER_UNAVAILABLE, "out of memory");
            return PG_OVER;
        }
    }
    if (job->series_count > 0) {
        return KEPT;
    }
    if (PQntuples(r) == 0) {
        job->phase = DRY_VERSIONS;
        return PG_OVER;
    }
    return SERIES;
}

/* ---- how they stand at the beginning of the range ---- */

static void put_pairs(void *owner, struct pg_params *p)
{
    const struct dry_job *job = owner;
    uint32_t lanes;
    const struct dry_lane *l = dry_run_lanes(job->run, &lanes);
    int series = pg_add_array(p, PG_BIGINT);
    for (uint32_t i = 0; i < job->series_count; i++) {
        pg_put_64(p, series, job->series[i].id);
    }
    int names = pg_add_array(p, PG_SMALLINT);
    for (uint32_t i = 0; i < lanes; i++) {
        if (l[i].grade_id != 0) {
            pg_put_16(p, names, (int16_t)l[i].grade_id);
        }
    }
    pg_add_time(p, job->since_us);
}

static int by_id(const void *a, const void *b)
{
    const struct dry_series *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

struct dry_series *dry_page_series(const struct dry_job *job, int64_t id)
{
    const struct dry_series wanted = {.id = id};
    return bsearch(&wanted, job->series, job->series_count, sizeof wanted, by_id);
}

struct dry_edge *dry_page_edge(struct dry_job *job, const struct dry_series *s, int16_t grade_id)
{
    int32_t lane = s == NULL ? -1 : dry_run_lane_of(job->run, (uint16_t)grade_id);
    return lane == -1 ? NULL
                      : &job->edges[(size_t)(s - job->series) * job->lane_count + (uint32_t)lane];
}

static struct period_key key_of(const PGresult *r, int row, int column)
{
    int64_t end_us = pg_cell_time(r, row, column + 1);
    return (struct period_key){pg_cell_time(r, row, column), end_us,
                               pg_cell_64(r, row, column + 2)};
}

static void read_from(struct dry_series *s, int64_t us)
{
    s->from_us = us < s->from_us ? us : s->from_us;
}

static int on_kept(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    for (int i = 0; i < PQntuples(r); i++) {
        struct dry_series *s = dry_page_series(job, pg_cell_64(r, i, 0));
        struct dry_edge *e = dry_page_edge(job, s, pg_cell_16(r, i, 1));
        if (e == NULL) {
            continue;
        }
        *e = (struct dry_edge){.is_there = true, .kept = true, .behind = key_of(r, i, 2)};
        if (steady_decode(pg_cell_text(r, i, 5), &e->walk) == -1) {
            dry_job_fail(job, ANSWER_UNAVAILABLE, "a state of steady_walk cannot be read");
            return PG_OVER;
        }
        read_from(s, e->behind.t_us);
    }
    return PERIODS;
}

/* Nothing asks for steadiness, in the document or ever in the store. */
static bool is_plain(const struct dry_job *job)
{
    return job->grading->term_count == 0 && job->setup.term_count == 0;
}

static void put_periods(void *owner, struct pg_params *p)
{
    const struct dry_job *job = owner;
    put_pairs(owner, p);
    pg_add_32(p, is_plain(job) ? 1 : PERIODS_STEADY);
    int looks = pg_add_array(p, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < job->series_count; i++) {
        pg_put_time(p, looks, job->series[i].gap->looks_us);
    }
}

static uint8_t ended_of(struct slice text)
{
    return text.len == 0             ? PERIOD_OPEN
           : slice_is(text, "gap")   ? PERIOD_GAP
           : slice_is(text, "grade") ? PERIOD_GRADE
                                     : PERIOD_STEADY;
}

static struct period period_of(const PGresult *r, int row)
{
    struct period p = {.start = key_of(r, row, DRY_T_START),
                       .sum = {.t_end_us = pg_cell_time(r, row, DRY_T_END),
                               .records = (uint64_t)pg_cell_64(r, row, DRY_COUNT)},
                       .grade = (uint8_t)pg_cell_16(r, row, DRY_GRADE),
                       .ended = ended_of(pg_cell_text(r, row, DRY_ENDED))};
    return p;
}

/* The last period before the range may have records of it: then its end is not yet known. */
static void cut(const struct dry_job *job, const PGresult *r, int row, struct dry_series *s,
                struct period *p)
{
    if (p->ended != PERIOD_OPEN && p->sum.t_end_us < job->since_us) {
        return;
    }
    p->sum = (struct period_sum){.t_end_us = p->start.end_us, .records = 1};
    if (!PQgetisnull(r, row, DRY_DROPPED_END)) {
        int64_t dropped_us = pg_cell_time(r, row, DRY_DROPPED_END);
        p->sum.t_end_us = dropped_us > p->sum.t_end_us ? dropped_us : p->sum.t_end_us;
    }
    read_from(s, p->start.t_us > s->gap->looks_us ? p->start.t_us : s->gap->looks_us);
}

/* The rows of one pair, the newest first. How many there are. */
static int take_periods(struct dry_job *job, const PGresult *r, int first)
{
    struct period newest[PERIODS_STEADY];
    struct dry_series *s = dry_page_series(job, pg_cell_64(r, first, DRY_OF_SERIES));
    struct dry_edge *e = dry_page_edge(job, s, pg_cell_16(r, first, DRY_OF_NAME));
    int count = 0;
    int64_t latest_us = INT64_MIN;
    struct period_key gap_from = {DRY_FIRST_US, 0, -1};
    bool gap = false;
    for (; first + count < PQntuples(r); count++) {
        int row = first + count;
        if (pg_cell_64(r, row, DRY_OF_SERIES) != pg_cell_64(r, first, DRY_OF_SERIES) ||
            pg_cell_16(r, row, DRY_OF_NAME) != pg_cell_16(r, first, DRY_OF_NAME)) {
            break;
        }
        struct period p = period_of(r, row);
        if (count == 0 && e != NULL) {
            cut(job, r, row, s, &p);
        }
        gap = gap || (count > 0 && p.ended == PERIOD_GAP);
        if (!gap) {
            gap_from = p.start;
            latest_us = p.sum.t_end_us > latest_us ? p.sum.t_end_us : latest_us;
        }
        if (count < PERIODS_STEADY) {
            newest[count] = p;
        }
    }
    if (e != NULL && !e->is_there) {
        uint32_t known = (uint32_t)(count < PERIODS_STEADY ? count : PERIODS_STEADY);
        *e = (struct dry_edge){.is_there = true, .behind = gap_from};
        steady_of_periods(&e->walk, newest, known, latest_us);
        if (!is_plain(job)) {
            read_from(s, s->gap->looks_us);
        }
    }
    return count;
}

static int on_periods(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    for (int row = 0; row < PQntuples(r);) {
        row += take_periods(job, r, row);
    }
    job->phase = DRY_EDGES;
    return PG_OVER;
}

const struct pg_step dry_page_steps[] = {
    [SERIES] = {.name = "series",
                .statement = DRY_SQL_SERIES,
                .put = put_series,
                .answer = PG_ANSWER_ROWS,
                .done = on_series},
    [KEPT] = {.name = "kept states",
              .statement = DRY_SQL_KEPT,
              .put = put_pairs,
              .answer = PG_ANSWER_ROWS,
              .done = on_kept},
    [PERIODS] = {.name = "periods",
                 .statement = DRY_SQL_PERIODS,
                 .put = put_periods,
                 .answer = PG_ANSWER_ROWS,
                 .done = on_periods},
};
