/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Natural numbers of many limbs, for exact*.c alone. Of GMP only mpn_ functions are used: they work
 * in memory that they are given and cannot fail. What they need beside it is on the stack at these
 * sizes, so nothing here ends the process when memory is out, as GMP's own types would.
 */
#ifndef EZREPO_EXACT_PARTS_H
#define EZREPO_EXACT_PARTS_H

#include "common/formats/exact.h"

/*
 * Room for all that is in between: a numerator and a denominator multiplied, and either times the
 * power of ten between two exponents, or the power of five that a power of two below the bar
 * becomes.
 */
#define EXACT_ROOM 288

struct exact_wide {
    size_t len; /* without leading zeros: 0 is of no limbs */
    uint64_t at[EXACT_ROOM];
};

/* The largest power of ten in a word, and of five. */
#define EXACT_WORD_TEN          UINT64_C(10000000000000000000)
#define EXACT_WORD_TEN_EXPONENT 19

/* 10^exponent, which is at most EXACT_WORD_TEN_EXPONENT. */
uint64_t exact_power_of_ten(unsigned exponent);

void exact_wide_word(struct exact_wide *w, uint64_t word);
void exact_wide_part(struct exact_wide *w, const union exact_part *part, size_t limbs);
/* digits are 0 to 9 each, EXACT_DIGITS at most, the first is not 0. */
void exact_wide_digits(struct exact_wide *w, const unsigned char *digits, size_t count);

/* x = x * word, x * 10^power, x * base^power, x * y */
void exact_wide_times_word(struct exact_wide *x, uint64_t word);
void exact_wide_scale(struct exact_wide *x, unsigned power);
void exact_wide_power(struct exact_wide *x, uint64_t base, unsigned power);
void exact_wide_times(struct exact_wide *x, const struct exact_wide *y);
/* x = x + y; x = |x - y|, and whether y was the greater. */
void exact_wide_add(struct exact_wide *x, const struct exact_wide *y);
bool exact_wide_sub(struct exact_wide *x, const struct exact_wide *y);
int exact_wide_compare(const struct exact_wide *x, const struct exact_wide *y);
/* x = x / y cut, the rest is in rest; y is not 0. */
void exact_wide_divide(struct exact_wide *x, const struct exact_wide *y, struct exact_wide *rest);
/* Takes all factors 10, 2 or 5 out of x, which is not 0; how many there were. */
unsigned exact_wide_strip(struct exact_wide *x, uint64_t factor);
/* Divides both by what they have in common; y is odd, x is not 0. */
void exact_wide_reduce(struct exact_wide *x, struct exact_wide *y);

/*
 * Makes z of num / den x 10^exponent, which are in no form yet, but den is coprime to 10. Both are
 * used up. Where it does not fit into z it goes into `room` of two times EXACT_LIMBS, or if that is
 * NULL into the arena. EXACT_OK, EXACT_BEYOND, EXACT_NO_MEMORY.
 */
int exact_keep(struct arena *a, uint64_t *room, bool negative, struct exact_wide *num,
               struct exact_wide *den, int64_t exponent, struct exact *z);

/* The value as a whole number of units of 10^-decimals, rounded to the even one of two. */
void exact_wide_rounded(struct exact_wide *num, struct exact_wide *den, int64_t exponent,
                        unsigned decimals);

#endif
