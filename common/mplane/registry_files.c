/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mplane/registry_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/log.h"

struct slice registry_add_file(struct registry *r, struct arena *a, const char *schemas_dir,
                               const char *name)
{
    char path[1024];
    struct document d = {.name = path};
    size_t size = 0;
    snprintf(path, sizeof path, "%s/mplane/%s", schemas_dir, name);
    char *bytes = file_read(path, REGISTRY_FILE_BYTES, &size);
    if (bytes == NULL) {
        log_errno("registry.file", "file=%s bytes_max=%d", path, REGISTRY_FILE_BYTES);
        return (struct slice){NULL, 0};
    }
    struct document_place whole = document_part(&d, NULL, NULL);
    struct slice document = document_copy(&whole, a, (struct slice){bytes, size});
    free(bytes);
    if (document.at != NULL && registry_add(r, &d, document) == -1) {
        document.at = NULL;
    }
    (void)document_end(&d);
    return document;
}

int registry_read(const char *schemas_dir, struct registry **r)
{
    struct arena *a = arena_new((size_t)2 * REGISTRY_FILE_BYTES);
    *r = registry_new();
    if (a == NULL || *r == NULL) {
        log_error("registry.read", "error=\"out of memory\"");
        arena_free(&a);
        registry_free(r);
        return -1;
    }
    bool good = registry_add_file(*r, a, schemas_dir, "core.json").at != NULL &&
                registry_add_file(*r, a, schemas_dir, "ezrepo.json").at != NULL;
    arena_free(&a);
    if (!good) {
        registry_free(r);
    }
    return good ? 0 : -1;
}
