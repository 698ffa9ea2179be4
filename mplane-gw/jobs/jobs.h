/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked and may be asked for again: a job is one specification of one identity, from its
 * question to queryd or stored until its answer is no longer kept. Bounded by number, by identity,
 * by bytes and by time. Knows no sockets; the present is given.
 */
#ifndef EZREPO_GW_JOBS_H
#define EZREPO_GW_JOBS_H

#include <stddef.h>

#include "common/asking/sight.h"
#include "common/asking/specification.h"
#include "common/hash_table.h"
#include "common/mplane/rendered.h"
#include "mplane-gw/jobs/repeat.h"

struct jobs;
struct job;

/* Somebody who waits for a job's answer; told once, when it no longer belongs to the job. */
struct waiter {
    void (*answered)(struct waiter *w, struct job *job);
    struct job *job;
    struct waiter *next, *previous; /* utlist */
};

enum job_state { JOB_RUNNING, JOB_ANSWERED, JOB_FAILED };

struct job {
    struct arena *arena; /* the specification and what follows from it */
    const struct mplane_message *specification;
    const struct capability *capability;
    struct slice identity, token, label;
    struct gateway_question question;
    unsigned char sight[SIGHT_BYTES]; /* the series its answer tells of (sight.h) */
    struct repeat *repeat;            /* a repeated specification: runs until its end; else NULL */
    bool is_run; /* of a repeated specification: found by its id only, has no arena */
    uint64_t id;
    enum job_state state;
    bool kept;           /* somebody has a receipt: it is not over when all waiters leave */
    bool delivered;      /* its answer has been given to somebody */
    bool published;      /* and it was that a grading is in force */
    int64_t deadline_us; /* of the running; then until when the answer is kept */
    char *bytes;         /* JOB_ANSWERED: the answer message as it came; not of a repeated one */
    size_t size;
    const char *failure;       /* JOB_FAILED: why */
    struct rendered *rendered; /* the reply, once one was made: then `bytes` are no longer there */
    int64_t rendered_us;       /* when */
    struct waiter *waiters;
    char progress[40];           /* how far it is, in words; "": nobody says */
    struct mplane_metadata told; /* the same, for receipts */
    unsigned holders;            /* who still reads from it */
    bool gone;          /* out of the table: freed, and no longer counted, by its last holder */
    struct jobs *table; /* NULL before it is in one, and when that was freed */
    struct job *gone_next, *gone_previous; /* utlist: of those that are held and gone */
    char *key;
    size_t key_size;
    size_t weight; /* bytes it counts for, as long as it is not freed */
    UT_hash_handle by_id, by_key;
};

struct jobs_limits {
    size_t jobs, per_identity, bytes;
    int64_t keep_us;
    size_t repeats, repeats_per_identity; /* that go on */
    size_t runs, run_bytes;               /* kept of one repeated job */
};

/* NULL when memory is out. The caller owns it. */
struct jobs *jobs_new(void);
void jobs_free(struct jobs **j);

/* May change while running. */
void jobs_set_limits(struct jobs *j, const struct jobs_limits *limits);

size_t jobs_count(const struct jobs *j);
size_t jobs_bytes(const struct jobs *j);

/*
 * Takes a job over: arena, specification, capability, identity, token, label, question, repeat and
 * deadline are filled in and live in job's arena or longer; the job itself came from malloc. Gives
 * it an id, and makes room by forgetting answered jobs, first those of the same identity, oldest
 * first. 0; -1 when there is no room: then the job is not taken over, and *why says which limit.
 */
int jobs_add(struct jobs *j, struct job *job, const char **why);

struct job *jobs_by_id(struct jobs *j, uint64_t id);
/* This identity's job of this token, or NULL. */
struct job *jobs_by_token(struct jobs *j, struct slice identity, struct slice token);

/* All of them, one after the other: the first after NULL, NULL after the last. */
struct job *jobs_next(const struct jobs *j, const struct job *job);

/*
 * While held, a job's memory stays, even if it is no longer known; it counts as long, so that it is
 * not forgotten to make room.
 */
void job_hold(struct job *job);
void job_release(struct job *job);

/* Forgets the job; its waiters have left. */
void jobs_remove(struct jobs *j, struct job *job);

/*
 * The job is over: its bytes are copied, or it failed for this (constant) reason; waiters are told.
 * An answer for which no room can be made beside others' is a failure; one alone is always taken.
 */
void jobs_answer(struct jobs *j, struct job *job, struct slice bytes, int64_t now_us);
void jobs_fail(struct jobs *j, struct job *job, const char *failure, int64_t now_us);

/* The answer of a job that is over, which the caller owns from then on (free()); NULL without one.
 */
char *jobs_take_answer(struct jobs *j, struct job *job, size_t *size);

/*
 * The reply that follows from the job's answer, made at now_us: kept instead of the answer, but for
 * a repeated job beside its runs, until there is another run. The job holds it as well.
 */
void jobs_render(struct jobs *j, struct job *job, struct rendered *rendered, int64_t now_us);

/*
 * A run of this repeated job is over: its answer (from malloc, taken over) is kept, or that it
 * failed for this (constant) reason. The oldest runs make room; what all repeated jobs keep is at
 * most half of the bytes there are, so that questions find room beside them.
 */
void jobs_keep_run(struct jobs *j, struct job *job, const struct when *when, char *bytes,
                   size_t size, const char *failure);

/* Forgets all runs of this repeated job, and what was made of them. */
void jobs_forget_runs(struct jobs *j, struct job *job);

/* A repeated job is over: its runs are its answer from now on; waiters are told. */
void jobs_end(struct jobs *j, struct job *job, int64_t now_us);

void job_wait(struct job *job, struct waiter *w);
void job_leave(struct waiter *w);

/*
 * Forgets answers whose time is over. Running jobs past their deadline are given to `expired`,
 * with `context`, which fails them. Call it about once a second.
 */
void jobs_sweep(struct jobs *j, int64_t now_us, void (*expired)(void *context, struct job *job),
                void *context);

/* Frees a job that jobs_add() has not taken over; NULL is fine. */
void job_free(struct job *job);

#endif
