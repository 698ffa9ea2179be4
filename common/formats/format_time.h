/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as formats of other tools write them. All become microseconds since 1970, as exact numbers,
 * so that what is added to them is added before anything is cut. Pure.
 */
#ifndef EZREPO_FORMAT_TIME_H
#define EZREPO_FORMAT_TIME_H

#include "common/formats/exact.h"

enum format_time_form {
    FORMAT_TIME_RFC3339,
    FORMAT_TIME_MAIL, /* RFC 5322, which followed 2822 and 822 */
    FORMAT_TIME_CTIME,
};

/*
 * A time as text; 0, or -1: also one that is none of the calendar's. Digits behind the sixth of a
 * fraction are cut. Second 60 is as in common/when_time.h. Each is UTC where no zone is told.
 * FORMAT_TIME_RFC3339: YYYY-MM-DD, 'T' or a blank, HH:MM:SS, perhaps '.' and digits; then, perhaps
 * behind blanks, nothing or 'Z', "+hh", "+hhmm", "+hh:mm" or the same with '-'.
 * FORMAT_TIME_MAIL: "Sat, 28 Nov 2026 13:30:11 +0100". The day of the week may be missing, and is
 * not compared with the date; seconds may be missing; a year of two digits is in 1950..2049, one of
 * three counts from 1900; a comment in parentheses may follow. Zones by name: UT, UTC, GMT, EST,
 * EDT, CST, CDT, MST, MDT, PST, PDT; one letter is UTC, as the RFC says, but J is none.
 * FORMAT_TIME_CTIME: "Sat Nov 28 13:30:11 2026", also with UTC or GMT before the year, as date(1)
 * writes it.
 */
int format_time_text(enum format_time_form form, struct slice text, struct exact *us);

enum format_time_epoch {
    FORMAT_TIME_S,
    FORMAT_TIME_MS,
    FORMAT_TIME_US,
    FORMAT_TIME_NS,
    FORMAT_TIME_AUTO
};

/*
 * A count since 1970. FORMAT_TIME_AUTO: seconds below 10^11, milliseconds below 10^14, microseconds
 * below 10^17, nanoseconds from there on. EXACT_OK or EXACT_BEYOND.
 */
int format_time_count(const struct exact *count, enum format_time_epoch unit, struct exact *us);

/*
 * us plus so many seconds (NULL: none), cut to whole microseconds downwards. EXACT_OK; EXACT_BEYOND
 * outside the years 1 to 9999; EXACT_NO_MEMORY.
 */
int format_time_whole(struct arena *a, const struct exact *us, const struct exact *plus_s,
                      int64_t *t);

#endif
