/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as they stand in text. A number of at most 15 significant digits and a modest exponent is
 * compared as a double, which then orders as the decimals do; all others digit by digit.
 * Pure: no allocation, no locale, time linear in the text.
 */
#include "common/number.h"

#include <math.h>
#include <stdbool.h>

/* An exponent beyond this counts as this: the arithmetic on it must not overflow. */
#define EXPONENT_LIMIT INT64_C(1000000000000000000)

/* The powers of ten that a double holds exactly. */
static const double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define EXACT_POWER_MAX  22
#define EXACT_DIGITS_MAX 15 /* DBL_DIG: distinct decimals give distinct doubles */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads what follows 'e' up to the very end of the text. */
static int read_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end) {
        return -1;
    }
    int64_t value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at)) {
            return -1;
        }
        value = value < EXPONENT_LIMIT / 10 ? value * 10 + (*at - '0') : EXPONENT_LIMIT;
    }
    *exponent = negative ? -value : value;
    return 0;
}

/* Digits from at on; returns their end. Sums them up as long as that is exact. */
static const char *read_digits(const char *at, const char *end, uint64_t *mantissa,
                               unsigned *significant)
{
    for (; at < end && is_digit(*at); at++) {
        if (*significant > 0 || *at != '0') {
            (*significant)++;
            if (*significant <= EXACT_DIGITS_MAX) {
                *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
            }
        }
    }
    return at;
}

/* mantissa x 10^exponent: correctly rounded within EXACT_POWER_MAX, else nearly. */
static double scale(uint64_t mantissa, int64_t exponent)
{
    if (mantissa == 0) {
        return 0;
    }
    if (exponent >= 0 && exponent <= EXACT_POWER_MAX) {
        return (double)mantissa * exact_powers[exponent];
    }
    if (exponent < 0 && exponent >= -EXACT_POWER_MAX) {
        return (double)mantissa / exact_powers[-exponent];
    }
    double bounded = exponent > 1000 ? 1000 : exponent < -1000 ? -1000 : (double)exponent;
    /* In two steps, so that neither factor leaves the range of a double too early. */
    return (double)mantissa * pow(10, bounded / 2) * pow(10, bounded - bounded / 2);
}

