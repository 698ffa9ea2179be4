/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports as GLIMPSE's clients post them: {"data": base64 of zlib of JSON}, and within it
 * {"device_id": ..., "reports": [{"task_id": N, "results": [...]}, ...]}. Pure.
 */
#ifndef EZREPO_GLIMPSE_REPORT_H
#define EZREPO_GLIMPSE_REPORT_H

#include "common/arena.h"

#define GLIMPSE_TASKS 4096 /* reports in one post */

/*
 * What is wrapped in the body, of at most max_bytes, and the answer that takes it all:
 * {"tasks": [N, ...]}. Both in the arena. NULL; or what is wrong with it.
 */
const char *glimpse_report_read(struct arena *a, struct slice body, size_t max_bytes,
                                struct slice *text, struct slice *taken);

#endif
