/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record types out of files: what is delivered, and the operator's own in a folder. What is in
 * them: record_types.c.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_files.h"
#include "common/record_types.h"
#include "common/told.h"

#define SOURCES     (1 + RECORD_TYPES_FILES + 2 * RECORD_TYPES_FORMATS)
#define ALL_FORMATS ((size_t)16 << 20) /* bytes of one folder's */

/* What is read, in this order. */
struct record_types_texts {
    struct record_types_source source[SOURCES];
    char *bytes[SOURCES];
    char *path[SOURCES]; /* of those whose name in messages is it */
    uint32_t count;
    bool good; /* all could be read */
};

/* What cannot be read says nothing, so that the faults of the others are told too. */
static void add(struct record_types_texts *t, const char *path, struct json_files_room *room,
                bool own, bool mapping)
{
    size_t size = 0;
    char *bytes = json_files_read(path, room, &size);
    t->bytes[t->count] = bytes;
    t->path[t->count] = strdup(path);
    t->good = t->good && bytes != NULL && t->path[t->count] != NULL;
    t->source[t->count] = (struct record_types_source){
        .name = t->path[t->count] == NULL ? "" : t->path[t->count],
        .bytes = bytes == NULL ? slice_of("{}") : (struct slice){bytes, size},
        .own = own,
        .mapping = mapping};
    t->count++;
}

static void add_own(struct record_types_texts *t, const char *folder)
{
    struct json_files own = {.path = NULL};
    struct json_files_room all = {RECORD_TYPES_BYTES, RECORD_TYPES_BYTES,
                                  " in all own files together"};
    if (folder[0] != '\0') {
        t->good = json_files_list(folder, "the folder of your own record types", RECORD_TYPES_FILES,
                                  &own) == 0 &&
                  t->good;
    }
    for (uint32_t i = 0; i < own.count; i++) {
        add(t, own.path[i], &all, true, false);
    }
    json_files_release(&own);
}

/* Whether one of the files has this one's name. */
static bool has_name(const struct json_files *files, const char *path)
{
    const char *name = strrchr(path, '/');
    for (uint32_t i = 0; name != NULL && i < files->count; i++) {
        const char *other = strrchr(files->path[i], '/');
        if (other != NULL && strcmp(name, other) == 0) {
            return true;
        }
    }
    return false;
}

/* The mappings of a folder, but for those that one of `instead` goes before. */
static void add_mappings(struct record_types_texts *t, const struct json_files *files, bool own,
                         const struct json_files *instead)
{
    struct json_files_room all = {ALL_FORMATS, ALL_FORMATS, " in all files of the folder together"};
    for (uint32_t i = 0; i < files->count; i++) {
        if (!has_name(instead, files->path[i])) {
            add(t, files->path[i], &all, own, true);
        }
    }
}

static void add_formats(struct record_types_texts *t, const char *schemas_dir,
                        const char *own_formats_dir)
{
    struct json_files delivered = {.path = NULL}, own = {.path = NULL}, none = {.path = NULL};
    char *folder = json_files_path(schemas_dir, "formats");
    t->good = folder != NULL &&
              json_files_list(folder, "the folder of the delivered formats", RECORD_TYPES_FORMATS,
                              &delivered) == 0 &&
              t->good;
    if (own_formats_dir[0] != '\0') {
        t->good = json_files_list(own_formats_dir, "the folder of your own formats",
                                  RECORD_TYPES_FORMATS, &own) == 0 &&
                  t->good;
    }
    add_mappings(t, &delivered, false, &own);
    add_mappings(t, &own, true, &none);
    json_files_release(&delivered);
    json_files_release(&own);
    free(folder);
}

static void add_delivered(struct record_types_texts *t, const char *file)
{
    struct json_files_room one = {RECORD_TYPES_BYTES, RECORD_TYPES_BYTES, ""};
    add(t, file, &one, false, false);
}

/* What the texts say; they are given back. */
static struct record_types *read_texts(struct record_types_texts *texts)
{
    struct record_types *t = record_types_read_sources(texts->source, texts->count);
    if (!texts->good) {
        record_types_free(&t);
    }
    for (uint32_t i = 0; i < texts->count; i++) {
        free(texts->bytes[i]);
        free(texts->path[i]);
    }
    return t;
}

struct record_types *record_types_read(const char *file, const char *own_dir)
{
    struct record_types_texts texts = {.good = true};
    add_delivered(&texts, file);
    add_own(&texts, own_dir);
    return read_texts(&texts);
}

struct record_types *record_types_of(const char *schemas_dir, const char *own_dir,
                                     const char *own_formats_dir)
{
    struct record_types_texts texts = {.good = true};
    char *file = json_files_path(schemas_dir, "record-types.json");
    if (file == NULL) {
        return NULL;
    }
    add_delivered(&texts, file);
    add_formats(&texts, schemas_dir, own_formats_dir);
    add_own(&texts, own_dir);
    free(file);
    return read_texts(&texts);
}
