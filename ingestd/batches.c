/* SPDX-License-Identifier: Apache-2.0 */
/* Filling batches and closing them by count, size and age. */
#include "ingestd/batches.h"

#include <stdlib.h>

#include "common/batch.h"
#include "common/log.h"

/* Batches closed for what is in the next: in a second, and at once. */
#define PARTINGS 200

/* Of one sender in one batch: stored takes no more. */
#define MISSING_MOST (INT64_C(1) << 40)

struct open_batch {
    bool open;
    int64_t opened_us;   /* of the clock that never steps */
    int64_t received_us; /* since 1970 */
};

/* Datagrams up to one of them, and how many of these were delivered by senders that are answered.
 */
struct told_count {
    uint64_t datagrams, delivered;
};

/* What may be done now, in millionths, and when that was so. */
struct allowance {
    uint64_t left;
    int64_t at_us;
};

struct batches {
    struct outbox *outbox;
    struct batches_limits limits;
    struct batches_counts counts;
    struct batch_writer *writer;
    struct open_batch records;
    struct pack reject_frame;
    uint32_t reject_count;
    struct open_batch rejects;
    struct accounts *accounts;     /* go with the batch closed next; with that of records if open */
    struct open_batch reckoned;    /* open: there are accounts or drops that no batch has taken */
    struct sender sender;          /* of the datagram at hand */
    struct told_count told;        /* so far, that one included */
    struct told_count handed_over; /* of them, accounted for in batches closed */
    uint32_t records_delivered;    /* of those in the open batch */
    uint64_t records_from;    /* how many came before those whose records are in the open batch */
    uint64_t dropped;         /* by the kernel, in all */
    uint64_t dropped_told;    /* of them, in batches closed */
    struct lost_message lost; /* goes with the accounts */
    bool lost_waits;
    struct pack frame; /* where a records frame is put together */
    struct pack accounts_frame;
    struct allowance to_reject, to_part;
    bool old; /* what is in the open batch of records is of days long ago */
};

struct batches *batches_new(struct outbox *outbox, const struct batches_limits *limits)
{
    struct batches *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return NULL;
    }
    b->outbox = outbox;
    pack_init(&b->reject_frame);
    pack_init(&b->frame);
    pack_init(&b->accounts_frame);
    batches_set_limits(b, limits);
    b->to_part.left = PARTINGS * UINT64_C(1000000);
    b->writer = batch_writer_new();
    b->accounts = accounts_new();
    if (b->writer == NULL || b->accounts == NULL) {
        batches_free(&b);
    }
    return b;
}

void batches_free(struct batches **b)
{
    if (*b != NULL) {
        batch_writer_free(&(*b)->writer);
        pack_release(&(*b)->reject_frame);
        accounts_free(&(*b)->accounts);
        pack_release(&(*b)->frame);
        pack_release(&(*b)->accounts_frame);
        free(*b);
        *b = NULL;
    }
}

void batches_set_limits(struct batches *b, const struct batches_limits *limits)
{
    b->limits = *limits;
    b->to_reject.left = limits->rejects_per_second * 1000000;
}

/* ---- closing ---- */

static void open_now(struct open_batch *o, int64_t received_us, int64_t now_us)
{
    if (!o->open) {
        *o = (struct open_batch){true, now_us, received_us};
    }
}

static void hand_over(struct batches *b, struct window_batch *batch, bool with_accounts)
{
    pack_reset(&b->accounts_frame);
    if (with_accounts) {
        accounts_encode(b->accounts, &b->accounts_frame);
        if (b->lost_waits) {
            lost_encode(&b->accounts_frame, &b->lost);
        }
        batch->dropped = b->dropped - b->dropped_told;
    }
    batch->accounts = pack_bytes(&b->accounts_frame);
    if (pack_ok(&b->accounts_frame) && outbox_add(b->outbox, batch) == 0) {
        b->counts.closed++;
        if (with_accounts) {
            accounts_clear(b->accounts);
            b->dropped_told = b->dropped;
            b->counts.lost_told |= b->lost_waits;
            b->lost_waits = false;
            b->handed_over = b->told;
            b->reckoned.open = false;
        }
        return;
    }
    /* Who sent how much is still known, and goes with the next one. */
    accounts_forget_records(b->accounts);
    b->counts.lost++;
    b->counts.records_lost += batch->kind == BATCH_RECORDS ? batch->count : 0;
    log_error("batch.lost", "items=%u reason=\"out of memory\"", (unsigned)batch->count);
}

