/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's two DEALER sockets in libevent's loop. Decides nothing about who may ask. */
#include "mplane-gw/jobs/ask.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/door/query_link.h"
#include "common/log.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"

/* Messages that may wait on each side of a socket. */
#define HIGH_WATER 2000

/* After queryd's own limit of a question, this much for its answer to arrive. */
#define GRACE_US 2000000

static void take_answer(const struct link *link, struct slice bytes);

struct asks {
    struct link query, store;
    struct jobs *jobs;
};

struct jobs *ask_jobs(const struct gateway *g)
{
    return g->asks->jobs;
}

/* An answer's id, once the whole of it has been found to be in order. */
static int read_id(const struct link *link, struct arena *a, struct slice bytes, uint64_t *id)
{
    if (link == &((struct gateway *)link->context)->asks->query) {
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

/* True: it was that. */
static bool take_progress(struct gateway *g, struct slice bytes)
{
    struct progress_message m;
    if (message_number(bytes) != MESSAGE_progress) {
        return false;
    }
    if (progress_decode_all(bytes, NULL, &m) == -1) {
        gateway_count(g, COUNT_ANSWERS_MALFORMED);
        return true;
    }
    struct job *job = jobs_by_id(g->asks->jobs, m.id);
    if (job != NULL && job->state == JOB_RUNNING) {
        snprintf(job->progress, sizeof job->progress, "%u.%u %%, %llu records",
                 (unsigned)(m.thousandths / 10), (unsigned)(m.thousandths % 10),
                 (unsigned long long)m.records);
    }
    return true;
}

static void take_answer(const struct link *link, struct slice bytes)
{
    static struct log_limit said;
    struct gateway *g = link->context;
    struct jobs *jobs = g->asks->jobs;
    if (take_progress(g, bytes)) {
        return;
    }
    uint64_t id = 0;
    struct arena *a = arena_new((size_t)LIMIT_ANSWER_CELLS * 32);
    int faulty = a == NULL ? -1 : read_id(link, a, bytes, &id);
    arena_free(&a);
    if (faulty == -1) {
        gateway_count(g, COUNT_ANSWERS_MALFORMED);
        if (log_allowed(&said, 5)) {
            log_error("answer.malformed", "peer=%s bytes=%zu", link->peer, bytes.len);
        }
        return;
    }
    struct job *job = jobs_by_id(jobs, id);
    if (job == NULL || job->state != JOB_RUNNING || job->repeat != NULL ||
        job->question.publish != (link == &g->asks->store)) {
        gateway_count(g, COUNT_ANSWERS_LATE);
        return;
    }
    if (bytes.len > (size_t)g->settings.answer_bytes) {
        jobs_fail(jobs, job, ANSWER_OVERSIZED, daemon_clock_us());
        return;
    }
    jobs_answer(jobs, job, bytes, daemon_clock_us());
}

static struct link link_to(struct gateway *g, const char *endpoint, const char *peer)
{
    return (struct link){.base = g->base,
                         .context = g,
                         .endpoint = endpoint,
                         .peer = peer,
                         .take = take_answer,
                         .malformed = &g->counters[COUNT_ANSWERS_MALFORMED],
                         .high_water = HIGH_WATER};
}

int ask_start(struct gateway *g)
{
    struct asks *s = calloc(1, sizeof *s);
    g->asks = s;
    if (s == NULL || (s->jobs = jobs_new()) == NULL) {
        log_error("ask.start", "error=\"out of memory\"");
        return -1;
    }
    s->query = link_to(g, ENDPOINT_QUERY, "queryd");
    s->store = link_to(g, ENDPOINT_STORE, "stored");
    ask_set_limits(g);
    return link_open(&s->query) == 0 && link_open(&s->store) == 0 ? 0 : -1;
}

void ask_stop(struct gateway *g)
{
    if (g->asks != NULL) {
        link_close(&g->asks->query);
        link_close(&g->asks->store);
        jobs_free(&g->asks->jobs);
        free(g->asks);
        g->asks = NULL;
    }
}

void ask_set_limits(struct gateway *g)
{
    const struct gateway_settings *s = &g->settings;
    struct jobs_limits limits = {.jobs = (size_t)s->results_max,
                                 .per_identity = (size_t)s->results_max_per_identity,
                                 .bytes = (size_t)s->results_bytes,
                                 .keep_us = s->result_keep_s * 1000000,
                                 .repeats = (size_t)s->repeats_max,
                                 .repeats_per_identity = (size_t)s->repeats_max_per_identity,
                                 .runs = (size_t)s->repeat_runs,
                                 .run_bytes = (size_t)s->repeat_bytes};
    jobs_set_limits(g->asks->jobs, &limits);
}

static int send_question(struct asks *s, struct job *job)
{
    if (job->question.publish) {
        struct pack p;
        pack_init(&p);
        job->question.publication.id = job->id;
        publish_encode(&p, &job->question.publication);
        return link_send_packed(&s->store, &p);
    }
    job->question.query.id = job->id;
    return query_link_ask(&s->query, &job->question.query);
}

/* With the series that who asks may see now. */
static int send_in_sight(struct asks *s, struct job *job, struct sight *sight)
{
    struct query_message *q = &job->question.query;
    q->sees = sight->patterns;
    q->sees_count = sight->count;
    int rc = send_question(s, job);
    q->sees = NULL;
    q->sees_count = 0;
    return rc;
}

const char *ask(struct gateway *g, struct job *job)
{
    const struct gateway_settings *s = &g->settings;
    const char *why = NULL;
    struct sight sight;
    bool publish = job->question.publish;
    if (sight_find(g->access, job->identity, job->capability->label, &sight) == -1) {
        job_free(job);
        return "what your roles may see cannot be asked for";
    }
    memcpy(job->sight, sight.mark, sizeof job->sight);
    /* How long all records may be counted is for queryd to say. */
    int64_t query_ms =
        QUERY_TAKES_LONG(&job->question.query) ? LIMIT_TIMEOUT_MS : s->query_timeout_ms;
    job->question.query.asker = job->identity;
    job->question.query.timeout_ms = (uint64_t)query_ms;
    job->question.publication.author = job->identity;
    job->deadline_us = daemon_clock_us() +
                       (publish ? s->store_timeout_ms * 1000 : query_ms * 1000 + GRACE_US) +
                       (int64_t)job->question.query.wait_ms * 1000;
    if (jobs_add(g->asks->jobs, job, &why) == -1) {
        job_free(job);
        return why;
    }
    if (send_in_sight(g->asks, job, &sight) == -1) {
        jobs_remove(g->asks->jobs, job);
        return publish ? "stored takes no questions, ask again later"
                       : "queryd takes no questions, ask again later";
    }
    gateway_count(g, publish ? COUNT_GRADINGS_SENT : COUNT_QUERIES_SENT);
    return NULL;
}

static void cancel(struct gateway *g, const struct job *job)
{
    query_link_cancel(&g->asks->query, job->id);
    gateway_count(g, COUNT_QUERIES_CANCELLED);
}

void ask_leave(struct gateway *g, struct waiter *w)
{
    struct job *job = w->job;
    job_leave(w);
    if (job->waiters == NULL && !job->kept && !job->question.publish) {
        if (job->state == JOB_RUNNING) {
            cancel(g, job);
        }
        jobs_remove(g->asks->jobs, job);
    }
}

int ask_interrupt(struct gateway *g, struct job *job, const char *reason)
{
    if (job->state != JOB_RUNNING) {
        return 0;
    }
    if (job->question.publish) {
        return -1;
    }
    cancel(g, job);
    jobs_fail(g->asks->jobs, job, reason, daemon_clock_us());
    return 0;
}

void ask_follow_access(struct gateway *g)
{
    struct job *job, *next;
    for (job = jobs_next(g->asks->jobs, NULL); job != NULL; job = next) {
        next = jobs_next(g->asks->jobs, job);
        if (job->state == JOB_RUNNING && job->repeat == NULL && !job->is_run &&
            access_allows(g->access, job->identity, job->capability->label) &&
            !sight_is(g->access, job->identity, job->capability->label, job->sight)) {
            ask_interrupt(g, job, "what you may see was changed meanwhile, ask again");
        }
    }
}

static void expire(void *context, struct job *job)
{
    static struct log_limit said;
    struct gateway *g = context;
    bool publish = job->question.publish;
    gateway_count(g, COUNT_QUERIES_UNANSWERED);
    if (log_allowed(&said, 5)) {
        log_warn("answer.missing", "peer=%s", publish ? "stored" : "queryd");
    }
    if (!publish) {
        cancel(g, job);
    }
    jobs_fail(g->asks->jobs, job,
              publish ? "stored did not answer in time; whether the grading was published is not "
                        "known, GetGrading tells"
                      : "queryd did not answer in time, ask again later",
              daemon_clock_us());
}

void ask_tick(struct gateway *g)
{
    struct asks *s = g->asks;
    jobs_sweep(s->jobs, daemon_clock_us(), expire, g);
    link_drain(&s->query);
    link_drain(&s->store);
    g->counters[COUNT_JOBS_KNOWN] = jobs_count(s->jobs);
    g->counters[COUNT_JOBS_BYTES] = jobs_bytes(s->jobs);
}
