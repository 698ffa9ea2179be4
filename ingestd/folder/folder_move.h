/* SPDX-License-Identifier: Apache-2.0 */
/* A file that was taken, out of the way. */
#ifndef EZREPO_INGESTD_FOLDER_MOVE_H
#define EZREPO_INGESTD_FOLDER_MOVE_H

#include <sys/stat.h>

#include "ingestd/folder/folder_queue.h"

struct folder_places {
    int folder, done, failed; /* open, or -1 */
};

enum moved { MOVED, MOVE_CHANGED, MOVE_IMPOSSIBLE };

/*
 * Moves the file, which fd has open and which was so when it was read, to done/ or, with its
 * reasons beside it, to failed/; when there is one of its name, with a number behind it or, beyond
 * 99, with the time. MOVE_CHANGED: it is not the same any more and stays. MOVE_IMPOSSIBLE: errno
 * says why.
 */
enum moved folder_move(const struct folder_places *f, int fd, const char *name,
                       const struct stat *was, const struct folder_tally *t);

#endif
