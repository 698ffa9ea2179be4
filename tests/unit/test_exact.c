/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/formats/exact.h: what stands at a bound, what memory is needed. That the arithmetic is
 * right golden's test_exact_cases.c tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/formats/exact.h"

#define ARENA_BYTES ((size_t)1 << 20)

static int make_arena(void **state)
{
    *state = arena_new(ARENA_BYTES);
    return *state == NULL ? -1 : 0;
}

static int end_arena(void **state)
{
    struct arena *a = *state;
    arena_free(&a);
    return 0;
}

static struct exact value(struct arena *a, const char *text)
{
    struct exact x;
    if (exact_of_text(a, slice_of(text), &x) != EXACT_OK) {
        fail_msg("not read: %s", text);
    }
    return x;
}

static void assert_text(struct arena *a, const struct exact *x, const char *expected)
{
    struct slice found = exact_text(a, x);
    if (!slice_is(found, expected)) {
        fail_msg("expected %s, found %.*s", expected, (int)found.len, found.at);
    }
}

static void reads_what_is_a_number(void **state)
{
    static const char *const none[] = {"",    "x",   "1.",   ".5",  " 1",  "1 ", "1e",
                                       "0x1", "nan", "+Inf", "--1", "1_0", "5\n"};
    struct exact x;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(exact_of_text(*state, slice_of(none[i]), &x), EXACT_NO_NUMBER);
    }
    assert_int_equal(exact_of_text(*state, (struct slice){NULL, 0}, &x), EXACT_NO_NUMBER);
    static const char *const beyond[] = {
        "1e1201", "1e-1201", "-1e999999999", "1e-999999999", "1e99999999999999999999999",
        "10e1200"};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        assert_int_equal(exact_of_text(*state, slice_of(beyond[i]), &x), EXACT_BEYOND);
    }
    static const char *const same[][2] = {
        {"0e999999999999999999999", "0"}, {"-0.00", "0"},    {"+7", "7"},         {"007.50", "7.5"},
        {"9.322709e+08", "932270900"},    {"1e-3", "0.001"}, {"-1500E-3", "-1.5"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        x = value(*state, same[i][0]);
        assert_text(*state, &x, same[i][1]);
    }
}

/* As many digits as are read, and one more. */
static void reads_so_many_digits(void **state)
{
    char text[EXACT_DIGITS + 2];
    struct exact x;
    memset(text, '7', sizeof text);
    assert_int_equal(exact_of_text(*state, (struct slice){text, EXACT_DIGITS}, &x), EXACT_OK);
    assert_int_equal(exact_of_text(*state, (struct slice){text, EXACT_DIGITS + 1}, &x),
                     EXACT_BEYOND);
    /* Zeros at the outer ends are none of them. */
    memset(text, '0', sizeof text);
    text[EXACT_DIGITS] = '1';
    assert_int_equal(exact_of_text(*state, (struct slice){text, EXACT_DIGITS + 1}, &x), EXACT_OK);
    assert_text(*state, &x, "1");
}

static void ends_at_its_bounds(void **state)
{
    struct exact far = value(*state, "1e1200"), tiny = value(*state, "1e-1200"),
                 ten = value(*state, "10"), z = ten;
    assert_int_equal(exact_mul(*state, &far, &ten, &z), EXACT_BEYOND);
    assert_int_equal(exact_div(*state, &tiny, &ten, &z), EXACT_BEYOND);
    assert_int_equal(exact_add(*state, &far, &tiny, &z), EXACT_BEYOND);
    assert_int_equal(exact_scale(&far, 1, &z), EXACT_BEYOND);
    assert_int_equal(exact_scale(&tiny, -1, &z), EXACT_BEYOND);
    assert_text(*state, &z, "10"); /* as it was */
    assert_int_equal(exact_mul(*state, &far, &tiny, &z), EXACT_OK);
    assert_text(*state, &z, "1");
    /* Any two have an order. */
    assert_int_equal(exact_compare(&tiny, &far), -1);
    assert_int_equal(exact_compare(&far, &tiny), 1);
    assert_int_equal(exact_compare(&far, &far), 0);
    struct exact zero = exact_of_integer(0);
    assert_int_equal(exact_compare(&zero, &tiny), -1);
    assert_int_equal(exact_scale(&zero, 1000000, &z), EXACT_OK);
    assert_true(exact_is_zero(&z));
    assert_int_equal(exact_div(*state, &ten, &zero, &z), EXACT_NO_NUMBER);
}

