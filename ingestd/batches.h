/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batches being filled, one of records and one of rejects, and the accounts that go with the
 * next; a closed one goes into the outbox. No sockets, no clock: the present is given by the
 * caller, in microseconds of a clock that never steps.
 */
#ifndef EZREPO_INGESTD_BATCHES_H
#define EZREPO_INGESTD_BATCHES_H

#include <stdint.h>

#include "common/message.h"
#include "ingestd/accounts.h"
#include "ingestd/outbox.h"

/* A batch is closed at this size, too. */
#define BATCH_BYTES ((size_t)1024 * 1024)

/* Accounts that no batch takes along within so long get one of their own. */
#define BATCH_ACCOUNTS_US 1000000

struct batches;

struct batches_limits {
    uint32_t records;            /* in a batch, 1..LIMIT_BATCH_RECORDS */
    int64_t age_us;              /* a batch is closed this long after its first record came */
    uint64_t rejects_per_second; /* kept; what is refused beyond that is only counted */
};

/* Counted since the start. */
struct batches_counts {
    uint64_t closed;
    uint64_t lost, records_lost; /* for want of memory */
    uint64_t datagrams;          /* accounted for in batches closed */
    uint64_t delivered;          /* of them, from senders that are answered */
    uint64_t dropped;            /* by the kernel, told in batches closed */
    bool lost_told;              /* what batches_lost() was given, in a batch closed */
};

/* Batches that go into this outbox, which outlives them. NULL when memory is out. The caller owns
 * it. */
struct batches *batches_new(struct outbox *outbox, const struct batches_limits *limits);
void batches_free(struct batches **b);
void batches_set_limits(struct batches *b, const struct batches_limits *limits);

/* What became of a datagram, for its sender's account. */
enum datagram_fate {
    DATAGRAM_ACCEPTED,
    DATAGRAM_EXCEPTION, /* nothing to store in it, and nothing wrong */
    DATAGRAM_REJECTED
};

/*
 * Whether what comes next is of other days than those about now. stored may have to make room for
 * such days, and what shares their batch waits for that: so they get batches of their own, as long
 * as that does not happen too often.
 */
void batches_of_old(struct batches *b, bool old, int64_t now_us);

/*
 * Accounts for a datagram that came at received_us (since 1970); reason is one of accounts.h when
 * it was rejected. The records added next are its sender's; a name must be valid until they are
 * added. What was delivered counts as a datagram.
 */
void batches_datagram(struct batches *b, const struct sender *sender, enum datagram_fate fate,
                      uint32_t reason, int64_t received_us, int64_t now_us);

/* How many datagrams the kernel has dropped in all: what is new of it goes with the next batch. */
void batches_dropped(struct batches *b, uint64_t dropped, int64_t received_us, int64_t now_us);

/*
 * What an ingestd before this one lost, the last of it at received_us. To be told first of all, and
 * once: it goes at once with a batch of its own, or for want of memory with the next one.
 */
void batches_lost(struct batches *b, const struct lost_message *lost, int64_t received_us,
                  int64_t now_us);

/* Adds a record of the datagram told last. -1: it was lost, and counted. */
int batches_add(struct batches *b, const struct schema_message *schema,
                struct record_message *record, int64_t received_us, int64_t now_us);

/* 0: kept; 1: beyond the rate; -1 when memory is out. */
int batches_reject(struct batches *b, const struct reject_message *reject, int64_t now_us);

/*
 * Closes what is old enough; how long until the next is. Negative: nothing is open, or what is old
 * enough could not be closed for want of memory.
 */
int64_t batches_close_old(struct batches *b, int64_t now_us);
void batches_close_all(struct batches *b);

/*
 * Closes the batch that holds the rest of a datagram accounted for in a closed one: between
 * datagrams, so that what is closed holds each of them whole or not at all.
 */
void batches_close_rest(struct batches *b);

struct batches_counts batches_counts(const struct batches *b);

/* How many datagrams were told, the last one included: it is in closed batches once `datagrams` of
 * the counts is as many. */
uint64_t batches_told(const struct batches *b);

#endif
