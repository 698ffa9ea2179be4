/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a registry: what is taken can be published under another URL, and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "common/mplane/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *context, const char *fault)
{
    (void)context, (void)fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct document d = {.tell = ignore};
    struct slice bytes = {(const char *)data, size};
    struct registry *one = registry_new(), *other = registry_new();
    struct arena *a = arena_new(16 << 20);
    if (one != NULL && other != NULL && a != NULL && size <= 65536 &&
        registry_add(one, &d, bytes) == 0) {
        struct slice published = registry_publish(a, &d, bytes, slice_of("http://x/"),
                                                  &(struct registry_more){.arena = a});
        if (published.at != NULL && registry_add(other, &d, published) == -1) {
            abort();
        }
    }
    arena_free(&a);
    registry_free(&one);
    registry_free(&other);
    return 0;
}
