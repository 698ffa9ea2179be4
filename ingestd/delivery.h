/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door for what is delivered and acknowledged: the socket "deliver", and the answers that wait
 * until what they tell of is on disk, or where that was asked for in the store. Into which batches
 * it goes is intake's matter; when batches are committed, the service's.
 */
#ifndef EZREPO_INGESTD_DELIVERY_H
#define EZREPO_INGESTD_DELIVERY_H

#include <czmq.h>

#include "common/presence.h"
#include "ingestd/intake.h"
#include "ingestd/spool/spool.h"

struct delivery;

/* Binds "deliver"; signs of life that come by it go into `presence`. NULL after an error was
 * logged. The others outlive it; the caller owns it. */
struct delivery *delivery_new(struct intake *intake, struct batches *batches, struct spool *spool,
                              const struct outbox *outbox, struct presence *presence);
void delivery_free(struct delivery **d);

zsock_t *delivery_socket(const struct delivery *d);

/* Some of what is there becomes one of those that wait to be read. */
void delivery_receive(struct delivery *d);

/*
 * Reads them by turns of who sent them, for some milliseconds, and takes those that are read; or
 * answers that they cannot be taken for this reason (NULL: they can), which is asked anew before
 * each.
 */
void delivery_work(struct delivery *d, const char *(*busy)(void *context), void *context);

/* What bodies are read by (record types, formats, settings) becomes another: begins anew those that
 * are under way. */
void delivery_restart(struct delivery *d);

/* A transaction has ended well; these were the counts of the batches before it. */
void delivery_committed(struct delivery *d, const struct batches_counts *made);

/* There may be news of syncs: answers what is on disk. */
void delivery_synced(struct delivery *d);

/* There may be acknowledgements, or time has gone: answers those that waited for that. */
void delivery_stored(struct delivery *d, int64_t now_us);

/* Nobody waits for stored any more: whoever does is told that it is on disk only. What is not read
 * is not taken. */
void delivery_drain(struct delivery *d);

/* The spool cannot be written: whoever waits for that is told to come again. */
void delivery_give_up(struct delivery *d);

/*
 * When the queue was last found empty, microseconds since 1970: the signs of life that came before
 * are taken.
 */
int64_t delivery_heard_us(const struct delivery *d);

/* Those that wait to be read now are marked; how many of these still do. */
void delivery_mark(struct delivery *d);
size_t delivery_marked(const struct delivery *d);

/* How many wait for the disk, and to be read. */
size_t delivery_waiting(const struct delivery *d);
size_t delivery_unread(const struct delivery *d);

#endif
