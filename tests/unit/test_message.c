/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message declared in schemas/messages.h: what is encoded comes back the same; each byte too
 * few, one too many, another version or number is refused; so is a field over its limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/batch.h"
#include "common/message.h"

static uint64_t seed;

static uint64_t next_random(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 11;
}

static struct slice random_text(struct arena *a, size_t max)
{
    size_t len = next_random() % (max < 40 ? max + 1 : 40);
    char *p = arena_alloc(a, len + 1);
    assert_non_null(p);
    for (size_t i = 0; i < len; i++) {
        p[i] = (char)next_random();
    }
    return (struct slice){p, len};
}

static struct slice *random_texts(struct arena *a, uint32_t count, size_t max)
{
    struct slice *s = arena_alloc(a, count * sizeof *s);
    assert_non_null(s);
    for (uint32_t i = 0; i < count; i++) {
        s[i] = next_random() % 5 == 0 ? (struct slice){NULL, 0} : random_text(a, max);
    }
    return s;
}

static uint64_t *random_numbers(struct arena *a, uint32_t count)
{
    uint64_t *n = arena_alloc(a, count * sizeof *n);
    assert_non_null(n);
    for (uint32_t i = 0; i < count; i++) {
        n[i] = next_random() << (next_random() % 12);
    }
    return n;
}

/* Numbers of every width, and both ends of what is allowed. */
static uint64_t random_uint(uint64_t max)
{
    uint64_t n = next_random() >> (next_random() % 53);
    return next_random() % 8 == 0 ? max : max == UINT64_MAX ? n : n % (max + 1);
}

static int64_t random_int(void)
{
    static const int64_t ends[] = {INT64_MIN, INT64_MAX, -1, 0, -32, -33, -128, -129};
    uint64_t n = next_random();
    return n % 3 == 0 ? ends[next_random() % 8] : (int64_t)(n >> (n % 50)) * (n % 2 ? 1 : -1);
}

