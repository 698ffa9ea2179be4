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
    struct document d = {.name = "core.json"};
    assert_non_null(r);
    assert_int_equal(registry_add(r, &d, vectors_bytes(a, SCHEMAS "core.json")), 0);
    return r;
}

#endif
