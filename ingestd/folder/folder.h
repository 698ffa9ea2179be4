/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of results in a folder, as scp, sftp or rsync fill it: a thread takes in those that are
 * complete, by ingestd's own door, and moves them to done/ or failed/. It shares no data with the
 * loop.
 */
#ifndef EZREPO_INGESTD_FOLDER_H
#define EZREPO_INGESTD_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"

struct folder;

#define FOLDER_COUNTERS(COUNTER, GAUGE)                                                            \
    COUNTER(FOLDER_DONE, "drop.done", "", "files taken and moved to done/")                        \
    COUNTER(FOLDER_FAILED, "drop.failed", "", "files moved to failed/: part of them was refused")  \
    COUNTER(FOLDER_RECORDS, "drop.records", "", "records taken out of files")                      \
    COUNTER(FOLDER_REFUSED, "drop.refused", "", "parts of files that were refused")                \
    GAUGE(FOLDER_STUCK, "drop.stuck", "", "files that are taken and cannot be moved away, now")    \
    GAUGE(FOLDER_LEFT, "drop.left", "", "files left alone, now")

/* Since the start. */
struct folder_counts {
    uint64_t done, failed;     /* files */
    uint64_t records, refused; /* see folder_queue.h */
    uint64_t stuck, left;      /* files that lie there: taken but not moved away; left alone */
    bool looking;              /* the folder can be read */
};

#define FOLDER_TOLD_BYTES 1024

/* What outlives it. */
struct folder_settings {
    const char *path;
    const char *memory_dir;               /* keeps what was taken of files that are still there */
    const char *format;                   /* of its files; "": mPlane's */
    const struct config_strings *formats; /* folders in it that are not its own matter */
    int64_t settle_s;
};

/* Starts the thread. NULL after an error was logged. */
struct folder *folder_start(const struct folder_settings *s);

/* What is under way is left where it is: the next ingestd goes on with it. Does not wait. */
void folder_stop(struct folder *d);
/* No more answers are given to what it delivered. Waits for the thread, and frees. */
void folder_free(struct folder **d);

/* And in words what stays in the folder and why, as "; …", or why it cannot be looked into, as ":
 * …"; or "". */
struct folder_counts folder_counts(struct folder *d, char told[FOLDER_TOLD_BYTES]);

#endif
