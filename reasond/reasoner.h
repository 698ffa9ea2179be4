/* SPDX-License-Identifier: Apache-2.0 */
/* Dry runs that queryd hands on: received, worked at by turns, answered, given up. */
#ifndef EZREPO_REASONER_H
#define EZREPO_REASONER_H

#include <czmq.h>

#include "common/counter.h"

struct reasond_settings {
    const char *database;
    int64_t jobs;
};

#define REASONER_COUNTERS(COUNTER, GAUGE)                                                          \
    COUNTER(RECEIVED, "received.queries", "", "dry runs that were asked for")                      \
    COUNTER(MALFORMED, "malformed", "", "messages that could not be read")                         \
    COUNTER(ANSWERED, "answered", "", "dry runs that came to their end")                           \
    COUNTER(INVALID, "invalid", "", "answers that the question is at fault")                       \
    COUNTER(UNAVAILABLE, "unavailable", "", "dry runs that failed: the database, or memory")       \
    COUNTER(CANCELLED, "cancelled", "", "dry runs that were given up by who asked")                \
    COUNTER(RECORDS, "records", "", "records that were graded")                                    \
    COUNTER(EDGE_RECORDS, "records.before", "",                                                    \
            "records before the ranges that were read to know how series stood")                   \
    GAUGE(RUNNING, "running", "", "dry runs under way, now")

enum counter { REASONER_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };
extern const struct counter_row counter_rows[COUNTERS];
extern uint64_t counters[COUNTERS];

/* The DEALER socket to queryd and the settings are the caller's, and outlive this. -1: no memory.
 */
int reasoner_start(zloop_t *loop, zsock_t *socket, const struct reasond_settings *settings);

/* Takes nothing new; what is under way is given up: daemon_finished(). */
void reasoner_drain(void);
/* Once a second: that we are there, how far all is, gauges. */
void reasoner_tick(void);
void reasoner_stop(void);

#endif
