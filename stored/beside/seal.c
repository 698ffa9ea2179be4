/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hour or day at a time: lock its rows, count, mark, pass the gate, commit; each a statement
 * sent without waiting for its answer. Only a COMMIT that says so makes it sealed in memory; in
 * every other case the calendar keeps it as "sealing", and the database is asked what it is. A day
 * takes its hours' rows over, some hours at a time: each time all of its own rows are written anew.
 *
 * PostgreSQL may carry out a COMMIT after the stored that sent it was killed. So it is sent only by
 * who holds the gate, which a stored that starts passes before it reads what is sealed (migrate.c).
 * The gate is taken last: a count that nobody can commit any more is not waited for.
 */
#include "stored/beside/seal.h"

#include "common/log.h"
#include "stored/beside/beside.h"

#define QUIET_US   INT64_C(60000000) /* no record fell into the hour for as long */
#define BACKOFF_US INT64_C(30000000) /* after a failure */
#define SOON_US    INT64_C(100000)   /* a step of an hour with few records takes no longer */
/* Times seal_after_s: then a day that is not over takes in what is sealed of it. */
#define DAY_WAITS 36

struct seal {
    struct beside beside;
};

/* ---- the steps ---- */

enum { SEAL_BEGIN, SEAL_LOCK, SEAL_COUNT, SEAL_MARK, SEAL_GATE, SEAL_COMMIT };

static void put_start(void *owner, struct pg_params *p)
{
    const struct seal *s = owner;
    pg_add_time(p, s->beside.store->calendar.sealing * HOUR_US);
}

/* No rows: there is nothing to be counted (any more). */
static int locked(void *owner, const PGresult *r, int64_t clock_us)
{
    (void)owner, (void)clock_us;
    return PQntuples(r) == 0 ? SEAL_COMMIT : SEAL_COUNT;
}

static int sealed(void *owner, const PGresult *r, int64_t clock_us)
{
    struct seal *s = owner;
    struct calendar *c = &s->beside.store->calendar;
    bool day = c->sealing_hours != 1;
    (void)r;
    for (uint32_t i = 0; i < c->hour_count; i++) {
        struct calendar_hour *h = &c->hours[i];
        if (calendar_is_sealing(c, h)) {
            h->state = day ? HOUR_IN_DAY : HOUR_SEALED;
        }
    }
    log_info(day ? "day.sealed" : "hour.sealed", "hour=%d ms=%lld", c->sealing,
             (long long)((clock_us - s->beside.task.began_us) / 1000));
    c->sealing = c->sealing_hours = 0;
    count_add(day ? COUNT_DAYS_SEALED : COUNT_HOURS_SEALED, 1);
    return PG_OVER;
}

/* The same for an hour and a day, but for the statements about what is counted. */
#define STEPS(LOCK, COUNT, MARK)                                                                   \
    {                                                                                              \
        [SEAL_BEGIN] = {.name = "begin", .text = "BEGIN"},                                         \
        [SEAL_LOCK] = {.name = "lock",                                                             \
                       .statement = LOCK,                                                          \
                       .put = put_start,                                                           \
                       .answer = PG_ANSWER_ROWS,                                                   \
                       .done = locked},                                                            \
        [SEAL_COUNT] = {.name = "count", .statement = COUNT, .put = put_start},                    \
        [SEAL_MARK] = {.name = "mark", .statement = MARK, .put = put_start},                       \
        [SEAL_GATE] = {.name = "gate", .text = sql_writer_lock},                                   \
        [SEAL_COMMIT] = {.name = "commit", .text = "COMMIT", .tag = "COMMIT", .done = sealed},     \
    }

static const struct pg_step hour_steps[] = STEPS(SQL_SEAL_LOCK, SQL_SEAL_COUNT, SQL_SEAL_MARK);
static const struct pg_step day_steps[] =
    STEPS(SQL_SEAL_DAY_LOCK, SQL_SEAL_DAY_COUNT, SQL_SEAL_DAY_MARK);

static void failed(void *owner, const char *step, int64_t clock_us)
{
    const struct seal *s = owner;
    (void)clock_us;
    beside_log(&s->beside, step == pg_step_connect ? "seal.connect" : "seal.failed", step);
}

