/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runs of repeated specifications in libevent's loop. A run is a job without a token of its
 * own: its question ends, times out and is cancelled like every other.
 */
#include "mplane-gw/jobs/repeats.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/kept_file.h"
#include "common/log.h"
#include "common/quote.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/ask.h"

/* The timer is set anew at least so often. */
#define LONGEST_WAIT_US INT64_C(3600000000)

/* The file tells the time of the next run not older than this; additions and ends within a second.
 */
#define STALE_US INT64_C(60000000)

/* A specification that is to be repeated takes at most so much, so that the file stays small. */
#define JOB_BYTES ((size_t)256 * 1024)

/* A repeated job that goes on, from its first run to its last. */
struct repetition {
    struct waiter waiter; /* the first member: a waiter is its repetition */
    struct gateway *gateway;
    struct job *job;
    struct job *run;                /* under way, or NULL */
    struct when when;               /* its scope */
    struct repetition *next, *prev; /* utlist */
};

struct repetitions {
    struct repetition *first;
    struct event *timer;
    bool is_read;     /* the file, at the start: else it is not written over */
    bool changed;     /* since the file was written */
    int64_t moved_us; /* 0, or since when the times of next runs are newer than the file */
    repeats_restore *restore;
};

static void set_timer(const struct repetitions *s)
{
    int64_t now_us = daemon_now_us(), wait_us = LONGEST_WAIT_US;
    const struct repetition *p;
    DL_FOREACH(s->first, p)
    {
        int64_t due_us = repeat_due_us(p->job->repeat);
        if (p->run == NULL && due_us < now_us + wait_us) {
            wait_us = due_us > now_us ? due_us - now_us : 0;
        }
    }
    struct timeval t = gateway_timeval(wait_us);
    evtimer_add(s->timer, &t);
}

/* ---- the end ---- */

/* Out of the list; the job is as it is. */
static void repetition_free(struct repetition *p)
{
    struct repetitions *s = p->gateway->repetitions;
    if (p->run != NULL) {
        ask_leave(p->gateway, &p->waiter);
    }
    DL_DELETE(s->first, p);
    free(p);
    s->changed = true;
}

static struct repetition *repetition_of(const struct repetitions *s, const struct job *job)
{
    struct repetition *p;
    DL_SEARCH_SCALAR(s->first, p, job, job);
    return p;
}

static void end(struct repetition *p)
{
    struct job *job = p->job;
    struct jobs *jobs = ask_jobs(p->gateway);
    repetition_free(p);
    repeat_end(job->repeat, daemon_now_us());
    jobs_end(jobs, job, daemon_clock_us());
}

void repeats_interrupt(struct gateway *g, struct job *job)
{
    struct repetition *p = repetition_of(g->repetitions, job);
    if (p != NULL) {
        end(p);
    }
}

/* ---- runs ---- */

/* The run of p->when is over: its answer (from malloc, taken over), or why there is none. */
static void keep_run(struct repetition *p, char *bytes, size_t size, const char *failure)
{
    jobs_keep_run(ask_jobs(p->gateway), p->job, &p->when, bytes, size, failure);
    if (repeat_due_us(p->job->repeat) == WHEN_FUTURE) {
        end(p);
    }
}

/* Called out of the table of jobs: nothing is asked here. */
static void on_answered(struct waiter *w, struct job *run)
{
    struct repetition *p = (struct repetition *)w;
    struct gateway *g = p->gateway; /* which outlives the repetition */
    size_t size;
    char *bytes = jobs_take_answer(ask_jobs(g), run, &size);
    p->run = NULL;
    jobs_remove(ask_jobs(g), run);
    keep_run(p, bytes, size, run->failure);
    set_timer(g->repetitions);
}

