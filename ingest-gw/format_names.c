/* SPDX-License-Identifier: Apache-2.0 */
/* Names out of the two folders of formats. */
#include "ingest-gw/format_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/format_folders.h"
#include "common/formats/format_files.h"
#include "common/told.h"

#define NAMES (2 * FORMAT_FILES + 1)

struct format_names {
    char at[NAMES][FORMAT_NAME_BYTES + 1];
    uint32_t count;
};

static int order(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void take_files(struct format_names *f, const struct json_files *files)
{
    for (uint32_t i = 0; i < files->count && f->count < NAMES; i++) {
        const char *slash = strrchr(files->path[i], '/');
        const char *file = slash == NULL ? files->path[i] : slash + 1;
        struct slice name = {file, strlen(file) - strlen(".json")};
        if (format_name_is(name)) {
            snprintf(f->at[f->count++], sizeof f->at[0], "%.*s", (int)name.len, name.at);
        }
    }
}

struct format_names *format_names_read(const struct config_common *common)
{
    char delivered[4096];
    struct format_folders folders = {.own = {.path = NULL}};
    struct format_names *f = calloc(1, sizeof *f);
    snprintf(delivered, sizeof delivered, "%s/formats", common->schemas_dir);
    int listed = f == NULL ? -1 : format_folders_list(delivered, common->formats_dir, &folders);
    if (listed == 0) {
        snprintf(f->at[f->count++], sizeof f->at[0], "%s", FORMAT_MPLANE);
        take_files(f, &folders.own);
        take_files(f, &folders.delivered);
        qsort(f->at, f->count, sizeof f->at[0], order);
    } else {
        if (f == NULL) {
            told_fault("the formats: out of memory");
        }
        free(f);
        f = NULL;
    }
    format_folders_release(&folders);
    return f;
}

void format_names_free(struct format_names **f)
{
    free(*f);
    *f = NULL;
}

bool format_names_has(const struct format_names *f, struct slice name)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (slice_is(name, f->at[i])) {
            return true;
        }
    }
    return false;
}

const char *format_names_text(const struct format_names *f, struct arena *a)
{
    size_t size = f->count * (sizeof f->at[0] + 2), used = 0;
    char *text = arena_alloc(a, size + 1);
    for (uint32_t i = 0; text != NULL && i < f->count; i++) {
        used +=
            (size_t)snprintf(text + used, size + 1 - used, "%s%s", i == 0 ? "" : ", ", f->at[i]);
    }
    return text;
}
