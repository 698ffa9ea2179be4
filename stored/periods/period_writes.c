/* SPDX-License-Identifier: Apache-2.0 */
/* Periods and events to the database: one statement for each kind of change. */
#include "stored/periods/period_writes.h"

#include <stdlib.h>

#include "common/grow.h"
#include "stored/periods/period_rows.h"

#define APPEND(list, ...)                                                                          \
    do {                                                                                           \
        __typeof__((list)->at) at = grow((list)->at, (list)->count, &(list)->size, sizeof *at);    \
        if (at == NULL) {                                                                          \
            return -1;                                                                             \
        }                                                                                          \
        (list)->at = at;                                                                           \
        at[(list)->count++] = (__typeof__(*at)){__VA_ARGS__};                                      \
        return 0;                                                                                  \
    } while (0)

int period_writes_put(struct period_writes *w, struct period_pair pair, bool repaired,
                      const struct period *period)
{
    APPEND(&w->put, .pair = pair, .repaired = repaired, .period = *period);
}

int period_writes_tell(struct period_writes *w, struct period_pair pair, bool repaired,
                       const struct period_event *event)
{
    APPEND(&w->told, .pair = pair, .repaired = repaired, .event = *event);
}

int period_writes_remove(struct period_writes *w, struct period_pair pair,
                         const struct period_key *key)
{
    APPEND(&w->removed, .pair = pair, .key = *key);
}

int period_writes_retract(struct period_writes *w, struct period_pair pair,
                          const struct period_key *key)
{
    APPEND(&w->retracted, .pair = pair, .key = *key);
}

int period_writes_dirty(struct period_writes *w, struct period_pair pair)
{
    APPEND(&w->dirty, .series = pair.series, .grade_id = pair.grade_id);
}

int period_writes_late(struct period_writes *w, struct period_pair pair,
                       const struct period_record *record)
{
    APPEND(&w->late, .pair = pair, .record = *record);
}

int period_writes_steady(struct period_writes *w, const struct steady_item *item)
{
    APPEND(&w->steady, .pair = item->pair, .record = item->record, .bits = item->bits,
           .version = item->version, .in_order = item->in_order);
}

#define WRITE_RECORDS 1000 /* an open period's row is written again after as many */

bool period_writes_due(const struct series_grade *g, uint64_t records,
                       const struct period_key *first)
{
    return first == NULL || period_key_compare(first, &g->through) <= 0 || records < g->written ||
           records - g->written >= WRITE_RECORDS;
}

struct period_writes *period_writes_new(void)
{
    return calloc(1, sizeof(struct period_writes));
}

void period_writes_clear(struct period_writes *w)
{
    w->put.count = w->told.count = w->removed.count = 0;
    w->retracted.count = w->dirty.count = w->late.count = 0;
    w->steady.count = 0;
    steady_marks_release(&w->marks);
    w->counts = (struct period_counts){0};
}

void period_writes_free(struct period_writes **w)
{
    if (*w != NULL) {
        free((*w)->put.at);
        free((*w)->told.at);
        free((*w)->removed.at);
        free((*w)->retracted.at);
        free((*w)->dirty.at);
        free((*w)->late.at);
        free((*w)->steady.at);
        steady_marks_release(&(*w)->marks);
        free(*w);
        *w = NULL;
    }
}

/*
 * What records in order make of the open period is void once a late one made that be computed again
 * to its end.
 */
static bool void_by_now(const struct period_pair *pair, bool repaired)
{
    if (repaired || !pair->series->again) {
        return false;
    }
    const struct series_grade *g = series_grade_find(pair->series, pair->grade_id);
    return g != NULL && g->again;
}

/* ---- columns ---- */

static void put_key(struct pg_params *p, const struct period_pair *pair,
                    const struct period_key *key)
{
    period_rows_put(p, pair->series->id, pair->grade_id, key);
}

/* Where a period's sum begins, behind its key and what else there is of it. */
#define SUM_AT (PERIOD_ROWS_COLUMNS + 5)
_Static_assert(SUM_AT + PERIOD_SUM_WIDTH <= PG_PARAMS, "a statement's parameters hold a period");

static void begin_periods(struct pg_params *p)
{
    period_rows_begin(p);
    pg_add_array(p, PG_SMALLINT);
    pg_add_array(p, PG_SMALLINT);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_BIGINT);
    period_rows_add_sums(p);
}

