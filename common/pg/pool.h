/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of PostgreSQL connections inside a zloop: each runs one statement at a time, none ever
 * waits for the network. A lost connection is made anew, with growing pauses.
 */
#ifndef EZREPO_COMMON_PG_POOL_H
#define EZREPO_COMMON_PG_POOL_H

#include <czmq.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/pg/pg.h"

struct pool;

enum pool_outcome {
    POOL_DONE,        /* all rows were given */
    POOL_STOPPED,     /* by pool_cancel() or because row() wanted no more */
    POOL_TIMEOUT,     /* PostgreSQL ended it at its statement_timeout */
    POOL_UNAVAILABLE, /* the connection or the server went away, or it has no store yet */
    POOL_REFUSED      /* PostgreSQL found the statement wrong: a fault of ours */
};

struct pool_events {
    /* One row (row 0 of the result). -1: wants no more, the statement is cancelled. */
    int (*row)(void *owner, const PGresult *result);
    /* The statement is over, its connection is free again. message says more unless POOL_DONE. */
    void (*done)(void *owner, enum pool_outcome outcome, const char *message);
    /* A connection became free, or the last one was lost: the time to look at who waits. */
    void (*changed)(void);
};

/* Whose connections they are; outlives the pool. */
struct pool_kind {
    const char *application; /* so PostgreSQL calls them */
    const char *session;     /* the first thing each is told: one statement, rows or not */
    /*
     * Then what it is asked: one row with one number. Whether statements can be asked of a database
     * that says this (-1: none; what is asked for is not there, or may not be read); if not, why.
     */
    const char *look;
    bool (*fits)(int64_t number, char *why, size_t size);
    struct pool_events events;
};

/* Begins to connect. conninfo must outlive the pool. NULL when memory is out. The caller owns it.
 */
struct pool *pool_new(zloop_t *loop, const char *conninfo, unsigned connections,
                      const struct pool_kind *kind);

/* Closes all connections; done() is not called for what was running. */
void pool_free(struct pool **pool);

/*
 * Runs a statement with text parameters for the owner, ended by the server after timeout_ms. What
 * is passed must live until done(). 0; 1 when no connection is free.
 */
int pool_run(struct pool *pool, void *owner, int64_t timeout_ms, const char *sql,
             const char *const *parameters, int parameter_count);

/* Ends the owner's statement, without waiting for the server; done() is called before it returns.
 */
void pool_cancel(struct pool *pool, const void *owner);

/* No connection is there and the last attempt to make one failed. */
bool pool_away(const struct pool *pool);
/* That attempt failed since the database there does not fit; pool_error() says why. */
bool pool_unfit(const struct pool *pool);
/* How many connections are there, how many of them run a statement. */
unsigned pool_connected(const struct pool *pool);
unsigned pool_running(const struct pool *pool);
/* What PostgreSQL said last when a connection failed, one line; "" at first. */
const char *pool_error(const struct pool *pool);
/* Statements and connections that failed since the start. */
uint64_t pool_failures(const struct pool *pool);

#endif
