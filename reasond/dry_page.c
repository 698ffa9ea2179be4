/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of series: which ones, how each stands at the beginning of the range, and its records.
 *
 * How a pair stands then is what the store has made of all records before: a state that stored has
 * kept and the records behind it, where its grading asked for steadiness; else its last periods. Of
 * the last one, which may go on within the range, it is looked up among the records before when it
 * ended last: only of those that reach up to a gap before the range, since earlier ends are all
 * alike: behind them there is a gap.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/when_time.h"
#include "reasond/dry_job.h"
#include "reasond/dry_row.h"
#include "reasond/dry_sql.h"

enum { SERIES, KEPT, PERIODS };

#define PERIODS_STEADY (STEADY_ROWS + 1) /* that are looked at where something asks for it */
#define SPARSE         4                 /* one of so many numbers is asked for, or fewer */
#define LAST_US        INT64_C(253402300800000000) /* the year 10000 */
#define FIRST_US       INT64_C(-62135596800000000)

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

static struct dry_series *series_of(const struct dry_job *job, int64_t id)
{
    const struct dry_series wanted = {.id = id};
    return bsearch(&wanted, job->series, job->series_count, sizeof wanted, by_id);
}

/* NULL: it is not asked about. */
static struct dry_edge *edge_of(struct dry_job *job, const struct dry_series *s, int16_t grade_id)
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
        struct dry_series *s = series_of(job, pg_cell_64(r, i, 0));
        struct dry_edge *e = edge_of(job, s, pg_cell_16(r, i, 1));
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
    struct dry_series *s = series_of(job, pg_cell_64(r, first, DRY_OF_SERIES));
    struct dry_edge *e = edge_of(job, s, pg_cell_16(r, first, DRY_OF_NAME));
    int count = 0;
    int64_t latest_us = INT64_MIN;
    struct period_key gap_from = {FIRST_US, 0, -1};
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

/* ---- which records ---- */

static const char *time_sql(struct arena *a, int64_t us)
{
    char text[WHEN_TEXT];
    if (us < FIRST_US || us >= LAST_US) {
        return us < 0 ? "'-infinity'::timestamptz" : "'infinity'::timestamptz";
    }
    when_time_text(us, text);
    return arena_printf(a, "'%s+00'::timestamptz", text);
}

static void list_of_series(const struct dry_job *job, FILE *f)
{
    for (uint32_t i = 0; i < job->series_count; i++) {
        fprintf(f, "%s%" PRId64, i == 0 ? "" : ",", job->series[i].id);
    }
}

/* The text of an open memory stream, in the page's arena. */
static const char *take_text(struct dry_job *job, FILE *f, char **text)
{
    bool whole = fclose(f) == 0;
    const char *kept = whole ? arena_copy(job->page, slice_of(*text)).at : NULL;
    free(*text);
    return kept;
}

/* Those that matter lie in the hours before the range; a state may have been kept long before. */
const char *dry_page_edges_sql(struct dry_job *job)
{
    char *text = NULL;
    size_t size = 0;
    int64_t from_us = job->since_us;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return NULL;
    }
    fputs("COPY (SELECT " DRY_EDGE_COLUMNS " FROM (VALUES ", f);
    for (uint32_t i = 0, n = 0; i < job->series_count; i++) {
        const struct dry_series *s = &job->series[i];
        const char *time = s->from_us < job->since_us ? time_sql(job->page, s->from_us) : "";
        if (time == NULL || s->from_us >= job->since_us) {
            continue;
        }
        from_us = s->from_us < from_us ? s->from_us : from_us;
        fprintf(f, "%s(%" PRId64 "::bigint, %s)", n++ == 0 ? "" : ",", s->id, time);
    }
    const char *from = time_sql(job->page, from_us), *since = time_sql(job->page, job->since_us);
    if (from_us == job->since_us || from == NULL || since == NULL) {
        fclose(f);
        free(text);
        return from_us == job->since_us ? "" : NULL;
    }
    fprintf(f,
            ") AS u (id, first) CROSS JOIN LATERAL (SELECT * FROM measurement k"
            " WHERE k.series_id = u.id AND k.t_start >= u.first AND k.t_start >= %s"
            " AND k.t_start < %s) AS m ORDER BY m.series_id, m.t_start, m.t_end, m.key)"
            " TO STDOUT (FORMAT binary)",
            from, since);
    return take_text(job, f, &text);
}

const char *dry_page_records_sql(struct dry_job *job)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    const char *since = time_sql(job->page, job->since_us);
    const char *until = time_sql(job->page, job->until_us);
    int64_t first = job->series[0].id, last = job->series[job->series_count - 1].id;
    if (f == NULL || since == NULL || until == NULL) {
        if (f != NULL) {
            fclose(f);
            free(text);
        }
        return NULL;
    }
    fputs("COPY (SELECT " DRY_RECORD_COLUMNS " FROM measurement WHERE ", f);
    if (last - first + 1 > (int64_t)job->series_count * SPARSE) {
        fputs("series_id = ANY ('{", f);
        list_of_series(job, f);
        fputs("}'::bigint[])", f);
    } else {
        fprintf(f, "series_id >= %" PRId64 " AND series_id <= %" PRId64, first, last);
    }
    fprintf(f,
            " AND t_start >= %s AND t_start < %s ORDER BY series_id, t_start) TO STDOUT"
            " (FORMAT binary)",
            since, until);
    return take_text(job, f, &text);
}

/* ---- records ---- */

/* What a row has, but for its values. */
struct dry_copied {
    int64_t series_id;
    struct dry_record record;
    struct slice values;
    uint8_t grades[DRY_NAMES];
};

