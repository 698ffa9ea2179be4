/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roll-ups, hour by hour and day by day. Each is compared by one statement, which sees one
 * state of the database, on a connection of its own and without waiting. What differs is put right
 * by adding the difference, on the connection of the flushes: what they add meanwhile stays right.
 */
#include <poll.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/when.h"
#include "stored/rebuild_work.h"
#include "stored/seal.h"

#define WAIT_MS       5                /* for an answer, before others have their turn */
#define BACKOFF_US    INT64_C(2000000) /* after a failure of this connection */
#define MOST_FAILURES 30               /* in a row: about a minute */
#define MOST_ROWS     10000            /* put right at once; then the same is compared again */

/* What is compared; the first three for each hour, the others for each day after its hours. */
enum check { CHECK_UNLISTED, CHECK_HOUR, CHECK_TOTAL_HOUR, CHECK_DAY, CHECK_TOTAL_DAY, CHECKS };

struct rebuild_hours {
    struct rebuild_job *job;
    struct pg pg;
    int32_t *days;
    uint32_t day_count, day; /* the one at hand */
    int32_t hour;            /* since 1970 */
    enum check check;
    bool asked;
    uint32_t failures; /* in a row */
    int64_t again_us;
};

struct rebuild_hours *rebuild_hours_new(struct rebuild_job *job)
{
    struct rebuild_hours *h = calloc(1, sizeof *h);
    if (h != NULL) {
        h->job = job;
    }
    return h;
}

static void disconnect(struct rebuild_hours *h)
{
    pg_close(&h->pg);
    h->asked = false;
}

void rebuild_hours_end(struct rebuild_hours *h)
{
    disconnect(h);
}

void rebuild_hours_free(struct rebuild_hours **h)
{
    if (*h != NULL) {
        rebuild_hours_end(*h);
        free((*h)->days);
        free(*h);
        *h = NULL;
    }
}

/* ---- which hours ---- */

static void begin_day(struct rebuild_hours *h)
{
    int64_t whole_us = retention_earliest_us(&h->job->store->retention);
    int64_t from_us = h->job->since_us < whole_us ? whole_us : h->job->since_us;
    int32_t since = from_us <= 0 ? 0 : calendar_hour_of(from_us);
    while (h->day < h->day_count && h->days[h->day] * 24 + 23 < since) {
        h->day++;
    }
    if (h->day < h->day_count) {
        int32_t first = h->days[h->day] * 24;
        h->hour = first < since ? since : first;
        h->check = CHECK_UNLISTED;
    }
}

int rebuild_hours_begin(struct rebuild_hours *h)
{
    const struct calendar *c = &h->job->store->calendar;
    int32_t *days = realloc(h->days, (c->parts.count + 1) * sizeof *days);
    disconnect(h);
    if (days == NULL) {
        return -1;
    }
    h->days = days;
    h->day_count = 0;
    for (uint32_t i = 0; i < c->parts.count; i++) {
        if (c->parts.at[i].class == SQL_WHOLE_DAY) {
            days[h->day_count++] = c->parts.at[i].day;
        }
    }
    h->day = 0;
    h->again_us = 0;
    h->failures = 0;
    begin_day(h);
    return 0;
}

static void next_check(struct rebuild_hours *h)
{
    bool day_over = h->hour % 24 == 23;
    if (h->check == CHECK_TOTAL_HOUR) {
        h->job->found.hours++;
    }
    if (h->check == CHECK_TOTAL_DAY) {
        h->day++;
        begin_day(h);
    } else if (h->check == CHECK_TOTAL_HOUR && !day_over) {
        h->hour++;
        h->check = CHECK_UNLISTED;
    } else {
        h->check++;
    }
}

/* What the statement of this check is about: the hour, or the day. */
static int64_t start_us(const struct rebuild_hours *h)
{
    return h->check >= CHECK_DAY ? h->hour / 24 * DAY_US : h->hour * HOUR_US;
}

/* ---- asking ---- */

static void fail(struct rebuild_hours *h, const char *error)
{
    if (h->failures == 0) {
        log_error("rebuild.hours", "check=%d error=\"%.200s\"", (int)h->check, error);
    }
    count_add(COUNT_DATABASE_ERRORS, 1);
    if (error != h->pg.message) {
        snprintf(h->pg.message, sizeof h->pg.message, "%s", error);
    }
    disconnect(h);
    h->failures++;
    h->again_us = daemon_clock_us() + BACKOFF_US;
}

/* Which types' records of the hour are all there, as the statements want it. */
static void add_kept_types(struct rebuild_hours *h)
{
    const struct retention *retention = &h->job->store->retention;
    struct pg_params *p = &h->job->store->params;
    bool rest_is_gone = retention_horizon_us(retention, 0) > start_us(h);
    int column = pg_add_array(p, PG_TEXT);
    for (uint32_t class = 1; class < retention->count; class ++) {
        const struct retention_rule *rule = &retention->class[class].rule;
        bool gone = retention_horizon_us(retention, class) > start_us(h);
        if (gone != rest_is_gone) {
            pg_put_bytes(p, column, (struct slice){rule->type, rule->type_bytes});
        }
    }
    pg_add_32(p, rest_is_gone);
}

