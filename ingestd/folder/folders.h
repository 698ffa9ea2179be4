/* SPDX-License-Identifier: Apache-2.0 */
/* All folders whose files are taken in: drop_dir, and in it one for each of its formats. */
#ifndef EZREPO_INGESTD_FOLDERS_H
#define EZREPO_INGESTD_FOLDERS_H

#include "common/config.h"
#include "ingestd/folder/folder.h"

#define FOLDERS_FORMATS 64

struct drop_folders;

/*
 * Starts a thread for each: files of the folder itself hold mPlane results, those of FOLDER/FORMAT
 * what is in that format. What was taken of files that are still there is kept in memory_dir. The
 * strings outlive it. NULL after an error was logged.
 */
struct drop_folders *folders_start(const char *folder, const struct config_strings *formats,
                                   const char *memory_dir, int64_t settle_s);

/* As folder_stop() and folder_free(), of all of them; NULL: there are none. */
void folders_stop(struct drop_folders *f);
void folders_free(struct drop_folders **f);

/* Brings the notes "drop" and "drop.FORMAT" up to date; what all have counted together. */
struct folder_counts folders_tell(struct drop_folders *f);

#endif
