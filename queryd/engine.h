/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the questions of a queryd share: those under way, their turns at the pool's connections, and
 * how one ends. Who calls engine_conclude() has no question any more.
 */
#ifndef EZREPO_QUERYD_ENGINE_H
#define EZREPO_QUERYD_ENGINE_H

#include <czmq.h>

#include "common/deadline.h"
#include "common/log.h"
#include "common/pg/pool.h"
#include "queryd/question.h"
#include "queryd/questions.h"

struct query_engine {
    zsock_t *socket;
    const struct queryd_settings *settings;
    struct pool *pool;
    struct deadline deadline; /* for the first that waits too long, and the end of draining */
    struct question *all;     /* that wait, run or are held */
    struct turns turns;
    zsock_t *reason_socket;
    struct reasoner *reasoners; /* that are there */
    uint32_t reasoner_count;
    int64_t alone_us;   /* when the last one of them that is gone was lost */
    struct turns tries; /* of questions that wait for one of them */
    uint64_t last_number;
    int64_t held_looked_us;
    int64_t records_due_us;   /* when those that follow records are looked at; 0: nothing came */
    uint64_t news, told_news; /* how often something was committed; and told in the feed */
    uint32_t held_count;
    struct editions editions;
    bool dispatching;
    bool draining;
    int64_t drain_until_us;
    struct log_limit said;
};

/* The question of this routing id and number that is under way, or NULL. */
struct question *engine_find(struct query_engine *engine, struct slice identity, uint64_t id);

/* At the end of the queue, or answered that there is no room. */
void engine_join(struct question *q, struct slice asker);

/* One that runs waits once more, before all others: for its next statement. */
void engine_wait_again(struct question *q);

/* One neither waits nor runs any more. */
void engine_leave(struct question *q);

/* It leaves, is answered (answering.h) and is gone. */
void engine_conclude(struct question *q, enum answer_status status, const char *message);
void engine_conclude_unavailable(struct question *q); /* since the database is away */

#endif
