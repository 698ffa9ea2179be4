/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of alerts, over HTTP: each for itself, so that one that is away keeps nobody waiting.
 */
#ifndef EZREPO_ALERTD_RECEIVERS_H
#define EZREPO_ALERTD_RECEIVERS_H

#include "alertd/alertd.h"

/* Whether a URL of an Alertmanager can be one; faults go to d. */
void receivers_check(struct document *d, const struct alertd_settings *settings);

/* On the loop. NULL after an error was logged. */
struct receivers *receivers_new(struct alertd *d);
void receivers_free(struct receivers **receivers);

/* Sends what is to be sent now; also each second. */
void receivers_go_on(struct receivers *r);

/* For the note: of how many what fails; and of one of them why. */
unsigned receivers_failing(const struct receivers *r, const char **url, const char **why);

#endif
