/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of slots by sequence number; those pushed also stand in a list, oldest push first. */
#include "ingestd/window.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64 /* a power of two, as every later number of slots */

struct slot {
    struct window_batch batch;
    char *bytes; /* of both frames; NULL: acknowledged */
    int64_t pushed_us;
    uint32_t again;         /* how often it was pushed once more, up to WINDOW_OVERTAKEN_DOUBLE */
    uint64_t before, after; /* neighbours in the list of pushes; 0 is none */
};

struct window {
    size_t limit_bytes;
    int64_t retry_us;
    struct slot *slots;
    uint64_t slot_count;
    uint64_t oldest;          /* lowest not acknowledged */
    uint64_t next;            /* to be given */
    uint64_t unpushed;        /* lowest never pushed; what follows was not either */
    uint64_t first, last;     /* of the list of pushes; 0 is none */
    int64_t acknowledged_us;  /* the latest push that was acknowledged */
    struct window_state held; /* bytes: frames only */
};

static struct slot *slot_of(const struct window *w, uint64_t sequence)
{
    return &w->slots[sequence & (w->slot_count - 1)];
}

static bool is_held(const struct window *w, uint64_t sequence)
{
    return sequence >= w->oldest && sequence < w->next && slot_of(w, sequence)->bytes != NULL;
}

struct window *window_new(size_t limit_bytes, int64_t retry_us)
{
    struct window *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    *w = (struct window){.limit_bytes = limit_bytes,
                         .retry_us = retry_us,
                         .slots = calloc(FIRST_SLOTS, sizeof *w->slots),
                         .slot_count = FIRST_SLOTS,
                         .oldest = 1,
                         .next = 1,
                         .unpushed = 1};
    if (w->slots == NULL) {
        window_free(&w);
    }
    return w;
}

void window_free(struct window **w)
{
    if (*w == NULL) {
        return;
    }
    for (uint64_t s = (*w)->oldest; s < (*w)->next; s++) {
        free(slot_of(*w, s)->bytes);
    }
    free((*w)->slots);
    free(*w);
    *w = NULL;
}

void window_set_retry(struct window *w, int64_t retry_us)
{
    w->retry_us = retry_us;
}

static int double_slots(struct window *w)
{
    struct window wider = *w;
    wider.slot_count = w->slot_count * 2;
    wider.slots = calloc(wider.slot_count, sizeof *wider.slots);
    if (wider.slots == NULL) {
        return -1;
    }
    for (uint64_t s = w->oldest; s < w->next; s++) {
        *slot_of(&wider, s) = *slot_of(w, s);
    }
    free(w->slots);
    *w = wider;
    return 0;
}

static void count_items(struct window *w, const struct window_batch *b, int64_t sign)
{
    uint64_t *items = b->kind == BATCH_RECORDS ? &w->held.records : &w->held.rejects;
    *items += (uint64_t)(sign * (int64_t)b->count);
    w->held.batches += (uint64_t)sign;
    w->held.bytes += (uint64_t)(sign * (int64_t)(b->frame.len + b->accounts.len));
}

char *window_copy_frames(const struct window_batch *batch)
{
    size_t frame = batch->frame.len, accounts = batch->accounts.len;
    char *copy = batch->frame.at == NULL ? NULL : malloc(frame + accounts + 1);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, batch->frame.at, frame);
    if (accounts > 0) {
        memcpy(copy + frame, batch->accounts.at, accounts);
    }
    return copy;
}

int window_take(struct window *w, const struct window_batch *batch, char *bytes)
{
    if (w->oldest == w->next && batch->sequence > w->next) {
        w->oldest = w->next = w->unpushed = batch->sequence;
    }
    if (batch->sequence != w->next ||
        (w->next - w->oldest == w->slot_count && double_slots(w) == -1)) {
        return -1;
    }
    struct slot *s = slot_of(w, w->next);
    *s = (struct slot){.batch = *batch, .bytes = bytes};
    s->batch.frame.at = bytes;
    s->batch.accounts.at = bytes + batch->frame.len;
    s->batch.pushed = false;
    count_items(w, &s->batch, 1);
    w->next++;
    return 0;
}

