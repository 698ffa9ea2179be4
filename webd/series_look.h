/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured, for metrics: asked of queryd in rounds, one question at a time, whoever looks
 * at /metrics and however often. What was found last is told until it is three rounds old.
 */
#ifndef EZREPO_WEBD_SERIES_LOOK_H
#define EZREPO_WEBD_SERIES_LOOK_H

#include <event2/buffer.h>
#include <event2/event.h>

#include "webd/series_metrics.h"

struct series_look;

/* Counts of the process that owns it. */
struct series_counts {
    uint64_t *rounds, *failed, *malformed;
};

/* look_s (0: nothing is asked) and *exports may change between two rounds; both, and the counts,
 * outlive it. NULL after an error was logged. The caller owns it. */
struct series_look *series_look_new(struct event_base *base, const int64_t *look_s,
                                    struct export_rules *const *exports,
                                    struct series_counts counts);
void series_look_free(struct series_look **l);

/* Once a second. */
void series_look_tick(struct series_look *l);

/* The exports have changed: a round that is under way is given up, and the next one begins. */
void series_look_again(struct series_look *l);

/* Adds lines of what was found last, unless that is nothing, or too long ago. They are not copied:
 * all buffers share them. 0, or -1: memory is out. */
int series_look_add(const struct series_look *l, struct evbuffer *buffer);

#endif
