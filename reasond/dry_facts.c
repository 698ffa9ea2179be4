/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the store once, at the beginning of a run. */
#include <inttypes.h>
#include <stdlib.h>

#include "reasond/dry_job.h"
#include "reasond/dry_row.h"
#include "reasond/dry_sql.h"
#include "schemas/store_version.h"

#define DRY_TOLD 10 /* series of each name, where nobody says how many */

enum { BEGIN, VERSION, EXTENT, HORIZONS, TYPES, NAMES, TERMS, SCHEMAS, GAPS };

static int out_of_memory(struct dry_job *job)
{
    dry_job_fail(job, ANSWER_UNAVAILABLE, "out of memory");
    return PG_OVER;
}

static int unread(struct dry_job *job, const char *what)
{
    dry_job_fail(job, ANSWER_UNAVAILABLE, "%s of the store cannot be read", what);
    return PG_OVER;
}

static int on_version(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    int64_t version = pg_cell_64(r, 0, 0);
    (void)clock_us;
    if (version != STORE_VERSION) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "the store has version %" PRId64 ", expected %d",
                     version, STORE_VERSION);
        return PG_OVER;
    }
    return EXTENT;
}

/* The range begins where there are records. */
static int on_extent(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    job->series_most = pg_cell_64(r, 0, 0);
    if (PQgetisnull(r, 0, 1)) {
        job->since_us = 0; /* no record at all */
    } else if (pg_cell_time(r, 0, 1) > job->since_us) {
        job->since_us = pg_cell_time(r, 0, 1);
    }
    return HORIZONS;
}

/* And where all records of the types that are asked about are kept. The first row is of all types
 * that no other is of; before its class held a type was of these. */
static int on_horizons(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    const struct pattern *asked = &job->criteria.of[DIMENSION_type];
    bool others = true;
    int64_t others_us = PQntuples(r) == 0 ? INT64_MIN : pg_cell_time(r, 0, 2);
    int64_t latest_us = INT64_MIN;
    (void)clock_us;
    for (int i = 1; i < PQntuples(r); i++) {
        struct slice type = pg_cell_text(r, i, 0);
        if (!pattern_matches(asked, type)) {
            continue;
        }
        others = others && !(asked->kind == PATTERN_EXACT && slice_equal(asked->text, type));
        int64_t from_us = pg_cell_time(r, i, 1), horizon_us = pg_cell_time(r, i, 2);
        int64_t before_us = from_us < others_us ? from_us : others_us;
        horizon_us = before_us > horizon_us ? before_us : horizon_us;
        latest_us = horizon_us > latest_us ? horizon_us : latest_us;
    }
    latest_us = others && others_us > latest_us ? others_us : latest_us;
    job->since_us = latest_us > job->since_us ? latest_us : job->since_us;
    return TYPES;
}

/* A version of a release that kept none has none. */
static int on_types(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    if (PQntuples(r) == 0) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "the store has no grading yet");
        return PG_OVER;
    }
    struct slice types = pg_cell_text(r, 0, 0);
    job->types = types.len > 0 ? record_types_read_kept(types)
                               : record_types_read_bytes("none", slice_of("{}"));
    job->rules = job->types == NULL ? NULL : grade_rules_new(job->grading, job->types);
    return job->rules == NULL ? unread(job, "the record types") : NAMES;
}

static int on_names(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    uint32_t count = (uint32_t)PQntuples(r);
    (void)clock_us;
    job->names = arena_calloc(job->arena, count + (size_t)1, sizeof *job->names);
    for (uint32_t i = 0; i < count && job->names != NULL; i++) {
        struct dry_name *n = &job->names[i];
        n->id = (uint16_t)pg_cell_16(r, (int)i, 0);
        n->name = arena_copy(job->arena, pg_cell_text(r, (int)i, 1));
        if (n->id == 0 || n->id > DRY_NAMES) {
            return unread(job, "the grade names");
        }
        if (n->name.at == NULL) {
            return out_of_memory(job);
        }
    }
    job->setup.names = job->names;
    job->setup.name_count = count;
    return job->names == NULL ? out_of_memory(job) : TERMS;
}

static int on_terms(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    uint32_t count = (uint32_t)PQntuples(r);
    bool bad = false;
    (void)clock_us;
    job->terms = arena_calloc(job->arena, count + (size_t)1, sizeof *job->terms);
    for (uint32_t i = 0; i < count && job->terms != NULL; i++) {
        struct dry_terms *t = &job->terms[i];
        uint32_t n[STEADY_TERM_NUMBERS] = {0};
        t->version = (uint32_t)pg_cell_32(r, (int)i, 0);
        t->place = (uint32_t)pg_cell_16(r, (int)i, 1);
        uint32_t found = dry_array_32(pg_cell_text(r, (int)i, 2), n, STEADY_TERM_NUMBERS, &bad);
        if (bad || found != STEADY_TERM_NUMBERS) {
            return unread(job, "what is said of hold and flap");
        }
        memcpy(&t->terms, n, sizeof n);
    }
    job->setup.terms = job->terms;
    job->setup.term_count = count;
    return job->terms == NULL ? out_of_memory(job) : SCHEMAS;
}