/* The run of p->when. NULL after saying why there is none. */
static struct job *make_run(struct repetition *p, const char **why)
{
    char error[256] = "";
    struct mplane_message single = *p->job->specification;
    struct job *run = calloc(1, sizeof *run);
    *why = "the gateway has no memory to ask";
    if (run == NULL) {
        return NULL;
    }
    single.when = p->when;
    run->is_run = true;
    run->specification = p->job->specification;
    run->capability = p->job->capability;
    run->identity = p->job->identity;
    run->label = p->job->label;
    if (question_of(&single, run->capability->kind, daemon_now_us(), &run->question, error,
                    sizeof error) == -1) {
        /* It could be asked when the specification was taken. */
        log_error("repeat.question", "error=\"%s\"", error);
        *why = "the question cannot be asked any more";
        job_free(run);
        return NULL;
    }
    return run;
}

static void start_run(struct repetition *p)
{
    struct gateway *g = p->gateway;
    struct repetitions *s = g->repetitions;
    const char *why;
    int64_t now_us = daemon_now_us();
    s->moved_us = s->moved_us == 0 ? daemon_clock_us() : s->moved_us;
    gateway_count(g, COUNT_REPEATS_RUNS);
    if (repeat_take(p->job->repeat, now_us, &p->when)) {
        gateway_count(g, COUNT_REPEATS_SKIPPED);
    }
    struct job *run = make_run(p, &why);
    if (run != NULL && (why = ask(g, run)) == NULL) {
        p->run = run;
        p->waiter.answered = on_answered;
        job_wait(run, &p->waiter);
        return;
    }
    keep_run(p, NULL, 0, why);
}

/* Who may no longer use the capability gets no more runs of it, nor what there was. */
static void withdraw(struct repetition *p)
{
    struct jobs *jobs = ask_jobs(p->gateway);
    struct job *job = p->job;
    log_info("repeat.withdrawn", "identity=%s capability=%.*s", QUOTED(job->identity),
             (int)job->capability->label.len, job->capability->label.at);
    repetition_free(p);
    repeat_end(job->repeat, daemon_now_us());
    jobs_fail(jobs, job, "the capability was withdrawn", daemon_clock_us());
}

/* From now on for the series that its identity may see now. */
static void see_others(struct repetition *p, const struct sight *sight)
{
    struct gateway *g = p->gateway;
    bool running = p->run != NULL;
    if (running) {
        ask_leave(g, &p->waiter);
        p->run = NULL;
    }
    jobs_forget_runs(ask_jobs(g), p->job);
    memcpy(p->job->sight, sight->mark, sizeof p->job->sight);
    if (running) {
        keep_run(p, NULL, 0, "what you may see was changed meanwhile");
    }
}

void repeats_follow_access(struct gateway *g)
{
    struct repetition *p, *next;
    DL_FOREACH_SAFE(g->repetitions->first, p, next)
    {
        struct sight sight;
        const struct job *job = p->job;
        if (sight_find(g->access, job->identity, job->capability->label, &sight) == 0 &&
            memcmp(sight.mark, job->sight, sizeof sight.mark) != 0) {
            see_others(p, &sight);
        }
    }
    set_timer(g->repetitions);
}

static void start_due(const struct gateway *g)
{
    struct repetition *p, *next;
    int64_t now_us = daemon_now_us();
    DL_FOREACH_SAFE(g->repetitions->first, p, next)
    {
        if (p->run != NULL || repeat_due_us(p->job->repeat) > now_us) {
            continue;
        }
        if (capability_denied(p->job->capability, g->access, p->job->identity) == NULL) {
            start_run(p);
        } else {
            withdraw(p);
        }
    }
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    const struct gateway *g = context;
    (void)fd, (void)what;
    if (!daemon_draining()) {
        start_due(g);
        set_timer(g->repetitions);
    }
}

