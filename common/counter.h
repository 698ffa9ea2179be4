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
 * last time; goes up and down.
 * name: lower-case words, joined by dots and underscores; with both taken for the same, another one
 * than each other of its process. unit: "bytes", "milliseconds", "microseconds", or "" for how many
 * there are. help: what is counted, in words, without an end of line.
 */
#ifndef EZREPO_COUNTER_H
#define EZREPO_COUNTER_H

#include <stddef.h>
#include <stdio.h>

enum counter_kind { COUNTER_GROWS, COUNTER_GAUGE };

struct counter_row {
    const char *name;
    enum counter_kind kind;
    const char *unit;
    const char *help;
};

/* For a list, instead of COUNTER and GAUGE: its constants, its rows. */
#define COUNTER_CONSTANT(constant, name, unit, help) COUNT_##constant,
#define COUNTER_ROW(constant, name, unit, help)      {name, COUNTER_GROWS, unit, help},
#define GAUGE_ROW(constant, name, unit, help)        {name, COUNTER_GAUGE, unit, help},

#define COUNTER_METRIC_BYTES 128

/*
 * The name under which monitoring has it, written to metric, which is returned:
 * ezrepo_PROCESS_NAME with underscores for all that is no letter or digit; what grows ends with
 * _total. Cut when it is longer.
 */
const char *counter_metric(const char *process, const struct counter_row *row,
                           char metric[COUNTER_METRIC_BYTES]);

/* The row as a JSON object in a line: name, kind ("counter", "gauge"), unit, metric, help. */
void counter_print(FILE *f, const char *process, const struct counter_row *row);

/* The names of all gauges among these as a JSON array, without an end of line. */
void counter_print_gauges(FILE *f, const struct counter_row *rows, size_t count);

#endif
