/* SPDX-License-Identifier: Apache-2.0 */
/* One notification at a time: what comes meanwhile is in the next one. */
#include "stored/beside/feed_notify.h"

#include "common/log.h"
#include "stored/beside/beside.h"

#define BACKOFF_US INT64_C(30000000)

struct feed_notify {
    struct beside beside;
    bool due;
};

static int notified(void *owner, const PGresult *r, int64_t clock_us)
{
    (void)owner, (void)r, (void)clock_us;
    count_add(COUNT_FEED_NOTIFIED, 1);
    return PG_OVER;
}

static const struct pg_step steps[] = {
    {.name = "notify", .statement = SQL_FEED_NOTIFY, .answer = PG_ANSWER_ROWS, .done = notified}};

/* The next one says all that this one would have. */
static void failed(void *owner, const char *step, int64_t clock_us)
{
    const struct feed_notify *n = owner;
    (void)clock_us;
    log_warn("feed.notify", "step=%s sqlstate=%s error=\"%.200s\"", step,
             n->beside.task.pg.sqlstate, n->beside.task.pg.message);
    count_add(COUNT_DATABASE_ERRORS, 1);
}

static const struct pg_task_kind kind = {
    .application = "ezrepo-stored-notify", .backoff_us = BACKOFF_US, .failed = failed};

struct feed_notify *feed_notify_new(struct store *store)
{
    return beside_new(store, sizeof(struct feed_notify), &kind);
}

void feed_notify_due(struct feed_notify *n)
{
    n->due = true;
}

void feed_notify_go_on(struct feed_notify *n, int64_t clock_us)
{
    pg_task_go_on(&n->beside.task, clock_us);
    if (n->due && pg_task_is_ready(&n->beside.task, clock_us)) {
        n->due = false;
        pg_task_begin(&n->beside.task, steps, 0, clock_us);
        pg_task_go_on(&n->beside.task, clock_us);
    }
}