const char *repeats_add(struct gateway *g, struct job *job)
{
    struct repetitions *s = g->repetitions;
    const char *why = "out of memory";
    struct repetition *p = calloc(1, sizeof *p);
    job->deadline_us = INT64_MAX;
    bool large = arena_used(job->arena) > JOB_BYTES;
    if (large) {
        why = "the specification is too large to be repeated";
    }
    if (large || p == NULL || jobs_add(ask_jobs(g), job, &why) == -1) {
        free(p);
        job_free(job);
        return why;
    }
    struct sight sight;
    if (sight_find(g->access, job->identity, job->capability->label, &sight) == 0) {
        memcpy(job->sight, sight.mark, sizeof job->sight);
    }
    p->gateway = g;
    p->job = job;
    job->kept = true;
    DL_APPEND(s->first, p);
    s->changed = true;
    set_timer(s);
    return NULL;
}

/* ---- the file ---- */

static int write_entry(FILE *f, const struct repetition *p)
{
    const struct job *job = p->job;
    struct mplane_message m = *job->specification;
    struct arena *a = arena_new(32 * 1024 * 1024);
    int failed = -1;
    m.token = job->token;
    m.label = job->label;
    struct slice text =
        a == NULL ? (struct slice){NULL, 0} : mplane_message_write(a, &m, p->gateway->registry);
    if (text.at != NULL) {
        /* After a restart the run that is under way is asked for again. */
        int64_t next_us = p->run == NULL ? job->repeat->next_us : p->when.start_us;
        struct repeats_entry e = {job->identity, job->repeat->taken_us, next_us, NULL};
        failed = repeats_file_add(f, &e, text);
    }
    arena_free(&a);
    return failed;
}

static void write_file(const struct gateway *g)
{
    struct repetitions *s = g->repetitions;
    static struct log_limit said;
    const char *path = g->settings.repeats_file;
    if (path[0] == '\0') {
        return;
    }
    FILE *f = kept_file_begin(path);
    bool failed = f == NULL;
    const struct repetition *p;
    DL_FOREACH(s->first, p)
    {
        failed = failed || write_entry(f, p) == -1;
    }
    if (f != NULL) {
        failed = kept_file_end(f, path, !failed) == -1;
    }
    if (failed && log_allowed(&said, 1)) {
        log_errno("repeats.write", "file=%s", path);
    }
    s->changed = failed;
    s->moved_us = 0;
}

static void take_entry(void *context, const struct repeats_entry *e)
{
    struct gateway *g = context;
    char error[512] = "";
    if (g->repetitions->restore(g, e, error, sizeof error) == -1) {
        log_warn("repeat.not_taken_up", "identity=%s error=%s", QUOTED(e->identity),
                 QUOTED(slice_of(error)));
    }
}

int repeats_start(struct gateway *g, repeats_restore *restore)
{
    struct repetitions *s = calloc(1, sizeof *s);
    g->repetitions = s;
    if (s == NULL || (s->timer = evtimer_new(g->base, on_timer, g)) == NULL) {
        log_error("repeats.start", "error=\"out of memory\"");
        return -1;
    }
    s->restore = restore;
    s->is_read = g->settings.repeats_file[0] == '\0' ||
                 repeats_file_read(g->settings.repeats_file, take_entry, g) == 0;
    return s->is_read ? 0 : -1;
}

void repeats_stop(struct gateway *g)
{
    struct repetitions *s = g->repetitions;
    if (s != NULL && s->timer != NULL) {
        if (s->is_read) {
            write_file(g);
        }
        while (s->first != NULL) {
            repetition_free(s->first);
        }
        event_free(s->timer);
    }
    free(s);
    g->repetitions = NULL;
}

void repeats_tick(struct gateway *g)
{
    struct repetitions *s = g->repetitions;
    if (s->changed || (s->moved_us != 0 && daemon_clock_us() - s->moved_us > STALE_US)) {
        write_file(g);
    }
    on_timer(-1, 0, g);
    size_t known;
    struct repetition *p;
    DL_COUNT(s->first, p, known);
    g->counters[COUNT_REPEATS_KNOWN] = known;
}
