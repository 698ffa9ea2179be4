/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches between the socket and the transaction: received, checked by their header, put in order,
 * handed out for a flush. Bounded: when it is full it takes no more, and ZeroMQ's high-water mark
 * pushes back.
 */
#ifndef EZREPO_STORED_INBOX_H
#define EZREPO_STORED_INBOX_H

#include "stored/announce.h"
#include "stored/flush/flush.h"
#include "stored/order.h"
#include "stored/store.h"

#define INBOX_ASIDE 1024 /* most batches that wait for partitions */

struct inbox {
    struct order *order;
    struct batch **ready; /* in the order they are to be written */
    uint32_t ready_count, ready_size;
    uint64_t ready_records;
    struct batch *aside[INBOX_ASIDE]; /* wait for partitions; half of the bytes, or one */
    uint32_t aside_count;
    size_t aside_bytes;
    size_t bytes; /* of all batches here, waiting ones included */
    size_t most_bytes;
    int64_t written_us;    /* spent in transactions */
    struct arena *scratch; /* for one message */
};

/* -1 when memory is out. */
int inbox_init(struct inbox *in, const struct store_settings *settings);
void inbox_release(struct inbox *in);

static inline bool inbox_is_full(const struct inbox *in)
{
    return in->bytes >= in->most_bytes;
}

/*
 * Takes one batch from the socket: true when there was one. One that was committed before is noted
 * in *again; one without a readable header is counted and dropped, since nobody could be told of
 * it.
 */
bool inbox_receive(struct inbox *in, zsock_t *graded, struct acks *again, int64_t clock_us);

/*
 * A transaction took so long. While it is written nothing is read, so that what seems to be missing
 * may be there: it is not waited for in this time.
 */
void inbox_wrote(struct inbox *in, int64_t us);

/* Moves what is in order, or waited long enough, to `ready`; with `all` also what still waits. */
void inbox_sort(struct inbox *in, int64_t clock_us, bool all);

/*
 * Forgets those of the ready batches that were graded by what the store does not have, as one does
 * not that was put back, or under names that have no number any more. They are not acknowledged, so
 * they are pushed again, and graded anew.
 */
void inbox_return(struct inbox *in, const struct gradings *gradings);

/*
 * When to look again; INT64_MAX when nothing waits. flush_at_us: when the next transaction may
 * begin.
 */
int64_t inbox_deadline(const struct inbox *in, int64_t flush_at_us);

/* How many of the ready batches make a flush of about so many records. */
uint32_t inbox_portion(const struct inbox *in, uint64_t records);

/*
 * Of the ready batches those that need these partitions, which are ascending by batch, wait until
 * inbox_take_up(). Those there is no room for are forgotten; they are not acknowledged, so they
 * are pushed again.
 */
void inbox_put_aside(struct inbox *in, const struct flush_need *needs, uint32_t count);

/* Those that wait for nothing any more are ready again: it is there, or its time is dropped. */
void inbox_take_up(struct inbox *in, const struct store *store);

/* The newest partitions that the others wait for and that can be made, at most so many: how many.
 */
uint32_t inbox_wanted(const struct inbox *in, const struct days *days, int64_t clock_us,
                      struct calendar_part *parts, uint32_t most);

/* The first `count` of the ready batches are committed: noted in *acks, and given back. */
void inbox_committed(struct inbox *in, uint32_t count, struct acks *acks);

#endif