/* All records of the series are in it: it holds through the series' greatest key. */
static void put_period(struct pg_params *p, const struct period_pair *pair,
                       const struct period *period)
{
    put_key(p, pair, &period->start);
    pg_put_16(p, 5, period->grade);
    pg_put_16(p, 6, (int16_t)(period->ended + (period->flap ? 4 : 0)));
    pg_put_time(p, 7, pair->series->greatest.t_us);
    pg_put_time(p, 8, pair->series->greatest.end_us);
    pg_put_64(p, 9, pair->series->greatest.key);
    period_rows_put_sum(p, SUM_AT, &period->sum);
}

static int run_filled(struct store *store, enum sql_statement statement)
{
    return pg_elements(&store->params, 0) == 0 ? 0 : pg_run(&store->pg, statement, &store->params);
}

/* ---- sending ---- */

/* Behind its keys: the number of the transaction, and how many entries it has before these. */
static void add_entries(const struct period_writes *w, struct store *store, uint32_t before)
{
    if (w->fed) {
        pg_add_64(&store->params, store->arrival.number);
        pg_add_32(&store->params, (int32_t)before);
    }
}

static int send_entries(const struct period_writes *w, struct store *store,
                        enum sql_statement statement, enum sql_statement fed)
{
    if (pg_elements(&store->params, 0) == 0) {
        return 0;
    }
    store->arrival.told = store->arrival.told || w->fed;
    return pg_run(&store->pg, w->fed ? fed : statement, &store->params);
}

static int send_removed(const struct period_writes *w, struct store *store)
{
    period_rows_begin(&store->params);
    for (uint32_t i = 0; i < w->removed.count; i++) {
        put_key(&store->params, &w->removed.at[i].pair, &w->removed.at[i].key);
    }
    return run_filled(store, SQL_PERIOD_REMOVE);
}

static int send_retracted(const struct period_writes *w, struct store *store)
{
    period_rows_begin(&store->params);
    add_entries(w, store, 0);
    for (uint32_t i = 0; i < w->retracted.count; i++) {
        put_key(&store->params, &w->retracted.at[i].pair, &w->retracted.at[i].key);
    }
    return send_entries(w, store, SQL_EVENT_RETRACT, SQL_EVENT_RETRACT_FED);
}

static int send_ended(const struct period_writes *w, struct store *store)
{
    begin_periods(&store->params);
    for (uint32_t i = 0; i < w->put.count; i++) {
        const struct period_put *put = &w->put.at[i];
        if (put->period.ended != PERIOD_OPEN && !void_by_now(&put->pair, put->repaired)) {
            put_period(&store->params, &put->pair, &put->period);
        }
    }
    return run_filled(store, SQL_PERIOD_PUT);
}

static int send_open(struct period_writes *w, struct store *store)
{
    begin_periods(&store->params);
    for (uint32_t i = 0; i < w->put.count; i++) {
        const struct period_put *put = &w->put.at[i];
        if (put->period.ended == PERIOD_OPEN && !void_by_now(&put->pair, put->repaired)) {
            put_period(&store->params, &put->pair, &put->period);
        }
    }
    for (uint32_t i = 0; i < w->dirty.count; i++) {
        const struct period_pair *pair = &w->dirty.at[i];
        struct series_grade *g = series_grade_find(pair->series, pair->grade_id);
        if (g == NULL || !g->dirty) {
            continue;
        }
        g->dirty = false;
        if (!g->again && g->open.grade != 0) {
            put_period(&store->params, pair, &g->open);
            g->written = g->open.sum.records;
            g->through = pair->series->greatest;
        }
    }
    return run_filled(store, SQL_PERIOD_PUT);
}

static int send_told(struct period_writes *w, struct store *store)
{
    period_rows_begin(&store->params);
    pg_add_array(&store->params, PG_SMALLINT);
    pg_add_array(&store->params, PG_SMALLINT);
    add_entries(w, store, w->retracted.count);
    for (uint32_t i = 0; i < w->told.count; i++) {
        const struct period_tell *told = &w->told.at[i];
        if (void_by_now(&told->pair, told->repaired)) {
            continue;
        }
        put_key(&store->params, &told->pair, &told->event.at);
        pg_put_16(&store->params, 5, told->event.from);
        pg_put_16(&store->params, 6, (int16_t)(told->event.to + (told->event.flap ? 8 : 0)));
        w->counts.opened++;
    }
    return send_entries(w, store, SQL_EVENT_TELL, SQL_EVENT_TELL_FED);
}

int period_writes_send(struct period_writes *w, struct store *store)
{
    w->counts.retracted += w->retracted.count;
    if (send_removed(w, store) == -1 || send_ended(w, store) == -1 || send_open(w, store) == -1 ||
        send_retracted(w, store) == -1 || send_told(w, store) == -1) {
        return -1;
    }
    return 0;
}
