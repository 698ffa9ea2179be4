/* SPDX-License-Identifier: Apache-2.0 */
/* What comes of bytes, as text, for tests of decoders: however the bytes are cut. */
#ifndef EZREPO_TESTS_DECODED_H
#define EZREPO_TESTS_DECODED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/formats/decode.h"

#define DECODED_BYTES 20000

/* A test sets what it wants otherwise, and puts it back. */
static struct decode_limits decoded_limits = {
    .json = {.depth = 16, .nodes = 100000, .string_bytes = 1000},
    .document_bytes = 4000,
    .line_bytes = 400};

static inline struct format_input *decoded_input(struct arena *a, const char *text)
{
    static const struct json_limits limits = {.depth = 8, .nodes = 1000, .string_bytes = 1000};
    struct document document = {.name = NULL};
    struct document_place at = document_parse(&document, a, slice_of(text), &limits);
    struct format_input *in = format_input_read(&at, a);
    assert_non_null(in);
    return in;
}

/* "NUMBER.LINE:DOCUMENT" or "NUMBER.LINE!WHY", with "+IGNORED" and "-PASSED" where there are any.
 */
static inline size_t decoded_item(char *out, size_t size, struct arena *a,
                                  const struct decode_item *i)
{
    size_t used = (size_t)snprintf(out, size, "%d.%d", (int)i->number, (int)i->line);
    used += i->ignored == 0 ? 0 : (size_t)snprintf(out + used, size - used, "+%d", (int)i->ignored);
    used += i->passed == 0 ? 0 : (size_t)snprintf(out + used, size - used, "-%d", (int)i->passed);
    used += i->document != NULL
                ? (size_t)snprintf(out + used, size - used, ":%s", json_text(a, i->document).at)
                : (size_t)snprintf(out + used, size - used, "!%s", i->why);
    return used;
}

/* All of them, a line each, then "end" with "+IGNORED" where there are any. The arena is new for
 * each, as callers may have it. */
static inline void decoded_run(char *out, const struct format_input *in,
                               const struct json_reach *reach, struct slice text, size_t step)
{
    struct decode *d = decode_new(in, reach, &decoded_limits);
    struct arena *a = arena_new(1 << 22);
    struct decode_item item;
    enum decode_event event = DECODE_MORE;
    size_t at = 0, used = 0;
    assert_non_null(d);
    assert_non_null(a);
    while (event == DECODE_MORE) {
        size_t n = text.len - at < step ? text.len - at : step;
        struct slice bytes = {text.at + at, n};
        while ((event = decode_next(d, &bytes, n == 0, a, &item)) == DECODE_DOCUMENT ||
               event == DECODE_FAULT) {
            assert_int_equal(event == DECODE_DOCUMENT, item.document != NULL);
            used += decoded_item(out + used, DECODED_BYTES - used, a, &item);
            used += (size_t)snprintf(out + used, DECODED_BYTES - used, "\n");
            arena_reset(a);
        }
        at += n;
        assert_int_equal(bytes.len, 0);
    }
    assert_int_equal(event, DECODE_END);
    used += (size_t)snprintf(out + used, DECODED_BYTES - used, "end");
    if (item.ignored > 0) {
        snprintf(out + used, DECODED_BYTES - used, "+%d", (int)item.ignored);
    }
    arena_free(&a);
    decode_free(&d);
}

/* The same of the text at once, byte by byte, and in pieces of other sizes. */
static inline void assert_decoded_bytes(const char *input, const struct json_reach *reach,
                                        struct slice text, const char *expected)
{
    static char out[DECODED_BYTES];
    struct arena *a = arena_new(1 << 20);
    struct format_input *in = decoded_input(a, input);
    for (size_t step = 1; step <= text.len + 1; step += step < 70 ? 1 : 97) {
        decoded_run(out, in, reach, text, step);
        if (strcmp(out, expected) != 0) {
            fail_msg("in pieces of %zu bytes: expected\n%s\nfound\n%s", step, expected, out);
        }
    }
    arena_free(&a);
}

static inline void assert_decoded(const char *input, const char *text, const char *expected)
{
    assert_decoded_bytes(input, NULL, slice_of(text), expected);
}

#endif
