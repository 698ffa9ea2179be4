/* SPDX-License-Identifier: Apache-2.0 */
/* One notification at a time: what comes meanwhile is in the next one. */
#include "stored/beside/feed_notify.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/pg/task.h"

#define BACKOFF_US INT64_C(30000000)

struct feed_notify {
    struct store *store;
    struct pg_task task;
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
    log_warn("feed.notify", "step=%s sqlstate=%s error=\"%.200s\"", step, n->task.pg.sqlstate,
             n->task.pg.message);
    count_add(COUNT_DATABASE_ERRORS, 1);
}

static const struct pg_task_kind kind = {
    .application = "ezrepo-stored-notify", .backoff_us = BACKOFF_US, .failed = failed};

struct feed_notify *feed_notify_new(struct store *store)
{
    struct feed_notify *n = calloc(1, sizeof *n);
    if (n != NULL) {
        n->store = store;
        pg_task_init(&n->task, &kind, &sql_statements, store->settings->database, &store->params,
                     n);
    }
    return n;
}

void feed_notify_close(struct feed_notify *n)
{
    pg_task_close(&n->task);
}

void feed_notify_free(struct feed_notify **n)
{
    if (*n != NULL) {
        feed_notify_close(*n);
        free(*n);
        *n = NULL;
    }
}

void feed_notify_due(struct feed_notify *n)
{
    n->due = true;
}

bool feed_notify_is_under_way(const struct feed_notify *n)
{
    return pg_task_is_under_way(&n->task);
}

void feed_notify_go_on(struct feed_notify *n, int64_t clock_us)
{
    pg_task_go_on(&n->task, clock_us);
    if (n->due && pg_task_is_ready(&n->task, clock_us)) {
        n->due = false;
        pg_task_begin(&n->task, steps, 0, clock_us);
        pg_task_go_on(&n->task, clock_us);
    }
}
