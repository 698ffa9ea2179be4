/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ingestd that do I/O share: its settings and its counters. */
#ifndef EZREPO_INGESTD_INGESTD_H
#define EZREPO_INGESTD_INGESTD_H

#include "common/config.h"
#include "common/counter.h"
#include "ingestd/folder/folder.h"
#include "ingestd/result/result.h"
#include "ingestd/spool/spool.h"

/* As the table in main.c fills them. */
struct ingestd_settings {
    struct config_strings listen;
    const struct json *listeners; /* see udp/listener_list.h; NULL: none */
    struct config_strings allow;
    int64_t receive_buffer_bytes;
    int64_t batch_records, batch_age_ms;
    const char *spool_dir;
    int64_t spool_bytes, spool_sync_ms;
    int64_t window_bytes, retry_ms, drain_ms;
    int64_t envelope_window_s;
    int64_t past_limit_s, future_limit_s, longest_s; /* the first and the last -1: by door */
    const struct json *senders;                      /* see sender_rules.h; NULL: none */
    int64_t rejects_per_second, reject_head_bytes;
    int64_t max_depth, max_values, max_string_bytes, max_rows;
    int64_t body_bytes, body_values, body_rows;
    const char *drop_dir;
    struct config_strings drop_formats;
    int64_t drop_settle_s;
};
extern struct ingestd_settings settings;

