/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/import_cut.h: parts of files, however their bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/import_cut.h"
#include "schemas/messages.h"

#define LINES                                                                                      \
    "{\"input\": {\"decoder\": \"lines\", \"patterns\": [\"{a}\"]}, \"records\": [" RULE "]}"
#define BLOCKS                                                                                     \
    "{\"input\": {\"decoder\": \"blocks\", \"begin\": \"begin {a}\", \"lines\": [\"{b}\"]}, "      \
    "\"records\": [" RULE "]}"
#define PROMETHEUS "{\"input\": {\"decoder\": \"prometheus\"}, \"records\": [" RULE "]}"
#define RULE                                                                                       \
    "{\"type\": \"x\", \"dest\": \"$.a\", \"start\": {\"time\": \"#received\"}, \"metrics\": {}}"

static char said[4096];
static size_t used;

static void say(const char *kind, const struct import_cut_part *part)
{
    used += (size_t)snprintf(said + used, sizeof said - used, "%s%llu:%llu:%.*s|", kind,
                             (unsigned long long)part->number, (unsigned long long)part->line,
                             (int)part->bytes.len, part->bytes.at);
}

static enum import_cut_event take(struct import_cut *c, struct slice bytes, bool last)
{
    struct import_cut_part part;
    enum import_cut_event event;
    while ((event = import_cut_next(c, &bytes, last, &part)) == IMPORT_CUT_PART ||
           event == IMPORT_CUT_FAULT) {
        say(event == IMPORT_CUT_FAULT ? "!" : "", &part);
    }
    return event;
}

/* What is said of the text, given in pieces of this size. */
static const char *cut(const char *mapping, const char *text, size_t piece)
{
    struct document d = {.name = "mapping"};
    struct format *f = mapping == NULL ? NULL : format_read(&d, slice_of(mapping));
    struct import_cut *c = import_cut_new(f);
    assert_non_null(c);
    used = 0;
    said[0] = '\0';
    for (size_t at = 0, size = strlen(text); at < size; at += piece) {
        struct slice bytes = {text + at, size - at < piece ? size - at : piece};
        assert_int_equal(take(c, bytes, false), IMPORT_CUT_MORE);
    }
    assert_int_equal(take(c, slice_of(""), true), IMPORT_CUT_END);
    import_cut_free(&c);
    format_free(&f);
    return said;
}

static void assert_cut(const char *mapping, const char *text, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        assert_string_equal(cut(mapping, text, piece), expected);
    }
}

static void lines(void **state)
{
    (void)state;
    assert_cut(LINES, "a b\n\nc\r\nd", "1:1:a b|2:2:|3:3:c\r|4:4:d|");
    assert_cut(LINES, "a\n", "1:1:a|");
    assert_cut(LINES, "\n", "1:1:|");
    assert_cut(LINES, "", "");
}

static void documents(void **state)
{
    (void)state;
    assert_cut(NULL, "{\"a\": 1}\n[{\"b\": 2}, {\"c\": 3}]\n",
               "1:1:{\"a\": 1}|2:2:{\"b\": 2}|3:2:{\"c\": 3}|");
}

static void blocks(void **state)
{
    (void)state;
    assert_cut(BLOCKS, "begin 1\nx\nbegin 2\ny\nz\n", "1:1:begin 1\nx\n|2:3:begin 2\ny\nz\n|");
    assert_cut(PROMETHEUS, "a 1\nb 2\n", "1:1:a 1\nb 2\n|");
}

/* What becomes of a line of so many bytes. */
static enum import_cut_event event_of_line(size_t size)
{
    struct document d = {.name = "mapping"};
    struct format *f = format_read(&d, slice_of(LINES));
    struct import_cut *c = import_cut_new(f);
    struct import_cut_part part;
    char *line = malloc(size);
    struct slice bytes = {line, size}, none = slice_of("");
    assert_non_null(line);
    memset(line, 'x', size);
    assert_int_equal(import_cut_next(c, &bytes, false, &part), IMPORT_CUT_MORE);
    enum import_cut_event event = import_cut_next(c, &none, true, &part);
    free(line);
    import_cut_free(&c);
    format_free(&f);
    return event;
}

/* With an end of line behind it a part is a body that ingestd takes. */
static void longest(void **state)
{
    (void)state;
    assert_int_equal(event_of_line(LIMIT_BODY_BYTES - 1), IMPORT_CUT_PART);
    assert_int_equal(event_of_line(LIMIT_BODY_BYTES), IMPORT_CUT_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(documents),
        cmocka_unit_test(blocks),
        cmocka_unit_test(longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
