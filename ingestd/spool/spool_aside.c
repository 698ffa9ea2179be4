/* SPDX-License-Identifier: Apache-2.0 */
/* Names and number of damaged spools. */
#include "ingestd/spool/spool_aside.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "ingestd/spool/spool_start.h"

#define NAME       SPOOL_FILE_NAME ".damaged-"
#define NAME_BYTES (sizeof NAME - 1)
#define FORM       "00000000T000000.000000Z" /* 0: any digit */
#define TIME_BYTES (sizeof FORM - 1)

void spool_aside_suffix(char suffix[SPOOL_ASIDE_BYTES])
{
    int64_t now_us = daemon_now_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y%m%dT%H%M%S", &utc);
    snprintf(suffix, SPOOL_ASIDE_BYTES, ".damaged-%s.%06dZ", text, (int)(now_us % 1000000));
}

/* The time in the name of a file that belongs to a damaged spool; NULL: it is another file. */
static const char *time_in(const char *name)
{
    static const char *const ends[] = {"", "-wal", ".txt"};
    if (strncmp(name, NAME, NAME_BYTES) != 0) {
        return NULL;
    }
    const char *time = name + NAME_BYTES;
    for (size_t i = 0; i < TIME_BYTES; i++) {
        bool digit = time[i] >= '0' && time[i] <= '9';
        if (FORM[i] == '0' ? !digit : time[i] != FORM[i]) {
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (strcmp(time + TIME_BYTES, ends[i]) == 0) {
            return time;
        }
    }
    return NULL;
}

struct newest {
    char time[SPOOL_ASIDE_KEPT][TIME_BYTES + 1]; /* the newest first */
    unsigned count;
};

static void note_time(struct newest *n, const char *time)
{
    unsigned at = 0;
    while (at < n->count && memcmp(n->time[at], time, TIME_BYTES) > 0) {
        at++;
    }
    if (at == SPOOL_ASIDE_KEPT || (at < n->count && memcmp(n->time[at], time, TIME_BYTES) == 0)) {
        return;
    }
    n->count += n->count < SPOOL_ASIDE_KEPT ? 1 : 0;
    for (unsigned i = n->count - 1; i > at; i--) {
        memcpy(n->time[i], n->time[i - 1], TIME_BYTES);
    }
    memcpy(n->time[at], time, TIME_BYTES);
}

/* The one of now is kept also when the clock was set back. */
static bool is_kept(const struct newest *n, const char *time, const char *own)
{
    return n->count == 0 || memcmp(time, n->time[n->count - 1], TIME_BYTES) >= 0 ||
           memcmp(time, own, TIME_BYTES) == 0;
}

struct spool_aside spool_aside_trim(const char *dir, const char *suffix)
{
    struct spool_aside found = {0};
    struct newest newest = {.count = 0};
    struct dirent *e;
    const char *own = suffix[0] == '\0' ? FORM : suffix + sizeof ".damaged-" - 1;
    DIR *d = opendir(dir);
    if (d == NULL) {
        log_errno("spool.aside", "dir=%s", dir);
        return found;
    }
    while ((e = readdir(d)) != NULL) {
        const char *time = time_in(e->d_name);
        if (time != NULL) {
            note_time(&newest, time);
        }
    }
    rewinddir(d);
    while ((e = readdir(d)) != NULL) {
        const char *time = time_in(e->d_name);
        if (time == NULL) {
            continue;
        }
        uint64_t one = time[TIME_BYTES] == '\0' ? 1 : 0; /* the spool itself */
        if (is_kept(&newest, time, own)) {
            found.kept += one;
        } else if (unlinkat(dirfd(d), e->d_name, 0) == 0) {
            found.removed += one;
            log_warn("spool.aside_removed", "file=%s/%s reason=\"newer damaged spools are kept\"",
                     dir, e->d_name);
        } else {
            log_errno("spool.aside", "file=%s/%s", dir, e->d_name);
            found.kept += one;
        }
    }
    closedir(d);
    return found;
}
