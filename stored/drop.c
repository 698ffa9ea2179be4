/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement, or one small transaction, at a time. The horizon is in the database before
 * (classes.c), so nobody adds to what is dropped. Before the first partition goes, what its records
 * say of periods that go on behind the horizon is noted (period_dropped), series by series; then
 * each partition's records are counted for the ledger and the partition dropped in one transaction.
 * That needs a lock nobody else may hold: it is waited for only shortly, because who comes later
 * waits behind it.
 */
#include "stored/drop.h"

#include <stdlib.h>

#include "common/log.h"

#define SETTLE_SERIES   2000 /* in one statement: numbers, not all of which need to be there */
#define LEDGER_ROWS     5000 /* removed by one statement */
#define LEDGER_EVERY_US (INT64_C(600) * 1000000)
#define BACKOFF_US      INT64_C(30000000) /* after a failure */
#define LOCK_FIRST_US   INT64_C(1000000) /* after a lock that was not had; then twice as long ... */
#define LOCK_MOST_US    INT64_C(60000000) /* ... up to this */

static const char session[] = "SET lock_timeout = '100ms'";

enum step { DROP_IDLE, DROP_EXTENT, DROP_SETTLE, DROP_PARTITION, DROP_LEDGER };

struct drop {
    struct store *store;
    struct pg pg;
    enum step step;                     /* whose answer is awaited */
    struct calendar_part part;          /* being dropped */
    int32_t settled[RETENTION_CLASSES]; /* horizons up to which periods are settled */
    int32_t settling[RETENTION_CLASSES];
    int64_t series_id, last_series_id; /* settled up to; to be settled up to */
    int64_t began_us, again_us, lock_us, ledger_us;
    int64_t found; /* what the answer's row says */
    bool dropped;  /* a partition, since drop_ended() said so */
};

struct drop *drop_new(struct store *store)
{
    struct drop *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->store = store;
    }
    return d;
}

void drop_close(struct drop *d)
{
    if (d->step == DROP_PARTITION) {
        d->store->calendar.stale = true; /* whether it is there only the database knows */
    }
    d->step = DROP_IDLE;
    pg_close(&d->pg);
}

void drop_free(struct drop **d)
{
    if (*d != NULL) {
        drop_close(*d);
        free(*d);
        *d = NULL;
    }
}

static void fail(struct drop *d, const char *error, int64_t clock_us)
{
    log_error("retention.failed", "step=%d error=\"%.200s\"", (int)d->step, error);
    count_add(COUNT_DATABASE_ERRORS, 1);
    drop_close(d);
    d->again_us = clock_us + BACKOFF_US;
}

/* Somebody holds a lock: nothing was changed, and the same is tried again later. */
static void wait_for_lock(struct drop *d, int64_t clock_us)
{
    d->lock_us = d->lock_us == 0              ? LOCK_FIRST_US
                 : d->lock_us >= LOCK_MOST_US ? LOCK_MOST_US
                                              : d->lock_us * 2;
    log_info("retention.locked", "step=%d again_ms=%lld", (int)d->step,
             (long long)(d->lock_us / 1000));
    d->step = DROP_IDLE;
    d->again_us = clock_us + d->lock_us;
}

/* ---- what is due ---- */

static bool is_gone(const struct drop *d, const struct calendar_part *part)
{
    const struct retention *r = &d->store->retention;
    return part->class >= 0 && part->class < (int32_t)r->count &&
           part->day < r->class[part->class].horizon_day &&
           calendar_is_sealed(&d->store->calendar, part->day);
}

/* A day that has no partitions any more, nor ever will have. */
static bool is_empty_day(const struct drop *d, uint32_t i)
{
    const struct calendar_parts *parts = &d->store->calendar.parts;
    const struct retention *r = &d->store->retention;
    for (uint32_t class = 0; class < r->count; class ++) {
        if (parts->at[i].day >= r->class[class].horizon_day) {
            return false;
        }
    }
    return parts->at[i].class == SQL_WHOLE_DAY &&
           (i + 1 == parts->count || parts->at[i + 1].day != parts->at[i].day);
}

