/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repeated specification: when it runs, which scope a run has, what the last runs answered. Pure:
 * no clock, no sockets; who asks and when is decided elsewhere.
 */
#ifndef EZREPO_GW_REPEAT_H
#define EZREPO_GW_REPEAT_H

#include "common/mplane/when.h"

/* What one run answered. */
struct run {
    struct when when; /* absolute: what it asked for */
    char *bytes;      /* the answer message as it came; NULL when it failed */
    size_t size;
    const char *failure; /* why it failed: a constant text */
    struct run *next;
};

struct repeat {
    struct when scope;
    int64_t taken_us;    /* since when its times count */
    int64_t first_us;    /* its first time */
    int64_t next_us;     /* the time of its next run, WHEN_FUTURE when there is none */
    int64_t ended_us;    /* 0: goes on */
    struct run *runs;    /* the oldest first */
    size_t count, bytes; /* of runs */
};

/*
 * For a repeated scope that was taken up at taken_us, to be run from its first time at or after
 * from_us on. NULL when none of its times is to come, when a run's scope has a period (nothing here
 * is measured more than once in a run) or when memory is out; then error says which.
 */
struct repeat *repeat_new(const struct when *scope, int64_t taken_us, int64_t from_us, char *error,
                          size_t error_size);
void repeat_free(struct repeat **r);

/* The scope of the run of this time: what { now + D } selects then, absolute. */
struct when repeat_scope(const struct repeat *r, int64_t at_us);

/*
 * When the next run can be asked for: at the end of its scope, when all that it selects is there.
 * WHEN_FUTURE: never.
 */
int64_t repeat_due_us(const struct repeat *r);

/*
 * Takes the run that is due: its scope; then the next is the first one due after now_us. Whether
 * times were left out that way, because the machine slept or the run before took so long.
 */
bool repeat_take(struct repeat *r, int64_t now_us, struct when *scope);

/* No more runs; its span ends now at the latest. */
void repeat_end(struct repeat *r, int64_t now_us);

/*
 * The absolute scope of all its runs, for their envelope: from the first time to the end of the
 * last, with the period. Peers redeem until its end is past: while it goes on that lies ahead.
 */
struct when repeat_span(const struct repeat *r, int64_t now_us);

/* Keeps a run's answer (bytes from malloc, taken over) or its failure. -1 when memory is out. */
int repeat_keep(struct repeat *r, const struct when *when, char *bytes, size_t size,
                const char *failure);

/* Forgets the oldest run, of which there is one. */
void repeat_forget(struct repeat *r);

#endif
