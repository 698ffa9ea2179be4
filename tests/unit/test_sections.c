/* SPDX-License-Identifier: Apache-2.0 */
/* common/mplane/sections: what must be so of columns, parameters and rows, whoever reads them. */
#include "common/mplane/sections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schemas/messages.h"

static struct arena *arena;
static struct mplane_section_fault fault;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return arena == NULL ? -1 : 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* The members of a message whose JSON has ' for ". */
static struct mplane_members members(const char *text)
{
    static const struct json_limits limits = {JSON_DEPTH, 10000, 1000, false};
    char error[200];
    char *quoted = arena_printf(arena, "%s", text);
    for (char *c = quoted; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    struct mplane_members m;
    mplane_members_sort(json_parse(arena, slice_of(quoted), &limits, error, sizeof error), &m);
    assert_non_null(m.message);
    return m;
}

static void is_wrong(int result, enum mplane_section_wrong wrong, const char *place,
                     const char *what)
{
    assert_int_equal(result, -1);
    assert_int_equal(fault.wrong, wrong);
    assert_string_equal(fault.place, place);
    assert_string_equal(fault.what, what);
}

static int read_columns(const char *text, bool must_be, struct mplane_columns *c)
{
    struct mplane_members m = members(text);
    return mplane_section_columns(arena, &m, must_be, c, &fault);
}

static void test_columns(void **state)
{
    (void)state;
    struct mplane_columns c;
    assert_int_equal(read_columns("{'results':['a','time','b']}", true, &c), 0);
    assert_true(c.count == 3 && c.time_at == 1 && slice_is(c.names[2], "b"));
    assert_int_equal(read_columns("{'results':[]}", true, &c), 0);
    assert_true(c.count == 0 && c.time_at == -1);
    assert_int_equal(read_columns("{'results':null}", false, &c), 0);
    assert_true(c.count == 0 && c.names == NULL);
    assert_int_equal(read_columns("{}", false, &c), 0);
    is_wrong(read_columns("{}", true, &c), MPLANE_SECTION_FORM, "results",
             "expected an array of names, found nothing");
    is_wrong(read_columns("{'results':null}", true, &c), MPLANE_SECTION_FORM, "results",
             "expected an array of names, found null");
    is_wrong(read_columns("{'results':{}}", false, &c), MPLANE_SECTION_FORM, "results",
             "expected an array of names, found object");
    is_wrong(read_columns("{'results':['a',[]]}", true, &c), MPLANE_SECTION_FORM, "results",
             "expected names, found array");
    is_wrong(read_columns("{'results':['a','']}", true, &c), MPLANE_SECTION_NAMES, "results",
             "expected names of 1 to 256 bytes, found 0");
    is_wrong(read_columns("{'results':['time','b','time']}", true, &c), MPLANE_SECTION_NAMES,
             "results", "expected each column once, found \"time\" twice");
}

/* As many as there may be, and "time" beside them. */
static void test_many_columns(void **state)
{
    (void)state;
    struct mplane_columns c;
    for (int others = LIMIT_COLUMNS - 1; others <= LIMIT_COLUMNS + 1; others++) {
        for (int time = 0; time <= 1; time++) {
            static char text[20000];
            int n = snprintf(text, sizeof text, "{'results':[%s", time ? "'time'" : "");
            for (int i = 0; i < others; i++) {
                n += snprintf(text + n, sizeof text - (size_t)n, "%s'c%d'",
                              i == 0 && !time ? "" : ",", i);
            }
            snprintf(text + n, sizeof text - (size_t)n, "]}");
            assert_int_equal(read_columns(text, true, &c), others > LIMIT_COLUMNS ? -1 : 0);
        }
    }
    assert_int_equal(fault.wrong, MPLANE_SECTION_NAMES);
    assert_non_null(strstr(fault.what, "expected at most 256 columns, found"));
}

static void test_full_arena(void **state)
{
    (void)state;
    struct arena *full = arena_new(1);
    struct mplane_columns c;
    struct mplane_members m = members("{'results':['a']}");
    assert_int_equal(mplane_section_columns(full, &m, true, &c, &fault), -1);
    assert_int_equal(fault.wrong, MPLANE_SECTION_MEMORY);
    arena_free(&full);
}

static int read_parameters(const char *text, const struct json **object)
{
    struct mplane_members m = members(text);
    return mplane_section_pairs(&m, MPLANE_KEY_PARAMETERS, object, &fault);
}

static void test_pairs(void **state)
{
    (void)state;
    const struct json *object;
    assert_int_equal(read_parameters("{'parameters':{'a':1,'b':{}}}", &object), 0);
    assert_int_equal(object->count, 2);
    assert_int_equal(read_parameters("{'parameters':null}", &object), 0);
    assert_null(object);
    assert_int_equal(read_parameters("{'metadata':5}", &object), 0);
    assert_null(object);
    is_wrong(read_parameters("{'parameters':[]}", &object), MPLANE_SECTION_FORM, "parameters",
             "expected an object, found array");
    is_wrong(read_parameters("{'parameters':{'a':1,'':2}}", &object), MPLANE_SECTION_NAMES,
             "parameters", "expected names of 1 to 256 bytes, found 0");
}

static void test_rows(void **state)
{
    (void)state;
    const struct json *rows;
    struct mplane_members m = members("{'resultvalues':[[1,2],[],'x']}");
    assert_int_equal(mplane_section_rows(&m, &rows, &fault), 0);
    assert_int_equal(rows->count, 3);
    assert_int_equal(mplane_section_row(rows->first, 0, 2, &fault), 0);
    assert_int_equal(mplane_section_row(rows->first->next, 1, 0, &fault), 0);
    is_wrong(mplane_section_row(rows->first, 7, 1, &fault), MPLANE_SECTION_ROW, "resultvalues[7]",
             "expected at most 1 values, found 2");
    is_wrong(mplane_section_row(rows->first->next->next, 2, 1, &fault), MPLANE_SECTION_FORM,
             "resultvalues", "expected rows that are arrays, found string");
    m = members("{'resultvalues':null}");
    assert_int_equal(mplane_section_rows(&m, &rows, &fault), 0);
    assert_null(rows);
    m = members("{'resultvalues':{}}");
    is_wrong(mplane_section_rows(&m, &rows, &fault), MPLANE_SECTION_FORM, "resultvalues",
             "expected an array of rows, found object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),    cmocka_unit_test(test_many_columns),
        cmocka_unit_test(test_full_arena), cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
