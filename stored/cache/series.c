/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of series, and how it is filled from the database in few round trips. */
#include "stored/cache/series.h"

#include <stdlib.h>

#include "common/address.h"
#include "common/grow.h"
#include "common/record_dimensions.h"
#include "stored/db/sql.h"
#include "stored/db/sql_columns.h"
#include "stored/periods/open_periods.h"
#include "stored/periods/period_rows.h"

#define LAST_US INT64_C(253402300800000000) /* the year 10000 */

/* ---- the key ---- */

static size_t make_key(const struct record_message *r,
                       char key[DIMENSION_COUNT * (2 + LIMIT_DIMENSION_BYTES)])
{
    char *at = key + DIMENSION_COUNT * 2;
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        const struct slice *value = record_dimension(r, d);
        uint16_t length = (uint16_t)value->len; /* the decoder holds it to LIMIT_DIMENSION_BYTES */
        memcpy(key + 2 * d, &length, 2);
        if (length > 0) {
            memcpy(at, value->at, length);
        }
        at += length;
    }
    return (size_t)(at - key);
}

static void split_key(const struct series *s, struct slice d[DIMENSION_COUNT])
{
    const char *at = s->key + DIMENSION_COUNT * 2;
    for (int i = 0; i < DIMENSION_COUNT; i++) {
        uint16_t length;
        memcpy(&length, s->key + 2 * i, 2);
        d[i] = (struct slice){at, length};
        at += length;
    }
}

struct slice series_dimension(const struct series *s, enum dimension dimension)
{
    struct slice d[DIMENSION_COUNT];
    split_key(s, d);
    return d[dimension];
}

struct slice series_type(const struct series *s)
{
    return series_dimension(s, DIMENSION_type);
}

/* ---- entries ---- */

static void unlink_use(struct series_cache *c, struct series *s)
{
    *(s->newer == NULL ? &c->newest : &s->newer->older) = s->older;
    *(s->older == NULL ? &c->oldest : &s->older->newer) = s->newer;
    s->newer = s->older = NULL;
}

static void link_newest(struct series_cache *c, struct series *s)
{
    s->newer = NULL;
    s->older = c->newest;
    *(c->newest == NULL ? &c->oldest : &c->newest->newer) = s;
    c->newest = s;
}

static void forget(struct series_cache *c, struct series *s)
{
    HASH_DEL(c->table, s);
    unlink_use(c, s);
    for (uint16_t i = 0; i < s->grade_count; i++) {
        free(s->grades[i].steady);
    }
    free(s->grades);
    free(s);
}

static int remember_unseen(struct series_cache *c, struct series *s)
{
    struct series **unseen =
        grow(c->unseen, c->unseen_count, &c->unseen_size, sizeof(struct series *));
    if (unseen == NULL) {
        return -1;
    }
    c->unseen = unseen;
    c->unseen[c->unseen_count++] = s;
    return 0;
}

static struct series *add(struct series_cache *c, const char *key, size_t length, unsigned hash)
{
    struct series *s = calloc(1, sizeof *s + length);
    if (s == NULL) {
        return NULL;
    }
    s->key_bytes = (uint16_t)length;
    s->greatest = (struct period_key){INT64_MIN, 0, -1};
    memcpy(s->key, key, length);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, c->table, s->key, length, hash, s);
    if (s->hh.tbl == NULL) {
        free(s);
        return NULL;
    }
    link_newest(c, s);
    if (remember_unseen(c, s) == -1) {
        forget(c, s);
        return NULL;
    }
    return s;
}

struct series *series_get(struct series_cache *c, const struct record_message *r, uint64_t stamp)
{
    char key[DIMENSION_COUNT * (2 + LIMIT_DIMENSION_BYTES)];
    size_t length = make_key(r, key);
    unsigned hash = seeded_hash(key, length);
    struct series *s = NULL;
    HASH_FIND_BYHASHVALUE(hh, c->table, key, length, hash, s);
    if (s == NULL) {
        s = add(c, key, length, hash);
    } else if (s->stamp != stamp) {
        unlink_use(c, s);
        link_newest(c, s);
    }
    if (s != NULL) {
        s->stamp = stamp;
    }
    return s;
}

