/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a page of series: which ones are read, and each as it comes. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/when_time.h"
#include "reasond/dry_job.h"
#include "reasond/dry_row.h"
#include "reasond/dry_sql.h"

#define SPARSE  4                           /* one of so many numbers is asked for, or fewer */
#define LAST_US INT64_C(253402300800000000) /* the year 10000 */

/* ---- which records ---- */

static const char *time_sql(struct arena *a, int64_t us)
{
    char text[WHEN_TEXT];
    if (us < DRY_FIRST_US || us >= LAST_US) {
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
    const struct dry_series *s = dry_page_series(job, c.series_id);
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
