/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transaction: begins, lets the parts do their work, commits, and only then counts. What fails
 * leaves nothing behind in memory either: every cache entry it touched is forgotten and read again.
 */
#include "stored/flush/flush.h"

#include <stdlib.h>

#include "common/daemon.h"
#include "common/grow.h"
#include "common/log.h"
#include "stored/beside/rebuild.h"
#include "stored/beside/seal.h"
#include "stored/periods/period_writes.h"

#define ARENA_BYTES   ((size_t)256 << 20)
#define SCRATCH_BYTES ((size_t)16 << 20)
#define KEEP_BYTES    ((size_t)32 << 20)
#define LAST_HOUR     70380767 /* of the year 9998: PostgreSQL's timestamps go further */

struct flush *flush_new(struct store *store)
{
    struct flush *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    f->store = store;
    f->arena = arena_new(ARENA_BYTES);
    f->scratch = arena_new(SCRATCH_BYTES);
    f->periods = period_writes_new();
    if (f->arena == NULL || f->scratch == NULL || f->periods == NULL) {
        flush_free(&f);
    }
    return f;
}

void flush_free(struct flush **f)
{
    if (*f == NULL) {
        return;
    }
    arena_free(&(*f)->arena);
    arena_free(&(*f)->scratch);
    period_writes_free(&(*f)->periods);
    bytes_release(&(*f)->rows);
    bytes_release(&(*f)->entries);
    rejects_release(&(*f)->rejects);
    free((*f)->poison);
    free((*f)->needs);
    free((*f)->items);
    free((*f)->result);
    free((*f)->heard);
    free(*f);
    *f = NULL;
}

/* ---- the parts that flush.c has itself ---- */

static int begin(struct flush *f)
{
    f->views = arena_calloc(f->arena, f->batch_count, sizeof *f->views);
    for (uint32_t i = 0; f->views != NULL && i < f->batch_count; i++) {
        int64_t hour = f->batches[i]->header.received_us / HOUR_US;
        f->views[i].batch = f->batches[i];
        f->views[i].hour = hour < 0 ? 0 : hour > LAST_HOUR ? LAST_HOUR : (int32_t)hour;
    }
    return f->views == NULL ? -1 : pg_do(&f->store->pg, "BEGIN");
}

static int number_arrival(struct flush *f)
{
    return arrival_begin(&f->store->arrival, &f->store->pg);
}

static int find_senders(struct flush *f)
{
    return ledger_load(&f->store->ledger, &f->store->pg, &f->store->params);
}

/*
 * Records for an hour that is being counted now: the counting is given up, and what came of it is
 * asked within this transaction.
 */
static int settle_sealing(struct flush *f)
{
    struct store *s = f->store;
    bool touched = false;
    for (uint32_t i = 0; s->calendar.sealing_hours != 0 && i < f->item_count && !touched; i++) {
        const struct calendar_hour *h =
            calendar_find(&s->calendar, calendar_hour_of(f->items[i].key.t_us));
        touched = h != NULL && calendar_meets_sealing(&s->calendar, h);
    }
    if (!touched) {
        return 0;
    }
    seal_abandon(s->seal);
    return calendar_settle(&s->calendar, &s->pg, &s->params);
}

static int write_rejects(struct flush *f)
{
    return rejects_write(&f->rejects, f->store, f->arena);
}

static int commit(struct flush *f)
{
    return flush_confirm(f) == -1 ? -1 : pg_commit(&f->store->pg);
}

/* ---- one attempt ---- */

static const struct flush_part {
    const char *name; /* in the log */
    int (*run)(struct flush *f);
    enum store_counter time_us;
    bool own;      /* writes what no sender made, so that its failure is no record's fault */
    bool for_good; /* a trial ends before the first of these: all of them are last */
} parts[] = {
    {"begin", begin, COUNT_FLUSH_BEGIN_US},
    {"take", flush_take, COUNT_FLUSH_TAKE_US},
    {"arrival", number_arrival, COUNT_FLUSH_ARRIVAL_US},
    {"read", flush_read, COUNT_FLUSH_READ_US},
    {"days", flush_days, COUNT_FLUSH_DAYS_US},
    {"senders", find_senders, COUNT_FLUSH_SENDERS_US},
    {"sealing", settle_sealing, COUNT_FLUSH_SEALING_US},
    {"records", flush_records, COUNT_FLUSH_RECORDS_US},
    {"rollup", flush_rollup, COUNT_FLUSH_ROLLUP_US, .own = true},
    {"periods", flush_periods, COUNT_FLUSH_PERIODS_US, .own = true},
    {"totals", flush_totals, COUNT_FLUSH_TOTALS_US, .own = true},
    {"rejected", write_rejects, COUNT_FLUSH_REJECTED_US},
    {"silence", flush_silence, COUNT_FLUSH_SILENCE_US, .own = true, .for_good = true},
    {"ledger", flush_ledger, COUNT_FLUSH_LEDGER_US, .for_good = true},
    {"commit", commit, COUNT_FLUSH_COMMIT_US, .for_good = true},
};