int number_parse(struct slice text, struct number *number)
{
    if (text.len == 0) {
        return -1;
    }
    const char *at = text.at;
    const char *end = at + text.len;
    bool negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    uint64_t mantissa = 0;
    unsigned significant = 0;
    const char *mark = at;
    at = read_digits(at, end, &mantissa, &significant);
    if (at == mark) {
        return -1;
    }
    int64_t exponent = 0;
    int64_t fraction = 0;
    if (at < end && *at == '.') {
        mark = ++at;
        at = read_digits(at, end, &mantissa, &significant);
        if (at == mark) {
            return -1;
        }
        fraction = at - mark;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        if (read_exponent(at + 1, end, &exponent) == -1) {
            return -1;
        }
        at = end;
    }
    if (at != end) {
        return -1;
    }
    exponent -= fraction;
    number->exact = significant <= EXACT_DIGITS_MAX && exponent <= EXACT_POWER_MAX &&
                    exponent >= -EXACT_POWER_MAX;
    if (significant > EXACT_DIGITS_MAX) {
        exponent += significant - EXACT_DIGITS_MAX;
    }
    double magnitude = scale(mantissa, exponent);
    number->approximate = negative ? -magnitude : magnitude;
    number->text = text;
    return 0;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

/* Leading zeros mean nothing; trailing ones move the exponent. */
static void trim_zeros(struct number_digits *d)
{
    struct slice *first = &d->whole, *last = &d->fraction;
    while (first->len > 0 && *first->at == '0') {
        first->at++;
        first->len--;
    }
    for (; first->len == 0 && last->len > 0 && *last->at == '0'; last->at++) {
        last->len--;
    }
    for (; last->len > 0 && last->at[last->len - 1] == '0'; last->len--) {
        d->exponent++;
    }
    for (; last->len == 0 && first->len > 0 && first->at[first->len - 1] == '0'; first->len--) {
        d->exponent++;
    }
    if (first->len == 0 && last->len == 0) {
        d->negative = false; /* -0 is 0 */
        d->exponent = 0;
    }
}

int number_digits(struct slice text, struct number_digits *d)
{
    *d = (struct number_digits){.negative = false};
    if (text.len == 0) {
        return -1;
    }
    const char *at = text.at, *end = text.at + text.len;
    d->negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    d->whole.at = at;
    at = skip_digits(at, end);
    d->whole.len = (size_t)(at - d->whole.at);
    d->fraction.at = at;
    if (at < end && *at == '.') {
        d->fraction.at = ++at;
        at = skip_digits(at, end);
        d->fraction.len = (size_t)(at - d->fraction.at);
        if (d->fraction.len == 0) {
            return -1;
        }
    }
    if (d->whole.len == 0) {
        return -1;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        if (read_exponent(at + 1, end, &d->exponent) == -1) {
            return -1;
        }
        at = end;
    }
    d->exponent -= (int64_t)d->fraction.len;
    trim_zeros(d);
    return at == end ? 0 : -1;
}

/* Of all its digits in a row; zeros without end behind the last. */
static char digit_at(const struct number_digits *d, size_t i)
{
    if (i < d->whole.len) {
        return d->whole.at[i];
    }
    return i - d->whole.len < d->fraction.len ? d->fraction.at[i - d->whole.len] : '0';
}

/* Compares the absolute values. */
static int compare_magnitudes(const struct number_digits *a, const struct number_digits *b)
{
    size_t a_count = a->whole.len + a->fraction.len;
    size_t b_count = b->whole.len + b->fraction.len;
    if (a_count == 0 || b_count == 0) {
        return (a_count != 0) - (b_count != 0);
    }
    int64_t a_first = a->exponent + (int64_t)a_count; /* just above the first digit's power */
    int64_t b_first = b->exponent + (int64_t)b_count;
    if (a_first != b_first) {
        return a_first < b_first ? -1 : 1;
    }
    for (size_t i = 0; i < a_count || i < b_count; i++) {
        char p = digit_at(a, i), q = digit_at(b, i);
        if (p != q) {
            return p < q ? -1 : 1;
        }
    }
    return 0;
}

int number_compare_exactly(const struct number *a, const struct number *b)
{
    struct number_digits x, y;
    (void)number_digits(a->text, &x); /* number_parse() has accepted both */
    (void)number_digits(b->text, &y);
    if (x.negative != y.negative) {
        return x.negative ? -1 : 1;
    }
    int order = compare_magnitudes(&x, &y);
    return x.negative ? -order : order;
}

int number_integer(struct slice text, int64_t least, int64_t most, int64_t *value)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    int64_t n = 0;
    for (size_t i = negative; i < text.len; i++) {
        int64_t digit = text.at[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, negative ? -digit : digit, &n)) {
            return -1;
        }
    }
    if (text.len == (size_t)negative || n < least || n > most) {
        return -1;
    }
    *value = n;
    return 0;
}

char *number_write_digits(char *at, int64_t number, size_t count)
{
    for (size_t i = count; i-- > 0; number /= 10) {
        at[i] = (char)('0' + number % 10);
    }
    return at + count;
}

char *number_write(char *at, int64_t number)
{
    if (number >= 0 && number < 10) { /* most are: lengths, exponents */
        *at = (char)('0' + number);
        return at + 1;
    }
    char text[NUMBER_INTEGER_BYTES];
    size_t first = sizeof text;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    if (number < 0) {
        *at++ = '-';
    }
    for (; rest > 9; rest /= 10) {
        text[--first] = (char)('0' + rest % 10);
    }
    text[--first] = (char)('0' + rest);
    memcpy(at, text + first, sizeof text - first);
    return at + (sizeof text - first);
}
