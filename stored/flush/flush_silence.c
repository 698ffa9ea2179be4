/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the records of a flush end: a told silence of their series, or of its probe, with the first
 * that starts behind the instant it was told as of. One that starts before may prove what was told
 * wrong: that is judged after the flush, and noted with it.
 */
#include "common/daemon.h"
#include "common/grow.h"
#include "stored/flush/flush.h"
#include "stored/silence/silence.h"

static struct flush_heard *heard_of(struct flush *f, struct silence_subject *s)
{
    if (s->noted == 0) {
        struct flush_heard *heard = grow(f->heard, f->heard_count, &f->heard_size, sizeof *heard);
        if (heard == NULL) {
            return NULL;
        }
        f->heard = heard;
        f->heard[f->heard_count++] = (struct flush_heard){s, INT64_MAX, INT64_MAX};
        s->noted = f->heard_count;
    }
    return &f->heard[s->noted - 1];
}

static int note_start(struct flush *f, struct silence_subject *s, int64_t start_us)
{
    if (s == NULL || (s->silence == 0 && start_us > s->told_us)) {
        return 0;
    }
    struct flush_heard *h = heard_of(f, s);
    if (h == NULL) {
        return -1;
    }
    int64_t *earliest = start_us > s->told_us ? &h->after_us : &h->before_us;
    *earliest = start_us < *earliest ? start_us : *earliest;
    return 0;
}

/* Duplicates are nothing new. */
static bool counts(const struct flush *f, const struct flush_item *item)
{
    return item->fate != ITEM_DUPLICATE && item->key.t_us <= f->heard_at_us + SUBJECT_AHEAD_US;
}

static int note_all(struct flush *f)
{
    struct subjects *all = &f->store->silence->all;
    f->heard_at_us = daemon_now_us();
    for (uint32_t i = 0; i < f->item_count; i++) {
        const struct flush_item *item = &f->items[i];
        if (!counts(f, item)) {
            continue;
        }
        struct silence_subject *s =
            subjects_series(all, item->series->id, series_dimension(item->series, DIMENSION_probe));
        if (s == NULL || note_start(f, s, item->key.t_us) == -1 ||
            (s->probe != NULL && note_start(f, &s->probe->subject, item->key.t_us) == -1)) {
            return -1;
        }
    }
    return 0;
}

static bool returns(const struct flush_heard *h)
{
    return h->subject->silence != 0 && h->after_us != INT64_MAX;
}

static int tell_returns(struct flush *f)
{
    struct store *s = f->store;
    pg_params_begin(&s->params);
    pg_add_64(&s->params, s->arrival.number);
    int numbers = pg_add_array(&s->params, PG_BIGINT),
        times = pg_add_array(&s->params, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < f->heard_count; i++) {
        if (returns(&f->heard[i])) {
            pg_put_64(&s->params, numbers, f->heard[i].subject->silence);
            pg_put_time(&s->params, times, f->heard[i].after_us);
        }
    }
    if (pg_elements(&s->params, numbers) == 0) {
        return 0;
    }
    s->arrival.told = true;
    return pg_run(&s->pg, SQL_SILENCE_RETURN, &s->params);
}

static int note_again(struct flush *f)
{
    struct store *s = f->store;
    pg_params_begin(&s->params);
    int series = pg_add_array(&s->params, PG_BIGINT), probes = pg_add_array(&s->params, PG_TEXT),
        times = pg_add_array(&s->params, PG_TIMESTAMPTZ);
    for (uint32_t i = 0; i < f->heard_count; i++) {
        const struct flush_heard *h = &f->heard[i];
        if (h->before_us != INT64_MAX) {
            bool probe = h->subject->series_id == 0;
            pg_put_64(&s->params, series, h->subject->series_id);
            pg_put_bytes(&s->params, probes, probe ? subject_probe_name(h->subject) : slice_of(""));
            pg_put_time(&s->params, times, h->before_us);
        }
    }
    return pg_elements(&s->params, series) == 0 ? 0
                                                : pg_run(&s->pg, SQL_SILENCE_AGAIN_ADD, &s->params);
}

int flush_silence(struct flush *f)
{
    f->heard_count = 0;
    int rc = note_all(f);
    for (uint32_t i = 0; i < f->heard_count; i++) {
        f->heard[i].subject->noted = 0;
    }
    return rc == -1 || tell_returns(f) == -1 || note_again(f) == -1 ? -1 : 0;
}

static void note_returned(struct silence_subject *s, int64_t start_us)
{
    s->silence = 0;
    s->retired = false;
    s->told_us = start_us - 1;
    if (s->series_id == 0) {
        s->probe->returned_us = start_us;
    }
    count_add(COUNT_SILENCES_RETURNED, 1);
}

static void hear(struct subjects *all, struct silence_subject *s, const struct flush_item *item)
{
    subjects_heard(all, s, item->key.t_us, item->key.end_us);
    if (s->series_id == 0) {
        s->probe->known = false;
        subjects_let_go(all, s->probe);
    }
}

void flush_silence_committed(struct flush *f)
{
    struct silence *silence = f->store->silence;
    for (uint32_t i = 0; i < f->heard_count; i++) {
        silence->again = silence->again || f->heard[i].before_us != INT64_MAX;
        if (returns(&f->heard[i])) {
            note_returned(f->heard[i].subject, f->heard[i].after_us);
        }
    }
    f->heard_count = 0;
    for (uint32_t i = 0; i < f->item_count; i++) {
        const struct flush_item *item = &f->items[i];
        struct silence_subject *s =
            counts(f, item) ? subjects_find(&silence->all, item->series->id) : NULL;
        if (s != NULL) {
            hear(&silence->all, s, item);
            if (s->probe != NULL) {
                hear(&silence->all, &s->probe->subject, item);
            }
        }
    }
}
