/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a TZif file: what is taken is in order, begins with all time before, never repeats
 * an offset, and comes out of the file cut behind its rule as well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/zone_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct zone_change *at, int count)
{
    if (count < 1 || count > ZONE_CHANGES || at[0].from_s != ZONE_ALWAYS) {
        abort();
    }
    for (int i = 0; i < count; i++) {
        if (at[i].offset_s <= -ZONE_OFFSET_S || at[i].offset_s >= ZONE_OFFSET_S) {
            abort();
        }
        if (i > 0 && (at[i].from_s <= at[i - 1].from_s || at[i].from_s >= ZONE_UNTIL_S ||
                      at[i].offset_s == at[i - 1].offset_s)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone_change changes[ZONE_CHANGES], again[ZONE_CHANGES];
    int count = zone_file_changes((struct slice){(const char *)data, size}, changes);
    if (count == -1) {
        return 0;
    }
    look_at(changes, count);
    /* Nothing behind the rule's line counts. */
    char *more = malloc(size + 2);
    if (more == NULL) {
        return 0;
    }
    memcpy(more, data, size);
    memcpy(more + size, "x\n", 2);
    if (zone_file_changes((struct slice){more, size + 2}, again) != count ||
        memcmp(again, changes, (size_t)count * sizeof *again) != 0) {
        abort();
    }
    free(more);
    return 0;
}