/* The oldest partition to be dropped. False when there is none. */
static bool find_part(struct drop *d)
{
    const struct calendar_parts *parts = &d->store->calendar.parts;
    for (uint32_t i = 0; i < parts->count; i++) {
        if (is_gone(d, &parts->at[i]) || is_empty_day(d, i)) {
            d->part = parts->at[i];
            return true;
        }
    }
    return false;
}

static bool is_settled(const struct drop *d)
{
    const struct retention *r = &d->store->retention;
    for (uint32_t class = 0; class < r->count; class ++) {
        if (d->settled[class] != r->class[class].horizon_day) {
            return false;
        }
    }
    return true;
}

/* ---- sending ---- */

static void put_horizons(struct drop *d)
{
    const struct retention *r = &d->store->retention;
    struct pg_params *p = &d->store->params;
    int64_t rest_us = retention_horizon_us(r, 0);
    int64_t latest_us = rest_us < 0 ? 0 : rest_us;
    int types = pg_add_array(p, PG_TEXT), horizons = pg_add_array(p, PG_TIMESTAMPTZ);
    for (uint32_t class = 1; class < r->count; class ++) {
        const struct retention_rule *rule = &r->class[class].rule;
        int64_t us = retention_horizon_us(r, class);
        us = us < 0 ? 0 : us; /* no record is older */
        pg_put_bytes(p, types, (struct slice){rule->type, rule->type_bytes});
        pg_put_time(p, horizons, us);
        latest_us = us > latest_us ? us : latest_us;
    }
    pg_add_time(p, rest_us < 0 ? 0 : rest_us);
    pg_add_time(p, latest_us);
}

static int send_step(struct drop *d, int64_t now_us)
{
    struct pg_params *p = &d->store->params;
    char text[SQL_PARTITION_BYTES];
    pg_params_begin(p);
    switch (d->step) {
    case DROP_EXTENT:
        return pg_send(&d->pg, SQL_REBUILD_EXTENT, p);
    case DROP_SETTLE:
        pg_add_64(p, d->series_id);
        pg_add_64(p, d->series_id + SETTLE_SERIES);
        put_horizons(d);
        return pg_send(&d->pg, SQL_PERIODS_SETTLE, p);
    case DROP_PARTITION:
        sql_partition_drop(d->part.day, d->part.class, text);
        return PQsendQuery(d->pg.conn, text) == 1 ? 0 : -1;
    case DROP_LEDGER:
        pg_add_time(p, now_us - d->store->settings->ledger_days * DAY_US);
        pg_add_32(p, LEDGER_ROWS);
        return pg_send(&d->pg, SQL_LEDGER_REMOVE, p);
    case DROP_IDLE:
        break;
    }
    return -1;
}

/* What to do next; DROP_IDLE when nothing is due. */
static enum step next_step(struct drop *d, int64_t clock_us)
{
    if (find_part(d)) {
        if (is_settled(d)) {
            return DROP_PARTITION;
        }
        bool same = true;
        for (uint32_t class = 0; class < d->store->retention.count; class ++) {
            int32_t horizon = d->store->retention.class[class].horizon_day;
            same = same && d->settling[class] == horizon;
            d->settling[class] = horizon;
        }
        return same && d->last_series_id > 0 ? DROP_SETTLE : DROP_EXTENT;
    }
    return d->store->settings->ledger_days > 0 && clock_us >= d->ledger_us ? DROP_LEDGER
                                                                           : DROP_IDLE;
}

static void begin(struct drop *d, int64_t now_us, int64_t clock_us)
{
    struct store *s = d->store;
    if (clock_us < d->again_us || !pg_is_open(&s->pg) || s->retention.count == 0) {
        return;
    }
    if (s->calendar.stale && calendar_load(&s->calendar, &s->pg, clock_us) == -1) {
        return;
    }
    d->step = next_step(d, clock_us);
    if (d->step == DROP_IDLE) {
        return;
    }
    if (!pg_is_open(&d->pg) &&
        (pg_open(&d->pg, &sql_statements, s->settings->database, "ezrepo-stored-drop") == -1 ||
         pg_do(&d->pg, session) == -1)) {
        d->step = DROP_IDLE;
        fail(d, d->pg.message, clock_us);
        return;
    }
    d->began_us = clock_us;
    d->found = 0;
    if (send_step(d, now_us) == -1) {
        fail(d, PQerrorMessage(d->pg.conn), clock_us);
    }
}

