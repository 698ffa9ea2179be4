/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to PostgreSQL: connecting, session settings, one statement at a time, stopping it,
 * and coming back after a loss. All sockets are non-blocking readers of the loop.
 */
#include "common/pg/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/deadline.h"
#include "common/log.h"
#include "common/pg/hosts.h"

#define HOST_US          INT64_C(3000000) /* to connect to one host; then the next one's turn comes */
#define PAUSE_FIRST_US   INT64_C(200000) /* before the next attempt; doubles */
#define PAUSE_LONGEST_US INT64_C(5000000)
#define PAUSE_UNFIT_US   INT64_C(250000)  /* what is being made there is there within moments */
#define GRACE_US         INT64_C(3000000) /* for the server to end a statement that it should have */
#define ERROR_BYTES      256

static const char timeout_sql[] = "SELECT set_config('statement_timeout', $1, false)";

enum state {
    AWAY,       /* waits until retry_us */
    CONNECTING, /* PQconnectPoll */
    PREPARING,  /* the kind's session is under way */
    LOOKING,    /* its look is under way */
    IDLE,
    SETTING, /* timeout_sql is under way, the owner's statement comes next */
    RUNNING  /* the owner's statement is under way */
};

struct pool_connection {
    struct pool *pool;
    PGconn *pg;
    enum state state;
    int watched_fd; /* -1: none */
    short watched_events;
    int64_t retry_us, pause_us, give_up_us;
    unsigned first, tried;  /* of the hosts: the first of this attempt, how many came after it */
    char host[ERROR_BYTES]; /* that is being asked */
    int64_t timeout_ms;     /* the session's statement_timeout */
    bool stopped;           /* nobody wants the statement's rows any more */
    int64_t number;         /* that look gave; -1: none */
    enum pool_outcome outcome;
    char message[ERROR_BYTES];
    /* The statement. */
    void *owner;
    const char *sql;
    const char *const *parameters;
    int parameter_count;
    int64_t next_timeout_ms;
};

struct pool {
    zloop_t *loop;
    struct deadline deadline; /* for the first connection whose time comes */
    const char *conninfo;
    struct hosts hosts;
    unsigned first_host; /* where an attempt to connect begins */
    const struct pool_kind *kind;
    bool failed; /* the last attempt to connect did */
    bool unfit;  /* since the database does not fit */
    char error[ERROR_BYTES];
    uint64_t failures;
    struct log_limit said;
    unsigned count;
    struct pool_connection connections[];
};

static int on_ready(zloop_t *loop, zmq_pollitem_t *item, void *context);

/* When something is to be done about it, whatever the server says; INT64_MAX: never. */
static int64_t due_us(const struct pool_connection *c)
{
    return c->state == AWAY ? c->retry_us : c->state == IDLE ? INT64_MAX : c->give_up_us;
}

/* Its state, or the time it has, is another one now. */
static void watch_time(struct pool_connection *c)
{
    if (due_us(c) != INT64_MAX) {
        deadline_by(&c->pool->deadline, due_us(c));
    }
}

static void unwatch(struct pool_connection *c)
{
    if (c->watched_fd != -1) {
        zmq_pollitem_t item = {.fd = c->watched_fd};
        zloop_poller_end(c->pool->loop, &item);
        c->watched_fd = -1;
    }
}

/* libpq may change the socket while it connects, hence each time anew when anything differs. */
static int watch(struct pool_connection *c, short events)
{
    int fd = PQsocket(c->pg);
    if (fd == c->watched_fd && events == c->watched_events) {
        return 0;
    }
    unwatch(c);
    zmq_pollitem_t item = {.fd = fd, .events = events};
    if (fd == -1 || zloop_poller(c->pool->loop, &item, on_ready, c) == -1) {
        return -1;
    }
    zloop_poller_set_tolerant(c->pool->loop, &item);
    c->watched_fd = fd;
    c->watched_events = events;
    return 0;
}

