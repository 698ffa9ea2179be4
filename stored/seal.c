/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hour or day at a time: lock its rows, count, mark, pass the gate, commit; each a statement
 * sent without waiting for its answer. Only a COMMIT that says so makes it sealed in memory; in
 * every other case the calendar keeps it as "sealing", and the database is asked what it is. A day
 * is counted from its hours' rows, each hour soon after it was sealed itself.
 *
 * PostgreSQL may carry out a COMMIT after the stored that sent it was killed. So it is sent only by
 * who holds the gate, which a stored that starts passes before it reads what is sealed (migrate.c).
 * The gate is taken last: a count that nobody can commit any more is not waited for.
 */
#include "stored/seal.h"

#include <stdlib.h>

#include "common/log.h"

#define QUIET_US   INT64_C(60000000) /* no record fell into the hour for as long */
#define BACKOFF_US INT64_C(30000000) /* after a failure */
#define SOON_US    INT64_C(100000)   /* a step of an hour with few records takes no longer */

enum step {
    SEAL_IDLE,
    SEAL_BEGIN,
    SEAL_LOCK,
    SEAL_COUNT,
    SEAL_MARK,
    SEAL_GATE,
    SEAL_COMMIT,
    SEAL_STEPS
};

struct seal {
    struct store *store;
    struct pg pg;
    enum step step; /* whose answer is awaited */
    int64_t again_us, began_us, asked_us;
};

struct seal *seal_new(struct store *store)
{
    struct seal *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->store = store;
    }
    return s;
}

void seal_free(struct seal **s)
{
    if (*s != NULL) {
        seal_close(*s);
        free(*s);
        *s = NULL;
    }
}

void seal_close(struct seal *s)
{
    seal_abandon(s);
    pg_close(&s->pg);
}

/* ---- sending ---- */

static int ask(struct seal *s, enum step step, int64_t clock_us)
{
    static const char *const texts[SEAL_STEPS] = {
        [SEAL_BEGIN] = "BEGIN", [SEAL_GATE] = sql_writer_lock, [SEAL_COMMIT] = "COMMIT"};
    static const enum sql_statement hour_statements[] = {
        [SEAL_LOCK] = SQL_SEAL_LOCK, [SEAL_COUNT] = SQL_SEAL_COUNT, [SEAL_MARK] = SQL_SEAL_MARK};
    static const enum sql_statement day_statements[] = {[SEAL_LOCK] = SQL_SEAL_DAY_LOCK,
                                                        [SEAL_COUNT] = SQL_SEAL_DAY_COUNT,
                                                        [SEAL_MARK] = SQL_SEAL_DAY_MARK};
    const struct calendar *c = &s->store->calendar;
    struct pg_params *p = &s->store->params;
    s->step = step;
    s->asked_us = clock_us;
    if (texts[step] != NULL) {
        return PQsendQuery(s->pg.conn, texts[step]) == 1 ? 0 : -1;
    }
    pg_params_begin(p);
    pg_add_time(p, c->sealing * HOUR_US);
    return pg_send(&s->pg, c->sealing_hours == 1 ? hour_statements[step] : day_statements[step], p);
}

static void fail(struct seal *s, const char *error, int64_t clock_us)
{
    log_error("seal.failed", "step=%d error=\"%.200s\"", (int)s->step, error);
    count_add(COUNT_DATABASE_ERRORS, 1);
    pg_close(&s->pg);
    s->step = SEAL_IDLE;
    s->again_us = clock_us + BACKOFF_US;
}

/* ---- answers ---- */

/* The answer to the statement under way is complete: NULL when it is the good one, else what it
 * says. */
static const char *judge(struct seal *s, PGresult *r, bool *nothing_to_do)
{
    ExecStatusType status = PQresultStatus(r);
    *nothing_to_do = s->step == SEAL_LOCK && status == PGRES_TUPLES_OK && PQntuples(r) == 0;
    if (status != (s->step == SEAL_LOCK ? PGRES_TUPLES_OK : PGRES_COMMAND_OK)) {
        return PQresultErrorMessage(r);
    }
    if (s->step == SEAL_COMMIT && strcmp(PQcmdStatus(r), "COMMIT") != 0) {
        return PQcmdStatus(r);
    }
    return NULL;
}

static void sealed(struct seal *s, int64_t clock_us)
{
    struct calendar *c = &s->store->calendar;
    bool day = c->sealing_hours != 1;
    for (uint32_t i = 0; i < c->hour_count; i++) {
        struct calendar_hour *h = &c->hours[i];
        if (calendar_is_sealing(c, h)) {
            h->state = day ? HOUR_IN_DAY : HOUR_SEALED;
        }
    }
    log_info(day ? "day.sealed" : "hour.sealed", "hour=%d ms=%lld", c->sealing,
             (long long)((clock_us - s->began_us) / 1000));
    c->sealing = c->sealing_hours = 0;
    s->step = SEAL_IDLE;
    count_add(day ? COUNT_DAYS_SEALED : COUNT_HOURS_SEALED, 1);
}

