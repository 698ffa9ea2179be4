/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records are read by pages and spans of time: a statement is planned for all days it may read. A
 * state is kept every so many records, and before the first record of a day (UTC): what retention
 * drops ends with a day, so the walk can go on from there.
 */
#include "stored/periods/steady_path.h"

#include <stdlib.h>

#include "common/grow.h"
#include "stored/db/sql_columns.h"
#include "stored/periods/late_heads.h"
#include "stored/periods/period_rows.h"

#define MARK_RECORDS 1000 /* a state is kept after as many */
#define PAGE         4096
#define FIRST_US     INT64_C(-62135596800000000) /* the year 1 */

/* ---- states that are kept ---- */

void steady_marks_release(struct steady_marks *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        pack_release(&m->at[i].state);
    }
    free(m->at);
    *m = (struct steady_marks){0};
}

int steady_marks_put(struct steady_marks *m, const struct steady_path *p,
                     const struct period_key *key, const struct steady *state)
{
    struct steady_mark *at = grow(m->at, m->count, &m->size, sizeof *at);
    if (at == NULL) {
        return -1;
    }
    m->at = at;
    at += m->count++;
    *at = (struct steady_mark){.series_id = p->series_id, .grade_id = p->grade_id, .key = *key};
    pack_init(&at->state);
    steady_encode(&at->state, state);
    return pack_ok(&at->state) ? 0 : -1;
}

static int mark(struct steady_path *p)
{
    p->unmarked = 0;
    p->marked = true;
    return p->marks == NULL ? 0 : steady_marks_put(p->marks, p, &p->through, &p->state);
}

int steady_marks_send(struct steady_marks *m, struct store *store)
{
    struct pg_params *params = &store->params;
    int rc = 0;
    if (m->count > 0) {
        period_rows_begin(params);
        int states = pg_add_array(params, PG_BYTEA);
        for (uint32_t i = 0; i < m->count; i++) {
            period_rows_put(params, m->at[i].series_id, m->at[i].grade_id, &m->at[i].key);
            pg_put_bytes(params, states, pack_bytes(&m->at[i].state));
        }
        rc = pg_run(&store->pg, SQL_STEADY_MARK, params);
    }
    steady_marks_release(m);
    return rc;
}

/* ---- where it begins ---- */

static struct period_key right_before(const struct period_key *key)
{
    return (struct period_key){key->t_us, key->end_us, key->key - 1};
}

static void ask(struct steady_path *p, const struct period_key *key)
{
    period_rows_alone(&p->store->params, p->series_id, p->grade_id, key);
}

/* 1: from a state that is kept; 0: there is none; -1. */
static int begin_kept(struct steady_path *p, const struct period_key *key)
{
    ask(p, key);
    PGresult *r = pg_rows(&p->store->pg, SQL_STEADY_ANCHOR, &p->store->params);
    if (r == NULL) {
        return -1;
    }
    int rc = PQntuples(r);
    if (rc == 1) {
        p->through = period_rows_key(r, 0, 0);
        p->marked = true;
        if (steady_decode(pg_cell_text(r, 0, 3), &p->state) == -1) {
            snprintf(p->store->pg.message, sizeof p->store->pg.message,
                     "a state of steady_walk cannot be read");
            rc = -1;
        }
    }
    PQclear(r);
    return rc;
}

/* The latest end of the periods before one, since the last gap before that; INT64_MIN: none. */
static int latest_before(struct steady_path *p, const struct period_key *start, int64_t *latest_us)
{
    ask(p, start);
    PGresult *r = pg_rows(&p->store->pg, SQL_STEADY_LATEST, &p->store->params);
    if (r == NULL) {
        return -1;
    }
    *latest_us = PQgetisnull(r, 0, 0) ? INT64_MIN : pg_cell_time(r, 0, 0);
    PQclear(r);
    return 0;
}

/* The last periods before a key, the latest first. */
struct plain_rows {
    struct period period[STEADY_ROWS + 1];
    uint32_t count;
    struct period_head head; /* of the first */
};

