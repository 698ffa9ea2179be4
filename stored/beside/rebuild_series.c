/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods and events of one series after the other, window by window of its records. What differs
 * is written at the series' end, in one transaction, with the last window read just before; a
 * record that comes late in between makes the series begin anew, after a pause that grows each
 * time. Where they never cease the series is left out, and that is told.
 */
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/when_time.h"
#include "stored/beside/rebuild_steady.h"
#include "stored/beside/rebuild_work.h"
#include "stored/db/sql_columns.h"
#include "stored/periods/open_periods.h"
#include "stored/periods/period_rows.h"
#include "stored/periods/period_writes.h"

/* Differences kept of a series; more are written in parts, and the series is read again. */
#define MOST_CHANGES  20000
#define SERIES_PAGE   64
#define WINDOW        4096            /* records */
#define MOST_TRIES    20              /* of one series */
#define PAUSE_US      INT64_C(200000) /* before the second try; before the third twice as long */
#define FIRST_SPAN_US (2 * DAY_US)
#define FIRST_US      INT64_C(-62135596800000000) /* the year 1 */
#define LAST_US       INT64_C(253402300799999999) /* the end of the year 9999 */
#define BEHIND_ALL    ((struct period_key){LAST_US, LAST_US, INT64_MAX})

struct rebuild_series {
    struct rebuild_job *job;
    int64_t last_id;            /* of those that are looked at */
    int64_t id;                 /* of the series at hand, or of the one before it */
    PGresult *page;             /* of series; id and six texts */
    int next;                   /* row of the page */
    struct record_message dims; /* of the series at hand; only the dimensions count */
    int64_t horizon_us; /* of its type: what begins before lacks dropped records and is believed */
    int64_t span_us;    /* of time the next window reads at most */
    bool under_way;
    bool once_more;        /* some of it was written before all of it was read */
    uint32_t tries;        /* that late records made vain */
    int64_t again_us;      /* of a steady clock: not before is it tried again */
    struct period_key at;  /* all records up to it were looked at */
    struct compare *pairs; /* by grade_id - 1 */
    uint16_t pair_count;
    struct differences differences;
    struct rebuild_found before; /* as it was when the series began */
    struct period_writes *writes;
    struct rebuild_steady steady;
    int64_t from_us; /* what begins before is believed */
    /* the window */
    struct period_record *records; /* grade not set */
    uint8_t *grades;               /* pair_count for each record */
    struct period_record *graded;  /* those of one grade name */
    uint32_t count;
    bool last;
};

struct rebuild_series *rebuild_series_new(struct rebuild_job *job)
{
    struct rebuild_series *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->job = job;
    s->writes = period_writes_new();
    s->records = calloc(WINDOW, sizeof *s->records);
    s->graded = calloc(WINDOW, sizeof *s->graded);
    if (s->writes == NULL || s->records == NULL || s->graded == NULL) {
        rebuild_series_free(&s);
    }
    return s;
}

void rebuild_series_free(struct rebuild_series **s)
{
    if (*s != NULL) {
        PQclear((*s)->page);
        free((*s)->pairs);
        free((*s)->grades);
        free((*s)->records);
        free((*s)->graded);
        differences_release(&(*s)->differences);
        period_writes_free(&(*s)->writes);
        rebuild_steady_release(&(*s)->steady);
        free(*s);
        *s = NULL;
    }
}

/* ---- which series ---- */

int rebuild_series_begin(struct rebuild_series *s)
{
    PGresult *r = rebuild_calendar(s->job) == -1
                      ? NULL
                      : pg_rows(&s->job->store->pg, SQL_REBUILD_EXTENT, NULL);
    if (r == NULL) {
        return -1;
    }
    s->last_id = pg_cell_64(r, 0, 0);
    s->job->found.series_all = (uint64_t)pg_cell_64(r, 0, 1);
    PQclear(r);
    PQclear(s->page);
    s->page = NULL;
    s->id = INT64_MIN;
    s->under_way = s->once_more = false;
    s->tries = 0;
    s->again_us = 0;
    return 0;
}

