/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats out of files: those that are delivered, schemas/formats/NAME.json, and the operator's own
 * in a folder, as common/format_folders.h lists them. They are read as a set, whole or not at all;
 * there may be FORMAT_FILES of them.
 */
#ifndef EZREPO_FORMATS_FORMAT_FILES_H
#define EZREPO_FORMATS_FORMAT_FILES_H

#include "common/format_folders.h"
#include "common/formats/format.h"

#define FORMAT_NAME_BYTES 64

/* The formats by their names. They do not change, as none of them does. */
struct format_files;

/*
 * Of the folder with what is delivered, and of the operator's own ("": there are none). NULL after
 * each fault was told, with its file and place. The caller owns the result.
 */
struct format_files *format_files_read(const char *delivered_dir, const char *own_dir);
/* With those in the folder of the contracts. */
struct format_files *format_files_of(const char *schemas_dir, const char *own_dir);
void format_files_free(struct format_files **f);

struct format_file {
    const char *name, *path;
    bool own;
    struct format *format;
};

/* In the byte order of their names. */
uint32_t format_files_count(const struct format_files *f);
const struct format_file *format_files_at(const struct format_files *f, uint32_t i);
/* NULL: there is none of that name. */
const struct format_file *format_files_find(const struct format_files *f, struct slice name);

/* A mapping by itself, whatever its file is called. NULL after each fault was told. The caller owns
 * it. */
struct format *format_file_read(const char *path);

/* Whether a format can have this name: 1 to FORMAT_NAME_BYTES of a-z, 0-9 and '-'; not "mplane",
 * which is what is read without a mapping. */
bool format_name_is(struct slice name);

#endif