static void ask(struct rebuild_hours *h)
{
    static const enum sql_statement texts[CHECKS] = {[CHECK_UNLISTED] = SQL_REBUILD_UNLISTED,
                                                     [CHECK_HOUR] = SQL_REBUILD_HOUR,
                                                     [CHECK_TOTAL_HOUR] = SQL_REBUILD_TOTAL_HOUR,
                                                     [CHECK_DAY] = SQL_REBUILD_DAY,
                                                     [CHECK_TOTAL_DAY] = SQL_REBUILD_TOTAL_DAY};
    struct pg_params *p = &h->job->store->params;
    if (!pg_is_open(&h->pg) && pg_open(&h->pg, &sql_statements, h->job->store->settings->database,
                                       "ezrepo-stored-rebuild") == -1) {
        fail(h, h->pg.message);
        return;
    }
    pg_params_begin(p);
    pg_add_time(p, start_us(h));
    if (h->check != CHECK_UNLISTED) {
        pg_add_32(p, h->job->verify ? REBUILD_TEXTS : MOST_ROWS);
    }
    if (h->check == CHECK_HOUR || h->check == CHECK_TOTAL_HOUR) {
        add_kept_types(h);
    }
    if (pg_send(&h->pg, texts[h->check], p) == -1) {
        fail(h, PQerrorMessage(h->pg.conn));
        return;
    }
    h->asked = true;
}

/* ---- answers ---- */

enum column {
    START,
    SERIES,
    UNIT,
    TYPE,
    GRADE,
    HOW,
    COUNTS,
    DELTAS = COUNTS + 3,
    IS = DELTAS + 6,
    WAS
};

static void tell(struct rebuild_hours *h, const PGresult *r, int row)
{
    const struct gradings *g = &h->job->store->gradings;
    char at[WHEN_TEXT], what[120];
    int16_t id = pg_cell_16(r, row, GRADE);
    struct slice unit = pg_cell_text(r, row, UNIT), type = pg_cell_text(r, row, TYPE),
                 is = pg_cell_text(r, row, IS), was = pg_cell_text(r, row, WAS);
    when_time_text(pg_cell_time(r, row, START), at);
    if (h->check == CHECK_HOUR || h->check == CHECK_DAY) {
        snprintf(what, sizeof what, "%s of series %lld", h->check == CHECK_HOUR ? "hour" : "day",
                 (long long)pg_cell_64(r, row, SERIES));
    } else {
        snprintf(what, sizeof what, "%.*s of all \"%.60s\"", (int)unit.len, unit.at, type.at);
    }
    rebuild_tell(&h->job->found,
                 "roll-up of the %s, %.60s, at %s: stored %s; %s say %s (grades 0 to 5)", what,
                 id >= 1 ? gradings_name_text(g, id) : "all records", at,
                 was.len == 0 ? "none" : was.at, h->check >= CHECK_DAY ? "its hours" : "records",
                 is.len == 0 ? "none" : is.at);
}

static void count_rows(struct rebuild_hours *h, const PGresult *r)
{
    uint64_t *rollups = h->job->found.rollups;
    for (int i = 0; i < PQntuples(r); i++) {
        int32_t how = pg_cell_32(r, i, HOW);
        if (!h->job->verify && how >= 0 && how <= 2) {
            rollups[how]++;
        }
        if (h->job->found.text_count < REBUILD_TEXTS) {
            tell(h, r, i);
        }
    }
    for (int how = 0; h->job->verify && how < 3 && PQntuples(r) > 0; how++) {
        rollups[how] += (uint64_t)pg_cell_64(r, 0, COUNTS + how);
    }
}

static void put_rows(struct rebuild_hours *h, const PGresult *r)
{
    struct pg_params *p = &h->job->store->params;
    bool totals = h->check == CHECK_TOTAL_HOUR || h->check == CHECK_TOTAL_DAY;
    pg_params_begin(p);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, totals ? PG_TEXT : PG_BIGINT);
    if (totals) {
        pg_add_array(p, PG_TEXT);
    }
    int deltas = 1 + pg_add_array(p, PG_SMALLINT);
    for (int grade = 0; grade < 6; grade++) {
        pg_add_array(p, PG_BIGINT);
    }
    for (int i = 0; i < PQntuples(r); i++) {
        pg_put_time(p, 0, pg_cell_time(r, i, START));
        if (totals) {
            pg_put_bytes(p, 1, pg_cell_text(r, i, UNIT));
            pg_put_bytes(p, 2, pg_cell_text(r, i, TYPE));
        } else {
            pg_put_64(p, 1, pg_cell_64(r, i, SERIES));
        }
        pg_put_16(p, deltas - 1, pg_cell_16(r, i, GRADE));
        for (int grade = 0; grade < 6; grade++) {
            pg_put_64(p, deltas + grade, pg_cell_64(r, i, DELTAS + grade));
        }
    }
}

