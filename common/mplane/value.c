/* SPDX-License-Identifier: Apache-2.0 */
/* Values of elements: one reader per primitive type, each of which leaves the canonical text. */
#include "common/mplane/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a fault is told. */
struct report {
    char *error;
    size_t error_size;
};

static int fault(const struct report *r, const char *expected, struct slice found)
{
    snprintf(r->error, r->error_size, "expected %s, found \"%.*s\"%s", expected,
             SLICE_SHOWN(found, 40), found.len > 40 ? "..." : "");
    return -1;
}

static int no_memory(const struct report *r)
{
    snprintf(r->error, r->error_size, "too large");
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* A decimal number taken apart: sign, the digits before and behind the dot, the exponent. */
struct decimal {
    bool negative;
    char *digits; /* without dot and underscores, NUL-terminated */
    size_t whole, count;
    int64_t exponent; /* at most a million either way */
};

static bool is_digit(struct slice s, size_t i)
{
    return i < s.len && s.at[i] >= '0' && s.at[i] <= '9';
}

/* Digits, with single underscores between them, onto d->digits; the index behind them. */
static size_t take_digits(struct slice s, size_t i, struct decimal *d)
{
    while (is_digit(s, i)) {
        d->digits[d->count++] = s.at[i++];
        if (i < s.len && s.at[i] == '_' && is_digit(s, i + 1)) {
            i++;
        }
    }
    return i;
}

static size_t take_exponent(struct slice s, size_t i, struct decimal *d)
{
    size_t at = i + 1;
    bool negative = at < s.len && s.at[at] == '-';
    if (at < s.len && (s.at[at] == '-' || s.at[at] == '+')) {
        at++;
    }
    if (!is_digit(s, at)) {
        return i;
    }
    for (; is_digit(s, at); at++) {
        if (d->exponent < 1000000) {
            d->exponent = d->exponent * 10 + (s.at[at] - '0');
        }
    }
    d->exponent = negative ? -d->exponent : d->exponent;
    return at;
}

/* 0; -1 when it is no decimal number; -2 when memory is out. */
static int decimal_read(struct arena *a, struct slice s, struct decimal *d)
{
    size_t i = 0;
    memset(d, 0, sizeof *d);
    d->digits = arena_alloc(a, s.len + 1);
    if (d->digits == NULL) {
        return -2;
    }
    if (i < s.len && (s.at[i] == '-' || s.at[i] == '+')) {
        d->negative = s.at[i++] == '-';
    }
    i = take_digits(s, i, d);
    d->whole = d->count;
    if (i < s.len && s.at[i] == '.') {
        i = take_digits(s, i + 1, d);
    }
    if (d->count == 0) {
        return -1;
    }
    if (i < s.len && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i = take_exponent(s, i, d);
    }
    d->digits[d->count] = '\0';
    return i == s.len ? 0 : -1;
}

/* The whole part of a decimal number, exactly. */
static int read_natural(struct arena *a, struct slice text, struct value *v, const struct report *r)
{
    struct decimal d;
    int status = decimal_read(a, trimmed(text), &d);
    if (status != 0) {
        return status == -2 ? no_memory(r) : fault(r, "a natural number", text);
    }
    size_t zeros = strspn(d.digits, "0");
    int64_t length = (int64_t)d.whole + d.exponent - (int64_t)zeros;
    if (d.count == zeros || length <= 0) {
        v->text = slice_of("0");
        return number_parse(v->text, &v->natural);
    }
    if (length > VALUE_DIGITS) {
        return fault(r, "a natural number of at most 320 digits", text);
    }
    char *out = arena_alloc(a, (size_t)length + 2);
    if (out == NULL) {
        return no_memory(r);
    }
    size_t len = 0;
    if (d.negative) {
        out[len++] = '-';
    }
    for (size_t i = 0; i < (size_t)length; i++) {
        out[len++] = zeros + i < d.count ? d.digits[zeros + i] : '0';
    }
    v->text = (struct slice){out, len};
    return number_parse(v->text, &v->natural);
}

/* The shortest text that reads as the same number, laid out as Python's repr() does. */
static struct slice real_text(struct arena *a, double real)
{
    char e[40];
    if (isnan(real)) {
        return slice_of("nan");
    }
    if (isinf(real)) {
        return slice_of(real < 0 ? "-inf" : "inf");
    }
    int digits = 0;
    do {
        snprintf(e, sizeof e, "%.*e", digits, real);
    } while (strtod(e, NULL) != real && ++digits < 17);
    int exponent = atoi(strchr(e, 'e') + 1);
    char *text = NULL;
    if (exponent < -4 || exponent >= 16) {
        text = arena_printf(a, "%s", e);
    } else {
        int decimals = digits - exponent;
        text = arena_printf(a, "%.*f", decimals < 1 ? 1 : decimals, real);
    }
    return slice_of(text);
}

static bool is_word(struct slice s, const char *lower)
{
    size_t n = strlen(lower);
    for (size_t i = 0; i < n && s.len == n; i++) {
        char c = s.at[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != lower[i]) {
            return false;
        }
    }
    return s.len == n;
}

static int read_real(struct arena *a, struct slice text, struct value *v, const struct report *r)
{
    struct slice s = trimmed(text), word = s;
    bool negative = word.len > 0 && word.at[0] == '-';
    if (word.len > 0 && (negative || word.at[0] == '+')) {
        word.at++;
        word.len--;
    }
    if (is_word(word, "inf") || is_word(word, "infinity")) {
        v->real = negative ? -INFINITY : INFINITY;
    } else if (is_word(word, "nan")) {
        v->real = NAN;
    } else {
        struct decimal d;
        int status = decimal_read(a, s, &d);
        if (status != 0) {
            return status == -2 ? no_memory(r) : fault(r, "a number", text);
        }
        const char *plain = arena_printf(a, "%s%.*s.%se%lld", d.negative ? "-" : "", (int)d.whole,
                                         d.digits, d.digits + d.whole, (long long)d.exponent);
        if (plain == NULL) {
            return no_memory(r);
        }
        v->real = strtod(plain, NULL);
    }
    v->text = real_text(a, v->real);
    return v->text.at == NULL ? no_memory(r) : 0;
}

static int read_boolean(struct slice text, struct value *v, const struct report *r)
{
    if (slice_is(text, "True") || slice_is(text, "true") || slice_is(text, "1")) {
        v->boolean = true;
    } else if (!slice_is(text, "False") && !slice_is(text, "false") && !slice_is(text, "0")) {
        return fault(r, "True or False", text);
    }
    v->text = slice_of(v->boolean ? "True" : "False");
    return 0;
}

static int read_time(struct arena *a, struct slice text, struct value *v, const struct report *r)
{
    char canonical[WHEN_TEXT];
    if (slice_is(text, "past") || slice_is(text, "now") || slice_is(text, "future")) {
        v->point = text.at[0] == 'p'   ? WHEN_AT_PAST
                   : text.at[0] == 'n' ? WHEN_AT_NOW
                                       : WHEN_AT_FUTURE;
        v->text = text;
        return 0;
    }
    if (when_time_parse(text, &v->time_us) == -1) {
        return fault(r, "a time, YYYY-MM-DD[ H:M[:S[.f]]]", text);
    }
    v->point = WHEN_AT;
    when_time_text(v->time_us, canonical);
    v->text = arena_copy(a, slice_of(canonical));
    return v->text.at == NULL ? no_memory(r) : 0;
}

/*
 * mPlane programs write the last 32 bits of an IPv6 address as hexadecimal groups, always; others
 * as a dotted quad where an IPv4 address is embedded.
 */
static const char *without_quad(struct arena *a, const struct address *address, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (address->family != 6 || strchr(text, '.') == NULL || colon == NULL) {
        return text;
    }
    const uint8_t *b = address->bytes + 12;
    return arena_printf(a, "%.*s:%x:%x", (int)(colon - text), text,
                        (unsigned)b[0] << 8 | (unsigned)b[1], (unsigned)b[2] << 8 | (unsigned)b[3]);
}

static int read_address(struct arena *a, struct slice text, struct value *v, const struct report *r)
{
    char canonical[ADDRESS_TEXT_SIZE];
    struct slice plain = text;
    const char *zone = text.len == 0 ? NULL : memchr(text.at, '%', text.len);
    if (zone != NULL) {
        plain.len = (size_t)(zone - text.at);
    }
    if (address_parse(plain, &v->address) == -1 ||
        (zone != NULL && (v->address.family != 6 || plain.len + 1 == text.len))) {
        return fault(r, "an IPv4 or IPv6 address", text);
    }
    address_text(&v->address, canonical);
    v->zoned = zone != NULL;
    const char *out = without_quad(a, &v->address, canonical);
    if (out != NULL) {
        out = arena_printf(a, "%s%.*s", out, (int)(text.len - plain.len), text.at + plain.len);
    }
    v->text = slice_of(out);
    return out == NULL ? no_memory(r) : 0;
}

static bool reads_as_null(enum primitive primitive, struct slice text)
{
    /* "None" is what a well-known supervisor makes of a time that is null. */
    return text.at == NULL || slice_is(text, "*") ||
           (primitive == PRIMITIVE_TIME && slice_is(text, "None"));
}

int value_parse(struct arena *a, enum primitive primitive, struct slice text, struct value *value,
                char *error, size_t error_size)
{
    const struct report r = {error, error_size};
    memset(value, 0, sizeof *value);
    value->primitive = primitive;
    if (reads_as_null(primitive, text)) {
        value->null = true;
        value->text = slice_of("*");
        return 0;
    }
    switch (primitive) {
    case PRIMITIVE_STRING:
    case PRIMITIVE_URL:
        value->text = text;
        return 0;
    case PRIMITIVE_NATURAL:
        return read_natural(a, text, value, &r);
    case PRIMITIVE_REAL:
        return read_real(a, text, value, &r);
    case PRIMITIVE_BOOLEAN:
        return read_boolean(text, value, &r);
    case PRIMITIVE_TIME:
        return read_time(a, text, value, &r);
    case PRIMITIVE_ADDRESS:
        return read_address(a, text, value, &r);
    case PRIMITIVE_NONE:
        break;
    }
    return fault(&r, "a value of a known type", text);
}

static int sign(bool greater, bool less)
{
    return (int)greater - (int)less;
}

/* past < every time < future; now has no place among the times, which only a clock could give it.
 */
static int time_compare(const struct value *a, const struct value *b, bool *comparable)
{
    if (a->point == WHEN_AT && b->point == WHEN_AT) {
        return sign(a->time_us > b->time_us, a->time_us < b->time_us);
    }
    if (a->point == b->point) {
        return 0;
    }
    if (a->point == WHEN_AT_PAST || b->point == WHEN_AT_FUTURE) {
        return -1;
    }
    if (a->point == WHEN_AT_FUTURE || b->point == WHEN_AT_PAST) {
        return 1;
    }
    *comparable = false;
    return 0;
}

int value_compare(const struct value *a, const struct value *b, bool *comparable)
{
    *comparable = a->primitive == b->primitive && !a->null && !b->null;
    if (!*comparable) {
        return 0;
    }
    switch (a->primitive) {
    case PRIMITIVE_NATURAL:
        return number_compare(&a->natural, &b->natural);
    case PRIMITIVE_REAL:
        *comparable = !isnan(a->real) && !isnan(b->real);
        return sign(a->real > b->real, a->real < b->real);
    case PRIMITIVE_BOOLEAN:
        return sign(a->boolean && !b->boolean, !a->boolean && b->boolean);
    case PRIMITIVE_TIME:
        return time_compare(a, b, comparable);
    case PRIMITIVE_ADDRESS:
        if (a->zoned || b->zoned) {
            *comparable = slice_equal(a->text, b->text);
            return 0;
        }
        *comparable = a->address.family == b->address.family;
        return memcmp(a->address.bytes, b->address.bytes, a->address.family == 4 ? 4 : 16);
    case PRIMITIVE_STRING:
    case PRIMITIVE_URL:
    case PRIMITIVE_NONE:
        break;
    }
    return slice_order(a->text, b->text);
}

bool value_null_is_text(enum primitive primitive)
{
    return primitive != PRIMITIVE_TIME;
}
