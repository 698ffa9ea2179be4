/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hours of the week, by the clocks of a time zone: when something holds. As people write it, in a
 * document: {"hours": [{"days": "mon-fri", "from": "08:00", "to": "18:00"}], "time_zone":
 * "Europe/Madrid"}.
 */
#ifndef EZREPO_WEEK_HOURS_H
#define EZREPO_WEEK_HOURS_H

#include "common/document.h"
#include "common/zones.h"

#define WEEK_HOURS_SPANS 32

struct week_hours;

/*
 * The members `hours` and `time_zone` of an object; the zone is UTC where none is given, and one of
 * `zones`, in whose arena the result lives. NULL when neither is there, or after faults were told:
 * one of days, times, or a zone that is not known.
 */
struct week_hours *week_hours_read(const struct document_place *object, struct arena *a,
                                   struct zones *zones);

/* Whether two of the hours have a moment in common: then which, as they stand in the list. */
bool week_hours_overlap(const struct week_hours *h, uint32_t *first, uint32_t *second);

/*
 * Whether a moment (microseconds since 1970, UTC) is in one of the hours. A clock there decides:
 * what it shows twice, when it is put back, is in them twice; what it leaves out is never. NULL has
 * every moment.
 */
bool week_hours_have(const struct week_hours *h, int64_t us);

#endif
