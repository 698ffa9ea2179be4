/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact numbers. Nearly all of them are a decimal in a word and a power of ten beside it, so each
 * operation tries that first, and goes over to many limbs where a result or what is in between does
 * not fit. Both ways give the same value; only what comes out decides whether it is beyond.
 */
#include "common/formats/exact_parts.h"

typedef unsigned __int128 two_words;

static bool in_words(const struct exact *x)
{
    return x->num_limbs == 1 && x->den_limbs == 1;
}

/* A decimal in a word: no denominator. */
static bool is_short(const struct exact *x)
{
    return in_words(x) && x->den.word == 1;
}

static struct exact word_exact(bool negative, uint64_t num, uint64_t den, int32_t exponent)
{
    return (struct exact){.exponent = num == 0 ? 0 : exponent,
                          .negative = negative && num != 0,
                          .num_limbs = 1,
                          .den_limbs = 1,
                          .num.word = num,
                          .den.word = num == 0 ? 1 : den};
}

static bool exponent_fits(int64_t exponent)
{
    return exponent >= -EXACT_EXPONENT && exponent <= EXACT_EXPONENT;
}

struct exact exact_of_integer(int64_t n)
{
    return word_exact(n < 0, n < 0 ? -(uint64_t)n : (uint64_t)n, 1, 0);
}

int exact_scale(const struct exact *x, int power, struct exact *z)
{
    struct exact scaled = *x;
    if (!exact_is_zero(x)) {
        int64_t exponent = (int64_t)x->exponent + power;
        if (!exponent_fits(exponent)) {
            return EXACT_BEYOND;
        }
        scaled.exponent = (int32_t)exponent;
    }
    *z = scaled;
    return EXACT_OK;
}

/* Both numerators as they are at the smaller exponent, which is returned; false: they do not fit.
 */
static bool align_words(const struct exact *x, const struct exact *y, two_words *p, two_words *q,
                        int32_t *exponent)
{
    int32_t above = x->exponent - y->exponent;
    unsigned apart = (unsigned)(above < 0 ? -above : above);
    if (apart > EXACT_WORD_TEN_EXPONENT) {
        return false;
    }
    uint64_t power = exact_power_of_ten(apart);
    *p = (two_words)x->num.word * (above > 0 ? power : 1);
    *q = (two_words)y->num.word * (above < 0 ? power : 1);
    *exponent = above < 0 ? x->exponent : y->exponent;
    return true;
}

/* x + y, or x - y where it is so told. */
static bool add_words(const struct exact *x, const struct exact *y, bool minus, struct exact *z)
{
    two_words p, q, sum;
    int32_t exponent;
    if (!is_short(x) || !is_short(y) || !align_words(x, y, &p, &q, &exponent)) {
        return false;
    }
    bool negative = x->negative;
    if (x->negative == (y->negative != minus)) {
        if (__builtin_add_overflow(p, q, &sum)) {
            return false;
        }
    } else {
        sum = p < q ? q - p : p - q;
        negative = negative != (p < q);
    }
    if (sum >> 64 != 0) {
        return false;
    }
    *z = word_exact(negative, (uint64_t)sum, 1, exponent);
    return true;
}

static void wide_parts(const struct exact *x, struct exact_wide *num, struct exact_wide *den)
{
    exact_wide_part(num, &x->num, x->num_limbs);
    exact_wide_part(den, &x->den, x->den_limbs);
}

/* Both over one denominator, which d becomes, and at the smaller exponent, which is returned. */
static int32_t align_wide(const struct exact *x, const struct exact *y, struct exact_wide *p,
                          struct exact_wide *q, struct exact_wide *d)
{
    struct exact_wide below;
    wide_parts(x, p, d);
    wide_parts(y, q, &below);
    exact_wide_times(p, &below);
    exact_wide_times(q, d);
    exact_wide_times(d, &below);
    int32_t above = x->exponent - y->exponent;
    exact_wide_scale(above > 0 ? p : q, (unsigned)(above > 0 ? above : -above));
    return above < 0 ? x->exponent : y->exponent;
}

static int add_any(struct arena *a, uint64_t *room, const struct exact *x, const struct exact *y,
                   bool minus, struct exact *z)
{
    if (add_words(x, y, minus, z)) {
        return EXACT_OK;
    }
    struct exact_wide p, q, d;
    int32_t exponent = align_wide(x, y, &p, &q, &d);
    bool negative = x->negative;
    if (negative == (y->negative != minus)) {
        exact_wide_add(&p, &q);
    } else if (exact_wide_sub(&p, &q)) {
        negative = !negative;
    }
    return exact_keep(a, room, negative, &p, &d, exponent, z);
}

int exact_add(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z)
{
    return add_any(a, NULL, x, y, false, z);
}

int exact_sub(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z)
{
    return add_any(a, NULL, x, y, true, z);
}

static uint64_t common_divisor(uint64_t p, uint64_t q)
{
    while (q > 1) {
        uint64_t rest = p % q;
        p = q;
        q = rest;
    }
    return q == 1 ? 1 : p;
}

static bool mul_words(const struct exact *x, const struct exact *y, struct exact *z)
{
    uint64_t num, den;
    int32_t exponent = x->exponent + y->exponent;
    if (!in_words(x) || !in_words(y) || !exponent_fits(exponent)) {
        return false;
    }
    uint64_t p = common_divisor(x->num.word, y->den.word);
    uint64_t q = common_divisor(y->num.word, x->den.word);
    if (__builtin_mul_overflow(x->num.word / p, y->num.word / q, &num) ||
        __builtin_mul_overflow(x->den.word / q, y->den.word / p, &den)) {
        return false;
    }
    *z = word_exact(x->negative != y->negative, num, den, exponent);
    return true;
}

