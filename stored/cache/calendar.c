/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions and hours, in two ascending lists: few of them, asked for often. */
#include "stored/cache/calendar.h"

#include <stdlib.h>

#include "common/grow.h"
#include "stored/db/sql.h"
#include "stored/db/sql_columns.h"

#define ARRIVALS_AT_ONCE 64

uint32_t calendar_place(const struct calendar *c, int32_t hour)
{
    uint32_t low = 0, high = c->hour_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->hours[middle].hour < hour) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct calendar_hour *calendar_find(const struct calendar *c, int32_t hour)
{
    uint32_t i = calendar_place(c, hour);
    return i < c->hour_count && c->hours[i].hour == hour ? &c->hours[i] : NULL;
}

static struct calendar_hour *insert_hour(struct calendar *c, int32_t hour, enum hour_state state,
                                         int64_t clock_us)
{
    struct calendar_hour *hours = grow(c->hours, c->hour_count, &c->hour_size, sizeof *hours);
    if (hours == NULL) {
        return NULL;
    }
    c->hours = hours;
    uint32_t i = calendar_place(c, hour);
    memmove(&c->hours[i + 1], &c->hours[i], (c->hour_count - i) * sizeof *c->hours);
    c->hour_count++;
    c->hours[i] =
        (struct calendar_hour){.hour = hour, .state = (uint8_t)state, .touched_us = clock_us};
    return &c->hours[i];
}

/* ---- partitions ---- */

static int compare_parts(const void *a, const void *b)
{
    const struct calendar_part *x = a, *y = b;
    if (x->day != y->day) {
        return x->day < y->day ? -1 : 1;
    }
    return x->class < y->class ? -1 : x->class > y->class;
}

static struct calendar_part *find_part(const struct calendar_parts *parts, int32_t day,
                                       int32_t class)
{
    const struct calendar_part key = {day, class};
    return parts->count == 0
               ? NULL
               : bsearch(&key, parts->at, parts->count, sizeof *parts->at, compare_parts);
}

static int append_part(struct calendar_parts *parts, struct calendar_part part)
{
    struct calendar_part *at = grow(parts->at, parts->count, &parts->size, sizeof *at);
    if (at == NULL) {
        return -1;
    }
    parts->at = at;
    parts->at[parts->count++] = part;
    return 0;
}

bool calendar_has(const struct calendar *c, int32_t day, int32_t class)
{
    return find_part(&c->parts, day, class) != NULL;
}

int calendar_need(struct calendar *c, int32_t day, int32_t class)
{
    if (calendar_has(c, day, class)) {
        return 0;
    }
    for (uint32_t i = 0; i < c->missing.count; i++) {
        if (c->missing.at[i].day == day && c->missing.at[i].class == class) {
            return 0;
        }
    }
    return append_part(&c->missing, (struct calendar_part){day, class});
}

int32_t calendar_last_day(const struct calendar *c)
{
    return c->parts.count == 0 ? -1 : c->parts.at[c->parts.count - 1].day;
}

int32_t calendar_last_measured(const struct calendar *c)
{
    return c->hour_count == 0 ? -1 : c->hours[c->hour_count - 1].hour / 24;
}

int64_t calendar_window_us(const struct calendar *c, int window)
{
    static const int32_t back_days[CALENDAR_WINDOWS] = {2, 16, 128, INT32_MAX};
    int32_t last = calendar_last_day(c);
    return last <= back_days[window] ? 0 : (last - back_days[window]) * DAY_US;
}

void calendar_remove(struct calendar *c, int32_t day, int32_t class)
{
    struct calendar_part *part = find_part(&c->parts, day, class);
    if (part != NULL) {
        c->parts.count--;
        memmove(part, part + 1, (size_t)(c->parts.at + c->parts.count - part) * sizeof *part);
    }
}

/* ---- hours ---- */

bool calendar_is_sealed(const struct calendar *c, int32_t day)
{
    for (uint32_t i = calendar_place(c, day * 24); i < c->hour_count; i++) {
        if (c->hours[i].hour / 24 != day) {
            break;
        }
        if (c->hours[i].state < HOUR_SEALED) {
            return false;
        }
    }
    return true;
}

/* The end of the numbers such as this one, which few of them move. */
static int64_t arrivals_end(int64_t arrival)
{
    return (arrival / ARRIVALS_AT_ONCE + 1) * ARRIVALS_AT_ONCE;
}

struct calendar_hour *calendar_touch(struct calendar *c, int32_t hour, int32_t reach,
                                     int64_t arrival, int64_t clock_us)
{
    struct calendar_hour *h = calendar_find(c, hour);
    if (h == NULL) {
        h = insert_hour(c, hour, HOUR_NEW, clock_us);
        if (h != NULL) {
            h->arrived_from = arrival;
        }
    }
    if (h != NULL) {
        h->touched_us = clock_us;
        h->moved =
            h->moved || h->state == HOUR_NEW || reach > h->reach || arrival >= h->arrived_until;
        h->reach = reach > h->reach ? reach : h->reach;
        h->arrived_until = arrival >= h->arrived_until ? arrivals_end(arrival) : h->arrived_until;
        c->stale = c->stale || h->moved;
    }
    return h;
}

