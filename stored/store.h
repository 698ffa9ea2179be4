/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stored holds while it runs, and the parts that work on it. One thread; nothing here is
 * shared.
 */
#ifndef EZREPO_STORED_STORE_H
#define EZREPO_STORED_STORE_H

#include "common/bus.h"
#include "common/counter.h"
#include "common/histogram.h"
#include "common/identity.h"
#include "common/message.h"
#include "common/pg/pg.h"
#include "common/record_types.h"
#include "stored/access/access_table.h"
#include "stored/cache/arrival.h"
#include "stored/cache/calendar.h"
#include "stored/cache/gradings.h"
#include "stored/cache/interned.h"
#include "stored/cache/ledger.h"
#include "stored/cache/retention.h"
#include "stored/cache/series.h"
#include "stored/db/sql.h"
#include "stored/periods/distances.h"
#include "stored/periods/gaps.h"

struct store_settings {
    const char *database;
    const char *grading_default;
    int64_t flush_records, flush_ms;
    int64_t reorder_wait_ms;
    int64_t rejected_rows;
    int64_t ledger_senders;
    int64_t ledger_days;
    int64_t feed_days;
    bool notify;
    const struct json *retention;
    int64_t max_series, max_schemas;
    int64_t seal_after_s;
    int64_t buffer_bytes;
    int64_t high_water;
    int64_t drain_ms;
    int64_t silence_s;
};

