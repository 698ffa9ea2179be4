/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By their sequences, batches are in three places, one behind the other:
 *
 *   [oldest, loaded)   in the window: in memory, pushed or to be pushed next
 *   [loaded, written)  in the spool only, while more waits than memory may take
 *   [.., next)         pending: added, not yet written
 *
 * All below `written` are in the spool. That what is loaded is written, too, is what pushing waits
 * for; it is not so only while the spool cannot be written, and what is then acknowledged need not
 * be written later: then pushing waits only until the head tells that the sequence is given. Rows
 * of the spool have no holes: a batch that is acknowledged before those in front of it leaves a
 * mark, so that a hole is always a loss, and is known as one.
 */
#include "ingestd/outbox.h"

#include <stdlib.h>

#include "common/log.h"

/* Of the memory, what the window may take, and pending batches before nothing more is taken in. */
#define WINDOW_SHARE(bytes)  ((bytes) / 4 * 3)
#define PENDING_SHARE(bytes) ((bytes) / 4)

struct pending {
    struct pending *after;
    struct window_batch batch;
    char *bytes;
};

struct outbox {
    struct spool *spool;
    struct outbox_limits limits;
    struct window *window;
    uint64_t loaded, written, next;
    uint64_t epoch, epoch_first; /* of what is added */
    uint64_t doubtful; /* the lowest sequence of an epoch before that is known to be lost */
    struct pending *first, *last;
    size_t pending_bytes;
    uint64_t pending_batches;
    uint64_t *marks; /* acknowledged since the last commit, in front of them one that is not */
    size_t mark_count, mark_size;
    bool acknowledged;        /* something was, since the last commit */
    bool failing;             /* the spool cannot be written */
    uint64_t told;            /* while it cannot: the head says that all below it are given */
    struct outbox_state held; /* batches, records, rejects, unreadable */
};

struct outbox *outbox_new(struct spool *spool, const struct spool_found *found,
                          const struct outbox_limits *limits)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return NULL;
    }
    *o = (struct outbox){.spool = spool,
                         .limits = *limits,
                         .window = window_new(WINDOW_SHARE(limits->memory_bytes), limits->retry_us),
                         .loaded = found->content.batches > 0 ? found->content.oldest : found->next,
                         .written = found->next,
                         .next = found->next,
                         .epoch = found->epoch,
                         .epoch_first = found->next,
                         .doubtful = found->first_missing == 0 ? UINT64_MAX : found->first_missing,
                         .failing = found->fault[0] != '\0',
                         .acknowledged = found->fault[0] != '\0', /* what a start writes */
                         .held = {.batches = found->content.batches,
                                  .records = found->content.records,
                                  .rejects = found->content.rejects}};
    if (o->window == NULL) {
        outbox_free(&o);
    }
    return o;
}

static void drop_first(struct outbox *o)
{
    struct pending *p = o->first;
    o->first = p->after;
    o->last = o->first == NULL ? NULL : o->last;
    o->pending_bytes -= p->batch.frame.len + p->batch.accounts.len;
    o->pending_batches--;
    free(p->bytes);
    free(p);
}

void outbox_free(struct outbox **o)
{
    if (*o == NULL) {
        return;
    }
    while ((*o)->first != NULL) {
        drop_first(*o);
    }
    window_free(&(*o)->window);
    free((*o)->marks);
    free(*o);
    *o = NULL;
}

void outbox_set_retry(struct outbox *o, int64_t retry_us)
{
    window_set_retry(o->window, retry_us);
}

static void count_items(struct outbox *o, const struct window_batch *b, int64_t sign)
{
    uint64_t *items = b->kind == BATCH_RECORDS ? &o->held.records : &o->held.rejects;
    *items += (uint64_t)(sign * (int64_t)b->count);
    o->held.batches += (uint64_t)sign;
}

