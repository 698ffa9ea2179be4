/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement, or one small transaction, at a time. The horizon is in the database before
 * (classes.c), so nobody adds to what is dropped. Before the first partition goes, what its records
 * say of periods that go on behind the horizon is noted (period_dropped), series by series; then
 * each partition's records are counted for the ledger and the partition dropped in one transaction.
 * That needs a lock nobody else may hold: it is waited for only shortly, because who comes later
 * waits behind it.
 */
#include "stored/beside/expiry.h"

#include "common/log.h"
#include "stored/beside/beside.h"
#include "stored/beside/rebuild_steady.h"
#include "stored/silence/signs.h"

#define SETTLE_SERIES   2000 /* in one statement: numbers, not all of which need to be there */
#define LEDGER_ROWS     5000 /* removed by one statement */
#define FEED_ENTRIES    20000
#define ABSENCES        100000 /* kept; ingestds tell those of the last days again and again */
#define LEDGER_EVERY_US (INT64_C(600) * 1000000)
#define BACKOFF_US      INT64_C(30000000) /* after a failure */
#define LOCK_FIRST_US   INT64_C(1000000) /* after a lock that was not had; then twice as long ... */
#define LOCK_MOST_US    INT64_C(60000000) /* ... up to this */

static const char session[] = "SET lock_timeout = '100ms'";

enum {
    DROP_EXTENT,
    DROP_SETTLE,
    DROP_PARTITION,
    DROP_LEDGER,
    DROP_FEED,
    DROP_ABSENCES,
    DROP_SILENCE
};

struct expiry {
    struct beside beside;
    struct calendar_part part; /* being dropped */
    char text[SQL_PARTITION_BYTES];
    int32_t settled[RETENTION_CLASSES]; /* horizons up to which periods are settled */
    int32_t settling[RETENTION_CLASSES];
    int64_t series_id, last_series_id; /* settled up to; to be settled up to */
    int64_t now_us;                    /* time of day */
    int64_t ledger_us;                 /* of the clock: when the ledger is looked at again */
    int64_t feed_us;                   /* the same of the feed of changes */
    int64_t absences_us;               /* and of absences */
    int64_t silence_us;                /* the same of silences that were told */
    bool dropped;                      /* a partition, since expiry_ended() said so */
};

/* ---- what is due ---- */

static bool is_gone(const struct expiry *d, const struct calendar_part *part)
{
    const struct retention *r = &d->beside.store->retention;
    return part->class >= 0 && part->class < (int32_t)r->count &&
           part->day < r->class[part->class].horizon_day &&
           calendar_is_sealed(&d->beside.store->calendar, part->day);
}

/* A day that has no partitions any more, nor ever will have. */
static bool is_empty_day(const struct expiry *d, uint32_t i)
{
    const struct calendar_parts *parts = &d->beside.store->calendar.parts;
    const struct retention *r = &d->beside.store->retention;
    for (uint32_t class = 0; class < r->count; class ++) {
        if (parts->at[i].day >= r->class[class].horizon_day) {
            return false;
        }
    }
    return parts->at[i].class == SQL_WHOLE_DAY &&
           (i + 1 == parts->count || parts->at[i + 1].day != parts->at[i].day);
}

/* The oldest partition to be dropped. False when there is none. */
static bool find_part(struct expiry *d)
{
    const struct calendar_parts *parts = &d->beside.store->calendar.parts;
    for (uint32_t i = 0; i < parts->count; i++) {
        if (is_gone(d, &parts->at[i]) || is_empty_day(d, i)) {
            d->part = parts->at[i];
            return true;
        }
    }
    return false;
}

static bool is_settled(const struct expiry *d)
{
    const struct retention *r = &d->beside.store->retention;
    for (uint32_t class = 0; class < r->count; class ++) {
        if (d->settled[class] != r->class[class].horizon_day) {
            return false;
        }
    }
    return true;
}

/* ---- the steps ---- */

