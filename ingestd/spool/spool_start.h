/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a spool before it is used: it is looked at from end to end, and when anything in
 * it is damaged or missing, moved aside, all that can be read of it copied into a new one, and the
 * rest reported by its sequences.
 */
#ifndef EZREPO_INGESTD_SPOOL_START_H
#define EZREPO_INGESTD_SPOOL_START_H

#include "ingestd/spool/spool_aside.h"
#include "ingestd/spool/spool_file.h"
#include "ingestd/spool/spool_head.h"

#define SPOOL_PATH_BYTES 4096

struct spool_found {
    uint8_t instance[16];
    uint64_t next;                /* sequence to be given, the first of the epoch */
    uint64_t epoch;               /* of this start, never 0: no other has it */
    struct spool_content content; /* of the file as it is now */
    uint64_t written;             /* all below it that is not acknowledged is in the file */
    bool damaged;                 /* it was, or part of it was missing */
    uint64_t missing;             /* batches of which nothing could be read */
    uint64_t first_missing;       /* the lowest sequence of those; 0: none is */
    struct spool_aside aside;     /* damaged ones, of earlier starts too */
    char text[200];               /* for the status */
    char fault[200];              /* why nothing can be written; empty when it can */
};

/*
 * Opens the spool in the folder, made when there is none, and its head (*head_fd, locked). 0, or -1
 * after an error was logged. The caller owns both. On a disk that is full there may be a fault:
 * then the file is for reading only, or NULL where there was none.
 */
int spool_start(const char *dir, struct spool_file **file, int *head_fd, struct spool_found *found);

/*
 * Whether such a file can be written by now: 0, and it is opened anew for that; -1 when there is
 * still no room. After a failure, told in fault[200], it may be NULL.
 */
int spool_gain_room(const char *dir, struct spool_file **file, char fault[200]);

/*
 * Makes a new one in the folder, which is made when it is gone, with all that can be read of a file
 * that has no name there any more, and takes that one's place. What stands there under its name is
 * moved aside. 0: synced, and the old one is closed. -1, with fault[200]: the old one is as it was,
 * or NULL when that went wrong at the very end; what is in the folder is opened by another try.
 */
int spool_start_anew(const char *dir, struct spool_file **file, char fault[200]);

/*
 * Removes a spool of which nothing is needed any more, and makes a new one in its place: where the
 * disk is full, its log cannot be copied into its file, and so neither can get smaller. 0: the new
 * one is open. 1: nothing would be gained, since the spool is small; all is as it was. -1, with
 * fault[200]: the old one is gone, and *file is NULL. What else has it open is to be told.
 */
int spool_start_empty(const char *dir, struct spool_file **file, char fault[200]);

/* Opens the head of a spool anew: the descriptor, or -1 after an error was logged. */
int spool_start_head(const char *dir);

/* DIR/NAME into path; false when it is too long. */
bool spool_path(char path[SPOOL_PATH_BYTES], const char *dir, const char *name);

#define SPOOL_FILE_NAME "spool.sqlite"
#define SPOOL_HEAD_NAME "spool.head"

#endif
