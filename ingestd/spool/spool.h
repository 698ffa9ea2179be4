/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool: every batch that is not acknowledged, on disk. This is its running part; outbox.c says
 * what goes in and out and when. spool_file.h tells what is synced when, and why.
 */
#ifndef EZREPO_INGESTD_SPOOL_H
#define EZREPO_INGESTD_SPOOL_H

#include "ingestd/spool/spool_file.h"
#include "ingestd/spool/spool_keeper.h"
#include "ingestd/spool/spool_start.h"

struct spool;

/* Of the spool and what outbox.h and spool_start.h know of it. */
#define SPOOL_COUNTERS(COUNTER, GAUGE)                                                             \
    GAUGE(SPOOL_BYTES, "spool.bytes", "bytes", "what counts against spool_bytes, now")             \
    GAUGE(SPOOL_UNSPOOLED, "spool.unspooled", "",                                                  \
          "batches in memory only, now: closed just now, or the spool cannot be written")          \
    COUNTER(SPOOL_COMMITS, "spool.commits", "", "transactions of the spool")                       \
    COUNTER(SPOOL_SYNCS, "spool.syncs", "", "syncs of the spool")                                  \
    COUNTER(SPOOL_LOG_COPIES, "spool.log_copies", "", "copies of the spool's log into its file")   \
    GAUGE(SPOOL_LONGEST_SYNC_MS, "spool.longest_sync_ms", "milliseconds",                          \
          "the longest sync of the spool since the start")                                         \
    COUNTER(SPOOL_WRITE_ERRORS, "spool.write_errors", "", "transactions of the spool that failed") \
    COUNTER(SPOOL_SYNC_ERRORS, "spool.sync_errors", "", "syncs of the spool that failed")          \
    COUNTER(SPOOL_RENEWED, "spool.renewed", "",                                                    \
            "how often the spool's files were removed or replaced, and new ones made")             \
    COUNTER(SPOOL_UNREADABLE, "spool.unreadable", "",                                              \
            "batches in the spool found damaged when their turn came")                             \
    GAUGE(SPOOL_FOUND_BATCHES, "spool.found.batches", "", "batches in the spool at the start")     \
    GAUGE(SPOOL_FOUND_RECORDS, "spool.found.records", "", "records in the spool at the start")     \
    COUNTER(SPOOL_MISSING, "spool.missing", "",                                                    \
            "batches that should have been in the spool at the start and could not be read, "      \
            "or that could not be written before ingestd was killed")                              \
    GAUGE(SPOOL_ASIDE_KEPT, "spool.aside.kept", "", "damaged spools in spool_dir")                 \
    COUNTER(SPOOL_ASIDE_REMOVED, "spool.aside.removed", "",                                        \
            "older damaged spools removed at the start")

/* For the status. */
struct spool_state {
    uint64_t rows, payload_bytes;
    uint64_t commits, syncs, log_copies, write_errors, sync_errors, longest_sync_us;
    uint64_t renewed;  /* see spool_look() */
    bool failing;      /* the last commit did, or it could not even be opened for writing */
    bool sync_failing; /* the last sync did */
    bool read_failing; /* the last reading of a batch did */
    const char *fault; /* the last one */
};

/* What a row takes beside its frames, about. */
#define SPOOL_ROW_OVERHEAD 128

/*
 * Opens the spool in the folder, recovers what must be recovered, starts the thread that syncs. On
 * a disk that is full it is failing from the start: what is in it can be read, and each transaction
 * looks whether there is room by now. NULL after an error was logged. The caller owns it.
 */
struct spool *spool_open(const char *dir, struct spool_found *found);

/* Syncs and closes. In good order: the head says so. */
void spool_close(struct spool **s);

/*
 * A transaction: begin, then put, mark and remove_below in any order, then commit, which also
 * writes the head. Each: 0; 1 when the log is being copied (again in some milliseconds); -1 when
 * the spool cannot be written. After anything but 0 the transaction is over and nothing has
 * happened.
 */
int spool_begin(struct spool *s);
int spool_put(struct spool *s, const struct window_batch *batch);
/* The batch of that sequence is acknowledged; is_new: the spool has never had it. */
int spool_mark(struct spool *s, uint64_t sequence, bool is_new);
int spool_remove_below(struct spool *s, uint64_t sequence);
int spool_commit(struct spool *s, uint64_t oldest, uint64_t next);

/*
 * When the spool cannot be written and all that its files hold is acknowledged: begins with new
 * ones, where that gives room back. 0: the transaction can be tried again. -1: all is as it was.
 */
int spool_begin_anew(struct spool *s, uint64_t oldest, uint64_t next);

/* That so many bytes of frames need not be kept any more: acknowledged, or found damaged. */
void spool_release(struct spool *s, uint64_t bytes);

/* Writes the head alone: for sequences that are given while the spool cannot be written. 0, or -1.
 */
int spool_tell(struct spool *s, uint64_t oldest, uint64_t next);

/* As spool_file_read(). */
enum spool_result spool_read(struct spool *s, uint64_t sequence, struct window_batch *batch);
void spool_read_end(struct spool *s);

/*
 * Has what was committed synced, if anything was; copies the log when it is long. Does not wait:
 * the number returned is synced when spool_synced() says so, which has news when its descriptor is
 * readable.
 */
uint64_t spool_sync(struct spool *s);
/* Whether there is something that was committed and no sync was asked for since. */
bool spool_has_unsynced(const struct spool *s);
int spool_synced_fd(const struct spool *s);
struct spool_synced spool_synced(struct spool *s);

/* Whether the files that it has open are those in the folder, at this moment. */
bool spool_is_there(const struct spool *s);

/*
 * Looks after that. When they were removed or replaced, all that is in them goes into new ones, and
 * what stands in their place is moved aside. 0 when all is well, or well again; -1 as long as it is
 * not: then nothing can be written, and it is to be called again, not too often.
 */
int spool_look(struct spool *s);

/* When nothing is in it: gives the room back. */
void spool_shrink(struct spool *s);

/* What counts against its limit. */
uint64_t spool_bytes(const struct spool *s);
struct spool_state spool_state(struct spool *s);

#endif
