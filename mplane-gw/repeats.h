/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeated specifications under way: asks for each run when it is due and gathers the answers in
 * the job. One run of a job at a time. Who may ask is decided elsewhere, and looked at again here
 * before each run.
 */
#ifndef EZREPO_GW_REPEATS_H
#define EZREPO_GW_REPEATS_H

#include "mplane-gw/jobs.h"
#include "mplane-gw/repeats_file.h"

/*
 * Starts the timer on gateway.base and takes up what repeats_file holds: each is given to
 * `restore`, which adds it or says why not. -1 after an error was logged; a damaged file is none.
 */
int repeats_start(int (*restore)(const struct repeats_entry *e, char *error, size_t error_size));

/* Writes the file; the jobs stay. */
void repeats_stop(void);

/* Adds the job (see jobs_add), which has a repeat. NULL, or why not, for the peer; then the job was
 * freed. */
const char *repeats_add(struct job *job);

/* No more runs: what there is, is the job's answer. */
void repeats_interrupt(struct job *job);

/* Once a second: clocks that were set, the file, gauges. */
void repeats_tick(void);

#endif
