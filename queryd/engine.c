/* SPDX-License-Identifier: Apache-2.0 */
/* The questions under way, and how they end. */
#include "queryd/engine.h"

#include <stdio.h>
#include <utlist.h>

#include "queryd/answering.h"
#include "queryd/reasoners.h"

struct question *engine_find(struct query_engine *engine, struct slice identity, uint64_t id)
{
    struct question *q;
    DL_FOREACH(engine->all, q)
    {
        if (q->id == id && slice_equal((struct slice){q->identity, q->identity_length}, identity)) {
            return q;
        }
    }
    return NULL;
}

void engine_join(struct question *q, struct slice asker)
{
    struct query_engine *engine = q->engine;
    const struct queryd_settings *s = engine->settings;
    engine->turns.running_most = (uint32_t)s->asker_connections;
    engine->turns.waiting_most = (uint32_t)s->asker_waiting;
    int joined = engine->turns.waiting_count >= (uint64_t)s->waiting
                     ? 2
                     : turns_join(&engine->turns, asker, &q->turn);
    if (joined == 0) {
        DL_APPEND(engine->all, q);
        deadline_by(&engine->deadline, q->deadline_us);
        return;
    }
    answer_question(q, ANSWER_UNAVAILABLE,
                    joined == 2   ? "too many questions at once: ask again later"
                    : joined == 1 ? "too many questions of one identity at once: ask again later"
                                  : "out of memory");
}

void engine_wait_again(struct question *q)
{
    q->running = false;
    turns_back(&q->engine->turns, &q->turn);
    deadline_by(&q->engine->deadline, q->deadline_us);
}

void engine_leave(struct question *q)
{
    DL_DELETE(q->engine->all, q);
    if (q->reasoned) {
        reasoners_leave(q);
        if (q->running) {
            turns_done(&q->engine->tries, &q->turn);
        } else {
            turns_leave(&q->engine->tries, &q->turn);
        }
    } else if (q->held) {
        q->engine->held_count--;
    } else if (q->running) {
        turns_done(&q->engine->turns, &q->turn);
    } else {
        turns_leave(&q->engine->turns, &q->turn);
    }
}

void engine_conclude(struct question *q, enum answer_status status, const char *message)
{
    engine_leave(q);
    answer_question(q, status, message);
}

void engine_conclude_unavailable(struct question *q)
{
    char text[LIMIT_TEXT_BYTES];
    snprintf(text, sizeof text, "%s%s", pool_unfit(q->engine->pool) ? "" : "the database is away: ",
             pool_error(q->engine->pool));
    engine_conclude(q, ANSWER_UNAVAILABLE, text);
}
