/* SPDX-License-Identifier: Apache-2.0 */
#include "common/why/editions.h"

#include <stdio.h>

struct kept_edition *editions_find(struct editions *e, uint64_t version, struct slice published)
{
    for (int i = 0; i < EDITIONS; i++) {
        struct kept_edition *one = &e->kept[i];
        if (one->version != 0 && one->version == version && slice_is(published, one->published)) {
            one->used = ++e->clock;
            return one;
        }
    }
    return NULL;
}

struct kept_edition *editions_add(struct editions *e, uint64_t version, struct slice published,
                                  struct slice document, struct slice types, char *why,
                                  size_t why_size)
{
    struct kept_edition *one = &e->kept[0];
    for (int i = 1; i < EDITIONS; i++) {
        one = e->kept[i].used < one->used ? &e->kept[i] : one;
    }
    if (e->no_types == NULL) {
        e->no_types = record_types_read_bytes("none", slice_of("{}"));
    }
    grade_edition_release(&one->compiled);
    *one = (struct kept_edition){.types_kept = types.len > 0};
    if (e->no_types == NULL || published.len >= sizeof one->published) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    if (grade_edition_read(&one->compiled, document, types, e->no_types, why, why_size) == -1) {
        return NULL;
    }
    memcpy(one->published, published.at, published.len);
    one->version = version;
    one->used = ++e->clock;
    return one;
}

void editions_release(struct editions *e)
{
    for (int i = 0; i < EDITIONS; i++) {
        grade_edition_release(&e->kept[i].compiled);
    }
    record_types_free(&e->no_types);
    *e = (struct editions){0};
}
