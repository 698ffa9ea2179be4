/* SPDX-License-Identifier: Apache-2.0 */
/* A time zone as the system's database has it: TZif, RFC 8536. Pure. */
#ifndef EZREPO_ZONE_FILE_H
#define EZREPO_ZONE_FILE_H

#include <stdint.h>

#include "common/slice.h"

/* From an instant on (seconds since 1970, UTC) local time is UTC and so many seconds. */
struct zone_change {
    int64_t from_s;
    int64_t offset_s;
};

#define ZONE_CHANGES  1024                /* at most; no zone has half of them */
#define ZONE_UNTIL_S  INT64_C(4102444800) /* 2100-01-01; afterwards the last offset stays */
#define ZONE_ALWAYS   INT64_MIN           /* from_s of the first change */
#define ZONE_OFFSET_S INT64_C(90000)      /* none is as far from UTC: 25 hours */

/*
 * All changes of offset up to ZONE_UNTIL_S, in order: those the file lists, then those its rule
 * makes. The first is from ZONE_ALWAYS on; none has the offset of the one before. Their number, or
 * -1: it is no TZif file of version 2 or later, is cut or damaged, counts leap seconds, has a rule
 * by which a year's changes lie among those of another, or has more than ZONE_CHANGES changes.
 */
int zone_file_changes(struct slice bytes, struct zone_change changes[ZONE_CHANGES]);

#endif
