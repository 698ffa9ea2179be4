/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones by their IANA names, out of the system's database: local times into UTC and back.
 * Nothing of the process is changed or asked for, so any thread may.
 */
#ifndef EZREPO_ZONE_H
#define EZREPO_ZONE_H

#include <stdint.h>

#include "common/arena.h"
#include "common/zone_file.h"

struct zone;

/*
 * The zone's changes up to 2100, after which the last offset stays. NULL when there is no such zone
 * on this machine (ENOENT), its file is damaged or counts leap seconds (EINVAL), or memory is out
 * (ENOMEM). The caller owns it.
 */
struct zone *zone_load(const char *name);
void zone_free(struct zone **z);

/* A zone of these changes, in order, the first from ZONE_ALWAYS on, in the arena; it is not to be
 * freed. NULL: memory. */
const struct zone *zone_of_changes(struct arena *a, const struct zone_change *changes,
                                   uint32_t count);
/* The changes it consists of, at least one. */
const struct zone_change *zone_changes(const struct zone *z, uint32_t *count);

/*
 * What was local time there, both in microseconds since 1970. A time that comes twice, when clocks
 * are put back, is the later of the two, unless that lies after latest_us; one that never comes is
 * what a clock would show that was not put forward.
 */
int64_t zone_to_utc(const struct zone *z, int64_t local_us, int64_t latest_us);

/* What a clock there shows at a moment, both in microseconds since 1970. */
int64_t zone_to_local(const struct zone *z, int64_t us);

#endif
