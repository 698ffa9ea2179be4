/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One flush: batches, in their order, become rows in one transaction. A record PostgreSQL refuses
 * is found by halving and kept in `rejected`; the rest is committed.
 */
#ifndef EZREPO_STORED_FLUSH_H
#define EZREPO_STORED_FLUSH_H

#include "stored/flush/rejects.h"
#include "stored/order.h"
#include "stored/store.h"

enum item_fate {
    ITEM_IN_ORDER,  /* beyond its series' greatest: cannot be there already */
    ITEM_STAGED,    /* perhaps a duplicate, perhaps late */
    ITEM_LATE,      /* staged, and it was not there */
    ITEM_DUPLICATE, /* staged, and it was there */
};

/* One record of the flush. */
struct flush_item {
    struct series *series;
    struct interned *schema, *hops; /* hops: NULL when it has none */
    struct period_key key;          /* the digest only, until the series' class is known */
    const struct flush_batch *batch;
    const uint8_t *grades;     /* batch->name_count of them */
    const char *steady;        /* two bytes each, as in a grades message; NULL: none */
    struct ledger_row *ledger; /* where it is accounted for; NULL in a trial */
    size_t at;                 /* its row in `rows` */
    uint32_t length;
    uint8_t fate;    /* enum item_fate */
    bool same_start; /* stored, and another of its series and start was there */
};

/* What a batch says of one sender. */
struct flush_account {
    struct account_message told;
    struct ledger_row *row; /* NULL in a trial */
    uint64_t refused;       /* of its records */
};

/* A schema of a batch, and which values of its records go without saying. */
struct flush_schema {
    struct said said;
    uint16_t *order;        /* of its results by name; NULL: not asked for yet */
    struct interned *entry; /* that of `mask`; NULL: none was asked for yet */
    uint32_t mask;
    struct slice format;
    uint64_t origin_sender; /* of whose records `origin` is that; UINT64_MAX: of nobody's */
    int16_t origin;
};

/* A row of a result at hand, in a batch whose ingestd told no digests. */
struct flush_row {
    const struct series *series;
    int64_t t_us;
    uint64_t digest; /* as if it were the only one */
};

/* A batch as it was read. */
struct flush_batch {
    const struct batch *batch;
    bool done;    /* it was written before: nothing of it is read */
    bool refused; /* it cannot be read */
    int32_t hour; /* of its receipt */
    uint32_t name_count;
    uint16_t ids[LIMIT_GRADE_NAMES]; /* numbers of its grade names */
    struct flush_schema *schemas;
    struct flush_account *accounts; /* of its senders */
    uint32_t account_count;
    struct lost_message lost; /* what it says an ingestd lost */
};

/* One of whom silences were told, and records of it. */
struct flush_heard {
    struct silence_subject *subject;
    int64_t before_us; /* the earliest that may change what was told; and */
    int64_t after_us;  /* the earliest of the others. INT64_MAX: none */
};

/* A record PostgreSQL refuses, by its number over all batches of the flush. */
struct flush_poison {
    uint32_t at;
    char reason[416];
};

/* A partition that records of a batch need, and that is not there. */
struct flush_need {
    uint32_t batch;
    struct calendar_part part;
};

/* What one attempt would add to the counters once it is committed. */
struct flush_counts {
    uint64_t in_order, late, duplicates, same_start, rejected, refused, expired, malformed;
    uint64_t repeated, copies;
};

/* Of which copies of spools one flush tells; others are told with the next. */
#define FLUSH_COPIES 16

struct period_writes;
struct silence_subject;

