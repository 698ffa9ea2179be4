/*
 * Numbers as they stand in text, compared without rounding: 18446744073709551615 is not
 * 18446744073709551614, and 4.50 equals 4.5.
 */
#ifndef EZREPO_NUMBER_H
#define EZREPO_NUMBER_H

#include <stdint.h>

#include "common/slice.h"

struct number {
    double approximate;
    struct slice text; /* for the exact comparison; must outlive this */
    bool exact;        /* few enough digits that doubles compare as the decimals do */
};

/*
 * An optional sign, digits with an optional fraction, an optional exponent, and nothing else; as the
 * JSON grammar but with "+7", "007", ".5" and "5." allowed or not exactly as docs/semantics says.
 * 0, or -1 when the text is not a number.
 */
int number_parse(struct slice text, struct number *number);

/* Less than, equal to or greater than zero, exactly. */
int number_compare(const struct number *a, const struct number *b);

#endif