/* Sends what libpq still holds; the socket is watched for the answer, and for room if need be. */
static int flush_and_watch(struct pool_connection *c)
{
    int unsent = PQflush(c->pg);
    return unsent == -1 ? -1 : watch(c, unsent == 1 ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
}

static bool has_statement(const struct pool_connection *c)
{
    return c->state == SETTING || c->state == RUNNING;
}

static void finish_statement(struct pool_connection *c, enum pool_outcome outcome)
{
    void *owner = c->owner;
    char message[ERROR_BYTES];
    memcpy(message, c->message, sizeof message);
    c->owner = NULL;
    c->pool->kind->events.done(owner, outcome, message);
}

static void disconnect(struct pool_connection *c, int64_t retry_us)
{
    unwatch(c);
    PQfinish(c->pg);
    c->pg = NULL;
    c->state = AWAY;
    c->retry_us = retry_us;
    watch_time(c);
}

/* The connection is of no use (any more): tell its owner, come back later. */
static void leave(struct pool_connection *c, const char *why, bool unfit)
{
    struct pool *pool = c->pool;
    bool statement = has_statement(c);
    pg_one_line(pool->error, ERROR_BYTES, why);
    snprintf(c->message, sizeof c->message, "%s", pool->error);
    if (log_allowed(&pool->said, 3)) {
        log_error(unfit ? "database.unfit" : "database.lost", "error=\"%s\"", pool->error);
    }
    pool->failures += !unfit; /* what is not made yet is no error: the note tells of it */
    pool->failed = true;
    pool->unfit = unfit;
    disconnect(c, daemon_clock_us() + (unfit ? PAUSE_UNFIT_US : c->pause_us));
    c->pause_us = unfit                                ? PAUSE_FIRST_US
                  : c->pause_us * 2 > PAUSE_LONGEST_US ? PAUSE_LONGEST_US
                                                       : c->pause_us * 2;
    if (statement) {
        finish_statement(c, POOL_UNAVAILABLE);
    }
    pool->kind->events.changed();
}

static void lose(struct pool_connection *c, const char *why)
{
    leave(c, why, false);
}

static void on_notice(void *context, const char *message)
{
    (void)context;
    log_debug("database.notice", "text=\"%s\"", message);
}

/* Each host has its time: one that is frozen must not use up that of the others. */
static void note_host(struct pool_connection *c)
{
    char host[ERROR_BYTES];
    snprintf(host, sizeof host, "%.120s:%.20s", PQhost(c->pg), PQport(c->pg));
    if (strcmp(host, c->host) != 0) {
        c->tried += c->host[0] != '\0';
        memcpy(c->host, host, sizeof host);
        c->give_up_us = daemon_clock_us() + HOST_US;
        watch_time(c);
    }
}

static void go_on_connecting(struct pool_connection *c)
{
    note_host(c);
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        if (watch(c, ZMQ_POLLIN) == -1) {
            lose(c, "out of memory");
        }
        return;
    case PGRES_POLLING_WRITING:
        if (watch(c, ZMQ_POLLOUT) == -1) {
            lose(c, "out of memory");
        }
        return;
    case PGRES_POLLING_OK:
        c->state = PREPARING;
        c->give_up_us = daemon_clock_us() + HOST_US;
        watch_time(c);
        c->timeout_ms = -1;
        c->outcome = POOL_DONE;
        if (PQsetnonblocking(c->pg, 1) == -1 ||
            PQsendQueryParams(c->pg, c->pool->kind->session, 0, NULL, NULL, NULL, NULL, 0) == 0 ||
            flush_and_watch(c) == -1) {
            lose(c, PQerrorMessage(c->pg));
        }
        return;
    default:
        lose(c, PQerrorMessage(c->pg));
    }
}

static void begin_connecting(struct pool_connection *c)
{
    const struct hosts *h = &c->pool->hosts;
    c->first = c->pool->first_host;
    char *host = hosts_rotate(h->host, c->first);
    char *hostaddr = hosts_rotate(h->hostaddr, c->first);
    char *port = hosts_rotate(h->port, c->first);
    /* What stands after dbname, which is read as a connection string, overrides what is in it;
     * NULL does not. */
    const char *keys[] = {"dbname",
                          "client_encoding",
                          "application_name",
                          "tcp_user_timeout",
                          "host",
                          "hostaddr",
                          "port",
                          NULL};
    const char *values[] = {
        c->pool->conninfo, "UTF8", c->pool->kind->application, "3000", host, hostaddr, port, NULL};
    c->state = CONNECTING;
    c->host[0] = '\0';
    c->tried = 0;
    c->give_up_us = daemon_clock_us() + HOST_US;
    watch_time(c);
    c->pg = PQconnectStartParams(keys, values, 1);
    free(host);
    free(hostaddr);
    free(port);
    if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD) {
        lose(c, c->pg == NULL ? "out of memory" : PQerrorMessage(c->pg));
        return;
    }
    PQsetNoticeProcessor(c->pg, on_notice, NULL);
    if (watch(c, ZMQ_POLLOUT) == -1) {
        lose(c, "out of memory");
    }
}

/* Whether what is asked for is not there yet, or may not be read. */
static bool is_not_there(enum pg_meaning meaning)
{
    return meaning == PG_MEANS_MISSING || meaning == PG_MEANS_FORBIDDEN;
}

/* What kind of failure the SQLSTATE tells; NULL: the connection's. */
static enum pool_outcome outcome_of(const char *state)
{
    enum pg_meaning meaning = pg_meaning_of(state);
    if (meaning == PG_MEANS_STOPPED) {
        return POOL_TIMEOUT;
    }
    return state == NULL || pg_may_pass(meaning) || is_not_there(meaning) ? POOL_UNAVAILABLE
                                                                          : POOL_REFUSED;
}