static void multiplies_until_it_is_beyond(void **state)
{
    struct exact seven = value(*state, "7"), x = seven;
    unsigned power = 1;
    while (exact_mul(*state, &x, &seven, &x) == EXACT_OK) {
        power++;
    }
    assert_int_equal(power, 1459); /* 7^1459 has 4096 bits */
    for (; power > 1; power--) {
        assert_int_equal(exact_div(*state, &x, &seven, &x), EXACT_OK);
    }
    assert_int_equal(exact_compare(&x, &seven), 0);
}

static void floors(void **state)
{
    static const struct {
        const char *text;
        int64_t floor;
    } cases[] = {{"0", 0},
                 {"2.9", 2},
                 {"-2.1", -3},
                 {"-2", -2},
                 {"-0.000001", -1},
                 {"1e-1200", 0},
                 {"-1e-1200", -1},
                 {"9223372036854775807.9", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN},
                 {"12e17", 1200000000000000000}};
    int64_t n;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exact x = value(*state, cases[i].text);
        assert_int_equal(exact_floor(&x, &n), EXACT_OK);
        assert_true(n == cases[i].floor);
    }
    static const char *const beyond[] = {"9223372036854775808", "-9223372036854775808.1", "1e19",
                                         "1e1200", "-1e1200"};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        struct exact x = value(*state, beyond[i]);
        assert_int_equal(exact_floor(&x, &n), EXACT_BEYOND);
    }
}

/* Whatever is summed up needs no memory but its own. */
static void sums_many(void **state)
{
    struct exact_total total;
    struct exact x = value(*state, "123456789012345678901234567890.000000001"), sum;
    exact_total_begin(&total);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(exact_total_add(&total, &x), EXACT_OK);
    }
    assert_int_equal(exact_total_value(*state, &total, &sum), EXACT_OK);
    assert_text(*state, &sum, "12345678901234567890123456789000000.0001");
    struct exact tiny = value(*state, "1e-1200"), before = sum;
    assert_int_equal(exact_total_add(&total, &tiny), EXACT_BEYOND);
    assert_int_equal(exact_total_value(*state, &total, &sum), EXACT_OK);
    assert_int_equal(exact_compare(&sum, &before), 0);
}

static void tells_that_memory_is_out(void **state)
{
    struct exact x = value(*state, "123456789012345678901234567890"), sum;
    struct exact_total total;
    struct arena *none = arena_new(0);
    exact_total_begin(&total);
    assert_non_null(none);
    assert_int_equal(exact_of_text(none, slice_of("123456789012345678901234567890"), &sum),
                     EXACT_NO_MEMORY);
    assert_int_equal(exact_add(none, &x, &x, &sum), EXACT_NO_MEMORY);
    assert_int_equal(exact_mul(none, &x, &x, &sum), EXACT_NO_MEMORY);
    assert_int_equal(exact_total_add(&total, &x), EXACT_OK);
    assert_int_equal(exact_total_value(none, &total, &sum), EXACT_NO_MEMORY);
    assert_null(exact_text(none, &x).at);
    arena_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_is_a_number, make_arena, end_arena),
        cmocka_unit_test_setup_teardown(reads_so_many_digits, make_arena, end_arena),
        cmocka_unit_test_setup_teardown(ends_at_its_bounds, make_arena, end_arena),
        cmocka_unit_test_setup_teardown(multiplies_until_it_is_beyond, make_arena, end_arena),
        cmocka_unit_test_setup_teardown(floors, make_arena, end_arena),
        cmocka_unit_test_setup_teardown(sums_many, make_arena, end_arena),
        cmocka_unit_test_setup_teardown(tells_that_memory_is_out, make_arena, end_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