#define STORE_COUNTERS(COUNTER, GAUGE)                                                             \
    COUNTER(RECEIVED_BATCHES, "received.batches", "",                                              \
            "batches that came in, repeated ones included")                                        \
    COUNTER(RECEIVED_RECORDS, "received.records", "",                                              \
            "records that came in, repeated ones included")                                        \
    COUNTER(MALFORMED_BATCHES, "malformed.batches", "",                                            \
            "batches, headers or frames, that are not what they should be")                        \
    GAUGE(REORDER_WAITING, "reorder.waiting", "", "batches that wait for a missing one, now")      \
    COUNTER(REORDER_SKIPPED, "reorder.skipped", "", "missing batches given up waiting for")        \
    COUNTER(COMMITTED_BATCHES, "committed.batches", "",                                            \
            "batches written by a transaction that committed")                                     \
    COUNTER(COMMITTED_RECORDS, "committed.records", "",                                            \
            "records written by a transaction that committed")                                     \
    COUNTER(RETURNED_BATCHES, "returned.batches", "",                                              \
            "batches graded by a version that the database does not have")                         \
    COUNTER(REPEATED_BATCHES, "repeated.batches", "",                                              \
            "batches that the database says were committed before")                                \
    COUNTER(DUPLICATES, "duplicates", "", "records whose identity was there already")              \
    COUNTER(SAME_START, "same_start", "",                                                          \
            "records committed although another one of their series and start was there")          \
    COUNTER(LATE_RECORDS, "late.records", "",                                                      \
            "records committed that lie before their series' greatest key")                        \
    COUNTER(ACKNOWLEDGED_BATCHES, "acknowledged.batches", "",                                      \
            "acknowledgements sent, repeated ones included")                                       \
    COUNTER(REJECTED_KEPT, "rejected.kept", "", "rows put into the table rejected")                \
    COUNTER(REJECTED_DATABASE, "rejected.database", "",                                            \
            "records that PostgreSQL refused; they are in the table rejected")                     \
    COUNTER(REJECTED_RECORDS, "rejected.records", "",                                              \
            "records out of bounds; they are in the table rejected")                               \
    COUNTER(REJECTED_EXPIRED, "rejected.expired", "",                                              \
            "records of time whose records were dropped; they are in the table rejected")          \
    COUNTER(FLUSHES, "flushes", "", "transactions that wrote batches")                             \
    GAUGE(FLUSH_LAST_MS, "flush_last_ms", "milliseconds",                                          \
          "how long the last transaction that wrote batches took")                                 \
    GAUGE(FLUSH_RECORDS, "flush_records", "",                                                      \
          "records in the last transaction that wrote batches")                                    \
    COUNTER(FLUSH_BEGIN_US, "flush.begin_us", "microseconds", "flushes: beginning transactions")   \
    COUNTER(FLUSH_TAKE_US, "flush.take_us", "microseconds",                                        \
            "flushes: taking batches, those written before left out")                              \
    COUNTER(FLUSH_ARRIVAL_US, "flush.arrival_us", "microseconds",                                  \
            "flushes: numbering what arrived")                                                     \
    COUNTER(FLUSH_READ_US, "flush.read_us", "microseconds", "flushes: reading batches")            \
    COUNTER(FLUSH_DAYS_US, "flush.days_us", "microseconds",                                        \
            "flushes: finding which partitions are missing")                                       \
    COUNTER(FLUSH_SENDERS_US, "flush.senders_us", "microseconds",                                  \
            "flushes: finding the senders' rows of the ledger")                                    \
    COUNTER(FLUSH_SEALING_US, "flush.sealing_us", "microseconds",                                  \
            "flushes: giving up hours that were being sealed")                                     \
    COUNTER(FLUSH_RECORDS_US, "flush.records_us", "microseconds",                                  \
            "flushes: series, schemas and records")                                                \
    COUNTER(FLUSH_ROLLUP_US, "flush.rollup_us", "microseconds", "flushes: sealed hours and days")  \
    COUNTER(FLUSH_PERIODS_US, "flush.periods_us", "microseconds", "flushes: periods and events")   \
    COUNTER(FLUSH_TOTALS_US, "flush.totals_us", "microseconds",                                    \
            "flushes: counts over all series of a type")                                           \
    COUNTER(FLUSH_SILENCE_US, "flush.silence_us", "microseconds", "flushes: silences that end")    \
    COUNTER(FLUSH_REJECTED_US, "flush.rejected_us", "microseconds", "flushes: the table rejected") \
    COUNTER(FLUSH_LEDGER_US, "flush.ledger_us", "microseconds", "flushes: entries of the ledger")  \
    COUNTER(FLUSH_COMMIT_US, "flush.commit_us", "microseconds", "flushes: COMMIT")                 \
    GAUGE(LAG_MS, "lag_ms", "milliseconds",                                                        \
          "from the arrival of the oldest datagram of the last transaction until its "             \
          "commit")                                                                                \
    GAUGE(BUFFERED_BYTES, "buffered_bytes", "bytes", "batches held, now")                          \
    COUNTER(DAYS_MADE, "partitions.made", "", "partitions made for records that waited for them")  \
    GAUGE(PARTITIONS, "partitions", "", "partitions that hold records, as of the last minute")     \
    GAUGE(RECORDS_OLDEST, "records.oldest", "timestamp",                                           \
          "when the oldest day with a partition begins; 0: there is none")                         \
    GAUGE(DAYS_WAITING, "partitions.waiting", "", "batches that wait for partitions, now")         \
    GAUGE(SERIES, "series", "", "series in memory, now")                                           \
    COUNTER(PERIODS_OPENED, "periods.opened", "", "periods begun")                                 \
    COUNTER(PERIODS_ENDED, "periods.ended", "", "periods ended in order")                          \
    COUNTER(PERIODS_REPAIRED, "periods.repaired", "",                                              \
            "neighbourhoods of late records whose periods were computed again")                    \
    COUNTER(STEADY_READ, "periods.steady_read", "",                                                \
            "records read again where a grading asks for steadiness")                              \
    COUNTER(EVENTS_RETRACTED, "events.retracted", "", "events proved wrong")                       \
    GAUGE(GRADING_VERSION, "grading.version", "", "the version in force; 0: none yet")             \
    COUNTER(GRADING_REFUSED, "grading.refused", "", "documents refused")                           \
    COUNTER(ACCESS_CHANGES, "access.changes", "", "changes of who may do what")                    \
    COUNTER(ACCESS_REFUSED, "access.refused", "", "such changes that were refused")                \
    GAUGE(ACCESS_VERSION, "access.version", "", "of who may do what, in force; 0: not read")       \
    COUNTER(SESSIONS_ADDED, "sessions.added", "", "sessions of people that began")                 \
    COUNTER(SESSIONS_ENDED, "sessions.ended", "",                                                  \
            "such sessions that were ended: by who had it, or with a changed password")            \
    COUNTER(SESSIONS_OVER, "sessions.over", "",                                                    \
            "such sessions that were over, or the oldest of too many")                             \
    GAUGE(SESSIONS, "sessions", "", "such sessions, as of the last minute")                        \
    COUNTER(HOURS_SEALED, "sealed.hourly", "", "hours counted into the roll-up of hours")          \
    COUNTER(DAYS_SEALED, "sealed.daily", "", "how often sealed hours were added to their day")     \
    COUNTER(RETENTION_PARTITIONS, "retention.partitions", "", "partitions dropped")                \
    COUNTER(RETENTION_RECORDS, "retention.records", "", "records in partitions dropped")           \
    COUNTER(SCHEMAS_REMOVED, "schemas.removed", "", "schemas that no record had any more")         \
    COUNTER(HOPS_REMOVED, "hops.removed", "", "lists of hops that no record had any more")         \
    COUNTER(LEDGER_REMOVED, "ledger.removed", "", "old rows of the ledger")                        \
    COUNTER(FEED_NOTIFIED, "feed.notified", "", "notifications sent to who listens by SQL")        \
    GAUGE(LEDGER_DROPPED, "ledger.dropped", "",                                                    \
          "datagrams that the kernel dropped, in all hours that the ledger keeps")                 \
    GAUGE(LEDGER_LOST, "ledger.lost", "", "the same of datagrams that were lost later")            \
    GAUGE(LEDGER_MAYBE_LOST, "ledger.maybe_lost", "", "and of those that may have been lost")      \
    GAUGE(LEDGER_HOLES, "ledger.missing", "", "and of batches that never came")                    \
    GAUGE(FEED_ENTRIES, "feed.entries", "",                                                        \
          "entries of the feed of changes, about, as PostgreSQL estimates it")                     \
    GAUGE(FEED_OLDEST, "feed.oldest", "timestamp",                                                 \
          "when the oldest entry of the feed was told; 0: there is none")                          \
    COUNTER(FEED_REMOVED, "feed.removed", "", "old entries of the feed of changes")                \
    COUNTER(SIGNS_RECEIVED, "signs.received", "", "signs of life of ingestds")                     \
    COUNTER(SIGNS_MALFORMED, "signs.malformed", "", "messages in their place that were none")      \
    GAUGE(SIGNS_INGESTDS, "signs.ingestds", "", "ingestds that are present, now")                  \
    GAUGE(SIGNS_ABSENT, "signs.absent", "", "processes on the way in that are absent, now")        \
    COUNTER(SIGNS_ABSENCES, "signs.absences", "", "absences told")                                 \
    COUNTER(SILENCES_TOLD, "silences.told", "", "silences of series and probes told")              \
    COUNTER(SILENCES_RETURNED, "silences.returned", "", "silences that ended told")                \
    COUNTER(SILENCES_RETRACTED, "silences.retracted", "", "silences proved wrong")                 \
    COUNTER(SILENCES_RETIRED, "silences.retired", "", "silences so long that nobody expects more") \
    COUNTER(SILENCES_LOOKED, "silences.looked", "", "series and probes looked at in the store")    \
    COUNTER(SILENCES_REMOVED, "silences.removed", "", "old silences, removed with the feed")       \
    GAUGE(SILENCE_AS_OF, "silence.as_of", "timestamp",                                             \
          "as of when silence is judged, seconds since 1970; 0: it is not known yet, or some are " \
          "due")                                                                                   \
    GAUGE(SILENCE_SUBJECTS, "silence.subjects", "", "series and probes that may fall silent, now") \
    COUNTER(SPOOLS_COPIED, "spools.copied", "", "epochs of copies of a spool beside an original")  \
    GAUGE(DATABASE_BYTES, "database.bytes", "bytes", "of the database, as of the last minute")     \
    GAUGE(DISK_BYTES, "disk.bytes", "bytes",                                                       \
          "of the file system of the private cluster; 0: it is not on this machine")               \
    GAUGE(DISK_FREE_BYTES, "disk.free_bytes", "bytes", "of them, free")                            \
    GAUGE(CLOCK_APART_MS, "clock.apart_ms", "milliseconds",                                        \
          "how far the clocks of stored and PostgreSQL are apart at least")                        \
    COUNTER(DATABASE_ERRORS, "database.errors", "", "steps that failed, on any connection")        \
    COUNTER(DATABASE_CONNECTS, "database.connects", "", "connections made")

