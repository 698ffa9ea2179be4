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

/* What is read; the first is what is delivered. */
struct record_types_texts {
    struct record_types_source source[1 + RECORD_TYPES_FILES];
    char *bytes[1 + RECORD_TYPES_FILES];
    uint32_t count;
    bool good; /* all could be read */
};

/* What cannot be read says nothing, so that the faults of the others are told too. */
static void add(struct record_types_texts *t, const char *path, struct json_files_room *room)
{
    size_t size = 0;
    char *bytes = json_files_read(path, room, &size);
    t->bytes[t->count] = bytes;
    t->source[t->count++] = (struct record_types_source){
        path, bytes == NULL ? slice_of("{}") : (struct slice){bytes, size}};
    t->good = t->good && bytes != NULL;
}

struct record_types *record_types_read(const char *file, const char *own_dir)
{
    struct record_types_texts texts = {.good = true};
    struct json_files own = {.path = NULL};
    struct json_files_room one = {RECORD_TYPES_BYTES, RECORD_TYPES_BYTES, ""};
    struct json_files_room all = {RECORD_TYPES_BYTES, RECORD_TYPES_BYTES,
                                  " in all own files together"};
    add(&texts, file, &one);
    if (own_dir[0] != '\0') {
        texts.good = json_files_list(own_dir, "the folder of your own record types",
                                     RECORD_TYPES_FILES, &own) == 0 &&
                     texts.good;
    }
    for (uint32_t i = 0; i < own.count; i++) {
        add(&texts, own.path[i], &all);
    }
    struct record_types *t = record_types_read_sources(texts.source, texts.count);
    if (!texts.good) {
        record_types_free(&t);
    }
    for (uint32_t i = 0; i < texts.count; i++) {
        free(texts.bytes[i]);
    }
    json_files_release(&own);
    return t;
}

struct record_types *record_types_of(const char *schemas_dir, const char *own_dir)
{
    char *file = json_files_path(schemas_dir, "record-types.json");
    struct record_types *t = file == NULL ? NULL : record_types_read(file, own_dir);
    free(file);
    return t;
}
