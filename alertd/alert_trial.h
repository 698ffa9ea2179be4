/* SPDX-License-Identifier: Apache-2.0 */
/* An alert that is a test, for who asks by `ezrepo alert test`: one at a time. */
#ifndef EZREPO_ALERTD_ALERT_TRIAL_H
#define EZREPO_ALERTD_ALERT_TRIAL_H

#include "alertd/alertd.h"

/* On the loop. NULL after an error was logged. */
struct alert_trial *alert_trial_new(struct alertd *d);
void alert_trial_free(struct alert_trial **trial);

/* Takes what is asked, and answers once all receivers have; also each second. */
void alert_trial_go_on(struct alert_trial *t);

#endif