/* The series at hand is row `next` of the page. 1 when there is none any more; 0; -1. */
static int find_series(struct rebuild_series *s)
{
    struct store *store = s->job->store;
    if (s->page == NULL || s->next == PQntuples(s->page)) {
        PQclear(s->page);
        pg_params_begin(&store->params);
        pg_add_64(&store->params, s->id);
        pg_add_64(&store->params, s->last_id);
        pg_add_32(&store->params, SERIES_PAGE);
        if (s->job->again) {
            pg_add_32(&store->params, s->job->meanwhile);
        }
        s->page = pg_rows(&store->pg, s->job->again ? SQL_AGAIN_SERIES : SQL_REBUILD_SERIES,
                          &store->params);
        s->next = 0;
        if (s->page == NULL) {
            return -1;
        }
    }
    if (s->next == PQntuples(s->page)) {
        return 1;
    }
    s->id = pg_cell_64(s->page, s->next, 0);
#define READ(x, name, Name, addresses, help)                                                       \
    s->dims.name = pg_cell_text(s->page, s->next, DIMENSION_##name + 1);
    DIMENSIONS(READ, )
#undef READ
    return 0;
}

/* ---- where a series begins ---- */

static void add_grade_ids(struct rebuild_series *s)
{
    struct pg_params *p = &s->job->store->params;
    int column = pg_add_array(p, PG_SMALLINT);
    for (uint16_t i = 0; i < s->pair_count; i++) {
        pg_put_16(p, column, (int16_t)s->pairs[i].grade_id);
    }
}

static struct compare *pair_of(struct rebuild_series *s, int16_t grade_id)
{
    return grade_id >= 1 && grade_id <= s->pair_count ? &s->pairs[grade_id - 1] : NULL;
}

/* What is stored around the time from which a series is looked at, as SQL_REBUILD_STARTS gives it.
 */
struct starts {
    struct period last[2];   /* the last two periods that start before, the later one first */
    struct period_head head; /* what is known of the dropped records of the first */
    struct period next;      /* the first one that does not start before */
};

static void take_start(struct starts *s, const PGresult *r, int row)
{
    int32_t which = pg_cell_32(r, row, STARTS_WHICH);
    struct period p = period_rows_get(r, row, STARTS_PERIOD);
    if (which == 0) {
        s->head = period_rows_head(r, row, STARTS_DROPPED);
    }
    *(which == 0 || which == 1 ? &s->last[which] : &s->next) = p;
}

/*
 * Where to begin with one grade name. From the start of the period that is under way then; where
 * some of its records were dropped, behind these, with what is known of them. When nothing is, it
 * is believed, and so is all up to the next one.
 */
static void begin_pair(struct compare *c, const struct starts *s, int64_t horizon_us)
{
    const struct period *last = &s->last[0];
    if (last->grade == 0) {
        return;
    }
    c->before = s->last[1];
    if (s->head.sum.records > 0) {
        c->now = *last;
        c->now.ended = PERIOD_OPEN;
        c->now.sum = s->head.sum;
        c->from = (struct period_key){s->head.until_us, 0, -1};
    } else if (last->start.t_us >= horizon_us) {
        c->from = last->start;
    } else {
        c->before = *last;
        if (s->next.grade != 0) {
            c->from = s->next.start;
        } else if (last->ended == PERIOD_OPEN) {
            c->from = BEHIND_ALL;
        }
    }
}

static int find_starts(struct rebuild_series *s, int64_t from_us)
{
    struct store *store = s->job->store;
    pg_params_begin(&store->params);
    pg_add_64(&store->params, s->id);
    add_grade_ids(s);
    pg_add_time(&store->params, from_us);
    PGresult *r = pg_rows(&store->pg, SQL_REBUILD_STARTS, &store->params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r);) {
        struct starts starts = {.head = {.sum = PERIOD_SUM_NONE}};
        int16_t id = pg_cell_16(r, i, STARTS_GRADE_NAME);
        struct compare *c = pair_of(s, id);
        for (; i < PQntuples(r) && pg_cell_16(r, i, STARTS_GRADE_NAME) == id; i++) {
            take_start(&starts, r, i);
        }
        if (c != NULL) {
            begin_pair(c, &starts, s->horizon_us);
        }
    }
    PQclear(r);
    return 0;
}

