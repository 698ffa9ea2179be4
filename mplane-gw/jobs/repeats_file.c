/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the file of repeated specifications; knows no jobs. */
#include "mplane-gw/jobs/repeats_file.h"

#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mplane/write.h"
#include "common/quote.h"
#include "common/when_time.h"

/* A line, and what reading it takes. */
#define LINE_BYTES  (8 * 1024 * 1024)
#define ENTRY_BYTES ((size_t)64 * 1024 * 1024)

static const struct json_limits limits = {32, 100000, LINE_BYTES, false};

/* A line's entry in the arena. -1: error says what is wrong. */
static int read_entry(struct arena *a, struct slice line, struct repeats_entry *e, char *error,
                      size_t error_size)
{
    const struct json *tree = json_parse(a, line, &limits, error, error_size);
    const struct json *identity = json_get(tree, "identity");
    const struct json *taken = json_get(tree, "taken"), *next = json_get(tree, "next");
    if (tree == NULL) {
        return -1;
    }
    e->specification = json_get(tree, "specification");
    if (identity == NULL || identity->type != JSON_STRING || taken == NULL || next == NULL ||
        when_time_parse(taken->text, &e->taken_us) == -1 ||
        when_time_parse(next->text, &e->next_us) == -1 || e->specification == NULL) {
        snprintf(error, error_size, "expected identity, taken, next and specification");
        return -1;
    }
    e->identity = identity->text;
    return 0;
}

static void take_line(struct slice line, const char *path, unsigned number,
                      void (*take)(void *context, const struct repeats_entry *e), void *context)
{
    struct repeats_entry e;
    char error[300] = "out of memory";
    struct arena *a = arena_new(ENTRY_BYTES);
    if (a == NULL || read_entry(a, line, &e, error, sizeof error) == -1) {
        log_error("repeats.damaged", "file=%s line=%u error=%s", path, number,
                  QUOTED(slice_of(error)));
    } else {
        take(context, &e);
    }
    arena_free(&a);
}

int repeats_file_read(const char *path, void (*take)(void *context, const struct repeats_entry *e),
                      void *context)
{
    FILE *f = fopen(path, "re");
    if (f == NULL && errno == ENOENT) {
        return 0;
    }
    char *line = malloc(LINE_BYTES);
    if (f == NULL || line == NULL) {
        log_errno("repeats.read", "file=%s", path);
        free(line);
        if (f != NULL) {
            fclose(f);
        }
        return -1;
    }
    for (unsigned number = 1; fgets(line, LINE_BYTES, f) != NULL; number++) {
        take_line(slice_of(line), path, number, take, context);
    }
    int failed = ferror(f);
    if (failed != 0) {
        log_errno("repeats.read", "file=%s", path);
    }
    fclose(f);
    free(line);
    return failed != 0 ? -1 : 0;
}

int repeats_file_add(FILE *f, const struct repeats_entry *e, struct slice specification)
{
    char taken[WHEN_TEXT], next[WHEN_TEXT];
    when_time_text(e->taken_us, taken);
    when_time_text(e->next_us, next);
    struct arena *a = arena_new(ENTRY_BYTES);
    struct slice identity = a == NULL ? (struct slice){NULL, 0} : write_string(a, e->identity);
    char *line = identity.at == NULL
                     ? NULL
                     : arena_printf(a,
                                    "{\"identity\":%.*s,\"taken\":\"%s\",\"next\":\"%s\","
                                    "\"specification\":%.*s}",
                                    (int)identity.len, identity.at, taken, next,
                                    (int)specification.len, specification.at);
    int failed = -1;
    if (line == NULL || strlen(line) + 2 > LINE_BYTES) {
        errno = ENOMEM;
    } else {
        /* In JSON a newline stands only between members. */
        for (char *c = line; (c = strchr(c, '\n')) != NULL;) {
            *c = ' ';
        }
        failed = fprintf(f, "%s\n", line) < 0 ? -1 : 0;
    }
    arena_free(&a);
    return failed;
}
