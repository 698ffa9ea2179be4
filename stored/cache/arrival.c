/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of arrivals, and the few doors and formats there are. */
#include "stored/cache/arrival.h"

#include <stdlib.h>

#include "common/grow.h"
#include "stored/db/sql.h"

#define US_PER_S INT64_C(1000000)

static int take_origin(struct arrival *a, int16_t id, struct slice door, struct slice format)
{
    struct origin *at = grow(a->origins, a->origin_count, &a->origin_size, sizeof *at);
    if (at == NULL || door.len > ORIGIN_TEXT || format.len > ORIGIN_TEXT) {
        return -1;
    }
    a->origins = at;
    struct origin *o = &a->origins[a->origin_count++];
    *o = (struct origin){.id = id};
    memcpy(o->door, door.len == 0 ? "" : door.at, door.len);
    memcpy(o->format, format.len == 0 ? "" : format.at, format.len);
    return 0;
}

static int load(struct arrival *a, struct pg *pg)
{
    PGresult *r = pg_rows(pg, SQL_ARRIVAL_LAST, NULL);
    if (r == NULL) {
        return -1;
    }
    a->number = pg_cell_64(r, 0, 0);
    a->row_received_s = a->row_committed_s = -1;
    PQclear(r);
    r = pg_rows(pg, SQL_ORIGINS, NULL);
    if (r == NULL) {
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        rc = take_origin(a, pg_cell_16(r, i, 0), pg_cell_text(r, i, 1), pg_cell_text(r, i, 2));
    }
    PQclear(r);
    a->origins_written = a->origin_count;
    a->loaded = rc == 0;
    return rc;
}

int arrival_begin(struct arrival *a, struct pg *pg)
{
    if (!a->loaded && load(a, pg) == -1) {
        arrival_forget(a);
        return -1;
    }
    a->marked = a->marked || a->marking; /* it was committed, else all would be forgotten */
    a->marking = false;
    a->number++;
    return 0;
}

void arrival_connected(struct arrival *a)
{
    arrival_forget(a);
    a->marked = false;
}

int16_t arrival_origin(struct arrival *a, struct slice door, struct slice format)
{
    int16_t greatest = 0;
    if (door.len == 0 && format.len == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < a->origin_count; i++) {
        const struct origin *o = &a->origins[i];
        if (slice_is(door, o->door) && slice_is(format, o->format)) {
            return o->id;
        }
        greatest = o->id > greatest ? o->id : greatest;
    }
    if (greatest == INT16_MAX || take_origin(a, (int16_t)(greatest + 1), door, format) == -1) {
        return 0;
    }
    return (int16_t)(greatest + 1);
}

static int write_origins(struct arrival *a, struct pg *pg, struct pg_params *params)
{
    if (a->origins_written == a->origin_count) {
        return 0;
    }
    pg_params_begin(params);
    int ids = pg_add_array(params, PG_SMALLINT), doors = pg_add_array(params, PG_TEXT),
        formats = pg_add_array(params, PG_TEXT);
    for (; a->origins_written < a->origin_count; a->origins_written++) {
        const struct origin *o = &a->origins[a->origins_written];
        pg_put_16(params, ids, o->id);
        pg_put_bytes(params, doors, slice_of(o->door));
        pg_put_bytes(params, formats, slice_of(o->format));
    }
    return pg_run(pg, SQL_ORIGIN_ADD, params);
}

/* From here on the numbers are this connection's. */
static int write_mark(struct arrival *a, struct pg *pg, struct pg_params *params)
{
    pg_params_begin(params);
    pg_add_64(params, a->number);
    a->marking = true;
    return pg_run(pg, SQL_ARRIVAL_MARK, params);
}

int arrival_write(struct arrival *a, struct pg *pg, struct pg_params *params, int64_t received_us,
                  int64_t now_us)
{
    int64_t received_s = received_us / US_PER_S, committed_s = now_us / US_PER_S;
    if (write_origins(a, pg, params) == -1 || (!a->marked && write_mark(a, pg, params) == -1)) {
        return -1;
    }
    pg_params_begin(params);
    if (received_s == a->row_received_s && committed_s == a->row_committed_s) {
        pg_add_64(params, a->row);
        pg_add_64(params, a->number);
        return pg_run(pg, SQL_ARRIVAL_MOVE, params);
    }
    pg_add_64(params, a->number);
    pg_add_time(params, received_us);
    pg_add_time(params, now_us);
    a->row = a->number;
    a->row_received_s = received_s;
    a->row_committed_s = committed_s;
    return pg_run(pg, SQL_ARRIVAL_ADD, params);
}

void arrival_forget(struct arrival *a)
{
    free(a->origins);
    *a = (struct arrival){.marked = a->marked, .told = a->told, .announced = a->announced};
}