#define FILL_UINT(name, max) m.name = random_uint(max);
#define FILL_INT(name)       m.name = random_int();
#define FILL_STR(name, max)  m.name = random_text(a, (max));
#define FILL_UUID(name)      memset(m.name, (int)(next_random() % 256), 16);
#define FILL_STRS(name, max, bytes)                                                                \
    m.name##_count = (uint32_t)(next_random() % 5);                                                \
    m.name = random_texts(a, m.name##_count, (bytes));
#define FILL_UINTS(name, max)                                                                      \
    m.name##_count = (uint32_t)(next_random() % 5);                                                \
    m.name = random_numbers(a, m.name##_count);
#define FILL_ADDED()

#define TEST_MESSAGE(name, FIELDS)                                                                 \
    static void round_trip_##name(struct arena *a)                                                 \
    {                                                                                              \
        struct name##_message m = {0}, back;                                                       \
        FIELDS(FILL_UINT, FILL_INT, FILL_STR, FILL_STR, FILL_UUID, FILL_STRS, FILL_UINTS,          \
               FILL_ADDED)                                                                         \
        struct pack p, again;                                                                      \
        pack_init(&p);                                                                             \
        pack_init(&again);                                                                         \
        name##_encode(&p, &m);                                                                     \
        assert_true(pack_ok(&p));                                                                  \
        struct slice bytes = pack_bytes(&p);                                                       \
        assert_int_equal(message_number(bytes), MESSAGE_##name);                                   \
        assert_int_equal(name##_decode_all(bytes, a, &back), 0);                                   \
        name##_encode(&again, &back);                                                              \
        assert_true(slice_equal(bytes, pack_bytes(&again)));                                       \
        for (size_t cut = 0; cut < bytes.len; cut++) {                                             \
            struct unpack u = unpack_bytes(bytes.at, cut);                                         \
            assert_int_equal(name##_decode(&u, a, &back), -1);                                     \
            assert_ptr_equal(u.at, bytes.at);                                                      \
        }                                                                                          \
        pack_uint(&p, 0);                                                                          \
        assert_int_equal(name##_decode_all(pack_bytes(&p), a, &back), -1);                         \
        p.buffer.data[1] ^= 4; /* the version, right behind the array's header (one byte) */       \
        if ((p.buffer.data[0] & 0xf0) == (char)0x90) {                                             \
            struct unpack u = unpack_bytes(p.buffer.data, p.buffer.size);                          \
            assert_int_equal(name##_decode(&u, a, &back), -1);                                     \
        }                                                                                          \
        FILE *sink = fopen("/dev/null", "w");                                                      \
        assert_non_null(sink);                                                                     \
        name##_print(sink, &m);                                                                    \
        fclose(sink);                                                                              \
        pack_release(&p);                                                                          \
        pack_release(&again);                                                                      \
    }                                                                                              \
                                                                                                   \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        struct arena *a = arena_new(1 << 24);                                                      \
        for (uint64_t i = 1; i <= 200; i++) {                                                      \
            seed = i;                                                                              \
            round_trip_##name(a);                                                                  \
            arena_reset(a);                                                                        \
        }                                                                                          \
        arena_free(&a);                                                                            \
    }

MESSAGES(TEST_MESSAGE)

static void test_limits_are_kept(void **state)
{
    (void)state;
    static char long_text[LIMIT_TEXT_BYTES + 1];
    struct pack p;
    pack_init(&p);
    publish_encode(&p, &(struct publish_message){.author = {long_text, sizeof long_text},
                                                 .document = slice_of("")});
    assert_false(pack_ok(&p));
    pack_reset(&p);
    batch_header_encode(&p, &(struct batch_header_message){.kind = 2});
    assert_false(pack_ok(&p));
    pack_release(&p);
}

static void test_claimed_sizes_cost_nothing(void **state)
{
    (void)state;
    /* Of the version before: [1, 3 (ack), uuid, 0, an array that claims 2^32-1 elements] */
    static const uint8_t bytes[] = {0x95, 1, MESSAGE_ack, 0xc4, 16,   0,    0,    0,    0,
                                    0,    0, 0,           0,    0,    0,    0,    0,    0,
                                    0,    0, 0,           0,    0xdd, 0xff, 0xff, 0xff, 0xff};
    struct arena *a = arena_new(4096);
    struct ack_message m;
    assert_int_equal(ack_decode_all((struct slice){(const char *)bytes, sizeof bytes}, a, &m), -1);
    assert_true(arena_used(a) < 1024);
    arena_free(&a);
}

/* ---- one release beside the next ---- */

/* The first `count` elements of an encoded message as one of another version. */
static void as_version(struct pack *out, struct slice bytes, uint32_t count, uint8_t version)
{
    struct unpack u = unpack_bytes(bytes.at, bytes.len);
    uint32_t all;
    uint64_t before;
    assert_int_equal(unpack_array(&u, UINT32_MAX, &all), 0);
    assert_int_equal(unpack_uint(&u, UINT64_MAX, &before), 0);
    const uint8_t *start = u.at;
    for (uint32_t i = 1; i < count && i < all; i++) {
        assert_int_equal(unpack_skip(&u), 0);
    }
    pack_array(out, count);
    pack_uint(out, version);
    pack_raw(out, (struct slice){(const char *)start, (size_t)(u.at - start)});
}

static void test_version_before(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 16);
    struct version_message full = {.version = 7, .digest = 9}, got = {.digest = 5};
    struct pack p, before;
    pack_init(&p);
    pack_init(&before);
    version_encode(&p, &full);
    as_version(&before, pack_bytes(&p), 3, MESSAGE_VERSION - 1);
    assert_int_equal(message_number(pack_bytes(&before)), MESSAGE_version);
    assert_int_equal(version_decode_all(pack_bytes(&before), a, &got), 0);
    assert_int_equal(got.version, 7);
    assert_int_equal(got.digest, 0);
    /* With what only this version has, or without it in this version: neither is one. */
    pack_reset(&before);
    as_version(&before, pack_bytes(&p), 4, MESSAGE_VERSION - 1);
    assert_int_equal(version_decode_all(pack_bytes(&before), a, &got), -1);
    pack_reset(&before);
    as_version(&before, pack_bytes(&p), 3, MESSAGE_VERSION);
    assert_int_equal(version_decode_all(pack_bytes(&before), a, &got), -1);
    pack_reset(&before);
    as_version(&before, pack_bytes(&p), 3, MESSAGE_VERSION - 2);
    assert_int_equal(version_decode_all(pack_bytes(&before), a, &got), -1);
    pack_release(&p);
    pack_release(&before);
    arena_free(&a);
}

/* What the next release appends is passed over, whatever it is. */
static void test_version_after(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 16);
    struct version_message full = {.version = 7, .digest = 9}, got;
    struct pack p, after;
    pack_init(&p);
    pack_init(&after);
    version_encode(&p, &full);
    as_version(&after, pack_bytes(&p), 4, MESSAGE_VERSION + 1);
    assert_int_equal(version_decode_all(pack_bytes(&after), a, &got), 0);
    pack_reset(&after);
    as_version(&after, pack_bytes(&p), 8, MESSAGE_VERSION + 1);
    pack_int(&after, -70000);
    pack_array(&after, 2);
    pack_str_or_nil(&after, (struct slice){NULL, 0});
    pack_bin(&after, slice_of("bytes"));
    pack_str(&after, slice_of("text"));
    assert_int_equal(version_decode_all(pack_bytes(&after), a, &got), -1); /* one is missing */
    pack_uint(&after, 1);
    assert_int_equal(version_decode_all(pack_bytes(&after), a, &got), 0);
    assert_int_equal(got.version, 7);
    assert_int_equal(got.digest, 9);
    pack_uint(&after, 1);
    assert_int_equal(version_decode_all(pack_bytes(&after), a, &got), -1);
    pack_reset(&after);
    as_version(&after, pack_bytes(&p), 4, MESSAGE_VERSION + 2);
    assert_int_equal(version_decode_all(pack_bytes(&after), a, &got), -1);
    assert_int_equal(message_number(pack_bytes(&after)), -1);
    pack_release(&p);
    pack_release(&after);
    arena_free(&a);
}

/* ---- the records frame ---- */

static struct record_message a_record(struct slice *values, uint32_t count)
{
    struct slice s = slice_of("x");
    return (struct record_message){.type = s,
                                   .content = s,
                                   .probe = s,
                                   .source = s,
                                   .dest = s,
                                   .path = slice_of(""),
                                   .label = s,
                                   .values = values,
                                   .values_count = count};
}

static void test_frame(void **state)
{
    (void)state;
    struct slice names[] = {slice_of("a"), slice_of("b")};
    struct schema_message one = {.verb = slice_of("measure"),
                                 .registry = slice_of("r"),
                                 .results = names,
                                 .results_count = 2};
    struct schema_message two = one;
    two.results_count = 1;
    two.parameters = names + 1;
    two.parameters_count = 1;
    struct slice values[] = {slice_of("18446744073709551615"), {NULL, 0}};
    struct batch_writer *w = batch_writer_new();
    for (int i = 0; i < 10; i++) {
        struct record_message r = a_record(values, 2);
        r.t_start_us = i;
        assert_int_equal(batch_writer_add(w, i % 2 ? &one : &two, &r), 0);
    }
    struct record_message wrong = a_record(values, 1);
    assert_int_equal(batch_writer_add(w, &one, &wrong), -1);
    assert_int_equal(batch_writer_count(w), 10);
    struct pack p;
    pack_init(&p);
    assert_int_equal(batch_writer_finish(w, &p), 0);
    assert_int_equal(batch_writer_count(w), 0);

    struct arena *a = arena_new(1 << 20);
    struct batch_reader r;
    struct record_message got;
    assert_int_equal(batch_reader_open(&r, pack_bytes(&p), a), 0);
    assert_int_equal(r.schema_count, 2);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(batch_reader_next(&r, a, &got), 1);
        assert_int_equal(got.t_start_us, i);
        assert_true(slice_equal(got.values[0], values[0]));
        assert_null(got.values[1].at);
    }
    assert_int_equal(batch_reader_next(&r, a, &got), 0);
    pack_uint(&p, 7);
    assert_int_equal(batch_reader_open(&r, pack_bytes(&p), a), 0);
    while (r.record_next < r.record_count) {
        assert_int_equal(batch_reader_next(&r, a, &got), 1);
    }
    assert_int_equal(batch_reader_next(&r, a, &got), -1); /* something is left over */
    arena_free(&a);
    pack_release(&p);
    batch_writer_free(&w);
}

static void test_full_frame(void **state)
{
    (void)state;
    struct slice name = slice_of("a"), value = slice_of("1");
    struct schema_message s = {
        .verb = name, .registry = name, .results = &name, .results_count = 1};
    struct batch_writer *w = batch_writer_new();
    struct record_message r = a_record(&value, 1);
    for (int i = 0; i < LIMIT_BATCH_RECORDS; i++) {
        assert_int_equal(batch_writer_add(w, &s, &r), 0);
    }
    assert_int_equal(batch_writer_add(w, &s, &r), 1);
    batch_writer_free(&w);
}

#define LIST_MESSAGE(name, FIELDS) cmocka_unit_test(test_##name),

int main(void)
{
    const struct CMUnitTest tests[] = {
        MESSAGES(LIST_MESSAGE) cmocka_unit_test(test_limits_are_kept),
        cmocka_unit_test(test_claimed_sizes_cost_nothing),
        cmocka_unit_test(test_version_before),
        cmocka_unit_test(test_version_after),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_full_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