/* Adds the differences and removes what holds nothing then, in one transaction. */
static int put_right(struct rebuild_hours *h, const PGresult *r)
{
    static const enum sql_statement adds[CHECKS] = {[CHECK_HOUR] = SQL_REBUILD_HOUR_ADD,
                                                    [CHECK_TOTAL_HOUR] = SQL_REBUILD_TOTAL_ADD,
                                                    [CHECK_DAY] = SQL_REBUILD_DAY_ADD,
                                                    [CHECK_TOTAL_DAY] = SQL_REBUILD_TOTAL_ADD};
    static const enum sql_statement trims[CHECKS] = {[CHECK_HOUR] = SQL_REBUILD_HOUR_TRIM,
                                                     [CHECK_TOTAL_HOUR] = SQL_REBUILD_TOTAL_TRIM,
                                                     [CHECK_DAY] = SQL_REBUILD_DAY_TRIM,
                                                     [CHECK_TOTAL_DAY] = SQL_REBUILD_TOTAL_TRIM};
    struct store *s = h->job->store;
    seal_abandon(s->seal); /* it holds rows of these tables while it waits for its turn */
    put_rows(h, r);
    if (pg_do(&s->pg, "BEGIN") == -1 || pg_run(&s->pg, adds[h->check], &s->params) == -1) {
        return -1;
    }
    int64_t start = start_us(h);
    pg_params_begin(&s->params);
    pg_add_time(&s->params, h->check == CHECK_TOTAL_HOUR ? start / DAY_US * DAY_US : start);
    return pg_run(&s->pg, trims[h->check], &s->params) == -1 ? -1 : pg_commit(&s->pg);
}

static int list_hour(struct rebuild_hours *h)
{
    struct store *s = h->job->store;
    pg_params_begin(&s->params);
    pg_add_time(&s->params, start_us(h));
    return pg_run(&s->pg, SQL_HOUR_LIST, &s->params) == -1 ? -1 : rebuild_calendar(h->job);
}

static int take_unlisted(struct rebuild_hours *h, const PGresult *r)
{
    char at[WHEN_TEXT];
    if (PQntuples(r) != 1 || !pg_cell_bool(r, 0, 0)) {
        next_check(h);
        return 0;
    }
    if (!h->job->verify && list_hour(h) == -1) {
        return -1;
    }
    when_time_text(start_us(h), at);
    h->job->found.rollups[DIFFERENCE_MISSING]++;
    rebuild_tell(&h->job->found, "hour %s: holds records, but is not listed in measured_hour", at);
    next_check(h);
    return 0;
}

/* -1: the flushes' connection failed, and the same will be asked again. */
static int take_differences(struct rebuild_hours *h, const PGresult *r)
{
    bool repair = !h->job->verify && PQntuples(r) > 0;
    if (repair && put_right(h, r) == -1) {
        return -1;
    }
    count_rows(h, r);
    if (!repair || PQntuples(r) < MOST_ROWS) { /* else the same again: there may be more */
        next_check(h);
    }
    return 0;
}

static int take_answer(struct rebuild_hours *h)
{
    struct pollfd ready = {.fd = PQsocket(h->pg.conn), .events = POLLIN};
    PGresult *r;
    int rc = 0;
    (void)poll(&ready, 1, WAIT_MS);
    int answered = pg_answered(&h->pg);
    if (answered == -1) {
        fail(h, PQerrorMessage(h->pg.conn));
    }
    if (answered != 1) {
        return answered == 0 ? 2 : 0;
    }
    PGresult *rows = PQgetResult(h->pg.conn);
    while ((r = PQgetResult(h->pg.conn)) != NULL) {
        PQclear(r);
    }
    if (PQresultStatus(rows) != PGRES_TUPLES_OK) {
        fail(h, PQresultErrorMessage(rows));
    } else {
        h->failures = 0;
        rc = h->check == CHECK_UNLISTED ? take_unlisted(h, rows) : take_differences(h, rows);
        h->asked = false;
    }
    PQclear(rows);
    return rc;
}

const char *rebuild_hours_error(const struct rebuild_hours *h)
{
    return h->pg.message;
}

int rebuild_hours_step(struct rebuild_hours *h)
{
    if (h->day == h->day_count) {
        disconnect(h);
        return 1;
    }
    if (h->asked) {
        return take_answer(h);
    }
    if (h->failures == MOST_FAILURES) {
        return 3;
    }
    if (daemon_clock_us() < h->again_us) {
        return 2;
    }
    ask(h);
    return 0;
}
