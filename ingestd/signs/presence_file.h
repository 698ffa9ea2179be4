/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last sign of life on disk, for the next start: a file of two slots that are written by turns,
 * whole, so that one that is torn is not believed and the other one is there. It has its room on
 * the disk from the beginning, and is written without waiting for the disk: after a kill it is as
 * it was written, after a power failure it may be some seconds old, which makes an absence longer,
 * never shorter.
 */
#ifndef EZREPO_INGESTD_PRESENCE_FILE_H
#define EZREPO_INGESTD_PRESENCE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

#define PRESENCE_FILE_MOST 3072 /* bytes of a sign */

struct presence_file;

/*
 * Opens the file "signs" in the folder, or makes it. *found is the newest sign in it, of which
 * there may be none (.len is 0); it is valid until the next write. NULL after an error was logged.
 * The caller owns the result.
 */
struct presence_file *presence_file_open(const char *folder, struct slice *found);
void presence_file_free(struct presence_file **f);

/* Another sign of at most PRESENCE_FILE_MOST bytes. 0, or -1 (errno): the one before stays. */
int presence_file_write(struct presence_file *f, struct slice bytes);

#endif
