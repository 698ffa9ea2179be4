/* SPDX-License-Identifier: Apache-2.0 */
/* The way of batches through classifyd: in from ingestd, graded, out to stored. */
#ifndef EZREPO_CLASSIFYD_RELAY_H
#define EZREPO_CLASSIFYD_RELAY_H

#include <czmq.h>
#include <stdint.h>

struct relay_settings {
    int64_t high_water; /* batches */
    int64_t drain_ms;
};

/* X(enum name, counter name) */
#define RELAY_COUNTERS(X)                                                                          \
    X(RELAY_RECEIVED_BATCHES, "received.batches")                                                  \
    X(RELAY_RECEIVED_RECORDS, "received.records")                                                  \
    X(RELAY_GRADED_RECORDS, "graded.records")                                                      \
    X(RELAY_FORWARDED_BATCHES, "forwarded.batches")                                                \
    X(RELAY_MALFORMED_BATCHES, "malformed.batches")                                                \
    X(RELAY_MALFORMED_ANNOUNCEMENTS, "malformed.announcements")                                    \
    X(RELAY_REFUSED_GRADINGS, "refused.gradings")                                                  \
    X(RELAY_FAILED_BATCHES, "failed.batches")                                                      \
    X(RELAY_HELD_UP, "held_up")                                                                    \
    X(RELAY_RESUBSCRIPTIONS, "resubscriptions")                                                    \
    X(RELAY_GRADING_VERSION, "grading.version")                                                    \
    X(RELAY_GRADES_0, "grades.0")                                                                  \
    X(RELAY_GRADES_1, "grades.1")                                                                  \
    X(RELAY_GRADES_2, "grades.2")                                                                  \
    X(RELAY_GRADES_3, "grades.3")                                                                  \
    X(RELAY_GRADES_4, "grades.4")                                                                  \
    X(RELAY_GRADES_5, "grades.5")                                                                  \
    X(RELAY_IMPOSSIBLE_VALUES, "impossible.values")

#define RELAY_COUNTER_ENUM(name, text) name,
enum relay_counter { RELAY_COUNTERS(RELAY_COUNTER_ENUM) RELAY_COUNTER_COUNT };
#undef RELAY_COUNTER_ENUM

extern const char *const relay_counter_names[RELAY_COUNTER_COUNT];
extern uint64_t relay_counters[RELAY_COUNTER_COUNT];

/* Connects to stored; batches are taken once there is a grading. -1 after an error was logged. */
int relay_start(zloop_t *loop, const struct relay_settings *settings);

/* Reads the record types again. -1: the old ones stay; it was told why. */
int relay_reload(void);

/* Sends what was taken, takes nothing new, then finishes the daemon. */
void relay_drain(void);

/* Sets gauges and notes. */
void relay_tick(void);

void relay_stop(void);

#endif