static void put_horizons(const struct retention *r, struct pg_params *p)
{
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

static void put_series(void *owner, struct pg_params *p)
{
    const struct expiry *d = owner;
    pg_add_64(p, d->series_id);
    pg_add_64(p, d->series_id + SETTLE_SERIES);
    put_horizons(&d->beside.store->retention, p);
}

static void put_ledger(void *owner, struct pg_params *p)
{
    const struct expiry *d = owner;
    pg_add_time(p, d->now_us - d->beside.store->settings->ledger_days * DAY_US);
    pg_add_32(p, LEDGER_ROWS);
}

static void put_feed(void *owner, struct pg_params *p)
{
    const struct expiry *d = owner;
    pg_add_time(p, d->now_us - d->beside.store->settings->feed_days * DAY_US);
    pg_add_32(p, FEED_ENTRIES);
}

/* From when on records are kept of any class, 1970 where of some all are; but not later than what
 * ingestds still tell. */
static void put_absences(void *owner, struct pg_params *p)
{
    const struct expiry *d = owner;
    const struct retention *r = &d->beside.store->retention;
    int64_t from_us = d->now_us - SIGNS_GIVEN_UP_US - DAY_US;
    for (uint32_t class = 0; class < r->count; class ++) {
        int64_t us = retention_horizon_us(r, class);
        from_us = us < from_us ? us : from_us;
    }
    pg_add_time(p, from_us < 0 ? 0 : from_us);
    pg_add_32(p, ABSENCES);
}

static const char *write_partition(void *owner)
{
    struct expiry *d = owner;
    sql_partition_drop(d->part.day, d->part.class, d->text);
    return d->text;
}

/* A number in the first cell, as text or binary; no row: 0. */
static int64_t number_of(const PGresult *r)
{
    return PQntuples(r) == 0      ? 0
           : PQfformat(r, 0) == 1 ? pg_cell_64(r, 0, 0)
                                  : strtoll(PQgetvalue(r, 0, 0), NULL, 10);
}

/* Up to this series periods are settled; behind the last one they are for good. */
static int settled_to(struct expiry *d, int64_t series_id)
{
    d->series_id = series_id;
    if (d->series_id >= d->last_series_id) {
        memcpy(d->settled, d->settling, sizeof d->settled);
        d->last_series_id = 0;
    }
    return PG_OVER;
}

static int extent_is_known(void *owner, const PGresult *r, int64_t clock_us)
{
    struct expiry *d = owner;
    (void)clock_us;
    d->last_series_id = number_of(r);
    return settled_to(d, 0);
}

static int some_are_settled(void *owner, const PGresult *r, int64_t clock_us)
{
    struct expiry *d = owner;
    (void)r, (void)clock_us;
    return settled_to(d, d->series_id + SETTLE_SERIES);
}

static int dropped(void *owner, const PGresult *r, int64_t clock_us)
{
    struct expiry *d = owner;
    char name[SQL_NAME_BYTES];
    int64_t records = number_of(r);
    sql_partition_name(d->part.day, d->part.class, name);
    calendar_remove(&d->beside.store->calendar, d->part.day, d->part.class);
    d->dropped = true;
    if (d->part.class != SQL_WHOLE_DAY) {
        count_add(COUNT_RETENTION_PARTITIONS, 1);
        count_add(COUNT_RETENTION_RECORDS, (uint64_t)records);
    }
    log_info("retention.dropped", "partition=%s records=%lld ms=%lld", name, (long long)records,
             (long long)((clock_us - d->beside.task.began_us) / 1000));
    return PG_OVER;
}

static int ledger_is_shorter(void *owner, const PGresult *r, int64_t clock_us)
{
    struct expiry *d = owner;
    int64_t rows = number_of(r);
    count_add(COUNT_LEDGER_REMOVED, (uint64_t)rows);
    d->ledger_us = rows == LEDGER_ROWS ? 0 : clock_us + LEDGER_EVERY_US;
    return PG_OVER;
}

static int feed_is_shorter(void *owner, const PGresult *r, int64_t clock_us)
{
    struct expiry *d = owner;
    int64_t entries = number_of(r);
    count_add(COUNT_FEED_REMOVED, (uint64_t)entries);
    d->feed_us = entries >= FEED_ENTRIES / 2 ? 0 : clock_us + LEDGER_EVERY_US;
    return PG_OVER;
}

static int absences_are_fewer(void *owner, const PGresult *r, int64_t clock_us)
{
    struct expiry *d = owner;
    (void)r;
    d->absences_us = clock_us + LEDGER_EVERY_US;
    return PG_OVER;
}

static int silences_are_fewer(void *owner, const PGresult *r, int64_t clock_us)
{
    struct expiry *d = owner;
    int64_t rows = number_of(r);
    count_add(COUNT_SILENCES_REMOVED, (uint64_t)rows);
    d->silence_us = rows >= FEED_ENTRIES / 2 ? 0 : clock_us + LEDGER_EVERY_US;
    return PG_OVER;
}

static const struct pg_step steps[] = {
    [DROP_EXTENT] = {.name = "extent",
                     .statement = SQL_REBUILD_EXTENT,
                     .answer = PG_ANSWER_ROWS,
                     .done = extent_is_known},
    [DROP_SETTLE] = {.name = "settle",
                     .statement = SQL_PERIODS_SETTLE,
                     .put = put_series,
                     .done = some_are_settled},
    [DROP_PARTITION] = {.name = "partition",
                        .write = write_partition,
                        .answer = PG_ANSWER_EITHER, /* the count, then the DROP */
                        .done = dropped},
    [DROP_LEDGER] = {.name = "ledger",
                     .statement = SQL_LEDGER_REMOVE,
                     .put = put_ledger,
                     .answer = PG_ANSWER_ROWS,
                     .done = ledger_is_shorter},
    [DROP_FEED] = {.name = "feed",
                   .statement = SQL_FEED_REMOVE,
                   .put = put_feed,
                   .answer = PG_ANSWER_ROWS,
                   .done = feed_is_shorter},
    [DROP_ABSENCES] = {.name = "absences",
                       .statement = SQL_ABSENCE_REMOVE,
                       .put = put_absences,
                       .answer = PG_ANSWER_ROWS,
                       .done = absences_are_fewer},
    [DROP_SILENCE] = {.name = "silence",
                      .statement = SQL_SILENCE_REMOVE,
                      .put = put_feed,
                      .answer = PG_ANSWER_ROWS,
                      .done = silences_are_fewer},
};

static void failed(void *owner, const char *step, int64_t clock_us)
{
    const struct expiry *d = owner;
    (void)clock_us;
    beside_log(&d->beside, "retention.failed", step);
}

/* Somebody holds a lock: nothing was changed, and the same is tried again later. */
static void locked(void *owner, const char *step, int64_t again_us)
{
    (void)owner;
    log_info("retention.locked", "step=%s again_ms=%lld", step, (long long)(again_us / 1000));
}

static void given_up(void *owner, int step)
{
    struct expiry *d = owner;
    if (step == DROP_PARTITION) {
        d->beside.store->calendar.stale = true; /* whether it is there only the database knows */
    }
}

static const struct pg_task_kind kind = {.application = "ezrepo-stored-expiry",
                                         .session = session,
                                         .backoff_us = BACKOFF_US,
                                         .lock_first_us = LOCK_FIRST_US,
                                         .lock_most_us = LOCK_MOST_US,
                                         .locked = locked,
                                         .failed = failed,
                                         .given_up = given_up};

/* ---- when ---- */

struct expiry *expiry_new(struct store *store)
{
    return beside_new(store, sizeof(struct expiry), &kind);
}

/* The step to be taken next, or PG_OVER when nothing is due. */
static int next_step(struct expiry *d, int64_t clock_us)
{
    if (find_part(d)) {
        if (is_settled(d)) {
            return DROP_PARTITION;
        }
        bool same = true;
        for (uint32_t class = 0; class < d->beside.store->retention.count; class ++) {
            int32_t horizon = d->beside.store->retention.class[class].horizon_day;
            same = same && d->settling[class] == horizon;
            d->settling[class] = horizon;
        }
        return same && d->last_series_id > 0 ? DROP_SETTLE : DROP_EXTENT;
    }
    const struct store_settings *s = d->beside.store->settings;
    return s->ledger_days > 0 && clock_us >= d->ledger_us  ? DROP_LEDGER
           : s->feed_days > 0 && clock_us >= d->feed_us    ? DROP_FEED
           : clock_us >= d->absences_us                    ? DROP_ABSENCES
           : s->feed_days > 0 && clock_us >= d->silence_us ? DROP_SILENCE
                                                           : PG_OVER;
}

static void begin(struct expiry *d, int64_t clock_us)
{
    struct store *s = d->beside.store;
    if (!pg_task_is_ready(&d->beside.task, clock_us) || !pg_is_open(&s->pg) ||
        s->retention.count == 0) {
        return;
    }
    if (s->calendar.stale && calendar_load(&s->calendar, &s->pg, clock_us) == -1) {
        return;
    }
    int step = next_step(d, clock_us);
    if (step == DROP_SETTLE &&
        rebuild_steady_settle(s, d->series_id, d->series_id + SETTLE_SERIES, put_horizons) == -1) {
        return; /* the flushes' connection is opened anew */
    }
    if (step != PG_OVER) {
        pg_task_begin(&d->beside.task, steps, step, clock_us);
    }
}

void expiry_go_on(struct expiry *d, int64_t now_us, int64_t clock_us)
{
    d->now_us = now_us;
    begin(d, clock_us);
    pg_task_go_on(&d->beside.task, clock_us);
}

bool expiry_ended(struct expiry *d)
{
    if (!d->dropped || pg_task_is_under_way(&d->beside.task) || find_part(d)) {
        return false;
    }
    d->dropped = false;
    return true;
}
