/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of alerts: each for itself, so that one that is away keeps nobody waiting. */
#ifndef EZREPO_ALERTD_RECEIVERS_H
#define EZREPO_ALERTD_RECEIVERS_H

#include "alertd/alertd.h"

/* Whether their files of secrets, passwords and tokens could be read, as far as who checks may see.
 */
void receivers_check(struct document *d, const struct alert_targets *targets);

/* Reads the files of secrets, with the privileges of the start. -1 after errors were logged. */
int receivers_prepare(struct alertd *d);

/* On the loop. NULL after an error was logged. */
struct receivers *receivers_new(struct alertd *d);

/* Also the secrets. */
void receivers_free(struct alertd *d, struct receivers **receivers);

/* Sends what is to be sent now, unless alertd is about to end; also each second. */
void receivers_go_on(struct receivers *r);

/* Whether nothing is under way. */
bool receivers_are_idle(const struct receivers *r);

/* Also those that failed and would be tried again later. */
void receivers_hurry(struct receivers *r);

/* For the note: of how many what fails; and of one of them why. */
unsigned receivers_failing(const struct receivers *r, const char **name, const char **why);

/* Why the one of this number fails; "": it does not. */
const char *receivers_why(const struct receivers *r, unsigned number);

#endif