struct series_grade *series_grade_find(const struct series *s, uint16_t grade_id)
{
    for (uint16_t i = 0; i < s->grade_count; i++) {
        if (s->grades[i].grade_id == grade_id) {
            return &s->grades[i];
        }
    }
    return NULL;
}

struct series_grade *series_grade(struct series *s, uint16_t grade_id)
{
    struct series_grade *g = series_grade_find(s, grade_id);
    if (g != NULL) {
        return g;
    }
    struct series_grade *grades = realloc(s->grades, (s->grade_count + 1u) * sizeof *grades);
    if (grades == NULL) {
        return NULL;
    }
    s->grades = grades;
    g = &grades[s->grade_count++];
    *g = (struct series_grade){.grade_id = grade_id};
    return g;
}

int series_grade_steady(struct series_grade *g)
{
    if (g->steady == NULL) {
        g->steady = calloc(1, sizeof *g->steady);
    }
    return g->steady == NULL ? -1 : 0;
}

void series_forget(struct series_cache *c, uint64_t stamp)
{
    while (c->newest != NULL && c->newest->stamp == stamp) {
        forget(c, c->newest);
    }
    c->unseen_count = 0;
}

void series_forget_unseen(struct series_cache *c)
{
    for (uint32_t i = 0; i < c->unseen_count; i++) {
        forget(c, c->unseen[i]);
    }
    c->unseen_count = 0;
}

void series_drop(struct series_cache *c, const struct record_message *r)
{
    char key[DIMENSION_COUNT * (2 + LIMIT_DIMENSION_BYTES)];
    size_t length = make_key(r, key);
    struct series *s = NULL;
    HASH_FIND_BYHASHVALUE(hh, c->table, key, length, seeded_hash(key, length), s);
    if (s != NULL) {
        forget(c, s);
    }
}

void series_trim(struct series_cache *c, uint64_t stamp)
{
    while (HASH_COUNT(c->table) > c->max && c->oldest->stamp != stamp) {
        forget(c, c->oldest);
    }
}

void series_set_gaps(struct series_cache *c, const struct gaps *gaps)
{
    for (struct series *s = c->newest; s != NULL; s = s->older) {
        s->gap_us = gaps_of(gaps, series_type(s));
        s->apart = false;
    }
}

void series_advance(struct series *s, const struct period_key *key)
{
    const struct period_key *last = &s->greatest;
    if (s->distances != NULL && last->t_us != INT64_MIN) {
        bool apart = key->t_us - last->end_us > s->gap_us;
        distances_take(s->distances, key->t_us - last->t_us, apart && s->apart);
        s->apart = apart;
    }
    s->greatest = *key;
}

uint32_t series_count(const struct series_cache *c)
{
    return HASH_COUNT(c->table);
}

void series_clear(struct series_cache *c)
{
    while (c->newest != NULL) {
        forget(c, c->newest);
    }
    free(c->unseen);
    c->unseen = NULL;
    c->unseen_count = c->unseen_size = 0;
}

/* ---- loading ---- */

/* The numbers of those that have a row; how many have none, or -1. */
static int find_ids(struct series_cache *c, struct pg *pg, struct pg_params *params)
{
    int found = 0;
    pg_params_begin(params);
    for (int d = 0; d < DIMENSION_COUNT; d++) {
        pg_add_array(params, PG_TEXT);
    }
    for (uint32_t i = 0; i < c->unseen_count; i++) {
        struct slice dims[DIMENSION_COUNT];
        split_key(c->unseen[i], dims);
        for (int d = 0; d < DIMENSION_COUNT; d++) {
            pg_put_bytes(params, d, dims[d]);
        }
    }
    PGresult *r = pg_rows(pg, SQL_SERIES_FIND, params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t n = pg_cell_64(r, i, 0);
        if (n >= 1 && n <= c->unseen_count) {
            c->unseen[n - 1]->id = pg_cell_64(r, i, 1);
            found++;
        }
    }
    PQclear(r);
    return (int)c->unseen_count - found;
}

