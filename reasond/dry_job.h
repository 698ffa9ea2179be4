/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One dry run under way: a connection, one snapshot, page by page of series. Nothing of it waits
 * but for the connecting.
 *
 *   facts ─▶ page of series ─▶ states at the beginning of the range ─▶ records before it that
 *   matter ─▶ records of the range ─▶ next page ... ─▶ over
 */
#ifndef EZREPO_DRY_JOB_H
#define EZREPO_DRY_JOB_H

#include <stdio.h>

#include "common/message.h"
#include "common/pattern.h"
#include "common/pg/copy_out.h"
#include "common/pg/task.h"
#include "common/why/explain.h"
#include "reasond/dry_run.h"

#define DRY_FIRST_US    INT64_C(-62135596800000000) /* the year 1: before any record */
#define DRY_PAGE        512                         /* series at a time, at most */
#define DRY_PAGE_STATES 16384 /* states at a time, at most, unless one series has more */
#define DRY_ERROR       512

/* Patterns for all dimensions. */
struct dry_criteria {
    struct pattern of[DIMENSION_COUNT];
};

struct dry_gap {
    struct slice type; /* "": all others */
    int64_t us;
    int64_t looks_us; /* no record that starts before it matters at the beginning of the range */
};

struct dry_series {
    int64_t id;
    struct slice dimensions[DIMENSION_COUNT];
    const struct dry_gap *gap;
    int64_t from_us; /* the first record that is read of it before the range */
};

/* What is known of a series and grade name at the beginning of the range. */
struct dry_edge {
    bool is_there;
    bool kept; /* the store has kept a state: records behind `behind` go on from it */
    struct period_key behind; /* or: the first record since the last gap */
    struct steady walk;
};

enum dry_phase { DRY_FACTS, DRY_PAGES, DRY_EDGES, DRY_RECORDS, DRY_VERSIONS, DRY_OVER };

struct dry_job {
    struct dry_job *prev, *next; /* utlist, of who has it */
    void *owner;
    uint64_t id;
    struct arena *arena; /* all of the question, and what the store says once */
    struct query_message query;
    struct dry_criteria criteria;
    struct dry_criteria *sees;
    uint32_t sees_count;
    double share; /* of the series that are looked at: 1 all */
    const struct grading *grading;
    struct record_types *types;
    struct grade_rules *rules;
    struct dry_run *run;
    /* the store */
    struct pg_task task;
    struct pg_params params;
    struct dry_setup setup;
    struct dry_name *names;
    struct dry_terms *terms;
    struct schema_message *schemas;
    int64_t *schema_ids; /* ascending */
    struct dry_gap *gaps;
    uint32_t gap_count, schema_count;
    int64_t since_us, until_us;
    int64_t series_most, series_last; /* numbers of series: the greatest, the last one looked at */
    /* a page */
    struct arena *page;
    struct dry_series *series;
    uint32_t series_count;
    struct dry_edge *edges; /* of each series as many as there are lanes */
    const struct steady **edges_of_one;
    uint32_t lane_count, page_size;
    uint32_t at;     /* of the page, the series whose records come */
    bool has_series; /* it has some */
    struct pg_copy_out copy;
    struct steady_rows settled; /* of edges: of no interest */
    bool has_versions;
    struct editions editions; /* that graded the examples */
    /* how far it is */
    enum dry_phase phase;
    uint64_t series_seen, series_taken, records, records_before;
    int64_t began_us;
    /* how it ended */
    bool failed;
    enum answer_status status;
    char error[DRY_ERROR];
};

/* A question of the kind TRY, whose bytes are copied. NULL: memory is out. It has failed already
 * where the question is at fault. The caller owns it. */
struct dry_job *dry_job_new(void *owner, struct slice query, const char *database,
                            int64_t clock_us);
/* Gives up what is under way. */
void dry_job_free(struct dry_job **job);

/* Begins: connects, which may take some seconds. */
void dry_job_begin(struct dry_job *job, int64_t clock_us);

/*
 * Goes on as far as that needs no waiting, for a few milliseconds at most. True: there is more to
 * be done at once. It is over when phase is DRY_OVER, which failed, status and error tell more of.
 */
bool dry_job_go_on(struct dry_job *job, int64_t clock_us);

/* It fails with this; what is under way is given up. */
void dry_job_fail(struct dry_job *job, enum answer_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- dry_facts.c, dry_page.c: steps of the task, for dry_job.c ---- */

extern const struct pg_step dry_facts_steps[];
extern const struct pg_step dry_page_steps[];

/* dry_why.c: the versions that graded what is told as examples; whether there are any. */
extern const struct pg_step dry_why_steps[];
bool dry_why_has_examples(struct dry_job *job);
/* Writes what decided before and after, as members of an object; all of it in the arena. */
void dry_why_write(FILE *f, struct dry_job *job, struct slice name, const struct dry_told *told);

/* Of the page the series of this number, and of one how it stands by a grade name; NULL: it is not
 * asked about. */
struct dry_series *dry_page_series(const struct dry_job *job, int64_t id);
struct dry_edge *dry_page_edge(struct dry_job *job, const struct dry_series *s, int16_t grade_id);

/* dry_records.c: the page's statements for COPY, in its arena; NULL: memory is out. */
const char *dry_page_edges_sql(struct dry_job *job);
const char *dry_page_records_sql(struct dry_job *job);

/* A row of one or the other. 0; -1: it failed. */
int dry_page_edge_row(struct dry_job *job, struct slice row);
int dry_page_record_row(struct dry_job *job, struct slice row);
/* No more rows of the page. 0; -1. */
int dry_page_end(struct dry_job *job);

/* Whether a series is asked about, and may be seen. Pure. */
bool dry_job_fits(const struct dry_job *job, const struct slice dimensions[DIMENSION_COUNT]);

/* ---- dry_answer.c ---- */

/* The cells of the answer, as COLUMNS_OF_TRY says, in the arena; NULL: memory is out. */
struct slice *dry_answer(struct dry_job *job, uint32_t *count);

#endif
