/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/remote_box.h"

#include <setjmp.h>
#include <snappy-c.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TIMESERIES 1
#define LABELS     1
#define SAMPLES    2

struct box_message {
    char bytes[65536];
    size_t used;
};

void box_begin(struct remote_box *b)
{
    b->used = 0;
}

static size_t put_number(char *to, uint64_t number)
{
    size_t n = 0;
    for (; number > 127; number >>= 7) {
        to[n++] = (char)(0x80 | (number & 0x7f));
    }
    to[n++] = (char)number;
    return n;
}

static void put_field(char *bytes, size_t *used, size_t room, uint32_t number, struct slice text)
{
    assert_true(*used + text.len + 20 < room);
    *used += put_number(bytes + *used, (uint64_t)number << 3 | 2);
    *used += put_number(bytes + *used, text.len);
    memcpy(bytes + *used, text.at, text.len);
    *used += text.len;
}

static void add(struct box_message *m, uint32_t number, struct slice text)
{
    put_field(m->bytes, &m->used, sizeof m->bytes, number, text);
}

static void add_label(struct box_message *series, struct slice name, struct slice value)
{
    static struct box_message label;
    label.used = 0;
    add(&label, 1, name);
    add(&label, 2, value);
    add(series, LABELS, (struct slice){label.bytes, label.used});
}

static void add_sample(struct box_message *series, double value, int64_t time_ms)
{
    char bytes[32];
    size_t n = 0;
    bytes[n++] = 1 << 3 | 1;
    memcpy(bytes + n, &value, sizeof value);
    n += sizeof value;
    bytes[n++] = 2 << 3;
    n += put_number(bytes + n, (uint64_t)time_ms);
    add(series, SAMPLES, (struct slice){bytes, n});
}

static void add_labels(struct box_message *m, const char *series)
{
    size_t n = strcspn(series, "{");
    if (n > 0) {
        add_label(m, slice_of("__name__"), (struct slice){series, n});
    }
    const char *at = series + n;
    while (*at == '{' || *at == ',') {
        at++;
        size_t name = strcspn(at, "="), value = strcspn(at + name + 1, ",}");
        add_label(m, (struct slice){at, name}, (struct slice){at + name + 1, value});
        at += name + 1 + value;
    }
}

void box_sample(struct remote_box *b, const char *series, double value, int64_t time_ms)
{
    static struct box_message m;
    m.used = 0;
    add_labels(&m, series);
    add_sample(&m, value, time_ms);
    put_field(b->bytes, &b->used, sizeof b->bytes, TIMESERIES, (struct slice){m.bytes, m.used});
}

void box_series(struct remote_box *b, const char *series, uint32_t samples, int64_t time_ms)
{
    static struct box_message m;
    m.used = 0;
    add_labels(&m, series);
    for (uint32_t i = 0; i < samples; i++) {
        add_sample(&m, i, time_ms + i);
    }
    put_field(b->bytes, &b->used, sizeof b->bytes, TIMESERIES, (struct slice){m.bytes, m.used});
}

void box_unknown(struct remote_box *b, uint32_t number, struct slice bytes)
{
    put_field(b->bytes, &b->used, sizeof b->bytes, number, bytes);
}

struct slice box_compressed(struct slice bytes, struct arena *a)
{
    size_t size = snappy_max_compressed_length(bytes.len);
    char *room = arena_alloc(a, size);
    assert_non_null(room);
    assert_int_equal(snappy_compress(bytes.at, bytes.len, room, &size), SNAPPY_OK);
    return (struct slice){room, size};
}

struct slice box_body(const struct remote_box *b, struct arena *a)
{
    return box_compressed((struct slice){b->bytes, b->used}, a);
}

double box_stale(void)
{
    const uint64_t bits = UINT64_C(0x7ff0000000000002);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