static void put_address(struct pg_params *params, int column, struct slice text)
{
    struct address address;
    char canonical[ADDRESS_TEXT_SIZE];
    if (address_of_host(text, &address) == 0) {
        address_text(&address, canonical);
        pg_put_bytes(params, column, slice_of(canonical));
    } else {
        pg_put_bytes(params, column, (struct slice){NULL, 0});
    }
}

static int add_missing(struct series_cache *c, struct pg *pg, struct pg_params *params)
{
    pg_params_begin(params);
    for (int d = 0; d < DIMENSION_COUNT + 2; d++) {
        pg_add_array(params, PG_TEXT);
    }
    for (uint32_t i = 0; i < c->unseen_count; i++) {
        struct slice dims[DIMENSION_COUNT];
        if (c->unseen[i]->id != 0) {
            continue;
        }
        split_key(c->unseen[i], dims);
        for (int d = 0; d < DIMENSION_COUNT; d++) {
            pg_put_bytes(params, d, dims[d]);
        }
        put_address(params, DIMENSION_COUNT, dims[DIMENSION_source]);
        put_address(params, DIMENSION_COUNT + 1, dims[DIMENSION_dest]);
    }
    return pg_run(pg, SQL_SERIES_ADD, params);
}

static int by_id(const void *a, const void *b)
{
    const struct series *const *x = a, *const *y = b;
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

static struct series *unseen_by_id(const struct series_cache *c, int64_t id)
{
    const struct series wanted = {.id = id}, *key = &wanted;
    struct series **found = bsearch(&key, c->unseen, c->unseen_count, sizeof *found, by_id);
    return found == NULL ? NULL : *found;
}

/* The greatest key of those without one that lies within [from_us, before_us). */
static int load_greatest_within(struct series_cache *c, struct pg *pg, struct pg_params *params,
                                int64_t from_us, int64_t before_us)
{
    pg_params_begin(params);
    pg_add_array(params, PG_BIGINT);
    pg_add_time(params, from_us);
    pg_add_time(params, before_us);
    for (uint32_t i = 0; i < c->unseen_count; i++) {
        if (!c->unseen[i]->loaded && c->unseen[i]->greatest.t_us == INT64_MIN) {
            pg_put_64(params, 0, c->unseen[i]->id);
        }
    }
    if (pg_elements(params, 0) == 0) {
        return 0;
    }
    PGresult *r = pg_rows(pg, SQL_SERIES_GREATEST, params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        struct series *s = unseen_by_id(c, pg_cell_64(r, i, 0));
        if (s != NULL) {
            s->greatest = period_rows_key(r, i, 1);
        }
    }
    PQclear(r);
    return 0;
}

static int load_greatest(struct series_cache *c, struct pg *pg, struct pg_params *params,
                         const struct calendar *calendar)
{
    int64_t before_us = LAST_US;
    for (int window = 0; window < CALENDAR_WINDOWS; window++) {
        int64_t from_us = calendar_window_us(calendar, window);
        if (from_us < before_us && load_greatest_within(c, pg, params, from_us, before_us) == -1) {
            return -1;
        }
        before_us = from_us;
    }
    return 0;
}

static int note_open(struct series_cache *c, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct series *s = unseen_by_id(c, pg_cell_64(r, i, OPEN_SERIES));
        uint16_t grade_id = (uint16_t)pg_cell_16(r, i, OPEN_GRADE_NAME);
        struct series_grade *g = s == NULL ? NULL : series_grade(s, grade_id);
        if (g == NULL) {
            return -1;
        }
        g->open = period_rows_get(r, i, OPEN_PERIOD);
        g->through = period_rows_key(r, i, OPEN_THROUGH);
        g->written = (uint64_t)pg_cell_64(r, i, OPEN_WRITTEN);
    }
    return 0;
}

