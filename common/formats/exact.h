/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that are computed with, exactly: what a mapping makes of a number is what a pencil would
 * make of it. 12.345 ms are 0.012345 s, and a third is a third until it is written. Pure.
 */
#ifndef EZREPO_EXACT_H
#define EZREPO_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/slice.h"

/* What a number read from text may have: digits, and the power of ten of the last of them. */
#define EXACT_DIGITS   1200
#define EXACT_EXPONENT 1200
/* What a computed one may have above and below its fraction bar: 4096 bits, 1233 digits. */
#define EXACT_LIMBS 64
/* The most digits that exact_text() writes of a value, and behind the point of one without end. */
#define EXACT_WRITTEN  60
#define EXACT_DECIMALS 6

enum exact_outcome {
    EXACT_OK = 0,
    EXACT_NO_NUMBER = -1, /* the text is none; a division by zero */
    EXACT_BEYOND = -2,    /* a number, but of more digits than are computed with */
    EXACT_NO_MEMORY = -3,
};

/*
 * A value, copied freely: ± num / den x 10^exponent. den is coprime to num and to 10, so it is 1
 * for whatever can be written with digits that end. Nobody but exact*.c looks into it. What does
 * not fit into itself is in the arena that it was made in, and never changes there.
 */
struct exact {
    int32_t exponent;
    bool negative; /* never of zero */
    uint8_t num_limbs, den_limbs;
    union exact_part {
        uint64_t word; /* one limb */
        const uint64_t *limbs;
    } num, den;
};

/*
 * Reads what number_parse() takes for a number: EXACT_OK, EXACT_NO_NUMBER, EXACT_BEYOND or
 * EXACT_NO_MEMORY. Time is linear in the text, whatever its exponent.
 */
int exact_of_text(struct arena *a, struct slice text, struct exact *x);
struct exact exact_of_integer(int64_t n);

/*
 * z = x + y, x - y, x * y, x / y; z may be x or y. Any outcome; NO_NUMBER only by a division by
 * zero. Unless it is EXACT_OK, z is as it was.
 */
int exact_add(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z);
int exact_sub(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z);
int exact_mul(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z);
int exact_div(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z);
/* z = x * 10^power; EXACT_OK or EXACT_BEYOND. */
int exact_scale(const struct exact *x, int power, struct exact *z);

/* Less than, equal to or greater than zero, of any two: good for sorting. */
int exact_compare(const struct exact *x, const struct exact *y);
static inline bool exact_is_zero(const struct exact *x)
{
    return x->num_limbs == 1 && x->num.word == 0;
}

/*
 * As records have it: digits, perhaps a '-' before and a point within them; no exponent, no zeros
 * at the outer ends, and 0 has no sign. A value whose digits do not end is rounded to
 * EXACT_DECIMALS behind the point; then anything of more than EXACT_WRITTEN digits to as many. Both
 * round to the nearest, and what is half between two to the even one. In the arena; at is NULL when
 * memory is out.
 */
struct slice exact_text(struct arena *a, const struct exact *x);

/* The greatest integer that is not greater; EXACT_OK, or EXACT_BEYOND where it is no int64_t. */
int exact_floor(const struct exact *x, int64_t *n);

/*
 * A sum of any number of values, in memory of its own: 100,000 of them need no more than two. Not
 * to be copied.
 */
struct exact_total {
    struct exact sum;
    uint64_t room[2 * EXACT_LIMBS];
};

void exact_total_begin(struct exact_total *t);
/* EXACT_OK or EXACT_BEYOND; then the total is as it was. */
int exact_total_add(struct exact_total *t, const struct exact *x);
/* The sum so far, in the arena; EXACT_OK or EXACT_NO_MEMORY. */
int exact_total_value(struct arena *a, const struct exact_total *t, struct exact *sum);

#endif
