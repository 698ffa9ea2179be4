/* SPDX-License-Identifier: Apache-2.0 */
/* The table of jobs and its bounds. No sockets, no clock. */
#include "mplane-gw/jobs/jobs.h"

#include <stdlib.h>
#include <utlist.h>

struct jobs {
    struct job *by_id;
    struct job *by_key;
    struct job *gone; /* but held */
    struct jobs_limits limits;
    uint64_t last_id;
    size_t bytes;
    size_t answer_bytes; /* of them: answers and replies, not of repeated jobs */
    size_t run_bytes;    /* of them: kept runs */
};

struct jobs *jobs_new(void)
{
    return calloc(1, sizeof(struct jobs));
}

void job_free(struct job *job)
{
    if (job != NULL) {
        arena_free(&job->arena);
        repeat_free(&job->repeat);
        rendered_release(&job->rendered);
        free(job->bytes);
        free(job->key);
        free(job);
    }
}

/* What its answer takes. */
static size_t answer_size(const struct job *job)
{
    return job->size + (job->rendered == NULL ? 0 : rendered_bytes(job->rendered));
}

/* Out of the table, and held by nobody. */
static void forget(struct jobs *j, struct job *job)
{
    if (job->repeat != NULL) {
        j->bytes -= job->repeat->bytes;
        j->run_bytes -= job->repeat->bytes;
    } else {
        j->answer_bytes -= answer_size(job);
    }
    j->bytes -= job->weight + answer_size(job);
    job_free(job);
}

void jobs_remove(struct jobs *j, struct job *job)
{
    HASH_DELETE(by_id, j->by_id, job);
    if (!job->is_run) {
        HASH_DELETE(by_key, j->by_key, job);
    }
    job->gone = true;
    if (job->holders == 0) {
        forget(j, job);
    } else {
        DL_APPEND2(j->gone, job, gone_previous, gone_next);
    }
}

void job_hold(struct job *job)
{
    job->holders++;
}

void job_release(struct job *job)
{
    struct jobs *j = job->table;
    if (--job->holders > 0 || !job->gone) {
        return;
    }
    if (j == NULL) {
        job_free(job);
        return;
    }
    DL_DELETE2(j->gone, job, gone_previous, gone_next);
    forget(j, job);
}

void jobs_free(struct jobs **j)
{
    if (*j == NULL) {
        return;
    }
    struct job *job, *next;
    HASH_ITER(by_id, (*j)->by_id, job, next)
    {
        jobs_remove(*j, job);
    }
    DL_FOREACH2((*j)->gone, job, gone_next)
    {
        job->table = NULL;
    }
    free(*j);
    *j = NULL;
}

void jobs_set_limits(struct jobs *j, const struct jobs_limits *limits)
{
    j->limits = *limits;
}

size_t jobs_count(const struct jobs *j)
{
    return HASH_CNT(by_id, j->by_id);
}

size_t jobs_bytes(const struct jobs *j)
{
    return j->bytes;
}

struct job *jobs_by_id(struct jobs *j, uint64_t id)
{
    struct job *job;
    HASH_FIND(by_id, j->by_id, &id, sizeof id, job);
    return job;
}

struct job *jobs_next(const struct jobs *j, const struct job *job)
{
    return job == NULL ? j->by_id : job->by_id.next;
}

/* identity, NUL, token: an identity holds no NUL. */
static char *make_key(struct slice identity, struct slice token, size_t *size)
{
    *size = identity.len + 1 + token.len;
    char *key = calloc(1, *size + 1);
    if (key != NULL) {
        memcpy(key, identity.at, identity.len);
        memcpy(key + identity.len + 1, token.at, token.len);
    }
    return key;
}

struct job *jobs_by_token(struct jobs *j, struct slice identity, struct slice token)
{
    struct job *job = NULL;
    size_t size;
    char *key = make_key(identity, token, &size);
    if (key != NULL) {
        HASH_FIND(by_key, j->by_key, key, size, job);
    }
    free(key);
    return job;
}

static size_t count_of(struct jobs *j, struct slice identity)
{
    size_t count = 0;
    for (struct job *job = j->by_id; job != NULL; job = job->by_id.next) {
        count += slice_equal(job->identity, identity);
    }
    return count;
}

/* Those that go on: of this identity, or of all (NULL). */
static size_t count_repeats(struct jobs *j, const struct slice *identity)
{
    size_t count = 0;
    for (struct job *job = j->by_id; job != NULL; job = job->by_id.next) {
        count += job->repeat != NULL && job->state == JOB_RUNNING &&
                 (identity == NULL || slice_equal(job->identity, *identity));
    }
    return count;
}

