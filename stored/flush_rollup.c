/*
 * A sealed hour is counted in grade_rollup, completely: a record that falls into one adds to it in
 * the same transaction.
 */
#include <stdlib.h>

#include "stored/flush.h"

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
    if (a->count == a->size) {
        uint32_t size = a->size == 0 ? 1024 : a->size * 2;
        struct addition *at = realloc(a->at, size * sizeof *at);
        if (at == NULL) {
            return -1;
        }
        a->at = at;
        a->size = size;
    }
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
    if (x->grade_id != y->grade_id) {
        return x->grade_id < y->grade_id ? -1 : 1;
    }
    return (int)x->grade - (int)y->grade;
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

static int collect(const struct flush *f, struct additions *a)
{
    const struct calendar *c = &f->store->calendar;
    const struct calendar_hour *h = NULL;
    for (uint32_t i = 0; i < f->item_count; i++) {
        int32_t hour = calendar_hour_of(f->items[i].key.t_us);
        if (h == NULL || h->hour != hour) {
            h = calendar_find(c, hour);
        }
        if (h != NULL && h->state == HOUR_SEALED && f->items[i].fate != ITEM_DUPLICATE &&
            add_item(a, &f->items[i], hour) == -1) {
            return -1;
        }
    }
    return 0;
}

static int write_additions(struct store *store, struct additions *a)
{
    struct pg_params *p = &store->params;
    qsort(a->at, a->count, sizeof *a->at, compare_additions);
    pg_params_begin(p);
    pg_add_array(p, PG_TIMESTAMPTZ);
    pg_add_array(p, PG_BIGINT);
    pg_add_array(p, PG_SMALLINT);
    pg_add_array(p, PG_SMALLINT);
    pg_add_array(p, PG_BIGINT);
    for (uint32_t i = 0, n; i < a->count; i += n) {
        for (n = 1; i + n < a->count && compare_additions(&a->at[i], &a->at[i + n]) == 0;) {
            n++;
        }
        pg_put_time(p, 0, a->at[i].hour * HOUR_US);
        pg_put_64(p, 1, a->at[i].series_id);
        pg_put_16(p, 2, (int16_t)a->at[i].grade_id);
        pg_put_16(p, 3, a->at[i].grade);
        pg_put_64(p, 4, n);
    }
    return pg_run(&store->pg, SQL_ROLLUP_ADD, p);
}

int flush_rollup(struct flush *f)
{
    struct additions a = {NULL, 0, 0};
    int rc = collect(f, &a);
    if (rc == 0 && a.count > 0) {
        rc = write_additions(f->store, &a);
    }
    free(a.at);
    return rc;
}
