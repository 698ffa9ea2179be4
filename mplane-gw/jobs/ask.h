/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to queryd and stored over ZeroMQ, and their answers to the jobs. What may be asked by
 * whom is decided elsewhere; here a question is told of which series its answer may be.
 */
#ifndef EZREPO_GW_ASK_H
#define EZREPO_GW_ASK_H

#include "mplane-gw/jobs/jobs.h"

struct gateway;

/* Connects to queryd and stored, on the gateway's loop. -1 after an error was logged. */
int ask_start(struct gateway *g);
void ask_stop(struct gateway *g);

/* The jobs, for looking one up and for waiting. */
struct jobs *ask_jobs(const struct gateway *g);

/* The bounds of the jobs follow the settings. */
void ask_set_limits(struct gateway *g);

/*
 * Adds the job (see jobs_add) and sends its question. NULL, or why not, for the peer; then the job
 * was freed.
 */
const char *ask(struct gateway *g, struct job *job);

/*
 * Who waits leaves without an answer. When nobody else waits for the job, nobody has a receipt for
 * it, and it is no publication, queryd is told and the job is forgotten.
 */
void ask_leave(struct gateway *g, struct waiter *w);

/* The job ends with this (constant) reason; queryd is told. A publication cannot be taken back: -1.
 */
int ask_interrupt(struct gateway *g, struct job *job, const char *reason);

/*
 * Other rules are in force: what is under way for who may see other series now fails; he asks
 * again. What is answered already is looked at when it is asked for.
 */
void ask_follow_access(struct gateway *g);

/* Once a second: deadlines, gauges. */
void ask_tick(struct gateway *g);

#endif
