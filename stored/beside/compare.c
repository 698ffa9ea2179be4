/* SPDX-License-Identifier: Apache-2.0 */
/* Periods and events as stored beside those computed. Must not look anything up. */
#include "stored/beside/compare.h"

#include <stdlib.h>

#include "common/grow.h"

struct compare_walk {
    struct compare *c;
    const struct compare_window *window;
    uint32_t stored, event; /* next of the window's */
    struct differences *found;
};

void differences_release(struct differences *d)
{
    free(d->at);
    *d = (struct differences){0};
}

/* Room for one more; NULL when memory is out. */
static struct difference *append(struct compare_walk *w, enum difference_how how, bool of_event)
{
    struct differences *d = w->found;
    struct difference *at = grow(d->at, d->count, &d->size, sizeof *at);
    if (at == NULL) {
        return NULL;
    }
    d->at = at;
    d->at[d->count] =
        (struct difference){.grade_id = w->c->grade_id, .how = (uint8_t)how, .of_event = of_event};
    return &d->at[d->count++];
}

static int note_period(struct compare_walk *w, enum difference_how how, const struct period *is,
                       const struct period *was)
{
    struct difference *d = append(w, how, false);
    if (d == NULL) {
        return -1;
    }
    d->period.is = is == NULL ? (struct period){0} : *is;
    d->period.was = was == NULL ? (struct period){0} : *was;
    return 0;
}

static int note_event(struct compare_walk *w, enum difference_how how,
                      const struct period_event *is, const struct period_event *was)
{
    struct difference *d = append(w, how, true);
    if (d == NULL) {
        return -1;
    }
    d->event.is = is == NULL ? (struct period_event){0} : *is;
    d->event.was = was == NULL ? (struct period_event){0} : *was;
    return 0;
}

/* ---- periods ---- */

static const struct period *next_stored(const struct compare_walk *w)
{
    return w->stored < w->window->stored_count ? &w->window->stored[w->stored] : NULL;
}

/* Stored ones that start before the key (NULL: all that are left), other than the one at hand. */
static int drop_stored(struct compare_walk *w, const struct period_key *key,
                       const struct period_key *now)
{
    const struct period *was;
    while ((was = next_stored(w)) != NULL &&
           (key == NULL || period_key_compare(&was->start, key) < 0)) {
        bool seen = period_key_compare(&was->start, &w->c->from) >= 0 &&
                    (now == NULL || period_key_compare(&was->start, now) != 0);
        if (seen && note_period(w, DIFFERENCE_SURPLUS, NULL, was) == -1) {
            return -1;
        }
        w->stored++;
    }
    return 0;
}

/* A computed period is complete. */
static int close_period(struct compare_walk *w, const struct period *is)
{
    if (drop_stored(w, &is->start, NULL) == -1) {
        return -1;
    }
    const struct period *was = next_stored(w);
    if (was == NULL || period_key_compare(&was->start, &is->start) != 0) {
        return note_period(w, DIFFERENCE_MISSING, is, NULL);
    }
    w->stored++;
    return period_same(was, is) ? 0 : note_period(w, DIFFERENCE_CHANGED, is, was);
}

/* ---- events ---- */

static int drop_events(struct compare_walk *w, const struct period_key *key)
{
    for (; w->event < w->window->event_count; w->event++) {
        const struct period_event *was = &w->window->events[w->event];
        if (key != NULL && period_key_compare(&was->at, key) >= 0) {
            break;
        }
        if (period_key_compare(&was->at, &w->c->from) >= 0 &&
            note_event(w, DIFFERENCE_SURPLUS, NULL, was) == -1) {
            return -1;
        }
    }
    return 0;
}

static int meet_event(struct compare_walk *w, const struct period_event *is)
{
    if (drop_events(w, &is->at) == -1) {
        return -1;
    }
    const struct period_event *was =
        w->event < w->window->event_count ? &w->window->events[w->event] : NULL;
    if (was == NULL || period_key_compare(&was->at, &is->at) != 0) {
        return note_event(w, DIFFERENCE_MISSING, is, NULL);
    }
    w->event++;
    bool same = was->from == is->from && was->to == is->to && was->flap == is->flap;
    return same ? 0 : note_event(w, DIFFERENCE_CHANGED, is, was);
}

/* ---- the window ---- */

static int take_record(struct compare_walk *w, const struct period_record *record)
{
    struct compare *c = w->c;
    struct period ended;
    if (period_key_compare(&record->key, &c->from) < 0 ||
        !period_step(&c->now, record, c->gap_us, &ended)) {
        return 0;
    }
    if (ended.grade != 0) {
        c->before = ended;
        if (close_period(w, &ended) == -1) {
            return -1;
        }
    }
    struct period_event event = period_event(&c->before, &c->now);
    return meet_event(w, &event);
}

int compare_window(struct compare *c, const struct compare_window *window,
                   struct differences *found)
{
    struct compare_walk w = {.c = c, .window = window, .found = found};
    for (uint32_t i = 0; i < window->record_count; i++) {
        if (take_record(&w, &window->records[i]) == -1) {
            return -1;
        }
    }
    if (window->last && c->now.grade != 0 && close_period(&w, &c->now) == -1) {
        return -1;
    }
    /* The stored twin of the period at hand comes again with the next window. */
    bool open = !window->last && c->now.grade != 0;
    if (drop_stored(&w, NULL, open ? &c->now.start : NULL) == -1) {
        return -1;
    }
    return drop_events(&w, NULL);
}