/* All parts, in their order, up to the one that fails, whose name f->part has then. */
static int run_parts(struct flush *f)
{
    struct pg *pg = &f->store->pg;
    int64_t began_us = daemon_clock_us();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        const struct flush_part *p = &parts[i];
        if (f->trial && p->for_good) {
            break;
        }
        f->part = p->name;
        rc = p->own ? pg_own(pg, p->run(f)) : p->run(f);
        int64_t now_us = daemon_clock_us();
        count_add(p->time_us, (uint64_t)(now_us - began_us));
        began_us = now_us;
    }
    return rc;
}

static void begin_attempt(struct flush *f)
{
    arena_reset(f->arena);
    arena_reset(f->scratch);
    bytes_reset(&f->rows, KEEP_BYTES);
    f->rejects.count = 0;
    f->whole_bytes = 0;
    f->item_count = 0;
    f->copy_count = 0;
    f->need_count = 0;
    f->result_of = NULL;
    f->part = "calendar";
    f->counts = (struct flush_counts){0};
    f->store->stamp++;
    pg_begin_anew(&f->store->pg);
    ledger_begin(&f->store->ledger, f->store->stamp);
}

static void forget_attempt(struct flush *f)
{
    struct store *s = f->store;
    enum pg_fault fault = s->pg.fault;
    bool looked_only = f->need_count > 0; /* flush_days() comes before all that changes anything */
    if (looked_only) {
        series_forget_unseen(&s->series);
    } else {
        series_forget(&s->series, s->stamp);
    }
    interned_forget(&s->schemas, s->stamp);
    interned_forget(&s->hops, s->stamp);
    arrival_forget(&s->arrival);
    ledger_forget(&s->ledger);
    s->calendar.stale = s->calendar.stale || !looked_only;
    pg_rollback(&s->pg);
    s->pg.fault = pg_is_open(&s->pg) ? (fault == PG_NONE ? PG_BUSY : fault) : PG_AWAY;
}

static void count_attempt(const struct flush *f)
{
    const struct flush_counts *c = &f->counts;
    const struct period_counts *p = &f->periods->counts;
    count_add(COUNT_COMMITTED_RECORDS, c->in_order + c->late);
    count_add(COUNT_LATE_RECORDS, c->late);
    count_add(COUNT_DUPLICATES, c->duplicates);
    count_add(COUNT_SAME_START, c->same_start);
    count_add(COUNT_REJECTED_KEPT, f->rejects.count);
    count_add(COUNT_REJECTED_DATABASE, c->refused);
    count_add(COUNT_REJECTED_RECORDS, c->rejected);
    count_add(COUNT_REJECTED_EXPIRED, c->expired);
    count_add(COUNT_MALFORMED_BATCHES, c->malformed);
    count_add(COUNT_REPEATED_BATCHES, c->repeated);
    count_add(COUNT_COMMITTED_BATCHES, f->batch_count - c->repeated);
    count_add(COUNT_PERIODS_OPENED, p->opened);
    count_add(COUNT_PERIODS_ENDED, p->ended);
    count_add(COUNT_PERIODS_REPAIRED, p->repaired);
    count_add(COUNT_STEADY_READ, p->walked);
    count_add(COUNT_EVENTS_RETRACTED, p->retracted);
    count_add(COUNT_SPOOLS_COPIED, c->copies);
}

static void tell_rebuild(const struct flush *f)
{
    for (uint32_t i = 0; i < f->item_count; i++) {
        if (f->items[i].fate == ITEM_LATE) {
            rebuild_notice(f->store->rebuild, f->items[i].series, &f->items[i].key);
        }
    }
}

