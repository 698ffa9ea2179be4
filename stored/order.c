/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequence order of batches. Must not know what a batch is, nor read a clock. What is forgotten
 * when a bound is reached is only ever forgotten towards "handle it again", which the database
 * makes harmless: it knows which batches it has (batch_done).
 *
 * Batches of a stream overtake each other, since they go through several classifyds. One stream, of
 * which 4 is the next, and a wait of 250 ms:
 *
 *   arrives            handed on   held     since
 *   4                  4
 *   6                              6        5 may be with another classifyd still
 *   7                              6 7
 *   5                  5 6 7                the hole is closed
 *   9                              9        8 is missing
 *   250 ms later       9                    8 counts as skipped: it must not stop everything
 *   8                  8                    out of order; its records are late ones, no more
 *   9                                       known: it is with us, not yet committed
 *   9, once committed                       done: only its acknowledgement was lost
 *   13, oldest is 12               13       10 and 11 are settled, and will not come: 12 is missing
 *
 * Order is worth a short wait since records in order are cheap, and never more than that, since
 * late ones are right, too.
 */
#include "stored/order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

#define DONE_RANGES 256 /* of committed sequences per stream; more are forgotten, lowest first */

struct range {
    uint64_t first, last;
};

/* Disjoint, not adjacent, ascending. */
struct ranges {
    struct range *at;
    uint32_t count, size;
};

struct waiting_batch {
    uint64_t sequence;
    int64_t since_us;
    void *item;
    struct waiting_batch *next;
};

struct stream {
    struct stream_name name;
    uint64_t next;   /* the sequence to hand on next */
    uint64_t oldest; /* all below it are acknowledged */
    uint64_t used;
    struct ranges done, busy;
    struct waiting_batch *held; /* ascending; all of them >= next */
};

struct order {
    uint32_t max_streams, max_held;
    int64_t wait_us;
    struct stream *streams;
    uint32_t stream_count;
    uint32_t held;
    uint64_t skipped, clock;
    struct waiting_batch *ready, **ready_end;
};