int outbox_add(struct outbox *o, const struct window_batch *batch)
{
    struct pending *p = malloc(sizeof *p);
    char *bytes = window_copy_frames(batch);
    if (p == NULL || bytes == NULL) {
        free(p);
        free(bytes);
        return -1;
    }
    *p = (struct pending){.batch = *batch, .bytes = bytes};
    p->batch.sequence = o->next++;
    p->batch.epoch = o->epoch;
    p->batch.epoch_first = o->epoch_first;
    p->batch.frame.at = bytes;
    p->batch.accounts.at = bytes + batch->frame.len;
    *(o->last == NULL ? &o->first : &o->last->after) = p;
    o->last = p;
    o->pending_bytes += batch->frame.len + batch->accounts.len;
    o->pending_batches++;
    count_items(o, &p->batch, 1);
    return 0;
}

/* ---- writing ---- */

/* The window is ahead of the spool when the latter could not be written. */
static int write_window(struct outbox *o)
{
    int rc = 0;
    for (uint64_t s = o->written; s < o->loaded && rc == 0; s++) {
        const struct window_batch *b = window_find(o->window, s);
        if (b != NULL) {
            rc = spool_put(o->spool, b);
        } else if (s > outbox_oldest(o)) {
            rc = spool_mark(o->spool, s, true);
        }
    }
    return rc;
}

static int write_pending(struct outbox *o)
{
    int rc = 0;
    for (struct pending *p = o->first; p != NULL && rc == 0; p = p->after) {
        rc = p->batch.sequence < o->written ? 0 : spool_put(o->spool, &p->batch);
    }
    return rc;
}

/*
 * What is acknowledged goes, but for the last row, which tells the next sequence, and for marks
 * that have a batch in front of them.
 */
static int write_acknowledged(struct outbox *o)
{
    uint64_t oldest = outbox_oldest(o), keep_from = oldest < o->next ? oldest : o->next - 1;
    int rc = 0;
    for (size_t i = 0; i < o->mark_count && rc == 0; i++) {
        rc = o->marks[i] >= keep_from && o->marks[i] < o->written
                 ? spool_mark(o->spool, o->marks[i], false)
                 : 0;
    }
    if (rc == 0 && oldest == o->next && o->next > 1) {
        rc = spool_mark(o->spool, o->next - 1, false);
    }
    return rc == 0 ? spool_remove_below(o->spool, keep_from) : rc;
}

static int write_all(struct outbox *o)
{
    int rc = spool_begin(o->spool);
    rc = rc == 0 ? write_window(o) : rc;
    rc = rc == 0 ? write_pending(o) : rc;
    rc = rc == 0 ? write_acknowledged(o) : rc;
    return rc == 0 ? spool_commit(o->spool, outbox_oldest(o), o->next) : rc;
}

/* What is in memory only needs none of what the files hold. */
static int write_anew(struct outbox *o)
{
    uint64_t oldest = outbox_oldest(o), next = o->told > oldest ? o->told : oldest;
    return oldest >= o->written && spool_begin_anew(o->spool, oldest, next) == 0 ? write_all(o)
                                                                                 : -1;
}

/* ---- filling the window ---- */

/* Pending batches follow those in the window when no others stand between. Unwritten ones only
 * while the spool cannot be written. */
static void load_pending(struct outbox *o)
{
    while (o->first != NULL && !window_is_full(o->window)) {
        struct pending *p = o->first;
        uint64_t sequence = p->batch.sequence;
        if (o->loaded < sequence && o->loaded < o->written) {
            break; /* others come first, from the spool */
        }
        if ((sequence >= o->written && !o->failing) ||
            window_take(o->window, &p->batch, p->bytes) == -1) {
            break;
        }
        p->bytes = NULL; /* the window's now */
        o->loaded = sequence + 1;
        drop_first(o);
    }
}

/* What is written and does not fit into the window is read back later. */
static void forget_written(struct outbox *o)
{
    while (o->first != NULL && o->first->batch.sequence < o->written) {
        drop_first(o);
    }
}

