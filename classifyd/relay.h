/* SPDX-License-Identifier: Apache-2.0 */
/* The way of batches through classifyd: in from ingestd, graded, out to stored. */
#ifndef EZREPO_CLASSIFYD_RELAY_H
#define EZREPO_CLASSIFYD_RELAY_H

#include <czmq.h>
#include <stdint.h>

#include "common/counter.h"

struct relay_settings {
    int64_t high_water; /* batches */
    int64_t drain_ms;
};

#define RELAY_COUNTERS(COUNTER, GAUGE)                                                             \
    COUNTER(RECEIVED_BATCHES, "received.batches", "", "batches that came from ingestd")            \
    COUNTER(RECEIVED_RECORDS, "received.records", "", "records that came from ingestd")            \
    COUNTER(GRADED_RECORDS, "graded.records", "", "records graded")                                \
    COUNTER(FORWARDED_BATCHES, "forwarded.batches", "",                                            \
            "batches handed to stored, those of rejects included")                                 \
    COUNTER(MALFORMED_BATCHES, "malformed.batches", "", "batches that could not be read")          \
    COUNTER(MALFORMED_ANNOUNCEMENTS, "malformed.announcements", "",                                \
            "messages from stored that could not be read")                                         \
    COUNTER(REFUSED_GRADINGS, "refused.gradings", "",                                              \
            "published documents that could not be read or compiled; the version in force "        \
            "stayed")                                                                              \
    COUNTER(FAILED_BATCHES, "failed.batches", "",                                                  \
            "batches given up for lack of memory or an error of the socket; ingestd pushes "       \
            "them again")                                                                          \
    COUNTER(HELD_UP, "held_up", "", "how often stored took no batch")                              \
    COUNTER(RESUBSCRIPTIONS, "resubscriptions", "", "how often a missed version was asked for")    \
    GAUGE(GRADING_VERSION, "grading.version", "", "the version in force; 0: none yet")             \
    COUNTER(GRADES_0, "grades.0", "", "grades 0 given, over all names; 0 is ungraded")             \
    COUNTER(GRADES_1, "grades.1", "", "grades 1 given, over all names")                            \
    COUNTER(GRADES_2, "grades.2", "", "grades 2 given, over all names")                            \
    COUNTER(GRADES_3, "grades.3", "", "grades 3 given, over all names")                            \
    COUNTER(GRADES_4, "grades.4", "", "grades 4 given, over all names")                            \
    COUNTER(GRADES_5, "grades.5", "", "grades 5 given, over all names")                            \
    COUNTER(IMPOSSIBLE_VALUES, "impossible.values", "",                                            \
            "values that cannot be, by the record types: for grading they are as null")

enum relay_counter { RELAY_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) RELAY_COUNTER_COUNT };

extern const struct counter_family relay_counter_families[];
extern const struct counter_row relay_counter_rows[RELAY_COUNTER_COUNT];
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
