/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of status files, each its process's own. */
#include "webd/status_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"

#define FILE_BYTES    ((size_t)1 << 18)
#define PROCESSES_MAX 256

/* The bytes of FOLDER/NAME + ENDING, in the arena; empty when there are none. */
static struct slice read_file(struct arena *a, const char *folder, const char *name,
                              const char *ending)
{
    struct slice none = {"", 0};
    size_t size = 0;
    const char *path = arena_printf(a, "%s/%s%s", folder, name, ending);
    char *bytes = path == NULL ? NULL : file_read_foreign(path, FILE_BYTES, &size);
    if (bytes == NULL) {
        static struct log_limit said;
        if (path != NULL && errno != ENOENT && log_allowed(&said, 60)) {
            log_errno("status.read", "file=%s", path);
        }
        return none;
    }
    struct slice copy = arena_copy(a, (struct slice){bytes, size});
    free(bytes);
    return copy.at == NULL ? none : copy;
}

/* stored-0.json is one of stored, and no other file is. */
static bool is_status_of(const char *file, const char *process)
{
    size_t size = strlen(process);
    const char *digits = file + size + 1;
    size_t count;
    return strncmp(file, process, size) == 0 && file[size] == '-' &&
           (count = strspn(digits, "0123456789")) > 0 && strcmp(digits + count, ".json") == 0;
}

static void read_folder(struct arena *a, const char *folder, const char *process,
                        struct process_statuses *out)
{
    DIR *d = opendir(folder);
    const struct dirent *e;
    if (d == NULL) {
        static struct log_limit said;
        if (errno != ENOENT && log_allowed(&said, 60)) {
            log_errno("status.read", "folder=%s", folder);
        }
        return;
    }
    while ((e = readdir(d)) != NULL && out->count < PROCESSES_MAX) {
        if (is_status_of(e->d_name, process)) {
            char *name =
                arena_printf(a, "%.*s", (int)(strlen(e->d_name) - strlen(".json")), e->d_name);
            struct process_status *p = &out->at[out->count];
            out->count += name != NULL &&
                          process_status_read(a, read_file(a, folder, name, ".json"),
                                              read_file(a, folder, name, ".counters"), p) == 0;
        }
    }
    closedir(d);
}

static int by_name(const void *a, const void *b)
{
    const struct process_status *one = a, *other = b;
    return strcmp(one->name, other->name);
}

int status_files_read(struct arena *a, const struct config_common *common,
                      struct process_statuses *out)
{
    *out = (struct process_statuses){.now_us = clock_utc_us()};
    out->at = arena_calloc(a, PROCESSES_MAX, sizeof *out->at);
    for (const char *const *p = config_processes; *p != NULL && out->at != NULL; p++) {
        char own[512], folder[528];
        if (owner_folder(common->run_dir, common->user, *p, own, sizeof own) == 0) {
            snprintf(folder, sizeof folder, "%s/status", own);
            read_folder(a, folder, *p, out);
        }
    }
    if (out->at == NULL) {
        return -1;
    }
    qsort(out->at, out->count, sizeof *out->at, by_name);
    return 0;
}
