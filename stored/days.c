/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One transaction at a time, sent as one text without waiting for its answer. A stored that was
 * killed may have left one that PostgreSQL still carries out: what is there already when the next
 * one wants to make it is a failure here, after which the calendar is read again.
 */
#include "stored/days.h"

#include <stdlib.h>

#include "common/log.h"

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
    struct store *store;
    struct passed passed[PASSED_MOST]; /* a ring */
    uint32_t passed_next, alone;
    struct calendar_part first; /* of those under way, which are `asked` */
    uint32_t asked;
    struct pg pg;
    bool under_way;
    struct calendar_part parts[2 * DAYS_AT_ONCE];
    uint32_t count;
    int64_t began_us, again_us;
    char text[2 * DAYS_AT_ONCE * (SQL_PARTITION_BYTES + 1)];
};

struct days *days_new(struct store *store)
{
    struct days *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->store = store;
    }
    return d;
}

void days_close(struct days *d)
{
    if (d->under_way) {
        d->store->calendar.stale = true; /* whether they are there only the database knows */
    }
    d->under_way = false;
    pg_close(&d->pg);
}

void days_free(struct days **d)
{
    if (*d != NULL) {
        days_close(*d);
        free(*d);
        *d = NULL;
    }
}

bool days_under_way(const struct days *d)
{
    return d->under_way;
}

static void fail(struct days *d, const char *error, int64_t clock_us)
{
    log_error("days.failed", "partitions=%u error=\"%.200s\" effect=\"tried again\"", d->count,
              error);
    count_add(COUNT_DATABASE_ERRORS, 1);
    days_close(d);
    d->store->calendar.stale = true;
    d->again_us = clock_us + BACKOFF_US;
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

/* PostgreSQL refuses it: the others are not to wait for the one at fault. */
static void refused(struct days *d, const char *sqlstate, const char *error, int64_t clock_us)
{
    fail(d, error, clock_us);
    if (!pg_stands_in_the_way(pg_meaning_of(sqlstate))) {
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

static bool is_listed(const struct days *d, int32_t day, int32_t class)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->parts[i].day == day && d->parts[i].class == class) {
            return true;
        }
    }
    return calendar_has(&d->store->calendar, day, class);
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
    if (d->under_way || clock_us < d->again_us) {
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
            fail(d, "a day out of bounds", clock_us);
            return;
        }
    }
    if (d->count == 0) {
        return;
    }
    if (!pg_is_open(&d->pg) && pg_open(&d->pg, &sql_statements, d->store->settings->database,
                                       "ezrepo-stored-days") == -1) {
        fail(d, d->pg.message, clock_us);
        return;
    }
    d->under_way = true;
    d->began_us = clock_us;
    if (PQsendQuery(d->pg.conn, d->text) != 1) {
        fail(d, PQerrorMessage(d->pg.conn), clock_us);
    }
}

static void made(struct days *d, int64_t clock_us)
{
    d->under_way = false;
    for (uint32_t i = 0; i < d->count; i++) {
        if (calendar_add(&d->store->calendar, d->parts[i]) == -1) {
            d->store->calendar.stale = true; /* memory; it is read again */
        }
    }
    count_add(COUNT_DAYS_MADE, d->count);
    log_info("days.made", "partitions=%u ms=%lld", d->count,
             (long long)((clock_us - d->began_us) / 1000));
}

bool days_go_on(struct days *d, int64_t clock_us)
{
    int answered = d->under_way ? pg_answered(&d->pg) : 0;
    if (answered == -1) {
        fail(d, PQerrorMessage(d->pg.conn), clock_us);
    }
    if (answered != 1) {
        return false;
    }
    char error[200] = "", sqlstate[6] = "";
    PGresult *r;
    while ((r = PQgetResult(d->pg.conn)) != NULL) {
        if (PQresultStatus(r) != PGRES_COMMAND_OK && error[0] == '\0') {
            const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
            snprintf(error, sizeof error, "%s", PQresultErrorMessage(r));
            snprintf(sqlstate, sizeof sqlstate, "%s", state == NULL ? "" : state);
        }
        PQclear(r);
    }
    if (PQstatus(d->pg.conn) != CONNECTION_OK) {
        fail(d, PQerrorMessage(d->pg.conn), clock_us);
        return false;
    }
    if (error[0] != '\0') {
        refused(d, sqlstate, error, clock_us);
        return false;
    }
    made(d, clock_us);
    return true;
}
