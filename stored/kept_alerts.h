/* SPDX-License-Identifier: Apache-2.0 */
/* What alertd says of its alerts, kept: so that the next alertd knows what was told. */
#ifndef EZREPO_STORED_KEPT_ALERTS_H
#define EZREPO_STORED_KEPT_ALERTS_H

#include "stored/store.h"

/* All of the message is kept, or *answer says why nothing of it is. */
void kept_alerts_put(struct store *store, const struct alerts_message *m,
                     struct alerts_kept_message *answer);

#endif