/* Takes answers as far as they are there. */
static void take_answers(struct seal *s, int64_t clock_us)
{
    while (s->step != SEAL_IDLE) {
        const char *error = NULL;
        bool nothing_to_do = false, some = false;
        PGresult *r;
        int answered = pg_answered(&s->pg);
        if (answered == -1) {
            fail(s, PQerrorMessage(s->pg.conn), clock_us);
        }
        if (answered != 1) {
            return;
        }
        char text[200] = "no answer";
        while ((r = PQgetResult(s->pg.conn)) != NULL) {
            const char *said = judge(s, r, &nothing_to_do);
            if (said != NULL && error == NULL) {
                snprintf(text, sizeof text, "%s", said);
                error = text;
            }
            some = true;
            PQclear(r);
        }
        if (error != NULL || !some) {
            fail(s, text, clock_us);
        } else if (s->step == SEAL_COMMIT) {
            sealed(s, clock_us);
        } else if (ask(s, nothing_to_do ? SEAL_COMMIT : s->step + 1, clock_us) == -1) {
            fail(s, PQerrorMessage(s->pg.conn), clock_us);
        }
    }
}

/* ---- the next one ---- */

/* Over for long enough, and no record fell into it for a while. */
static bool is_due(const struct seal *s, const struct calendar_hour *h, int64_t now_us,
                   int64_t clock_us)
{
    int64_t end_us = (h->hour + 1) * HOUR_US;
    int64_t after_us = s->store->settings->seal_after_s * 1000000;
    int64_t quiet_us = after_us < QUIET_US ? after_us : QUIET_US;
    return end_us + after_us <= now_us && clock_us - h->touched_us >= quiet_us;
}

/* The oldest hour that is due and not sealed. False when there is none. */
static bool find_hour(const struct seal *s, int64_t now_us, int64_t clock_us, int32_t *first)
{
    const struct calendar *c = &s->store->calendar;
    for (uint32_t i = 0; i < c->hour_count; i++) {
        const struct calendar_hour *h = &c->hours[i];
        if (h->state == HOUR_OPEN && is_due(s, h, now_us, clock_us)) {
            *first = h->hour;
            return true;
        }
    }
    return false;
}

/* The first hour of the oldest day that has a sealed hour which is not in the day, and in whose
 * sealed hours no record fell for a while. False when there is none. */
static bool find_day(const struct seal *s, int64_t now_us, int64_t clock_us, int32_t *first)
{
    const struct calendar *c = &s->store->calendar;
    for (uint32_t i = 0, n; i < c->hour_count; i += n) {
        int32_t day = c->hours[i].hour / 24;
        bool due = true, some = false;
        for (n = 0; i + n < c->hour_count && c->hours[i + n].hour / 24 == day; n++) {
            const struct calendar_hour *h = &c->hours[i + n];
            due = due && (h->state < HOUR_SEALED || is_due(s, h, now_us, clock_us));
            some = some || h->state == HOUR_SEALED;
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
    struct calendar *c = &s->store->calendar;
    int32_t first = 0, hours = 1;
    if (clock_us < s->again_us || c->stale || !pg_is_open(&s->store->pg)) {
        return;
    }
    if (c->sealing_hours != 0 && calendar_settle(c, &s->store->pg, &s->store->params) == -1) {
        return;
    }
    if (!find_hour(s, now_us, clock_us, &first)) {
        hours = 24;
        if (!find_day(s, now_us, clock_us, &first)) {
            return;
        }
    }
    if (!pg_is_open(&s->pg) && pg_open(&s->pg, &sql_statements, s->store->settings->database,
                                       "ezrepo-stored-seal") == -1) {
        log_error("seal.connect", "error=\"%s\"", s->pg.message);
        s->again_us = clock_us + BACKOFF_US;
        return;
    }
    c->sealing = first;
    c->sealing_hours = hours;
    s->began_us = clock_us;
    if (ask(s, SEAL_BEGIN, clock_us) == -1) {
        fail(s, PQerrorMessage(s->pg.conn), clock_us);
    }
}

void seal_go_on(struct seal *s, int64_t now_us, int64_t clock_us)
{
    if (s->step == SEAL_IDLE) {
        begin(s, now_us, clock_us);
    }
    take_answers(s, clock_us);
    if (s->step == SEAL_IDLE) {
        begin(s, now_us, clock_us); /* the next, if there is one */
    }
}

bool seal_is_quick(const struct seal *s, int64_t clock_us)
{
    return s->step != SEAL_IDLE && clock_us - s->asked_us < SOON_US;
}

void seal_abandon(struct seal *s)
{
    if (s->step != SEAL_IDLE) {
        pg_close(&s->pg);
        s->step = SEAL_IDLE;
    }
}
