/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches from the moment they are closed until stored has them: numbers them, has them in the
 * spool before they are pushed, holds in memory those that are on their way, reads the others back
 * when their turn comes. No clock, no sockets; the spool is its only file.
 */
#ifndef EZREPO_INGESTD_OUTBOX_H
#define EZREPO_INGESTD_OUTBOX_H

#include "ingestd/spool/spool.h"
#include "ingestd/window.h"

struct outbox;

struct outbox_limits {
    size_t memory_bytes;  /* of batches in memory */
    uint64_t spool_bytes; /* of batches in the spool */
    int64_t retry_us;     /* see window.h */
};

/* What keeps it from taking more. */
enum outbox_room { OUTBOX_OPEN, OUTBOX_SPOOL_FULL, OUTBOX_MEMORY_FULL };

/* For the status. */
struct outbox_state {
    uint64_t batches, records, rejects; /* not acknowledged, all of them */
    uint64_t memory_batches, memory_bytes;
    uint64_t spool_bytes;
    uint64_t unspooled;         /* of the batches: in memory only */
    uint64_t unspooled_records; /* in those */
    uint64_t unspooled_rejects;
    uint64_t unspooled_delivered; /* of the records: who sent them is told that they are not kept */
    uint64_t unreadable;          /* rows that were damaged when their turn came */
    int64_t oldest_received_us;   /* 0 when there is none, or it is not in memory */
};

/*
 * On a spool just opened, which outlives it; its batches are pushed again. NULL when memory is out.
 * The caller owns it.
 */
struct outbox *outbox_new(struct spool *spool, const struct spool_found *found,
                          const struct outbox_limits *limits);
void outbox_free(struct outbox **o);
void outbox_set_retry(struct outbox *o, int64_t retry_us);

/* Takes a copy of the batch under the next sequence number: 0, or -1 when memory is out. */
int outbox_add(struct outbox *o, const struct window_batch *batch);

/*
 * Writes to the spool what was added and acknowledged since, in one transaction, and fetches from
 * it what there is room for. 0; 1 when some of it must be tried again in a few milliseconds; -1
 * when the spool cannot be written: then what is in memory may be pushed all the same, and this is
 * to be called again, not too often.
 */
int outbox_commit(struct outbox *o);

/* Only the latter: after acknowledgements, between commits. */
void outbox_fill(struct outbox *o);

/* Whether there is something to write that batches or pushing wait for. */
bool outbox_has_new(const struct outbox *o);

/* Whether anything is not acknowledged yet, or is to be written, be it that it was. */
bool outbox_has_work(const struct outbox *o);

/* As in window.h, for what may be pushed: what is in the spool, or cannot be brought there while
 * its head can be written. */
const struct window_batch *outbox_next_to_push(const struct outbox *o, int64_t now_us);
void outbox_pushed(struct outbox *o, uint64_t sequence, int64_t now_us);
/* As in window.h; 1 when the batch that is held under this sequence is of another epoch: it stays.
 */
int outbox_acknowledge(struct outbox *o, uint64_t epoch, uint64_t sequence,
                       struct window_batch *was);

/* The lowest sequence not acknowledged; the next to be given when all are. */
uint64_t outbox_oldest(const struct outbox *o);

/*
 * The same for who is told with this batch that all below it is settled. Of an epoch before this
 * start what is lost here may be whole in another copy of the spool, so it is never said to be.
 */
uint64_t outbox_settled_below(const struct outbox *o, const struct window_batch *batch);

/* Whether all batches from this sequence up to before that one were added and are acknowledged. */
bool outbox_are_acknowledged(const struct outbox *o, uint64_t from, uint64_t before);

/* The sequence of the batch added next, and its epoch. */
uint64_t outbox_next(const struct outbox *o);
uint64_t outbox_epoch(const struct outbox *o);
/* Of the batch in memory with this sequence; 0 when there is none. */
uint64_t outbox_epoch_of(const struct outbox *o, uint64_t sequence);

/* Who takes in more looks at this first. */
enum outbox_room outbox_room(const struct outbox *o);
/* Whether it is worth to go on after it was full. */
bool outbox_has_room(const struct outbox *o);

struct outbox_state outbox_state(const struct outbox *o);

#endif
