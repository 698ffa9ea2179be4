/* SPDX-License-Identifier: Apache-2.0 */
/* Exact numbers out of text and into it. */
#include <gmp.h>

#include "common/formats/exact_parts.h"
#include "common/number.h"

/* Digits that surely fit into a word. */
#define WORD_DIGITS 19
/* What is written at most: a numerator's digits and zeros behind it, or the same behind "0.". */
#define TEXT_BYTES 2560

/* The digits of a number as they are in its text, one after the other; at most EXACT_DIGITS. */
static int read_wide(struct arena *a, const struct number_digits *d, struct exact *x)
{
    unsigned char digits[EXACT_DIGITS];
    struct exact_wide num, one;
    size_t n = 0;
    for (size_t i = 0; i < d->whole.len; i++) {
        digits[n++] = (unsigned char)(d->whole.at[i] - '0');
    }
    for (size_t i = 0; i < d->fraction.len; i++) {
        digits[n++] = (unsigned char)(d->fraction.at[i] - '0');
    }
    exact_wide_digits(&num, digits, n);
    exact_wide_word(&one, 1);
    return exact_keep(a, NULL, d->negative, &num, &one, d->exponent, x);
}

static uint64_t read_word(uint64_t word, struct slice digits)
{
    for (size_t i = 0; i < digits.len; i++) {
        word = word * 10 + (uint64_t)(digits.at[i] - '0');
    }
    return word;
}

int exact_of_text(struct arena *a, struct slice text, struct exact *x)
{
    struct number_digits d;
    if (number_digits(text, &d) == -1) {
        return EXACT_NO_NUMBER;
    }
    size_t count = d.whole.len + d.fraction.len;
    if (count > EXACT_DIGITS || d.exponent < -EXACT_EXPONENT || d.exponent > EXACT_EXPONENT) {
        return EXACT_BEYOND;
    }
    if (count > WORD_DIGITS) {
        return read_wide(a, &d, x);
    }
    *x = (struct exact){.exponent = (int32_t)d.exponent,
                        .negative = d.negative,
                        .num_limbs = 1,
                        .den_limbs = 1,
                        .num.word = read_word(read_word(0, d.whole), d.fraction),
                        .den.word = 1};
    return EXACT_OK;
}

/* Digits without zeros at either end, and the power of ten of the last one. */
struct exact_digits {
    char at[TEXT_BYTES];
    size_t len;
    int64_t exponent;
};

static void write_word(uint64_t word, struct exact_digits *d)
{
    char reversed[EXACT_WORD_TEN_EXPONENT + 1];
    size_t n = 0;
    for (; word > 0; word /= 10) {
        reversed[n++] = (char)('0' + word % 10);
    }
    d->len = n;
    for (size_t i = 0; i < n; i++) {
        d->at[i] = reversed[n - 1 - i];
    }
}

static void write_wide(struct exact_wide *w, struct exact_digits *d)
{
    if (w->len <= 1) {
        write_word(w->len == 0 ? 0 : w->at[0], d);
        return;
    }
    unsigned char *out = (unsigned char *)d->at;
    d->len = mpn_get_str(out, 10, w->at, (mp_size_t)w->len);
    size_t zeros = 0;
    while (zeros < d->len && out[zeros] == 0) {
        zeros++;
    }
    d->len -= zeros;
    for (size_t i = 0; i < d->len; i++) {
        d->at[i] = (char)('0' + out[zeros + i]);
    }
}

static void drop_zeros(struct exact_digits *d)
{
    for (; d->len > 0 && d->at[d->len - 1] == '0'; d->len--) {
        d->exponent++;
    }
}

/* No more than EXACT_WRITTEN digits: the nearest number that has no more, of two the even one. */
static void round_digits(struct exact_digits *d)
{
    if (d->len <= EXACT_WRITTEN) {
        return;
    }
    size_t n = EXACT_WRITTEN;
    bool odd = d->at[n - 1] % 2 == 1; /* '0' is even */
    bool more = d->len > n + 1;       /* the last is no zero */
    bool up = d->at[n] > '5' || (d->at[n] == '5' && (more || odd));
    d->exponent += (int64_t)(d->len - n);
    d->len = n;
    while (up && n > 0) {
        n--;
        up = d->at[n] == '9';
        d->at[n] = up ? '0' : (char)(d->at[n] + 1);
    }
    if (up) { /* nines alone */
        d->at[0] = '1';
        d->exponent += EXACT_WRITTEN;
        d->len = 1;
    }
    drop_zeros(d);
}

/* A value in words whose digits perhaps do not end, as what is written of it; false: in no word. */
static bool digits_of_words(const struct exact *x, struct exact_digits *d)
{
    if (x->num_limbs != 1 || x->den_limbs != 1) {
        return false;
    }
    d->exponent = x->exponent;
    if (x->den.word == 1) {
        write_word(x->num.word, d);
        return true;
    }
    int32_t power = x->exponent + EXACT_DECIMALS;
    if (power < 0 || power > EXACT_WORD_TEN_EXPONENT) {
        return false;
    }
    unsigned __int128 above = (unsigned __int128)x->num.word * exact_power_of_ten((unsigned)power);
    unsigned __int128 whole = above / x->den.word, rest = above % x->den.word;
    if (whole >= UINT64_MAX) {
        return false;
    }
    /* What is coprime to ten is odd: there is no half between two. */
    write_word((uint64_t)whole + (2 * rest > x->den.word), d);
    d->exponent = -EXACT_DECIMALS;
    return true;
}

static void digits_of(const struct exact *x, struct exact_digits *d)
{
    if (digits_of_words(x, d)) {
        drop_zeros(d);
        return;
    }
    d->exponent = x->exponent;
    struct exact_wide num, den;
    exact_wide_part(&num, &x->num, x->num_limbs);
    exact_wide_part(&den, &x->den, x->den_limbs);
    if (den.len != 1 || den.at[0] != 1) {
        exact_wide_rounded(&num, &den, x->exponent, EXACT_DECIMALS);
        d->exponent = -EXACT_DECIMALS;
    }
    write_wide(&num, d);
    drop_zeros(d);
    round_digits(d);
}

static char *put(char *to, const char *from, size_t len)
{
    memcpy(to, from, len);
    return to + len;
}

static char *put_zeros(char *to, int64_t count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

/* digits x 10^exponent with its point where it belongs. */
static char *put_digits(char *to, const struct exact_digits *d)
{
    int64_t before = (int64_t)d->len + d->exponent;
    if (d->exponent >= 0) {
        return put_zeros(put(to, d->at, d->len), d->exponent);
    }
    if (before > 0) {
        to = put(to, d->at, (size_t)before);
        *to++ = '.';
        return put(to, d->at + before, d->len - (size_t)before);
    }
    return put(put_zeros(put(to, "0.", 2), -before), d->at, d->len);
}

struct slice exact_text(struct arena *a, const struct exact *x)
{
    struct exact_digits d;
    char text[TEXT_BYTES + 3]; /* the sign, "0." */
    digits_of(x, &d);
    if (d.len == 0) {
        return arena_copy(a, slice_of("0"));
    }
    char *end = text;
    if (x->negative) {
        *end++ = '-';
    }
    end = put_digits(end, &d);
    return arena_copy(a, (struct slice){text, (size_t)(end - text)});
}
