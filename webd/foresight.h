/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes foresee (common/foreseen.h), together. Pure. */
#ifndef EZREPO_FORESIGHT_H
#define EZREPO_FORESIGHT_H

#include <stdio.h>

#include "webd/process_status.h"

#define FORESIGHT_MAX 1000 /* certificates, and disks, that are told at most */

/*
 * Two members of a JSON object, of processes that run: "certificates", by process, each with what
 * it is, whose, when it ends and the days until then (negative: since then); and "disks", each with
 * what is free and in how many seconds nothing will be, null where that is not known or not so.
 * What a process says otherwise than that is left out.
 */
void foresight_write(FILE *f, const struct process_statuses *all);

#endif
