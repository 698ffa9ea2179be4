/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies with Content-Encoding: gzip. Whatever they inflate to is no larger than allowed. */
#include <stdint.h>
#include <stdlib.h>

#include "common/http/inflate.h"

#define MOST_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(2 * MOST_BYTES);
    struct slice text = {NULL, 0};
    if (inflate_gzip(a, (struct slice){(const char *)data, size}, MOST_BYTES, &text) == INFLATED &&
        (text.at == NULL || text.len > MOST_BYTES)) {
        abort();
    }
    arena_free(&a);
    return 0;
}
