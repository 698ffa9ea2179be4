/* SPDX-License-Identifier: Apache-2.0 */
/* A zone is its list of changes; conversions only read it. */
#include "common/zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

#define FOLDER     "/usr/share/zoneinfo"
#define NAME_BYTES 64
#define FILE_BYTES 65536
#define SECOND_US  INT64_C(1000000)

struct zone {
    uint32_t count; /* at least 1 */
    struct zone_change change[];
};

static bool is_name(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("_+-/", name[i]) == NULL) {
            return false;
        }
    }
    return n > 0 && n < NAME_BYTES && name[0] != '/' && name[0] != '-';
}

static size_t zone_bytes(size_t count)
{
    return sizeof(struct zone) + count * sizeof(struct zone_change);
}

static void fill(struct zone *z, const struct zone_change *changes, uint32_t count)
{
    z->count = count;
    memcpy(z->change, changes, count * sizeof *changes);
}

struct zone *zone_load(const char *name)
{
    char path[sizeof FOLDER + 1 + NAME_BYTES];
    struct zone_change changes[ZONE_CHANGES];
    size_t size = 0;
    if (!is_name(name)) {
        errno = ENOENT;
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    char *bytes = file_read(path, FILE_BYTES, &size);
    if (bytes == NULL) {
        errno = errno == ENOMEM ? ENOMEM : ENOENT;
        return NULL;
    }
    int count = zone_file_changes((struct slice){bytes, size}, changes);
    free(bytes);
    struct zone *z = count < 1 ? NULL : malloc(zone_bytes((size_t)count));
    if (z == NULL) {
        errno = count < 1 ? EINVAL : ENOMEM;
        return NULL;
    }
    fill(z, changes, (uint32_t)count);
    return z;
}

void zone_free(struct zone **z)
{
    free(*z);
    *z = NULL;
}

const struct zone *zone_of_changes(struct arena *a, const struct zone_change *changes,
                                   uint32_t count)
{
    struct zone *z = arena_alloc(a, zone_bytes(count));
    if (z != NULL) {
        fill(z, changes, count);
    }
    return z;
}

const struct zone_change *zone_changes(const struct zone *z, uint32_t *count)
{
    *count = z->count;
    return z->change;
}

/* The first change is from ever on: its instant is not to be multiplied. */
static int64_t begins_us(const struct zone *z, uint32_t i)
{
    return i == 0 ? INT64_MIN : z->change[i].from_s * SECOND_US;
}

int64_t zone_to_utc(const struct zone *z, int64_t local_us, int64_t latest_us)
{
    int64_t found = INT64_MIN, before_gap = INT64_MIN;
    for (uint32_t i = 0; i < z->count; i++) {
        int64_t us = local_us - z->change[i].offset_s * SECOND_US;
        bool begun = us >= begins_us(z, i);
        bool over = i + 1 < z->count && us >= begins_us(z, i + 1);
        if (begun && !over && (found == INT64_MIN || us <= latest_us)) {
            found = us;
        } else if (begun && over) {
            before_gap = us;
        }
    }
    return found != INT64_MIN ? found : before_gap;
}

int64_t zone_to_local(const struct zone *z, int64_t us)
{
    uint32_t low = 0, high = z->count; /* the last change that has begun lies within */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (us >= begins_us(z, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return us + z->change[low].offset_s * SECOND_US;
}
