/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process counts, as data. A list of rows, such as
 *
 *   #define SPOOL_COUNTERS(COUNTER, GAUGE)                                          \
 *       GAUGE(SPOOL_BYTES, "spool.bytes", "bytes", "what counts against spool_bytes") \
 *       COUNTER(SPOOL_COMMITS, "spool.commits", "", "transactions written")
 *
 * stands beside the code that counts. From it follow the constant COUNT_SPOOL_BYTES, the place of
 * the value, what --counters prints and the status file tells (common/daemon.h), and the row that
 * docs/counters.md must have. Pure.
 *
 * COUNTER: only grows while the process runs, from 0 at its start. GAUGE: how it is now, or was the
 * last time; goes up and down. HISTOGRAM: durations (common/histogram.h), in a list of its own.
 * name: lower-case words, joined by dots and underscores; with both taken for the same, another one
 * than each other of its process. unit: "bytes", "milliseconds", "microseconds", "timestamp"
 * (seconds since 1970), or "" for how many there are; milliseconds and microseconds end the name's
 * first or last word as "_ms" and "_us". help: what is counted, in words, without an end of line.
 *
 * Each row is a metric for Prometheus, by its conventions: ezrepo_PROCESS_NAME, of base units, the
 * unit last, with _total where it only grows. Rows whose names begin alike can be one metric, told
 * apart by a label: struct counter_family.
 */
#ifndef EZREPO_COUNTER_H
#define EZREPO_COUNTER_H

#include <stddef.h>
#include <stdio.h>

enum counter_kind { COUNTER_GROWS, COUNTER_GAUGE, COUNTER_HISTOGRAM };

struct counter_row {
    const char *name;
    enum counter_kind kind;
    const char *unit;
    const char *help;
};

/*
 * "rejected.", "reason", "what was refused": rejected.json, rejected.time and so on are one metric
 * ..._rejected_total{reason="json"}. A list of them ends with a prefix that is NULL.
 */
struct counter_family {
    const char *prefix;
    const char *label;
    const char *help;
};

/* For a list, instead of COUNTER and GAUGE, or HISTOGRAM: its constants, its rows. */
#define COUNTER_CONSTANT(constant, name, unit, help) COUNT_##constant,
#define COUNTER_ROW(constant, name, unit, help)      {name, COUNTER_GROWS, unit, help},
#define GAUGE_ROW(constant, name, unit, help)        {name, COUNTER_GAUGE, unit, help},
#define HISTOGRAM_CONSTANT(constant, name, help)     DURATION_##constant,
#define HISTOGRAM_ROW(constant, name, help)          {name, COUNTER_HISTOGRAM, "microseconds", help},

#define COUNTER_METRIC_BYTES 128

/* What monitoring has of a row. */
struct counter_metric {
    char name[COUNTER_METRIC_BYTES]; /* cut when it is longer */
    const char *label;               /* NULL: none; else its value is `value` */
    char value[COUNTER_METRIC_BYTES];
    const char *help; /* the row's, or the family's */
};

/* `process` is NULL for what every process counts: ezrepo_NAME. `families` may be NULL. */
struct counter_metric counter_metric(const char *process, const struct counter_family *families,
                                     const struct counter_row *row);

/*
 * The row as a JSON object in a line: name, kind ("counter", "gauge", "histogram"), unit, help;
 * metric, labels (an object of at most one member), metric_help; of a histogram, bounds_us.
 */
void counter_print(FILE *f, const char *process, const struct counter_family *families,
                   const struct counter_row *row);

/* The names of all gauges among these, and those, as a JSON array, without an end of line. */
void counter_print_gauges(FILE *f, const struct counter_row *rows, size_t count,
                          const struct counter_row *more, size_t more_count);

#endif
