/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as they stand in text, compared without rounding: 18446744073709551615 is not
 * 18446744073709551614, and 4.50 equals 4.5.
 */
#ifndef EZREPO_NUMBER_H
#define EZREPO_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

struct number {
    double approximate; /* to some 14 digits; infinite or 0 beyond the range of a double */
    struct slice text;  /* for the exact comparison; must outlive this */
    bool exact;         /* few enough digits that doubles compare as the decimals do */
};

/*
 * An optional sign, digits, optionally a dot and digits, optionally an exponent ('e' or 'E', an
 * optional sign, digits), and nothing else. So "+7", "007", "-3" and "1e1" are numbers; "", ".5",
 * "5.", " 5", "5 ", "0x10", "1_0", "nan" and "inf" are not. 0, or -1 when the text is not a number.
 */
int number_parse(struct slice text, struct number *number);

/* A number taken apart: (whole and fraction as one run of digits) x 10^exponent. */
struct number_digits {
    bool negative;
    struct slice whole, fraction; /* without zeros at the outer ends; both empty for zero */
    int64_t exponent;             /* of the last digit; 0 for zero, which has no sign either */
};

/*
 * Takes a number apart without rounding or expanding it; the slices point into the text. An
 * exponent beyond 10^18 (either way) counts as 10^18, before it is moved by the fraction and the
 * zeros. 0, or -1 when the text is not a number.
 */
int number_digits(struct slice text, struct number_digits *digits);

/*
 * Less than, equal to or greater than zero, exactly, whatever the number of digits. Only exponents
 * beyond 10^18 (either way) all count as 10^18. Both come from number_parse().
 */
int number_compare_exactly(const struct number *a, const struct number *b);

/*
 * Decimal digits, a '-' before them where it is negative, and nothing else, within least..most: 0
 * and the value. Else -1, and *value stays.
 */
int number_integer(struct slice text, int64_t least, int64_t most, int64_t *value);

/* What the longest of number_write() has. */
#define NUMBER_INTEGER_BYTES 20

/* Writes the digits, a '-' before them where it is negative, without a NUL behind; where they end.
 */
char *number_write(char *at, int64_t number);

/* The same of one that is not negative, with so many digits: the last ones, or zeros before it. */
char *number_write_digits(char *at, int64_t number, size_t count);

static inline int number_compare(const struct number *a, const struct number *b)
{
    if (a->exact && b->exact) {
        return (a->approximate > b->approximate) - (a->approximate < b->approximate);
    }
    return number_compare_exactly(a, b);
}

#endif
