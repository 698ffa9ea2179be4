/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that are held until there is something to answer. */
#include "queryd/held.h"

#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "common/daemon.h"
#include "queryd/cursor.h"
#include "schemas/feed_kinds.h"

#define LOOK_US    INT64_C(5000000) /* news that were lost are looked for so often */
#define RECORDS_US INT64_C(200000)  /* those that follow records are looked at so often at most */
#define LOOKS_MOST 1000             /* then its arena is nearly full of answers that were none */

/* Of what it is about. */
static uint64_t news_of(const struct question *q)
{
    return q->criteria.kind == QUERY_ARRIVALS ? q->engine->news : q->engine->told_news;
}

void held_begins(struct question *q)
{
    q->news_known = news_of(q);
}

static uint32_t held_of(const struct query_engine *engine, struct slice asker)
{
    uint32_t n = 0;
    struct question *q;
    DL_FOREACH(engine->all, q)
    {
        n += q->held && slice_equal(q->asker, asker) ? 1 : 0;
    }
    return n;
}

/* Its answer is but the last row, which says that there is nothing yet, and it may wait for it. */
static bool may_be_held(const struct question *q)
{
    const struct query_engine *engine = q->engine;
    const struct queryd_settings *s = engine->settings;
    return q->criteria.moving >= 0 && q->cell_count == q->criteria.column_count &&
           slice_is(q->cells[1], FEED_END) && !engine->draining && q->looks < LOOKS_MOST &&
           daemon_clock_us() < q->held_until_us && engine->held_count < (uint64_t)s->held &&
           (q->asker.len == 0 || held_of(engine, q->asker) < (uint64_t)s->asker_held);
}

/* It goes on behind all that its last row says was looked at. */
static bool move_on(struct question *q)
{
    struct cursor cursor;
    struct criteria *c = &q->criteria;
    if (cursor_parse(c->kind, q->cells[q->cell_count - 1], &cursor) == -1) {
        return false;
    }
    for (unsigned i = 0; i < cursor.key_count; i++) {
        snprintf(q->moved[i], sizeof q->moved[i], "%" PRId64, cursor.keys[i]);
        c->parameters[c->moving + (int)i] = q->moved[i];
    }
    return true;
}

static void look_at_records_soon(struct query_engine *engine)
{
    if (engine->records_due_us == 0) {
        engine->records_due_us = daemon_clock_us() + RECORDS_US;
        deadline_by(&engine->deadline, engine->records_due_us);
    }
}

static void hold(struct question *q)
{
    turns_done(&q->engine->turns, &q->turn);
    q->running = false;
    q->due = false;
    if (news_of(q) != q->news_known) { /* which came while its statement ran */
        q->due = q->criteria.kind != QUERY_ARRIVALS;
        look_at_records_soon(q->engine);
    }
    q->held = true;
    q->looks++;
    q->engine->held_count++;
    counters[COUNT_HELD_EVER]++;
    deadline_by(&q->engine->deadline, q->held_until_us);
}

bool held_keep(struct question *q)
{
    if (!may_be_held(q) || !move_on(q)) {
        return false;
    }
    hold(q);
    return true;
}

static void look(struct query_engine *engine, bool feed, bool records)
{
    struct question *q;
    DL_FOREACH(engine->all, q)
    {
        bool its = q->criteria.kind == QUERY_ARRIVALS ? records : feed;
        q->due = q->due || (q->held && its);
    }
}

void held_news(struct query_engine *engine, bool told)
{
    engine->news++;
    engine->told_news += told;
    if (told) {
        engine->held_looked_us = daemon_clock_us();
        look(engine, true, false);
    }
    if (engine->held_count > 0) {
        look_at_records_soon(engine);
    }
}

int64_t held_look_at_records(struct query_engine *engine, int64_t now_us)
{
    if (engine->records_due_us != 0 && now_us >= engine->records_due_us) {
        engine->records_due_us = 0;
        look(engine, false, true);
    }
    return engine->records_due_us == 0 ? INT64_MAX : engine->records_due_us;
}

bool held_look_again(struct query_engine *engine)
{
    if (engine->held_count == 0 || daemon_clock_us() - engine->held_looked_us < LOOK_US) {
        return false;
    }
    engine->held_looked_us = daemon_clock_us();
    look(engine, true, true);
    return true;
}

void held_take_up(struct query_engine *engine)
{
    struct question *q, *next;
    DL_FOREACH_SAFE(engine->all, q, next)
    {
        if (engine->turns.waiting_count >= (uint64_t)engine->settings->connections) {
            return;
        }
        if (q->held && q->due && turns_join(&engine->turns, q->asker, &q->turn) == 0) {
            q->held = q->due = false;
            engine->held_count--;
            q->cell_count = 0;
            q->deadline_us = daemon_clock_us() + engine->settings->timeout_ms * 1000;
            deadline_by(&engine->deadline, q->deadline_us);
            DL_DELETE(engine->all, q); /* to the end: all have their turn */
            DL_APPEND(engine->all, q);
        }
    }
}
