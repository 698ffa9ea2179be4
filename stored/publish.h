/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: to publish a grading, to rebuild; and the first grading of an empty store. */
#ifndef EZREPO_STORED_PUBLISH_H
#define EZREPO_STORED_PUBLISH_H

#include "common/document.h"
#include "stored/store.h"

/* Answers every request that is there; true when a new grading is in force. */
bool publish_requests(struct store *store, zsock_t *socket);

/* The same for one that came elsewhere: fills *result, whose texts live in the arena; true when a
 * new grading is in force. */
bool publish_do(struct store *store, struct arena *a, const struct publish_message *m,
                struct published_message *result);

#endif
