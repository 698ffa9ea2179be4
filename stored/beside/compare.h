/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is stored about one series and one grade name beside what its records say, window by window
 * in order of time. Pure: no clock, no database, no globals. Finds every difference there is, where
 * periods_repair() stops as soon as the stored periods are met again.
 */
#ifndef EZREPO_STORED_COMPARE_H
#define EZREPO_STORED_COMPARE_H

#include "common/periods/periods.h"

enum difference_how {
    DIFFERENCE_MISSING, /* the records say so, nothing is stored: only `is` counts */
    DIFFERENCE_SURPLUS, /* stored, the records do not say so: only `was` counts */
    DIFFERENCE_CHANGED  /* stored otherwise */
};

/* Of a period, or of the event at a period's start. */
struct difference {
    uint16_t grade_id;
    uint8_t how; /* enum difference_how */
    bool of_event;
    union {
        struct {
            struct period is, was;
        } period;
        struct {
            struct period_event is, was;
        } event;
    };
};

struct differences {
    struct difference *at;
    uint32_t count, size;
};

void differences_release(struct differences *d);

/* How far the comparison is; kept from window to window. */
struct compare {
    uint16_t grade_id;
    bool steady; /* it is not looked at here: rebuild_steady.h */
    int64_t gap_us;
    struct period_key from; /* nothing that lies before is looked at */
    struct period now;      /* the computed period at hand; grade 0: none */
    struct period before;   /* the one before it */
};

/* Everything there is of the pair between two keys, each list in order. */
struct compare_window {
    const struct period_record *records; /* graded ones */
    const struct period *stored;         /* and the one that starts where compare.now does */
    const struct period_event *events;   /* not retracted */
    uint32_t record_count, stored_count, event_count;
    bool last; /* nothing comes after it */
};

/* Appends what differs; 0, or -1 when memory is out. */
int compare_window(struct compare *c, const struct compare_window *window,
                   struct differences *found);

#endif
