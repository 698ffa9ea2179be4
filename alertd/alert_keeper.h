/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts on their way into the store, so that the next alertd knows what was told. */
#ifndef EZREPO_ALERTD_ALERT_KEEPER_H
#define EZREPO_ALERTD_ALERT_KEEPER_H

#include "alertd/alertd.h"

/*
 * On the loop. `kept` is called whenever stored has answered: the first time when it has all that
 * an alertd before sent. NULL after an error was logged.
 */
struct alert_keeper *alert_keeper_new(struct alertd *d, void (*kept)(struct alertd *d));
void alert_keeper_free(struct alert_keeper **keeper);

/* Sends what the store does not have, unless something is under way; also each second. */
void alert_keeper_go_on(struct alert_keeper *k);

/* Whether the store has everything, or nothing is known of it. */
bool alert_keeper_is_idle(const struct alert_keeper *k);

/* stored has not answered for so long; 0: it does. */
int64_t alert_keeper_away_us(const struct alert_keeper *k);

#endif
