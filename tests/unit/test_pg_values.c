/* SPDX-License-Identifier: Apache-2.0 */
/* common/pg/params and cells: values as PostgreSQL's binary formats have them, both ways. */
#include "common/pg/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/pg/cells.h"

#define YEAR_2000_US INT64_C(946684800000000)

static void assert_bytes(const struct pg_params *p, int i, const char *bytes, size_t count)
{
    assert_int_equal(p->value[i].bytes.len, count);
    assert_memory_equal(p->value[i].bytes.at, bytes, count);
}

static void test_scalars(void **state)
{
    struct pg_params p = {0};
    (void)state;
    pg_params_begin(&p);
    pg_add_16(&p, -2);
    pg_add_32(&p, 0x01020304);
    pg_add_64(&p, INT64_MIN);
    pg_add_time(&p, YEAR_2000_US + 1);
    pg_add_bytes(&p, (struct slice){"text", 4});
    pg_add_bytes(&p, (struct slice){NULL, 0});
    pg_add_bytes(&p, (struct slice){"", 0});
    assert_false(p.failed);
    assert_int_equal(p.count, 7);
    assert_bytes(&p, 0, "\xff\xfe", 2);
    assert_bytes(&p, 1, "\1\2\3\4", 4);
    assert_bytes(&p, 2, "\x80\0\0\0\0\0\0\0", 8);
    assert_bytes(&p, 3, "\0\0\0\0\0\0\0\1", 8);
    assert_bytes(&p, 4, "text", 4);
    assert_true(p.value[5].null);
    assert_false(p.value[6].null);
    pg_params_release(&p);
}

static void test_arrays(void **state)
{
    struct pg_params p = {0};
    (void)state;
    pg_params_begin(&p);
    int none = pg_add_array(&p, PG_BIGINT), texts = pg_add_array(&p, PG_TEXT);
    pg_put_bytes(&p, texts, (struct slice){"a", 1});
    pg_put_bytes(&p, texts, (struct slice){NULL, 0});
    assert_false(p.failed);
    assert_int_equal(pg_elements(&p, none), 0);
    assert_int_equal(pg_elements(&p, texts), 2);
    /* No dimension, no NULLs, the type. */
    assert_bytes(&p, none, "\0\0\0\0\0\0\0\0\0\0\0\x14", 12);
    /* One dimension, NULLs, the type; its length, which is set when it is sent; the lower bound;
     * elements with their lengths. */
    assert_bytes(&p, texts,
                 "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\0\0\0\0\1"
                 "\0\0\0\1"
                 "a\xff\xff\xff\xff",
                 29);
    pg_params_release(&p);
}

static void test_too_many_parameters_fail(void **state)
{
    struct pg_params p = {0};
    (void)state;
    pg_params_begin(&p);
    for (int i = 0; i < PG_PARAMS; i++) {
        pg_add_16(&p, 1);
    }
    assert_false(p.failed);
    int column = pg_add_array(&p, PG_SMALLINT);
    assert_in_range(column, 0, PG_PARAMS - 1);
    assert_true(p.failed);
    pg_params_begin(&p);
    assert_false(p.failed);
    pg_params_release(&p);
}

/* A row of these cells; NULL at: a NULL. */
static PGresult *row_of(const struct slice *cells, int count)
{
    static char name[] = "c";
    PGresAttDesc columns[8] = {0};
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    assert_non_null(r);
    for (int i = 0; i < count; i++) {
        columns[i].name = name;
        columns[i].format = 1;
    }
    assert_int_equal(PQsetResultAttrs(r, count, columns), 1);
    for (int i = 0; i < count; i++) {
        char value[16];
        memcpy(value, cells[i].at == NULL ? "" : cells[i].at, cells[i].len);
        int length = cells[i].at == NULL ? -1 : (int)cells[i].len;
        assert_int_equal(PQsetvalue(r, 0, i, cells[i].at == NULL ? NULL : value, length), 1);
    }
    return r;
}

static void test_cells(void **state)
{
    static const struct slice cells[] = {{"\xff\xff\xff\xff\xff\xff\xff\xfe", 8},
                                         {"\1\2\3\4", 4},
                                         {"\x80\0", 2},
                                         {"\1", 1},
                                         {"\0\0\0\0\0\0\0\1", 8},
                                         {"\x7f\xff\xff\xff\xff\xff\xff\xff", 8},
                                         {"text", 4},
                                         {NULL, 0}};
    (void)state;
    PGresult *r = row_of(cells, 8);
    assert_int_equal(pg_cell_64(r, 0, 0), -2);
    assert_int_equal(pg_cell_32(r, 0, 1), 0x01020304);
    assert_int_equal(pg_cell_16(r, 0, 2), INT16_MIN);
    assert_true(pg_cell_bool(r, 0, 3));
    assert_int_equal(pg_cell_time(r, 0, 4), YEAR_2000_US + 1);
    assert_int_equal(pg_cell_time(r, 0, 5), INT64_MAX); /* infinity */
    assert_true(slice_equal(pg_cell_text(r, 0, 6), slice_of("text")));
    assert_int_equal(pg_cell_text(r, 0, 7).len, 0);
    PQclear(r);
}

/* Nothing is read behind what is there. */
static void test_cells_of_another_length(void **state)
{
    static const struct slice cells[] = {{"\1\2\3\4", 4}, {NULL, 0}};
    (void)state;
    PGresult *r = row_of(cells, 2);
    for (int column = 0; column < 2; column++) {
        assert_int_equal(pg_cell_64(r, 0, column), 0);
        assert_int_equal(pg_cell_16(r, 0, column), 0);
        assert_false(pg_cell_bool(r, 0, column));
    }
    assert_int_equal(pg_cell_32(r, 0, 1), 0);
    PQclear(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_too_many_parameters_fail),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_cells_of_another_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
