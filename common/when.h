/*
 * mPlane temporal scopes ("when") and times, as the specification and the real programs write them.
 * Pure: the present is always given by the caller.
 */
#ifndef EZREPO_WHEN_H
#define EZREPO_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/slice.h"

/* Stand for `past` and `future` where an absolute time in microseconds since 1970 is expected. */
#define WHEN_PAST   INT64_MIN
#define WHEN_FUTURE INT64_MAX
#define WHEN_TEXT   32 /* "2016-02-18 12:00:00.000000" and its NUL fit */

/*
 * An absolute time: "Y-M-D[ H:M[:S[.f]]]" (also 'T' as the separator, a trailing 'Z' or offset, RFC 3339);
 * UTC unless an offset is given. Digits after the sixth of a fraction are cut. Nothing may follow.
 * 0, or -1.
 */
int when_time_parse(struct slice text, int64_t *us);
/* "YYYY-MM-DD HH:MM:SS.ffffff" */
void when_time_text(int64_t us, char text[WHEN_TEXT]);

enum when_point { WHEN_ABSENT, WHEN_AT_PAST, WHEN_AT_NOW, WHEN_AT_FUTURE, WHEN_AT };

/* A cron part: one bit for each second, minute, hour, day of month, day of week (0 Sunday), month. */
struct when_cron {
    bool given;
    uint64_t seconds, minutes;
    uint32_t hours, days, weekdays, months;
};

struct when {
    enum when_point start, end;   /* end WHEN_ABSENT: a singleton or start + duration */
    int64_t start_us, end_us;     /* where the point is WHEN_AT */
    bool has_duration, has_period;
    int64_t duration_us, period_us;
    bool repeat;
    struct when_cron cron;
    /* The inner scope of a repeated one: { now + D / P } */
    bool inner_given, inner_has_duration, inner_has_period;
    int64_t inner_duration_us, inner_period_us;
};

/* Reads a scope. -1 on a fault; then error says what and where. Impossible scopes are faults. */
int when_parse(struct slice text, struct when *when, char *error, size_t error_size);

/* The canonical rendering in the arena (tests/golden/when.json states it). */
struct slice when_text(struct arena *a, const struct when *when);

/*
 * The absolute range the scope selects at `now_us`: start and end in microseconds, WHEN_PAST and
 * WHEN_FUTURE where it is open. *instant when it is a single point. -1 for a repeated scope.
 */
int when_range(const struct when *when, int64_t now_us, int64_t *start_us, int64_t *end_us,
               bool *instant);

/* Whether it is definite: an absolute start, and an end absolute, by duration or absent. */
bool when_is_definite(const struct when *when);

/* Whether a specification's scope follows a capability's (tests/golden/follows.json). */
bool when_follows(const struct when *specification, const struct when *capability, int64_t now_us);

#endif
