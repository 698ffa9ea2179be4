/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ingestd that do I/O share: its settings and its counters. */
#ifndef EZREPO_INGESTD_INGESTD_H
#define EZREPO_INGESTD_INGESTD_H

#include "common/config.h"
#include "ingestd/result.h"

/* As the table in main.c fills them. */
struct settings {
    struct config_strings listen;
    struct config_strings allow;
    int64_t receive_buffer_bytes;
    int64_t batch_records, batch_age_ms;
    const char *spool_dir;
    int64_t spool_bytes, spool_sync_ms;
    int64_t window_bytes, retry_ms, drain_ms;
    int64_t past_limit_s, future_limit_s, longest_s; /* the first and the last -1: by door */
    const struct json *senders;                      /* see sender_rules.h; NULL: none */
    int64_t rejects_per_second, reject_head_bytes;
    int64_t max_depth, max_values, max_string_bytes, max_rows;
    int64_t body_bytes, body_values, body_rows;
    const char *drop_dir;
    int64_t drop_settle_s;
};
extern struct settings settings;

/* COUNTER(constant, name); those of refused input follow from RESULT_REASONS and stand last. */
#define COUNTERS(COUNTER)                                                                          \
    COUNTER(RECEIVED_DATAGRAMS, "received.datagrams")                                              \
    COUNTER(RECEIVED_BYTES, "received.bytes")                                                      \
    COUNTER(RECEIVED_BURSTS, "received.bursts")                                                    \
    COUNTER(DATAGRAMS_ACCEPTED, "datagrams.accepted")                                              \
    COUNTER(DATAGRAMS_REJECTED, "datagrams.rejected")                                              \
    COUNTER(DATAGRAMS_EXCEPTIONS, "datagrams.exceptions")                                          \
    COUNTER(KERNEL_DROPS, "kernel.drops")                                                          \
    COUNTER(KILLED_DATAGRAMS, "killed.datagrams")                                                  \
    COUNTER(ACCEPTED_RESULTS, "accepted.results")                                                  \
    COUNTER(ACCEPTED_RECORDS, "accepted.records")                                                  \
    COUNTER(EXCEPTIONS, "exceptions")                                                              \
    COUNTER(DELIVERIES_KEPT, "deliveries.kept")                                                    \
    COUNTER(DELIVERIES_REFUSED, "deliveries.refused")                                              \
    COUNTER(DELIVERIES_BUSY, "deliveries.busy")                                                    \
    COUNTER(DELIVERIES_MALFORMED, "deliveries.malformed")                                          \
    COUNTER(DELIVERIES_WAITING, "deliveries.waiting")                                              \
    COUNTER(DROP_DONE, "drop.done")                                                                \
    COUNTER(DROP_FAILED, "drop.failed")                                                            \
    COUNTER(DROP_RECORDS, "drop.records")                                                          \
    COUNTER(DROP_REFUSED, "drop.refused")                                                          \
    COUNTER(DROP_STUCK, "drop.stuck")                                                              \
    COUNTER(DROP_LEFT, "drop.left")                                                                \
    COUNTER(REJECTS_KEPT, "rejects.kept")                                                          \
    COUNTER(REJECTS_NOT_KEPT, "rejects.not_kept")                                                  \
    COUNTER(BATCHES_CLOSED, "batches.closed")                                                      \
    COUNTER(BATCHES_PUSHED, "batches.pushed")                                                      \
    COUNTER(BATCHES_REPUSHED, "batches.repushed")                                                  \
    COUNTER(BATCHES_ACKNOWLEDGED, "batches.acknowledged")                                          \
    COUNTER(BATCHES_LOST, "batches.lost")                                                          \
    COUNTER(RECORDS_ACKNOWLEDGED, "records.acknowledged")                                          \
    COUNTER(RECORDS_LOST, "records.lost")                                                          \
    COUNTER(ACKS_REFUSED, "acks.refused")                                                          \
    COUNTER(ACKS_OF_OTHERS, "acks.of_others")                                                      \
    COUNTER(HELD_BATCHES, "held.batches")                                                          \
    COUNTER(HELD_RECORDS, "held.records")                                                          \
    COUNTER(HELD_REJECTS, "held.rejects")                                                          \
    COUNTER(MEMORY_BATCHES, "memory.batches")                                                      \
    COUNTER(MEMORY_BYTES, "memory.bytes")                                                          \
    COUNTER(INTAKE_STOPPED, "intake.stopped")                                                      \
    COUNTER(SPOOL_BYTES, "spool.bytes")                                                            \
    COUNTER(SPOOL_UNSPOOLED, "spool.unspooled")                                                    \
    COUNTER(SPOOL_COMMITS, "spool.commits")                                                        \
    COUNTER(SPOOL_SYNCS, "spool.syncs")                                                            \
    COUNTER(SPOOL_LOG_COPIES, "spool.log_copies")                                                  \
    COUNTER(SPOOL_LONGEST_SYNC_MS, "spool.longest_sync_ms")                                        \
    COUNTER(SPOOL_WRITE_ERRORS, "spool.write_errors")                                              \
    COUNTER(SPOOL_SYNC_ERRORS, "spool.sync_errors")                                                \
    COUNTER(SPOOL_RENEWED, "spool.renewed")                                                        \
    COUNTER(SPOOL_UNREADABLE, "spool.unreadable")                                                  \
    COUNTER(SPOOL_FOUND_BATCHES, "spool.found.batches")                                            \
    COUNTER(SPOOL_FOUND_RECORDS, "spool.found.records")                                            \
    COUNTER(SPOOL_MISSING, "spool.missing")                                                        \
    COUNTER(SPOOL_ASIDE_KEPT, "spool.aside.kept")                                                  \
    COUNTER(SPOOL_ASIDE_REMOVED, "spool.aside.removed")                                            \
    COUNTER(LAG_MS, "lag_ms")

#define COUNTER_CONSTANT(constant, name)  COUNT_##constant,
#define REJECTED_CONSTANT(constant, name) COUNT_REJECTED_##constant,
enum counter {
    COUNTERS(COUNTER_CONSTANT) RESULT_REASONS(REJECTED_CONSTANT) COUNT_REJECTED_SENDER,
    COUNTER_COUNT,
    COUNT_REJECTED = COUNT_REJECTED_JSON /* + a reason of accounts.h */
};
#undef COUNTER_CONSTANT
#undef REJECTED_CONSTANT

extern uint64_t counters[COUNTER_COUNT];

#endif
