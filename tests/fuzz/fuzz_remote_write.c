/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of remote write: as they are, and as what snappy would have made of them, so that a
 * fuzzer gets past the compression. What is read is put together, and is closed; its text can be
 * decoded.
 */
#include <snappy-c.h>
#include <stdlib.h>

#include "common/formats/decode.h"
#include "ingest-gw/remote/assembly.h"

#define MOST_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void over(void *context, uint64_t row)
{
    (*(uint32_t *)context) += (uint32_t)row;
}

/* Each line is a sample that the decoder takes. */
static void decode_text(const struct assembly_group *g, struct arena *a)
{
    static const char input[] = "{\"decoder\": \"prometheus\"}";
    static const struct json_limits json = {.depth = 4, .nodes = 8, .string_bytes = 64};
    struct document d = {.name = "input"};
    struct document_place whole = document_parse(&d, a, slice_of(input), &json);
    struct format_input *in = format_input_read(&whole, a);
    static const struct decode_limits limits = {
        .json = {.depth = 8, .nodes = 100000, .string_bytes = 1 << 17},
        .document_bytes = 1 << 20,
        .line_bytes = 1 << 18};
    struct decode *decode = decode_new(in, NULL, &limits);
    struct slice text = g->text;
    struct decode_item item;
    if (decode == NULL || decode_next(decode, &text, true, a, &item) != DECODE_DOCUMENT) {
        abort();
    }
    decode_free(&decode);
}

static void put_together(const struct remote_request *request, struct arena *a)
{
    static const struct assembly_limits most = {1000, 8 << 20, 1000, 1 << 20, 1000};
    static const struct slice by[] = {{"a", 1}, {"b", 1}};
    static const struct assemble_rule rule = {
        .by = by, .by_count = 2, .require = by, .require_count = 1, .within_us = 10};
    const struct assembly_door door = {{"f", 1}, {"", 0}, &rule, 1};
    struct assembly *assembly = assembly_new(&most);
    struct assembly_taken taken;
    const struct assembly_group *g;
    uint32_t rows = 0;
    if (assembly_take(assembly, &door, request, 1, 0, a, &taken) == 0) {
        if (taken.taken + taken.repeated + taken.late + taken.passed_over != request->count) {
            abort();
        }
        assembly_pass_time(assembly, 10);
        while ((g = assembly_next(assembly)) != NULL) {
            decode_text(g, a);
            assembly_done(assembly, g, 10, over, &rows);
        }
        if (rows != (taken.holds ? 1 : 0) || assembly_counts(assembly).bytes != 0) {
            abort();
        }
    }
    assembly_free(&assembly);
}

static void read_body(struct slice body)
{
    static const struct remote_limits limits = {MOST_BYTES, 1000, 16, 256, 1000};
    struct arena *a = arena_new(4 << 20);
    struct remote_request request;
    if (remote_read(body, &limits, a, &request) == REMOTE_READ) {
        struct arena *more = arena_new(64 << 20);
        put_together(&request, more);
        arena_free(&more);
    } else if (request.why == NULL || request.why[0] == '\0') {
        abort();
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char compressed[MOST_BYTES * 2];
    size_t length = sizeof compressed;
    read_body((struct slice){(const char *)data, size});
    if (size <= MOST_BYTES &&
        snappy_compress((const char *)data, size, compressed, &length) == SNAPPY_OK) {
        read_body((struct slice){compressed, length});
    }
    return 0;
}
