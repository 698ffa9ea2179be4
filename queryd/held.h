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

/* Its statement begins: news from now on are not in its answer. */
void held_begins(struct question *q);

/* Something was committed, and told or not: those are due that may have an answer now, those that
 * follow records within a fifth of a second. */
void held_news(struct query_engine *engine, bool told);
/* These, once it is the time for them. When that is next; INT64_MAX: nothing came. */
int64_t held_look_at_records(struct query_engine *engine, int64_t now_us);
/* All, since news may have been lost: true when it was the time for it. */
bool held_look_again(struct query_engine *engine);

/* Of those due as many get into the queue as can be asked at once. */
void held_take_up(struct query_engine *engine);

#endif