/* Columns of one schema. 0; -1: memory; 1: they cannot be read. */
static int take_schema(struct dry_job *job, struct schema_message *s, struct slice array)
{
    struct slice names[LIMIT_COLUMNS];
    bool bad = false;
    uint32_t count = dry_array_texts(array, names, LIMIT_COLUMNS, &bad);
    s->results = arena_calloc(job->arena, count + (size_t)1, sizeof *s->results);
    for (uint32_t i = 0; i < count && s->results != NULL; i++) {
        s->results[i] = arena_copy(job->arena, names[i]);
        bad = bad || names[i].at == NULL;
        if (s->results[i].at == NULL) {
            return -1;
        }
    }
    s->results_count = count;
    return s->results == NULL ? -1 : bad ? 1 : 0;
}

static int on_schemas(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    job->schema_count = (uint32_t)PQntuples(r);
    job->schemas = arena_calloc(job->arena, job->schema_count + (size_t)1, sizeof *job->schemas);
    job->schema_ids =
        arena_calloc(job->arena, job->schema_count + (size_t)1, sizeof *job->schema_ids);
    if (job->schemas == NULL || job->schema_ids == NULL) {
        return out_of_memory(job);
    }
    for (uint32_t i = 0; i < job->schema_count; i++) {
        job->schema_ids[i] = pg_cell_64(r, (int)i, 0);
        int rc = take_schema(job, &job->schemas[i], pg_cell_text(r, (int)i, 1));
        if (rc != 0) {
            return rc == -1 ? out_of_memory(job) : unread(job, "a schema");
        }
    }
    job->setup.schemas = job->schemas;
    return GAPS;
}

static void put_since(void *owner, struct pg_params *p)
{
    pg_add_time(p, ((struct dry_job *)owner)->since_us);
}

/* How many series a page has follows from how much there is to be known of each. */
static int begin_run(struct dry_job *job)
{
    job->setup.grading = job->grading;
    job->setup.rules = job->rules;
    job->setup.since_us = job->since_us;
    job->setup.told = job->query.limit == 0              ? DRY_TOLD
                      : job->query.limit > DRY_TOLD_MOST ? DRY_TOLD_MOST
                                                         : (uint32_t)job->query.limit;
    job->setup.only =
        slice_is(job->query.grade_name, "all") ? (struct slice){NULL, 0} : job->query.grade_name;
    job->run = dry_run_new(&job->setup);
    if (job->run == NULL) {
        return out_of_memory(job);
    }
    (void)dry_run_lanes(job->run, &job->lane_count);
    uint32_t lanes = job->lane_count == 0 ? 1 : job->lane_count;
    job->page_size = DRY_PAGE_STATES / lanes;
    job->page_size = job->page_size > DRY_PAGE ? DRY_PAGE : job->page_size < 1 ? 1 : job->page_size;
    job->series = calloc(job->page_size, sizeof *job->series);
    job->edges = calloc((size_t)job->page_size * lanes, sizeof *job->edges);
    job->edges_of_one = calloc(lanes, sizeof(struct steady *));
    if (job->series == NULL || job->edges == NULL || job->edges_of_one == NULL) {
        return out_of_memory(job);
    }
    if (job->lane_count == 0) {
        dry_job_fail(job, ANSWER_INVALID,
                     "select.grade: expected \"all\" or a grade name of the document or the store");
    }
    return PG_OVER;
}

static int on_gaps(void *owner, const PGresult *r, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    job->gap_count = (uint32_t)PQntuples(r);
    job->gaps = arena_calloc(job->arena, job->gap_count + (size_t)1, sizeof *job->gaps);
    for (uint32_t i = 0; i < job->gap_count && job->gaps != NULL; i++) {
        struct dry_gap *g = &job->gaps[i];
        g->type = arena_copy(job->arena, pg_cell_text(r, (int)i, 0));
        g->us = pg_cell_64(r, (int)i, 1);
        g->looks_us = PQgetisnull(r, (int)i, 2) ? job->since_us : pg_cell_time(r, (int)i, 2);
        if (g->type.at == NULL) {
            return out_of_memory(job);
        }
    }
    return job->gaps == NULL ? out_of_memory(job) : begin_run(job);
}

const struct pg_step dry_facts_steps[] = {
    [BEGIN] = {.name = "begin", .text = dry_begin_sql, .answer = PG_ANSWER_DONE},
    [VERSION] = {.name = "version",
                 .statement = DRY_SQL_VERSION,
                 .answer = PG_ANSWER_ROWS,
                 .done = on_version},
    [EXTENT] = {.name = "extent",
                .statement = DRY_SQL_EXTENT,
                .answer = PG_ANSWER_ROWS,
                .done = on_extent},
    [HORIZONS] = {.name = "horizons",
                  .statement = DRY_SQL_HORIZONS,
                  .answer = PG_ANSWER_ROWS,
                  .done = on_horizons},
    [TYPES] = {.name = "types",
               .statement = DRY_SQL_TYPES,
               .answer = PG_ANSWER_ROWS,
               .done = on_types},
    [NAMES] = {.name = "names",
               .statement = DRY_SQL_NAMES,
               .answer = PG_ANSWER_ROWS,
               .done = on_names},
    [TERMS] = {.name = "terms",
               .statement = DRY_SQL_TERMS,
               .answer = PG_ANSWER_ROWS,
               .done = on_terms},
    [SCHEMAS] = {.name = "schemas",
                 .statement = DRY_SQL_SCHEMAS,
                 .answer = PG_ANSWER_ROWS,
                 .done = on_schemas},
    [GAPS] = {.name = "gaps",
              .statement = DRY_SQL_GAPS,
              .put = put_since,
              .answer = PG_ANSWER_ROWS,
              .done = on_gaps},
};
