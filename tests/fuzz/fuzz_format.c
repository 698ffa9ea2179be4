/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a mapping, and what is behind the first NUL of them as what a tool wrote. A mapping
 * that is refused says why; by one that is taken the same comes of the bytes however they are cut,
 * within the limits, as text that may be stored and printed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/formats/format.h"
#include "common/formats/format_json.h"
#include "common/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct format_limits limits = {.document_bytes = 4000,
                                            .line_bytes = 400,
                                            .depth = 8,
                                            .values = 400,
                                            .string_bytes = 200,
                                            .records = 20,
                                            .looked_at = 20000};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void count_fault(void *context, const char *fault)
{
    uint32_t *faults = context;
    require(fault[0] != '\0' && pattern_is_text(slice_of(fault)));
    *faults += 1;
}

static void print_outcome(FILE *f, const struct format_outcome *o)
{
    fprintf(f, "%llu %llu %d %llu %u\n", (unsigned long long)o->number, (unsigned long long)o->line,
            o->ignored, (unsigned long long)o->ignored_lines, o->count);
    fwrite(o->bytes.at, 1, o->bytes.len, f);
    require(o->count <= limits.records);
    for (uint32_t i = 0; i < o->count; i++) {
        const struct format_record *r = &o->records[i];
        for (int d = 0; d < DIMENSION_COUNT; d++) {
            require(pattern_is_text(r->dimensions[d]));
        }
        format_json_print(f, r);
    }
    for (const struct format_fault *fault = o->faults; fault != NULL; fault = fault->next) {
        require(fault->why[0] != '\0' && pattern_is_text(slice_of(fault->why)));
        fprintf(f, "%s %llu %s\n", fault->place, (unsigned long long)fault->element, fault->why);
    }
}

/* What comes of the bytes in pieces of that size; the caller frees it. */
static char *read_in_pieces(const struct format *format, struct slice file, size_t step)
{
    struct format_context context = {.count = 0};
    char *text = NULL;
    size_t length, at = 0;
    require(format_context_set(&context, slice_of("received"),
                               slice_of("2026-11-28 13:30:11.000000")) == 0);
    FILE *f = open_memstream(&text, &length);
    struct format_reading *reading = format_begin(format, &context, &limits);
    struct arena *a = arena_new(8 << 20);
    require(f != NULL && reading != NULL && a != NULL);
    for (enum format_event event = FORMAT_MORE; event == FORMAT_MORE;) {
        size_t n = file.len - at < step ? file.len - at : step;
        struct slice bytes = {file.at + at, n};
        struct format_outcome outcome;
        while ((event = format_next(reading, &bytes, n == 0, a, &outcome)) == FORMAT_DOCUMENT) {
            print_outcome(f, &outcome);
            arena_reset(a);
        }
        require(event == FORMAT_MORE || event == FORMAT_END);
        require(bytes.len == 0 && (event == FORMAT_END) == (n == 0));
        at += n;
    }
    arena_free(&a);
    format_end(&reading);
    fclose(f);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t faults = 0;
    struct document document = {.name = "m", .tell = count_fault, .context = &faults};
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
    size_t mapping = end == NULL ? size : (size_t)(end - data);
    struct slice file = {(const char *)data + size, 0};
    if (end != NULL) {
        file = (struct slice){(const char *)end + 1, size - mapping - 1};
    }
    struct format *format = format_read(&document, (struct slice){(const char *)data, mapping});
    require((format == NULL) == (faults > 0));
    if (format != NULL) {
        char *whole = read_in_pieces(format, file, SIZE_MAX);
        char *pieces = read_in_pieces(format, file, 1 + size % 7);
        require(strcmp(whole, pieces) == 0);
        free(whole);
        free(pieces);
    }
    format_free(&format);
    return 0;
}
