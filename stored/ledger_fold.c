/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flushes write no row of the ledger twice: they add entries by COPY, which costs the same whoever
 * sends, and this sums them up. It and a flush never wait for each other, since a flush changes
 * none of the rows this changes.
 */
#include "stored/ledger_fold.h"

#include <stdlib.h>

#include "common/log.h"

#define EVERY_US       INT64_C(10000000)
#define ENTRIES_MOST   500000 /* then it is time at once */
#define ENTRIES_VACUUM 10000  /* so many are worth making their room free */
#define BACKOFF_US     INT64_C(30000000)

struct ledger_fold {
    struct store *store;
    struct pg pg;
    enum { FOLD_IDLE, FOLD_SUM, FOLD_VACUUM } step;
    uint64_t entries;     /* being summed up, about */
    int64_t again_us;     /* when it is time again, unless there are many entries */
    int64_t backs_off_us; /* not before that, after a failure */
};

struct ledger_fold *ledger_fold_new(struct store *store)
{
    struct ledger_fold *fold = calloc(1, sizeof *fold);
    if (fold != NULL) {
        fold->store = store;
    }
    return fold;
}

void ledger_fold_close(struct ledger_fold *fold)
{
    fold->step = FOLD_IDLE;
    pg_close(&fold->pg);
}

void ledger_fold_free(struct ledger_fold **fold)
{
    if (*fold != NULL) {
        ledger_fold_close(*fold);
        free(*fold);
        *fold = NULL;
    }
}

static void fail(struct ledger_fold *fold, const char *error, int64_t clock_us)
{
    log_error("ledger.sum", "error=\"%.200s\"", error);
    count_add(COUNT_DATABASE_ERRORS, 1);
    fold->store->ledger.entries += fold->entries;
    fold->backs_off_us = clock_us + BACKOFF_US;
    ledger_fold_close(fold);
}

static void begin(struct ledger_fold *fold, int64_t clock_us)
{
    struct store *s = fold->store;
    bool due = clock_us >= fold->again_us || s->ledger.entries >= ENTRIES_MOST;
    if (s->ledger.entries == 0 || clock_us < fold->backs_off_us || !due) {
        return;
    }
    fold->entries = s->ledger.entries;
    s->ledger.entries = 0;
    fold->again_us = clock_us + EVERY_US;
    if (!pg_is_open(&fold->pg) &&
        pg_open(&fold->pg, &sql_statements, s->settings->database, "ezrepo-stored-ledger") == -1) {
        fail(fold, fold->pg.message, clock_us);
        return;
    }
    fold->step = FOLD_SUM;
    if (pg_send(&fold->pg, SQL_LEDGER_FOLD, NULL) == -1) {
        fail(fold, PQerrorMessage(fold->pg.conn), clock_us);
    }
}

/* The answer to the statement under way is there and is the good one, or it failed. */
static bool take_answer(struct ledger_fold *fold, int64_t clock_us)
{
    char error[200] = "no answer";
    bool good = false;
    PGresult *r;
    while ((r = PQgetResult(fold->pg.conn)) != NULL) {
        good = PQresultStatus(r) == PGRES_COMMAND_OK;
        snprintf(error, sizeof error, "%s", PQresultErrorMessage(r));
        PQclear(r);
    }
    if (!good) {
        fail(fold, error, clock_us);
    }
    return good;
}

void ledger_fold_go_on(struct ledger_fold *fold, int64_t clock_us)
{
    if (fold->step == FOLD_IDLE) {
        begin(fold, clock_us);
    }
    if (fold->step == FOLD_IDLE) {
        return;
    }
    int answered = pg_answered(&fold->pg);
    if (answered == -1) {
        fail(fold, PQerrorMessage(fold->pg.conn), clock_us);
    }
    if (answered != 1 || !take_answer(fold, clock_us)) {
        return;
    }
    bool vacuum = fold->step == FOLD_SUM && fold->entries >= ENTRIES_VACUUM;
    fold->entries = 0;
    fold->step = FOLD_IDLE;
    if (vacuum) {
        fold->step = FOLD_VACUUM;
        if (PQsendQuery(fold->pg.conn, sql_vacuum_entries) != 1) {
            fail(fold, PQerrorMessage(fold->pg.conn), clock_us);
        }
    }
}
