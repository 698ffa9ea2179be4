/* SPDX-License-Identifier: Apache-2.0 */
/* What follows what. */
#include "reasond/dry_job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/record_dimensions.h"
#include "reasond/dry_sql.h"

#define ARENA_BYTES  ((size_t)512 << 20) /* the question, and what the store says once */
#define PAGE_BYTES   ((size_t)16 << 20)
#define ROWS_AT_ONCE 2000
#define AT_ONCE_US   8000

void dry_job_fail(struct dry_job *job, enum answer_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(job->error, sizeof job->error, format, args);
    va_end(args);
    job->failed = true;
    job->status = status;
    job->phase = DRY_OVER;
}

/* ---- the question ---- */

static int compile(struct dry_job *job, const struct slice *texts, struct dry_criteria *c)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        if (pattern_compile(texts[d], dimension_rows[d].addresses, &c->of[d]) == -1) {
            dry_job_fail(job, ANSWER_INVALID, "record.%s: expected a pattern",
                         dimension_rows[d].name);
            return -1;
        }
    }
    return 0;
}

static int read_criteria(struct dry_job *job)
{
    const struct query_message *q = &job->query;
    struct slice asked[DIMENSION_COUNT];
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        asked[d] = *query_dimension(q, d);
    }
    job->sees_count = q->sees_count / DIMENSION_COUNT;
    job->sees = arena_calloc(job->arena, job->sees_count + (size_t)1, sizeof *job->sees);
    if (compile(job, asked, &job->criteria) == -1 || job->sees == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < job->sees_count; i++) {
        if (compile(job, q->sees + (size_t)i * DIMENSION_COUNT, &job->sees[i]) == -1) {
            return -1;
        }
    }
    return 0;
}

/* "": all; "1%", "0.5%": so many of a hundred series. */
static int read_sample(struct dry_job *job)
{
    struct slice text = job->query.sample;
    struct number number;
    job->share = 1;
    if (text.len == 0) {
        return 0;
    }
    struct slice digits = {text.at, text.len - 1};
    bool good = text.at[text.len - 1] == '%' && number_parse(digits, &number) == 0 &&
                number.approximate > 0 && number.approximate <= 100;
    if (!good) {
        dry_job_fail(job, ANSWER_INVALID,
                     "try.sample: expected a share of all series such as 1%% or 0.5%%");
        return -1;
    }
    job->share = number.approximate / 100;
    return 0;
}

static int read_document(struct dry_job *job)
{
    struct grading_faults faults = {0};
    job->grading = grading_read(job->arena, job->query.document, &faults);
    if (job->grading == NULL) {
        dry_job_fail(job, faults.count > 0 ? ANSWER_INVALID : ANSWER_UNAVAILABLE,
                     "grading.document: %u faults, the first: %s", faults.count,
                     faults.kept > 0 ? faults.text[0] : "out of memory");
        return -1;
    }
    return 0;
}

static int read_range(struct dry_job *job)
{
    const struct query_message *q = &job->query;
    job->since_us = q->from_us;
    job->until_us = q->to_us;
    if (q->instant == 1) {
        dry_job_fail(job, ANSWER_INVALID, "when: expected a range");
        return -1;
    }
    return 0;
}

static void on_failure(void *owner, const char *step, int64_t clock_us)
{
    struct dry_job *job = owner;
    (void)clock_us;
    dry_job_fail(job, ANSWER_UNAVAILABLE, "the database (%s): %s", step, job->task.pg.message);
}

static const struct pg_task_kind kind = {.application = "ezrepo reasond", .failed = on_failure};

struct dry_job *dry_job_new(void *owner, struct slice query, const char *database, int64_t clock_us)
{
    struct dry_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    *job = (struct dry_job){.owner = owner, .began_us = clock_us, .status = ANSWER_OK};
    pg_task_init(&job->task, &kind, &dry_statements, database, &job->params, job);
    job->arena = arena_new(ARENA_BYTES);
    job->page = arena_new(PAGE_BYTES);
    struct slice kept =
        job->arena == NULL ? (struct slice){NULL, 0} : arena_copy(job->arena, query);
    if (job->page == NULL || kept.at == NULL ||
        query_decode_all(kept, job->arena, &job->query) == -1) {
        dry_job_free(&job);
        return NULL;
    }
    job->id = job->query.id;
    if (read_criteria(job) == 0 && read_sample(job) == 0 && read_range(job) == 0) {
        (void)read_document(job);
    }
    return job;
}

