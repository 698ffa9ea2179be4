/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stored holds while it runs, and the parts that work on it. One thread; nothing here is
 * shared.
 */
#ifndef EZREPO_STORED_STORE_H
#define EZREPO_STORED_STORE_H

#include "common/bus.h"
#include "common/identity.h"
#include "common/message.h"
#include "common/record_types.h"
#include "stored/arrival.h"
#include "stored/calendar.h"
#include "stored/distances.h"
#include "stored/gaps.h"
#include "stored/gradings.h"
#include "stored/interned.h"
#include "stored/ledger.h"
#include "stored/pg.h"
#include "stored/retention.h"
#include "stored/series.h"

struct store_settings {
    const char *database;
    const char *grading_default;
    int64_t flush_records, flush_ms;
    int64_t reorder_wait_ms;
    int64_t rejected_rows;
    int64_t ledger_senders;
    int64_t ledger_days;
    const struct json *retention;
    int64_t max_series, max_schemas;
    int64_t seal_after_s;
    int64_t buffer_bytes;
    int64_t high_water;
    int64_t drain_ms;
    int64_t silence_s;
};

/* COUNTER(name in C, name in the status) */
#define STORE_COUNTERS(COUNTER)                                                                    \
    COUNTER(RECEIVED_BATCHES, "received.batches")                                                  \
    COUNTER(RECEIVED_RECORDS, "received.records")                                                  \
    COUNTER(MALFORMED_BATCHES, "malformed.batches")                                                \
    COUNTER(REORDER_WAITING, "reorder.waiting")                                                    \
    COUNTER(REORDER_SKIPPED, "reorder.skipped")                                                    \
    COUNTER(COMMITTED_BATCHES, "committed.batches")                                                \
    COUNTER(COMMITTED_RECORDS, "committed.records")                                                \
    COUNTER(RETURNED_BATCHES, "returned.batches")                                                  \
    COUNTER(REPEATED_BATCHES, "repeated.batches")                                                  \
    COUNTER(DUPLICATES, "duplicates")                                                              \
    COUNTER(SAME_START, "same_start")                                                              \
    COUNTER(LATE_RECORDS, "late.records")                                                          \
    COUNTER(ACKNOWLEDGED_BATCHES, "acknowledged.batches")                                          \
    COUNTER(REJECTED_KEPT, "rejected.kept")                                                        \
    COUNTER(REJECTED_DATABASE, "rejected.database")                                                \
    COUNTER(REJECTED_RECORDS, "rejected.records")                                                  \
    COUNTER(REJECTED_EXPIRED, "rejected.expired")                                                  \
    COUNTER(FLUSHES, "flushes")                                                                    \
    COUNTER(FLUSH_MS, "flush_ms")                                                                  \
    COUNTER(FLUSH_RECORDS, "flush_records")                                                        \
    COUNTER(LAG_MS, "lag_ms")                                                                      \
    COUNTER(BUFFERED_BYTES, "buffered_bytes")                                                      \
    COUNTER(DAYS_MADE, "days.made")                                                                \
    COUNTER(DAYS_WAITING, "days.waiting")                                                          \
    COUNTER(SERIES, "series")                                                                      \
    COUNTER(PERIODS_OPENED, "periods.opened")                                                      \
    COUNTER(PERIODS_ENDED, "periods.ended")                                                        \
    COUNTER(PERIODS_REPAIRED, "periods.repaired")                                                  \
    COUNTER(EVENTS_RETRACTED, "events.retracted")                                                  \
    COUNTER(GRADING_VERSION, "grading.version")                                                    \
    COUNTER(GRADING_REFUSED, "grading.refused")                                                    \
    COUNTER(HOURS_SEALED, "hours.sealed")                                                          \
    COUNTER(DAYS_SEALED, "days.sealed")                                                            \
    COUNTER(RETENTION_PARTITIONS, "retention.partitions")                                          \
    COUNTER(RETENTION_RECORDS, "retention.records")                                                \
    COUNTER(SCHEMAS_REMOVED, "schemas.removed")                                                    \
    COUNTER(HOPS_REMOVED, "hops.removed")                                                          \
    COUNTER(LEDGER_REMOVED, "ledger.removed")                                                      \
    COUNTER(SPOOLS_COPIED, "spools.copied")                                                        \
    COUNTER(DATABASE_ERRORS, "database.errors")                                                    \
    COUNTER(DATABASE_CONNECTS, "database.connects")

#define COUNTER_NUMBER(name, text) COUNT_##name,
enum store_counter { STORE_COUNTERS(COUNTER_NUMBER) STORE_COUNTER_COUNT };
#undef COUNTER_NUMBER

extern uint64_t store_counters[STORE_COUNTER_COUNT];

static inline void count_add(enum store_counter counter, uint64_t n)
{
    store_counters[counter] += n;
}

static inline void count_set(enum store_counter counter, uint64_t value)
{
    store_counters[counter] = value;
}

/* A batch as it was received; frames and header live in the message. */
struct batch {
    struct bus_message message;
    struct batch_header_message header;
    uint64_t grading_digest; /* 0: it does not say */
    size_t bytes;
    struct calendar_parts needs; /* partitions it waits for */
};

void batch_free(void *batch);

struct seal;
struct rebuild;
struct ledger_fold;
struct drop;
struct days;

struct store {
    const struct store_settings *settings;
    const char *schemas_dir;
    struct pg pg;
    struct pg_params params;
    struct record_types *types;
    struct gaps gaps;
    struct distances *distances;
    bool old_default; /* the grading in force is a default of before, and nobody published one */
    struct series_cache series;
    struct interned_cache schemas, hops;
    struct arrival arrival;
    struct calendar calendar;
    struct gradings gradings;
    struct ledger ledger;
    struct retention retention;
    struct retention_rules rules; /* the option, as it was read last */
    struct seal *seal;
    struct rebuild *rebuild;
    struct ledger_fold *fold;
    struct drop *drop;
    struct days *days;
    struct identity *identity; /* for records whose ingestd told no digest */
    uint64_t stamp;            /* of the flush at hand */
    uint32_t staged_type;      /* PostgreSQL's number of the type that sql_staged makes */
    int64_t rejected_new;      /* rows put into `rejected` since it was last trimmed */
};

#endif
