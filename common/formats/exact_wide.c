/* SPDX-License-Identifier: Apache-2.0 */
/* Natural numbers of many limbs. Callers see to it that results have room. */
#include <gmp.h>
#include <string.h>

#include "common/formats/exact_parts.h"

_Static_assert(sizeof(mp_limb_t) == sizeof(uint64_t) && GMP_NAIL_BITS == 0, "a limb is 64 bits");

/* The largest powers of two and five in a word. */
#define WORD_TWO           (UINT64_C(1) << 63)
#define WORD_TWO_EXPONENT  63
#define WORD_FIVE          UINT64_C(7450580596923828125)
#define WORD_FIVE_EXPONENT 27

static mp_size_t size_of(const struct exact_wide *w)
{
    return (mp_size_t)w->len;
}

static void trim(struct exact_wide *w)
{
    while (w->len > 0 && w->at[w->len - 1] == 0) {
        w->len--;
    }
}

uint64_t exact_power_of_ten(unsigned exponent)
{
    static const uint64_t powers[EXACT_WORD_TEN_EXPONENT + 1] = {
        UINT64_C(1),
        UINT64_C(10),
        UINT64_C(100),
        UINT64_C(1000),
        UINT64_C(10000),
        UINT64_C(100000),
        UINT64_C(1000000),
        UINT64_C(10000000),
        UINT64_C(100000000),
        UINT64_C(1000000000),
        UINT64_C(10000000000),
        UINT64_C(100000000000),
        UINT64_C(1000000000000),
        UINT64_C(10000000000000),
        UINT64_C(100000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000),
        EXACT_WORD_TEN,
    };
    return powers[exponent];
}

void exact_wide_word(struct exact_wide *w, uint64_t word)
{
    w->len = word != 0;
    w->at[0] = word;
}

void exact_wide_part(struct exact_wide *w, const union exact_part *part, size_t limbs)
{
    if (limbs == 1) {
        exact_wide_word(w, part->word);
        return;
    }
    w->len = limbs;
    memcpy(w->at, part->limbs, limbs * sizeof w->at[0]);
}

void exact_wide_digits(struct exact_wide *w, const unsigned char *digits, size_t count)
{
    w->len = (size_t)mpn_set_str(w->at, digits, count, 10);
    trim(w);
}

void exact_wide_times_word(struct exact_wide *x, uint64_t word)
{
    if (x->len == 0) {
        return;
    }
    mp_limb_t carry = mpn_mul_1(x->at, x->at, size_of(x), word);
    if (carry != 0) {
        x->at[x->len++] = carry;
    }
    trim(x);
}

/* base^times is in a word as whole; as many steps as whole words are needed. */
static void times_power(struct exact_wide *x, uint64_t base, uint64_t whole, unsigned times,
                        unsigned power)
{
    for (; power >= times; power -= times) {
        exact_wide_times_word(x, whole);
    }
    uint64_t rest = 1;
    for (; power > 0; power--) {
        rest *= base;
    }
    exact_wide_times_word(x, rest);
}

void exact_wide_scale(struct exact_wide *x, unsigned power)
{
    times_power(x, 10, EXACT_WORD_TEN, EXACT_WORD_TEN_EXPONENT, power);
}

void exact_wide_power(struct exact_wide *x, uint64_t base, unsigned power)
{
    if (base == 2) {
        times_power(x, 2, WORD_TWO, WORD_TWO_EXPONENT, power);
    } else {
        times_power(x, 5, WORD_FIVE, WORD_FIVE_EXPONENT, power);
    }
}

void exact_wide_times(struct exact_wide *x, const struct exact_wide *y)
{
    if (y->len <= 1) {
        exact_wide_times_word(x, y->len == 0 ? 0 : y->at[0]);
        return;
    }
    if (x->len == 0) {
        return;
    }
    struct exact_wide longer = *x;
    const struct exact_wide *p = &longer, *q = y;
    if (p->len < q->len) {
        p = y;
        q = &longer;
    }
    (void)mpn_mul(x->at, p->at, size_of(p), q->at, size_of(q));
    x->len = p->len + q->len;
    trim(x);
}

void exact_wide_add(struct exact_wide *x, const struct exact_wide *y)
{
    const struct exact_wide *p = x, *q = y;
    if (p->len < q->len) {
        p = y;
        q = x;
    }
    size_t len = p->len;
    mp_limb_t carry = q->len == 0 ? 0 : mpn_add(x->at, p->at, size_of(p), q->at, size_of(q));
    if (q->len == 0 && p != x) {
        memcpy(x->at, p->at, len * sizeof x->at[0]);
    }
    x->len = len;
    if (carry != 0) {
        x->at[x->len++] = carry;
    }
}

int exact_wide_compare(const struct exact_wide *x, const struct exact_wide *y)
{
    if (x->len != y->len) {
        return x->len < y->len ? -1 : 1;
    }
    return x->len == 0 ? 0 : mpn_cmp(x->at, y->at, size_of(x));
}

