/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ZeroMQ peer could send: every decoder over the same bytes. What one accepts must encode to
 * bytes that it accepts again with the same meaning (compared by encoding once more).
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRY_MESSAGE(name, FIELDS)                                                                  \
    do {                                                                                           \
        struct name##_message m, back;                                                             \
        if (name##_decode_all(bytes, a, &m) == 0) {                                                \
            pack_reset(&first);                                                                    \
            pack_reset(&second);                                                                   \
            name##_encode(&first, &m);                                                             \
            assert(pack_ok(&first));                                                               \
            assert(name##_decode_all(pack_bytes(&first), a, &back) == 0);                          \
            name##_encode(&second, &back);                                                         \
            assert(slice_equal(pack_bytes(&first), pack_bytes(&second)));                          \
            name##_print(sink, &m);                                                                \
        }                                                                                          \
    } while (0);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *sink;
    if (sink == NULL) {
        sink = fopen("/dev/null", "w");
        assert(sink != NULL);
    }
    struct slice bytes = {(const char *)data, size};
    struct arena *a = arena_new(1 << 24);
    struct pack first, second;
    pack_init(&first);
    pack_init(&second);
    message_number(bytes);
    MESSAGES(TRY_MESSAGE)
    struct batch_reader r;
    struct record_message record;
    if (batch_reader_open(&r, bytes, a) == 0) {
        while (batch_reader_next(&r, a, &record) == 1) {
        }
    }
    pack_release(&first);
    pack_release(&second);
    arena_free(&a);
    return 0;
}
