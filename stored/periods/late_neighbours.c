/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Surroundings, read ahead with two statements for a page of them: statements that read records are
 * planned each time, which costs more than what they find. What one of them needs beyond is asked
 * for it alone.
 *
 * So 300 neighbourhoods are three pages, of 128, 128 and 44. For a page one statement reads the
 * period before each and the eight behind, another the records from there on: as many as the period
 * has, and some, as the walk most often stops at the next one.
 *
 * A statement is planned for all days that it may read, so those far apart do not share one. Where
 * they begin on the days
 *
 *   1.0   1.4   1.9          40.2
 *    |-----|-----|-- 2.9      |----- 41.2
 *
 * the first three are read by one statement, planned for the days 1 and 2, the last by another.
 * Together they would be planned for forty.
 */
#include "stored/periods/late_neighbours.h"

#include <stdlib.h>

#include "stored/db/sql_columns.h"
#include "stored/periods/late_heads.h"
#include "stored/periods/period_rows.h"

#define PAGE_AHEAD    128    /* read ahead together */
#define PERIODS_AHEAD 8      /* of one, the one before the late records not counted */
#define RECORDS_AHEAD 512    /* of one, at most */
#define RECORDS_SPARE 16     /* for the first ones of the next periods */
#define AHEAD_US      DAY_US /* how far records are read ahead */
#define PERIODS_PAGE  64     /* of one, when those read ahead do not suffice */

/* What was read ahead for one of the list. */
struct ahead {
    const struct neighbourhood *of;
    struct period before; /* grade 0: there is none */
    struct period_head head;
    struct period periods[PERIODS_AHEAD]; /* those that start behind the late records */
    uint32_t period_count;
    struct period_key from;           /* the records are those behind it, */
    int64_t until_us;                 /* that start before, */
    uint32_t record_size;             /* at most so many, */
    uint32_t record_at, record_count; /* and stand here in the page's records */
};

struct neighbours {
    struct store *store;
    const struct neighbourhood *list;
    uint32_t count;
    int64_t earliest_us;
    struct ahead page[PAGE_AHEAD];
    uint32_t page_count;
    struct period_record *records;
    uint32_t record_size;
    /* Of the one that is walked along: */
    struct ahead *at;
    const struct period *periods; /* read ahead, or of the page */
    uint32_t period_next, period_count;
    bool last_period; /* there are none behind these */
    uint32_t record_next;
    struct period period_page[PERIODS_PAGE];
};

struct neighbours *neighbours_new(struct store *store, const struct neighbourhood *list,
                                  uint32_t count, int64_t earliest_us)
{
    struct neighbours *n = calloc(1, sizeof *n);
    if (n != NULL) {
        n->store = store;
        n->list = list;
        n->count = count;
        n->earliest_us = earliest_us;
        n->at = n->page;
    }
    return n;
}

void neighbours_free(struct neighbours **n)
{
    if (*n != NULL) {
        free((*n)->records);
        free(*n);
        *n = NULL;
    }
}

/* ---- many of them ---- */

static struct period_record row_record(const PGresult *result, int row, int column)
{
    return (struct period_record){.key = period_rows_key(result, row, column),
                                  .t_end_us = pg_cell_time(result, row, column + 1),
                                  .grade = (uint8_t)pg_cell_16(result, row, column + 3)};
}

static void take_period(struct ahead *a, const PGresult *result, int row)
{
    struct period p = period_rows_get(result, row, NEAR_PERIOD);
    if (period_key_compare(&p.start, &a->of->late) < 0) {
        a->before = p;
        a->head = period_rows_head(result, row, NEAR_DROPPED);
    } else if (a->period_count < PERIODS_AHEAD) {
        a->periods[a->period_count++] = p;
    }
}

static int read_periods(struct neighbours *n)
{
    struct pg_params *p = &n->store->params;
    period_rows_begin(p);
    for (uint32_t i = 0; i < n->page_count; i++) {
        const struct neighbourhood *of = n->page[i].of;
        period_rows_put(p, of->pair.series->id, of->pair.grade_id, &of->late);
    }
    pg_add_32(p, PERIODS_AHEAD);
    PGresult *result = pg_rows(&n->store->pg, SQL_PERIODS_NEAR, p);
    if (result == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        int64_t at = pg_cell_64(result, i, NEAR_NTH);
        if (at >= 1 && at <= n->page_count) {
            take_period(&n->page[at - 1], result, i);
        }
    }
    PQclear(result);
    return 0;
}

/* How many records the period around has; of an open one the row may not know all. */
static uint64_t records_around(const struct ahead *a)
{
    const struct series_grade *g = series_grade_find(a->of->pair.series, a->of->pair.grade_id);
    uint64_t records = a->before.sum.records;
    if (a->before.ended == PERIOD_OPEN && g != NULL && g->open.sum.records > records) {
        records = g->open.sum.records;
    }
    return records > a->head.sum.records ? records - a->head.sum.records : 0;
}

