/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is replaced as a whole: after a kill or a power failure it is the old or the new one.
 * Readable by its owner only.
 */
#ifndef EZREPO_KEPT_FILE_H
#define EZREPO_KEPT_FILE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Where the new one is written. kept_file_end() closes it in any case, and replaces the file when
 * all was written; once it returns 0 the new one is on disk. NULL or -1 with errno: the file stays
 * what it was.
 */
FILE *kept_file_begin(const char *path);
int kept_file_end(FILE *f, const char *path, bool all_written);

#endif
