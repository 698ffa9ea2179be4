/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions that reasonds work at: those that are there, who has which question, whose is next.
 * Askers take turns, each with one of them at a time.
 */
#ifndef EZREPO_QUERYD_REASONERS_H
#define EZREPO_QUERYD_REASONERS_H

#include "queryd/engine.h"

/* Takes messages of reasonds from the ROUTER socket, which is the caller's. -1: no memory. */
int reasoners_start(struct query_engine *engine, zloop_t *loop, zsock_t *socket);

/* A question of the kind TRY that was read: into the queue, or answered that it cannot be. */
void reasoners_join(struct question *q, const struct query_message *m);

/* Nobody works at it any more; it is the caller's to conclude. */
void reasoners_leave(struct question *q);

/* Gives questions that wait to reasonds that have room. Looks once a second, too, for reasonds that
 * are gone. */
void reasoners_dispatch(struct query_engine *engine);
void reasoners_look(struct query_engine *engine);

void reasoners_stop(struct query_engine *engine);

#endif
