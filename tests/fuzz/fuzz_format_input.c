/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the "input" of a mapping: one that is refused says why; one that is taken decodes.
 */
#include <stdlib.h>

#include "common/formats/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_fault(void *context, const char *fault)
{
    uint32_t *faults = context;
    *faults += fault[0] != '\0';
}

static void decode(const struct format_input *in)
{
    static const struct decode_limits limits = {
        .json = {.depth = 8, .nodes = 100, .string_bytes = 100},
        .document_bytes = 1000,
        .line_bytes = 100};
    struct decode *d = decode_new(in, NULL, &limits);
    struct arena *a = arena_new(1 << 16);
    struct slice bytes = slice_of("{\"a\": 1}\na b=1 2\nPING a 1-2 (3): x\n\n1 2 3\n");
    struct decode_item item;
    enum decode_event event;
    if (d == NULL || a == NULL) {
        abort();
    }
    while ((event = decode_next(d, &bytes, true, a, &item)) != DECODE_END) {
        if (event != DECODE_DOCUMENT && event != DECODE_FAULT) {
            abort();
        }
    }
    arena_free(&a);
    decode_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.depth = 8, .nodes = 10000, .string_bytes = 10000};
    uint32_t faults = 0;
    struct document document = {.tell = count_fault, .context = &faults};
    struct arena *a = arena_new(1 << 24);
    if (a == NULL) {
        return 0;
    }
    struct document_place at =
        document_parse(&document, a, (struct slice){(const char *)data, size}, &limits);
    const struct format_input *in = at.node == NULL ? NULL : format_input_read(&at, a);
    if ((in == NULL) != (faults > 0)) {
        abort();
    }
    if (in != NULL) {
        decode(in);
    }
    arena_free(&a);
    return 0;
}
