/* SPDX-License-Identifier: Apache-2.0 */
/* Element registries out of schemas/mplane/. */
#ifndef EZREPO_REGISTRY_FILES_H
#define EZREPO_REGISTRY_FILES_H

#include "common/mplane/registry.h"

#define REGISTRY_FILE_BYTES (4 * 1024 * 1024)

/* Adds the file of this name in schemas_dir/mplane to the registry; its bytes in the arena, no
 * value after it was told why. */
struct slice registry_add_file(struct registry *r, struct arena *a, const char *schemas_dir,
                               const char *name);

/* The elements of mPlane and of ours, for who asks of which type one is. 0, or -1 after it was told
 * why; the caller owns the result. */
int registry_read(const char *schemas_dir, struct registry **r);

#endif