void dry_job_free(struct dry_job **job)
{
    struct dry_job *j = *job;
    if (j == NULL) {
        return;
    }
    pg_copy_out_end(&j->copy);
    pg_task_close(&j->task);
    pg_params_release(&j->params);
    dry_run_free(&j->run);
    editions_release(&j->editions);
    grade_rules_free(&j->rules);
    record_types_free(&j->types);
    free(j->series);
    free(j->edges);
    free(j->edges_of_one);
    free(j->settled.at);
    arena_free(&j->page);
    arena_free(&j->arena);
    free(j);
    *job = NULL;
}

/* ---- along ---- */

void dry_job_begin(struct dry_job *job, int64_t clock_us)
{
    if (!job->failed) {
        (void)pg_task_begin(&job->task, dry_facts_steps, 0, clock_us);
    }
}

static void copy(struct dry_job *job, const char *sql)
{
    if (sql == NULL) {
        dry_job_fail(job, ANSWER_UNAVAILABLE, "out of memory");
    } else if (pg_send_text(&job->task.pg, sql) == -1) {
        on_failure(job, "copy", 0);
    }
    pg_copy_out_begin(&job->copy);
}

static void begin_records(struct dry_job *job)
{
    job->phase = DRY_RECORDS;
    dry_run_page(job->run);
    copy(job, dry_page_records_sql(job));
}

/* Where no record before the range matters there is nothing to be read. */
static void begin_edges(struct dry_job *job)
{
    const char *sql = dry_page_edges_sql(job);
    if (sql != NULL && sql[0] == '\0') {
        begin_records(job);
    } else {
        copy(job, sql);
    }
}

static void begin_page(struct dry_job *job, int64_t clock_us)
{
    job->phase = DRY_PAGES;
    (void)pg_task_begin(&job->task, dry_page_steps, 0, clock_us);
}

static void end_rows(struct dry_job *job, int64_t clock_us)
{
    if (job->phase == DRY_EDGES) {
        begin_records(job);
    } else if (dry_page_end(job) == 0) {
        begin_page(job, clock_us);
    }
}

/* True: there are more. */
static bool take_rows(struct dry_job *job, int64_t clock_us)
{
    struct slice row;
    for (int i = 0; i < ROWS_AT_ONCE; i++) {
        enum pg_copied copied = pg_copy_out_next(&job->copy, &job->task.pg, &row);
        if (copied == PG_COPIED_NOTHING && i == 0 && pg_answered(&job->task.pg) != -1) {
            copied = pg_copy_out_next(&job->copy, &job->task.pg, &row);
        }
        if (copied == PG_COPIED_NOTHING) {
            return false;
        }
        if (copied == PG_COPIED_FAILED) {
            on_failure(job, "copy", clock_us);
            return false;
        }
        if (copied == PG_COPIED_ALL) {
            end_rows(job, clock_us);
            return true;
        }
        int rc =
            job->phase == DRY_EDGES ? dry_page_edge_row(job, row) : dry_page_record_row(job, row);
        if (rc == -1) {
            return false;
        }
    }
    return true;
}

/* Behind the last page, and once the versions are there. */
static void begin_versions(struct dry_job *job, int64_t clock_us)
{
    if (job->has_versions || !dry_why_has_examples(job)) {
        job->phase = DRY_OVER;
        return;
    }
    job->has_versions = true;
    (void)pg_task_begin(&job->task, dry_why_steps, 0, clock_us);
}

/* One thing; true: another one can be done at once. */
static bool step(struct dry_job *job, int64_t clock_us)
{
    if (pg_task_is_under_way(&job->task)) {
        if (!pg_task_go_on(&job->task, clock_us) || job->failed) {
            return false;
        }
        if (job->phase == DRY_FACTS) {
            begin_page(job, clock_us);
        } else if (job->phase == DRY_EDGES) {
            begin_edges(job);
        } else if (job->phase == DRY_VERSIONS) {
            begin_versions(job, clock_us);
        }
        return job->phase != DRY_OVER;
    }
    return job->phase != DRY_OVER && take_rows(job, clock_us);
}

bool dry_job_go_on(struct dry_job *job, int64_t clock_us)
{
    bool more = true;
    int64_t until_us = clock_us + AT_ONCE_US;
    while (more && job->phase != DRY_OVER && clock_us < until_us) {
        more = step(job, clock_us);
        clock_us = daemon_clock_us();
    }
    return more && job->phase != DRY_OVER;
}