/* Those whose row is not of the greatest record are to be completed; how many. */
static uint32_t list_behind(const struct series_cache *c, const PGresult *r,
                            struct open_period *list)
{
    uint32_t count = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        struct series *s = unseen_by_id(c, pg_cell_64(r, i, OPEN_SERIES));
        uint16_t grade_id = (uint16_t)pg_cell_16(r, i, OPEN_GRADE_NAME);
        struct series_grade *g = series_grade_find(s, grade_id);
        if (period_key_compare(&g->through, &s->greatest) < 0) {
            list[count++] = (struct open_period){s->id, g->grade_id, g->through, &g->open};
        }
    }
    return count;
}

static int note_steady(struct series_cache *c, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct series *s = unseen_by_id(c, pg_cell_64(r, i, 0));
        struct series_grade *g = s == NULL ? NULL : series_grade(s, (uint16_t)pg_cell_16(r, i, 1));
        if (g == NULL || series_grade_steady(g) == -1) {
            return -1;
        }
    }
    return 0;
}

/* The parameters are those of load_open(). */
static int load_steady(struct series_cache *c, struct pg *pg, struct pg_params *params)
{
    PGresult *r = pg_rows(pg, SQL_STEADY_PAIRS, params);
    int rc = r == NULL ? -1 : note_steady(c, r);
    PQclear(r);
    return rc;
}

static int load_open(struct series_cache *c, struct pg *pg, struct pg_params *params,
                     const struct calendar *calendar)
{
    pg_params_begin(params);
    pg_add_array(params, PG_BIGINT);
    for (uint32_t i = 0; i < c->unseen_count; i++) {
        if (!c->unseen[i]->loaded) {
            pg_put_64(params, 0, c->unseen[i]->id);
        }
    }
    PGresult *r = pg_elements(params, 0) == 0 ? NULL : pg_rows(pg, SQL_SERIES_OPEN, params);
    if (r == NULL) {
        return pg_elements(params, 0) == 0 ? 0 : -1;
    }
    struct open_period *list = calloc((size_t)PQntuples(r) + 1, sizeof *list);
    int rc = list == NULL || note_open(c, r) == -1 || load_steady(c, pg, params) == -1 ? -1 : 0;
    if (rc == 0) {
        rc = open_periods_complete(list, list_behind(c, r, list), calendar, pg, params);
    }
    free(list);
    PQclear(r);
    return rc;
}

/* Series that are in the database already may have records and open periods. */
static int load_states(struct series_cache *c, struct pg *pg, struct pg_params *params,
                       const struct calendar *calendar)
{
    qsort(c->unseen, c->unseen_count, sizeof(struct series *), by_id);
    return load_greatest(c, pg, params, calendar) == -1 ? -1 : load_open(c, pg, params, calendar);
}

int series_load(struct series_cache *c, struct pg *pg, struct pg_params *params,
                const struct gaps *gaps, struct distances *distances,
                const struct retention *retention, const struct calendar *calendar)
{
    if (c->unseen_count == 0) {
        return 0;
    }
    int missing = find_ids(c, pg, params);
    if (missing > 0) {
        for (uint32_t i = 0; i < c->unseen_count; i++) {
            c->unseen[i]->loaded = c->unseen[i]->id == 0;
        }
        missing = add_missing(c, pg, params) == -1 ? -1 : find_ids(c, pg, params);
    }
    if (missing != 0 || load_states(c, pg, params, calendar) == -1) {
        return -1;
    }
    for (uint32_t i = 0; i < c->unseen_count; i++) {
        struct slice dims[DIMENSION_COUNT];
        split_key(c->unseen[i], dims);
        c->unseen[i]->gap_us = gaps_of(gaps, dims[DIMENSION_type]);
        c->unseen[i]->distances = distances_type(distances, dims[DIMENSION_type]);
        c->unseen[i]->class = retention_of_type(retention, dims[0]);
        c->unseen[i]->loaded = true;
    }
    c->unseen_count = 0;
    return 0;
}