/* What is acknowledged need not be pushed, what is not held need not be waited for. */
static void pass_over(struct window *w)
{
    while (w->unpushed < w->next && !is_held(w, w->unpushed)) {
        w->unpushed++;
    }
    while (w->oldest < w->next && !is_held(w, w->oldest)) {
        w->oldest++;
    }
}

int window_skip(struct window *w)
{
    if (w->next - w->oldest == w->slot_count && double_slots(w) == -1) {
        return -1;
    }
    *slot_of(w, w->next) = (struct slot){.batch = {.sequence = w->next}};
    w->next++;
    pass_over(w);
    return 0;
}

uint64_t window_next(const struct window *w)
{
    return w->next;
}

const struct window_batch *window_find(const struct window *w, uint64_t sequence)
{
    return is_held(w, sequence) ? &slot_of(w, sequence)->batch : NULL;
}

/* ---- the list of pushes ---- */

static void unlink_slot(struct window *w, struct slot *s)
{
    if (!s->batch.pushed) {
        return;
    }
    *(s->before == 0 ? &w->first : &slot_of(w, s->before)->after) = s->after;
    *(s->after == 0 ? &w->last : &slot_of(w, s->after)->before) = s->before;
    s->before = s->after = 0;
}

static void append_slot(struct window *w, struct slot *s)
{
    s->before = w->last;
    s->after = 0;
    *(w->last == 0 ? &w->first : &slot_of(w, w->last)->after) = s->batch.sequence;
    w->last = s->batch.sequence;
}

int window_acknowledge(struct window *w, uint64_t sequence, struct window_batch *was)
{
    /* Nobody can have committed what was never pushed. */
    if (!is_held(w, sequence) || !slot_of(w, sequence)->batch.pushed) {
        return -1;
    }
    struct slot *s = slot_of(w, sequence);
    *was = s->batch;
    if (s->pushed_us > w->acknowledged_us) {
        w->acknowledged_us = s->pushed_us;
    }
    count_items(w, &s->batch, -1);
    unlink_slot(w, s);
    free(s->bytes);
    s->bytes = NULL;
    pass_over(w);
    return 0;
}

const struct window_batch *window_next_to_push(const struct window *w, int64_t now_us)
{
    const struct slot *first = w->first == 0 ? NULL : slot_of(w, w->first);
    if (first != NULL &&
        (now_us - first->pushed_us >= w->retry_us ||
         w->acknowledged_us - first->pushed_us >= ((int64_t)WINDOW_OVERTAKEN_US << first->again))) {
        return &first->batch;
    }
    return w->unpushed < w->next ? &slot_of(w, w->unpushed)->batch : NULL;
}

void window_pushed(struct window *w, uint64_t sequence, int64_t now_us)
{
    if (!is_held(w, sequence)) {
        return;
    }
    struct slot *s = slot_of(w, sequence);
    unlink_slot(w, s);
    s->again += s->batch.pushed && s->again < WINDOW_OVERTAKEN_DOUBLE;
    s->batch.pushed = true;
    s->pushed_us = now_us;
    append_slot(w, s);
    if (sequence == w->unpushed) {
        w->unpushed++;
        pass_over(w);
    }
}

/* ---- what it holds ---- */

uint64_t window_oldest(const struct window *w)
{
    return w->oldest;
}

/* An acknowledged batch behind one that is not still takes its slot: it counts, or slots had no
 * bound. */
static size_t used_bytes(const struct window *w)
{
    return (size_t)w->held.bytes + (size_t)(w->next - w->oldest) * sizeof(struct slot);
}

bool window_is_full(const struct window *w)
{
    return used_bytes(w) >= w->limit_bytes;
}

struct window_state window_state(const struct window *w)
{
    struct window_state state = w->held;
    state.bytes = used_bytes(w);
    state.oldest_received_us = w->oldest < w->next ? slot_of(w, w->oldest)->batch.received_us : 0;
    return state;
}
