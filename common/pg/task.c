/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs tables of steps. The one place that knows how an answer is taken without waiting, and when
 * it is none.
 */
#include "common/pg/task.h"

#include <poll.h>
#include <stdio.h>

const char pg_step_connect[] = "connect";

void pg_task_init(struct pg_task *t, const struct pg_task_kind *kind,
                  const struct pg_statements *statements, const char *database,
                  struct pg_params *params, void *owner)
{
    *t = (struct pg_task){.kind = kind,
                          .statements = statements,
                          .database = database,
                          .params = params,
                          .owner = owner};
}

void pg_task_abandon(struct pg_task *t)
{
    if (t->steps == NULL) {
        return;
    }
    t->steps = NULL;
    pg_close(&t->pg);
    if (t->kind->given_up != NULL) {
        t->kind->given_up(t->owner, t->step);
    }
}

void pg_task_close(struct pg_task *t)
{
    pg_task_abandon(t);
    pg_close(&t->pg);
}

/* t->pg says how. */
static void fail(struct pg_task *t, const char *step, int64_t clock_us)
{
    pg_task_close(t);
    t->failures++;
    pg_task_back_off(t, clock_us);
    t->kind->failed(t->owner, step, clock_us);
}

/* ---- sending ---- */

static int send_step(struct pg_task *t, int number, int64_t clock_us)
{
    const struct pg_step *s = &t->steps[number];
    t->step = number;
    t->asked_us = clock_us;
    const char *text = s->text == NULL && s->write != NULL ? s->write(t->owner) : s->text;
    if (text != NULL) {
        return pg_send_text(&t->pg, text);
    }
    pg_params_begin(t->params);
    if (s->put != NULL) {
        s->put(t->owner, t->params);
    }
    return pg_send(&t->pg, s->statement, t->params);
}

static int connect_if_need_be(struct pg_task *t)
{
    if (pg_is_open(&t->pg)) {
        return 0;
    }
    if (pg_open(&t->pg, t->statements, t->database, t->kind->application) == -1) {
        return -1;
    }
    return t->kind->session == NULL ? 0 : pg_do(&t->pg, t->kind->session);
}

bool pg_task_begin(struct pg_task *t, const struct pg_step *steps, int first, int64_t clock_us)
{
    if (connect_if_need_be(t) == -1) {
        fail(t, pg_step_connect, clock_us);
        return false;
    }
    t->steps = steps;
    t->began_us = clock_us;
    if (send_step(t, first, clock_us) == -1) {
        fail(t, steps[first].name, clock_us);
        return false;
    }
    return true;
}

/* ---- answers ---- */

static bool is_good(const struct pg_step *s, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    bool may_be = (status == PGRES_TUPLES_OK && s->answer != PG_ANSWER_DONE) ||
                  (status == PGRES_COMMAND_OK && s->answer != PG_ANSWER_ROWS);
    return may_be && (s->tag == NULL || strcmp(PQcmdStatus(r), s->tag) == 0);
}

static void keep_failure(struct pg *pg, PGresult *r)
{
    (void)pg_failed(pg, r);
    if (pg->message[0] == '\0') {
        const char *tag = PQcmdStatus(r);
        snprintf(pg->message, sizeof pg->message, "answered with %s",
                 tag[0] != '\0' ? tag : PQresStatus(PQresultStatus(r)));
    }
}

/*
 * The answer, which is all there: the result for done(), or NULL and t->pg says what is wrong. The
 * results of several statements come before their transaction is committed, so they are good only
 * with the connection still there at their end.
 */
static PGresult *take_answer(struct pg_task *t)
{
    const struct pg_step *s = &t->steps[t->step];
    PGresult *kept = NULL, *r;
    bool good = true;
    while ((r = PQgetResult(t->pg.conn)) != NULL) {
        if (good && !is_good(s, r)) {
            keep_failure(&t->pg, r);
            good = false;
        }
        if (kept == NULL || PQresultStatus(r) == PGRES_TUPLES_OK) {
            PQclear(kept);
            kept = r;
        } else {
            PQclear(r);
        }
    }
    bool lost = PQstatus(t->pg.conn) != CONNECTION_OK;
    if (good && (kept == NULL || lost)) {
        (void)pg_failed(&t->pg, NULL);
        good = false;
    }
    t->pg.fault = lost ? PG_AWAY : t->pg.fault; /* whatever was refused before */
    if (!good) {
        PQclear(kept);
        kept = NULL;
    }
    return kept;
}

/* After a lock that was waited for so long before. */
static int64_t next_lock_us(const struct pg_task_kind *kind, int64_t before_us)
{
    int64_t next_us = before_us == 0 ? kind->lock_first_us : before_us * 2;
    return next_us < kind->lock_most_us ? next_us : kind->lock_most_us;
}

/* There is no good answer. */
static void refuse(struct pg_task *t, int64_t clock_us)
{
    const char *step = t->steps[t->step].name;
    bool waits =
        t->kind->lock_first_us > 0 && t->pg.fault != PG_AWAY && t->pg.meaning == PG_MEANS_LOCKED;
    if (!waits) {
        fail(t, step, clock_us);
        return;
    }
    t->steps = NULL;
    t->lock_us = next_lock_us(t->kind, t->lock_us);
    t->again_us = clock_us + t->lock_us;
    t->kind->locked(t->owner, step, t->lock_us);
}

/* The next step, or the end. False: it failed. */
static bool take_step(struct pg_task *t, int64_t clock_us)
{
    const struct pg_step *s = &t->steps[t->step];
    PGresult *r = take_answer(t);
    if (r == NULL) {
        refuse(t, clock_us);
        return false;
    }
    t->failures = 0;
    t->lock_us = 0;
    int next = s->done == NULL ? t->step + 1 : s->done(t->owner, r, clock_us);
    PQclear(r);
    if (next == PG_OVER) {
        t->steps = NULL;
        return true;
    }
    if (send_step(t, next, clock_us) == -1) {
        fail(t, t->steps[next].name, clock_us);
        return false;
    }
    return true;
}

bool pg_task_go_on(struct pg_task *t, int64_t clock_us)
{
    while (t->steps != NULL) {
        int answered = pg_answered(&t->pg);
        if (answered == -1 ||
            (answered == 0 && pg_has_been_silent(&t->pg, clock_us - t->asked_us))) {
            fail(t, t->steps[t->step].name, clock_us);
        }
        if (answered != 1 || !take_step(t, clock_us)) {
            return false;
        }
        if (t->steps == NULL) {
            return true;
        }
    }
    return false;
}

void pg_task_await(const struct pg_task *t, int wait_ms)
{
    struct pollfd socket = {.fd = PQsocket(t->pg.conn), .events = POLLIN};
    if (t->steps != NULL) {
        (void)poll(&socket, 1, wait_ms);
    }
}
