/* SPDX-License-Identifier: Apache-2.0 */
/* The files that an import is to take: those that were named, and all in folders that were. */
#ifndef EZREPO_CTL_IMPORT_FILES_H
#define EZREPO_CTL_IMPORT_FILES_H

#include <stdbool.h>
#include <stdint.h>

#define IMPORT_FILES_MOST 1000000

struct import_files {
    char **path;
    uint32_t count, size;
    uint64_t bytes; /* of all, as they lie there */
};

/*
 * Adds a file, or the files of a folder and of all folders in it, in the order of their names; what
 * begins with '.' there, and what is neither file nor folder, is passed over. Paths are absolute.
 * -1 after a complaint; what was added stays.
 */
int import_files_add(struct import_files *f, const char *name);
void import_files_release(struct import_files *f);

#endif
