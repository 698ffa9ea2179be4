/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files of formats there are: those that are delivered, and the operator's own, one of which
 * goes before a delivered one of the same name. What is in them is read by others.
 */
#ifndef EZREPO_FORMAT_FOLDERS_H
#define EZREPO_FORMAT_FOLDERS_H

#include "common/json_files.h"

#define FORMAT_FILES       256                /* in each folder */
#define FORMAT_FILES_BYTES ((size_t)16 << 20) /* of each folder's files together */

struct format_folders {
    struct json_files own, delivered; /* of the latter only those that count */
};

/*
 * Lists both folders; no own one: "". 0, or -1 after the faults of both were told. The caller
 * releases *f in any case.
 */
int format_folders_list(const char *delivered_dir, const char *own_dir, struct format_folders *f);
void format_folders_release(struct format_folders *f);

/* How much may be read of the files of one of the folders. */
struct json_files_room format_folders_room(void);

/* The file NAME.json; NULL: there is none. */
const char *format_folders_find(const struct format_folders *f, const char *name);

#endif
