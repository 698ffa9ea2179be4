/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured, as metrics in Prometheus' text format: how many series are how, and of exports
 * each series by itself. Pure.
 */
#ifndef EZREPO_WEBD_SERIES_METRICS_H
#define EZREPO_WEBD_SERIES_METRICS_H

#include <stdio.h>

#include "common/message.h"
#include "webd/export_rules.h"

/* So many series have this grade; or are over, ungraded, bad but in maintenance, or silent. */
struct series_total {
    struct slice kind, grade_name; /* as NOW answers */
    int64_t grade, count;
};

/* A series and one of its grade names, or none; the next one may be of the same series. */
struct series_state {
    int64_t series;
    struct slice dimensions[DIMENSION_COUNT];
    struct slice grade_name;                     /* .at NULL: none */
    int64_t grade;                               /* 0: it has none now */
    int64_t since_us, silent_us, last_us;        /* since 1970; INT64_MIN: not known */
    struct slice values[LIMIT_EXPORTED_METRICS]; /* numbers as they were sent; .at NULL: none */
};

/* Of one export. */
struct series_export {
    struct slice name;
    struct slice metrics[LIMIT_EXPORTED_METRICS];
    uint32_t metric_count;
    struct series_state *state;
    uint32_t count, room;
    bool cut; /* there are more than its limit */
};

/* What one round found. */
struct series_found {
    struct arena *arena; /* of all of it */
    int64_t as_of_us;    /* when the round began, since 1970 */
    struct series_total *total;
    uint32_t total_count;
    struct series_export export[EXPORTS_MAX];
    uint32_t export_count;
};

/* How many series are how, of an answer to NOW. 0, or -1: memory is out. */
int series_found_totals(struct series_found *f, const struct answer_message *m);

/* From here on states of this export are found. NULL: memory is out. */
struct series_export *series_found_begin(struct series_found *f, const struct export_rule *rule);

/* A page of an answer to EXPORTED, as much of it as there is room for. 0, or -1: memory is out, or
 * it has other columns. */
int series_found_states(struct series_found *f, const struct answer_message *m);

/* Writes it. */
void series_metrics_write(FILE *f, const struct series_found *found);

#endif