static int begin_series(struct rebuild_series *s)
{
    struct rebuild_job *job = s->job;
    uint16_t count = job->store->gradings.name_count;
    int64_t gap_us = gaps_of(&job->store->gaps, s->dims.type);
    if (count != s->pair_count || s->pairs == NULL) {
        free(s->pairs);
        free(s->grades);
        s->pairs = calloc(count == 0 ? 1 : count, sizeof *s->pairs);
        s->grades = calloc(count == 0 ? 1 : count, WINDOW);
        s->pair_count = s->pairs == NULL || s->grades == NULL ? 0 : count;
        if (s->pairs == NULL || s->grades == NULL) {
            return -1;
        }
    }
    int64_t from_us = job->since_us < FIRST_US ? FIRST_US : job->since_us;
    const struct retention *retention = &job->store->retention;
    s->horizon_us = retention_horizon_us(retention, retention_of_type(retention, s->dims.type));
    from_us = from_us < s->horizon_us ? s->horizon_us : from_us;
    s->span_us = FIRST_SPAN_US;
    for (uint16_t i = 0; i < count; i++) {
        s->pairs[i] = (struct compare){
            .grade_id = (uint16_t)(i + 1), .gap_us = gap_us, .from = {from_us, 0, -1}};
    }
    s->from_us = from_us;
    rebuild_steady_release(&s->steady);
    if (rebuild_steady_find(job->store, s->id, s->pairs, count) == -1 ||
        (from_us > FIRST_US && find_starts(s, from_us) == -1)) {
        return -1;
    }
    s->at = (struct period_key){from_us, 0, -1};
    for (uint16_t i = 0; i < count; i++) {
        if (period_key_compare(&s->pairs[i].from, &s->at) < 0) {
            s->at = s->pairs[i].from;
        }
    }
    s->at.key--; /* what was looked at ends right before it */
    s->differences.count = 0;
    s->before = job->found;
    s->under_way = true;
    return 0;
}

/* ---- a window ---- */

/* The grades of a record, from a binary array of smallints, into `to`; 0 where there is none. */
static void read_grades(struct slice array, uint8_t *to, uint16_t count)
{
    memset(to, 0, count);
    if (array.len < 20 || bytes_get_32(array.at) != 1) {
        return;
    }
    uint32_t elements = bytes_get_32(array.at + 12);
    size_t at = 20;
    for (uint32_t i = 0; i < elements && i < count && at + 4 <= array.len; i++) {
        bool null = bytes_get_32(array.at + at) == UINT32_MAX;
        at += 4;
        if (!null && at + 2 <= array.len) {
            to[i] = (uint8_t)array.at[at + 1]; /* 0 to 5: the low byte */
            at += 2;
        }
    }
}

/*
 * The next records of at most span_us of time: a statement is planned for all days it may read. Few
 * records make the next window longer.
 */
static PGresult *ask_records(struct rebuild_series *s)
{
    struct store *store = s->job->store;
    const struct calendar_parts *parts = &store->calendar.parts;
    int64_t first_us = parts->count == 0 ? 0 : parts->at[0].day * DAY_US;
    int64_t end_us = (calendar_last_day(&store->calendar) + 1) * DAY_US;
    int64_t from_us = s->at.t_us > first_us ? s->at.t_us : first_us;
    int64_t before_us = from_us < end_us - s->span_us ? from_us + s->span_us : LAST_US;
    pg_params_begin(&store->params);
    pg_add_64(&store->params, s->id);
    period_rows_add_key(&store->params, &s->at);
    pg_add_32(&store->params, WINDOW);
    pg_add_time(&store->params, before_us);
    PGresult *r = pg_rows(&store->pg, SQL_REBUILD_RECORDS, &store->params);
    if (r != NULL) {
        s->count = (uint32_t)PQntuples(r);
        s->last = s->count < WINDOW && before_us == LAST_US;
        s->span_us *= s->count < WINDOW / 2 ? 2 : 1;
    }
    return r;
}

static int read_records(struct rebuild_series *s)
{
    PGresult *r;
    do {
        r = ask_records(s);
        if (r == NULL) {
            return -1;
        }
        if (s->count > 0 || s->last) {
            break;
        }
        PQclear(r);
    } while (true);
    for (uint32_t i = 0; i < s->count; i++) {
        int row = (int)i;
        s->records[i] = (struct period_record){.key = period_rows_key(r, row, 0),
                                               .t_end_us = pg_cell_time(r, row, 1)};
        read_grades(pg_cell_text(r, row, 3), s->grades + (size_t)i * s->pair_count, s->pair_count);
    }
    PQclear(r);
    return 0;
}