static int plain_before(struct steady_path *p, const struct period_key *key,
                        struct plain_rows *rows)
{
    ask(p, key);
    pg_add_32(&p->store->params, STEADY_ROWS + 1);
    PGresult *r = pg_rows(&p->store->pg, SQL_STEADY_BEFORE, &p->store->params);
    if (r == NULL) {
        return -1;
    }
    rows->head = (struct period_head){.sum = PERIOD_SUM_NONE};
    rows->count = (uint32_t)PQntuples(r);
    for (uint32_t i = 0; i < rows->count; i++) {
        rows->period[i] = period_rows_get(r, (int)i, 0);
    }
    if (rows->count > 0) {
        rows->head = period_rows_head(r, 0, PERIOD_WIDTH);
    }
    PQclear(r);
    return 0;
}

/* The state at the end of period[first], made of it and those before it since the last gap. */
static void take_plain(struct steady_path *p, const struct plain_rows *rows, uint32_t first,
                       int64_t latest_us)
{
    steady_of_periods(&p->state, rows->period + first, rows->count - first, latest_us);
}

static int begin_plain(struct steady_path *p, struct series *series, const struct period_key *key,
                       const struct period *plain_open)
{
    struct plain_rows rows;
    int64_t latest_us;
    p->state = (struct steady){0};
    if (plain_before(p, key, &rows) == -1) {
        return -1;
    }
    if (rows.count == 0) {
        p->through = (struct period_key){FIRST_US, 0, -1};
        return 0;
    }
    struct period *last = &rows.period[0];
    if (latest_before(p, &last->start, &latest_us) == -1) {
        return -1;
    }
    if (plain_open != NULL && period_key_compare(&plain_open->start, &last->start) == 0) {
        *last = *plain_open;
        take_plain(p, &rows, 0, latest_us);
        p->through = right_before(key);
        return 0;
    }
    if (series != NULL && head_extend(p->store, (struct period_pair){series, p->grade_id}, last,
                                      key, &rows.head) == -1) {
        return -1;
    }
    if (rows.head.sum.records > 0) {
        last->sum = rows.head.sum;
        take_plain(p, &rows, 0, latest_us);
        p->through = (struct period_key){rows.head.until_us, 0, -1};
    } else {
        if (rows.count > 1 && rows.period[1].ended != PERIOD_GAP) {
            take_plain(p, &rows, 1, latest_us);
        }
        p->through = right_before(&last->start);
    }
    return 0;
}

int steady_path_begin(struct steady_path *p, struct series *series, const struct period_key *key,
                      const struct period *plain_open)
{
    int rc = begin_kept(p, key);
    if (rc == 0) {
        rc = begin_plain(p, series, key, plain_open);
        if (rc == 0 && p->state.grade != 0) {
            rc = mark(p);
        }
    }
    p->began = p->through;
    return rc == -1 ? -1 : 0;
}

/* ---- along the records ---- */

static int32_t day_of(int64_t us)
{
    return (int32_t)(us / DAY_US - (us % DAY_US < 0));
}

int steady_path_step(struct steady_path *p, const struct period_record *record, uint16_t bits,
                     uint64_t version)
{
    const struct steady_record r = {
        .record = *record,
        .stands = (uint8_t)(bits & 31),
        .terms = gradings_terms(&p->store->gradings, version, STEADY_TERMS(bits))};
    if (p->state.grade != 0 && p->unmarked > 0 &&
        day_of(p->through.t_us) != day_of(record->key.t_us) && mark(p) == -1) {
        return -1;
    }
    if (steady_step(&p->state, &r, p->gap_us, &p->settled) == -1) {
        return -1;
    }
    p->through = record->key;
    /* Where no state is kept before, nothing but grades made what is stored: so one is at once. */
    return ++p->unmarked >= MARK_RECORDS || !p->marked ? mark(p) : 0;
}

