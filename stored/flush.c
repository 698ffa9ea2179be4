/*
 * The transaction: begins, lets the parts do their work, commits, and only then counts. What fails
 * leaves nothing behind in memory either: every cache entry it touched is forgotten and read again.
 */
#include "stored/flush.h"

#include <stdlib.h>

#include "common/log.h"
#include "stored/seal.h"

#define ARENA_BYTES   ((size_t)256 << 20)
#define SCRATCH_BYTES ((size_t)16 << 20)
#define KEEP_BYTES    ((size_t)32 << 20)

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
    rejects_release(&(*f)->rejects);
    free((*f)->items);
    free(*f);
    *f = NULL;
}

/* ---- one attempt ---- */

static void begin_attempt(struct flush *f)
{
    arena_reset(f->arena);
    arena_reset(f->scratch);
    bytes_reset(&f->rows, KEEP_BYTES);
    f->rejects.count = 0;
    f->item_count = 0;
    f->counts = (struct flush_counts){0};
    f->store->stamp++;
    f->store->pg.fault = PG_NONE;
    f->views = arena_calloc(f->arena, f->batch_count, sizeof *f->views);
}

/*
 * Records for the hour that is being counted now: the counting is given up, and what came of it is
 * asked within this transaction.
 */
static int settle_sealing(struct flush *f)
{
    struct store *s = f->store;
    bool touched = false;
    for (uint32_t i = 0; s->calendar.sealing != 0 && i < f->item_count && !touched; i++) {
        touched = calendar_hour_of(f->items[i].key.t_us) == s->calendar.sealing;
    }
    if (!touched) {
        return 0;
    }
    seal_abandon(s->seal);
    return calendar_settle(&s->calendar, &s->pg, &s->params);
}

static int write_all(struct flush *f)
{
    struct pg *pg = &f->store->pg;
    if (pg_do(pg, "BEGIN") == -1 || settle_sealing(f) == -1 || flush_records(f) == -1 ||
        flush_periods(f) == -1 || flush_rollup(f) == -1 ||
        rejects_write(&f->rejects, f->store, f->arena) == -1) {
        return -1;
    }
    return pg_commit(pg);
}

static void forget_attempt(struct flush *f)
{
    struct store *s = f->store;
    enum pg_fault fault = s->pg.fault;
    series_forget(&s->series, s->stamp);
    schema_forget(&s->schemas);
    s->calendar.stale = true;
    if (pg_is_open(&s->pg)) {
        if (fault == PG_AWAY) {
            pg_close(&s->pg);
        } else {
            pg_rollback(&s->pg);
        }
    }
    s->pg.fault = pg_is_open(&s->pg) ? (fault == PG_NONE ? PG_BUSY : fault) : PG_AWAY;
}

static void count_attempt(const struct flush *f)
{
    const struct flush_counts *c = &f->counts;
    count_add(COUNT_COMMITTED_RECORDS, c->in_order + c->late);
    count_add(COUNT_LATE_RECORDS, c->late);
    count_add(COUNT_DUPLICATES, c->duplicates);
    count_add(COUNT_REJECTED_KEPT, f->rejects.count);
    count_add(COUNT_REJECTED_DATABASE, c->refused);
    count_add(COUNT_REJECTED_RECORDS, c->rejected);
    count_add(COUNT_MALFORMED_BATCHES, c->malformed);
    count_add(COUNT_PERIODS_OPENED, c->opened);
    count_add(COUNT_PERIODS_ENDED, c->ended);
    count_add(COUNT_PERIODS_REPAIRED, c->repaired);
    count_add(COUNT_EVENTS_RETRACTED, c->retracted);
}

/* The records [from, to) in one transaction; poison: refuse them with this reason. */
static int attempt(struct flush *f, uint32_t from, uint32_t to, const char *poison)
{
    struct store *s = f->store;
    f->from = from;
    f->to = to;
    f->poison = poison;
    begin_attempt(f);
    if (s->calendar.stale && calendar_load(&s->calendar, &s->pg, f->clock_us) == -1) {
        forget_attempt(f);
        return -1;
    }
    if (f->views == NULL || flush_read(f) == -1 || write_all(f) == -1) {
        forget_attempt(f);
        return -1;
    }
    s->calendar.stale = false;
    series_trim(&s->series, s->stamp);
    schema_trim(&s->schemas);
    count_attempt(f);
    return 0;
}

/* ---- finding what is refused ---- */

static int write_range(struct flush *f, uint32_t from, uint32_t to)
{
    char reason[sizeof f->store->pg.message + 16];
    static struct log_limit said;
    if (attempt(f, from, to, NULL) == 0) {
        return 0;
    }
    if (f->store->pg.fault != PG_DATA || from == to) {
        return -1;
    }
    if (to - from > 1) {
        uint32_t middle = from + (to - from) / 2;
        return write_range(f, from, middle) == -1 ? -1 : write_range(f, middle, to);
    }
    snprintf(reason, sizeof reason, "%s: %s", f->store->pg.sqlstate, f->store->pg.message);
    if (log_allowed(&said, 10)) {
        log_warn("record.refused", "sqlstate=%s error=\"%s\"", f->store->pg.sqlstate,
                 f->store->pg.message);
    }
    return attempt(f, from, to, reason);
}

int flush_write(struct flush *f, struct batch *const *batches, uint32_t count, int64_t clock_us)
{
    uint32_t total = 0;
    f->batches = batches;
    f->batch_count = count;
    f->clock_us = clock_us;
    for (uint32_t i = 0; i < count; i++) {
        if (batches[i]->header.kind == BATCH_RECORDS) {
            total += (uint32_t)batches[i]->header.count;
        }
    }
    if (attempt(f, 0, UINT32_MAX, NULL) == 0) {
        return 0;
    }
    /* One beyond the last record, so that an empty batch that is malformed has its place too. */
    return f->store->pg.fault == PG_DATA ? write_range(f, 0, total + 1) : -1;
}