/* What of the pairs is stored behind `at` and up to `end`, in order of grade name and key. */
static PGresult *ask_stored(struct rebuild_series *s, enum sql_statement statement,
                            const struct period_key *end)
{
    struct pg_params *p = &s->job->store->params;
    pg_params_begin(p);
    pg_add_64(p, s->id);
    add_grade_ids(s);
    period_rows_add_key(p, &s->at);
    period_rows_add_key(p, end);
    if (statement == SQL_REBUILD_PERIODS) { /* and the twins of those at hand */
        int ids = pg_add_array(p, PG_SMALLINT), times = pg_add_array(p, PG_TIMESTAMPTZ),
            ends = pg_add_array(p, PG_TIMESTAMPTZ), keys = pg_add_array(p, PG_BIGINT);
        for (uint16_t i = 0; i < s->pair_count; i++) {
            if (s->pairs[i].now.grade != 0) {
                pg_put_16(p, ids, (int16_t)s->pairs[i].grade_id);
                pg_put_time(p, times, s->pairs[i].now.start.t_us);
                pg_put_time(p, ends, s->pairs[i].now.start.end_us);
                pg_put_64(p, keys, s->pairs[i].now.start.key);
            }
        }
    }
    return pg_rows(&s->job->store->pg, statement, p);
}

/* All rows of SQL_REBUILD_PERIODS, open ones completed. 0, or -1: memory, the database. */
static int read_periods(struct rebuild_series *s, const PGresult *r, struct period *to)
{
    struct store *store = s->job->store;
    uint32_t count = 0;
    struct open_period *open = calloc((size_t)PQntuples(r) + 1, sizeof *open);
    if (open == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        to[i] = period_rows_get(r, i, PERIODS_PERIOD);
        if (to[i].ended == PERIOD_OPEN) {
            open[count++] =
                (struct open_period){s->id, (uint16_t)pg_cell_16(r, i, PERIODS_GRADE_NAME),
                                     period_rows_key(r, i, PERIODS_THROUGH), &to[i]};
        }
    }
    int rc = open_periods_complete(open, count, &store->calendar, &store->pg, &store->params);
    free(open);
    return rc;
}

/* How many rows from row *next of the result on are of this grade name; *next moves behind them. */
static uint32_t count_of(const PGresult *r, int *next, uint16_t grade_id)
{
    uint32_t count = 0;
    for (; *next < PQntuples(r) && pg_cell_16(r, *next, PERIODS_GRADE_NAME) == (int16_t)grade_id;
         ++*next) {
        count++;
    }
    return count;
}

/* Rows of one grade name, from row *next of the result on; how many. */
static uint32_t take_events(const PGresult *r, int *next, uint16_t grade_id,
                            struct period_event *to)
{
    uint32_t count = 0;
    for (; *next < PQntuples(r) && pg_cell_16(r, *next, EVENTS_GRADE_NAME) == (int16_t)grade_id;
         ++*next) {
        int i = *next;
        to[count++] = (struct period_event){.at = period_rows_key(r, i, EVENTS_AT),
                                            .from = (uint8_t)pg_cell_16(r, i, EVENTS_FROM),
                                            .to = (uint8_t)pg_cell_16(r, i, EVENTS_TO),
                                            .flap = pg_cell_bool(r, i, EVENTS_FLAP)};
    }
    return count;
}

static uint32_t take_records(struct rebuild_series *s, uint16_t pair)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        uint8_t grade = s->grades[(size_t)i * s->pair_count + pair];
        if (grade != 0) {
            s->graded[count] = s->records[i];
            s->graded[count++].grade = grade;
        }
    }
    return count;
}

