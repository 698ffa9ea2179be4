/* SPDX-License-Identifier: Apache-2.0 */
/* The test vectors of docs/udp-envelope.md: written, read and refused as that says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/signed_envelope.h"

#define CASES     22
#define PAGE_MOST ((size_t)1 << 20)

static const struct json *read_cases(struct arena *a)
{
    static const struct json_limits limits = {.depth = 8, .nodes = 10000, .string_bytes = 1 << 16};
    char *page = arena_calloc(a, 1, PAGE_MOST), error[200];
    FILE *f = fopen(VECTORS "/../../docs/udp-envelope.md", "rb");
    assert_non_null(page);
    assert_non_null(f);
    assert_in_range(fread(page, 1, PAGE_MOST, f), 1, PAGE_MOST - 1);
    fclose(f);
    const char *at = strstr(page, "```json\n");
    assert_non_null(at);
    at += 8;
    const char *end = strstr(at, "```");
    assert_non_null(end);
    const struct json *cases =
        json_parse(a, (struct slice){at, (size_t)(end - at)}, &limits, error, sizeof error);
    assert_non_null(cases);
    assert_int_equal(cases->count, CASES);
    return cases;
}

static struct slice text(const struct json *c, const char *key)
{
    const struct json *member = json_get(c, key);
    assert_non_null(member);
    return member->text;
}

static uint64_t natural(const struct json *c, const char *key)
{
    return strtoull(text(c, key).at, NULL, 10);
}

static struct slice unhex(struct arena *a, struct slice digits)
{
    char *bytes = arena_alloc(a, digits.len / 2 + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < digits.len / 2; i++) {
        unsigned byte;
        assert_int_equal(sscanf(digits.at + 2 * i, "%2x", &byte), 1);
        bytes[i] = (char)byte;
    }
    return (struct slice){bytes, digits.len / 2};
}

static void check_good(struct arena *a, const struct json *c, struct signed_key *key)
{
    struct slice datagram = unhex(a, text(c, "datagram")), content = text(c, "content"), found;
    struct signed_head head = {.epoch = natural(c, "epoch"),
                               .sequence = natural(c, "sequence"),
                               .time_us = (int64_t)natural(c, "time_us")};
    struct signed_head read;
    char *out = arena_alloc(a, content.len + SIGNED_FRAME_BYTES);
    assert_non_null(out);
    memcpy(head.key_id, unhex(a, text(c, "key")).at, SIGNED_KEY_ID_BYTES);
    size_t size = signed_write(key, &head, content, out);
    assert_true(slice_equal((struct slice){out, size}, datagram));
    assert_null(signed_read(datagram, &read, &found));
    assert_true(slice_equal(found, content) && signed_is_true(key, datagram));
    assert_memory_equal(read.key_id, head.key_id, SIGNED_KEY_ID_BYTES);
    assert_int_equal(read.epoch, head.epoch);
    assert_int_equal(read.sequence, head.sequence);
    assert_int_equal(read.time_us, head.time_us);
}

static void check_refused(struct arena *a, const struct json *c, struct signed_key *key)
{
    struct slice datagram = unhex(a, text(c, "datagram")), content;
    struct signed_head head;
    const char *why = signed_read(datagram, &head, &content);
    if (slice_is(text(c, "refused"), "form")) {
        assert_non_null(why);
    } else {
        assert_true(slice_is(text(c, "refused"), "code"));
        assert_null(why);
        assert_false(signed_is_true(key, datagram));
    }
}

static void test_vectors(void **state)
{
    (void)state;
    struct arena *a = arena_new((size_t)16 << 20);
    uint32_t refused = 0;
    for (const struct json *c = read_cases(a)->first; c != NULL; c = c->next) {
        struct slice secret = unhex(a, text(c, "secret"));
        assert_int_equal(secret.len, SIGNED_SECRET_BYTES);
        struct signed_key *key = signed_key_new((const uint8_t *)secret.at);
        assert_non_null(key);
        if (json_get(c, "refused") == NULL) {
            check_good(a, c, key);
        } else {
            check_refused(a, c, key);
            refused++;
        }
        signed_key_free(&key);
    }
    assert_int_equal(refused, CASES - 4);
    arena_free(&a);
}

/* The key's state is of one datagram: what was written or looked at before makes no difference. */
static void test_keys_are_used_again(void **state)
{
    (void)state;
    const uint8_t secrets[2][SIGNED_SECRET_BYTES] = {{1}, {2}};
    struct signed_key *keys[2];
    static char first[1000 + SIGNED_FRAME_BYTES], second[sizeof first];
    static const char content[1000] = "content";
    const struct signed_head head = {.sequence = 7, .time_us = 1};
    for (int i = 0; i < 2; i++) {
        keys[i] = signed_key_new(secrets[i]);
        assert_non_null(keys[i]);
    }
    for (size_t n = 1; n <= sizeof content; n += 37) {
        struct slice one = {first, signed_write(keys[0], &head, (struct slice){content, n}, first)};
        struct slice other = {second,
                              signed_write(keys[1], &head, (struct slice){content, n}, second)};
        assert_int_equal(one.len, n + SIGNED_FRAME_BYTES);
        assert_true(signed_is_true(keys[0], one) && signed_is_true(keys[1], other));
        assert_false(signed_is_true(keys[1], one) || signed_is_true(keys[0], other));
    }
    signed_key_free(&keys[0]);
    signed_key_free(&keys[1]);
}

static void test_what_cannot_be_sent_is_not_written(void **state)
{
    (void)state;
    static char content[SIGNED_CONTENT_BYTES + 1], out[65507 + 1];
    const struct signed_head head = {.sequence = 1};
    struct signed_key *key = signed_key_new((const uint8_t[SIGNED_SECRET_BYTES]){0});
    assert_non_null(key);
    assert_int_equal(signed_write(key, &head, (struct slice){content, 0}, out), 0);
    assert_int_equal(signed_write(key, &head, (struct slice){content, sizeof content}, out), 0);
    assert_int_equal(signed_write(key, &head, (struct slice){content, sizeof content - 1}, out),
                     65507);
    signed_key_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_keys_are_used_again),
        cmocka_unit_test(test_what_cannot_be_sent_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
