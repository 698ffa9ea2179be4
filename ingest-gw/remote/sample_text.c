/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest-gw/remote/sample_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/number.h"

#define NUMBER_BYTES 32 /* of a value or a time, with what stands before it */
#define WHOLE_MOST   1e15
#define NANO_LEAST   1e-4 /* what is smaller has an exponent */

static bool is_plain(struct slice name, bool colons)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(colons && c == ':') && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return name.len > 0;
}

bool sample_is_plain(struct slice metric)
{
    return is_plain(metric, true);
}

size_t sample_text_most(const struct remote_sample *s)
{
    size_t most = s->metric.len + 2 + 2 * (size_t)NUMBER_BYTES;
    for (uint32_t i = 0; i < s->label_count; i++) {
        most += s->labels[i].name.len + 2 * s->labels[i].value.len + 4;
    }
    return most;
}

static char *put(char *to, struct slice text)
{
    memcpy(to, text.at, text.len);
    return to + text.len;
}

static char *put_escaped(char *to, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '\\' || c == '"' || c == '\n') {
            *to++ = '\\';
        }
        *to++ = c == '\n' ? 'n' : c;
    }
    return to;
}

static char *put_labels(char *to, const struct remote_sample *s)
{
    char before = '{';
    for (uint32_t i = 0; i < s->label_count; i++) {
        const struct remote_label *l = &s->labels[i];
        if (slice_is(l->name, "__name__") || !is_plain(l->name, false)) {
            continue;
        }
        *to++ = before;
        before = ',';
        to = put(to, l->name);
        *to++ = '=';
        *to++ = '"';
        to = put_escaped(to, l->value);
        *to++ = '"';
    }
    if (before == ',') {
        *to++ = '}';
    }
    return to;
}

/*
 * A value with at most nine digits behind the point, as nearly all are that are no integers; NULL:
 * it is none. Of at most 15 digits no other decimal is this double.
 */
static char *put_nano(char *to, double value)
{
    double magnitude = fabs(value), units = nearbyint(magnitude * 1e9);
    if (!(magnitude >= NANO_LEAST) || units >= WHOLE_MOST || units / 1e9 != magnitude) {
        return NULL;
    }
    int64_t whole = (int64_t)units / 1000000000, rest = (int64_t)units % 1000000000;
    *to++ = ' ';
    *to = '-';
    to = number_write(to + (value < 0), whole);
    *to++ = '.';
    for (int64_t unit = 100000000; rest > 0; unit /= 10) {
        *to++ = (char)('0' + rest / unit);
        rest %= unit;
    }
    return to;
}

/* As few digits as give the same double again. */
static char *put_value(char *to, double value)
{
    int n = 0;
    char *end;
    if (isnan(value) || isinf(value)) {
        return put(to, slice_of(isnan(value) ? " NaN" : value > 0 ? " +Inf" : " -Inf"));
    }
    if (value == floor(value) && fabs(value) < WHOLE_MOST && !(value == 0 && signbit(value))) {
        *to = ' ';
        return number_write(to + 1, (int64_t)value);
    }
    if ((end = put_nano(to, value)) != NULL) {
        return end;
    }
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(to, NUMBER_BYTES, " %.*g", digits, value);
        if (strtod(to + 1, NULL) == value) {
            break;
        }
    }
    return to + n;
}

size_t sample_text(const struct remote_sample *s, char *room)
{
    char *to = put_value(put_labels(put(room, s->metric), s), s->value);
    *to = ' ';
    to = number_write(to + 1, s->time_ms);
    *to++ = '\n';
    return (size_t)(to - room);
}

/* ---- series ---- */

/* FNV-1a, whose result is kept on disk: the seeded hash of common/ is another in each process. */
static uint64_t digest(uint64_t before, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        before = (before ^ (uint8_t)text.at[i]) * UINT64_C(0x100000001b3);
    }
    return before * UINT64_C(0x100000001b3); /* as if a NUL stood behind it */
}

uint64_t sample_series(const struct remote_sample *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < s->label_count; i++) {
        h = digest(digest(h, s->labels[i].name), s->labels[i].value);
    }
    return h;
}

struct slice sample_label(const struct remote_sample *s, struct slice name)
{
    for (uint32_t i = 0; i < s->label_count; i++) {
        if (slice_equal(s->labels[i].name, name)) {
            return s->labels[i].value;
        }
    }
    return (struct slice){"", 0};
}
