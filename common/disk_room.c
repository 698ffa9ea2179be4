/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of what was free, a minute apart, and the line through it. */
#include "common/disk_room.h"

#define MOST_S (10.0 * 365 * 86400)

static const struct disk_room_seen *newest(const struct disk_room *r)
{
    return &r->seen[(r->next + DISK_ROOM_SEEN - 1) % DISK_ROOM_SEEN];
}

static const struct disk_room_seen *oldest(const struct disk_room *r)
{
    return r->count < DISK_ROOM_SEEN ? r->seen : &r->seen[r->next];
}

void disk_room_saw(struct disk_room *r, int64_t clock_us, uint64_t bytes, uint64_t free_bytes)
{
    if (bytes != r->bytes) {
        r->count = r->next = 0;
    }
    r->bytes = bytes;
    r->free_bytes = free_bytes;
    if (r->count == 0 || clock_us - newest(r)->clock_us >= DISK_ROOM_EVERY_US) {
        r->seen[r->next] = (struct disk_room_seen){clock_us, free_bytes};
        r->next = (r->next + 1) % DISK_ROOM_SEEN;
        r->count += r->count < DISK_ROOM_SEEN;
    }
}

/* Bytes a second that become free, by least squares; of two at least at different times. */
static double slope(const struct disk_room *r)
{
    const struct disk_room_seen *from = oldest(r);
    double mean_s = 0, mean_bytes = 0, both = 0, square = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        mean_s += (double)(r->seen[i].clock_us - from->clock_us) / 1e6 / r->count;
        mean_bytes += (double)r->seen[i].free_bytes / r->count;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        double s = (double)(r->seen[i].clock_us - from->clock_us) / 1e6 - mean_s;
        both += s * ((double)r->seen[i].free_bytes - mean_bytes);
        square += s * s;
    }
    return both / square;
}

enum disk_room_way disk_room_way(const struct disk_room *r, int64_t *over_s, int64_t *full_s)
{
    *full_s = 0;
    *over_s = r->count == 0 ? 0 : (newest(r)->clock_us - oldest(r)->clock_us) / 1000000;
    if (*over_s < DISK_ROOM_LEAST_S) {
        return DISK_ROOM_UNKNOWN;
    }
    double taken = -slope(r);
    if (taken <= 0 || (double)r->free_bytes >= MOST_S * taken) {
        return DISK_ROOM_STEADY;
    }
    *full_s = (int64_t)((double)r->free_bytes / taken);
    return DISK_ROOM_FILLING;
}
