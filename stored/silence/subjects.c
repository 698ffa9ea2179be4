/* SPDX-License-Identifier: Apache-2.0 */
#include "stored/silence/subjects.h"

#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

#define PAGE_BITS   10
#define PAGE_SERIES (1 << PAGE_BITS)
#define US_PER_S    INT64_C(1000000)
#define MINUTE_US   (60 * US_PER_S)
#define NO_MINUTE   INT32_MIN
#define LATE_US     (INT64_MAX / 4)

#define PUT_OFF_US   (5 * US_PER_S)
#define PUT_OFF_MOST 7 /* ten minutes */

/* Numbers of series are dense enough for pages of them. */
struct subject_page {
    UT_hash_handle hh;
    int64_t number;
    struct silence_subject series[PAGE_SERIES]; /* series_id 0: it is not there */
};

/* ---- the table ---- */

void subjects_clear(struct subjects *all)
{
    struct subject_page *page, *next_page;
    struct probe *p, *next_probe;
    HASH_ITER(hh, all->pages, page, next_page)
    {
        HASH_DEL(all->pages, page);
        free(page);
    }
    HASH_ITER(hh, all->probes, p, next_probe)
    {
        HASH_DEL(all->probes, p);
        free(p->waiting);
        free(p);
    }
    free(all->queue);
    *all = (struct subjects){.least_s = 60};
}

static struct silence_subject fresh_subject(const struct subjects *all, int64_t series_id)
{
    return (struct silence_subject){.due_us = INT64_MAX,
                                    .queued_us = INT64_MAX,
                                    .last_us = INT64_MIN,
                                    .told_us = INT64_MIN,
                                    .series_id = series_id,
                                    .minute = NO_MINUTE,
                                    .low_s = all->least_s,
                                    .holds = -1};
}

static struct subject_page *find_page(const struct subjects *all, int64_t series_id)
{
    struct subject_page *page = NULL;
    int64_t number = series_id >> PAGE_BITS;
    HASH_FIND(hh, all->pages, &number, sizeof number, page);
    return page;
}

static struct subject_page *page_of(struct subjects *all, int64_t series_id)
{
    struct subject_page *page = find_page(all, series_id);
    if (page != NULL || (page = calloc(1, sizeof *page)) == NULL) {
        return page;
    }
    page->number = series_id >> PAGE_BITS;
    HASH_ADD(hh, all->pages, number, sizeof page->number, page);
    if (page->hh.tbl == NULL) {
        free(page);
        return NULL;
    }
    return page;
}

struct silence_subject *subjects_find(struct subjects *all, int64_t series_id)
{
    struct subject_page *page = find_page(all, series_id);
    struct silence_subject *s = page == NULL ? NULL : &page->series[series_id & (PAGE_SERIES - 1)];
    return s == NULL || s->series_id == 0 ? NULL : s;
}

struct silence_subject *subjects_series(struct subjects *all, int64_t series_id, struct slice probe)
{
    struct silence_subject *s = subjects_find(all, series_id);
    if (s != NULL) {
        return s;
    }
    struct probe *p = subjects_probe(all, probe);
    struct subject_page *page = p == NULL && probe.len > 0 ? NULL : page_of(all, series_id);
    if (page == NULL) {
        all->failed = true;
        return NULL;
    }
    s = &page->series[series_id & (PAGE_SERIES - 1)];
    *s = fresh_subject(all, series_id);
    s->probe = p;
    all->series_count++;
    return s;
}

struct probe *subjects_probe(struct subjects *all, struct slice name)
{
    struct probe *p = NULL;
    if (name.len == 0 || name.len > UINT16_MAX) {
        return NULL;
    }
    unsigned hash = seeded_hash(name.at, name.len);
    HASH_FIND_BYHASHVALUE(hh, all->probes, name.at, name.len, hash, p);
    if (p != NULL || (p = calloc(1, sizeof *p + name.len)) == NULL) {
        return p;
    }
    p->subject = fresh_subject(all, 0);
    p->subject.probe = p;
    p->returned_us = INT64_MIN;
    p->name_bytes = (uint16_t)name.len;
    memcpy(p->name, name.at, name.len);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, all->probes, p->name, name.len, hash, p);
    if (p->hh.tbl == NULL) {
        free(p);
        return NULL;
    }
    return p;
}

/* ---- the queue ---- */

static void push(struct subjects *all, int64_t us, struct silence_subject *s)
{
    struct subject_place *queue = grow(all->queue, all->queued, &all->queue_size, sizeof *queue);
    if (queue == NULL) {
        all->failed = true;
        return;
    }
    all->queue = queue;
    uint32_t at = all->queued++;
    for (; at > 0 && queue[(at - 1) / 2].us > us; at = (at - 1) / 2) {
        queue[at] = queue[(at - 1) / 2];
    }
    queue[at] = (struct subject_place){us, s};
}

static struct subject_place pop(struct subjects *all)
{
    struct subject_place *queue = all->queue, first = queue[0], last = queue[--all->queued];
    uint32_t at = 0, child;
    while ((child = 2 * at + 1) < all->queued) {
        child += child + 1 < all->queued && queue[child + 1].us < queue[child].us;
        if (queue[child].us >= last.us) {
            break;
        }
        queue[at] = queue[child];
        at = child;
    }
    queue[at] = last;
    return first;
}

