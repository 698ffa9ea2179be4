/* SPDX-License-Identifier: Apache-2.0 */
/* The core registry, which every mPlane vector speaks of. */
#ifndef EZREPO_MPLANE_CORE_H
#define EZREPO_MPLANE_CORE_H

#include "common/mplane/registry.h"
#include "tests/golden/mplane_vectors.h"

#define SCHEMAS "../../../schemas/mplane/"

/* The caller frees it. */
static inline struct registry *core_registry(struct arena *a)
{
    struct registry *r = registry_new();
    char error[200] = "";
    assert_non_null(r);
    if (registry_add(r, vectors_bytes(a, SCHEMAS "core.json"), error, sizeof error) == -1) {
        fail_msg("%s", error);
    }
    return r;
}

#endif
