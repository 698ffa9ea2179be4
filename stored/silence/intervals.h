/* SPDX-License-Identifier: Apache-2.0 */
/* How often record types are measured, in the database: functions of the store judge by it. */
#ifndef EZREPO_STORED_INTERVALS_H
#define EZREPO_STORED_INTERVALS_H

#include "stored/store.h"

/* Has the database what store->types say. 1 when that was another thing, 0, or -1: the database. */
int intervals_settle(struct store *store);

#endif