#define STORE_HISTOGRAMS(HISTOGRAM)                                                                \
    HISTOGRAM(FLUSH, "flush.duration", "transactions that wrote batches")

enum store_duration { STORE_HISTOGRAMS(HISTOGRAM_CONSTANT) STORE_DURATIONS };
enum store_counter { STORE_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) STORE_COUNTER_COUNT };

extern uint64_t store_counters[STORE_COUNTER_COUNT];
extern struct histogram store_durations[STORE_DURATIONS];

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

struct beside;
struct seal;
struct rebuild;
struct ledger_fold;
struct feed_notify;
struct expiry;
struct figures;
struct days;
struct access_doors;
struct silence;

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
    struct access_table access; /* who may do what */
    struct access_doors *access_doors;
    struct ledger ledger;
    struct retention retention;
    struct retention_rules rules; /* the option, as it was read last */
    struct beside *beside;        /* all that work on connections of their own */
    struct seal *seal;
    struct rebuild *rebuild;
    struct ledger_fold *fold;
    struct feed_notify *notify;
    struct expiry *expiry;
    struct figures *figures;
    struct silence *silence;
    struct days *days;
    struct identity *identity;  /* for records whose ingestd told no digest */
    uint64_t stamp;             /* of the flush at hand */
    uint32_t staged_type;       /* PostgreSQL's number of the type that sql_staged makes */
    int64_t maintenance_due_us; /* when a window begins or ends next; INT64_MIN: to be found out */
    int64_t people_due_us;      /* by the clock: when sessions that are over go */
    int64_t rejected_new;       /* rows put into `rejected` since it was last trimmed */
};

#endif
