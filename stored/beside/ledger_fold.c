/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flushes write no row of the ledger twice: they add entries by COPY, which costs the same whoever
 * sends, and this sums them up. It and a flush never wait for each other, since a flush changes
 * none of the rows this changes.
 */
#include "stored/beside/ledger_fold.h"

#include "common/log.h"
#include "stored/beside/beside.h"

#define EVERY_US       INT64_C(10000000)
#define ENTRIES_MOST   500000 /* then it is time at once */
#define ENTRIES_VACUUM 10000  /* so many are worth making their room free */
#define BACKOFF_US     INT64_C(30000000)

struct ledger_fold {
    struct beside beside;
    uint64_t entries; /* being summed up, about */
    int64_t again_us; /* when it is time again, unless there are many entries */
};

/* ---- the steps ---- */

enum { FOLD_SUM, FOLD_VACUUM };

static int summed_up(void *owner, const PGresult *r, int64_t clock_us)
{
    struct ledger_fold *fold = owner;
    (void)r, (void)clock_us;
    bool vacuum = fold->entries >= ENTRIES_VACUUM;
    fold->entries = 0;
    return vacuum ? FOLD_VACUUM : PG_OVER;
}

static int vacuumed(void *owner, const PGresult *r, int64_t clock_us)
{
    (void)owner, (void)r, (void)clock_us;
    return PG_OVER;
}

static const struct pg_step steps[] = {
    [FOLD_SUM] = {.name = "sum", .statement = SQL_LEDGER_FOLD, .done = summed_up},
    [FOLD_VACUUM] = {.name = "vacuum", .text = sql_vacuum_entries, .done = vacuumed},
};

static void failed(void *owner, const char *step, int64_t clock_us)
{
    struct ledger_fold *fold = owner;
    (void)clock_us;
    beside_log(&fold->beside, "ledger.sum", step);
    fold->beside.store->ledger.entries += fold->entries;
}

static const struct pg_task_kind kind = {
    .application = "ezrepo-stored-ledger", .backoff_us = BACKOFF_US, .failed = failed};

/* ---- when ---- */

struct ledger_fold *ledger_fold_new(struct store *store)
{
    return beside_new(store, sizeof(struct ledger_fold), &kind);
}

void ledger_fold_go_on(struct ledger_fold *fold, int64_t clock_us)
{
    struct ledger *ledger = &fold->beside.store->ledger;
    bool due = clock_us >= fold->again_us || ledger->entries >= ENTRIES_MOST;
    if (ledger->entries > 0 && due && pg_task_is_ready(&fold->beside.task, clock_us)) {
        fold->entries = ledger->entries;
        ledger->entries = 0;
        fold->again_us = clock_us + EVERY_US;
        pg_task_begin(&fold->beside.task, steps, FOLD_SUM, clock_us);
    }
    pg_task_go_on(&fold->beside.task, clock_us);
}