/* Takes the next batch that only the spool has: 0; 1 when there is none that can be taken. */
static int load_one(struct outbox *o)
{
    struct window_batch b;
    enum spool_result result = spool_read(o->spool, o->loaded, &b);
    int rc = 1;
    if (result == SPOOL_NONE || (result == SPOOL_OK && b.sequence >= o->written)) {
        o->loaded = o->written;
    } else if (result == SPOOL_DAMAGED && b.sequence >= o->loaded) {
        o->held.unreadable++;
        o->held.batches -= o->held.batches > 0 ? 1 : 0;
        spool_release(o->spool, b.frame.len + b.accounts.len);
        o->loaded = b.sequence + 1;
        o->doubtful = b.sequence < o->doubtful ? b.sequence : o->doubtful;
        o->acknowledged = true; /* its row goes, in its turn */
        rc = 0;
    } else if (result == SPOOL_OK && b.frame.at == NULL) {
        /* Acknowledged already. */
        if (b.sequence != window_next(o->window) || window_skip(o->window) == 0) {
            o->loaded = b.sequence + 1;
            rc = 0;
        }
    } else if (result == SPOOL_OK) {
        /* Behind a hole nothing is pushed before all in front of it is acknowledged: so stored
         * learns from `oldest` that there is nothing to wait for. */
        bool in_turn = b.sequence == window_next(o->window) ||
                       window_oldest(o->window) == window_next(o->window);
        char *bytes = in_turn ? window_copy_frames(&b) : NULL;
        if (bytes != NULL && window_take(o->window, &b, bytes) == 0) {
            o->loaded = b.sequence + 1;
            rc = 0;
        } else {
            free(bytes);
        }
    }
    spool_read_end(o->spool);
    return rc;
}

static void fill_window(struct outbox *o)
{
    while (o->loaded < o->written && !window_is_full(o->window)) {
        if (o->first != NULL && o->first->batch.sequence <= o->loaded) {
            break; /* no need to read what is at hand */
        }
        if (load_one(o) != 0) {
            break;
        }
    }
    load_pending(o);
}

void outbox_fill(struct outbox *o)
{
    fill_window(o);
    forget_written(o);
    if (o->failing && o->loaded > o->written) {
        o->told = spool_tell(o->spool, outbox_oldest(o), o->loaded) == 0 ? o->loaded : o->told;
    }
}

int outbox_commit(struct outbox *o)
{
    int rc = 0;
    if (outbox_has_new(o) || o->acknowledged) {
        rc = write_all(o);
        rc = rc == -1 ? write_anew(o) : rc;
        o->failing = rc == -1;
        if (rc == 0) {
            o->written = o->next;
            o->mark_count = 0;
            o->acknowledged = false;
        }
    }
    outbox_fill(o);
    return rc;
}

bool outbox_has_new(const struct outbox *o)
{
    return o->written < o->next;
}

bool outbox_has_work(const struct outbox *o)
{
    return o->held.batches > 0 || o->acknowledged || outbox_has_new(o);
}

/* ---- pushing ---- */

const struct window_batch *outbox_next_to_push(const struct outbox *o, int64_t now_us)
{
    const struct window_batch *b = window_next_to_push(o->window, now_us);
    bool may = b != NULL && (b->sequence < o->written || (o->failing && b->sequence < o->told));
    return may ? b : NULL;
}

void outbox_pushed(struct outbox *o, uint64_t sequence, int64_t now_us)
{
    window_pushed(o->window, sequence, now_us);
}

static void forget_marks_below(struct outbox *o, uint64_t oldest)
{
    size_t kept = 0;
    for (size_t i = 0; i < o->mark_count; i++) {
        if (o->marks[i] > oldest) {
            o->marks[kept++] = o->marks[i];
        }
    }
    o->mark_count = kept;
}

/* For want of memory a mark is left out: then the batch may be pushed once more, after a restart.
 */
static void remember_mark(struct outbox *o, uint64_t sequence)
{
    if (o->mark_count == o->mark_size) {
        forget_marks_below(o, outbox_oldest(o));
        if (o->mark_count >= o->mark_size / 2) { /* else most calls would come to this */
            size_t size = o->mark_size == 0 ? 64 : 2 * o->mark_size;
            uint64_t *larger = realloc(o->marks, size * sizeof *larger);
            if (larger != NULL) {
                o->marks = larger;
                o->mark_size = size;
            }
        }
        if (o->mark_count == o->mark_size) {
            return;
        }
    }
    o->marks[o->mark_count++] = sequence;
}

