/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes there are on the way in, when each of them gave its last sign of life, and when
 * it was absent before. Pure. Times are microseconds since 1970.
 */
#ifndef EZREPO_PRESENCE_H
#define EZREPO_PRESENCE_H

#include <stdbool.h>

#include "common/message.h"

/* Of one process; when there are more, the one known for longest is dropped: who heard it has it in
 * its store, unless it was away for all of the others. One made of two would be false in between.
 */
#define PRESENCE_ABSENCES (LIMIT_ABSENCES / LIMIT_PROCESSES)

/* After so long without a sign a process is not waited for any more, and an absence is history. */
#define PRESENCE_KEPT_US (INT64_C(7) * 86400 * 1000000)

struct presence_absence {
    int64_t from_us, to_us;
};

struct presence_process {
    char name[LIMIT_PROCESS_BYTES + 1];
    int64_t last_us;
    int64_t until_us; /* all that came to it until then was handed on; INT64_MIN: not told yet */
    struct presence_absence absences[PRESENCE_ABSENCES]; /* as they came to be known */
    uint32_t count;
};

struct presence {
    struct presence_process process[LIMIT_PROCESSES]; /* the first one is who keeps this */
    uint32_t count;
};

/* Who keeps it, of this name, has not given a sign yet. */
void presence_init(struct presence *p, const char *keeper);

/*
 * A sign of this process: it is there now, has been since `since_us`, and has handed on all that
 * came until `until_us`. When it was not there between
 * its sign before and `since_us`, that is an absence; one without a sign before had none. Of those
 * known what lies behind now goes: a clock was put forward, and is back. 0; -1: it is none that can
 * be, and is passed over.
 */
int presence_sign(struct presence *p, struct slice name, int64_t now_us, int64_t since_us,
                  int64_t until_us);

/* Forgets what is older than PRESENCE_KEPT_US. */
void presence_forget(struct presence *p, int64_t now_us);

/* As of `heard_us`, by when the signs that came were taken: until when all was handed on that came
 * to the processes that are not absent, its keeper left out; INT64_MAX when there is none,
 * INT64_MIN where one of them has not told yet. */
int64_t presence_earliest(const struct presence *p, int64_t heard_us);

/* Whether this is one, of the years 1970 to 9999. */
bool presence_is_time(uint64_t us);

/* As fields of the message, whose lists are in `lists`. */
struct presence_lists {
    struct slice names[LIMIT_PROCESSES];
    uint64_t last_us[LIMIT_PROCESSES];
    uint64_t absent[LIMIT_ABSENCES], from_us[LIMIT_ABSENCES], to_us[LIMIT_ABSENCES];
};
void presence_tell(const struct presence *p, struct presence_lists *lists, struct signs_message *m);

/* What such a message of this keeper says. -1: it is not well formed, and *p has nothing but him.
 */
int presence_read(struct presence *p, const char *keeper, const struct signs_message *m);

#endif
