/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each sender did since the batch before: the third frame of a batch. Pure memory, bounded by
 * LIMIT_SENDERS whoever sends under whatever address.
 */
#ifndef EZREPO_INGESTD_ACCOUNTS_H
#define EZREPO_INGESTD_ACCOUNTS_H

#include "common/address.h"
#include "common/message.h"
#include "ingestd/result/result.h"

/* Why a datagram is rejected: an enum result_reason, or this: its sender may not send. */
#define ACCOUNT_SENDER_REFUSED RESULT_REASON_COUNT
#define ACCOUNT_REASONS        (RESULT_REASON_COUNT + 1)

/* Who sent: an address, or, where that has no family, a name of at most LIMIT_SENDER_BYTES. */
struct sender {
    const char *door; /* by which it came, as in account; static. A name has only one. */
    struct address address;
    struct slice name;
    bool answered;   /* it is told what became of it, as who delivers is */
    int64_t missing; /* with the datagram at hand: see account in schemas/messages.h */
};

/* datagrams = accepted + exceptions + the sum of rejected. */
struct account {
    const char *door;
    struct address address;
    uint32_t name_bytes; /* 0: the sender is an address */
    uint64_t datagrams, accepted, exceptions;
    uint64_t records; /* in the batch these accounts go with */
    int64_t missing;  /* sequences of a signed sender, see account in schemas/messages.h */
    uint64_t rejected[ACCOUNT_REASONS];
};

struct accounts;

/* Takes all the memory it will ever need; NULL when there is none. The caller owns it. */
struct accounts *accounts_new(void);
void accounts_free(struct accounts **a);

/* The sender's account, opened when it has none: 0 and its index, or -1 when all LIMIT_SENDERS are
 * taken. */
int accounts_find(struct accounts *a, const struct sender *sender, uint32_t *index);
struct account *accounts_at(struct accounts *a, uint32_t index);
uint32_t accounts_count(const struct accounts *a);

/* Appends the account messages, in the order of their indices. */
void accounts_encode(const struct accounts *a, struct pack *out);

/* The batch they were to go with is lost: its records are no longer theirs, all else stays. */
void accounts_forget_records(struct accounts *a);
void accounts_clear(struct accounts *a);

#endif
