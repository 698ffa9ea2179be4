/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded inflation of gzip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <zlib.h>

#include "common/http/inflate.h"

static char zipped[1 << 16];

static struct slice zip(const char *text, size_t size)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = (uInt)size,
                  .next_out = (Bytef *)zipped,
                  .avail_out = sizeof zipped};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (struct slice){zipped, z.total_out};
}

static void test_limits(void **state)
{
    static char spaces[200000];
    struct arena *a = arena_new(1 << 20);
    struct slice text;
    (void)state;
    memset(spaces, ' ', sizeof spaces);
    struct slice bytes = zip(spaces, sizeof spaces);
    assert_int_equal(inflate_gzip(a, bytes, sizeof spaces, &text), INFLATED);
    assert_int_equal(text.len, sizeof spaces);
    assert_memory_equal(text.at, spaces, sizeof spaces);
    assert_int_equal(inflate_gzip(a, bytes, sizeof spaces - 1, &text), INFLATED_TOO_LARGE);
    assert_int_equal(inflate_gzip(a, bytes, 1, &text), INFLATED_TOO_LARGE);
    arena_free(&a);
}

static void test_every_cut_is_noticed(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct slice text;
    (void)state;
    struct slice bytes = zip("one result", 10);
    for (size_t cut = 0; cut < bytes.len; cut++) {
        assert_int_equal(inflate_gzip(a, (struct slice){bytes.at, cut}, 100, &text),
                         INFLATED_BROKEN);
    }
    assert_int_equal(inflate_gzip(a, bytes, 10, &text), INFLATED);
    assert_true(slice_is(text, "one result"));
    zipped[bytes.len] = 'x';
    bytes.len++;
    assert_int_equal(inflate_gzip(a, bytes, 100, &text), INFLATED_BROKEN);
    assert_int_equal(inflate_gzip(a, slice_of("{\"no\": \"gzip\"}"), 100, &text), INFLATED_BROKEN);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_every_cut_is_noticed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
