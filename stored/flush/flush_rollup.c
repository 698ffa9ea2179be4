/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed hour is counted in rollup_hour until it is in its day, then in the rows of its day and
 * month (rollup_day, rollup_month): a record that falls into one adds to it in the same
 * transaction.
 *
 * It is 13:11. Hours of today, and what a flush brings of series 7, graded under name 3:
 *
 *   hour      11:00          12:00          13:00
 *   state     in the day     sealed         open
 *   record    11:59, 5       12:10, 2       13:10, 4
 *
 *   rollup_hour    12:00        name 0: one more   name 3: one more of grade 2
 *   rollup_day     today        name 0: one more   name 3: one more of grade 5, from hour 12 on
 *   rollup_month   this month   name 0: one more   name 3: one more of grade 5, from today on
 *
 * Name 0 counts all records, graded or not. 12:10 is not added to the day: all of its hour will be,
 * when its turn comes. 13:10 is added nowhere: who asks counts open hours from the records, and
 * each is counted once, when it is sealed (seal.c). So what comes in order costs nothing here, and
 * only late records pay.
 */
#include <stdlib.h>

#include "common/grow.h"
#include "stored/flush/flush.h"

#define GRADES 6

struct addition {
    int64_t series_id;
    int32_t hour;
    uint16_t grade_id;
    uint8_t grade;
};

struct additions {
    struct addition *at;
    uint32_t count, size;
};

static int add(struct additions *a, int64_t series_id, int32_t hour, uint16_t grade_id,
               uint8_t grade)
{
    struct addition *at = grow(a->at, a->count, &a->size, sizeof *at);
    if (at == NULL) {
        return -1;
    }
    a->at = at;
    a->at[a->count++] = (struct addition){series_id, hour, grade_id, grade};
    return 0;
}

static int compare_additions(const void *a, const void *b)
{
    const struct addition *x = a, *y = b;
    if (x->hour != y->hour) {
        return x->hour < y->hour ? -1 : 1;
    }
    if (x->series_id != y->series_id) {
        return x->series_id < y->series_id ? -1 : 1;
    }
    return (int)x->grade_id - (int)y->grade_id;
}

/* Under grade name 0 and grade 0 all records count; a name that no block applied counts none. */
static int add_item(struct additions *a, const struct flush_item *item, int32_t hour)
{
    int rc = add(a, item->series->id, hour, 0, 0);
    for (uint32_t i = 0; i < item->batch->name_count && rc == 0; i++) {
        if (item->grades[i] != GRADE_NONE) {
            rc = add(a, item->series->id, hour, item->batch->ids[i], item->grades[i]);
        }
    }
    return rc;
}

/* The records whose hour is in this state. */
static int collect(const struct flush *f, struct additions *a, enum hour_state state)
{
    const struct calendar *c = &f->store->calendar;
    const struct calendar_hour *h = NULL;
    for (uint32_t i = 0; i < f->item_count; i++) {
        int32_t hour = calendar_hour_of(f->items[i].key.t_us);
        if (h == NULL || h->hour != hour) {
            h = calendar_find(c, hour);
        }
        if (h != NULL && h->state == state && f->items[i].fate != ITEM_DUPLICATE &&
            add_item(a, &f->items[i], hour) == -1) {
            return -1;
        }
    }
    return 0;
}

static int write_additions(struct store *store, struct additions *a, enum sql_statement statement)
{
    struct pg_params *p = &store->params;
    qsort(a->at, a->count, sizeof *a->at, compare_additions);
    pg_params_begin(p);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_BIGINT);
    pg_add_array(p, PG_SMALLINT);
    for (int grade = 0; grade < GRADES; grade++) {
        pg_add_array(p, PG_INTEGER);
    }
    for (uint32_t i = 0, n; i < a->count; i += n) {
        int32_t counts[GRADES] = {0};
        for (n = 0; i + n < a->count && compare_additions(&a->at[i], &a->at[i + n]) == 0; n++) {
            counts[a->at[i + n].grade]++;
        }
        pg_put_time(p, 0, a->at[i].hour * HOUR_US);
        pg_put_64(p, 1, a->at[i].series_id);
        pg_put_16(p, 2, (int16_t)a->at[i].grade_id);
        for (int grade = 0; grade < GRADES; grade++) {
            pg_put_32(p, 3 + grade, counts[grade]);
        }
    }
    return pg_run(&store->pg, statement, p);
}

int flush_rollup(struct flush *f)
{
    struct additions a = {NULL, 0, 0};
    int rc = collect(f, &a, HOUR_SEALED);
    if (rc == 0 && a.count > 0) {
        rc = write_additions(f->store, &a, SQL_ROLLUP_ADD);
        a.count = 0;
    }
    if (rc == 0) {
        rc = collect(f, &a, HOUR_IN_DAY);
    }
    if (rc == 0 && a.count > 0) {
        rc = write_additions(f->store, &a, SQL_ROLLUP_DAY_ADD);
    }
    free(a.at);
    return rc;
}