/* About how many records the walk will ask for. */
static uint32_t records_expected(const struct ahead *a)
{
    uint64_t records = RECORDS_SPARE + a->of->count;
    if (a->before.grade != 0) {
        records += records_around(a);
    }
    return records < RECORDS_AHEAD ? (uint32_t)records : RECORDS_AHEAD;
}

/* Behind the series' greatest key there are none. */
static bool is_last_us(const struct ahead *a, int64_t until_us)
{
    return until_us > a->of->pair.series->greatest.t_us;
}

/* The end of a span of time from the key on, which ends at the latest with the series. */
static int64_t span_end(const struct series *series, const struct period_key *key, int64_t span_us)
{
    int64_t last_us = series->greatest.t_us;
    return key->t_us > last_us - span_us ? last_us + 1 : key->t_us + span_us;
}

/* No record of a pair lies before its first period, but for those of this flush. */
static void plan_records(struct ahead *a, int64_t earliest_us)
{
    a->from = a->before.grade == 0 ? (struct period_key){earliest_us, 0, -1}
                                   : periods_repair_from(&a->before, &a->head);
    a->until_us = span_end(a->of->pair.series, &a->from, AHEAD_US);
    a->record_size = records_expected(a);
}

static int compare_from(const void *a, const void *b)
{
    const struct ahead *const *x = a, *const *y = b;
    return period_key_compare(&(*x)->from, &(*y)->from);
}

/* Those of `count` that begin within some days: it is planned for these. */
static int read_records_near(struct neighbours *n, struct ahead *const *list, uint32_t count)
{
    struct pg_params *p = &n->store->params;
    int64_t until_us = list[0]->until_us;
    period_rows_begin(p);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_INTEGER);
    for (uint32_t i = 0; i < count; i++) {
        const struct period_pair *pair = &list[i]->of->pair;
        period_rows_put(p, pair->series->id, pair->grade_id, &list[i]->from);
        pg_put_time(p, PERIOD_ROWS_COLUMNS, list[i]->until_us);
        pg_put_32(p, PERIOD_ROWS_COLUMNS + 1, (int32_t)list[i]->record_size);
        until_us = list[i]->until_us > until_us ? list[i]->until_us : until_us;
    }
    pg_add_time(p, list[0]->from.t_us);
    pg_add_time(p, until_us);
    PGresult *result = pg_rows(&n->store->pg, SQL_RECORDS_NEAR, p);
    if (result == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        int64_t at = pg_cell_64(result, i, 0);
        if (at >= 1 && at <= count && list[at - 1]->record_count < list[at - 1]->record_size) {
            struct ahead *a = list[at - 1];
            n->records[a->record_at + a->record_count++] = row_record(result, i, 1);
        }
    }
    PQclear(result);
    return 0;
}

static int make_room(struct neighbours *n)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < n->page_count; i++) {
        n->page[i].record_at = size;
        size += n->page[i].record_size;
    }
    if (size > n->record_size) {
        free(n->records);
        n->records = malloc(size * sizeof *n->records);
        n->record_size = n->records == NULL ? 0 : size;
    }
    return n->records == NULL ? -1 : 0;
}

static int extend_heads(struct neighbours *n)
{
    int rc = 0;
    for (uint32_t i = 0; i < n->page_count && rc == 0; i++) {
        struct ahead *a = &n->page[i];
        if (a->before.grade != 0) {
            rc = head_extend(n->store, a->of->pair, &a->before, &a->of->late, &a->head);
        }
    }
    return rc;
}

static int read_records_ahead(struct neighbours *n)
{
    struct ahead *list[PAGE_AHEAD];
    uint32_t count = n->page_count;
    for (uint32_t i = 0; i < count; i++) {
        plan_records(&n->page[i], n->earliest_us);
        list[i] = &n->page[i];
    }
    if (make_room(n) == -1) {
        return -1;
    }
    qsort(list, count, sizeof(struct ahead *), compare_from);
    int rc = 0;
    for (uint32_t i = 0, first = 0; i < count && rc == 0; i++) {
        if (i + 1 == count || list[i + 1]->from.t_us - AHEAD_US > list[first]->from.t_us) {
            rc = read_records_near(n, list + first, i + 1 - first);
            first = i + 1;
        }
    }
    return rc;
}

/* Forgets the page for the next one, of which list[i] is the first. */
static int read_ahead(struct neighbours *n, uint32_t i)
{
    n->page_count = 0;
    for (; i < n->count && n->page_count < PAGE_AHEAD; i++) {
        if (n->list[i].absorbed.grade == 0) {
            n->page[n->page_count++] = (struct ahead){.of = &n->list[i]};
        }
    }
    n->at = n->page;
    return read_periods(n) == -1 || extend_heads(n) == -1 ? -1 : read_records_ahead(n);
}

