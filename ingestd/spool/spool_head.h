/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of the spool: a line or two of text beside the SQLite file, overwritten at each commit,
 * that tells which sequences the spool must hold. SQLite forgets the last transactions without a
 * word when the end of its log is cut off; the head is what makes the loss known. It is synced
 * once, before the first sequence is given, so that one which says "closed" is never found after a
 * power failure later; else it may then be as old as the rest. That is why it does not decide which
 * sequences were given: each start has an epoch of its own.
 */
#ifndef EZREPO_INGESTD_SPOOL_HEAD_H
#define EZREPO_INGESTD_SPOOL_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/boot.h"

struct spool_head {
    uint8_t instance[16];
    uint64_t oldest; /* lowest sequence not acknowledged */
    uint64_t next;   /* to be given */
    /* What is below it and not acknowledged is in the file; from it on it could not be written. */
    uint64_t written;
    bool closed; /* in good order: nothing was given after this was written */
    /* When it was written, since 1970, and in which boot of the machine: for who has to find out
     * what became of a spool. */
    int64_t time_us;
    char boot[BOOT_ID_BYTES + 1];
};

/*
 * Opens the file, made when there is none, and locks it, so that a spool has one process. On a file
 * system that is read-only it can be read only: spool_head_is_frozen(). The descriptor, or -1 after
 * an error was logged.
 */
int spool_head_open(const char *file);

bool spool_head_is_frozen(int fd);
/* Opens it once more, to be written, and locks that one instead: the descriptor, or -1. The caller
 * closes both. */
int spool_head_melt(const char *file, int fd);

/* 0, or -1 when there is nothing in it, or nothing that can be believed. */
int spool_head_read(int fd, struct spool_head *head);
/* 0, or -1 (errno). The boot is that of the present. */
int spool_head_write(int fd, struct spool_head *head);

/* What was written lasts whatever happens to the machine: 0, or -1 (errno). */
int spool_head_sync(int fd);

#endif
