/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the batches of each stream, an (instance, epoch, shard), into sequence order. A missing one
 * is waited for only shortly; when it comes later it is handed on as it comes. Remembers which were
 * committed, so that they are acknowledged again without work. Pure: the time is handed in, items
 * are opaque.
 */
#ifndef EZREPO_ORDER_H
#define EZREPO_ORDER_H

#include <stdint.h>

struct order;

struct stream_name {
    uint8_t instance[16];
    uint64_t epoch;
    uint16_t shard;
};

enum order_verdict {
    ORDER_TAKEN, /* the item is held or ready; order_next() gives it back */
    ORDER_DONE,  /* committed before: acknowledge again; the item stays the caller's */
    ORDER_KNOWN, /* the same one is under way; the item stays the caller's */
    ORDER_ERROR  /* memory is out; the item stays the caller's */
};

/*
 * max_streams: how many are remembered; max_held: batches that wait for a missing one,
 * over all streams; wait_us: how long. NULL when memory is out.
 */
struct order *order_new(uint32_t max_streams, uint32_t max_held, int64_t wait_us);

/* Items still inside are given to `release` (not NULL when there may be any). */
void order_free(struct order **o, void (*release)(void *item));

/* A batch arrived; oldest: all sequences below it are acknowledged. now_us is of a steady clock. */
enum order_verdict order_offer(struct order *o, const struct stream_name *name, uint64_t sequence,
                               uint64_t oldest, int64_t now_us, void *item);

/*
 * The next item to handle, or NULL. What waited too long at now_us is handed on with its holes;
 * INT64_MAX hands on everything.
 */
void *order_next(struct order *o, int64_t now_us);

/* When order_next() should be asked again although nothing arrives; INT64_MAX when nothing waits.
 */
int64_t order_deadline(const struct order *o);

/* The batch was committed; from now on order_offer() says ORDER_DONE. */
void order_committed(struct order *o, const struct stream_name *name, uint64_t sequence);

/* The batch was given back unwritten; when it comes again it is taken again. */
void order_returned(struct order *o, const struct stream_name *name, uint64_t sequence);

/* Which were committed is forgotten, as the database may have: it knows those it has. */
void order_forget(struct order *o);

/* How many wait for a missing one now, and how many were given up waiting for so far. */
uint32_t order_waiting(const struct order *o);
uint64_t order_skipped(const struct order *o);

#endif
