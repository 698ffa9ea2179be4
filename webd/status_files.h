/* SPDX-License-Identifier: Apache-2.0 */
/* The status files of all processes of the set, read. */
#ifndef EZREPO_STATUS_FILES_H
#define EZREPO_STATUS_FILES_H

#include "common/config.h"
#include "webd/process_status.h"

/*
 * Those of the set whose run_dir and user these are, by name, read into the arena. What cannot be
 * read is left out, and told in the log. 0, or -1: memory is out.
 */
int status_files_read(struct arena *a, const struct config_common *common,
                      struct process_statuses *out);

#endif
