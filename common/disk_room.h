/* SPDX-License-Identifier: Apache-2.0 */
/* How long what is free suffices, by how it became less. Pure. */
#ifndef EZREPO_DISK_ROOM_H
#define EZREPO_DISK_ROOM_H

#include <stdint.h>

#define DISK_ROOM_EVERY_US INT64_C(60000000) /* between two that are remembered */
#define DISK_ROOM_SEEN     360               /* so many are remembered, the newest */
#define DISK_ROOM_LEAST_S  600               /* over less than that no rate is known */

enum disk_room_way {
    DISK_ROOM_UNKNOWN, /* it was not watched for long enough */
    DISK_ROOM_STEADY,  /* it becomes no less, or so slowly that it takes more than ten years */
    DISK_ROOM_FILLING
};

/* All 0 at the beginning. */
struct disk_room {
    uint64_t bytes, free_bytes; /* by the last look */
    struct disk_room_seen {
        int64_t clock_us;
        uint64_t free_bytes;
    } seen[DISK_ROOM_SEEN];
    uint32_t count, next; /* next: the place of the next one */
};

/* Of so many bytes so many are free at this time of a steady clock. Another size of all begins
 * anew.
 */
void disk_room_saw(struct disk_room *r, int64_t clock_us, uint64_t bytes, uint64_t free_bytes);

/*
 * How it goes on, by the straight line that fits best what was seen. *over_s: the seconds over
 * which it was watched; *full_s: of DISK_ROOM_FILLING in how many seconds nothing is free, else 0.
 */
enum disk_room_way disk_room_way(const struct disk_room *r, int64_t *over_s, int64_t *full_s);

#endif
