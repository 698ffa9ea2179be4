/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones by their IANA names: local times into UTC, by the C library's rules. */
#ifndef EZREPO_ZONE_H
#define EZREPO_ZONE_H

#include <stdint.h>

struct zone;

/*
 * A table of the zone's changes from 1970 to 2100, before and after which the first and the last
 * offset hold. Asks the C library, by TZ: for the main thread, while no other thread uses local
 * time. NULL when there is no such zone on this machine, or memory is out (ENOMEM). The caller owns
 * it.
 */
struct zone *zone_load(const char *name);
void zone_free(struct zone **z);

/*
 * What was local time there, both in microseconds since 1970. A time that comes twice, when clocks
 * are put back, is the later of the two, unless that lies after latest_us; one that never comes is
 * what a clock would show that was not put forward.
 */
int64_t zone_to_utc(const struct zone *z, int64_t local_us, int64_t latest_us);

#endif
