/* SPDX-License-Identifier: Apache-2.0 */
#include "common/format_folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static const char *find(const struct json_files *files, const char *name)
{
    for (uint32_t i = 0; i < files->count; i++) {
        if (strcmp(file_name(files->path[i]), name) == 0) {
            return files->path[i];
        }
    }
    return NULL;
}

/* Takes those out that an own one goes before. */
static void leave_out(struct json_files *delivered, const struct json_files *own)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < delivered->count; i++) {
        if (find(own, file_name(delivered->path[i])) != NULL) {
            free(delivered->path[i]);
        } else {
            delivered->path[left++] = delivered->path[i];
        }
    }
    delivered->count = left;
}

int format_folders_list(const char *delivered_dir, const char *own_dir, struct format_folders *f)
{
    *f = (struct format_folders){.own = {.path = NULL}};
    int own = own_dir[0] == '\0' ? 0
                                 : json_files_list(own_dir, "the folder of your own formats",
                                                   FORMAT_FILES, &f->own);
    int delivered = json_files_list(delivered_dir, "the folder of the delivered formats",
                                    FORMAT_FILES, &f->delivered);
    leave_out(&f->delivered, &f->own);
    return own == -1 || delivered == -1 ? -1 : 0;
}

void format_folders_release(struct format_folders *f)
{
    json_files_release(&f->own);
    json_files_release(&f->delivered);
}

struct json_files_room format_folders_room(void)
{
    return (struct json_files_room){FORMAT_FILES_BYTES, FORMAT_FILES_BYTES,
                                    " in all files of the folder together"};
}

const char *format_folders_find(const struct format_folders *f, const char *name)
{
    char file[256];
    int n = snprintf(file, sizeof file, "%s.json", name);
    if (n < 0 || (size_t)n >= sizeof file) {
        return NULL;
    }
    const char *path = find(&f->own, file);
    return path != NULL ? path : find(&f->delivered, file);
}
