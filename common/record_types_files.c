/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record types out of files: what is delivered, and the operator's own in a folder. What is in
 * them: record_types.c.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/record_types.h"
#include "common/told.h"

#define PATH_BYTES 4096

/* The paths and bytes of what is read; the first is what is delivered. */
struct files {
    char *path[1 + RECORD_TYPES_FILES], *bytes[1 + RECORD_TYPES_FILES];
    size_t size[1 + RECORD_TYPES_FILES];
    uint32_t count;
};

static void release(struct files *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        free(f->path[i]);
        free(f->bytes[i]);
    }
}

/* What is there is meant to be read: neither a folder nor a pipe, which would be waited for. */
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

/* 0, or -1 after the fault was told. */
static int read_one(struct files *f, uint32_t i, size_t most)
{
    if (!is_file(f->path[i])) {
        return -1;
    }
    f->bytes[i] = file_read(f->path[i], most, &f->size[i]);
    if (f->bytes[i] == NULL && errno == EFBIG) {
        told_fault("%s: expected at most %d bytes%s, found more", f->path[i], RECORD_TYPES_BYTES,
                   i == 0 ? "" : " in all own files together");
    } else if (f->bytes[i] == NULL) {
        told_fault("%s: %s", f->path[i], strerror(errno));
    }
    return f->bytes[i] == NULL ? -1 : 0;
}

static int add_path(struct files *f, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name);
    if (n < 0 || (size_t)n >= sizeof path) {
        told_fault("%.200s: expected a path of less than %d bytes, found %d", folder, PATH_BYTES,
                   n);
        return -1;
    }
    f->path[f->count] = strdup(path);
    if (f->path[f->count] == NULL) {
        told_fault("%s: out of memory", path);
        return -1;
    }
    f->count++;
    return 0;
}

/* NAME.json; what editors leave beside it begins with a dot or ends otherwise. */
static bool is_named_so(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > 5 && strcmp(name + length - 5, ".json") == 0;
}

static int list(struct files *f, const char *folder)
{
    DIR *d = opendir(folder);
    int rc = 0;
    if (d == NULL) {
        told_fault("%s: expected the folder of your own record types: %s", folder, strerror(errno));
        return -1;
    }
    for (const struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
        if (!is_named_so(e->d_name)) {
            continue;
        }
        if (f->count == 1 + RECORD_TYPES_FILES) {
            told_fault("%s: expected at most %d files NAME.json, found more", folder,
                       RECORD_TYPES_FILES);
            rc = -1;
        } else {
            rc = add_path(f, folder, e->d_name);
        }
    }
    closedir(d);
    return rc;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_own(struct files *f, const char *folder)
{
    if (list(f, folder) == -1) {
        return -1;
    }
    qsort(f->path + 1, f->count - 1, sizeof f->path[0], by_bytes);
    size_t left = RECORD_TYPES_BYTES;
    int rc = 0;
    for (uint32_t i = 1; i < f->count; i++) {
        rc = read_one(f, i, left) == -1 ? -1 : rc;
        left -= f->bytes[i] == NULL ? 0 : f->size[i];
    }
    return rc;
}

/* All of them; what cannot be read says nothing, so that the faults of the others are told too. */
static struct record_types *read_all(const struct files *f)
{
    struct record_types_source sources[1 + RECORD_TYPES_FILES];
    for (uint32_t i = 0; i < f->count; i++) {
        struct slice bytes = {f->bytes[i], f->size[i]};
        sources[i] =
            (struct record_types_source){f->path[i], bytes.at == NULL ? slice_of("{}") : bytes};
    }
    return record_types_read_sources(sources, f->count);
}

struct record_types *record_types_read(const char *file, const char *own_dir)
{
    struct files f = {.count = 0};
    struct record_types *t = NULL;
    if (add_path(&f, "", file) == 0) {
        bool good = read_one(&f, 0, RECORD_TYPES_BYTES) == 0;
        good = (own_dir[0] == '\0' || read_own(&f, own_dir) == 0) && good;
        t = read_all(&f);
        if (!good) {
            record_types_free(&t);
        }
    }
    release(&f);
    return t;
}

struct record_types *record_types_of(const char *schemas_dir, const char *own_dir)
{
    char file[PATH_BYTES];
    int n = snprintf(file, sizeof file, "%s/record-types.json", schemas_dir);
    if (n < 0 || (size_t)n >= sizeof file) {
        told_fault("common.schemas_dir: expected a shorter path, found %zu bytes",
                   strlen(schemas_dir));
        return NULL;
    }
    return record_types_read(file, own_dir);
}
