/* SPDX-License-Identifier: Apache-2.0 */
/* A flush's records of pairs that ask for steadiness. */
#ifndef EZREPO_STORED_STEADY_FLUSH_H
#define EZREPO_STORED_STEADY_FLUSH_H

#include "stored/periods/period_writes.h"

/* What is in w->steady becomes writes; states are kept. 0, or -1: the database, memory. */
int steady_flush(struct period_writes *w, struct store *store);

#endif