static void close_records(struct batches *b)
{
    if (!b->records.open) {
        return;
    }
    struct window_batch batch = {.kind = BATCH_RECORDS,
                                 .count = batch_writer_count(b->writer),
                                 .delivered = b->records_delivered,
                                 .received_us = b->records.received_us};
    pack_reset(&b->frame);
    if (batch_writer_finish(b->writer, &b->frame) == 0) {
        batch.frame = pack_bytes(&b->frame);
    }
    hand_over(b, &batch, true);
    b->records.open = false;
    b->records_delivered = 0;
}

static void close_rejects(struct batches *b)
{
    struct window_batch batch = {.kind = BATCH_REJECTS,
                                 .count = b->reject_count,
                                 .received_us = b->rejects.open ? b->rejects.received_us
                                                                : b->reckoned.received_us,
                                 .frame = pack_bytes(&b->reject_frame)};
    if (batch.frame.at == NULL) {
        batch.frame = slice_of("");
    }
    /* Records that wait refer to the accounts by their indices. */
    hand_over(b, &batch, !b->records.open);
    pack_reset(&b->reject_frame);
    b->reject_count = 0;
    b->rejects.open = false;
}

static void close_accounts(struct batches *b)
{
    if (b->records.open) {
        close_records(b);
    } else {
        close_rejects(b);
    }
}

void batches_close_all(struct batches *b)
{
    close_records(b);
    if (b->rejects.open || b->reckoned.open) {
        close_rejects(b);
    }
}

void batches_close_rest(struct batches *b)
{
    if (b->records.open && b->records_from < b->handed_over.datagrams) {
        close_records(b);
    }
}

/* How long until something is old enough, accounts alone included; -1 when nothing is open. */
static int64_t until_next(const struct batches *b, int64_t now_us)
{
    int64_t next = INT64_MAX;
    if (b->records.open) {
        next = b->records.opened_us;
    }
    if (b->rejects.open && b->rejects.opened_us < next) {
        next = b->rejects.opened_us;
    }
    if (next != INT64_MAX) {
        return next + b->limits.age_us - now_us;
    }
    return b->reckoned.open ? b->reckoned.opened_us + BATCH_ACCOUNTS_US - now_us : -1;
}

int64_t batches_close_old(struct batches *b, int64_t now_us)
{
    if (b->records.open && now_us - b->records.opened_us >= b->limits.age_us) {
        close_records(b);
    }
    if (b->rejects.open && now_us - b->rejects.opened_us >= b->limits.age_us) {
        close_rejects(b);
    }
    if (b->reckoned.open && !b->records.open && !b->rejects.open &&
        now_us - b->reckoned.opened_us >= BATCH_ACCOUNTS_US) {
        close_rejects(b);
    }
    return until_next(b, now_us);
}

/* ---- filling ---- */

/* A bucket that holds a second's worth and is filled as time goes on. */
static bool take_allowance(struct allowance *a, uint64_t per_second, int64_t now_us)
{
    uint64_t most = per_second * 1000000;
    uint64_t passed = (uint64_t)(now_us - a->at_us);
    a->left += (passed < 1000000 ? passed : 1000000) * per_second;
    a->left = a->left < most ? a->left : most;
    a->at_us = now_us;
    if (a->left < 1000000) {
        return false;
    }
    a->left -= 1000000;
    return true;
}

void batches_of_old(struct batches *b, bool old, int64_t now_us)
{
    if (b->records.open && b->old != old && take_allowance(&b->to_part, PARTINGS, now_us)) {
        close_records(b);
    }
    b->old = old;
}

