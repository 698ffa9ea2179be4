/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages and time: questions are received, given their turns, cancelled and drained. How one is
 * asked is query_steps.c's matter, how it is answered answering.c's.
 */
#include "queryd/questions.h"

#include <inttypes.h>
#include <utlist.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "queryd/answering.h"
#include "queryd/held.h"
#include "queryd/pg_session.h"
#include "queryd/query_steps.h"
#include "queryd/reasoners.h"

#define DRAIN_US         INT64_C(5000000)
#define RECEIVED_AT_ONCE 100

const struct counter_row counter_rows[] = {QUESTION_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
uint64_t counters[COUNTERS];
const struct counter_row histogram_rows[] = {QUESTION_HISTOGRAMS(HISTOGRAM_ROW)};
struct histogram durations[QUESTION_DURATIONS];

static struct query_engine self;

/* Gives the next in the queue to a free connection; false when nobody's turn is, or none is free.
 */
static bool run_next(void)
{
    struct question *q = (struct question *)turns_next(&self.turns);
    if (q == NULL) {
        return false;
    }
    int64_t left_ms = (q->deadline_us - daemon_clock_us()) / 1000;
    q->running = true;
    if (left_ms <= 0) {
        engine_conclude(q, ANSWER_TIMEOUT, "no connection to the database became free in time");
        return true;
    }
    held_begins(q);
    int busy = query_steps_run(q, left_ms);
    if (busy == 1) {
        engine_wait_again(q);
    }
    return busy == 0;
}

static void finish_draining(void)
{
    if (self.draining && self.all == NULL) {
        daemon_finished(0);
    }
}

/* Called whenever a connection may be free; what it does may call it again, which then does
 * nothing. */
static void dispatch(void)
{
    if (self.dispatching) {
        return;
    }
    self.dispatching = true;
    held_take_up(&self);
    while (self.turns.waiting != NULL) {
        if (pool_away(self.pool)) {
            engine_conclude_unavailable((struct question *)self.turns.waiting);
        } else if (pool_running(self.pool) == pool_connected(self.pool) || !run_next()) {
            break; /* and nobody's turn is used up while no connection is free */
        }
        held_take_up(&self);
    }
    self.dispatching = false;
    finish_draining();
}

/* A question that was read: refused, or at the end of the queue. */
static void take_query(struct question *q, const struct query_message *m)
{
    char error[CRITERIA_ERROR];
    const struct queryd_settings *s = self.settings;
    int64_t most_ms = QUERY_TAKES_LONG(m) ? s->recount_timeout_ms : s->timeout_ms;
    int64_t timeout_ms = (int64_t)m->timeout_ms;
    if (timeout_ms == 0 || timeout_ms > most_ms) {
        timeout_ms = most_ms;
    }
    q->id = m->id;
    q->deadline_us = q->arrived_us + timeout_ms * 1000;
    q->held_until_us = m->wait_ms == 0 ? 0 : q->arrived_us + (int64_t)m->wait_ms * 1000;
    q->asker = arena_copy(q->arena, m->asker);
    int built = criteria_build(q->arena, m, (uint32_t)s->rows_default, (uint32_t)s->rows_max,
                               &q->criteria, error);
    if (built == -1) {
        answer_question(q, ANSWER_INVALID, error);
    } else if (built == -2) {
        answer_question(q, ANSWER_UNAVAILABLE, "out of memory");
    } else if (self.draining) {
        answer_question(q, ANSWER_UNAVAILABLE, "the query engine is stopping");
    } else if (m->kind == QUERY_TRY) {
        reasoners_join(q, m);
    } else {
        engine_join(q, m->asker);
    }
}

static void malformed(const char *what)
{
    counters[COUNT_MALFORMED]++;
    if (log_allowed(&self.said, 5)) {
        log_warn("query.malformed", "reason=\"%s\"", what);
    }
}

static void on_query(struct slice identity, struct slice bytes)
{
    struct query_message m;
    struct question *q =
        question_new(&self, identity, self.settings->answer_bytes, daemon_clock_us());
    if (q == NULL) {
        malformed("out of memory");
    } else if (query_decode_all(bytes, q->arena, &m) == -1) {
        question_free(q);
        malformed("not a query message");
    } else if (engine_find(&self, identity, m.id) != NULL) {
        question_free(q);
        malformed("a query of this id is under way already");
    } else {
        counters[COUNT_RECEIVED]++;
        take_query(q, &m);
    }
}

static void on_cancel(struct slice identity, struct slice bytes)
{
    struct cancel_message m;
    if (cancel_decode_all(bytes, NULL, &m) == -1) {
        malformed("not a cancel message");
        return;
    }
    struct question *q = engine_find(&self, identity, m.id);
    if (q != NULL && q->running && !q->reasoned) {
        q->cancelled = true;
        pool_cancel(self.pool, q);
    } else if (q != NULL) {
        engine_conclude(q, ANSWER_CANCELLED, "cancelled by who asked");
    }
}

static void on_message(const struct bus_message *m)
{
    if (m->count != 2 || m->frames[0].len > QUESTION_IDENTITY) {
        malformed("expected one frame");
        return;
    }
    switch (message_number(m->frames[1])) {
    case MESSAGE_query:
        on_query(m->frames[0], m->frames[1]);
        return;
    case MESSAGE_cancel:
        on_cancel(m->frames[0], m->frames[1]);
        return;
    default:
        malformed("expected a query or a cancel message");
    }
}

static int on_socket(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop;
    (void)context;
    for (int i = 0; i < RECEIVED_AT_ONCE; i++) {
        struct bus_message m;
        int received = bus_receive(socket, &m);
        if (received == 1) {
            break;
        }
        if (received == -1) {
            malformed("expected one frame");
            continue;
        }
        on_message(&m);
        bus_release(&m);
        dispatch();
    }
    return 0;
}

/* Who waited too long, and the end of draining. */
static void on_deadline(void *context)
{
    (void)context;
    int64_t now = daemon_clock_us();
    int64_t next_us = held_look_at_records(&self, now);
    struct question *q, *next;
    DL_FOREACH_SAFE(self.all, q, next)
    {
        if (q->running && !q->reasoned) {
            continue; /* the pool sees to it */
        }
        if (q->held && now >= q->held_until_us) {
            engine_conclude(q, ANSWER_OK, "");
        } else if (q->held) {
            next_us = q->held_until_us < next_us ? q->held_until_us : next_us;
        } else if (now >= q->deadline_us) {
            engine_conclude(q, ANSWER_TIMEOUT,
                            q->reasoned ? "no dry run came to its end in time"
                                        : "no connection to the database became free in time");
        } else {
            next_us = q->deadline_us < next_us ? q->deadline_us : next_us;
        }
    }
    if (self.draining && now >= self.drain_until_us) {
        log_warn("queries.left", "count=%u", pool_running(self.pool));
        daemon_finished(0);
        return;
    }
    if (self.draining && self.drain_until_us < next_us) {
        next_us = self.drain_until_us;
    }
    if (next_us != INT64_MAX) {
        deadline_by(&self.deadline, next_us);
    }
    dispatch();
    reasoners_dispatch(&self);
}

/* Of what stored published only the newest counts. */
static int on_news(zloop_t *loop, zsock_t *socket, void *context)
{
    (void)loop;
    (void)context;
    struct bus_message m;
    int received;
    bool any = false, told = false;
    while ((received = bus_receive(socket, &m)) != 1) {
        struct arrived_message news;
        if (received == 0) {
            bool good = m.count == 2 && arrived_decode_all(m.frames[1], NULL, &news) == 0;
            any = any || good;
            told = told || (good && news.told == 1);
            bus_release(&m);
        }
    }
    if (any) {
        held_news(&self, told);
        dispatch();
    }
    return 0;
}

int questions_start(zloop_t *loop, zsock_t *socket, zsock_t *news, zsock_t *reason,
                    const struct queryd_settings *settings)
{
    static const struct pool_kind kind = {.application = "ezrepo queryd",
                                          .session = pg_session_sql,
                                          .look = pg_session_version_sql,
                                          .fits = pg_session_fits,
                                          .events = {question_row, query_steps_done, dispatch}};
    self.socket = socket;
    self.settings = settings;
    deadline_init(&self.deadline, loop, on_deadline, NULL);
    self.pool = pool_new(loop, settings->database, (unsigned)settings->connections, &kind);
    if (self.pool == NULL || zloop_reader(loop, socket, on_socket, NULL) == -1 ||
        zloop_reader(loop, news, on_news, NULL) == -1 ||
        reasoners_start(&self, loop, reason) == -1) {
        log_error("queries.start", "error=\"out of memory\"");
        return -1;
    }
    zloop_reader_set_tolerant(loop, socket);
    return 0;
}

void questions_drain(void)
{
    struct question *q, *next;
    self.draining = true;
    self.drain_until_us = daemon_clock_us() + DRAIN_US;
    deadline_by(&self.deadline, self.drain_until_us);
    DL_FOREACH_SAFE(self.all, q, next)
    {
        if (q->held) {
            engine_conclude(q, ANSWER_OK, "");
        } else if (!q->running || q->reasoned) {
            engine_conclude(q, ANSWER_UNAVAILABLE, "the query engine is stopping");
        }
    }
    finish_draining();
}

void questions_tick(void)
{
    if (self.pool == NULL) {
        return;
    }
    reasoners_look(&self);
    if (held_look_again(&self)) {
        dispatch();
    }
    counters[COUNT_WAITING] = self.turns.waiting_count;
    counters[COUNT_HELD] = self.held_count;
    counters[COUNT_RUNNING] = pool_running(self.pool);
    counters[COUNT_CONNECTIONS] = pool_connected(self.pool);
    counters[COUNT_DATABASE_ERRORS] = pool_failures(self.pool);
    if (pool_away(self.pool)) {
        daemon_trouble("database", true, "%s%s",
                       pool_unfit(self.pool) ? "" : "away: ", pool_error(self.pool));
    } else {
        bool connected = pool_connected(self.pool) > 0;
        daemon_trouble("database", !connected && daemon_is_settled(), "%s",
                       connected ? "connected" : "connecting");
    }
}

void questions_stop(void)
{
    struct question *q, *next;
    pool_free(&self.pool);
    DL_FOREACH_SAFE(self.all, q, next)
    {
        engine_leave(q);
        question_free(q);
    }
    reasoners_stop(&self);
    editions_release(&self.editions);
}
