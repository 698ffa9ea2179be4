/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roll-ups, hour by hour and day by day. Each is compared by one statement, which sees one
 * state of the database, on a connection of its own and without waiting. What differs is put right
 * by adding the difference, on the connection of the flushes: what they add meanwhile stays right.
 */
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/pg/task.h"
#include "common/when_time.h"
#include "stored/beside/rebuild_work.h"
#include "stored/beside/seal.h"
#include "stored/db/sql_columns.h"

#define WAIT_MS       5                /* for an answer, before others have their turn */
#define BACKOFF_US    INT64_C(2000000) /* after a failure of this connection */
#define MOST_FAILURES 30               /* in a row: about a minute */
#define MOST_ROWS     10000            /* put right at once; then the same is compared again */

/* What is compared, each by one step; the first three for each hour, the others for each day after
 * its hours. */
enum check { CHECK_UNLISTED, CHECK_HOUR, CHECK_TOTAL_HOUR, CHECK_DAY, CHECK_TOTAL_DAY };

struct rebuild_hours {
    struct rebuild_job *job;
    struct pg_task task;
    int32_t *days;
    uint32_t day_count, day; /* the one at hand */
    int32_t hour;            /* since 1970 */
    enum check check;
    int rc; /* of what was made of the last answer */
};

void rebuild_hours_end(struct rebuild_hours *h)
{
    pg_task_close(&h->task);
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
    pg_task_close(&h->task);
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
    h->task.again_us = 0;
    h->task.failures = 0;
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

/* ---- what is asked ---- */

/* Which types' records of the hour are all there, as the statements want it. */
static void add_kept_types(const struct rebuild_hours *h, struct pg_params *p)
{
    const struct retention *retention = &h->job->store->retention;
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

static void put_start(void *owner, struct pg_params *p)
{
    pg_add_time(p, start_us(owner));
}

static void put_start_and_most(void *owner, struct pg_params *p)
{
    const struct rebuild_hours *h = owner;
    put_start(owner, p);
    pg_add_32(p, h->job->verify ? REBUILD_TEXTS : MOST_ROWS);
}

static void put_all(void *owner, struct pg_params *p)
{
    put_start_and_most(owner, p);
    add_kept_types(owner, p);
}

/* ---- answers ---- */

static void tell(struct rebuild_hours *h, const PGresult *r, int row)
{
    const struct gradings *g = &h->job->store->gradings;
    char at[WHEN_TEXT], what[120];
    int16_t id = pg_cell_16(r, row, COMPARED_GRADE_NAME);
    struct slice unit = pg_cell_text(r, row, COMPARED_UNIT),
                 type = pg_cell_text(r, row, COMPARED_TYPE), is = pg_cell_text(r, row, COMPARED_IS),
                 was = pg_cell_text(r, row, COMPARED_WAS);
    when_time_text(pg_cell_time(r, row, COMPARED_START), at);
    if (h->check == CHECK_HOUR || h->check == CHECK_DAY) {
        snprintf(what, sizeof what, "%s of series %lld", h->check == CHECK_HOUR ? "hour" : "day",
                 (long long)pg_cell_64(r, row, COMPARED_SERIES));
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
        int32_t how = pg_cell_32(r, i, COMPARED_HOW);
        if (!h->job->verify && how >= 0 && how <= 2) {
            rollups[how]++;
        }
        if (h->job->found.text_count < REBUILD_TEXTS) {
            tell(h, r, i);
        }
    }
    for (int how = 0; h->job->verify && how < 3 && PQntuples(r) > 0; how++) {
        rollups[how] += (uint64_t)pg_cell_64(r, 0, COMPARED_COUNTS + how);
    }
}

static void put_rows(struct rebuild_hours *h, const PGresult *r)
{
    struct pg_params *p = &h->job->store->params;
    bool totals = h->check == CHECK_TOTAL_HOUR || h->check == CHECK_TOTAL_DAY;
    pg_params_begin(p);
    pg_add_array(p, PG_TIMESTAMPTZ);
    int unit = totals || h->check == CHECK_HOUR ? pg_add_array(p, PG_TEXT) : 0;
    int of = pg_add_array(p, totals ? PG_TEXT : PG_BIGINT);
    int deltas = 1 + pg_add_array(p, PG_SMALLINT);
    for (int grade = 0; grade < 6; grade++) {
        pg_add_array(p, PG_BIGINT);
    }
    for (int i = 0; i < PQntuples(r); i++) {
        pg_put_time(p, 0, pg_cell_time(r, i, COMPARED_START));
        if (unit > 0) {
            pg_put_bytes(p, unit, pg_cell_text(r, i, COMPARED_UNIT));
        }
        if (totals) {
            pg_put_bytes(p, of, pg_cell_text(r, i, COMPARED_TYPE));
        } else {
            pg_put_64(p, of, pg_cell_64(r, i, COMPARED_SERIES));
        }
        pg_put_16(p, deltas - 1, pg_cell_16(r, i, COMPARED_GRADE_NAME));
        for (int grade = 0; grade < 6; grade++) {
            pg_put_64(p, deltas + grade, pg_cell_64(r, i, COMPARED_DELTAS + grade));
        }
    }
}

/* Whether an hour is in its day is to be known where it is added to. */
static int settle_sealing(struct store *s)
{
    return s->calendar.sealing_hours == 0 ? 0 : calendar_settle(&s->calendar, &s->pg, &s->params);
}

/* Adds the differences and removes what holds nothing then, in one transaction. */
static int put_right(struct rebuild_hours *h, const PGresult *r)
{
    static const enum sql_statement adds[] = {[CHECK_HOUR] = SQL_REBUILD_HOUR_ADD,
                                              [CHECK_TOTAL_HOUR] = SQL_REBUILD_TOTAL_ADD,
                                              [CHECK_DAY] = SQL_REBUILD_DAY_ADD,
                                              [CHECK_TOTAL_DAY] = SQL_REBUILD_TOTAL_ADD};
    static const enum sql_statement trims[] = {[CHECK_HOUR] = SQL_REBUILD_HOUR_TRIM,
                                               [CHECK_TOTAL_HOUR] = SQL_REBUILD_TOTAL_TRIM,
                                               [CHECK_DAY] = SQL_REBUILD_DAY_TRIM,
                                               [CHECK_TOTAL_DAY] = SQL_REBUILD_TOTAL_TRIM};
    struct store *s = h->job->store;
    seal_abandon(s->seal); /* it holds rows of these tables while it waits for its turn */
    if (pg_do(&s->pg, "BEGIN") == -1 || settle_sealing(s) == -1) {
        return -1;
    }
    put_rows(h, r);
    if (pg_run(&s->pg, adds[h->check], &s->params) == -1) {
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

static int compared_list(void *owner, const PGresult *r, int64_t clock_us)
{
    struct rebuild_hours *h = owner;
    (void)clock_us;
    h->rc = take_unlisted(h, r);
    return PG_OVER;
}

static int compared(void *owner, const PGresult *r, int64_t clock_us)
{
    struct rebuild_hours *h = owner;
    (void)clock_us;
    h->rc = take_differences(h, r);
    return PG_OVER;
}

#define STEP(check, text, put_all_of_it, take)                                                     \
    [CHECK_##check] = {.name = text,                                                               \
                       .statement = SQL_REBUILD_##check,                                           \
                       .put = put_all_of_it,                                                       \
                       .answer = PG_ANSWER_ROWS,                                                   \
                       .done = take}

static const struct pg_step steps[] = {
    STEP(UNLISTED, "unlisted", put_start, compared_list),
    STEP(HOUR, "hour", put_all, compared),
    STEP(TOTAL_HOUR, "total_hour", put_all, compared),
    STEP(DAY, "day", put_start_and_most, compared),
    STEP(TOTAL_DAY, "total_day", put_start_and_most, compared),
};

static void failed(void *owner, const char *step, int64_t clock_us)
{
    const struct rebuild_hours *h = owner;
    (void)clock_us;
    if (h->task.failures == 1) {
        log_error("rebuild.hours", "check=%s sqlstate=%s error=\"%.200s\"", step,
                  h->task.pg.sqlstate, h->task.pg.message);
    }
    count_add(COUNT_DATABASE_ERRORS, 1);
}

static const struct pg_task_kind kind = {
    .application = "ezrepo-stored-rebuild", .backoff_us = BACKOFF_US, .failed = failed};

/* ---- from hour to hour ---- */

struct rebuild_hours *rebuild_hours_new(struct rebuild_job *job)
{
    struct rebuild_hours *h = calloc(1, sizeof *h);
    if (h != NULL) {
        h->job = job;
        pg_task_init(&h->task, &kind, &sql_statements, job->store->settings->database,
                     &job->store->params, h);
    }
    return h;
}

const char *rebuild_hours_error(const struct rebuild_hours *h)
{
    return h->task.pg.message;
}

/* -1: the flushes' connection failed while a difference was put right. */
static int take_answer(struct rebuild_hours *h)
{
    h->rc = 0;
    pg_task_await(&h->task, WAIT_MS);
    bool over = pg_task_go_on(&h->task, daemon_clock_us());
    return over ? h->rc : pg_task_is_under_way(&h->task) ? 2 : 0;
}

int rebuild_hours_step(struct rebuild_hours *h)
{
    if (h->day == h->day_count) {
        pg_task_close(&h->task);
        return 1;
    }
    if (pg_task_is_under_way(&h->task)) {
        return take_answer(h);
    }
    if (h->task.failures == MOST_FAILURES) {
        return 3;
    }
    if (!pg_task_is_ready(&h->task, daemon_clock_us())) {
        return 2;
    }
    pg_task_begin(&h->task, steps, (int)h->check, daemon_clock_us());
    return 0;
}
