/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions under way: from a query message at the ROUTER socket, through the queue and the
 * pool, to its answer. What a question asks in SQL is criteria.c's matter.
 */
#ifndef EZREPO_QUESTIONS_H
#define EZREPO_QUESTIONS_H

#include <czmq.h>
#include <stdint.h>

struct settings {
    const char *database;
    int64_t connections;
    int64_t timeout_ms;
    int64_t rows_default;
    int64_t rows_max;
    int64_t waiting;
    int64_t asker_connections, asker_waiting; /* of one identity */
    int64_t answer_bytes;
    int64_t high_water;
};

/* Names and places of the counters; the order is that of the names in questions.c. */
enum counter {
    COUNT_RECEIVED,
    COUNT_MALFORMED,
    COUNT_ANSWERED,
    COUNT_INVALID,
    COUNT_TIMEOUTS,
    COUNT_UNAVAILABLE,
    COUNT_TOO_LARGE,
    COUNT_CANCELLED,
    COUNT_UNDELIVERABLE,
    COUNT_ROWS,
    COUNT_WAITING,
    COUNT_RUNNING,
    COUNT_MS_LAST,
    COUNT_MS_MAX,
    COUNT_CONNECTIONS,
    COUNT_DATABASE_ERRORS,
    COUNTERS
};
extern const char *const counter_names[COUNTERS];
extern uint64_t counters[COUNTERS];

/* Takes questions from the socket; settings and socket are the caller's and outlive this. -1: no
 * memory. */
int questions_start(zloop_t *loop, zsock_t *socket, const struct settings *settings);

/* Takes nothing new: who waits is told so, who runs is answered; then calls daemon_finished(). */
void questions_drain(void);

/* Sets the gauges and the note on the database. */
void questions_tick(void);

void questions_stop(void);

#endif
