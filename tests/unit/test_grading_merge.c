/* SPDX-License-Identifier: Apache-2.0 */
/* ctl/grading_merge.h: where new blocks stand in a document, whose other bytes stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/grading_merge.h"

static struct arena *a;

/* A block as it may be written; the braces in its names are none of the document's. */
static const char *block(const char *name, const char *type)
{
    return arena_printf(a,
                        "{ \"gradeName\": \"%s\",\n \"appliesTo\": {\"recordType\": \"%s\"}, "
                        "\"gradingRules\":[]}",
                        name, type);
}

static const struct grading *read(const char *document)
{
    struct grading_faults faults;
    const struct grading *g = grading_read(a, slice_of(document), &faults);
    assert_non_null(g);
    return g;
}

static const struct json *list(const char *text)
{
    static const struct json_limits limits = {16, 1000, 1000, false};
    char error[100];
    const struct json *l = json_parse(a, slice_of(text), &limits, error, sizeof error);
    assert_non_null(l);
    return l;
}

/* Merges a block for x; the document then, in which that block is called N. */
static const char *merged(const char *document, uint32_t taken)
{
    const struct json *blocks =
        list("[{\"gradeName\": \"N\", \"appliesTo\": {\"recordType\": \"x\"}, "
             "\"gradingRules\": [{\"grade\": 5}]}]");
    struct grading_merge m =
        grading_merge_blocks(a, slice_of(document), read(document), slice_of("x"), blocks);
    assert_non_null(m.document.at);
    assert_int_equal(m.put, 1);
    assert_int_equal(m.taken, taken);
    assert_int_equal(read(m.document.at)->block_count, m.blocks);
    return m.document.at;
}

static const char *names(const char *document)
{
    const struct grading *g = read(document);
    const char *text = "";
    for (uint32_t i = 0; i < g->block_count; i++) {
        struct slice name = g->names[g->blocks[i].name];
        text = arena_printf(a, "%s%.*s ", text, (int)name.len, name.at);
    }
    return text;
}

static const char *document_of(const char *blocks)
{
    return arena_printf(a, "\n{\"grading\" : [ %s ]}\n", blocks);
}

static void behind_what_is_there(void **state)
{
    (void)state;
    const char *before =
        document_of(arena_printf(a, "%s ,%s", block("]}", "y"), block("\\\"{", "z")));
    assert_int_equal(grading_merge_taken(read(before), slice_of("x")), -1);
    const char *after = merged(before, 0);
    assert_string_equal(names(after), "]} \"{ N ");
    assert_non_null(strstr(after, block("]}", "y")));
    assert_non_null(strstr(after, block("\\\"{", "z")));
    assert_string_equal(names(merged("{\"grading\": []}", 0)), "N ");
}

/* By name it goes, by a pattern it comes later. */
static void where_there_are_some(void **state)
{
    (void)state;
    const char *before = document_of(arena_printf(
        a, "%s, %s, %s, %s", block("A", "y"), block("B", "x"), block("C", "?"), block("D", "x")));
    assert_int_equal(grading_merge_taken(read(before), slice_of("x")), 1);
    assert_string_equal(names(merged(before, 2)), "A N C ");
    before = document_of(arena_printf(a, "%s, %s", block("A", "y"), block("B", "*")));
    assert_int_equal(grading_merge_taken(read(before), slice_of("x")), 1);
    assert_string_equal(names(merged(before, 0)), "A N B ");
    before = document_of(block("B", "x"));
    assert_string_equal(names(merged(before, 1)), "N ");
}

static void what_is_shown(void **state)
{
    (void)state;
    const char *document = document_of(block("B", "x"));
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const struct json *blocks = list(
        "[{\"gradeName\": \"N\", \"appliesTo\": {\"recordType\": \"x\"}, \"gradingRules\": []}]");
    struct grading_merge m =
        grading_merge_blocks(a, slice_of(document), read(document), slice_of("x"), blocks);
    grading_merge_print(&m, out);
    fclose(out);
    assert_string_equal(
        text, "- { \"gradeName\": \"B\",\n-  \"appliesTo\": {\"recordType\": \"x\"}, "
              "\"gradingRules\":[]}\n"
              "+ {\"gradeName\":\"N\",\"appliesTo\":{\"recordType\":\"x\"},\"gradingRules\":[]}\n");
    free(text);
}

static int begin(void **state)
{
    (void)state;
    a = arena_new((size_t)64 << 20);
    return a == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_what_is_there),
        cmocka_unit_test(where_there_are_some),
        cmocka_unit_test(what_is_shown),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
