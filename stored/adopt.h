/* SPDX-License-Identifier: Apache-2.0 */
/* The request to have gaps and default grading of this release in a store of the release before. */
#ifndef EZREPO_STORED_ADOPT_H
#define EZREPO_STORED_ADOPT_H

#include "stored/store.h"

/*
 * Answers: what would change; with request->yes it does. The answer's texts are of the arena. True
 * when a new grading is in force.
 */
bool adopt_request(struct store *store, struct arena *a, zsock_t *socket, struct slice peer,
                   const struct adopt_message *request);

#endif
