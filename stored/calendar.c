/* Days and hours, in two ascending lists: few of them, asked for often. */
#include "stored/calendar.h"

#include <stdlib.h>

static uint32_t hour_place(const struct calendar *c, int32_t hour)
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
    uint32_t i = hour_place(c, hour);
    return i < c->hour_count && c->hours[i].hour == hour ? &c->hours[i] : NULL;
}

static struct calendar_hour *insert_hour(struct calendar *c, int32_t hour, enum hour_state state,
                                         int64_t clock_us)
{
    if (c->hour_count == c->hour_size) {
        uint32_t size = c->hour_size == 0 ? 64 : c->hour_size * 2;
        struct calendar_hour *hours = realloc(c->hours, size * sizeof *hours);
        if (hours == NULL) {
            return NULL;
        }
        c->hours = hours;
        c->hour_size = size;
    }
    uint32_t i = hour_place(c, hour);
    memmove(&c->hours[i + 1], &c->hours[i], (c->hour_count - i) * sizeof *c->hours);
    c->hour_count++;
    c->hours[i] =
        (struct calendar_hour){.hour = hour, .state = (uint8_t)state, .touched_us = clock_us};
    return &c->hours[i];
}

static bool day_is_there(const struct calendar *c, int32_t day)
{
    uint32_t low = 0, high = c->day_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->days[middle] < day) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < c->day_count && c->days[low] == day;
}

static int append_day(int32_t **days, uint32_t *count, uint32_t *size, int32_t day)
{
    if (*count == *size) {
        uint32_t more = *size == 0 ? 64 : *size * 2;
        int32_t *moved = realloc(*days, more * sizeof *moved);
        if (moved == NULL) {
            return -1;
        }
        *days = moved;
        *size = more;
    }
    (*days)[(*count)++] = day;
    return 0;
}

static int note_day(struct calendar *c, int32_t day)
{
    if (day_is_there(c, day)) {
        return 0;
    }
    for (uint32_t i = 0; i < c->new_day_count; i++) {
        if (c->new_days[i] == day) {
            return 0;
        }
    }
    return append_day(&c->new_days, &c->new_day_count, &c->new_day_size, day);
}

struct calendar_hour *calendar_touch(struct calendar *c, int32_t hour, int64_t clock_us)
{
    struct calendar_hour *h = calendar_find(c, hour);
    if (h == NULL) {
        h = insert_hour(c, hour, HOUR_NEW, clock_us);
        c->stale = true;
    }
    /* A partition may be missing although the hour is known: dropped by hand, or by retention. */
    if (h == NULL || note_day(c, hour / 24) == -1) {
        return NULL;
    }
    h->touched_us = clock_us;
    return h;
}

static int compare_days(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int load_days(struct calendar *c, struct pg *pg)
{
    PGresult *r = pg_rows(pg, SQL_PARTITIONS, NULL);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        struct slice name = pg_cell_text(r, i, 0);
        int32_t day;
        if (sql_partition_day(name.at, &day) == 0) {
            rc = append_day(&c->days, &c->day_count, &c->day_size, day);
        }
    }
    PQclear(r);
    if (c->day_count > 0) {
        qsort(c->days, c->day_count, sizeof *c->days, compare_days);
    }
    return rc;
}

/* Of a row: hour, sealed, in_day. */
static enum hour_state state_of(const PGresult *r, int row)
{
    return pg_cell_bool(r, row, 2)   ? HOUR_IN_DAY
           : pg_cell_bool(r, row, 1) ? HOUR_SEALED
                                     : HOUR_OPEN;
}

int calendar_load(struct calendar *c, struct pg *pg, int64_t clock_us)
{
    int32_t sealing = c->sealing, sealing_hours = c->sealing_hours;
    calendar_release(c);
    c->sealing = sealing;
    c->sealing_hours = sealing_hours;
    if (load_days(c, pg) == -1) {
        return -1;
    }
    PGresult *r = pg_rows(pg, SQL_HOURS, NULL);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        int32_t hour = calendar_hour_of(pg_cell_time(r, i, 0));
        rc = insert_hour(c, hour, state_of(r, i), clock_us) == NULL ? -1 : 0;
    }
    PQclear(r);
    return rc;
}

int64_t calendar_whole_from(const struct calendar *c)
{
    int64_t from_us = INT64_MIN;
    for (uint32_t i = 0; i < c->hour_count; i++) {
        int32_t day = c->hours[i].hour / 24;
        if (!day_is_there(c, day)) {
            from_us = (day + 1) * DAY_US;
        }
    }
    return from_us;
}

void calendar_release(struct calendar *c)
{
    free(c->hours);
    free(c->days);
    free(c->new_days);
    *c = (struct calendar){0};
}

static int write_days(struct calendar *c, struct pg *pg)
{
    for (uint32_t i = 0; i < c->new_day_count; i++) {
        char text[600];
        c->stale = true;
        if (sql_partition(c->new_days[i], text, sizeof text) == -1 || pg_do(pg, text) == -1 ||
            append_day(&c->days, &c->day_count, &c->day_size, c->new_days[i]) == -1) {
            return -1;
        }
    }
    if (c->new_day_count > 0) {
        qsort(c->days, c->day_count, sizeof *c->days, compare_days);
    }
    c->new_day_count = 0;
    return 0;
}

int calendar_write(struct calendar *c, struct pg *pg, struct pg_params *params)
{
    if (write_days(c, pg) == -1) {
        return -1;
    }
    if (!c->stale) {
        return 0;
    }
    pg_params_begin(params);
    int column = pg_add_array(params, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < c->hour_count; i++) {
        if (c->hours[i].state == HOUR_NEW) {
            pg_put_time(params, column, c->hours[i].hour * HOUR_US);
            c->hours[i].state = HOUR_OPEN;
        }
    }
    return pg_elements(params, column) == 0 ? 0 : pg_run(pg, SQL_HOURS_ADD, params);
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
        struct calendar_hour *h = calendar_find(c, calendar_hour_of(pg_cell_time(r, i, 0)));
        if (h != NULL) {
            h->state = (uint8_t)state_of(r, i);
        }
    }
    c->sealing = c->sealing_hours = 0;
    PQclear(r);
    return 0;
}
