/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Periods and events of one flush: records in order move the open periods in memory; late ones that
 * do not fit there are left to late.c. All is written in the records' transaction.
 */
#include <stdlib.h>

#include "stored/flush/flush.h"
#include "stored/periods/late.h"
#include "stored/periods/steady_flush.h"

static int mark_dirty(struct period_writes *w, struct period_pair pair, struct series_grade *g)
{
    if (g->dirty) {
        return 0;
    }
    g->dirty = true;
    return period_writes_dirty(w, pair);
}

static int step(struct period_writes *w, struct period_pair pair, struct series_grade *g,
                const struct period_record *record)
{
    struct period before;
    if (!period_step(&g->open, record, pair.series->gap_us, &before)) {
        bool due = period_writes_due(g, g->open.sum.records, &record->key);
        return due ? mark_dirty(w, pair, g) : 0;
    }
    struct period_event event = period_event(&before, &g->open);
    g->written = 0;
    if (before.grade != 0) {
        w->counts.ended++;
        if (period_writes_put(w, pair, false, &before) == -1) {
            return -1;
        }
    }
    return period_writes_tell(w, pair, false, &event) == -1 ? -1 : mark_dirty(w, pair, g);
}

static uint16_t steady_bits(const struct flush_item *item, uint32_t i)
{
    if (item->steady == NULL) {
        return 0;
    }
    const unsigned char *at = (const unsigned char *)item->steady + 2 * (size_t)i;
    return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_graded(const struct flush_item *item, uint32_t i)
{
    return item->grades[i] != 0 && item->grades[i] != GRADE_NONE;
}

/* Pairs of which a record asks for steadiness are walked along as a whole. */
static int find_steady(const struct flush *f)
{
    for (uint32_t n = 0; n < f->item_count; n++) {
        const struct flush_item *item = &f->items[n];
        for (uint32_t i = 0;
             item->steady != NULL && item->fate != ITEM_DUPLICATE && i < item->batch->name_count;
             i++) {
            if (steady_bits(item, i) != 0 && is_graded(item, i)) {
                struct series_grade *g = series_grade(item->series, item->batch->ids[i]);
                if (g == NULL || series_grade_steady(g) == -1) {
                    return -1;
                }
            }
        }
    }
    return 0;
}

static int take_steady(struct period_writes *w, const struct flush_item *item, uint32_t i,
                       const struct period_record *record)
{
    const struct steady_item steady = {.pair = {item->series, item->batch->ids[i]},
                                       .record = *record,
                                       .bits = steady_bits(item, i),
                                       .version = item->batch->batch->header.grading_version,
                                       .in_order = item->fate == ITEM_IN_ORDER};
    return period_writes_steady(w, &steady);
}

static int take_item(struct period_writes *w, const struct flush_item *item)
{
    const struct flush_batch *b = item->batch;
    for (uint32_t i = 0; i < b->name_count; i++) {
        struct period_pair pair = {item->series, b->ids[i]};
        const struct period_record record = {item->key, item->key.end_us, item->grades[i]};
        if (!is_graded(item, i)) {
            continue;
        }
        struct series_grade *g = series_grade(pair.series, pair.grade_id);
        int rc;
        if (g == NULL) {
            return -1;
        }
        if (g->steady != NULL) {
            rc = take_steady(w, item, i, &record);
        } else if (item->fate == ITEM_IN_ORDER || period_takes_late(&g->open, &record)) {
            rc = step(w, pair, g, &record);
        } else {
            rc = period_writes_late(w, pair, &record);
        }
        if (rc == -1) {
            return -1;
        }
    }
    return 0;
}

/* The marks of this flush on open periods it computed again; one that fails forgets the series. */
static void forget_marks(const struct flush *f)
{
    for (uint32_t i = 0; i < f->item_count; i++) {
        struct series *s = f->items[i].series;
        for (uint16_t g = 0; s->again && g < s->grade_count; g++) {
            s->grades[g].again = false;
        }
        s->again = false;
    }
}

static int64_t earliest_us(const struct flush *f)
{
    int64_t t_us = INT64_MAX;
    for (uint32_t i = 0; i < f->item_count; i++) {
        t_us = f->items[i].key.t_us < t_us ? f->items[i].key.t_us : t_us;
    }
    return t_us;
}

int flush_periods(struct flush *f)
{
    struct period_writes *w = f->periods;
    period_writes_clear(w);
    w->fed = true;
    if (find_steady(f) == -1) {
        return -1;
    }
    for (uint32_t i = 0; i < f->item_count; i++) {
        if (f->items[i].fate != ITEM_DUPLICATE && take_item(w, &f->items[i]) == -1) {
            return -1;
        }
    }
    if (w->late.count > 0 && late_repair(w, f->store, earliest_us(f)) == -1) {
        return -1;
    }
    if (steady_flush(w, f->store) == -1) {
        return -1;
    }
    int rc = period_writes_send(w, f->store);
    forget_marks(f);
    return rc;
}

/* ---- at a graceful stop ---- */

#define CHECKPOINT_ROWS 5000 /* in one statement */

int flush_checkpoint(struct store *store)
{
    struct period_writes *w = period_writes_new();
    int rc = w == NULL ? -1 : pg_do(&store->pg, "BEGIN");
    for (struct series *s = store->series.newest; s != NULL && rc == 0; s = s->older) {
        for (uint16_t i = 0; i < s->grade_count && rc == 0; i++) {
            struct series_grade *g = &s->grades[i];
            if (g->open.grade != 0 && g->open.sum.records != g->written) {
                rc = mark_dirty(w, (struct period_pair){s, g->grade_id}, g);
            }
        }
        if (rc == 0 && w->dirty.count >= CHECKPOINT_ROWS) {
            rc = period_writes_send(w, store);
            period_writes_clear(w);
        }
    }
    if (rc == 0) {
        rc = period_writes_send(w, store);
    }
    if (rc == 0) {
        rc = pg_commit(&store->pg);
    } else {
        pg_rollback(&store->pg);
    }
    period_writes_free(&w);
    return rc;
}
