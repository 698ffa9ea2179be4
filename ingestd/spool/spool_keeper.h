/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that makes lasting what ingestd commits: syncs the write-ahead log when asked, and
 * copies it into the file when it has become long. ingestd's loop must never wait for a disk, or
 * the kernel drops datagrams.
 */
#ifndef EZREPO_INGESTD_SPOOL_KEEPER_H
#define EZREPO_INGESTD_SPOOL_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

struct spool_keeper;

/* Since the start. */
struct spool_keeper_counts {
    uint64_t syncs, copies, failures;
    uint64_t longest_sync_us;
    bool failing; /* the last one did */
};

/*
 * With a connection of its own, opened with the first request: the spool must be open for writing
 * then. NULL after an error was logged.
 */
struct spool_keeper *spool_keeper_new(const char *file);

/* Ends what is under way, and the thread. */
void spool_keeper_free(struct spool_keeper **k);

/*
 * All that is committed by now is to be synced, or also copied; several calls may be one work.
 * Returns the request's number, from 1, for spool_keeper_synced().
 */
uint64_t spool_keeper_sync(struct spool_keeper *k);
uint64_t spool_keeper_copy(struct spool_keeper *k);

/* There is another file under the name from now on; the one before is closed at once. */
void spool_keeper_reopen(struct spool_keeper *k);

/* Readable when there is news of requests; spool_keeper_synced() takes them. */
int spool_keeper_fd(const struct spool_keeper *k);

/* Requests up to `failed` were not all fulfilled; of those after it, all up to `synced` were. */
struct spool_synced {
    uint64_t synced, failed;
};
struct spool_synced spool_keeper_synced(struct spool_keeper *k);

struct spool_keeper_counts spool_keeper_counts(struct spool_keeper *k);

#endif
