/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transaction at a time, sent as one text without waiting for its answer. A stored that was
 * killed may have left one that PostgreSQL still carries out: what is there already when the next
 * one wants to make it is a failure here, after which the calendar is read again.
 */
#include "stored/beside/days.h"

#include "common/log.h"
#include "stored/beside/beside.h"

#define BACKOFF_US   INT64_C(1000000) /* after a failure */
#define PASS_OVER_US INT64_C(600000000)
#define PASSED_MOST  64
#define ALONE        16 /* so many are made one by one after some could not be made together */

/* One that cannot be made, as long as something of its name stands in its place. */
struct passed {
    struct calendar_part part;
    int64_t until_us;
};

struct days {
    struct beside beside;
    struct passed passed[PASSED_MOST]; /* a ring */
    uint32_t passed_next, alone;
    struct calendar_part first; /* of those under way, which are `asked` */
    uint32_t asked;
    struct calendar_part parts[2 * DAYS_AT_ONCE];
    uint32_t count;
    char text[2 * DAYS_AT_ONCE * (SQL_PARTITION_BYTES + 1)];
};

/* ---- the step ---- */

static const char *write_parts(void *owner)
{
    const struct days *d = owner;
    return d->text;
}

static int made(void *owner, const PGresult *r, int64_t clock_us)
{
    struct days *d = owner;
    (void)r;
    for (uint32_t i = 0; i < d->count; i++) {
        if (calendar_add(&d->beside.store->calendar, d->parts[i]) == -1) {
            d->beside.store->calendar.stale = true; /* memory; it is read again */
        }
    }
    count_add(COUNT_DAYS_MADE, d->count);
    log_info("days.made", "partitions=%u ms=%lld", d->count,
             (long long)((clock_us - d->beside.task.began_us) / 1000));
    return PG_OVER;
}

static const struct pg_step steps[] = {{.name = "make", .write = write_parts, .done = made}};

static void note_failure(struct days *d, const char *sqlstate, const char *error)
{
    log_error("days.failed", "partitions=%u sqlstate=%s error=\"%.200s\" effect=\"tried again\"",
              d->count, sqlstate, error);
    count_add(COUNT_DATABASE_ERRORS, 1);
    d->beside.store->calendar.stale = true;
}

/* Where PostgreSQL refuses it, the others are not to wait for the one at fault. */
static void failed(void *owner, const char *step, int64_t clock_us)
{
    struct days *d = owner;
    const struct pg *pg = &d->beside.task.pg;
    bool refused = step != pg_step_connect && pg->fault != PG_AWAY;
    note_failure(d, pg->sqlstate, pg->message);
    if (!refused || !pg_stands_in_the_way(pg->meaning)) {
        return;
    }
    if (d->asked > 1) {
        d->alone = ALONE;
        return;
    }
    d->passed[d->passed_next++ % PASSED_MOST] = (struct passed){d->first, clock_us + PASS_OVER_US};
    log_error("days.passed_over", "day=%d class=%d effect=\"its records wait; tried again later\"",
              d->first.day, d->first.class);
}

static void given_up(void *owner, int step)
{
    struct days *d = owner;
    (void)step;
    d->beside.store->calendar.stale = true; /* whether they are there only the database knows */
}

static const struct pg_task_kind kind = {.application = "ezrepo-stored-days",
                                         .backoff_us = BACKOFF_US,
                                         .failed = failed,
                                         .given_up = given_up};

/* ---- when, and which ---- */

struct days *days_new(struct store *store)
{
    return beside_new(store, sizeof(struct days), &kind);
}

bool days_under_way(const struct days *d)
{
    return pg_task_is_under_way(&d->beside.task);
}

bool days_passes_over(const struct days *d, struct calendar_part part, int64_t clock_us)
{
    for (uint32_t i = 0; i < PASSED_MOST; i++) {
        const struct passed *p = &d->passed[i];
        if (p->until_us > clock_us && p->part.day == part.day && p->part.class == part.class) {
            return true;
        }
    }
    return false;
}

static bool is_listed(const struct days *d, int32_t day, int32_t class)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->parts[i].day == day && d->parts[i].class == class) {
            return true;
        }
    }
    return calendar_has(&d->beside.store->calendar, day, class);
}

/* Behind what the text makes already; -1 when it is of no day that can be. */
static int add(struct days *d, int32_t day, int32_t class)
{
    char one[SQL_PARTITION_BYTES];
    size_t length = strlen(d->text);
    if (is_listed(d, day, class)) {
        return 0;
    }
    if (sql_partition(day, class, one) == -1) {
        return -1;
    }
    snprintf(d->text + length, sizeof d->text - length, "%s;", one);
    d->parts[d->count++] = (struct calendar_part){day, class};
    return 0;
}

void days_make(struct days *d, const struct calendar_part *parts, uint32_t count, int64_t clock_us)
{
    if (!pg_task_is_ready(&d->beside.task, clock_us)) {
        return;
    }
    d->count = 0;
    d->text[0] = '\0';
    d->asked = d->alone > 0 && count > 1 ? 1 : count;
    d->alone -= d->alone > 0;
    d->first = count > 0 ? parts[0] : d->first;
    for (uint32_t i = 0; i < d->asked; i++) {
        if (add(d, parts[i].day, SQL_WHOLE_DAY) == -1 ||
            add(d, parts[i].day, parts[i].class) == -1) {
            note_failure(d, "", "a day out of bounds");
            pg_task_back_off(&d->beside.task, clock_us);
            return;
        }
    }
    if (d->count > 0) {
        pg_task_begin(&d->beside.task, steps, 0, clock_us);
    }
}

bool days_go_on(struct days *d, int64_t clock_us)
{
    return pg_task_go_on(&d->beside.task, clock_us);
}
