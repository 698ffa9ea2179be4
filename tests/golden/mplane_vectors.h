/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the vector files under tests/golden/mplane: a fault in reading them fails the test. */
#ifndef EZREPO_MPLANE_VECTORS_H
#define EZREPO_MPLANE_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"

/* The file's bytes in the arena. `name` is relative to tests/golden/mplane. */
static inline struct slice vectors_bytes(struct arena *a, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/mplane/%s", VECTORS, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("%s: cannot be opened", path);
    }
    const size_t most = 1 << 20;
    char *at = arena_alloc(a, most);
    assert_non_null(at);
    size_t len = fread(at, 1, most, f);
    fclose(f);
    assert_in_range(len, 1, most - 1);
    return (struct slice){at, len};
}

static inline const struct json *vectors_json(struct arena *a, const char *name)
{
    static const struct json_limits limits = {
        .depth = 32, .nodes = 1 << 20, .string_bytes = 1 << 20};
    char error[200] = "";
    const struct json *tree = json_parse(a, vectors_bytes(a, name), &limits, error, sizeof error);
    if (tree == NULL) {
        fail_msg("%s: %s", name, error);
    }
    return tree;
}

/* A vector file's list of cases, which must have this many. */
static inline const struct json *vectors_cases(struct arena *a, const char *name, uint32_t count)
{
    const struct json *cases = json_get(vectors_json(a, name), "cases");
    assert_non_null(cases);
    assert_int_equal(cases->count, count);
    return cases;
}

/* A member that must be a string. */
static inline struct slice vectors_text(const struct json *node, const char *key)
{
    const struct json *member = json_get(node, key);
    if (member == NULL || member->type != JSON_STRING) {
        fail_msg("no string %s", key);
    }
    return member->text;
}

static inline void vectors_equal(struct slice found, struct slice expected, struct slice of)
{
    if (!slice_equal(found, expected)) {
        fail_msg("%.*s: expected \"%.*s\", found \"%.*s\"", (int)of.len, of.at, (int)expected.len,
                 expected.at, (int)found.len, found.at == NULL ? "" : found.at);
    }
}

#endif