int exact_mul(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z)
{
    if (mul_words(x, y, z)) {
        return EXACT_OK;
    }
    struct exact_wide num, den, other, below;
    wide_parts(x, &num, &den);
    wide_parts(y, &other, &below);
    exact_wide_times(&num, &other);
    exact_wide_times(&den, &below);
    return exact_keep(a, NULL, x->negative != y->negative, &num, &den,
                      (int64_t)x->exponent + y->exponent, z);
}

/*
 * Below the bar nothing may be left that ten has: 1 / 2^m is 5^m / 10^m, and 1 / 5^m is 2^m / 10^m.
 * False: what stands above does not fit any more.
 */
static bool strip_words(uint64_t *num, uint64_t *den, int32_t *exponent)
{
    for (; *den % 10 == 0; *den /= 10) {
        --*exponent;
    }
    for (; *den % 2 == 0; *den /= 2) {
        --*exponent;
        if (__builtin_mul_overflow(*num, 5, num)) {
            return false;
        }
    }
    for (; *den % 5 == 0; *den /= 5) {
        --*exponent;
        if (__builtin_mul_overflow(*num, 2, num)) {
            return false;
        }
    }
    return true;
}

static bool div_words(const struct exact *x, const struct exact *y, struct exact *z)
{
    if (!is_short(x) || !is_short(y)) {
        return false;
    }
    uint64_t common = common_divisor(x->num.word, y->num.word);
    uint64_t num = x->num.word / common, den = y->num.word / common;
    int32_t exponent = x->exponent - y->exponent;
    if (!strip_words(&num, &den, &exponent) || !exponent_fits(exponent)) {
        return false;
    }
    *z = word_exact(x->negative != y->negative, num, den, exponent);
    return true;
}

int exact_div(struct arena *a, const struct exact *x, const struct exact *y, struct exact *z)
{
    if (exact_is_zero(y)) {
        return EXACT_NO_NUMBER;
    }
    if (div_words(x, y, z)) {
        return EXACT_OK;
    }
    struct exact_wide num, den, other, below;
    int64_t exponent = (int64_t)x->exponent - y->exponent;
    wide_parts(x, &num, &den);
    wide_parts(y, &other, &below);
    exact_wide_times(&num, &below);
    exponent -= exact_wide_strip(&other, 10);
    unsigned twos = exact_wide_strip(&other, 2), fives = exact_wide_strip(&other, 5);
    exact_wide_power(&num, twos > 0 ? 5 : 2, twos + fives); /* one of them is 0 */
    exact_wide_times(&den, &other);
    return exact_keep(a, NULL, x->negative != y->negative, &num, &den, exponent - twos - fives, z);
}

static int compare_magnitudes(const struct exact *x, const struct exact *y)
{
    int32_t exponent;
    two_words p, q;
    if (is_short(x) && is_short(y) && align_words(x, y, &p, &q, &exponent)) {
        return (p > q) - (p < q);
    }
    struct exact_wide r, s, d;
    (void)align_wide(x, y, &r, &s, &d);
    return exact_wide_compare(&r, &s);
}

int exact_compare(const struct exact *x, const struct exact *y)
{
    if (x->negative != y->negative) {
        return x->negative ? -1 : 1;
    }
    int order = compare_magnitudes(x, y);
    return x->negative ? -order : order;
}

/* The whole part of the magnitude, and whether something is cut from it; false: beyond a word. */
static bool whole_part(const struct exact *x, uint64_t *whole, bool *cut)
{
    if (is_short(x) && x->exponent <= 0 && x->exponent >= -EXACT_WORD_TEN_EXPONENT) {
        uint64_t power = exact_power_of_ten((unsigned)-x->exponent);
        *whole = x->num.word / power;
        *cut = x->num.word % power != 0;
        return true;
    }
    struct exact_wide num, den, rest;
    wide_parts(x, &num, &den);
    exact_wide_scale(x->exponent > 0 ? &num : &den,
                     (unsigned)(x->exponent > 0 ? x->exponent : -x->exponent));
    exact_wide_divide(&num, &den, &rest);
    *whole = num.len == 0 ? 0 : num.at[0];
    *cut = rest.len > 0;
    return num.len <= 1;
}

int exact_floor(const struct exact *x, int64_t *n)
{
    uint64_t whole;
    bool cut;
    if (!whole_part(x, &whole, &cut)) {
        return EXACT_BEYOND;
    }
    if (!x->negative) {
        if (whole > INT64_MAX) {
            return EXACT_BEYOND;
        }
        *n = (int64_t)whole;
        return EXACT_OK;
    }
    if (whole > (uint64_t)INT64_MAX + (cut ? 0 : 1)) {
        return EXACT_BEYOND;
    }
    *n = cut ? -(int64_t)whole - 1 : (int64_t)-whole;
    return EXACT_OK;
}

void exact_total_begin(struct exact_total *t)
{
    t->sum = exact_of_integer(0);
}

int exact_total_add(struct exact_total *t, const struct exact *x)
{
    return add_any(NULL, t->room, &t->sum, x, false, &t->sum);
}

int exact_total_value(struct arena *a, const struct exact_total *t, struct exact *sum)
{
    if (in_words(&t->sum)) {
        *sum = t->sum;
        return EXACT_OK;
    }
    struct exact_wide num, den;
    wide_parts(&t->sum, &num, &den);
    return exact_keep(a, NULL, t->sum.negative, &num, &den, t->sum.exponent, sum);
}
