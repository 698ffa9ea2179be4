/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of the set as they say themselves (common/status.h), read. */
#ifndef EZREPO_PROCESS_STATUS_H
#define EZREPO_PROCESS_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

/* A process whose status is older hangs, or is gone. */
#define STATUS_STALE_US 5000000

/* A process and what its file says; all of it is in the arena of who read it. */
struct process_status {
    const char *name;         /* as `ezrepo status` has it: "stored", "classifyd-1" */
    struct slice process;     /* "classifyd" */
    const struct json *says;  /* the file's object */
    const struct json **rows; /* what its counters are, an object each */
    size_t row_count;         /* 0: it is not known what they are */
    int64_t started_us;       /* since 1970 */
    int64_t updated_us;
};

struct process_statuses {
    struct process_status *at; /* by name */
    size_t count;
    int64_t now_us; /* when they were read, since 1970 */
};

/* Reads one out of its two texts, of which the second may be empty. 0, or -1: it is no status, or
 * memory is out. */
int process_status_read(struct arena *a, struct slice status, struct slice rows,
                        struct process_status *out);

/* Whether it says that it runs, and said it just now. */
bool process_is_running(const struct process_statuses *all, const struct process_status *p);

/* A text that it says, "state" or "version"; "" where there is none. */
struct slice process_text(const struct process_status *p, const char *key);

/* The first of the notes that it calls a trouble, a string; NULL: there is none. What follows it,
 * by its `next`. */
const struct json *process_troubles(const struct process_status *p);

/* What its note of this name says; "" where there is none. */
struct slice process_note(const struct process_status *p, struct slice name);

#endif
