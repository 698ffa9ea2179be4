/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process says of itself: the file status/PROCESS-INSTANCE.json in its own folder, replaced
 * once a second, and beside it PROCESS-INSTANCE.counters, what the counters in it are, written at
 * its start. daemon.c's; what processes call is in daemon.h.
 */
#ifndef EZREPO_STATUS_H
#define EZREPO_STATUS_H

#include <stdarg.h>

#include "common/daemon.h"
#include "common/told.h"

/* What the file tells beside notes, troubles and counters. */
struct status_about {
    const struct daemon *daemon;
    const char *own_dir;
    unsigned instance;
    const char *state; /* "running", "draining", "stopped" */
    int64_t started_us;
    int64_t told_us;  /* what it tells was so then or later */
    unsigned reloads; /* how many there were */
    bool refused;     /* the last one, or a part of it */
    const struct told *told;
};

/* Of daemon_note() and daemon_trouble(). */
void status_note(const char *key, bool is_trouble, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Replaces the file in one step, so that a reader always sees a whole one. */
void status_write(const struct status_about *about);

/* The same of what its counters are. */
void status_write_counters(const struct status_about *about);

/* All that the process counts, what every process does included: a JSON object a line. */
void status_print_counters(FILE *f, const struct daemon *d);

#endif
