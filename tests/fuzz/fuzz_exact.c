/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any two lines as numbers, times and durations of other tools: what was computed with them is
 * computed back, is in the order that its difference says, and is written as what it is.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/formats/format_time.h"
#include "common/formats/unit.h"
#include "common/when_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* If z could be made: z = back, where that can be made. */
static void
check_back(int outcome,
           int (*back)(struct arena *, const struct exact *, const struct exact *, struct exact *),
           struct arena *a, const struct exact *z, const struct exact *y, const struct exact *x)
{
    struct exact again;
    if (outcome == EXACT_OK && back(a, z, y, &again) == EXACT_OK) {
        check(exact_compare(&again, x) == 0);
    }
}

static void compute(struct arena *a, const struct exact *x, const struct exact *y)
{
    struct exact z, zero = exact_of_integer(0);
    struct exact_total total;
    check_back(exact_add(a, x, y, &z), exact_sub, a, &z, y, x);
    if (exact_sub(a, x, y, &z) == EXACT_OK) {
        check(exact_compare(x, y) == exact_compare(&z, &zero));
        check_back(EXACT_OK, exact_add, a, &z, y, x);
    }
    if (!exact_is_zero(y)) {
        check_back(exact_mul(a, x, y, &z), exact_div, a, &z, y, x);
        check_back(exact_div(a, x, y, &z), exact_mul, a, &z, y, x);
    }
    exact_total_begin(&total);
    check(exact_total_add(&total, x) == EXACT_OK);
    if (exact_total_add(&total, y) == EXACT_OK) {
        struct exact sum;
        check(exact_add(a, x, y, &z) == EXACT_OK);
        check(exact_total_value(a, &total, &sum) == EXACT_OK && exact_compare(&sum, &z) == 0);
    }
}

static void write_and_floor(struct arena *a, bool few_digits, const struct exact *x)
{
    struct exact again, one = exact_of_integer(1);
    int64_t n;
    struct slice text = exact_text(a, x);
    check(text.at != NULL);
    if (few_digits) { /* none is rounded away */
        check(exact_of_text(a, text, &again) == EXACT_OK && exact_compare(&again, x) == 0);
    }
    if (exact_floor(x, &n) == EXACT_OK) {
        again = exact_of_integer(n);
        check(exact_compare(&again, x) <= 0);
        check(exact_add(a, &again, &one, &again) == EXACT_OK && exact_compare(&again, x) > 0);
    }
}

static void read_times(struct arena *a, struct slice text)
{
    struct exact us, again;
    int64_t t;
    for (enum format_time_form form = FORMAT_TIME_RFC3339; form <= FORMAT_TIME_CTIME; form++) {
        char written[WHEN_TEXT];
        if (format_time_text(form, text, &us) == 0) {
            check(format_time_whole(a, &us, NULL, &t) == EXACT_OK);
            when_time_text(t, written);
            check(format_time_text(FORMAT_TIME_RFC3339, slice_of(written), &again) == 0);
            check(exact_compare(&us, &again) == 0);
        }
    }
    if (unit_duration(a, text, &us) == EXACT_OK) {
        again = exact_of_integer(0);
        check(text.at[0] == '-' ? exact_compare(&us, &again) <= 0
                                : exact_compare(&us, &again) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size == 0 ? NULL : memchr(text, '\n', size);
    struct slice first = {text, end == NULL ? size : (size_t)(end - text)};
    struct slice second = end == NULL ? first : (struct slice){end + 1, size - first.len - 1};
    struct exact x, y;
    struct arena *a = arena_new(1 << 20);
    if (a == NULL) {
        return 0;
    }
    read_times(a, first);
    if (exact_of_text(a, first, &x) == EXACT_OK) {
        write_and_floor(a, first.len <= EXACT_WRITTEN, &x);
        if (exact_of_text(a, second, &y) == EXACT_OK) {
            compute(a, &x, &y);
        }
    }
    arena_free(&a);
    return 0;
}
