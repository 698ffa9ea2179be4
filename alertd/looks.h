/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of queryd: after the start which alerts were told before; then, whenever the feed
 * of changes has something new, something will have been bad for long enough, or nothing was asked
 * for a while, what is bad and silent now, route by route. Nothing depends on what the feed tells.
 */
#ifndef EZREPO_ALERTD_LOOKS_H
#define EZREPO_ALERTD_LOOKS_H

#include "alertd/alertd.h"

/* On the loop; called back whenever alerts changed. NULL after an error was logged. */
struct looks *looks_new(struct alertd *d, void (*changed)(struct alertd *d));
void looks_free(struct looks **looks);

/* What was told before may be asked for now. */
void looks_begin(struct looks *l);

/* Routes are to be others: they are taken over, and what was is freed. */
void looks_reload(struct looks *l, struct alert_routes **routes);

/* Each second. */
void looks_tick(struct looks *l);

/* How long no whole round has been done; of none since the start. */
int64_t looks_blind_us(const struct looks *l);

#endif