/*
 * Forgets the oldest job that is over; with an identity only one of its own. Those whose answer was
 * given to somebody go first. 0, or -1 when there is none.
 */
static int forget_one(struct jobs *j, const struct slice *identity)
{
    struct job *choice = NULL;
    for (struct job *job = j->by_id; job != NULL; job = job->by_id.next) {
        if (job->state == JOB_RUNNING || job->waiters != NULL || job->holders > 0 ||
            (identity != NULL && !slice_equal(job->identity, *identity))) {
            continue;
        }
        if (choice == NULL || (job->delivered && !choice->delivered)) {
            choice = job;
        }
    }
    if (choice == NULL) {
        return -1;
    }
    jobs_remove(j, choice);
    return 0;
}

/* Room for another job of `weight` bytes; what is under way counts as well as what is kept. */
static int make_room(struct jobs *j, struct slice identity, size_t weight, const char **why)
{
    for (size_t own = count_of(j, identity); own >= j->limits.per_identity; own--) {
        if (forget_one(j, &identity) == -1) {
            *why = "too many questions of yours are under way";
            return -1;
        }
    }
    while (jobs_count(j) >= j->limits.jobs) {
        if (forget_one(j, &identity) == -1 && forget_one(j, NULL) == -1) {
            *why = "too many questions are under way";
            return -1;
        }
    }
    /* One alone is always taken: its own size is bounded by its arena. */
    while (j->bytes > 0 && j->bytes + weight > j->limits.bytes) {
        if (forget_one(j, &identity) == -1 && forget_one(j, NULL) == -1) {
            *why = "the questions under way take too much memory";
            return -1;
        }
    }
    return 0;
}

/* 0, or -1 when no more may repeat. */
static int check_repeats(struct jobs *j, struct slice identity, const char **why)
{
    if (count_repeats(j, &identity) >= j->limits.repeats_per_identity) {
        *why = "too many repeated specifications of yours go on, interrupt one";
        return -1;
    }
    if (count_repeats(j, NULL) >= j->limits.repeats) {
        *why = "too many repeated specifications go on";
        return -1;
    }
    return 0;
}

/* Into both tables, or -1: out of memory. */
static int enter(struct jobs *j, struct job *job)
{
    job->id = ++j->last_id;
    HASH_ADD(by_id, j->by_id, id, sizeof job->id, job);
    if (job->by_id.tbl == NULL) {
        return -1;
    }
    if (!job->is_run) {
        HASH_ADD_KEYPTR(by_key, j->by_key, job->key, job->key_size, job);
        if (job->by_key.tbl == NULL) {
            HASH_DELETE(by_id, j->by_id, job);
            return -1;
        }
    }
    job->table = j;
    return 0;
}

int jobs_add(struct jobs *j, struct job *job, const char **why)
{
    if (job->repeat != NULL && check_repeats(j, job->identity, why) == -1) {
        return -1;
    }
    job->weight = sizeof *job;
    if (!job->is_run) {
        job->key = make_key(job->identity, job->token, &job->key_size);
        if (job->key == NULL) {
            *why = "out of memory";
            return -1;
        }
        job->weight += job->key_size + arena_used(job->arena);
    }
    if (make_room(j, job->identity, job->weight, why) == -1) {
        return -1;
    }
    if (enter(j, job) == -1) {
        *why = "out of memory";
        return -1;
    }
    j->bytes += job->weight;
    return 0;
}

void job_wait(struct job *job, struct waiter *w)
{
    w->job = job;
    DL_APPEND2(job->waiters, w, previous, next);
}

void job_leave(struct waiter *w)
{
    if (w->job != NULL) {
        DL_DELETE2(w->job->waiters, w, previous, next);
        w->job = NULL;
    }
}

/* A waiter is out of the list before it is told: what it does then may free it, or the job. */
static void tell(struct jobs *j, struct job *job, int64_t now_us)
{
    job->deadline_us = now_us + j->limits.keep_us;
    job_hold(job);
    while (job->waiters != NULL) {
        struct waiter *w = job->waiters;
        DL_DELETE2(job->waiters, w, previous, next);
        w->job = NULL;
        w->answered(w, job);
    }
    job_release(job);
}

/* Answers that others hold or wait for cannot be forgotten: whether there is room beside them. */
static bool has_room(struct jobs *j, size_t bytes)
{
    while (j->bytes + bytes > j->limits.bytes && forget_one(j, NULL) == 0) {
    }
    return j->bytes + bytes <= j->limits.bytes || j->answer_bytes == 0;
}

