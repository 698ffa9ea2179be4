/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the set does what it is for, as its processes say. Pure. */
#ifndef EZREPO_HEALTH_H
#define EZREPO_HEALTH_H

#include <stdio.h>

#include "webd/process_status.h"

/* What a set cannot be without; each has one process at least. */
extern const char *const health_processes[];

/*
 * Writes a line for all that keeps it from that: processes that are not there, mute or not running,
 * and what the others call troubles. How many there are; f may be NULL. `ready`: only what keeps
 * records from being taken, graded and stored, or questions from being answered.
 */
unsigned health_write(FILE *f, const struct process_statuses *all, bool ready);

#endif
