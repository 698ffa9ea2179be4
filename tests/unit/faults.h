/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a document, for tests of what readers refuse and how they say so. */
#ifndef EZREPO_TESTS_FAULTS_H
#define EZREPO_TESTS_FAULTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/document.h"

struct faults {
    struct document document;
    uint32_t count;
    char line[1 + DOCUMENT_FAULTS][DOCUMENT_FAULT_BYTES];
};

static inline void faults_keep(void *context, const char *fault)
{
    struct faults *f = context;
    assert_in_range(f->count, 0, DOCUMENT_FAULTS);
    assert_in_range(strlen(fault), 1, DOCUMENT_FAULT_BYTES - 1);
    memcpy(f->line[f->count++], fault, strlen(fault) + 1);
}

/* A document without faults, for a reader. */
static inline struct document *faults_begin(struct faults *f)
{
    f->count = 0;
    f->document = (struct document){.tell = faults_keep, .context = f};
    return &f->document;
}

/* These and no others, in this order; the list ends with NULL. */
static inline void assert_faults(const struct faults *f, const char *const *expected)
{
    uint32_t i = 0;
    for (; expected[i] != NULL; i++) {
        if (i >= f->count || strcmp(f->line[i], expected[i]) != 0) {
            fail_msg("expected \"%s\", found \"%s\"", expected[i],
                     i < f->count ? f->line[i] : "nothing");
        }
    }
    if (f->count != i) {
        fail_msg("expected no more, found \"%s\"", f->line[i]);
    }
    assert_int_equal(f->document.faults, i);
    assert_int_equal(document_end(&f->document), i == 0 ? 0 : -1);
}
/* All that was told as one text, a line each, for who looks for a part of it: a document's `tell`;
 * its context is one of these, which begins empty. */
struct faults_text {
    char text[4096];
};

static inline void faults_append(void *context, const char *fault)
{
    struct faults_text *f = context;
    strncat(f->text, fault, sizeof f->text - strlen(f->text) - 1);
    strncat(f->text, "\n", sizeof f->text - strlen(f->text) - 1);
}

/* JSON that a test has; in the arena. */
static inline const struct json *json_in(struct arena *arena, const char *text)
{
    static const struct json_limits limits = {.depth = 8, .nodes = 1000, .string_bytes = 10000};
    char error[100];
    const struct json *json = json_parse(arena, slice_of(text), &limits, error, sizeof error);
    assert_non_null(json);
    return json;
}

#define ASSERT_FAULTS(f, ...) assert_faults((f), (const char *const[]){__VA_ARGS__, NULL})

#endif
