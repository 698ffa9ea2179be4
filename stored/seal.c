/*
 * One hour at a time: lock its row, count, mark, commit; each a statement sent without waiting for
 * its answer. Only a COMMIT that says so makes the hour sealed in memory; in every other case the
 * calendar keeps it as "sealing", and the database is asked what it is.
 */
#include "stored/seal.h"

#include <stdlib.h>

#include "common/log.h"

#define QUIET_US   INT64_C(60000000) /* no record fell into the hour for as long */
#define BACKOFF_US INT64_C(30000000) /* after a failure */

enum step { SEAL_IDLE, SEAL_BEGIN, SEAL_LOCK, SEAL_COUNT, SEAL_MARK, SEAL_COMMIT };

struct seal {
    struct store *store;
    struct pg pg;
    enum step step; /* whose answer is awaited */
    int64_t again_us, began_us;
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
    if (pg_is_open(&s->pg)) {
        pg_close(&s->pg);
    }
}

/* ---- sending ---- */

static int ask(struct seal *s, enum step step)
{
    static const char *const texts[] = {
        [SEAL_BEGIN] = "BEGIN", [SEAL_COMMIT] = "COMMIT", [SEAL_MARK] = NULL};
    char hour[8];
    const char *const values[] = {hour};
    const int lengths[] = {sizeof hour}, formats[] = {1};
    enum sql_statement statement = step == SEAL_LOCK    ? SQL_SEAL_LOCK
                                   : step == SEAL_COUNT ? SQL_SEAL_COUNT
                                                        : SQL_SEAL_MARK;
    int sent;
    bytes_set_64(hour, (uint64_t)(s->store->calendar.sealing * HOUR_US - PG_EPOCH_US));
    if (step == SEAL_BEGIN || step == SEAL_COMMIT) {
        sent = PQsendQuery(s->pg.conn, texts[step]);
    } else {
        sent = PQsendQueryParams(s->pg.conn, sql_text(statement), 1, NULL, values, lengths, formats,
                                 1);
    }
    s->step = step;
    return sent == 1 ? 0 : -1;
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
    struct calendar_hour *h = calendar_find(c, c->sealing);
    if (h != NULL) {
        h->state = HOUR_SEALED;
    }
    log_info("hour.sealed", "hour=%d ms=%lld", c->sealing,
             (long long)((clock_us - s->began_us) / 1000));
    c->sealing = 0;
    s->step = SEAL_IDLE;
    count_add(COUNT_HOURS_SEALED, 1);
}

/* Takes answers as far as they are there. */
static void take_answers(struct seal *s, int64_t clock_us)
{
    while (s->step != SEAL_IDLE) {
        const char *error = NULL;
        bool nothing_to_do = false, some = false;
        PGresult *r;
        if (PQflush(s->pg.conn) == -1 || PQconsumeInput(s->pg.conn) == 0) {
            fail(s, PQerrorMessage(s->pg.conn), clock_us);
            return;
        }
        if (PQisBusy(s->pg.conn) != 0) {
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
        } else if (ask(s, nothing_to_do ? SEAL_COMMIT : s->step + 1) == -1) {
            fail(s, PQerrorMessage(s->pg.conn), clock_us);
        }
    }
}

/* ---- the next hour ---- */

/* The oldest hour that is over, quiet and not sealed; 0 when there is none. */
static int32_t due(const struct seal *s, int64_t now_us, int64_t clock_us)
{
    const struct calendar *c = &s->store->calendar;
    int64_t after_us = s->store->settings->seal_after_s * 1000000;
    int64_t quiet_us = after_us < QUIET_US ? after_us : QUIET_US;
    for (uint32_t i = 0; i < c->hour_count; i++) {
        const struct calendar_hour *h = &c->hours[i];
        if ((h->hour + 1) * HOUR_US + after_us > now_us) {
            break;
        }
        if (h->state == HOUR_OPEN && clock_us - h->touched_us >= quiet_us) {
            return h->hour;
        }
    }
    return 0;
}

static void begin(struct seal *s, int64_t now_us, int64_t clock_us)
{
    struct calendar *c = &s->store->calendar;
    if (clock_us < s->again_us || c->stale || !pg_is_open(&s->store->pg)) {
        return;
    }
    if (c->sealing != 0 && calendar_settle(c, &s->store->pg, &s->store->params) == -1) {
        return;
    }
    int32_t hour = due(s, now_us, clock_us);
    if (hour == 0) {
        return;
    }
    if (!pg_is_open(&s->pg)) {
        if (pg_open(&s->pg, s->store->settings->database, "ezrepo-stored-seal") == -1) {
            log_error("seal.connect", "error=\"%s\"", s->pg.message);
            s->again_us = clock_us + BACKOFF_US;
            return;
        }
        PQsetnonblocking(s->pg.conn, 1);
    }
    c->sealing = hour;
    s->began_us = clock_us;
    if (ask(s, SEAL_BEGIN) == -1) {
        fail(s, PQerrorMessage(s->pg.conn), clock_us);
    }
}

void seal_go_on(struct seal *s, int64_t now_us, int64_t clock_us)
{
    if (s->step == SEAL_IDLE) {
        begin(s, now_us, clock_us);
    }
    take_answers(s, clock_us);
}

void seal_abandon(struct seal *s)
{
    char error[256];
    if (s->step == SEAL_IDLE) {
        return;
    }
    PGcancel *cancel = PQgetCancel(s->pg.conn);
    if (cancel != NULL) {
        (void)PQcancel(cancel, error, sizeof error);
        PQfreeCancel(cancel);
    }
    s->step = SEAL_IDLE;
    pg_close(&s->pg);
}