/* The account of the datagram at hand: opened when it has none, after room was made if need be. */
static uint32_t find_account(struct batches *b)
{
    uint32_t index;
    if (accounts_find(b->accounts, &b->sender, &index) == -1) {
        close_accounts(b);
        if (accounts_find(b->accounts, &b->sender, &index) == -1) {
            /* For want of memory: what they say is lost, as the batch is. */
            accounts_clear(b->accounts);
            accounts_find(b->accounts, &b->sender, &index);
        }
    }
    return index;
}

static void add_missing(struct account *account, int64_t missing)
{
    bool too_many = missing > 0 && account->missing > MISSING_MOST - missing;
    account->missing = too_many ? MISSING_MOST : account->missing + missing;
}

void batches_datagram(struct batches *b, const struct sender *sender, enum datagram_fate fate,
                      uint32_t reason, int64_t received_us, int64_t now_us)
{
    b->sender = *sender;
    struct account *account = accounts_at(b->accounts, find_account(b));
    b->told.datagrams++;
    b->told.delivered += sender->answered;
    account->datagrams++;
    add_missing(account, sender->missing);
    switch (fate) {
    case DATAGRAM_ACCEPTED:
        account->accepted++;
        break;
    case DATAGRAM_EXCEPTION:
        account->exceptions++;
        break;
    case DATAGRAM_REJECTED:
        account->rejected[reason]++;
        break;
    }
    open_now(&b->reckoned, received_us, now_us);
}

void batches_dropped(struct batches *b, uint64_t dropped, int64_t received_us, int64_t now_us)
{
    if (dropped != b->dropped) {
        b->dropped = dropped;
        open_now(&b->reckoned, received_us, now_us);
    }
}

void batches_lost(struct batches *b, const struct lost_message *lost, int64_t received_us,
                  int64_t now_us)
{
    b->lost = *lost;
    b->lost_waits = true;
    open_now(&b->reckoned, received_us, now_us);
    batches_close_all(b);
}

int batches_add(struct batches *b, const struct schema_message *schema,
                struct record_message *record, int64_t received_us, int64_t now_us)
{
    uint32_t account = find_account(b);
    record->sender = account;
    int rc = batch_writer_add(b->writer, schema, record);
    if (rc == 1) {
        close_records(b);
        record->sender = account = find_account(b);
        rc = batch_writer_add(b->writer, schema, record);
    }
    if (rc != 0) {
        b->counts.records_lost++;
        return -1;
    }
    accounts_at(b->accounts, account)->records++;
    open_now(&b->reckoned, received_us, now_us);
    if (!b->records.open) {
        b->records_from = b->told.datagrams - 1;
    }
    open_now(&b->records, received_us, now_us);
    b->records_delivered += b->sender.answered;
    if (batch_writer_count(b->writer) >= b->limits.records ||
        batch_writer_size(b->writer) >= BATCH_BYTES) {
        close_records(b);
    }
    return 0;
}

int batches_reject(struct batches *b, const struct reject_message *reject, int64_t now_us)
{
    if (!take_allowance(&b->to_reject, b->limits.rejects_per_second, now_us)) {
        return 1;
    }
    size_t before = pack_bytes(&b->reject_frame).len;
    reject_encode(&b->reject_frame, reject);
    if (!pack_ok(&b->reject_frame)) {
        b->reject_frame.buffer.size = before;
        b->reject_frame.failed = false;
        return -1;
    }
    b->reject_count++;
    open_now(&b->rejects, reject->received_us, now_us);
    if (b->reject_count >= b->limits.records || pack_bytes(&b->reject_frame).len >= BATCH_BYTES) {
        close_rejects(b);
    }
    return 0;
}

struct batches_counts batches_counts(const struct batches *b)
{
    struct batches_counts counts = b->counts;
    counts.dropped = b->dropped_told;
    counts.datagrams = b->handed_over.datagrams;
    counts.delivered = b->handed_over.delivered;
    return counts;
}

uint64_t batches_told(const struct batches *b)
{
    return b->told.datagrams;
}