/* ---- one of them, as periods.c wants it ---- */

static void add_key(struct neighbours *n, const struct period_key *key)
{
    const struct period_pair *pair = &n->at->of->pair;
    period_rows_alone(&n->store->params, pair->series->id, pair->grade_id, key);
}

/* Asked once, with the first of the late records. */
static int period_before(void *context, const struct period_key *key, struct period *period,
                         struct period_head *head)
{
    const struct ahead *a = ((struct neighbours *)context)->at;
    (void)key;
    if (a->before.grade == 0) {
        return 0;
    }
    *period = a->before;
    *head = a->head;
    return 1;
}

static int read_page(struct neighbours *n, const struct period_key *key)
{
    add_key(n, key);
    pg_add_32(&n->store->params, PERIODS_PAGE);
    PGresult *result = pg_rows(&n->store->pg, SQL_PERIODS_AFTER, &n->store->params);
    if (result == NULL) {
        return -1;
    }
    n->periods = n->period_page;
    n->period_next = 0;
    n->period_count = (uint32_t)PQntuples(result);
    n->last_period = n->period_count < PERIODS_PAGE;
    for (uint32_t i = 0; i < n->period_count; i++) {
        n->period_page[i] = period_rows_get(result, (int)i, 0);
    }
    PQclear(result);
    return 0;
}

/* Asked with rising keys, none before that of the period before. */
static int period_after(void *context, const struct period_key *key, struct period *period)
{
    struct neighbours *n = context;
    while (n->period_next < n->period_count &&
           period_key_compare(&n->periods[n->period_next].start, key) <= 0) {
        n->period_next++;
    }
    if (n->period_next == n->period_count && !n->last_period && read_page(n, key) == -1) {
        return -1;
    }
    if (n->period_next == n->period_count) {
        return 0;
    }
    *period = n->periods[n->period_next++];
    return 1;
}

/* Those that start before before_us. */
static int read_records_before(struct neighbours *n, const struct period_key *key,
                               int64_t before_us, struct period_record *page, uint32_t size)
{
    add_key(n, key);
    pg_add_32(&n->store->params, (int32_t)size);
    pg_add_time(&n->store->params, before_us);
    PGresult *result = pg_rows(&n->store->pg, SQL_RECORDS_AFTER, &n->store->params);
    if (result == NULL) {
        return -1;
    }
    int count = PQntuples(result);
    for (int i = 0; i < count; i++) {
        page[i] = row_record(result, i, 0);
    }
    PQclear(result);
    return count;
}

/*
 * Most often what is asked for lies within a day: a statement is planned for all days it may read,
 * so it is for few of them first.
 */
static int read_records(struct neighbours *n, const struct period_key *key,
                        struct period_record *page, uint32_t size)
{
    int64_t span_us = DAY_US;
    int count;
    do {
        int64_t before_us = span_end(n->at->of->pair.series, key, span_us);
        count = read_records_before(n, key, before_us, page, size);
        if (count != 0 || is_last_us(n->at, before_us)) {
            return count;
        }
        span_us *= 8;
    } while (span_us < INT64_MAX / 16);
    return count;
}

/* Asked with rising keys; before `from` there is nothing. */
static int records_after(void *context, const struct period_key *key, struct period_record *page,
                         uint32_t size)
{
    struct neighbours *n = context;
    const struct ahead *a = n->at;
    const struct period_record *records = n->records + a->record_at;
    uint32_t count = 0;
    while (n->record_next < a->record_count &&
           period_key_compare(&records[n->record_next].key, key) <= 0) {
        n->record_next++;
    }
    while (n->record_next < a->record_count && count < size) {
        page[count++] = records[n->record_next++];
    }
    bool all = a->record_count < a->record_size && is_last_us(a, a->until_us);
    if (count > 0 || all) {
        return (int)count;
    }
    return read_records(n, period_key_compare(key, &a->from) < 0 ? &a->from : key, page, size);
}

int neighbours_source(struct neighbours *n, uint32_t i, struct periods_source *source)
{
    while (n->at < n->page + n->page_count && n->at->of < &n->list[i]) {
        n->at++;
    }
    if (n->at == n->page + n->page_count && read_ahead(n, i) == -1) {
        return -1;
    }
    n->periods = n->at->periods;
    n->period_next = 0;
    n->period_count = n->at->period_count;
    n->last_period = n->period_count < PERIODS_AHEAD;
    n->record_next = 0;
    *source = (struct periods_source){n, period_before, period_after, records_after};
    return 0;
}
