/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the file of export URLs: what is taken is written, and read as the same. */
#include <stdint.h>
#include <stdlib.h>

#include "mplane-gw/posts/exports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exports *first = exports_new(), *second = exports_new();
    if (first != NULL && second != NULL &&
        exports_decode(first, (struct slice){(const char *)data, size}) == 0) {
        struct pack once, again;
        pack_init(&once);
        pack_init(&again);
        exports_encode(first, &once);
        if (exports_decode(second, pack_bytes(&once)) == -1) {
            abort();
        }
        exports_encode(second, &again);
        if (exports_count(first) != exports_count(second) ||
            !slice_equal(pack_bytes(&once), pack_bytes(&again))) {
            abort();
        }
        exports_sweep(first, 1);
        pack_release(&once);
        pack_release(&again);
    }
    exports_free(&first);
    exports_free(&second);
    return 0;
}
