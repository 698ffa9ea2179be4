/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's two DEALER sockets in libevent's loop. Decides nothing about who may ask. */
#include "mplane-gw/ask.h"

#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/answer.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/link.h"

/* Messages that may wait on each side of a socket. */
#define HIGH_WATER 2000

/* After queryd's own limit of a question, this much for its answer to arrive. */
#define GRACE_US 2000000

static void take_answer(const struct link *link, struct slice bytes);

static struct link query_link = {
    .endpoint = ENDPOINT_QUERY, .peer = "queryd", .take = take_answer, .high_water = HIGH_WATER};
static struct link store_link = {
    .endpoint = ENDPOINT_STORE, .peer = "stored", .take = take_answer, .high_water = HIGH_WATER};
static struct jobs *jobs;
static struct log_limit malformed_said, unanswered_said;

struct jobs *ask_jobs(void)
{
    return jobs;
}

/* An answer's id, once the whole of it has been found to be in order. */
static int read_id(const struct link *link, struct arena *a, struct slice bytes, uint64_t *id)
{
    if (link == &query_link) {
        struct answer_message m;
        if (answer_decode_all(bytes, a, &m) == -1) {
            return -1;
        }
        *id = m.id;
        return 0;
    }
    struct published_message m;
    if (published_decode_all(bytes, a, &m) == -1) {
        return -1;
    }
    *id = m.id;
    return 0;
}

static void take_answer(const struct link *link, struct slice bytes)
{
    uint64_t id = 0;
    struct arena *a = arena_new((size_t)LIMIT_ANSWER_CELLS * 32);
    int faulty = a == NULL ? -1 : read_id(link, a, bytes, &id);
    arena_free(&a);
    if (faulty == -1) {
        gateway_count(COUNT_ANSWERS_MALFORMED);
        if (log_allowed(&malformed_said, 5)) {
            log_error("answer.malformed", "peer=%s bytes=%zu", link->peer, bytes.len);
        }
        return;
    }
    struct job *job = jobs_by_id(jobs, id);
    if (job == NULL || job->state != JOB_RUNNING || job->repeat != NULL ||
        job->question.publish != (link == &store_link)) {
        gateway_count(COUNT_ANSWERS_LATE);
        return;
    }
    if (bytes.len > (size_t)gateway.settings.answer_bytes) {
        jobs_fail(jobs, job, ANSWER_OVERSIZED, daemon_clock_us());
        return;
    }
    jobs_answer(jobs, job, bytes, daemon_clock_us());
}

int ask_start(void)
{
    jobs = jobs_new();
    if (jobs == NULL) {
        log_error("ask.start", "error=\"out of memory\"");
        return -1;
    }
    ask_set_limits();
    return link_open(&query_link) == 0 && link_open(&store_link) == 0 ? 0 : -1;
}

void ask_stop(void)
{
    link_close(&query_link);
    link_close(&store_link);
    jobs_free(&jobs);
}

void ask_set_limits(void)
{
    const struct gateway_settings *s = &gateway.settings;
    struct jobs_limits limits = {.jobs = (size_t)s->results_max,
                                 .per_identity = (size_t)s->results_max_per_identity,
                                 .bytes = (size_t)s->results_bytes,
                                 .keep_us = s->result_keep_s * 1000000,
                                 .repeats = (size_t)s->repeats_max,
                                 .repeats_per_identity = (size_t)s->repeats_max_per_identity,
                                 .runs = (size_t)s->repeat_runs,
                                 .run_bytes = (size_t)s->repeat_bytes};
    jobs_set_limits(jobs, &limits);
}

static int send_question(struct job *job)
{
    struct pack p;
    pack_init(&p);
    if (job->question.publish) {
        job->question.publication.id = job->id;
        publish_encode(&p, &job->question.publication);
        return link_send_packed(&store_link, &p);
    }
    job->question.query.id = job->id;
    query_encode(&p, &job->question.query);
    return link_send_packed(&query_link, &p);
}

const char *ask(struct job *job)
{
    const struct gateway_settings *s = &gateway.settings;
    const char *why = NULL;
    bool publish = job->question.publish;
    job->question.query.asker = job->identity;
    job->question.query.timeout_ms = (uint64_t)s->query_timeout_ms;
    job->question.publication.author = job->identity;
    job->deadline_us = daemon_clock_us() + (publish ? s->store_timeout_ms * 1000
                                                    : s->query_timeout_ms * 1000 + GRACE_US);
    if (jobs_add(jobs, job, &why) == -1) {
        job_free(job);
        return why;
    }
    if (send_question(job) == -1) {
        jobs_remove(jobs, job);
        return publish ? "stored takes no questions, ask again later"
                       : "queryd takes no questions, ask again later";
    }
    gateway_count(publish ? COUNT_GRADINGS_SENT : COUNT_QUERIES_SENT);
    return NULL;
}

static void cancel(const struct job *job)
{
    struct pack p;
    pack_init(&p);
    struct cancel_message m = {.id = job->id};
    cancel_encode(&p, &m);
    link_send_packed(&query_link, &p);
    gateway_count(COUNT_QUERIES_CANCELLED);
}

void ask_leave(struct waiter *w)
{
    struct job *job = w->job;
    job_leave(w);
    if (job->waiters == NULL && !job->kept && !job->question.publish) {
        if (job->state == JOB_RUNNING) {
            cancel(job);
        }
        jobs_remove(jobs, job);
    }
}

int ask_interrupt(struct job *job, const char *reason)
{
    if (job->state != JOB_RUNNING) {
        return 0;
    }
    if (job->question.publish) {
        return -1;
    }
    cancel(job);
    jobs_fail(jobs, job, reason, daemon_clock_us());
    return 0;
}

static void expire(struct job *job)
{
    bool publish = job->question.publish;
    gateway_count(COUNT_QUERIES_UNANSWERED);
    if (log_allowed(&unanswered_said, 5)) {
        log_warn("answer.missing", "peer=%s", publish ? "stored" : "queryd");
    }
    if (!publish) {
        cancel(job);
    }
    jobs_fail(jobs, job,
              publish ? "stored did not answer in time; whether the grading was published is not "
                        "known, GetGrading tells"
                      : "queryd did not answer in time, ask again later",
              daemon_clock_us());
}

void ask_tick(void)
{
    jobs_sweep(jobs, daemon_clock_us(), expire);
    link_drain(&query_link);
    link_drain(&store_link);
    gateway.counters[COUNT_JOBS_KNOWN] = jobs_count(jobs);
    gateway.counters[COUNT_JOBS_BYTES] = jobs_bytes(jobs);
}
