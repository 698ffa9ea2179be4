/* SPDX-License-Identifier: Apache-2.0 */
#include "common/formats/format_files.h"

#include <stdlib.h>

#include "common/told.h"

struct format_files {
    uint32_t count;
    struct format_file file[FORMAT_FILES];
};

/* ---- names ---- */

bool format_name_is(struct slice name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    for (size_t i = 0; i < name.len; i++) {
        if (memchr(allowed, name.at[i], sizeof allowed - 1) == NULL) {
            return false;
        }
    }
    return name.len > 0 && name.len <= FORMAT_NAME_BYTES && !slice_is(name, "mplane");
}

/* What stands before ".json", behind the last '/'. */
static struct slice name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    return (struct slice){name, strlen(name) - strlen(".json")};
}

/* ---- one ---- */

static struct format *read_mapping(const char *path, struct json_files_room *room)
{
    size_t size;
    char *bytes = json_files_read(path, room, &size);
    struct document d = {.name = path};
    struct format *f = bytes == NULL ? NULL : format_read(&d, (struct slice){bytes, size});
    free(bytes);
    document_end(&d);
    return f;
}

struct format *format_file_read(const char *path)
{
    struct json_files_room room = {FORMAT_BYTES, FORMAT_BYTES, ""};
    return read_mapping(path, &room);
}

/* ---- all of them ---- */

static void release_file(struct format_file *file)
{
    format_free(&file->format);
    free((void *)(uintptr_t)file->name);
    free((void *)(uintptr_t)file->path);
}

/* Takes a file's mapping. 0, or -1 after the faults were told. */
static int add(struct format_files *f, const char *path, bool own, struct json_files_room *room)
{
    struct slice name = name_of(path);
    if (!format_name_is(name)) {
        told_fault("%s: expected a name of 1 to %d of a-z, 0-9 and '-', not \"mplane\"", path,
                   FORMAT_NAME_BYTES);
        return -1;
    }
    if (f->count == FORMAT_FILES) {
        told_fault("%s: expected at most %d formats, found more", path, FORMAT_FILES);
        return -1;
    }
    struct format_file file = {strndup(name.at, name.len), strdup(path), own,
                               read_mapping(path, room)};
    if (file.name == NULL || file.path == NULL) {
        told_fault("%s: out of memory", path);
    }
    if (file.name == NULL || file.path == NULL || file.format == NULL) {
        release_file(&file);
        return -1;
    }
    f->file[f->count++] = file;
    return 0;
}

/* All files of a folder; 0, or -1 after the faults of all were told. */
static int add_all(struct format_files *f, const struct json_files *files, bool own)
{
    struct json_files_room room = format_folders_room();
    int rc = 0;
    for (uint32_t i = 0; i < files->count; i++) {
        rc = add(f, files->path[i], own, &room) == -1 ? -1 : rc;
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct format_file *)a)->name, ((const struct format_file *)b)->name);
}

struct format_files *format_files_read(const char *delivered_dir, const char *own_dir)
{
    struct format_files *f = calloc(1, sizeof *f);
    if (f == NULL) {
        told_fault("%s: out of memory", delivered_dir);
        return NULL;
    }
    struct format_folders folders;
    bool good = format_folders_list(delivered_dir, own_dir, &folders) == 0;
    good = add_all(f, &folders.own, true) == 0 && good;
    good = add_all(f, &folders.delivered, false) == 0 && good;
    format_folders_release(&folders);
    if (!good) {
        format_files_free(&f);
        return NULL;
    }
    qsort(f->file, f->count, sizeof f->file[0], by_name);
    return f;
}

struct format_files *format_files_of(const char *schemas_dir, const char *own_dir)
{
    char *folder = json_files_path(schemas_dir, "formats");
    struct format_files *f = folder == NULL ? NULL : format_files_read(folder, own_dir);
    free(folder);
    return f;
}

void format_files_free(struct format_files **files)
{
    struct format_files *f = *files;
    for (uint32_t i = 0; f != NULL && i < f->count; i++) {
        release_file(&f->file[i]);
    }
    free(f);
    *files = NULL;
}

uint32_t format_files_count(const struct format_files *f)
{
    return f->count;
}

const struct format_file *format_files_at(const struct format_files *f, uint32_t i)
{
    return &f->file[i];
}

const struct format_file *format_files_find(const struct format_files *f, struct slice name)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (slice_is(name, f->file[i].name)) {
            return &f->file[i];
        }
    }
    return NULL;
}