struct flush {
    struct store *store;
    struct batch *const *batches;
    uint32_t batch_count;
    struct flush_batch *views; /* one per batch */
    struct flush_item *items;
    uint32_t item_count, item_size;
    struct bytes rows;
    struct rejects rejects;
    size_t whole_bytes;    /* of refused records, made into frames of their own */
    const char *part;      /* that is at work, as the log names it */
    struct arena *arena;   /* of one attempt */
    struct arena *scratch; /* of one record */
    struct period_writes *periods;
    struct flush_counts counts;
    int64_t clock_us;
    uint32_t from, to;           /* which records, counted over all batches, the attempt is about */
    bool trial;                  /* it is rolled back in any case, and the ledger left out */
    bool starts_doubted;         /* what starts as its series' last record may be a duplicate */
    struct flush_poison *poison; /* ascending; they are refused */
    uint32_t poison_count, poison_size;
    struct flush_need *needs; /* of the last attempt, ascending by batch */
    uint32_t need_count, need_size;
    struct bytes entries;                    /* of the ledger */
    struct stream_name copies[FLUSH_COPIES]; /* whose ingestds are to be told, see `copy` in
                                                schemas/messages.h */
    uint32_t copy_count;
    int64_t heard_at_us;       /* now, when who was heard of is noted (flush_silence.c) */
    struct flush_heard *heard; /* of whom silences were told (flush_silence.c) */
    uint32_t heard_count, heard_size;
    struct flush_row *result; /* the rows of a result so far (flush_digest.c) */
    uint32_t result_count, result_size;
    const struct flush_batch *result_of;
    uint64_t result_row; /* the last of them */
};

struct flush *flush_new(struct store *store);
void flush_free(struct flush **f);

/*
 * Writes the first of the batches in one transaction, usually all of them: how many, what was
 * refused in them or written before included. 0: none, since some of them need partitions that are
 * not there, those in `needs`; the others can be given again without them. -1: nothing is known to
 * be committed, the connection may be gone, store->pg says why; the same batches are to be given
 * again, and are written once whatever became of this.
 */
int64_t flush_write(struct flush *f, struct batch *const *batches, uint32_t count,
                    int64_t clock_us);

/* flush_read.c: reads the batches into items, rows and rejects. 0; -1 when memory is out. */
int flush_read(struct flush *f);

/* flush_days.c: -1 when partitions are missing, which are in `needs`, or memory is out; else 0. */
int flush_days(struct flush *f);

/*
 * flush_digest.c: the digest of what the record measured, as its ingestd told it; computed where
 * that is of the release before, which told none. 0, or -1: memory.
 */
int flush_digest(struct flush *f, struct flush_batch *v, const struct schema_message *schema,
                 const struct record_message *r, const struct series *series, uint64_t *digest);

/* flush_ledger.c: notes the batches as written, and which were before. 0, or -1. */
int flush_take(struct flush *f);
/* Whatever committed the batches that were written before, this COMMIT is answered when they last:
 * on the standbys, too. 0, or -1. */
int flush_confirm(struct flush *f);
/* Reads the batch's accounts and finds their rows; with a fault when they cannot be used. 0; -1
 * when memory is out. */
int flush_accounts(struct flush *f, struct flush_batch *v, const char **fault);
/* Writes what became of it all, after the records. 0, or -1. */
int flush_ledger(struct flush *f);

/* flush_records.c: makes ready what the records need of the database, at each connection. 0, or -1.
 */
int flush_connected(struct store *store);
/* series, schemas, partitions, records; settles each item's fate. 0, or -1. */
int flush_records(struct flush *f);

/* flush_rollup.c: adds records that fell into sealed hours and days. 0, or -1. */
int flush_rollup(struct flush *f);

/* flush_periods.c: periods and events after the records and the roll-up. 0, or -1. */
int flush_periods(struct flush *f);

/* flush_silence.c: silences that the records end, and those they may prove wrong. 0, or -1. */
int flush_silence(struct flush *f);
/* After COMMIT: who was heard of. */
void flush_silence_committed(struct flush *f);

/* flush_totals.c: adds the records to the counts over all series of a type. 0, or -1. */
int flush_totals(struct flush *f);

/* Writes the open periods of all series in the cache as they are now, in a transaction. 0, or -1.
 */
int flush_checkpoint(struct store *store);

#endif