/* ---- answers ---- */

static void dropped(struct drop *d, int64_t clock_us)
{
    char name[SQL_NAME_BYTES];
    sql_partition_name(d->part.day, d->part.class, name);
    calendar_remove(&d->store->calendar, d->part.day, d->part.class);
    d->dropped = true;
    if (d->part.class != SQL_WHOLE_DAY) {
        count_add(COUNT_RETENTION_PARTITIONS, 1);
        count_add(COUNT_RETENTION_RECORDS, (uint64_t)d->found);
    }
    log_info("retention.dropped", "partition=%s records=%lld ms=%lld", name, (long long)d->found,
             (long long)((clock_us - d->began_us) / 1000));
}

/* The step under way is done. */
static void done(struct drop *d, int64_t clock_us)
{
    switch (d->step) {
    case DROP_EXTENT:
        d->series_id = 0;
        d->last_series_id = d->found;
        break;
    case DROP_SETTLE:
        d->series_id += SETTLE_SERIES;
        break;
    case DROP_PARTITION:
        dropped(d, clock_us);
        break;
    case DROP_LEDGER:
        count_add(COUNT_LEDGER_REMOVED, (uint64_t)d->found);
        d->ledger_us = d->found == LEDGER_ROWS ? 0 : clock_us + LEDGER_EVERY_US;
        break;
    case DROP_IDLE:
        break;
    }
    if ((d->step == DROP_EXTENT || d->step == DROP_SETTLE) && d->series_id >= d->last_series_id) {
        memcpy(d->settled, d->settling, sizeof d->settled);
        d->last_series_id = 0;
    }
    d->step = DROP_IDLE;
    d->lock_us = d->again_us = 0;
}

/* A number in the first cell, as text or binary. */
static int64_t number_of(const PGresult *r)
{
    return PQntuples(r) == 0      ? 0
           : PQfformat(r, 0) == 1 ? pg_cell_64(r, 0, 0)
                                  : strtoll(PQgetvalue(r, 0, 0), NULL, 10);
}

static void take_answers(struct drop *d, int64_t clock_us)
{
    char error[200] = "";
    bool locked = false;
    PGresult *r;
    while ((r = PQgetResult(d->pg.conn)) != NULL) {
        const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        if (PQresultStatus(r) == PGRES_TUPLES_OK) {
            d->found = number_of(r);
        } else if (PQresultStatus(r) != PGRES_COMMAND_OK && error[0] == '\0') {
            snprintf(error, sizeof error, "%s", PQresultErrorMessage(r));
            locked = pg_meaning_of(state) == PG_MEANS_LOCKED;
        }
        PQclear(r);
    }
    if (locked) {
        wait_for_lock(d, clock_us);
    } else if (error[0] != '\0' || PQstatus(d->pg.conn) != CONNECTION_OK) {
        fail(d, error[0] == '\0' ? PQerrorMessage(d->pg.conn) : error, clock_us);
    } else {
        done(d, clock_us);
    }
}

bool drop_ended(struct drop *d)
{
    if (!d->dropped || d->step != DROP_IDLE || find_part(d)) {
        return false;
    }
    d->dropped = false;
    return true;
}

void drop_go_on(struct drop *d, int64_t now_us, int64_t clock_us)
{
    if (d->step == DROP_IDLE) {
        begin(d, now_us, clock_us);
    }
    if (d->step == DROP_IDLE) {
        return;
    }
    int answered = pg_answered(&d->pg);
    if (answered == -1) {
        fail(d, PQerrorMessage(d->pg.conn), clock_us);
    } else if (answered == 1) {
        take_answers(d, clock_us);
    }
}