static int take_row(struct steady_path *p, const PGresult *r, int row)
{
    const struct period_record record = {.key = period_rows_key(r, row, 0),
                                         .t_end_us = pg_cell_time(r, row, 1),
                                         .grade = (uint8_t)pg_cell_16(r, row, 3)};
    p->read++;
    return steady_path_step(p, &record, (uint16_t)pg_cell_32(r, row, 4),
                            (uint64_t)pg_cell_32(r, row, 5));
}

/* The next records that start before before_us; how many, or -1. */
static int read_page(struct steady_path *p, int64_t before_us, bool *stops)
{
    ask(p, &p->through);
    pg_add_32(&p->store->params, PAGE);
    pg_add_time(&p->store->params, before_us);
    PGresult *r = pg_rows(&p->store->pg, SQL_STEADY_RECORDS, &p->store->params);
    if (r == NULL) {
        return -1;
    }
    int count = PQntuples(r);
    for (int i = 0; i < count && !*stops; i++) {
        int rc = take_row(p, r, i) == -1 ? -1 : steady_behind_stops(p);
        if (rc == -1) {
            count = -1;
        }
        *stops = rc == 1;
    }
    PQclear(r);
    return count;
}

int steady_path_read(struct steady_path *p)
{
    const struct calendar_parts *parts = &p->store->calendar.parts;
    int64_t first_us = parts->count == 0 ? 0 : parts->at[0].day * DAY_US;
    if (p->through.t_us < first_us) {
        p->through = (struct period_key){first_us, 0, -1};
    }
    int64_t from_us = p->through.t_us, span_us = DAY_US;
    while (from_us <= p->last_us) {
        int64_t before_us = from_us > p->last_us - span_us ? p->last_us + 1 : from_us + span_us;
        bool stops = false;
        int count = read_page(p, before_us, &stops);
        if (count == -1 || stops) {
            return count == -1 ? -1 : 1;
        }
        from_us = count == PAGE ? p->through.t_us : before_us;
        span_us = count == 0 ? span_us * 8 : span_us;
        if (count != PAGE && before_us > p->last_us) {
            break;
        }
    }
    return 0;
}

int steady_path_mark(struct steady_path *p)
{
    return p->state.grade == 0 || p->unmarked == 0 ? 0 : mark(p);
}

int steady_path_rows(struct steady_path *p)
{
    for (uint32_t i = 0; i < p->state.row_count; i++) {
        struct steady_row *at = grow(p->settled.at, p->settled.count, &p->settled.size, sizeof *at);
        if (at == NULL) {
            return -1;
        }
        p->settled.at = at;
        at[p->settled.count++] = p->state.rows[i];
    }
    return 0;
}

int steady_stored_rows(struct steady_path *p, const struct period_key *from,
                       const struct period_key *until, bool completed, struct steady_rows *rows)
{
    static const struct period_key end = {STEADY_LAST_US, STEADY_LAST_US, INT64_MAX};
    ask(p, from);
    period_rows_add_key(&p->store->params, until == NULL ? &end : until);
    PGresult *r = pg_rows(&p->store->pg, completed ? SQL_STEADY_ROWS_NOW : SQL_STEADY_ROWS,
                          &p->store->params);
    if (r == NULL) {
        return -1;
    }
    rows->count = (uint32_t)PQntuples(r);
    rows->at = calloc(rows->count + (size_t)1, sizeof *rows->at);
    for (uint32_t i = 0; i < rows->count && rows->at != NULL; i++) {
        rows->at[i].period = period_rows_get(r, (int)i, 0);
        rows->at[i].from = (uint8_t)pg_cell_16(r, (int)i, PERIOD_WIDTH);
    }
    PQclear(r);
    return rows->at == NULL ? -1 : 0;
}

void steady_path_release(struct steady_path *p)
{
    free(p->settled.at);
    PQclear(p->behind.page);
    p->behind.page = NULL;
    p->settled = (struct steady_rows){0};
}
