/* SPDX-License-Identifier: Apache-2.0 */
/* The changes are looked for day by day, then to the second; conversions only read the table. */
#include "common/zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FOLDER      "/usr/share/zoneinfo"
#define NAME_BYTES  64
#define DAY_S       INT64_C(86400)
#define LAST_S      (DAY_S * 47482) /* 2100-01-01 */
#define CHANGES_MAX 1024            /* no zone has half of them */
#define SECOND_US   INT64_C(1000000)

struct change {
    int64_t from_s;   /* since when, UTC */
    int64_t offset_s; /* local time is UTC and this */
};

struct zone {
    size_t count; /* at least 1 */
    struct change change[CHANGES_MAX];
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

/* glibc takes a zone it does not know for UTC, without a word. */
static bool is_there(const char *name)
{
    char path[sizeof FOLDER + 1 + NAME_BYTES];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int64_t offset_at(int64_t s)
{
    time_t t = (time_t)s;
    struct tm tm;
    return localtime_r(&t, &tm) == NULL ? 0 : (int64_t)tm.tm_gmtoff;
}

/* When, after `low` and not after `high`, the offset is first another than at `low`. */
static int64_t find_change(int64_t low, int64_t high)
{
    int64_t before = offset_at(low);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (offset_at(middle) == before) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

static void find_changes(struct zone *z)
{
    z->change[0] = (struct change){INT64_MIN, offset_at(0)};
    z->count = 1;
    for (int64_t day = DAY_S; day <= LAST_S && z->count < CHANGES_MAX; day += DAY_S) {
        if (offset_at(day) != z->change[z->count - 1].offset_s) {
            int64_t from = find_change(day - DAY_S, day);
            z->change[z->count++] = (struct change){from, offset_at(from)};
        }
    }
}

static int set_tz(const char *value)
{
    int rc = value == NULL ? unsetenv("TZ") : setenv("TZ", value, 1);
    tzset();
    return rc;
}

struct zone *zone_load(const char *name)
{
    char value[NAME_BYTES + 1];
    if (!is_name(name) || !is_there(name)) {
        errno = ENOENT;
        return NULL;
    }
    struct zone *z = calloc(1, sizeof *z);
    const char *was = getenv("TZ");
    char *before = was == NULL ? NULL : strdup(was);
    snprintf(value, sizeof value, ":%s", name);
    if (z == NULL || (was != NULL && before == NULL) || set_tz(value) == -1) {
        zone_free(&z);
    } else {
        find_changes(z);
        set_tz(before);
    }
    free(before);
    return z;
}

void zone_free(struct zone **z)
{
    free(*z);
    *z = NULL;
}

int64_t zone_to_utc(const struct zone *z, int64_t local_us, int64_t latest_us)
{
    int64_t found = INT64_MIN, before_gap = INT64_MIN;
    for (size_t i = 0; i < z->count; i++) {
        int64_t us = local_us - z->change[i].offset_s * SECOND_US;
        bool begun = i == 0 || us >= z->change[i].from_s * SECOND_US;
        bool over = i + 1 < z->count && us >= z->change[i + 1].from_s * SECOND_US;
        if (begun && !over && (found == INT64_MIN || us <= latest_us)) {
            found = us;
        } else if (begun && over) {
            before_gap = us;
        }
    }
    return found != INT64_MIN ? found : before_gap;
}