void subjects_schedule(struct subjects *all, struct silence_subject *s, int64_t due_us)
{
    s->due_us = due_us;
    if (due_us < s->queued_us) {
        s->queued_us = due_us;
        push(all, due_us, s);
    }
}

void subjects_hurry(struct subjects *all, struct silence_subject *s)
{
    subjects_schedule(all, s, INT64_MIN);
}

void subjects_put_off(struct subjects *all, struct silence_subject *s, int64_t as_of_us)
{
    subjects_schedule(all, s, as_of_us + (PUT_OFF_US << s->put_off));
    s->put_off = (uint8_t)(s->put_off + (s->put_off < PUT_OFF_MOST));
}

static void hurry_put_off(struct subjects *all, struct silence_subject *s)
{
    if (s->put_off > 0 && s->silence == 0) {
        subjects_hurry(all, s);
    }
    s->put_off = 0;
}

void subjects_hurry_put_off(struct subjects *all)
{
    struct subject_page *page, *next_page;
    struct probe *p, *next_probe;
    HASH_ITER(hh, all->pages, page, next_page)
    {
        for (uint32_t i = 0; i < PAGE_SERIES; i++) {
            hurry_put_off(all, &page->series[i]);
        }
    }
    HASH_ITER(hh, all->probes, p, next_probe)
    {
        hurry_put_off(all, &p->subject);
    }
}

/* Of several places of one the earliest holds; who became due later meanwhile goes back. */
struct silence_subject *subjects_due(struct subjects *all, int64_t until_us)
{
    while (all->queued > 0 && all->queue[0].us <= until_us) {
        struct subject_place place = pop(all);
        struct silence_subject *s = place.subject;
        if (place.us != s->queued_us) {
            continue;
        }
        s->queued_us = INT64_MAX;
        if (s->due_us <= until_us) {
            return s;
        }
        subjects_schedule(all, s, s->due_us);
    }
    return NULL;
}

/* ---- what is known of e ---- */

int64_t subject_not_before(const struct silence_subject *s)
{
    uint32_t e_s = s->holds >= 0 ? s->e_s : s->low_s;
    bool never = e_s == SUBJECT_NEVER || s->last_us == INT64_MIN;
    return never ? INT64_MAX : s->last_us + 3 * (int64_t)e_s * US_PER_S;
}

static void note_distance(struct silence_subject *s, int64_t minutes)
{
    int64_t distance_s = minutes * 60;
    s->low_s = distance_s < s->low_s ? (uint32_t)distance_s : s->low_s;
    s->holds = (int8_t)(s->holds - (s->holds >= 0));
}

void subject_doubted(const struct subjects *all, struct silence_subject *s)
{
    s->low_s = all->least_s;
    s->holds = -1;
    s->doubted = true;
}

void subjects_heard(struct subjects *all, struct silence_subject *s, int64_t start_us,
                    int64_t end_us)
{
    int32_t minute = (int32_t)(start_us / MINUTE_US - (start_us % MINUTE_US < 0));
    if (s->holds != SUBJECT_LISTED && s->minute != NO_MINUTE && minute != s->minute) {
        if (minute > s->minute) {
            note_distance(s, minute - s->minute);
        } else {
            subject_doubted(all, s); /* it lies between others: a distance becomes two */
        }
    }
    s->heard = true;
    s->put_off = 0;
    s->minute = minute > s->minute ? minute : s->minute;
    s->last_us = end_us > s->last_us ? end_us : s->last_us;
    s->last_us = s->last_us > LATE_US ? LATE_US : s->last_us;
    if (s->silence == 0) {
        subjects_schedule(all, s, subject_not_before(s));
    }
}

void subject_seen(const struct subjects *all, struct silence_subject *s, uint32_t e_s,
                  uint32_t low_s, int8_t holds, int32_t minute)
{
    /* What starts later than it was looked at as of is not in this: it is heard of, not seen. */
    bool heard_more = s->minute > minute;
    s->e_s = e_s;
    s->low_s = heard_more && holds != SUBJECT_LISTED && low_s > 60 ? 60 : low_s;
    s->holds = heard_more && holds != SUBJECT_LISTED ? -1 : holds;
    s->minute = heard_more ? s->minute : minute;
    if (s->doubted) { /* meanwhile: it may not have been seen */
        subject_doubted(all, s);
    }
}

/* ---- series and their probe ---- */

void subjects_wait(struct subjects *all, struct silence_subject *s)
{
    struct probe *p = s->probe;
    if (s->waits) {
        return;
    }
    struct silence_subject **waiting =
        grow(p->waiting, p->waiting_count, &p->waiting_size, sizeof(struct silence_subject *));
    if (waiting == NULL) {
        all->failed = true;
        return;
    }
    p->waiting = waiting;
    p->waiting[p->waiting_count++] = s;
    s->waits = true;
}

void subjects_let_go(struct subjects *all, struct probe *p)
{
    while (p->waiting_count > 0) {
        struct silence_subject *s = p->waiting[--p->waiting_count];
        s->waits = false;
        if (s->silence == 0) {
            subjects_hurry(all, s);
        }
    }
    free(p->waiting);
    p->waiting = NULL;
    p->waiting_size = 0;
}
