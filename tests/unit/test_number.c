/* SPDX-License-Identifier: Apache-2.0 */
/* common/number.h: the grammar, and that comparison never rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/number.h"

static struct number number_of(const char *text)
{
    struct number n;
    if (number_parse(slice_of(text), &n) == -1) {
        fail_msg("not taken for a number: \"%s\"", text);
    }
    return n;
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

/* Both ways, and by the exact path as well as by the one number_compare() chooses. */
static void assert_order(const char *a, const char *b, int expected)
{
    struct number x = number_of(a);
    struct number y = number_of(b);
    if (sign(number_compare(&x, &y)) != expected || sign(number_compare(&y, &x)) != -expected ||
        sign(number_compare_exactly(&x, &y)) != expected ||
        sign(number_compare_exactly(&y, &x)) != -expected) {
        fail_msg("\"%s\" against \"%s\": expected %d", a, b, expected);
    }
}

static void grammar(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",   "+7",   "-3",   "007", "12.50",      "0.0",
        "1e1", "1E+1", "1e-1", "-0",  "+0.10e+007", "1e999999999999999999999999999",
        "0e0"};
    static const char *const bad[] = {"",     "+",     "-",   ".",    ".5",   "5.",    " 5",  "5 ",
                                      "0x10", "1_0",   "nan", "inf",  "NaN",  "-inf",  "1e",  "1e+",
                                      "e1",   "1e1.5", "--1", "+-1",  "1..2", "1.2.3", "1,5", "n/a",
                                      "True", "5\n",   "\t5", "1.e5", "1e 5", "1f",    "[1]"};
    struct number n;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)number_of(good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (number_parse(slice_of(bad[i]), &n) == 0) {
            fail_msg("taken for a number: \"%s\"", bad[i]);
        }
    }
    assert_int_equal(number_parse((struct slice){NULL, 0}, &n), -1);
    assert_int_equal(number_parse((struct slice){"5\0", 2}, &n), -1);
    /* Nothing behind the slice is looked at. */
    assert_int_equal(number_parse((struct slice){"12e", 2}, &n), 0);
    assert_true(n.approximate == 12.0 && n.exact);
}

static void order(void **state)
{
    (void)state;
    assert_order("4.50", "4.5", 0);
    assert_order("+7", "007", 0);
    assert_order("-0", "0", 0);
    assert_order("-0.000", "0e999999999999999999999", 0);
    assert_order("1e1", "10", 0);
    assert_order("10", "9", 1);
    assert_order("-10", "-9", -1);
    assert_order("-1", "1", -1);
    assert_order("0.1", "0.10000000000000000001", -1);
    assert_order("0.3", "0.30000000000000004", -1);
    assert_order("18446744073709551615", "18446744073709551614", 1);
    assert_order("18446744073709551615", "18446744073709551616", -1);
    assert_order("9007199254740993", "9007199254740992", 1);
    assert_order("1234567890123456789.0", "1234567890123456789", 0);
    assert_order("1000000000000000000000000", "1e24", 0);
    assert_order("0.000000000000000000000001", "1e-24", 0);
    assert_order("100e-2", "1", 0);
    assert_order("0.05", "0.5", -1);
    assert_order("12.5", "12.49999999999999999999", 1);
    assert_order("-1e400", "-1e399", -1);
    assert_order("1e-400", "0", 1);
    assert_order("-1e-400", "0", -1);
    assert_order("1e-400", "1e-401", 1);
    assert_order("0.1e1", "1", 0);
    assert_order("00012e-1", "1.2", 0);
    assert_order("123456789012345", "123456789012346", -1);
    assert_order("1e22", "10000000000000000000001", -1);
}

static void exponents_without_end(void **state)
{
    (void)state;
    assert_order("1e999999999", "1e999999998", 1);
    assert_order("1e999999999", "1e1000000000", -1);
    assert_order("1e99999999999999999999", "1e9999", 1);
    assert_order("1e-99999999999999999999", "1e-9999", -1);
    assert_order("1e-99999999999999999999", "0", 1);
    assert_order("-1e99999999999999999999", "1e-99999999999999999999", -1);
    assert_order("2e99999999999999999999", "1e99999999999999999999", 1);

    /* A value as long as a datagram, against one that differs in its last digit. */
    size_t n = 65507;
    char *a = malloc(n + 1);
    char *b = malloc(n + 1);
    assert_true(a != NULL && b != NULL);
    memset(a, '7', n);
    a[n] = '\0';
    memcpy(b, a, n + 1);
    b[n - 1] = '8';
    assert_order(a, b, -1);
    a[1] = '.';
    b[1] = '.';
    assert_order(a, b, -1);
    free(a);
    free(b);
}

