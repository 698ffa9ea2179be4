/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of a question, one after the other: the one that asks, then, where that is not
 * yet the answer, those that follow from what it gave.
 */
#ifndef EZREPO_QUERYD_QUERY_STEPS_H
#define EZREPO_QUERYD_QUERY_STEPS_H

#include "queryd/engine.h"

/* Begins the statement that is next. 0; 1: no connection is free. */
int query_steps_run(struct question *q, int64_t left_ms);

/* It is over; pool.h has the contract. */
void query_steps_done(void *owner, enum pool_outcome outcome, const char *message);

#endif