int outbox_acknowledge(struct outbox *o, uint64_t epoch, uint64_t sequence,
                       struct window_batch *was)
{
    const struct window_batch *held = window_find(o->window, sequence);
    if (held != NULL && held->epoch != epoch) {
        return 1;
    }
    if (window_acknowledge(o->window, sequence, was) == -1) {
        return -1;
    }
    count_items(o, was, -1);
    o->acknowledged = true;
    if (sequence < o->written) {
        spool_release(o->spool, was->frame.len + was->accounts.len);
    }
    if (sequence > outbox_oldest(o)) {
        remember_mark(o, sequence);
    }
    return 0;
}

/* ---- what it holds ---- */

uint64_t outbox_oldest(const struct outbox *o)
{
    if (window_oldest(o->window) < window_next(o->window)) {
        return window_oldest(o->window);
    }
    return o->loaded < o->written ? o->loaded
           : o->first != NULL     ? o->first->batch.sequence
                                  : o->next;
}

uint64_t outbox_settled_below(const struct outbox *o, const struct window_batch *batch)
{
    uint64_t oldest = outbox_oldest(o);
    return batch->epoch == o->epoch || oldest < o->doubtful ? oldest : o->doubtful;
}

bool outbox_are_acknowledged(const struct outbox *o, uint64_t from, uint64_t before)
{
    if (before > o->loaded) {
        return false;
    }
    uint64_t oldest = window_oldest(o->window);
    for (uint64_t sequence = from > oldest ? from : oldest; sequence < before; sequence++) {
        if (window_find(o->window, sequence) != NULL) {
            return false;
        }
    }
    return true;
}

uint64_t outbox_next(const struct outbox *o)
{
    return o->next;
}

uint64_t outbox_epoch(const struct outbox *o)
{
    return o->epoch;
}

uint64_t outbox_epoch_of(const struct outbox *o, uint64_t sequence)
{
    const struct window_batch *held = window_find(o->window, sequence);
    return held == NULL ? 0 : held->epoch;
}

enum outbox_room outbox_room(const struct outbox *o)
{
    if (o->pending_bytes >= PENDING_SHARE(o->limits.memory_bytes)) {
        return OUTBOX_MEMORY_FULL;
    }
    return spool_bytes(o->spool) + o->pending_bytes >= o->limits.spool_bytes ? OUTBOX_SPOOL_FULL
                                                                             : OUTBOX_OPEN;
}

bool outbox_has_room(const struct outbox *o)
{
    uint64_t limit = o->limits.spool_bytes;
    return o->pending_bytes < PENDING_SHARE(o->limits.memory_bytes) / 2 &&
           spool_bytes(o->spool) + o->pending_bytes < limit - limit / 16;
}

static void count_unspooled(struct outbox_state *state, const struct window_batch *b)
{
    state->unspooled++;
    *(b->kind == BATCH_RECORDS ? &state->unspooled_records : &state->unspooled_rejects) += b->count;
    state->unspooled_delivered += b->delivered;
}

struct outbox_state outbox_state(const struct outbox *o)
{
    struct window_state window = window_state(o->window);
    struct outbox_state state = o->held;
    state.memory_batches = window.batches + o->pending_batches;
    state.memory_bytes = window.bytes + o->pending_bytes;
    state.spool_bytes = spool_bytes(o->spool);
    for (uint64_t s = o->written; s < o->loaded; s++) {
        const struct window_batch *b = window_find(o->window, s);
        if (b != NULL) {
            count_unspooled(&state, b);
        }
    }
    for (const struct pending *p = o->first; p != NULL; p = p->after) {
        if (p->batch.sequence >= o->written) {
            count_unspooled(&state, &p->batch);
        }
    }
    state.oldest_received_us = window.batches > 0       ? window.oldest_received_us
                               : o->loaded < o->written ? 0
                               : o->first != NULL       ? o->first->batch.received_us
                                                        : 0;
    return state;
}