/* A reproducible stream of numbers; which ones does not matter. */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

#define LONG_DIGITS 96

/* A decimal as an integer of LONG_DIGITS digits in units of 10^-32: what the text must mean. */
struct decimal_case {
    bool negative;
    unsigned char digits[LONG_DIGITS]; /* the most significant first */
};

/* A random text, and its meaning worked out by putting each digit into its place. */
static void random_number(uint64_t *seed, char *text, size_t size, struct decimal_case *d)
{
    *d = (struct decimal_case){0};
    int whole = 1 + (int)(next_random(seed) % (next_random(seed) % 4 == 0 ? 30 : 4));
    int fraction = (int)(next_random(seed) % (next_random(seed) % 4 == 0 ? 16 : 3));
    int exponent = next_random(seed) % 2 ? 0 : (int)(next_random(seed) % 31) - 15;
    /* Few distinct digits, so that near equals are common. */
    unsigned base = next_random(seed) % 3 == 0 ? 10 : 2;
    char sign_char = "+- "[next_random(seed) % 3];
    d->negative = sign_char == '-';

    size_t n = 0;
    if (sign_char != ' ') {
        text[n++] = sign_char;
    }
    for (int i = 0; i < whole + fraction; i++) {
        if (i == whole) {
            text[n++] = '.';
        }
        unsigned char digit = (unsigned char)(next_random(seed) % base);
        text[n++] = (char)('0' + digit);
        int power = whole - 1 - i + exponent; /* of ten, of this digit */
        d->digits[LONG_DIGITS - 1 - 32 - power] = digit;
    }
    snprintf(text + n, size - n, "%s%d", exponent == 0 ? "" : "e", exponent);
    if (exponent == 0) {
        text[n] = '\0';
    }
}

static bool is_zero(const struct decimal_case *d)
{
    for (int i = 0; i < LONG_DIGITS; i++) {
        if (d->digits[i] != 0) {
            return false;
        }
    }
    return true;
}

static int decimal_compare(const struct decimal_case *a, const struct decimal_case *b)
{
    bool x = a->negative && !is_zero(a);
    bool y = b->negative && !is_zero(b);
    if (x != y) {
        return x ? -1 : 1;
    }
    int c = sign(memcmp(a->digits, b->digits, LONG_DIGITS));
    return x ? -c : c;
}

static void random_against_long_arithmetic(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252U;
    int equal = 0;
    int fast = 0;
    for (int i = 0; i < 200000; i++) {
        char a[128];
        char b[128];
        struct decimal_case x;
        struct decimal_case y;
        random_number(&seed, a, sizeof a, &x);
        random_number(&seed, b, sizeof b, &y);
        int expected = decimal_compare(&x, &y);
        assert_order(a, b, expected);
        struct number n = number_of(a);
        equal += expected == 0;
        fast += n.exact;
    }
    /* The stream must have tried what it is for. */
    assert_true(equal > 1000);
    assert_true(fast > 10000 && fast < 190000);
}

static void approximations(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0.1",   "123456789012345678901234567890",   "1e-300", "-2.5e300",
        "1e308", "0.000000000000000000000000000017", "20125"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double expected = strtod(texts[i], NULL);
        double got = number_of(texts[i]).approximate;
        double error = (got - expected) / expected;
        assert_true(error < 1e-13 && error > -1e-13);
    }
    assert_true(number_of("1e999999").approximate > 1e308);
    assert_true(number_of("1e-999999").approximate < 1e-300);
}

static void integers(void **state)
{
    static const char *const none[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "1e1", "0x1", "--1", "1-", "9223372036854775808"};
    int64_t n = 77;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(number_integer(slice_of(none[i]), INT64_MIN, INT64_MAX, &n), -1);
    }
    assert_int_equal(number_integer(slice_of("5"), 6, 9, &n), -1);
    assert_int_equal(number_integer(slice_of("10"), 6, 9, &n), -1);
    assert_int_equal(n, 77);
    assert_int_equal(number_integer(slice_of("9223372036854775807"), 0, INT64_MAX, &n), 0);
    assert_true(n == INT64_MAX);
    assert_int_equal(number_integer(slice_of("-9223372036854775808"), INT64_MIN, 0, &n), 0);
    assert_true(n == INT64_MIN);
    assert_int_equal(number_integer(slice_of("-0012"), -12, 0, &n), 0);
    assert_int_equal(n, -12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(order),
        cmocka_unit_test(exponents_without_end),
        cmocka_unit_test(random_against_long_arithmetic),
        cmocka_unit_test(approximations),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