static int read_row(struct dry_job *job, struct slice bytes, struct dry_copied *c,
                    int64_t *schema_id)
{
    struct dry_row row = dry_row_of(bytes, DRY_FIELDS);
    struct dry_record *r = &c->record;
    c->series_id = dry_row_64(&row);
    r->key.t_us = dry_row_time(&row);
    r->key.end_us = r->t_end_us = dry_row_time(&row);
    r->key.key = dry_row_64(&row);
    *schema_id = dry_row_64(&row);
    r->version = (uint32_t)dry_row_32(&row);
    r->grade_count = dry_array_grades(dry_row_bytes(&row), c->grades, DRY_NAMES, &row.bad);
    r->grades = c->grades;
    r->steady = dry_row_bytes(&row);
    c->values = dry_row_bytes(&row);
    if (row.bad) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "a record of the store cannot be read");
        return -1;
    }
    return 0;
}

/* One before the range: states that were kept go on by it; of others it is looked when it ends. */
static int step_edge(struct dry_job *job, const struct dry_series *s, struct dry_edge *e,
                     const struct dry_record *r, uint16_t grade_id)
{
    struct dry_grade g = dry_run_stored(job->run, r, grade_id);
    if (!e->is_there || g.grade == 0 || g.grade == DRY_NONE) {
        return 0;
    }
    if (e->kept) {
        const struct steady_record step = {
            .record = {.key = r->key, .t_end_us = r->t_end_us, .grade = g.grade},
            .stands = g.stands,
            .terms = g.terms};
        return period_key_compare(&r->key, &e->behind) <= 0
                   ? 0
                   : dry_lane_step_edge(&e->walk, &job->settled, &step, s->gap->us);
    }
    struct period *p = &e->walk.rows[e->walk.row_count - 1].period;
    if (period_key_compare(&r->key, &e->behind) >= 0 && r->t_end_us > e->walk.latest_us) {
        e->walk.latest_us = r->t_end_us;
    }
    if (period_key_compare(&r->key, &p->start) >= 0) {
        p->sum.t_end_us = r->t_end_us > p->sum.t_end_us ? r->t_end_us : p->sum.t_end_us;
        e->walk.reaches_us = p->sum.t_end_us;
    }
    return 0;
}

int dry_page_edge_row(struct dry_job *job, struct slice row)
{
    struct dry_copied c;
    int64_t schema_id;
    uint32_t lanes;
    const struct dry_lane *l = dry_run_lanes(job->run, &lanes);
    if (read_row(job, row, &c, &schema_id) == -1) {
        return -1;
    }
    const struct dry_series *s = series_of(job, c.series_id);
    job->records_before++;
    for (uint32_t i = 0; i < lanes && s != NULL; i++) {
        struct dry_edge *e = &job->edges[(size_t)(s - job->series) * lanes + i];
        if (step_edge(job, s, e, &c.record, l[i].grade_id) == -1) {
            dry_job_fail(job, ANSWER_UNAVAILABLE, "out of memory");
            return -1;
        }
    }
    return 0;
}

static int end_series(struct dry_job *job)
{
    if (!job->has_series) {
        return 0;
    }
    job->has_series = false;
    if (dry_run_series_end(job->run) == -1) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "out of memory");
        return -1;
    }
    return 0;
}

/* To the series of this number: 1; 0: it is not asked about. -1. */
static int go_to(struct dry_job *job, int64_t id)
{
    if (job->has_series && job->series[job->at].id == id) {
        return 1;
    }
    if (end_series(job) == -1) {
        return -1;
    }
    while (job->at < job->series_count && job->series[job->at].id < id) {
        job->at++;
    }
    if (job->at == job->series_count || job->series[job->at].id != id) {
        return 0;
    }
    const struct dry_series *s = &job->series[job->at];
    for (uint32_t i = 0; i < job->lane_count; i++) {
        const struct dry_edge *e = &job->edges[(size_t)job->at * job->lane_count + i];
        job->edges_of_one[i] = e->is_there ? &e->walk : NULL;
    }
    dry_run_series(job->run, s->dimensions, s->gap->us, job->edges_of_one);
    job->has_series = true;
    return 1;
}

static int64_t schema_place(const struct dry_job *job, int64_t id)
{
    uint32_t low = 0, high = job->schema_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (job->schema_ids[middle] == id) {
            return middle;
        }
        low = job->schema_ids[middle] < id ? middle + 1 : low;
        high = job->schema_ids[middle] > id ? middle : high;
    }
    return -1;
}

int dry_page_record_row(struct dry_job *job, struct slice row)
{
    struct dry_copied c;
    struct slice values[3 * LIMIT_COLUMNS];
    int64_t schema_id;
    bool bad = false;
    if (read_row(job, row, &c, &schema_id) == -1) {
        return -1;
    }
    int there = go_to(job, c.series_id);
    if (there != 1) {
        return there;
    }
    int64_t schema = schema_place(job, schema_id);
    uint32_t count = dry_array_texts(c.values, values, 3 * LIMIT_COLUMNS, &bad);
    if (schema == -1 || bad) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "a record of the store cannot be read");
        return -1;
    }
    while (count < job->schemas[schema].results_count) {
        values[count++] = (struct slice){NULL, 0};
    }
    c.record.schema = (uint32_t)schema;
    c.record.values = values;
    job->records++;
    if (dry_run_record(job->run, &c.record) == -1) {
        dry_job_fail(job, ANSWER_UNAVAILABLE,
                     "out of memory, or more than %d records of a series have one start", DRY_TIES);
        return -1;
    }
    return 0;
}

int dry_page_end(struct dry_job *job)
{
    int rc = end_series(job);
    job->at = 0;
    return rc;
}