static void sort_parts(struct calendar_parts *parts)
{
    if (parts->count > 0) {
        qsort(parts->at, parts->count, sizeof *parts->at, compare_parts);
    }
}

int calendar_add(struct calendar *c, struct calendar_part part)
{
    if (calendar_has(c, part.day, part.class)) {
        return 0;
    }
    if (append_part(&c->parts, part) == -1) {
        return -1;
    }
    sort_parts(&c->parts);
    return 0;
}

static int load_parts(struct calendar *c, struct pg *pg)
{
    PGresult *r = pg_rows(pg, SQL_PARTITIONS, NULL);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        struct calendar_part part;
        if (sql_partition_parse(pg_cell_text(r, i, 0).at, &part.day, &part.class) == 0) {
            rc = append_part(&c->parts, part);
        }
    }
    PQclear(r);
    sort_parts(&c->parts);
    return rc;
}

static enum hour_state state_of(const PGresult *r, int row)
{
    return pg_cell_bool(r, row, HOURS_IN_DAY)   ? HOUR_IN_DAY
           : pg_cell_bool(r, row, HOURS_SEALED) ? HOUR_SEALED
                                                : HOUR_OPEN;
}

int calendar_load(struct calendar *c, struct pg *pg, int64_t clock_us)
{
    int32_t sealing = c->sealing, sealing_hours = c->sealing_hours;
    calendar_release(c);
    c->sealing = sealing;
    c->sealing_hours = sealing_hours;
    c->stale = true; /* unless all of it could be read */
    if (load_parts(c, pg) == -1) {
        return -1;
    }
    PGresult *r = pg_rows(pg, SQL_HOURS, NULL);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        int32_t hour = calendar_hour_of(pg_cell_time(r, i, HOURS_HOUR));
        struct calendar_hour *h = insert_hour(c, hour, state_of(r, i), clock_us);
        rc = h == NULL ? -1 : 0;
        if (h != NULL) {
            int64_t reach_us = pg_cell_time(r, i, HOURS_REACH);
            h->arrived_from = pg_cell_64(r, i, HOURS_FROM);
            h->arrived_until = pg_cell_64(r, i, HOURS_UNTIL);
            h->reach = reach_us < INT32_MAX * HOUR_US ? calendar_hour_of(reach_us) - 1 : INT32_MAX;
        }
    }
    PQclear(r);
    c->stale = rc == -1;
    return rc;
}

void calendar_release(struct calendar *c)
{
    free(c->hours);
    free(c->parts.at);
    free(c->missing.at);
    *c = (struct calendar){0};
}

static int make_part(struct calendar *c, struct pg *pg, struct calendar_part part)
{
    char text[SQL_PARTITION_BYTES];
    if (calendar_has(c, part.day, part.class)) {
        return 0;
    }
    c->stale = true;
    return sql_partition(part.day, part.class, text) == -1 || pg_do(pg, text) == -1
               ? -1
               : calendar_add(c, part);
}

int calendar_make(struct calendar *c, struct pg *pg)
{
    for (uint32_t i = 0; i < c->missing.count; i++) {
        struct calendar_part part = c->missing.at[i];
        if (make_part(c, pg, (struct calendar_part){part.day, SQL_WHOLE_DAY}) == -1 ||
            make_part(c, pg, part) == -1) {
            return -1;
        }
    }
    c->missing.count = 0;
    return 0;
}

int calendar_write(struct calendar *c, struct pg *pg, struct pg_params *params)
{
    if (!c->stale) {
        return 0;
    }
    pg_params_begin(params);
    int hours = pg_add_array(params, PG_TIMESTAMPTZ);
    int reaches = pg_add_array(params, PG_TIMESTAMPTZ);
    int from = pg_add_array(params, PG_BIGINT), until = pg_add_array(params, PG_BIGINT);
    for (uint32_t i = 0; i < c->hour_count; i++) {
        struct calendar_hour *h = &c->hours[i];
        if (h->moved) {
            pg_put_time(params, hours, h->hour * HOUR_US);
            pg_put_time(params, reaches, (h->reach + INT64_C(1)) * HOUR_US);
            pg_put_64(params, from, h->arrived_from);
            pg_put_64(params, until, h->arrived_until);
            h->state = h->state == HOUR_NEW ? HOUR_OPEN : h->state;
            h->moved = false;
        }
    }
    return pg_elements(params, hours) == 0 ? 0 : pg_run(pg, SQL_HOURS_ADD, params);
}

int calendar_settle(struct calendar *c, struct pg *pg, struct pg_params *params)
{
    pg_params_begin(params);
    pg_add_time(params, c->sealing * HOUR_US);
    pg_add_time(params, (c->sealing + c->sealing_hours) * HOUR_US);
    PGresult *r = pg_rows(pg, SQL_HOURS_LOCK, params);
    if (r == NULL) {
        return -1;
    }
    for (int i = 0; i < PQntuples(r); i++) {
        struct calendar_hour *h =
            calendar_find(c, calendar_hour_of(pg_cell_time(r, i, HOURS_HOUR)));
        if (h != NULL) {
            h->state = (uint8_t)state_of(r, i);
        }
    }
    c->sealing = c->sealing_hours = 0;
    PQclear(r);
    return 0;
}
