/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a GLIMPSE client posts: what is taken out of it is within its limit, and the
 * answer is JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "common/json.h"
#include "ingest-gw/glimpse_report.h"

#define MOST 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_limits limits = {.depth = 3, .nodes = GLIMPSE_TASKS + 2, .string_bytes = 100};
    struct slice text, taken;
    char error[128];
    struct arena *a = arena_new((size_t)16 << 20);
    if (a != NULL && glimpse_report_read(a, (struct slice){(const char *)data, size}, MOST, &text,
                                         &taken) == NULL) {
        const struct json *answer = json_parse(a, taken, &limits, error, sizeof error);
        if (text.len > MOST || answer == NULL || json_get(answer, "tasks") == NULL) {
            abort();
        }
    }
    arena_free(&a);
    return 0;
}
