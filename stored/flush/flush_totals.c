/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts over all series of a record type, per minute, hour and day: every transaction adds its
 * records to them, so that they are always complete. Few rows, however many records.
 */
#include "common/arena.h"
#include "stored/cache/seeded_hash.h"
#include "stored/flush/flush.h"

#define GRADES    6
#define MINUTE_US INT64_C(60000000)
/* Rows of one statement. What needs more of them, records of all times and types, takes several. */
#define ROWS_MAX 4096

enum unit { UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNITS };

/* Compared as bytes: no padding. */
struct total_key {
    int64_t start_us;
    uint32_t type; /* number of the type among those of the statement */
    uint16_t grade_id;
    uint16_t unit;
};

struct total {
    UT_hash_handle hh;
    struct total_key key;
    int32_t counts[GRADES];
};

struct type {
    UT_hash_handle hh;
    struct slice name; /* in the series */
    uint32_t number;
};

struct totals {
    struct total *table;
    struct type *types;
    struct total rows[ROWS_MAX];
    struct type names[ROWS_MAX];
    uint32_t row_count, type_count;
};

static void totals_clear(struct totals *t)
{
    HASH_CLEAR(hh, t->table);
    HASH_CLEAR(hh, t->types);
    t->row_count = t->type_count = 0;
}

/* The type's number. -1: memory. */
static int64_t find_type(struct totals *t, struct slice name)
{
    struct type *type = t->type_count == 0 ? NULL : &t->names[t->type_count - 1];
    if (type != NULL && slice_equal(type->name, name)) {
        return type->number;
    }
    unsigned hash = seeded_hash(name.at, name.len);
    HASH_FIND_BYHASHVALUE(hh, t->types, name.at, name.len, hash, type);
    if (type != NULL) {
        return type->number;
    }
    type = &t->names[t->type_count];
    *type = (struct type){.name = name, .number = t->type_count};
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, t->types, type->name.at, type->name.len, hash, type);
    if (type->hh.tbl == NULL) {
        return -1;
    }
    return t->type_count++;
}

static int add(struct totals *t, const struct total_key *key, const int32_t counts[GRADES])
{
    struct total *row = NULL;
    unsigned hash = seeded_hash(key, sizeof *key);
    HASH_FIND_BYHASHVALUE(hh, t->table, key, sizeof *key, hash, row);
    if (row == NULL) {
        row = &t->rows[t->row_count];
        *row = (struct total){.key = *key};
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, t->table, &row->key, sizeof row->key, hash, row);
        if (row->hh.tbl == NULL) {
            return -1;
        }
        t->row_count++;
    }
    for (int grade = 0; grade < GRADES; grade++) {
        row->counts[grade] += counts[grade];
    }
    return 0;
}

/* Under grade name 0 and grade 0 all records count; a name that no block applied counts none. */
static int add_item(struct totals *t, const struct flush_item *item)
{
    static const int32_t one[2 * GRADES] = {[GRADES - 1] = 1};
    int64_t type = find_type(t, series_type(item->series));
    struct total_key key = {.start_us = item->key.t_us / MINUTE_US * MINUTE_US,
                            .type = (uint32_t)type,
                            .unit = UNIT_MINUTE};
    int rc = type == -1 ? -1 : add(t, &key, one + GRADES - 1);
    for (uint32_t i = 0; i < item->batch->name_count && rc == 0; i++) {
        if (item->grades[i] != GRADE_NONE) {
            key.grade_id = item->batch->ids[i];
            rc = add(t, &key, one + GRADES - 1 - item->grades[i]);
        }
    }
    return rc;
}

/* From the minutes. */
static int add_hours_and_days(struct totals *t)
{
    uint32_t minutes = t->row_count;
    for (uint32_t i = 0; i < minutes; i++) {
        struct total_key hour = t->rows[i].key, day = hour;
        hour.unit = UNIT_HOUR;
        hour.start_us = hour.start_us / HOUR_US * HOUR_US;
        day.unit = UNIT_DAY;
        day.start_us = day.start_us / DAY_US * DAY_US;
        if (add(t, &hour, t->rows[i].counts) == -1 || add(t, &day, t->rows[i].counts) == -1) {
            return -1;
        }
    }
    return 0;
}

static int write_totals(struct totals *t, struct pg *pg, struct pg_params *p)
{
    static const char *const units[UNITS] = {"minute", "hour", "day"};
    if (add_hours_and_days(t) == -1) {
        return -1;
    }
    pg_params_begin(p);
    pg_add_array(p, PG_TEXT);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_TEXT);
    pg_add_array(p, PG_SMALLINT);
    for (int grade = 0; grade < GRADES; grade++) {
        pg_add_array(p, PG_INTEGER);
    }
    for (uint32_t i = 0; i < t->row_count; i++) {
        const struct total *row = &t->rows[i];
        pg_put_bytes(p, 0, slice_of(units[row->key.unit]));
        pg_put_time(p, 1, row->key.start_us);
        pg_put_bytes(p, 2, t->names[row->key.type].name);
        pg_put_16(p, 3, (int16_t)row->key.grade_id);
        for (int grade = 0; grade < GRADES; grade++) {
            pg_put_32(p, 4 + grade, row->counts[grade]);
        }
    }
    return pg_run(pg, SQL_TOTAL_ADD, p);
}

int flush_totals(struct flush *f)
{
    struct totals *t = arena_alloc(f->arena, sizeof *t);
    int rc = t == NULL ? -1 : 0;
    if (rc == 0) {
        t->table = NULL;
        t->types = NULL;
        t->row_count = t->type_count = 0;
    }
    for (uint32_t i = 0; i < f->item_count && rc == 0; i++) {
        const struct flush_item *item = &f->items[i];
        if (item->fate == ITEM_DUPLICATE) {
            continue;
        }
        /* A record adds at most so many rows, each of which may add an hour and a day. */
        if (t->row_count + 1 + item->batch->name_count > ROWS_MAX / UNITS) {
            rc = write_totals(t, &f->store->pg, &f->store->params);
            totals_clear(t);
        }
        if (rc == 0) {
            rc = add_item(t, item);
        }
    }
    if (rc == 0 && t->row_count > 0) {
        rc = write_totals(t, &f->store->pg, &f->store->params);
    }
    if (t != NULL) {
        totals_clear(t);
    }
    return rc;
}
