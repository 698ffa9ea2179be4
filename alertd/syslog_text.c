/* SPDX-License-Identifier: Apache-2.0 */
/* Facility daemon; a warning when it fires, a notice when it is over. */
#include "alertd/syslog_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "alertd/alert_text.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/utf8.h"

#define ARENA_BYTES ((size_t)1 << 20)
#define BOM         "\xef\xbb\xbf" /* RFC 5424: what follows is UTF-8 */

static void print_head(FILE *f, bool fires, bool local, const char *host, long process,
                       int64_t now_us)
{
    int priority = LOG_DAEMON | (fires ? LOG_WARNING : LOG_NOTICE);
    if (local) {
        char when[32] = "";
        struct tm tm;
        time_t seconds = (time_t)(now_us / 1000000);
        if (localtime_r(&seconds, &tm) != NULL) {
            strftime(when, sizeof when, "%b %e %H:%M:%S", &tm);
        }
        fprintf(f, "<%d>%s ezrepo-alertd[%ld]: ", priority, when, process);
    } else {
        char when[ALERT_TIME_BYTES];
        alert_time(now_us, when);
        fprintf(f, "<%d>1 %s %s ezrepo-alertd %ld %s - " BOM, priority, when,
                host[0] == '\0' ? "-" : host, process, fires ? "firing" : "resolved");
    }
}

/* Of annotations, an object that alertd wrote, what a line has of them. */
static void print_annotations(FILE *f, const char *annotations)
{
    static const struct json_limits limits = {.depth = 2, .nodes = 128, .string_bytes = 65536};
    static const char *const members[] = {"summary", "since", "why"};
    char error[100];
    struct arena *arena = arena_new(ARENA_BYTES);
    const struct json *object =
        arena == NULL ? NULL
                      : json_parse(arena, slice_of(annotations), &limits, error, sizeof error);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *node = json_get(object, members[i]);
        if (node != NULL) {
            fprintf(f, " %s=", members[i]);
            json_print_slice(f, node->text);
        }
    }
    arena_free(&arena);
}

size_t syslog_write(char text[SYSLOG_BYTES + 1], const struct alert *a, bool fires, bool local,
                    const char *host, long process, int64_t now_us)
{
    char *whole = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&whole, &size);
    text[0] = '\0';
    if (f == NULL) {
        return 0;
    }
    print_head(f, fires, local, host, process, now_us);
    fprintf(f, "%s route=%s id=%s", fires ? "firing" : "resolved", a->route, a->id);
    print_annotations(f, a->annotations);
    fprintf(f, " labels=%s", a->labels);
    if (fclose(f) == 0) {
        size = size > SYSLOG_BYTES ? utf8_cut(whole, SYSLOG_BYTES) : size;
        memcpy(text, whole, size);
        text[size] = '\0';
    }
    free(whole);
    return strlen(text);
}
