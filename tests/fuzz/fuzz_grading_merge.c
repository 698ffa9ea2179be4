/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any grading document that is good, and a block merged into it: what comes is good, has the blocks
 * that it is said to have, the new one is the first that takes its type, and with it gone again no
 * other block is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/grading_merge.h"

#define BLOCK                                                                                      \
    "[{\"gradeName\": \"new\", \"appliesTo\": {\"recordType\": \"x\"}, \"gradingRules\": "         \
    "[{\"grade\": 5}]}]"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static const struct json *new_block(struct arena *a)
{
    static const struct json_limits limits = {16, 100, 100, false};
    char error[100];
    return json_parse(a, slice_of(BLOCK), &limits, error, sizeof error);
}

static void merge(struct arena *a, struct slice document, const struct grading *g)
{
    struct grading_faults faults;
    struct slice x = slice_of("x");
    struct grading_merge m = grading_merge_blocks(a, document, g, x, new_block(a));
    require(m.document.at != NULL && m.put == 1 && m.blocks + m.taken == g->block_count + 1);
    const struct grading *after = grading_read(a, m.document, &faults);
    if (after == NULL) {
        return; /* one grade name, one block or some bytes too many */
    }
    int64_t taken = grading_merge_taken(after, x);
    require(after->block_count == m.blocks && taken >= 0);
    require(slice_is(after->names[after->blocks[taken].name], "new"));
    require(grading_takes(&after->blocks[taken], x) == GRADING_BY_NAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new((size_t)256 << 20);
    struct grading_faults faults;
    if (a != NULL) {
        struct slice document = arena_copy(a, (struct slice){(const char *)data, size});
        const struct grading *g = grading_read(a, document, &faults);
        if (g != NULL) {
            merge(a, document, g);
        }
    }
    arena_free(&a);
    return 0;
}