/*
 * Ends the statement by closing the connection, which the server notices soon, and makes a new one.
 * To ask the server to cancel needs another connection all the same, and libpq waits for that.
 */
static void stop_statement(struct pool_connection *c)
{
    struct pool *pool = c->pool;
    c->message[0] = '\0';
    disconnect(c, 0);
    finish_statement(c, POOL_STOPPED);
    begin_connecting(c);
    pool->kind->events.changed();
}

/* Without the statement, a piece of which libpq would add: who asks may hear of it. */
static void take_error(struct pool_connection *c, const PGresult *result)
{
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    pg_one_line(c->message, ERROR_BYTES, text != NULL ? text : PQresultErrorMessage(result));
}

static void take_number(struct pool_connection *c, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        c->number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    } else if (!is_not_there(pg_meaning_of(PQresultErrorField(result, PG_DIAG_SQLSTATE)))) {
        c->outcome = POOL_UNAVAILABLE;
        take_error(c, result);
    }
}

static void take_result(struct pool_connection *c, const PGresult *result)
{
    if (c->state == LOOKING) {
        take_number(c, result);
        return;
    }
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        if (c->state == RUNNING && !c->stopped) {
            c->stopped = c->pool->kind->events.row(c->owner, result) == -1;
        }
        return;
    case PGRES_TUPLES_OK:
        return;
    default: {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        c->outcome = outcome_of(state);
        take_error(c, result);
        if (c->outcome == POOL_REFUSED || c->outcome == POOL_UNAVAILABLE) {
            c->pool->failures++;
            if (log_allowed(&c->pool->said, 3)) {
                log_error("database.error", "state=%s error=\"%s\"", state == NULL ? "" : state,
                          c->message);
            }
        }
    }
    }
}

/* Sends to the server what the state says. */
static void send_statement(struct pool_connection *c)
{
    char timeout[32];
    const char *parameters[] = {timeout};
    int sent;
    c->outcome = POOL_DONE;
    if (c->timeout_ms != c->next_timeout_ms) {
        c->state = SETTING;
        snprintf(timeout, sizeof timeout, "%" PRId64, c->next_timeout_ms);
        sent = PQsendQueryParams(c->pg, timeout_sql, 1, NULL, parameters, NULL, NULL, 0);
    } else {
        c->state = RUNNING;
        sent = PQsendQueryParams(c->pg, c->sql, c->parameter_count, NULL, c->parameters, NULL, NULL,
                                 0);
        sent = sent == 1 ? PQsetSingleRowMode(c->pg) : 0;
    }
    if (sent == 0 || flush_and_watch(c) == -1) {
        lose(c, PQerrorMessage(c->pg));
    }
}

static void look(struct pool_connection *c)
{
    c->state = LOOKING;
    c->number = -1;
    if (PQsendQueryParams(c->pg, c->pool->kind->look, 0, NULL, NULL, NULL, NULL, 0) == 0 ||
        flush_and_watch(c) == -1) {
        lose(c, PQerrorMessage(c->pg));
    }
}

/* The session is made: with it, or without it. */
static void end_looking(struct pool_connection *c)
{
    char why[ERROR_BYTES];
    if (!c->pool->kind->fits(c->number, why, sizeof why)) {
        leave(c, why, true);
        return;
    }
    c->pause_us = PAUSE_FIRST_US;
    c->pool->failed = c->pool->unfit = false;
    c->state = IDLE;
    log_info("database.connected", "backend=%d", PQbackendPID(c->pg));
    c->pool->kind->events.changed();
}

/* All results of what was sent are there. */
static void end_statement(struct pool_connection *c)
{
    enum state was = c->state;
    if (was == PREPARING || was == LOOKING) {
        if (c->outcome != POOL_DONE) {
            lose(c, c->message);
        } else if (was == PREPARING) {
            look(c);
        } else {
            end_looking(c);
        }
        return;
    }
    if (was == SETTING && c->outcome == POOL_DONE) {
        c->timeout_ms = c->next_timeout_ms;
        send_statement(c);
        return;
    }
    if (was == SETTING) {
        c->timeout_ms = -1; /* whether it took effect is not known */
    }
    c->state = IDLE;
    if (was == SETTING || was == RUNNING) {
        finish_statement(c, c->outcome);
    }
    c->pool->kind->events.changed();
}

static void go_on_reading(struct pool_connection *c)
{
    if (PQconsumeInput(c->pg) == 0 || flush_and_watch(c) == -1) {
        lose(c, PQerrorMessage(c->pg));
        return;
    }
    while (c->state != IDLE && c->state != AWAY && PQisBusy(c->pg) == 0) {
        PGresult *result = PQgetResult(c->pg);
        if (result == NULL) {
            end_statement(c);
            continue;
        }
        take_result(c, result);
        PQclear(result);
        if (c->stopped && c->state == RUNNING) {
            stop_statement(c);
            return;
        }
        if (PQstatus(c->pg) == CONNECTION_BAD) {
            lose(c, PQerrorMessage(c->pg));
        }
    }
}