/* Behind these those of what is refused, one for each reason, and last for who may not send. */
#define INGEST_COUNTERS(COUNTER, GAUGE)                                                            \
    COUNTER(RECEIVED_DATAGRAMS, "received.datagrams", "",                                          \
            "datagrams; posted bodies and results in files count as one each")                     \
    COUNTER(RECEIVED_BYTES, "received.bytes", "bytes",                                             \
            "bytes of datagrams, posted bodies and results in files")                              \
    COUNTER(RECEIVED_BURSTS, "received.bursts", "", "how often datagrams were read together")      \
    COUNTER(DATAGRAMS_ACCEPTED, "datagrams.accepted", "",                                          \
            "datagrams of which something was taken; with .rejected and .exceptions all that "     \
            "were received")                                                                       \
    COUNTER(DATAGRAMS_REJECTED, "datagrams.rejected", "", "datagrams of which nothing was taken")  \
    COUNTER(DATAGRAMS_EXCEPTIONS, "datagrams.exceptions", "",                                      \
            "datagrams with nothing but mPlane exceptions")                                        \
    COUNTER(KERNEL_DROPS, "kernel.drops", "",                                                      \
            "datagrams that the kernel dropped before they were received, and that no "            \
            "ingestd told before")                                                                 \
    COUNTER(KILLED_DATAGRAMS, "killed.datagrams", "",                                              \
            "datagrams that the ingestd before had read and lost when it was killed")              \
    COUNTER(ACCEPTED_RESULTS, "accepted.results", "", "results taken")                             \
    COUNTER(ACCEPTED_RECORDS, "accepted.records", "", "records taken")                             \
    COUNTER(EXCEPTIONS, "exceptions", "", "mPlane exceptions: there is nothing in them to keep")   \
    COUNTER(ENVELOPES_TAKEN, "envelopes.taken", "",                                                \
            "signed datagrams that were their sender's, and had not come before")                  \
    COUNTER(ENVELOPES_SKIPPED, "envelopes.skipped", "",                                            \
            "sequences of signed senders passed over by a later one")                              \
    COUNTER(ENVELOPES_LATE, "envelopes.late", "",                                                  \
            "of these, those that came all the same; what is left is missing")                     \
    GAUGE(ENVELOPES_EPOCHS, "envelopes.epochs", "",                                                \
          "epochs of signed senders that are known, now")                                          \
    COUNTER(DELIVERIES_KEPT, "deliveries.kept", "", "bodies answered: kept")                       \
    COUNTER(DELIVERIES_REFUSED, "deliveries.refused", "", "bodies answered: refused")              \
    COUNTER(DELIVERIES_BUSY, "deliveries.busy", "", "bodies answered: busy")                       \
    COUNTER(DELIVERIES_MALFORMED, "deliveries.malformed", "",                                      \
            "messages at the door of bodies that were none")                                       \
    GAUGE(DELIVERIES_WAITING, "deliveries.waiting", "", "bodies that wait for the disk, now")      \
    GAUGE(DELIVERIES_UNREAD, "deliveries.unread", "", "bodies that wait to be read, now")          \
    FOLDER_COUNTERS(COUNTER, GAUGE)                                                                \
    COUNTER(REJECTS_KEPT, "rejects.kept", "", "refusals handed on to be kept")                     \
    COUNTER(REJECTS_NOT_KEPT, "rejects.not_kept", "",                                              \
            "refusals beyond rejects_per_second, or beyond 16 of one datagram")                    \
    COUNTER(BATCHES_CLOSED, "batches.closed", "", "batches closed")                                \
    COUNTER(BATCHES_PUSHED, "batches.pushed", "", "batches pushed to classifyd")                   \
    COUNTER(BATCHES_REPUSHED, "batches.repushed", "",                                              \
            "batches pushed again, without an acknowledgement")                                    \
    COUNTER(BATCHES_ACKNOWLEDGED, "batches.acknowledged", "", "batches that stored has")           \
    COUNTER(BATCHES_LOST, "batches.lost", "", "batches lost for want of memory")                   \
    COUNTER(RECORDS_ACKNOWLEDGED, "records.acknowledged", "", "records that stored has")           \
    COUNTER(RECORDS_LOST, "records.lost", "", "records lost for want of memory")                   \
    COUNTER(ACKS_REFUSED, "acks.refused", "",                                                      \
            "messages of stored that were none for this instance")                                 \
    COUNTER(ACKS_OF_OTHERS, "acks.of_others", "",                                                  \
            "acknowledgements of a batch of another epoch that has a sequence which is held: "     \
            "they settle nothing")                                                                 \
    GAUGE(HELD_BATCHES, "held.batches", "", "batches not acknowledged, now")                       \
    GAUGE(HELD_RECORDS, "held.records", "", "records not acknowledged, now")                       \
    GAUGE(HELD_REJECTS, "held.rejects", "", "refusals not acknowledged, now")                      \
    GAUGE(MEMORY_BATCHES, "memory.batches", "", "batches in memory, now")                          \
    GAUGE(MEMORY_BYTES, "memory.bytes", "bytes", "memory of batches in memory, now")               \
    COUNTER(INTAKE_STOPPED, "intake.stopped", "",                                                  \
            "how often reading stopped because spool or memory was full")                          \
    SPOOL_COUNTERS(COUNTER, GAUGE)                                                                 \
    COUNTER(SIGNS_SENT, "signs.sent", "", "signs of life sent to stored")                          \
    COUNTER(SIGNS_UNWRITTEN, "signs.unwritten", "",                                                \
            "signs of life that could not be written into their file")                             \
    GAUGE(SIGNS_LAG_MS, "signs.lag_ms", "milliseconds",                                            \
          "how long ago the moment was up to which all that was received is stored; 0: none yet")  \
    GAUGE(LAG_MS, "lag_ms", "milliseconds", "age of the oldest batch in memory, now")

#define REJECTED_CONSTANT(constant, name, help) COUNT_REJECTED_##constant,
enum counter {
    INGEST_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) RESULT_REASONS(REJECTED_CONSTANT)
        COUNT_REJECTED_SENDER,
    COUNTER_COUNT,
    COUNT_REJECTED = COUNT_REJECTED_JSON /* + a reason of accounts.h */
};
#undef REJECTED_CONSTANT

extern uint64_t counters[COUNTER_COUNT];

#endif
