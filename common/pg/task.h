/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work beside other work: a connection of its own, and steps on it, each a statement whose answer
 * is taken once it is there. Nothing here waits, but for the first connecting, which may take some
 * seconds. What a task does is a table of steps; when it does it, and what it makes of an answer,
 * is its owner's.
 *
 * Nobody knows what becomes of a step that was given up: the connection is closed, which
 * PostgreSQL notices, but it may have carried out the statement by then, a COMMIT too. So a task
 * that fails begins anew from what the database says, never in its midst.
 */
#ifndef EZREPO_COMMON_PG_TASK_H
#define EZREPO_COMMON_PG_TASK_H

#include "common/pg/pg.h"

#define PG_OVER (-1) /* instead of the number of the next step */

extern const char pg_step_connect[]; /* instead of a step's name: there is no connection */

/* What the answer of a step has to be, each of its results where it is several statements. */
enum pg_answer {
    PG_ANSWER_DONE,   /* no rows */
    PG_ANSWER_ROWS,   /* rows, perhaps none of them */
    PG_ANSWER_EITHER, /* some with rows and some without */
};

/* Of text, write and statement the first that is there is sent. Not for COPY. */
struct pg_step {
    const char *name;                  /* in the log */
    const char *text;                  /* without parameters, perhaps several statements */
    const char *(*write)(void *owner); /* gives such a text, which lives until it was sent */
    unsigned statement;                /* one of the program's */
    void (*put)(void *owner, struct pg_params *params); /* NULL: it has no parameters */
    enum pg_answer answer;
    /* The command tag it has to have. PostgreSQL answers the COMMIT of a transaction that has
     * failed as if it had worked, but for its tag. */
    const char *tag;
    /*
     * The answer is the good one. r: the last result with rows, or else the last; it is gone
     * afterwards. Gives the number of the next step, or PG_OVER; must leave the task alone. NULL:
     * the next one in the table.
     */
    int (*done)(void *owner, const PGresult *r, int64_t clock_us);
};

struct pg_task_kind {
    const char *application; /* so PostgreSQL calls the connection */
    const char *session;     /* what it begins with behind the program's own session, or NULL */
    int64_t backoff_us;      /* after a failure nothing is begun for so long */
    /*
     * Where these are set, a lock that was not had is no failure: the task is idle, its connection
     * stays, and nothing is begun for so long; twice as long the next time, up to the most. For
     * steps that are a transaction each.
     */
    int64_t lock_first_us, lock_most_us;
    void (*locked)(void *owner, const char *step, int64_t again_us);
    /*
     * The step (or pg_step_connect) failed, task->pg says how: fault, sqlstate, meaning, message.
     * The connection is closed and the task idle. May be called by pg_task_begin().
     */
    void (*failed)(void *owner, const char *step, int64_t clock_us);
    /* A step that was sent has no good answer and gets none: it failed (then failed() comes next),
     * or was abandoned. NULL: that leaves nothing to be done. */
    void (*given_up)(void *owner, int step);
};

struct pg_task {
    const struct pg_task_kind *kind;
    const struct pg_statements *statements;
    const char *database;
    struct pg_params *params;
    void *owner;
    struct pg pg;
    const struct pg_step *steps; /* NULL: idle */
    int step;                    /* whose answer is awaited */
    uint32_t failures;           /* since the last good answer */
    int64_t began_us, asked_us;  /* the task, the step */
    int64_t again_us;            /* not before this is anything begun */
    int64_t lock_us;             /* how long a lock was waited for last */
};

/*
 * All of it must outlive the task, which must stay where it is. params: where parameters of steps
 * are built, used by nobody else while the task is at work; may be shared by several.
 */
void pg_task_init(struct pg_task *t, const struct pg_task_kind *kind,
                  const struct pg_statements *statements, const char *database,
                  struct pg_params *params, void *owner);

/* Whether an answer is awaited. */
static inline bool pg_task_is_under_way(const struct pg_task *t)
{
    return t->steps != NULL;
}

/* Whether something may be begun: it is idle, and backs off from nothing. */
static inline bool pg_task_is_ready(const struct pg_task *t, int64_t clock_us)
{
    return t->steps == NULL && clock_us >= t->again_us;
}

/*
 * Connects if need be, and sends the first step. Only for one that is idle; whether it is ready is
 * looked at before. False: it failed.
 */
bool pg_task_begin(struct pg_task *t, const struct pg_step *steps, int first, int64_t clock_us);

/* Takes answers and sends next steps as far as that needs no waiting. True: it came to its end just
 * now, and that well. */
bool pg_task_go_on(struct pg_task *t, int64_t clock_us);

/* Waits at most so long for something to be answered. */
void pg_task_await(const struct pg_task *t, int wait_ms);

/* What was to be begun cannot be, for a reason of the owner's: as after a failure. */
static inline void pg_task_back_off(struct pg_task *t, int64_t clock_us)
{
    t->again_us = clock_us + t->kind->backoff_us;
}

/* Gives up what is under way, if anything, by closing the connection. No failure. */
void pg_task_abandon(struct pg_task *t);

/* Gives up and closes. */
void pg_task_close(struct pg_task *t);

#endif
