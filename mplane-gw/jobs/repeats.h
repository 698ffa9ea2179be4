/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeated specifications under way: asks for each run when it is due and gathers the answers in
 * the job. One run of a job at a time. Who may ask is decided elsewhere, and looked at again here
 * before each run.
 */
#ifndef EZREPO_GW_REPEATS_H
#define EZREPO_GW_REPEATS_H

#include "mplane-gw/jobs/jobs.h"
#include "mplane-gw/jobs/repeats_file.h"

struct gateway;

/* Adds an entry of the file, or says why not: -1 and error. */
typedef int repeats_restore(struct gateway *g, const struct repeats_entry *e, char *error,
                            size_t error_size);

/*
 * Starts the timer on the gateway's loop and takes up what repeats_file holds: each is given to
 * `restore`. -1 after an error was logged; a damaged file is none.
 */
int repeats_start(struct gateway *g, repeats_restore *restore);

/* Writes the file; the jobs stay. */
void repeats_stop(struct gateway *g);

/* Adds the job (see jobs_add), which has a repeat. NULL, or why not, for the peer; then the job was
 * freed. */
const char *repeats_add(struct gateway *g, struct job *job);

/* No more runs: what there is, is the job's answer. */
void repeats_interrupt(struct gateway *g, struct job *job);

/*
 * Other rules are in force: runs for who may see other series now are forgotten, the one under way
 * has failed, and those to come are cut to these.
 */
void repeats_follow_access(struct gateway *g);

/* Once a second: clocks that were set, the file, gauges. */
void repeats_tick(struct gateway *g);

#endif
