/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record types out of files: what is delivered, and the operator's own in a folder. What is in
 * them: record_types.c.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/format_folders.h"
#include "common/record_types.h"
#include "common/told.h"

#define SOURCES (1 + RECORD_TYPES_FILES + 2 * FORMAT_FILES)

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

/* The mappings of one of the folders of formats. */
static void add_mappings(struct record_types_texts *t, const struct json_files *files, bool own)
{
    struct json_files_room all = format_folders_room();
    for (uint32_t i = 0; i < files->count; i++) {
        add(t, files->path[i], &all, own, true);
    }
}

static void add_formats(struct record_types_texts *t, const char *schemas_dir,
                        const char *own_formats_dir)
{
    struct format_folders formats;
    char *folder = json_files_path(schemas_dir, "formats");
    if (folder == NULL) {
        t->good = false;
        return;
    }
    t->good = format_folders_list(folder, own_formats_dir, &formats) == 0 && t->good;
    add_mappings(t, &formats.delivered, false);
    add_mappings(t, &formats.own, true);
    format_folders_release(&formats);
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

struct record_types *record_types_configured(const struct config_common *common)
{
    return record_types_of(common->schemas_dir, common->record_types_dir, common->formats_dir);
}