void jobs_answer(struct jobs *j, struct job *job, struct slice bytes, int64_t now_us)
{
    if (!has_room(j, bytes.len)) {
        jobs_fail(j, job, "the answers under way take too much memory, ask again later", now_us);
        return;
    }
    job->bytes = malloc(bytes.len + 1);
    if (job->bytes == NULL) {
        jobs_fail(j, job, "the gateway has no memory for the answer", now_us);
        return;
    }
    memcpy(job->bytes, bytes.at, bytes.len);
    job->size = bytes.len;
    job->state = JOB_ANSWERED;
    j->bytes += bytes.len;
    j->answer_bytes += bytes.len;
    tell(j, job, now_us);
    /* The job itself may go as well: its waiters have been told. */
    while (j->bytes > j->limits.bytes && forget_one(j, NULL) == 0) {
    }
}

char *jobs_take_answer(struct jobs *j, struct job *job, size_t *size)
{
    char *bytes = job->bytes;
    *size = job->size;
    j->bytes -= job->size;
    j->answer_bytes -= job->size;
    job->bytes = NULL;
    job->size = 0;
    return bytes;
}

/* Forgets what was made of the runs there were. */
static void unrender(struct jobs *j, struct job *job)
{
    if (job->rendered != NULL) {
        j->bytes -= rendered_bytes(job->rendered);
        rendered_release(&job->rendered);
    }
}

void jobs_render(struct jobs *j, struct job *job, struct rendered *rendered, int64_t now_us)
{
    size_t before = answer_size(job);
    rendered_release(&job->rendered);
    free(job->bytes);
    job->bytes = NULL;
    job->size = 0;
    job->rendered = rendered_hold(rendered);
    job->rendered_us = now_us;
    j->bytes += answer_size(job) - before;
    if (job->repeat == NULL) {
        j->answer_bytes += answer_size(job) - before;
    }
    while (j->bytes > j->limits.bytes && forget_one(j, NULL) == 0) {
    }
}

void jobs_fail(struct jobs *j, struct job *job, const char *failure, int64_t now_us)
{
    job->failure = failure;
    job->state = JOB_FAILED;
    tell(j, job, now_us);
}

/* Forgets the job's oldest run. */
static void forget_run(struct jobs *j, struct job *job)
{
    size_t before = job->repeat->bytes;
    repeat_forget(job->repeat);
    j->bytes -= before - job->repeat->bytes;
    j->run_bytes -= before - job->repeat->bytes;
}

void jobs_keep_run(struct jobs *j, struct job *job, const struct when *when, char *bytes,
                   size_t size, const char *failure)
{
    struct repeat *r = job->repeat;
    const struct jobs_limits *l = &j->limits;
    unrender(j, job);
    while (r->count > 0 && (r->count >= l->runs || r->bytes + size > l->run_bytes ||
                            j->run_bytes + size > l->bytes / 2)) {
        forget_run(j, job);
    }
    if (size > l->run_bytes || j->run_bytes + size > l->bytes / 2) {
        free(bytes);
        bytes = NULL;
        failure = size > l->run_bytes ? "the answer is larger than what is kept of a repeated "
                                        "specification, ask for less"
                                      : "there was no memory to keep the answer";
        size = 0;
    }
    if (repeat_keep(r, when, bytes, size, failure) == 0) {
        j->bytes += size;
        j->run_bytes += size;
    }
    /* Only with an answer: in a sweep, where runs fail, nothing else may be forgotten. */
    while (size > 0 && j->bytes > l->bytes && forget_one(j, NULL) == 0) {
    }
}

void jobs_forget_runs(struct jobs *j, struct job *job)
{
    unrender(j, job);
    while (job->repeat->count > 0) {
        forget_run(j, job);
    }
}

void jobs_end(struct jobs *j, struct job *job, int64_t now_us)
{
    unrender(j, job);
    job->state = JOB_ANSWERED;
    tell(j, job, now_us);
}

void jobs_sweep(struct jobs *j, int64_t now_us, void (*expired)(void *context, struct job *job),
                void *context)
{
    struct job *job, *next;
    HASH_ITER(by_id, j->by_id, job, next)
    {
        if (now_us < job->deadline_us) {
            continue;
        }
        if (job->state == JOB_RUNNING) {
            expired(context, job);
        } else {
            jobs_remove(j, job);
        }
    }
}
