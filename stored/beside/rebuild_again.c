/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before stored takes records: series of which a migration says that what is stored no longer is
 * what their records say. One after the other, each written and struck off by itself. Those that
 * have another gap are done while records are taken: rebuild.c.
 */
#include "common/daemon.h"
#include "common/log.h"
#include "stored/beside/rebuild.h"
#include "stored/beside/rebuild_work.h"
#include "stored/feed.h"

int64_t rebuild_again_count(struct store *store, bool meanwhile)
{
    pg_params_begin(&store->params);
    pg_add_32(&store->params, meanwhile);
    PGresult *r = pg_rows(&store->pg, SQL_AGAIN_COUNT, &store->params);
    int64_t count = r == NULL ? -1 : pg_cell_64(r, 0, 0);
    PQclear(r);
    return count;
}

/* Until all of them are done. */
static int do_all(struct rebuild_series *s, const struct rebuild_job *job, int64_t all)
{
    int64_t told_us = 0;
    int rc = rebuild_series_begin(s);
    while (rc == 0) {
        rc = daemon_is_asked_to_end() ? -1 : rebuild_series_step(s);
        if (daemon_clock_us() - told_us >= 1000000) {
            told_us = daemon_clock_us();
            daemon_note("database", "periods after the upgrade: %llu of %lld series are done",
                        (unsigned long long)job->found.series, (long long)all);
            daemon_tick();
        }
    }
    return rc == 1 ? 0 : -1;
}

int rebuild_again(struct store *store)
{
    struct rebuild_job job = {.store = store, .since_us = INT64_MIN, .again = true};
    int64_t began_us = daemon_clock_us(), count = rebuild_again_count(store, false);
    if (count <= 0) {
        return (int)count;
    }
    log_info("rebuild.again", "series=%lld", (long long)count);
    struct rebuild_series *s = rebuild_series_new(&job);
    int rc = s == NULL || feed_rebuild_begins(store, "upgrade") == -1 ? -1 : do_all(s, &job, count);
    rebuild_series_free(&s);
    if (rc == 0) {
        const struct rebuild_found *f = &job.found;
        rc = feed_rebuild_ended(store, "repaired", rebuild_differences(f));
        log_info("rebuild.again_done", "series=%llu periods=%llu events=%llu ms=%lld",
                 (unsigned long long)f->series,
                 (unsigned long long)(f->periods[0] + f->periods[1] + f->periods[2]),
                 (unsigned long long)(f->events[0] + f->events[1] + f->events[2]),
                 (long long)((daemon_clock_us() - began_us) / 1000));
    }
    return rc;
}
