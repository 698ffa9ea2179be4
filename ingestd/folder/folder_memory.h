/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was taken out of files that still lie in drop_dir: of one that cannot be moved away, all; of
 * one in which ingestd was stopped, its beginning. Kept in a file, so that nothing is taken twice
 * by the next ingestd either. For one thread.
 */
#ifndef EZREPO_INGESTD_FOLDER_MEMORY_H
#define EZREPO_INGESTD_FOLDER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "ingestd/folder/folder_queue.h"

/* Beyond so many files no more are taken until some can be moved away. */
#define FOLDER_MEMORY_FILES 1024

struct folder_memory;

/* With what the file at the path says; one that cannot be read is told and counts as empty. NULL
 * when memory is out. The caller owns it; the path outlives it. */
struct folder_memory *folder_memory_open(const char *path);
void folder_memory_free(struct folder_memory **m);

struct folder_remembered {
    bool finished; /* nothing of it is left to be taken */
    struct folder_progress progress;
};

/* What is known of the file, which is there still; NULL: nothing. Valid until the next change. */
const struct folder_remembered *folder_memory_find(struct folder_memory *m, const struct stat *st);

/* In place of what was known of it. 0, or -1 when there is no room. That it could not be written to
 * disk is told and no failure: it holds for this ingestd. */
int folder_memory_keep(struct folder_memory *m, const struct stat *st, bool finished,
                       const struct folder_progress *progress);
void folder_memory_forget(struct folder_memory *m, const struct stat *st);

/* After all of the folder was gone through: forgets the files that folder_memory_find() was not
 * asked for since the last time. */
void folder_memory_forget_unseen(struct folder_memory *m);

bool folder_memory_is_full(const struct folder_memory *m);

/* How many finished ones there are. */
size_t folder_memory_finished(const struct folder_memory *m);

#endif
