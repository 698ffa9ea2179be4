/* SPDX-License-Identifier: Apache-2.0 */
#include "ingestd/folder/folders.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/log.h"

struct drop_folders {
    struct folder *at[1 + FOLDERS_FORMATS];
    char path[1 + FOLDERS_FORMATS][PATH_MAX];
    char note[1 + FOLDERS_FORMATS][80]; /* its name */
    size_t count;
};

/* One more; -1 after an error was logged. */
static int start(struct drop_folders *f, const char *memory_dir,
                 const struct config_strings *formats, int64_t settle_s)
{
    static const struct config_strings none;
    struct folder_settings s = {.path = f->path[f->count],
                                .memory_dir = memory_dir,
                                .settle_s = settle_s,
                                .format = f->count == 0 ? "" : formats->item[f->count - 1],
                                .formats = f->count == 0 ? formats : &none};
    f->at[f->count] = folder_start(&s);
    return f->at[f->count++] == NULL ? -1 : 0;
}

struct drop_folders *folders_start(const char *folder, const struct config_strings *formats,
                                   const char *memory_dir, int64_t settle_s)
{
    struct drop_folders *f = calloc(1, sizeof *f);
    if (f == NULL) {
        log_error("drop.start", "error=\"out of memory\"");
        return NULL;
    }
    snprintf(f->path[0], PATH_MAX, "%s", folder);
    snprintf(f->note[0], sizeof f->note[0], "drop");
    for (size_t i = 0; i < formats->count && i < FOLDERS_FORMATS; i++) {
        snprintf(f->path[i + 1], PATH_MAX, "%s/%s", folder, formats->item[i]);
        snprintf(f->note[i + 1], sizeof f->note[i + 1], "drop.%s", formats->item[i]);
    }
    for (size_t i = 0; i <= formats->count && i <= FOLDERS_FORMATS; i++) {
        if (start(f, memory_dir, formats, settle_s) == -1) {
            folders_free(&f);
            return NULL;
        }
    }
    return f;
}

void folders_stop(struct drop_folders *f)
{
    for (size_t i = 0; f != NULL && i < f->count; i++) {
        folder_stop(f->at[i]);
    }
}

void folders_free(struct drop_folders **f)
{
    folders_stop(*f); /* all at once, before the first is waited for */
    for (size_t i = 0; *f != NULL && i < (*f)->count; i++) {
        folder_free(&(*f)->at[i]);
    }
    free(*f);
    *f = NULL;
}

struct folder_counts folders_tell(struct drop_folders *f)
{
    struct folder_counts all = {.looking = true};
    char stays[FOLDER_TOLD_BYTES];
    for (size_t i = 0; i < f->count; i++) {
        struct folder_counts one = folder_counts(f->at[i], stays);
        all.done += one.done;
        all.failed += one.failed;
        all.records += one.records;
        all.refused += one.refused;
        all.stuck += one.stuck;
        all.left += one.left;
        all.looking = all.looking && one.looking;
        daemon_trouble(f->note[i], !one.looking || one.stuck > 0, "%s: %s%s", f->path[i],
                       one.looking ? "looked into" : "cannot be looked into", stays);
    }
    return all;
}
