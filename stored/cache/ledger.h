/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of the ledger that batches at hand belong to: per hour of receipt, ingestd and sender.
 * Of an hour that is in memory all rows are, so that a sender who is not among them is new; one
 * beyond the bound goes into "(others)".
 */
#ifndef EZREPO_STORED_LEDGER_H
#define EZREPO_STORED_LEDGER_H

#include "common/pg/pg.h"
#include "stored/cache/seeded_hash.h"

/* What a flush adds to a row; the order is that of the table's columns. */
enum ledger_count {
    LEDGER_DATAGRAMS,
    LEDGER_ACCEPTED,
    LEDGER_EXCEPTIONS,
    LEDGER_RECORDS,
    LEDGER_STORED,
    LEDGER_DUPLICATES,
    LEDGER_SAME_START, /* a part of LEDGER_STORED */
    LEDGER_REJECTED,
    LEDGER_MISSING, /* sequences of a signed sender; of an hour it may be negative */
    LEDGER_COUNTS
};

struct ledger_hour;

struct ledger_row {
    UT_hash_handle hh;
    int32_t id; /* 0: not in the database yet */
    struct ledger_hour *hour;
    struct ledger_row *next;   /* of the same hour */
    struct ledger_row *unseen; /* the next without an id */
    struct ledger_row *touched;
    uint64_t stamp; /* of the flush that `add` is of */
    uint64_t add[LEDGER_COUNTS];
    uint16_t key_bytes;
    char key[]; /* hour, instance, sender */
};

struct ledger_hour {
    int32_t hour;     /* since 1970 */
    uint32_t senders; /* with a row of their own */
    struct ledger_row *rows;
    struct ledger_hour *older; /* the one used before this */
};

struct ledger {
    struct ledger_row *table;
    struct ledger_hour *hours; /* the one used last is first */
    struct ledger_row *unseen, *touched;
    uint64_t stamp;   /* of the flush at hand */
    uint64_t entries; /* written since they were last summed up, about */
};

/* Begins a flush: nothing is touched. */
void ledger_begin(struct ledger *l, uint64_t stamp);

/* The hour, with all its rows. 0, or -1: the database. */
int ledger_open(struct ledger *l, int32_t hour, struct pg *pg, struct pg_params *params);

/*
 * The sender's row in an hour that is open, touched: a new one, or that of "(others)" when `most`
 * senders have theirs. NULL when memory is out. Valid until ledger_trim() or ledger_forget().
 */
struct ledger_row *ledger_get(struct ledger *l, int32_t hour, const uint8_t instance[16],
                              struct slice sender, uint32_t most);

/* Gives a number to every row that has none. 0, or -1: the database. */
int ledger_load(struct ledger *l, struct pg *pg, struct pg_params *params);

/* Forgets all of it: after a flush that failed. */
void ledger_forget(struct ledger *l);
/* Between flushes: forgets the hours least used but for a few. */
void ledger_trim(struct ledger *l);

#endif