static const struct pg_task_kind kind = {
    .application = "ezrepo-stored-seal", .backoff_us = BACKOFF_US, .failed = failed};

/* ---- making it ---- */

struct seal *seal_new(struct store *store)
{
    return beside_new(store, sizeof(struct seal), &kind);
}

void seal_abandon(struct seal *s)
{
    pg_task_abandon(&s->beside.task);
}

/* ---- the next one ---- */

/* Over for long enough, and no record fell into it for a while. */
static bool is_due(const struct seal *s, const struct calendar_hour *h, int64_t now_us,
                   int64_t clock_us)
{
    int64_t end_us = (h->hour + 1) * HOUR_US;
    int64_t after_us = s->beside.store->settings->seal_after_s * 1000000;
    int64_t quiet_us = after_us < QUIET_US ? after_us : QUIET_US;
    return end_us + after_us <= now_us && clock_us - h->touched_us >= quiet_us;
}

/* The oldest hour that is due and not sealed. False when there is none. */
static bool find_hour(const struct seal *s, int64_t now_us, int64_t clock_us, int32_t *first)
{
    const struct calendar *c = &s->beside.store->calendar;
    for (uint32_t i = 0; i < c->hour_count; i++) {
        const struct calendar_hour *h = &c->hours[i];
        if (h->state == HOUR_OPEN && is_due(s, h, now_us, clock_us)) {
            *first = h->hour;
            return true;
        }
    }
    return false;
}

/* Whether a day takes in this sealed hour: the day is over, or the hour is for long. */
static bool is_waited_for(const struct seal *s, const struct calendar_hour *h, int64_t now_us)
{
    return (h->hour / 24 + 1) * DAY_US <= now_us ||
           (h->hour + 1) * HOUR_US +
                   s->beside.store->settings->seal_after_s * DAY_WAITS * 1000000 <=
               now_us;
}

/* The first hour of the oldest day that is to take in sealed hours, and in whose sealed hours no
 * record fell for a while. False when there is none. */
static bool find_day(const struct seal *s, int64_t now_us, int64_t clock_us, int32_t *first)
{
    const struct calendar *c = &s->beside.store->calendar;
    for (uint32_t i = 0, n; i < c->hour_count; i += n) {
        int32_t day = c->hours[i].hour / 24;
        bool due = true, some = false;
        for (n = 0; i + n < c->hour_count && c->hours[i + n].hour / 24 == day; n++) {
            const struct calendar_hour *h = &c->hours[i + n];
            due = due && (h->state < HOUR_SEALED || is_due(s, h, now_us, clock_us));
            some = some || (h->state == HOUR_SEALED && is_waited_for(s, h, now_us));
        }
        if (due && some) {
            *first = day * 24;
            return true;
        }
    }
    return false;
}

static void begin(struct seal *s, int64_t now_us, int64_t clock_us)
{
    struct calendar *c = &s->beside.store->calendar;
    int32_t first = 0, hours = 1;
    if (!pg_task_is_ready(&s->beside.task, clock_us) || c->stale ||
        !pg_is_open(&s->beside.store->pg)) {
        return;
    }
    if (c->sealing_hours != 0 &&
        calendar_settle(c, &s->beside.store->pg, &s->beside.store->params) == -1) {
        return;
    }
    if (!find_hour(s, now_us, clock_us, &first)) {
        hours = 24;
        if (!find_day(s, now_us, clock_us, &first)) {
            return;
        }
    }
    if (pg_task_begin(&s->beside.task, hours == 1 ? hour_steps : day_steps, SEAL_BEGIN, clock_us)) {
        c->sealing = first;
        c->sealing_hours = hours;
    }
}

void seal_go_on(struct seal *s, int64_t now_us, int64_t clock_us)
{
    begin(s, now_us, clock_us);
    if (pg_task_go_on(&s->beside.task, clock_us)) {
        begin(s, now_us, clock_us); /* the next, if there is one */
    }
}

bool seal_is_quick(const struct seal *s, int64_t clock_us)
{
    return pg_task_is_under_way(&s->beside.task) && clock_us - s->beside.task.asked_us < SOON_US;
}