/* The index of the first range whose last >= sequence. */
static uint32_t ranges_find(const struct ranges *r, uint64_t sequence)
{
    uint32_t low = 0, high = r->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->at[middle].last < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool ranges_have(const struct ranges *r, uint64_t sequence)
{
    uint32_t i = ranges_find(r, sequence);
    return i < r->count && r->at[i].first <= sequence;
}

static void ranges_delete(struct ranges *r, uint32_t i)
{
    memmove(&r->at[i], &r->at[i + 1], (r->count - i - 1) * sizeof *r->at);
    r->count--;
}

static int ranges_insert(struct ranges *r, uint32_t i, struct range range)
{
    struct range *at = grow(r->at, r->count, &r->size, sizeof *at);
    if (at == NULL) {
        return -1;
    }
    r->at = at;
    memmove(&r->at[i + 1], &r->at[i], (r->count - i) * sizeof *r->at);
    r->at[i] = range;
    r->count++;
    return 0;
}

static int ranges_add(struct ranges *r, uint64_t sequence)
{
    uint32_t i = ranges_find(r, sequence);
    bool joins_before = i > 0 && r->at[i - 1].last + 1 == sequence;
    bool joins_after = i < r->count && sequence + 1 == r->at[i].first;

    if (i < r->count && r->at[i].first <= sequence) {
        return 0;
    }
    if (joins_before && joins_after) {
        r->at[i - 1].last = r->at[i].last;
        ranges_delete(r, i);
    } else if (joins_before) {
        r->at[i - 1].last = sequence;
    } else if (joins_after) {
        r->at[i].first = sequence;
    } else {
        return ranges_insert(r, i, (struct range){sequence, sequence});
    }
    return 0;
}

/* When memory is out, a little more than the sequence is removed. */
static void ranges_remove(struct ranges *r, uint64_t sequence)
{
    uint32_t i = ranges_find(r, sequence);
    struct range was;

    if (i == r->count || r->at[i].first > sequence) {
        return;
    }
    was = r->at[i];
    if (was.first == sequence && was.last == sequence) {
        ranges_delete(r, i);
    } else if (was.first == sequence) {
        r->at[i].first = sequence + 1;
    } else {
        r->at[i].last = sequence - 1;
        if (was.last != sequence) {
            (void)ranges_insert(r, i + 1, (struct range){sequence + 1, was.last});
        }
    }
}

static void ranges_remove_below(struct ranges *r, uint64_t sequence)
{
    uint32_t i = ranges_find(r, sequence);

    if (r->count == 0) {
        return;
    }
    memmove(r->at, r->at + i, (r->count - i) * sizeof *r->at);
    r->count -= i;
    if (r->count > 0 && r->at[0].first < sequence) {
        r->at[0].first = sequence;
    }
}

struct order *order_new(uint32_t max_streams, uint32_t max_held, int64_t wait_us)
{
    struct order *o = calloc(1, sizeof *o);

    if (o == NULL) {
        return NULL;
    }
    o->streams = calloc(max_streams, sizeof *o->streams);
    if (o->streams == NULL) {
        free(o);
        return NULL;
    }
    o->max_streams = max_streams;
    o->max_held = max_held;
    o->wait_us = wait_us;
    o->ready_end = &o->ready;
    return o;
}

static void waiting_free(struct waiting_batch *w, void (*release)(void *))
{
    while (w != NULL) {
        struct waiting_batch *next = w->next;
        release(w->item);
        free(w);
        w = next;
    }
}

void order_free(struct order **o, void (*release)(void *item))
{
    if (*o == NULL) {
        return;
    }
    waiting_free((*o)->ready, release);
    for (uint32_t i = 0; i < (*o)->stream_count; i++) {
        struct stream *s = &(*o)->streams[i];
        waiting_free(s->held, release);
        free(s->done.at);
        free(s->busy.at);
    }
    free((*o)->streams);
    free(*o);
    *o = NULL;
}

static struct stream *stream_find(struct order *o, const struct stream_name *name)
{
    for (uint32_t i = 0; i < o->stream_count; i++) {
        struct stream *s = &o->streams[i];
        if (s->name.epoch == name->epoch && s->name.shard == name->shard &&
            memcmp(s->name.instance, name->instance, sizeof name->instance) == 0) {
            return s;
        }
    }
    return NULL;
}

/* A place for a new stream: a free one, or that of the one longest unused that has nothing under
 * way. */
static struct stream *stream_place(struct order *o)
{
    struct stream *oldest = NULL;

    if (o->stream_count < o->max_streams) {
        return &o->streams[o->stream_count++];
    }
    for (uint32_t i = 0; i < o->stream_count; i++) {
        struct stream *s = &o->streams[i];
        if (s->held == NULL && s->busy.count == 0 && (oldest == NULL || s->used < oldest->used)) {
            oldest = s;
        }
    }
    if (oldest != NULL) {
        free(oldest->done.at);
        free(oldest->busy.at);
    }
    return oldest;
}

static struct stream *stream_get(struct order *o, const struct stream_name *name, uint64_t oldest)
{
    struct stream *s = stream_find(o, name);

    if (s == NULL) {
        s = stream_place(o);
        if (s == NULL) {
            return NULL;
        }
        memset(s, 0, sizeof *s);
        s->name = *name;
        s->next = oldest;
    }
    s->used = ++o->clock;
    return s;
}

static void ready_append(struct order *o, struct waiting_batch *w)
{
    w->next = NULL;
    *o->ready_end = w;
    o->ready_end = &w->next;
}

/* Hands on what is held, in order, as far as there is no hole. */
static void stream_release(struct order *o, struct stream *s)
{
    while (s->held != NULL && s->held->sequence <= s->next) {
        struct waiting_batch *w = s->held;
        s->held = w->next;
        o->held--;
        if (w->sequence == s->next) {
            s->next++;
        }
        ready_append(o, w);
    }
}

/* Gives up waiting for what is missing before the first that is held. */
static void stream_skip(struct order *o, struct stream *s)
{
    if (s->held == NULL) {
        return;
    }
    if (s->held->sequence > s->next) {
        o->skipped += s->held->sequence - s->next;
        s->next = s->held->sequence;
    }
    stream_release(o, s);
}

static void stream_acknowledged(struct order *o, struct stream *s, uint64_t oldest)
{
    if (oldest <= s->oldest) {
        return;
    }
    s->oldest = oldest;
    ranges_remove_below(&s->done, oldest);
    if (s->next < oldest) {
        s->next = oldest;
        stream_release(o, s);
    }
}

static void stream_hold(struct order *o, struct stream *s, struct waiting_batch *w)
{
    struct waiting_batch **at = &s->held;

    while (*at != NULL && (*at)->sequence < w->sequence) {
        at = &(*at)->next;
    }
    w->next = *at;
    *at = w;
    o->held++;
}

enum order_verdict order_offer(struct order *o, const struct stream_name *name, uint64_t sequence,
                               uint64_t oldest, int64_t now_us, void *item)
{
    struct stream *s = stream_get(o, name, oldest);
    struct waiting_batch *w;

    if (s != NULL) {
        stream_acknowledged(o, s, oldest);
        if (sequence < s->oldest || ranges_have(&s->done, sequence)) {
            return ORDER_DONE;
        }
        if (ranges_have(&s->busy, sequence)) {
            return ORDER_KNOWN;
        }
    }
    w = malloc(sizeof *w);
    if (w == NULL) {
        return ORDER_ERROR;
    }
    *w = (struct waiting_batch){.sequence = sequence, .since_us = now_us, .item = item};
    if (s == NULL) {
        ready_append(o, w);
        return ORDER_TAKEN;
    }
    if (ranges_add(&s->busy, sequence) == -1) {
        free(w);
        return ORDER_ERROR;
    }
    if (sequence < s->next) {
        ready_append(o, w);
        return ORDER_TAKEN;
    }
    stream_hold(o, s, w);
    stream_release(o, s);
    if (o->held > o->max_held) {
        stream_skip(o, s);
    }
    return ORDER_TAKEN;
}

/* Since when the stream waits: the one that has been held longest counts. */
static int64_t stream_since(const struct stream *s)
{
    int64_t since = INT64_MAX;

    for (const struct waiting_batch *w = s->held; w != NULL; w = w->next) {
        if (w->since_us < since) {
            since = w->since_us;
        }
    }
    return since;
}

void *order_next(struct order *o, int64_t now_us)
{
    struct waiting_batch *w;
    void *item;

    for (uint32_t i = 0; o->ready == NULL && o->held > 0 && i < o->stream_count; i++) {
        struct stream *s = &o->streams[i];
        if (s->held != NULL && now_us - o->wait_us >= stream_since(s)) {
            stream_skip(o, s);
        }
    }
    w = o->ready;
    if (w == NULL) {
        return NULL;
    }
    o->ready = w->next;
    if (o->ready == NULL) {
        o->ready_end = &o->ready;
    }
    item = w->item;
    free(w);
    return item;
}

int64_t order_deadline(const struct order *o)
{
    int64_t deadline = INT64_MAX;

    if (o->ready != NULL) {
        return INT64_MIN;
    }
    for (uint32_t i = 0; o->held > 0 && i < o->stream_count; i++) {
        if (o->streams[i].held != NULL && stream_since(&o->streams[i]) + o->wait_us < deadline) {
            deadline = stream_since(&o->streams[i]) + o->wait_us;
        }
    }
    return deadline;
}

void order_committed(struct order *o, const struct stream_name *name, uint64_t sequence)
{
    struct stream *s = stream_find(o, name);

    if (s == NULL) {
        return;
    }
    ranges_remove(&s->busy, sequence);
    if (sequence < s->oldest || ranges_add(&s->done, sequence) == -1) {
        return;
    }
    if (s->done.count > DONE_RANGES) {
        ranges_delete(&s->done, 0);
    }
}

void order_returned(struct order *o, const struct stream_name *name, uint64_t sequence)
{
    struct stream *s = stream_find(o, name);

    if (s != NULL) {
        ranges_remove(&s->busy, sequence);
    }
}

void order_forget(struct order *o)
{
    for (uint32_t i = 0; i < o->stream_count; i++) {
        o->streams[i].done.count = 0;
        o->streams[i].oldest = 0;
    }
}

uint32_t order_waiting(const struct order *o)
{
    return o->held;
}

uint64_t order_skipped(const struct order *o)
{
    return o->skipped;
}
