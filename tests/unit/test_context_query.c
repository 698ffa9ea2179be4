/* SPDX-License-Identifier: Apache-2.0 */
/* ingest-gw: the query of a URL. What one pair may be is also shown end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest-gw/context_query.h"

static struct arena *arena;
static struct context_query query;

static const char *read_query(const char *text)
{
    arena_reset(arena);
    return context_query_read(arena, text, &query);
}

static void assert_pair(uint32_t i, const char *name, const char *value)
{
    assert_true(i < query.count);
    assert_true(slice_is(query.names[i], name));
    assert_true(slice_is(query.values[i], value));
}

static void test_pairs(void **state)
{
    (void)state;
    assert_null(read_query(NULL));
    assert_int_equal(query.count, 0);
    assert_null(read_query("&&a=1&b&c=&d=x=y&"));
    assert_int_equal(query.count, 4);
    assert_pair(0, "a", "1");
    assert_pair(1, "b", "");
    assert_pair(2, "c", "");
    assert_pair(3, "d", "x=y");
}

static void test_decoding(void **state)
{
    (void)state;
    assert_null(read_query("%61=a+b%2b%20%C3%a9%26"));
    assert_int_equal(query.count, 1);
    assert_pair(0, "a", "a b+ \xc3\xa9&");
    static const char *const faulty[] = {"a=%",       "a=%1", "a=%1g", "a=%00", "a=%c3",
                                         "a=1&%61=2", "=1",   "%",     "a=\xff"};
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        assert_non_null(read_query(faulty[i]));
    }
}

static void test_limits(void **state)
{
    char text[4096] = "", name[CONTEXT_QUERY_NAME_BYTES + 2] = "";
    (void)state;
    memset(name, 'n', CONTEXT_QUERY_NAME_BYTES);
    assert_null(read_query(name));
    name[CONTEXT_QUERY_NAME_BYTES] = 'n';
    assert_non_null(read_query(name));
    memset(text, 'v', CONTEXT_QUERY_VALUE_BYTES + 2);
    text[1] = '=';
    assert_null(read_query(text));
    text[CONTEXT_QUERY_VALUE_BYTES + 2] = 'v';
    assert_non_null(read_query(text));
    size_t used = 0;
    for (int i = 0; i < CONTEXT_QUERY_PAIRS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%d=1&", i);
    }
    assert_null(read_query(text));
    assert_int_equal(query.count, CONTEXT_QUERY_PAIRS);
    snprintf(text + used, sizeof text - used, "z=1");
    assert_non_null(read_query(text));
}

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(65536);
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
