/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions under way: from a query message at the ROUTER socket, through the queue and the
 * pool, to its answer. What a question asks in SQL is criteria.c's matter.
 */
#ifndef EZREPO_QUESTIONS_H
#define EZREPO_QUESTIONS_H

#include <czmq.h>
#include <stdint.h>

#include "common/counter.h"
#include "common/histogram.h"

struct queryd_settings {
    const char *database;
    int64_t connections;
    int64_t timeout_ms;
    int64_t recount_timeout_ms;
    int64_t rows_default;
    int64_t rows_max;
    int64_t waiting;
    int64_t asker_connections, asker_waiting; /* of one identity */
    int64_t held, asker_held;                 /* questions that wait for something to answer */
    int64_t answer_bytes;
    int64_t high_water;
};

#define QUESTION_COUNTERS(COUNTER, GAUGE)                                                          \
    COUNTER(RECEIVED, "received.queries", "", "questions that could be read")                      \
    COUNTER(MALFORMED, "malformed", "", "messages that could not be read")                         \
    COUNTER(ANSWERED, "answered", "", "questions answered")                                        \
    COUNTER(INVALID, "invalid", "", "answers that the question is at fault")                       \
    COUNTER(TIMEOUTS, "timeouts", "", "answers that the time was over")                            \
    COUNTER(UNAVAILABLE, "unavailable", "",                                                        \
            "answers that the database is away or too much is asked at once")                      \
    COUNTER(TOO_LARGE, "too_large", "", "answers that the answer would have been too large")       \
    COUNTER(CANCELLED, "cancelled", "", "answers to questions that were given up")                 \
    COUNTER(UNDELIVERABLE, "undeliverable", "", "answers whose asker was gone or took no more")    \
    GAUGE(REASONERS, "reasonds", "", "reasonds that are there, now")                               \
    GAUGE(TRIES, "waiting.tries", "", "dry runs that wait for a reasond, now")                     \
    COUNTER(ROWS, "rows", "", "rows in answers")                                                   \
    COUNTER(WHY_FAULTS, "why.faults", "",                                                          \
            "records that got another grade when they were graded again to say why")               \
    GAUGE(WAITING, "waiting", "", "questions that wait for a connection, now")                     \
    COUNTER(HELD_EVER, "held.times", "", "how often a question was held: there was nothing yet")   \
    GAUGE(HELD, "held", "", "questions that are held until there is something to answer, now")     \
    GAUGE(RUNNING, "running", "", "questions that the database works at, now")                     \
    GAUGE(MS_LAST, "query_ms.last", "milliseconds", "from question to answer, the last one")       \
    GAUGE(MS_MAX, "query_ms.max", "milliseconds",                                                  \
          "from question to answer, the longest since the start")                                  \
    GAUGE(CONNECTIONS, "database.connections", "", "connections to PostgreSQL, now")               \
    COUNTER(DATABASE_ERRORS, "database.errors", "", "connections lost, statements refused")

#define QUESTION_HISTOGRAMS(HISTOGRAM)                                                             \
    HISTOGRAM(ANSWER, "query.duration",                                                            \
              "from question to answer, of those that were not to wait until there is something")

enum question_duration { QUESTION_HISTOGRAMS(HISTOGRAM_CONSTANT) QUESTION_DURATIONS };
extern const struct counter_row histogram_rows[QUESTION_DURATIONS];
extern struct histogram durations[QUESTION_DURATIONS];

enum counter { QUESTION_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };
extern const struct counter_row counter_rows[COUNTERS];
extern uint64_t counters[COUNTERS];

/* Takes questions from the socket; news: a SUB socket for TOPIC_ARRIVED; reason: that of reasonds.
 * Settings and sockets are the caller's and outlive this. -1: no memory. */
int questions_start(zloop_t *loop, zsock_t *socket, zsock_t *news, zsock_t *reason,
                    const struct queryd_settings *settings);

/* Takes nothing new: who waits is told so, who runs is answered; then calls daemon_finished(). */
void questions_drain(void);

/* Sets the gauges and the note on the database. */
void questions_tick(void);

void questions_stop(void);

#endif
