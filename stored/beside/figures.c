/* SPDX-License-Identifier: Apache-2.0 */
/* One statement a minute. What it costs follows the number of partitions. */
#include "stored/beside/figures.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "common/daemon.h"
#include "common/foreseen.h"
#include "stored/beside/beside.h"

#define EVERY_US      INT64_C(60000000)
#define BACKOFF_US    INT64_C(30000000)
#define APART_MOST_US INT64_C(2000000)
/* A disk is nearly full that has less left than the smaller one. */
#define LEFT_BYTES (UINT64_C(1) << 30)
#define LEFT_PART  50

struct figures {
    struct beside beside;
    int64_t now_us, asked_us; /* time of day: by the last call, when it was asked */
    int64_t due_us;           /* of the steady clock */
};

/* ---- what is found ---- */

static uint64_t count_at(const PGresult *r, int column)
{
    int64_t value = PQgetisnull(r, 0, column) ? 0 : pg_cell_64(r, 0, column);
    return value < 0 ? 0 : (uint64_t)value;
}

/* PostgreSQL read its clock between the asking and the answer: further off than that they are
 * apart. */
static void compare_clocks(const struct figures *f, int64_t theirs_us)
{
    int64_t before_us = f->asked_us - theirs_us, behind_us = theirs_us - f->now_us;
    int64_t apart_us = before_us > 0 ? before_us : behind_us > 0 ? behind_us : 0;
    bool apart = apart_us > APART_MOST_US;
    count_set(COUNT_CLOCK_APART_MS, (uint64_t)apart_us / 1000);
    daemon_trouble(
        "clock", apart, apart ? "PostgreSQL's is %" PRId64 ".%03d s %s" : "as PostgreSQL's",
        apart_us / 1000000, (int)(apart_us / 1000 % 1000), before_us > 0 ? "behind" : "ahead");
}

/* The disk of a cluster on this machine, which has its socket beside its data. */
static void look_at_disk(const PGconn *conn)
{
    const char *host = PQhost(conn);
    char data[4096];
    struct statvfs disk;
    if (host == NULL || host[0] != '/') {
        return;
    }
    snprintf(data, sizeof data, "%s/../data", host);
    if (statvfs(data, &disk) == -1 && statvfs(host, &disk) == -1) {
        return;
    }
    uint64_t all = (uint64_t)disk.f_blocks * disk.f_frsize;
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    bool full = left < LEFT_BYTES && left < all / LEFT_PART;
    count_set(COUNT_DISK_BYTES, all);
    count_set(COUNT_DISK_FREE_BYTES, left);
    foreseen_tell_room("store", daemon_clock_us(), all, left);
    daemon_trouble("disk", full, "%" PRIu64 " MiB of %" PRIu64 " are left", left >> 20, all >> 20);
}

static void count_partitions(const struct calendar_parts *parts)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < parts->count; i++) {
        count += parts->at[i].class != SQL_WHOLE_DAY;
    }
    count_set(COUNT_PARTITIONS, count);
    count_set(COUNT_RECORDS_OLDEST,
              parts->count == 0 || parts->at[0].day < 0 ? 0 : (uint64_t)parts->at[0].day * 86400);
}

static int found(void *owner, const PGresult *r, int64_t clock_us)
{
    struct figures *f = owner;
    (void)clock_us;
    if (PQntuples(r) != 1) {
        return PG_OVER;
    }
    compare_clocks(f, pg_cell_64(r, 0, 0));
    count_set(COUNT_DATABASE_BYTES, count_at(r, 1));
    count_set(COUNT_FEED_ENTRIES, count_at(r, 2));
    count_set(COUNT_FEED_OLDEST, count_at(r, 3));
    count_set(COUNT_LEDGER_DROPPED, count_at(r, 4));
    count_set(COUNT_LEDGER_LOST, count_at(r, 5));
    count_set(COUNT_LEDGER_MAYBE_LOST, count_at(r, 6));
    count_set(COUNT_LEDGER_HOLES, count_at(r, 7));
    count_partitions(&f->beside.store->calendar.parts);
    look_at_disk(f->beside.task.pg.conn);
    return PG_OVER;
}

static const struct pg_step steps[] = {
    {.name = "figures", .statement = SQL_FIGURES, .answer = PG_ANSWER_ROWS, .done = found}};

static void failed(void *owner, const char *step, int64_t clock_us)
{
    const struct figures *f = owner;
    (void)clock_us;
    beside_log(&f->beside, "figures.failed", step);
}

static const struct pg_task_kind kind = {
    .application = "ezrepo-stored-figures", .backoff_us = BACKOFF_US, .failed = failed};

/* ---- when ---- */

struct figures *figures_new(struct store *store)
{
    return beside_new(store, sizeof(struct figures), &kind);
}

void figures_go_on(struct figures *f, int64_t now_us, int64_t clock_us)
{
    f->now_us = now_us;
    if (clock_us >= f->due_us && pg_task_is_ready(&f->beside.task, clock_us)) {
        f->due_us = clock_us + EVERY_US;
        f->asked_us = now_us;
        pg_task_begin(&f->beside.task, steps, 0, clock_us);
    }
    pg_task_go_on(&f->beside.task, clock_us);
}
