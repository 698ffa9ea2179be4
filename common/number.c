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

/* Where the parts of a number stand in its text. */
struct layout {
    bool negative;
    const char *digits; /* the first significant digit, or NULL for zero */
    const char *digits_end;
    int64_t magnitude; /* the power of ten of the first significant digit */
};

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

/* Finds the parts of a text that number_parse() accepted. */
static struct layout layout_of(struct slice text)
{
    const char *at = text.at;
    const char *end = at + text.len;
    struct layout l = {.negative = *at == '-'};
    if (*at == '-' || *at == '+') {
        at++;
    }
    const char *dot = NULL;
    int64_t places = 0; /* of the first significant digit, seen from the dot or the end */
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            dot = at;
        } else if (l.digits == NULL && *at != '0') {
            l.digits = at;
        }
    }
    l.digits_end = at;
    if (l.digits == NULL) {
        l.negative = false; /* -0 is 0 */
        return l;
    }
    if (dot == NULL) {
        places = l.digits_end - l.digits - 1;
    } else {
        places = dot > l.digits ? dot - l.digits - 1 : dot - l.digits;
    }
    int64_t exponent = 0;
    if (at < end) {
        (void)read_exponent(at + 1, end, &exponent);
    }
    l.magnitude = exponent + places;
    return l;
}

/* The next digit, the dot skipped; zeros without end behind the last. */
static char next_digit(const char **at, const char *end)
{
    if (*at < end && **at == '.') {
        (*at)++;
    }
    return *at < end ? *(*at)++ : '0';
}

/* Compares the absolute values. */
static int compare_magnitudes(const struct layout *a, const struct layout *b)
{
    if (a->digits == NULL || b->digits == NULL) {
        return (a->digits != NULL) - (b->digits != NULL);
    }
    if (a->magnitude != b->magnitude) {
        return a->magnitude < b->magnitude ? -1 : 1;
    }
    const char *x = a->digits;
    const char *y = b->digits;
    while (x < a->digits_end || y < b->digits_end) {
        char p = next_digit(&x, a->digits_end);
        char q = next_digit(&y, b->digits_end);
        if (p != q) {
            return p < q ? -1 : 1;
        }
    }
    return 0;
}

int number_compare_exactly(const struct number *a, const struct number *b)
{
    struct layout x = layout_of(a->text);
    struct layout y = layout_of(b->text);
    if (x.negative != y.negative) {
        return x.negative ? -1 : 1;
    }
    int order = compare_magnitudes(&x, &y);
    return x.negative ? -order : order;
}
