/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: to publish a grading, to rebuild; and the first grading of an empty store. */
#ifndef EZREPO_STORED_PUBLISH_H
#define EZREPO_STORED_PUBLISH_H

#include "common/document.h"
#include "stored/store.h"

/* Answers every request that is there; true when a new grading is in force. */
bool publish_requests(struct store *store, zsock_t *socket);

#endif
