/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was taken out of files that still lie in drop_dir: of one that cannot be moved away, all; of
 * one in which ingestd was stopped, its beginning. Kept in a file, so that nothing is taken twice
 * by the next ingestd either. For one thread.
 */
#ifndef EZREPO_INGESTD_DROP_MEMORY_H
#define EZREPO_INGESTD_DROP_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "ingestd/drop_queue.h"

/* Beyond so many files no more are taken until some can be moved away. */
#define DROP_MEMORY_FILES 1024

struct drop_memory;

/* With what the file at the path says; one that cannot be read is told and counts as empty. NULL
 * when memory is out. The caller owns it; the path outlives it. */
struct drop_memory *drop_memory_open(const char *path);
void drop_memory_free(struct drop_memory **m);

struct drop_remembered {
    bool finished; /* nothing of it is left to be taken */
    struct drop_progress progress;
};

/* What is known of the file, which is there still; NULL: nothing. Valid until the next change. */
const struct drop_remembered *drop_memory_find(struct drop_memory *m, const struct stat *st);

/* In place of what was known of it. 0, or -1 when there is no room. That it could not be written to
 * disk is told and no failure: it holds for this ingestd. */
int drop_memory_keep(struct drop_memory *m, const struct stat *st, bool finished,
                     const struct drop_progress *progress);
void drop_memory_forget(struct drop_memory *m, const struct stat *st);

/* After all of the folder was gone through: forgets the files that drop_memory_find() was not asked
 * for since the last time. */
void drop_memory_forget_unseen(struct drop_memory *m);

bool drop_memory_is_full(const struct drop_memory *m);

/* How many finished ones there are. */
size_t drop_memory_finished(const struct drop_memory *m);

#endif
