/* SPDX-License-Identifier: Apache-2.0 */
/* Absolute times, read as programs write them and written as mPlane programs do. Pure. */
#ifndef EZREPO_WHEN_TIME_H
#define EZREPO_WHEN_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* Stand for `past` and `future` where an absolute time in microseconds since 1970 is expected. */
#define WHEN_PAST   INT64_MIN
#define WHEN_FUTURE INT64_MAX
#define WHEN_TEXT   32 /* "2016-02-18 12:00:00.000000" and its NUL fit */

/*
 * An absolute time: "Y-M-D[ H:M[:S[.f]]]", also with 'T' as the separator, 'Z' or an offset behind
 * it, a comma before the fraction, small letters (RFC 3339); or "YYYYMMDDTHHMM[SS[.f]]" (ISO
 * 8601, basic). UTC unless an offset is given. Digits after the sixth of a fraction are cut. Second
 * 60 is one only as 23:59:60 UTC on the last day of a month, and the same as the second after it.
 * Nothing may follow. 0, or -1.
 */
int when_time_parse(struct slice text, int64_t *us);
/* The same; whether no offset was given, so that it may be the local time of its sender; on -1 what
 * was expected and found, NUL-terminated. */
int when_time_read(struct slice text, int64_t *us, bool *local, char *error, size_t error_size);
/*
 * A duration: "1w", "1d12h", "90m", "30s": weeks, days, hours, minutes and seconds, in this order,
 * each once and one at least. 0; -1 also when it is longer than 9999 years.
 */
int when_duration_parse(struct slice text, int64_t *us);
/* "YYYY-MM-DD HH:MM:SS.ffffff" */
void when_time_text(int64_t us, char text[WHEN_TEXT]);

#endif
