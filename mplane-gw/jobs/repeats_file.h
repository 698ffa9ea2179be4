/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that keeps repeated specifications over a restart: who asked for what, since when, and
 * the time of the next run; no answers. One JSON object a line, readable by its owner only.
 */
#ifndef EZREPO_GW_REPEATS_FILE_H
#define EZREPO_GW_REPEATS_FILE_H

#include <stdio.h>

#include "common/json.h"

struct repeats_entry {
    struct slice identity;
    int64_t taken_us, next_us;
    const struct json *specification; /* an mPlane message with its token and label */
};

/*
 * Gives each entry of the file to `take`, with `context`; what it points to lives until take
 * returns. A file that is not there has none. Lines that are no entries are logged and passed over.
 * -1 after an error was logged: the file cannot be read.
 */
int repeats_file_read(const char *path, void (*take)(void *context, const struct repeats_entry *e),
                      void *context);

/*
 * Adds an entry to a file that is being written (kept_file.h); of its specification the text, as
 * JSON, is given. 0, or -1 with errno.
 */
int repeats_file_add(FILE *f, const struct repeats_entry *e, struct slice specification);

#endif
