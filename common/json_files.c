/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/told.h"

#define PATH_BYTES 4096

char *json_files_path(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name);
    if (n < 0 || (size_t)n >= sizeof path) {
        told_fault("%.200s: expected a path of less than %d bytes, found %d", folder, PATH_BYTES,
                   n);
        return NULL;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        told_fault("%s: out of memory", path);
    }
    return copy;
}

static bool is_named_so(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > 5 && strcmp(name + length - 5, ".json") == 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entries of an open folder. */
static int list_entries(DIR *d, const char *folder, uint32_t most, struct json_files *f)
{
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (!is_named_so(e->d_name)) {
            continue;
        }
        if (f->count == most) {
            told_fault("%s: expected at most %u files NAME.json, found more", folder, most);
            return -1;
        }
        f->path[f->count] = json_files_path(folder, e->d_name);
        if (f->path[f->count] == NULL) {
            return -1;
        }
        f->count++;
    }
    return 0;
}

int json_files_list(const char *folder, const char *called, uint32_t most, struct json_files *f)
{
    *f = (struct json_files){.path = calloc(most + 1, sizeof *f->path)};
    if (f->path == NULL) {
        told_fault("%s: out of memory", folder);
        return -1;
    }
    DIR *d = opendir(folder);
    if (d == NULL) {
        told_fault("%s: expected %s: %s", folder, called, strerror(errno));
        return -1;
    }
    int rc = list_entries(d, folder, most, f);
    closedir(d);
    qsort(f->path, f->count, sizeof f->path[0], by_bytes);
    return rc;
}

void json_files_release(struct json_files *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        free(f->path[i]);
    }
    free(f->path);
    *f = (struct json_files){0};
}

static bool is_file(const char *path)
{
    struct stat s;
    if (stat(path, &s) == -1) {
        told_fault("%s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(s.st_mode)) {
        told_fault("%s: expected a file, found something else", path);
    }
    return S_ISREG(s.st_mode);
}

char *json_files_read(const char *path, struct json_files_room *room, size_t *size)
{
    if (!is_file(path)) {
        return NULL;
    }
    char *bytes = file_read(path, room->left, size);
    if (bytes != NULL) {
        room->left -= *size;
    } else if (errno == EFBIG) {
        told_fault("%s: expected at most %zu bytes%s, found more", path, room->most, room->of);
    } else {
        told_fault("%s: %s", path, strerror(errno));
    }
    return bytes;
}
