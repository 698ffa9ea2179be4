/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was answered and is not delivered yet: requests as they came, and marks of groups that were
 * delivered, so that what is sent again after a kill is known. An SQLite file (write-ahead log,
 * each commit synced), written by a thread of its own; what is asked for while it syncs shares the
 * next sync. All functions but the thread's are for one thread.
 */
#ifndef EZREPO_INGEST_GW_REMOTE_JOURNAL_H
#define EZREPO_INGEST_GW_REMOTE_JOURNAL_H

#include "ingest-gw/remote/assembly.h"

struct remote_journal;

/* A request as it is kept. */
struct journal_request {
    uint64_t row;
    struct slice format, door, body;
    int64_t received_us;
};

/* What is there at a start, in the order in which it came: marks first. -1 ends it. */
struct journal_reader {
    void *context;
    int (*mark)(void *context, const uint8_t key[ASSEMBLY_KEY_BYTES],
                const struct assembly_mark *marks, uint32_t count, int64_t done_us);
    int (*request)(void *context, const struct journal_request *r);
};

/* Since the start. */
struct journal_counts {
    uint64_t commits, failures;
    size_t waiting_bytes; /* asked for, not committed yet */
    bool failing;         /* the last commit did */
};

/*
 * Opens DIR/remote.sqlite, makes it where there is none, and reads it whole. What is no such file,
 * or damaged, is moved aside as remote.sqlite.damaged-TIME (logged). NULL after an error was
 * logged. The caller owns it.
 */
struct remote_journal *remote_journal_open(const char *folder, const struct journal_reader *reader);

/* Commits what waits, if it can be, and ends the thread. */
void remote_journal_close(struct remote_journal **j);

/* The next request's row. */
uint64_t remote_journal_next_row(struct remote_journal *j);

/* What is asked for happens in this order, all of it or, after a kill, all up to somewhere; texts
 * are copied. -1: memory is out, and nothing of it happens. */
int remote_journal_put(struct remote_journal *j, const struct journal_request *r);
int remote_journal_mark(struct remote_journal *j, const struct assembly_group *g, int64_t done_us);
int remote_journal_remove(struct remote_journal *j, uint64_t row);
/* Marks of groups that were done before. */
int remote_journal_forget(struct remote_journal *j, int64_t before_us);

/* All that was asked for up to now; journal_synced tells when it is on disk. */
uint64_t remote_journal_ticket(const struct remote_journal *j);

/*
 * Tickets up to `synced` are on disk; those after it up to `failed` could not be written, and are
 * tried again.
 */
struct journal_synced {
    uint64_t synced, failed;
};

/* Readable when there is news; remote_journal_synced() takes it. */
int remote_journal_fd(const struct remote_journal *j);
struct journal_synced remote_journal_synced(struct remote_journal *j);

struct journal_counts remote_journal_counts(struct remote_journal *j);

#endif
