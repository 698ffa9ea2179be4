/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that a transaction beside the flushes writes, and those that are due. */
#include "stored/feed.h"

#include "common/daemon.h"
#include "schemas/feed_kinds.h"

/* The transaction at hand gets a number although it has no records. */
static int take_number(struct arrival *a, struct pg *pg, struct pg_params *params)
{
    int64_t now_us = daemon_now_us();
    a->told = true;
    return arrival_begin(a, pg) == -1 ? -1 : arrival_write(a, pg, params, now_us, now_us);
}

int feed_tell_grading(struct arrival *a, struct pg *pg, struct pg_params *params, uint32_t version,
                      struct slice author)
{
    if (take_number(a, pg, params) == -1) {
        return -1;
    }
    pg_params_begin(params);
    pg_add_64(params, a->number);
    pg_add_32(params, (int32_t)version);
    pg_add_bytes(params, author);
    return pg_run(pg, SQL_FEED_GRADING, params);
}

int feed_rebuild_begins(struct store *store, const char *reason)
{
    pg_params_begin(&store->params);
    pg_add_bytes(&store->params, slice_of(reason));
    return pg_run(&store->pg, SQL_FEED_DUE_REBUILD, &store->params);
}

/* Whether entries of this kind are due, "" any; -1: the database. */
static int64_t count_due(struct store *store, const char *kind)
{
    pg_params_begin(&store->params);
    pg_add_bytes(&store->params, slice_of(kind));
    PGresult *r = pg_rows(&store->pg, SQL_FEED_DUE_COUNT, &store->params);
    int64_t count = r == NULL ? -1 : pg_cell_64(r, 0, 0);
    PQclear(r);
    return count;
}

int feed_begin(struct store *store)
{
    return pg_do(&store->pg, "BEGIN") == -1
               ? -1
               : take_number(&store->arrival, &store->pg, &store->params);
}

int feed_end(struct store *store, int rc)
{
    if (rc == -1 || pg_commit(&store->pg) == -1) {
        pg_rollback(&store->pg);
        arrival_forget(&store->arrival);
        return -1;
    }
    return 0;
}

static int tell_due(struct store *store, const char *kind)
{
    int64_t count = count_due(store, kind);
    if (count <= 0) {
        return (int)count;
    }
    int rc = feed_begin(store);
    if (rc == 0) {
        pg_params_begin(&store->params);
        pg_add_bytes(&store->params, slice_of(kind));
        pg_add_64(&store->params, store->arrival.number);
        rc = pg_run(&store->pg, SQL_FEED_DUE_TELL, &store->params);
    }
    return feed_end(store, rc);
}

int feed_rebuild_ended(struct store *store, const char *result, uint64_t differences)
{
    pg_params_begin(&store->params);
    pg_add_bytes(&store->params, slice_of(result));
    pg_add_64(&store->params, (int64_t)differences);
    return pg_run(&store->pg, SQL_FEED_DUE_REBUILT, &store->params) == -1
               ? -1
               : tell_due(store, FEED_REBUILD);
}

int feed_settle(struct store *store)
{
    return tell_due(store, "");
}
