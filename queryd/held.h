/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions that are held: they ask what is new, there is nothing yet, and they may wait for it.
 * One that is held has no connection and no turn; its cells say that there is nothing.
 */
#ifndef EZREPO_QUERYD_HELD_H
#define EZREPO_QUERYD_HELD_H

#include "queryd/engine.h"

/* One whose statement is done is held, if its answer says that there is nothing yet and it may
 * wait for it; else false. */
bool held_keep(struct question *q);

/* Something was committed, or may have been, and told or not: those are due that may have an answer
 * now. */
void held_look(struct query_engine *engine, bool told);
/* The same, of news that may have been lost: true when it was the time for it. */
bool held_look_again(struct query_engine *engine);

/* Of those due as many get into the queue as can be asked at once. */
void held_take_up(struct query_engine *engine);

#endif