static int compare_pairs(struct rebuild_series *s, const PGresult *periods, const PGresult *events)
{
    int next_period = 0, next_event = 0, rc = 0;
    struct period *stored = calloc((size_t)PQntuples(periods) + 1, sizeof *stored);
    struct period_event *told = calloc((size_t)PQntuples(events) + 1, sizeof *told);
    rc = stored == NULL || told == NULL ? -1 : read_periods(s, periods, stored);
    for (uint16_t i = 0; i < s->pair_count && rc == 0; i++) {
        struct compare *c = &s->pairs[i];
        struct compare_window window = {.records = s->graded,
                                        .stored = stored + next_period,
                                        .events = told,
                                        .record_count = take_records(s, i),
                                        .last = s->last};
        window.stored_count = count_of(periods, &next_period, c->grade_id);
        window.event_count = take_events(events, &next_event, c->grade_id, told);
        rc = c->steady ? 0 : compare_window(c, &window, &s->differences);
    }
    free(stored);
    free(told);
    return rc;
}

/* All of their records at once, at the series' end. */
static int look_at_steady(struct rebuild_series *s)
{
    int rc = 0;
    for (uint16_t i = 0; i < s->pair_count && rc == 0; i++) {
        if (s->pairs[i].steady) {
            rc = rebuild_steady_look(&s->steady, s->job->store, s->id, &s->pairs[i], s->from_us,
                                     s->at.t_us, &s->differences);
        }
    }
    return rc;
}

static int look_at_window(struct rebuild_series *s)
{
    if (read_records(s) == -1) {
        return -1;
    }
    struct period_key end = BEHIND_ALL;
    if (!s->last) {
        end = s->records[s->count - 1].key;
    }
    PGresult *periods = ask_stored(s, SQL_REBUILD_PERIODS, &end);
    PGresult *events = periods == NULL ? NULL : ask_stored(s, SQL_REBUILD_EVENTS, &end);
    int rc = events == NULL ? -1 : compare_pairs(s, periods, events);
    PQclear(periods);
    PQclear(events);
    if (s->count > 0) {
        s->at = s->records[s->count - 1].key;
    }
    s->job->found.records += s->count;
    return rc == 0 && s->last ? look_at_steady(s) : rc;
}

/* ---- what differs ---- */

static void period_text(const struct period *p, char *text, size_t size)
{
    static const char *const ended[] = {"not ended", "ended by gap", "ended by grade",
                                        "ended by steadiness"};
    char sum[80];
    if (p->grade == 0) {
        snprintf(text, size, "none");
        return;
    }
    period_rows_say(&p->sum, sum, sizeof sum);
    snprintf(text, size, "grade %u%s %s, %s", p->grade, p->flap ? " (flapping)" : "", sum,
             ended[p->ended]);
}

static void event_text(const struct period_event *e, char *text, size_t size)
{
    if (e->to == 0) {
        snprintf(text, size, "none");
    } else if (e->from == 0) {
        snprintf(text, size, "null to %u", e->to);
    } else {
        snprintf(text, size, "%u to %u", e->from, e->to);
    }
}

static void tell(struct rebuild_series *s, const struct difference *d)
{
    char is[120], was[120], at[WHEN_TEXT];
    const struct period_key *key;
    bool surplus = d->how == DIFFERENCE_SURPLUS;
    if (d->of_event) {
        key = surplus ? &d->event.was.at : &d->event.is.at;
        event_text(&d->event.is, is, sizeof is);
        event_text(&d->event.was, was, sizeof was);
    } else {
        key = surplus ? &d->period.was.start : &d->period.is.start;
        period_text(&d->period.is, is, sizeof is);
        period_text(&d->period.was, was, sizeof was);
    }
    when_time_text(key->t_us, at);
    rebuild_tell(&s->job->found, "%s of series %lld, %.60s, at %s: stored %s; records say %s",
                 d->of_event ? "event" : "period", (long long)s->id,
                 gradings_name_text(&s->job->store->gradings, d->grade_id), at, was, is);
}

static void count_differences(struct rebuild_series *s)
{
    struct rebuild_found *f = &s->job->found;
    for (uint32_t i = 0; i < s->differences.count; i++) {
        const struct difference *d = &s->differences.at[i];
        ++*(d->of_event ? &f->events[d->how] : &f->periods[d->how]);
        if (f->text_count < REBUILD_TEXTS) {
            tell(s, d);
        }
    }
    s->differences.count = 0;
}

