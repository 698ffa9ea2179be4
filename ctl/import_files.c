/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/grow.h"
#include "common/json_files.h"
#include "ctl/ctl.h"

#define DEPTH 64 /* of folders in folders */

static int add_file(struct import_files *f, const char *path, const struct stat *s)
{
    if (f->count == IMPORT_FILES_MOST) {
        ctl_failed("%s: expected at most %d files at once", path, IMPORT_FILES_MOST);
        return -1;
    }
    char **at = grow(f->path, f->count, &f->size, sizeof *at);
    char *copy = strdup(path);
    if (at != NULL) {
        f->path = at;
    }
    if (at == NULL || copy == NULL) {
        free(copy);
        ctl_failed("out of memory");
        return -1;
    }
    f->path[f->count++] = copy;
    f->bytes += (uint64_t)s->st_size;
    return 0;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_path(struct import_files *f, const char *path, bool named, int depth);

static int add_folder(struct import_files *f, const char *path, int depth)
{
    struct dirent **entries;
    int count = depth == 0 ? (errno = ELOOP, -1) : scandir(path, &entries, not_hidden, by_bytes);
    int rc = 0;
    if (count == -1) {
        ctl_failed("%s: %s", path, strerror(errno));
        return -1;
    }
    for (int i = 0; i < count; i++) {
        char *within = rc == 0 ? json_files_path(path, entries[i]->d_name) : NULL;
        if (rc == 0) {
            rc = within == NULL ? -1 : add_path(f, within, false, depth - 1);
        }
        free(within);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int add_path(struct import_files *f, const char *path, bool named, int depth)
{
    struct stat s;
    if (stat(path, &s) == -1) {
        ctl_failed("%s: %s", path, strerror(errno));
        return -1;
    }
    if (S_ISDIR(s.st_mode)) {
        return add_folder(f, path, depth);
    }
    if (S_ISREG(s.st_mode)) {
        return add_file(f, path, &s);
    }
    if (named) {
        ctl_failed("%s: expected a file or a folder, found something else", path);
    }
    return named ? -1 : 0;
}

int import_files_add(struct import_files *f, const char *name)
{
    char *path = realpath(name, NULL);
    if (path == NULL) {
        ctl_failed("%s: %s", name, strerror(errno));
        return -1;
    }
    int rc = add_path(f, path, true, DEPTH);
    free(path);
    return rc;
}

void import_files_release(struct import_files *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        free(f->path[i]);
    }
    free(f->path);
    *f = (struct import_files){.path = NULL};
}
