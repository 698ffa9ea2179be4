/* SPDX-License-Identifier: Apache-2.0 */
/* Units by the names that tools give them, and durations as ISO 8601 writes them. Pure. */
#ifndef EZREPO_UNIT_H
#define EZREPO_UNIT_H

#include <stdbool.h>

#include "common/formats/exact.h"

enum unit_kind { UNIT_TIME, UNIT_RATIO, UNIT_RATE, UNIT_SIZE };

struct unit;

/*
 * The unit of that name, spelled exactly so (docs/write-a-format.md lists them); NULL where there
 * is none. A name whose meaning differs from tool to tool is none: kB and MB are 1000 or 1024.
 */
const struct unit *unit_named(struct slice name);
enum unit_kind unit_kind(const struct unit *u);
/* "time", "ratio", "rate", "size" */
const char *unit_kind_name(enum unit_kind kind);

/*
 * Whether a metric's name tells its unit, as delay.twoway.icmp.us.mean does by one of its words;
 * *unit: as it is called, of several the last, NULL where the name has none that is converted to.
 */
bool unit_in_name(struct slice name, const char **unit);

/* The next word of a name, up to one of the separators; taken off *rest with it. */
struct slice unit_next_word(struct slice *rest, const char *separators);

/* z = x, a number of `from`s, as a number of `to`s, which are of the same kind. As exact_mul(). */
int unit_convert(struct arena *a, const struct exact *x, const struct unit *from,
                 const struct unit *to, struct exact *z);

/*
 * Seconds of a duration: [-]P[nD][T[nH][nM][nS]], at least one of the four, n in digits, that of
 * the last also with a point and digits. No years, months or weeks: "P" and "PT" are none, neither
 * is "PT.5S". EXACT_OK, EXACT_NO_NUMBER where it is no duration, EXACT_BEYOND, EXACT_NO_MEMORY.
 */
int unit_duration(struct arena *a, struct slice text, struct exact *seconds);

#endif