static int gather(struct period_writes *w, struct period_pair pair, const struct difference *d)
{
    if (d->of_event) {
        if (d->how != DIFFERENCE_MISSING &&
            period_writes_retract(w, pair, &d->event.was.at) == -1) {
            return -1;
        }
        return d->how == DIFFERENCE_SURPLUS ? 0 : period_writes_tell(w, pair, true, &d->event.is);
    }
    return d->how == DIFFERENCE_SURPLUS ? period_writes_remove(w, pair, &d->period.was.start)
                                        : period_writes_put(w, pair, true, &d->period.is);
}

/*
 * In one transaction; then what is remembered of the series is forgotten and read again. The open
 * periods hold through the last record read, and no later one is there.
 */
static int write_differences(struct rebuild_series *s)
{
    struct store *store = s->job->store;
    struct series written = {.id = s->id, .greatest = s->at};
    period_writes_clear(s->writes);
    for (uint32_t i = 0; i < s->differences.count; i++) {
        const struct difference *d = &s->differences.at[i];
        if (gather(s->writes, (struct period_pair){&written, d->grade_id}, d) == -1) {
            return -1;
        }
    }
    if (pg_do(&store->pg, "BEGIN") == -1 || period_writes_send(s->writes, store) == -1 ||
        rebuild_steady_write(&s->steady, store, s->id) == -1 || pg_commit(&store->pg) == -1) {
        return -1;
    }
    series_drop(&store->series, &s->dims);
    count_add(COUNT_EVENTS_RETRACTED, s->writes->counts.retracted);
    count_differences(s);
    return 0;
}

/* ---- the steps ---- */

static void go_to_next(struct rebuild_series *s)
{
    s->next++;
    s->once_more = false;
    s->tries = 0;
    s->again_us = 0;
}

static int strike_off(struct rebuild_series *s)
{
    struct store *store = s->job->store;
    pg_params_begin(&store->params);
    pg_add_64(&store->params, s->id);
    return pg_run(&store->pg, SQL_AGAIN_DONE, &store->params);
}

static int end_series(struct rebuild_series *s)
{
    s->under_way = false;
    if (s->once_more) {
        s->once_more = false; /* the same again: what was written in parts may have changed since */
        return 0;
    }
    if (s->job->again && strike_off(s) == -1) {
        return -1;
    }
    go_to_next(s);
    s->job->found.series++;
    return 0;
}

static int look_at_series(struct rebuild_series *s)
{
    if ((!s->under_way && begin_series(s) == -1) || look_at_window(s) == -1) {
        return -1;
    }
    if (s->job->verify) {
        count_differences(s);
    } else if (s->differences.count > 0 && (s->last || s->differences.count > MOST_CHANGES)) {
        if (write_differences(s) == -1) {
            return -1;
        }
        s->once_more = s->once_more || !s->last;
        s->before = s->job->found;
    }
    return s->last ? end_series(s) : 0;
}

/* From its beginning, and as if nothing had been found in it. */
static void begin_anew(struct rebuild_series *s)
{
    if (s->under_way) {
        s->job->found = s->before;
    }
    s->under_way = false;
    s->differences.count = 0;
}

int rebuild_series_step(struct rebuild_series *s)
{
    if (daemon_clock_us() < s->again_us) {
        return 2;
    }
    int rc = s->under_way ? 0 : find_series(s);
    if (rc == 0) {
        rc = look_at_series(s);
    }
    if (rc == -1) {
        begin_anew(s);
    }
    return rc;
}

void rebuild_series_notice(struct rebuild_series *s, const struct series *series,
                           const struct period_key *key)
{
    static struct log_limit said;
    if (!s->under_way || series->id != s->id || period_key_compare(key, &s->at) > 0) {
        return;
    }
    begin_anew(s);
    if (++s->tries < MOST_TRIES) {
        s->again_us = daemon_clock_us() + s->tries * PAUSE_US;
        return;
    }
    if (log_allowed(&said, 10)) {
        log_warn("rebuild.left_out", "series=%lld tries=%u", (long long)s->id, s->tries);
    }
    rebuild_tell(&s->job->found, "series %lld: left out, since late records kept coming into it",
                 (long long)s->id);
    s->job->found.left_out++;
    go_to_next(s);
}