static int on_ready(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop;
    (void)item;
    struct pool_connection *c = context;
    if (c->state == CONNECTING) {
        go_on_connecting(c);
    } else if (c->state != AWAY) {
        go_on_reading(c);
    }
    return 0;
}

/*
 * It does not answer, so nobody begins with it next. Others that lead there would only be found out
 * by questions that are not answered.
 */
static void give_up(struct pool_connection *c)
{
    struct pool *pool = c->pool;
    bool connected = has_statement(c);
    if (!connected && pool->hosts.count > 1) {
        pool->first_host = (c->first + c->tried + 1) % pool->hosts.count;
        c->pause_us = PAUSE_FIRST_US;
    }
    lose(c, "the server does not answer");
    for (unsigned i = 0; connected && i < pool->count; i++) {
        if (pool->connections[i].state == IDLE) {
            lose(&pool->connections[i], "another connection to the server is not answered");
        }
    }
}

/* The time of one of them may have come. What this does to a connection sets its next time. */
static void on_deadline(void *context)
{
    struct pool *pool = context;
    int64_t now = daemon_clock_us();
    for (unsigned i = 0; i < pool->count; i++) {
        struct pool_connection *c = &pool->connections[i];
        if (now < due_us(c)) {
            watch_time(c);
        } else if (c->state == AWAY) {
            begin_connecting(c);
        } else {
            give_up(c);
        }
    }
}

struct pool *pool_new(zloop_t *loop, const char *conninfo, unsigned connections,
                      const struct pool_kind *kind)
{
    struct pool *pool = calloc(1, sizeof *pool + connections * sizeof pool->connections[0]);
    if (pool == NULL) {
        return NULL;
    }
    pool->loop = loop;
    pool->conninfo = conninfo;
    pool->kind = kind;
    pool->count = connections;
    deadline_init(&pool->deadline, loop, on_deadline, pool);
    if (hosts_read(&pool->hosts, conninfo) == -1) {
        hosts_release(&pool->hosts);
        free(pool);
        return NULL;
    }
    for (unsigned i = 0; i < connections; i++) {
        struct pool_connection *c = &pool->connections[i];
        c->pool = pool;
        c->watched_fd = -1;
        c->pause_us = PAUSE_FIRST_US;
        watch_time(c);
    }
    return pool;
}

void pool_free(struct pool **pool)
{
    struct pool *p = *pool;
    if (p == NULL) {
        return;
    }
    deadline_end(&p->deadline);
    for (unsigned i = 0; i < p->count; i++) {
        unwatch(&p->connections[i]);
        PQfinish(p->connections[i].pg);
    }
    hosts_release(&p->hosts);
    free(p);
    *pool = NULL;
}

int pool_run(struct pool *pool, void *owner, int64_t timeout_ms, const char *sql,
             const char *const *parameters, int parameter_count)
{
    for (unsigned i = 0; i < pool->count; i++) {
        struct pool_connection *c = &pool->connections[i];
        if (c->state != IDLE) {
            continue;
        }
        c->owner = owner;
        c->sql = sql;
        c->parameters = parameters;
        c->parameter_count = parameter_count;
        c->next_timeout_ms = timeout_ms;
        c->stopped = false;
        c->message[0] = '\0';
        c->give_up_us = daemon_clock_us() + timeout_ms * 1000 + GRACE_US;
        send_statement(c);
        watch_time(c);
        return 0;
    }
    return 1;
}

void pool_cancel(struct pool *pool, const void *owner)
{
    for (unsigned i = 0; i < pool->count; i++) {
        struct pool_connection *c = &pool->connections[i];
        if (c->owner == owner && has_statement(c)) {
            stop_statement(c);
            return;
        }
    }
}

bool pool_away(const struct pool *pool)
{
    return pool->failed && pool_connected(pool) == 0;
}

unsigned pool_connected(const struct pool *pool)
{
    unsigned n = 0;
    for (unsigned i = 0; i < pool->count; i++) {
        n += pool->connections[i].state >= IDLE;
    }
    return n;
}

unsigned pool_running(const struct pool *pool)
{
    unsigned n = 0;
    for (unsigned i = 0; i < pool->count; i++) {
        n += has_statement(&pool->connections[i]);
    }
    return n;
}

bool pool_unfit(const struct pool *pool)
{
    return pool->unfit;
}

const char *pool_error(const struct pool *pool)
{
    return pool->error;
}

uint64_t pool_failures(const struct pool *pool)
{
    return pool->failures;
}
