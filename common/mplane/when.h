/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mPlane temporal scopes ("when"), as the specification and the real programs write them.
 * Pure: the present is always given by the caller.
 */
#ifndef EZREPO_WHEN_H
#define EZREPO_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/slice.h"
#include "common/when_time.h"

enum when_point { WHEN_ABSENT, WHEN_AT_PAST, WHEN_AT_NOW, WHEN_AT_FUTURE, WHEN_AT };

/*
 * A cron part: one bit for each second, minute, hour, day of month, day of week (0 Sunday), month.
 * Of the hours' bits those past 23 never come true; they are kept because real programs send
 * "0,1,...,59" for any hour and compute tokens from that text.
 */
struct when_cron {
    bool given;
    uint64_t seconds, minutes, hours;
    uint32_t days, weekdays, months;
};

struct when {
    enum when_point start, end;  /* end WHEN_ABSENT: a singleton or start + duration */
    int64_t start_us, end_us;    /* where the point is WHEN_AT */
    bool start_local, end_local; /* the same: no offset was given */
    bool has_duration, has_period;
    int64_t duration_us, period_us;
    bool repeat;
    struct when_cron cron;
    /* The inner scope of a repeated one: { now + D / P } */
    bool inner_given, inner_has_duration, inner_has_period;
    int64_t inner_duration_us, inner_period_us;
};

/*
 * Reads a scope: [repeat] T [... T | /T | + D] [/ D] [cron C] [{ now [+ D] [/ D] }], blanks as one
 * likes. -1 on a fault; then error says what and where. Impossible scopes are faults: `past` or
 * `future` alone, an end before its start, a repetition without a step, a cron that no time
 * fulfils. Nothing is cut off silently.
 */
int when_parse(struct slice text, struct when *when, char *error, size_t error_size);

/*
 * The canonical rendering in the arena, as mPlane programs write it and hash it (durations in whole
 * seconds, a blank behind a closing brace); .at NULL when memory is out.
 */
struct slice when_text(struct arena *a, const struct when *when);

/*
 * The absolute range the scope selects at `now_us`: start and end in microseconds, WHEN_PAST and
 * WHEN_FUTURE where it is open (or ends after the year 9999). *instant when it is a single point:
 * its end is its start. For a repeated scope it is the outer one. -1 when the range ends before it
 * starts, as `now ... 2016-01-01` does today.
 */
int when_range(const struct when *when, int64_t now_us, int64_t *start_us, int64_t *end_us,
               bool *instant);

/* Whether it is definite: an absolute start, and an end absolute, by duration or absent. */
bool when_is_definite(const struct when *when);

/*
 * When a repeated scope that was taken up at now_us runs next, at or after from_us: 0 and the time,
 * or 1 when it never does again. Steps count from the scope's start, or from now_us when that has
 * passed.
 */
int when_next(const struct when *when, int64_t now_us, int64_t from_us, int64_t *us);

/*
 * Whether a specification's scope follows a capability's, by the rule of real programs: it has a
 * period at least the capability's, if that has one, and starts, or has an absolute end, within its
 * range.
 */
bool when_follows(const struct when *specification, const struct when *capability, int64_t now_us);

#endif