bool exact_wide_sub(struct exact_wide *x, const struct exact_wide *y)
{
    bool less = exact_wide_compare(x, y) < 0;
    const struct exact_wide *p = less ? y : x, *q = less ? x : y;
    if (q->len > 0) {
        (void)mpn_sub(x->at, p->at, size_of(p), q->at, size_of(q));
    } else if (less) {
        memcpy(x->at, p->at, p->len * sizeof x->at[0]);
    }
    x->len = p->len;
    trim(x);
    return less;
}

void exact_wide_divide(struct exact_wide *x, const struct exact_wide *y, struct exact_wide *rest)
{
    if (x->len < y->len) {
        *rest = *x;
        x->len = 0;
        return;
    }
    const struct exact_wide whole = *x;
    mpn_tdiv_qr(x->at, rest->at, 0, whole.at, size_of(&whole), y->at, size_of(y));
    x->len = whole.len - y->len + 1;
    rest->len = y->len;
    trim(x);
    trim(rest);
}

static unsigned strip_word(struct exact_wide *x, uint64_t factor, unsigned counts)
{
    unsigned n = 0;
    while (mpn_mod_1(x->at, size_of(x), factor) == 0) {
        (void)mpn_divrem_1(x->at, 0, x->at, size_of(x), factor);
        trim(x);
        n += counts;
    }
    return n;
}

unsigned exact_wide_strip(struct exact_wide *x, uint64_t factor)
{
    unsigned n = factor == 2   ? strip_word(x, WORD_TWO, WORD_TWO_EXPONENT)
                 : factor == 5 ? strip_word(x, WORD_FIVE, WORD_FIVE_EXPONENT)
                               : strip_word(x, EXACT_WORD_TEN, EXACT_WORD_TEN_EXPONENT);
    return n + strip_word(x, factor, 1);
}

void exact_wide_reduce(struct exact_wide *x, struct exact_wide *y)
{
    if (y->len == 1 && y->at[0] == 1) {
        return;
    }
    struct exact_wide p = *x, q = *y, common, rest;
    if (p.len < q.len) {
        struct exact_wide other = p;
        p = q;
        q = other;
    }
    common.len = (size_t)mpn_gcd(common.at, p.at, size_of(&p), q.at, size_of(&q));
    if (common.len != 1 || common.at[0] != 1) {
        exact_wide_divide(x, &common, &rest);
        exact_wide_divide(y, &common, &rest);
    }
}

/* In words where it is short enough, else in memory that lasts. */
static uint64_t *keep_part(const struct exact_wide *w, uint64_t *room, union exact_part *part,
                           uint8_t *limbs)
{
    *limbs = (uint8_t)w->len;
    if (w->len <= 1) {
        *limbs = 1;
        part->word = w->len == 0 ? 0 : w->at[0];
        return room;
    }
    memcpy(room, w->at, w->len * sizeof w->at[0]);
    part->limbs = room;
    return room + w->len;
}

int exact_keep(struct arena *a, uint64_t *room, bool negative, struct exact_wide *num,
               struct exact_wide *den, int64_t exponent, struct exact *z)
{
    if (num->len == 0) {
        *z = exact_of_integer(0);
        return EXACT_OK;
    }
    exact_wide_reduce(num, den);
    if (num->len > 1 || exponent < -EXACT_EXPONENT) {
        exponent += exact_wide_strip(num, 10);
    }
    if (num->len > EXACT_LIMBS || den->len > EXACT_LIMBS || exponent < -EXACT_EXPONENT ||
        exponent > EXACT_EXPONENT) {
        return EXACT_BEYOND;
    }
    size_t wide = (num->len > 1 ? num->len : 0) + (den->len > 1 ? den->len : 0);
    if (room == NULL && wide > 0) {
        room = arena_alloc(a, wide * sizeof *room);
        if (room == NULL) {
            return EXACT_NO_MEMORY;
        }
    }
    z->negative = negative;
    z->exponent = (int32_t)exponent;
    room = keep_part(num, room, &z->num, &z->num_limbs);
    (void)keep_part(den, room, &z->den, &z->den_limbs);
    return EXACT_OK;
}

void exact_wide_rounded(struct exact_wide *num, struct exact_wide *den, int64_t exponent,
                        unsigned decimals)
{
    struct exact_wide rest;
    int64_t power = exponent + decimals;
    exact_wide_scale(power > 0 ? num : den, (unsigned)(power > 0 ? power : -power));
    exact_wide_divide(num, den, &rest);
    exact_wide_times_word(&rest, 2);
    int order = exact_wide_compare(&rest, den);
    bool odd = num->len > 0 && num->at[0] % 2 == 1;
    if (order > 0 || (order == 0 && odd)) {
        struct exact_wide one;
        exact_wide_word(&one, 1);
        exact_wide_add(num, &one);
    }
}
