/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the SQLite file of a spool: its table, and what is done to it. Which sequences
 * belong into it is decided elsewhere.
 *
 * Write-ahead log, synchronous=NORMAL: a commit writes to the log and syncs nothing, so it
 * outlives a killed process at once, but a power failure only from the next sync on, which
 * spool_keeper.c sees to within the configured time. NORMAL and not OFF, because SQLite then syncs
 * in the right places when it copies the log into the file and begins it anew: OFF may leave a
 * broken file after a power failure. Not FULL, because that would sync within every commit, and
 * UDP does not wait.
 */
#ifndef EZREPO_INGESTD_SPOOL_FILE_H
#define EZREPO_INGESTD_SPOOL_FILE_H

#include <sqlite3.h>

#include "ingestd/spool/spool_row.h"

struct spool_file;

/* Results of what is done to the file; what SQLite says stands in spool_file_fault(). */
enum spool_result {
    SPOOL_OK,
    SPOOL_NONE,    /* no such row */
    SPOOL_BUSY,    /* the log is being copied: again in a moment */
    SPOOL_DAMAGED, /* the row, or the file */
    SPOOL_FAILED   /* disk full, input or output error, memory */
};

/* What the rows come to. */
struct spool_content {
    uint64_t rows; /* with those of acknowledged batches that are kept as marks */
    uint64_t batches, records, rejects;
    uint64_t payload_bytes;
    uint64_t first, last; /* sequences of rows; 0 when there is none */
    uint64_t oldest;      /* of those that are not acknowledged */
    uint8_t instance[16]; /* of the rows */
};

enum spool_way {
    SPOOL_NEW,    /* made */
    SPOOL_SHARED, /* other connections may open it, too: takes room on the disk for an index */
    SPOOL_ALONE,  /* nobody else; takes no room: for reading on a disk that is full */
    SPOOL_FROZEN  /* for reading on a file system that is read-only: nothing can change */
};

/*
 * Opens the file; nothing is written to it yet unless it is new. NULL after a failure, its text in
 * fault[200] and its kind in *result (DAMAGED: what is there is no spool). The caller owns it.
 */
struct spool_file *spool_file_open(const char *file, enum spool_way way, enum spool_result *result,
                                   char fault[200]);

/* Closes it; keep_log leaves all files as they are, for another look at them. So does a log that
 * there is no room for in the file. */
void spool_file_close(struct spool_file **f, bool keep_log);

/* What went wrong last. */
const char *spool_file_fault(const struct spool_file *f);

/* Looks at every page and every row. SPOOL_DAMAGED: the fault says where. */
enum spool_result spool_file_check(struct spool_file *f, struct spool_content *content);

/* A transaction. After anything but SPOOL_OK it is over, and nothing of it has happened. */
enum spool_result spool_file_begin(struct spool_file *f);
/* An acknowledged row replaces what is there; another is left out where there is one. */
enum spool_result spool_file_put(struct spool_file *f, const struct spool_row *row);
enum spool_result spool_file_remove_below(struct spool_file *f, uint64_t sequence,
                                          uint64_t *removed);
enum spool_result spool_file_commit(struct spool_file *f);

/*
 * The first batch from this sequence on that is not acknowledged; valid until
 * spool_file_read_end(), which must follow. Of a damaged row (SPOOL_DAMAGED) only sequence and
 * frame lengths are to be used, when its sequence could be read; else the sequence is 0.
 */
enum spool_result spool_file_read(struct spool_file *f, uint64_t sequence, struct spool_row *row);
void spool_file_read_end(struct spool_file *f);

/* Calls the function with each sequence there is, in order. */
enum spool_result spool_file_sequences(struct spool_file *f,
                                       void (*each)(void *context, uint64_t sequence),
                                       void *context);

/* Puts all rows that can be read into another one, committed. */
enum spool_result spool_file_copy(struct spool_file *f, struct spool_file *into);

/* From now on it copies its log by itself, while committing: for who is not in a hurry. */
void spool_file_copy_itself(struct spool_file *f);

/* Bytes of the write-ahead log written since it was begun. */
uint64_t spool_file_log_bytes(const struct spool_file *f);

/*
 * Whether there is room for the log of this connection's file to be copied into it. Where there is
 * not, a copy would take what is left and leave the log as long as it was.
 */
bool spool_file_has_room_for_log(sqlite3 *db);

/* Gives room that is not used back to the file system, when it is much. */
void spool_file_shrink(struct spool_file *f);

#endif