/* The batches in one transaction; a trial is rolled back, and only about the records [from, to). */
static int attempt(struct flush *f, bool trial, uint32_t from, uint32_t to)
{
    struct store *s = f->store;
    f->trial = trial;
    f->from = from;
    f->to = to;
    begin_attempt(f);
    if (s->calendar.stale && calendar_load(&s->calendar, &s->pg, f->clock_us) == -1) {
        forget_attempt(f);
        return -1;
    }
    int rc = run_parts(f);
    if (rc == -1 || trial) {
        forget_attempt(f);
        return rc;
    }
    s->calendar.stale = false;
    series_trim(&s->series, s->stamp);
    interned_trim(&s->schemas, s->stamp);
    interned_trim(&s->hops, s->stamp);
    ledger_trim(&s->ledger);
    count_attempt(f);
    tell_rebuild(f);
    flush_silence_committed(f);
    return 0;
}

/* ---- finding what is refused ---- */

static int add_poison(struct flush *f, uint32_t at)
{
    const struct pg *pg = &f->store->pg;
    static struct log_limit said;
    struct flush_poison *poison = grow(f->poison, f->poison_count, &f->poison_size, sizeof *poison);
    if (poison == NULL) {
        return -1;
    }
    f->poison = poison;
    struct flush_poison *p = &f->poison[f->poison_count++];
    p->at = at;
    snprintf(p->reason, sizeof p->reason, "%s: %s", pg->sqlstate, pg->message);
    if (log_allowed(&said, 10)) {
        log_warn("record.refused", "sqlstate=%s error=\"%s\"", pg->sqlstate, pg->message);
    }
    return 0;
}

/*
 * By halving: tries the records [from, to), and notes those that are refused by themselves. Nothing
 * is committed, so that a batch is always written whole.
 */
static int find_poison(struct flush *f, uint32_t from, uint32_t to)
{
    if (from == to || attempt(f, true, from, to) == 0) {
        return 0;
    }
    if (f->store->pg.fault != PG_DATA) {
        return -1;
    }
    if (to - from == 1) {
        return add_poison(f, from);
    }
    uint32_t middle = from + (to - from) / 2;
    return find_poison(f, from, middle) == -1 ? -1 : find_poison(f, middle, to);
}

static uint32_t count_records(const struct flush *f)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < f->batch_count; i++) {
        if (f->batches[i]->header.kind == BATCH_RECORDS) {
            total += (uint32_t)f->batches[i]->header.count;
        }
    }
    return total;
}

/* A batch whose records are refused only together: none of them is taken. */
static int refuse_all(struct flush *f, uint32_t total)
{
    f->poison_count = 0;
    for (uint32_t i = 0; i < total; i++) {
        if (add_poison(f, i) == -1) {
            return -1;
        }
    }
    return attempt(f, false, 0, UINT32_MAX);
}

/* -1 also when partitions are missing. */
static int64_t write_what_can_be(struct flush *f, uint32_t count)
{
    for (f->batch_count = count; f->batch_count > 0; f->batch_count /= 2) {
        f->poison_count = 0;
        f->starts_doubted = false;
        if (attempt(f, false, 0, UINT32_MAX) == 0) {
            return f->batch_count;
        }
        if (f->store->pg.fault == PG_DATA && f->store->pg.meaning == PG_MEANS_TWICE) {
            f->starts_doubted = true;
            if (attempt(f, false, 0, UINT32_MAX) == 0) {
                return f->batch_count;
            }
        }
        uint32_t total = count_records(f);
        if (f->store->pg.fault != PG_DATA || find_poison(f, 0, total) == -1) {
            return -1;
        }
        if (attempt(f, false, 0, UINT32_MAX) == 0) {
            return f->batch_count;
        }
        if (f->store->pg.fault != PG_DATA) {
            return -1;
        }
        if (f->batch_count == 1) {
            return refuse_all(f, total) == 0 ? 1 : -1;
        }
    }
    return 0;
}

int64_t flush_write(struct flush *f, struct batch *const *batches, uint32_t count, int64_t clock_us)
{
    f->batches = batches;
    f->clock_us = clock_us;
    int64_t written = write_what_can_be(f, count);
    return written == -1 && f->need_count > 0 && pg_is_open(&f->store->pg) ? 0 : written;
}
