/* SPDX-License-Identifier: Apache-2.0 */
/* common/address.h: what is an address, how it is written, what a prefix holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/address.h"

static void assert_canonical(struct arena *a, const char *text, const char *expected)
{
    struct slice s = address_canonical(a, slice_of(text));
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.at, expected, s.len);
}

static void canonical_form(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 16);
    assert_non_null(a);
    assert_canonical(a, "192.0.2.1", "192.0.2.1");
    assert_canonical(a, "2001:DB8:0:0:0:0:0:1", "2001:db8::1");
    assert_canonical(a, "2001:0db8::0001", "2001:db8::1");
    assert_canonical(a, "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"); /* one zero stays */
    assert_canonical(a, "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");    /* the first run */
    assert_canonical(a, "::", "::");
    assert_canonical(a, "::FFFF:192.0.2.1", "::ffff:192.0.2.1");
    assert_canonical(a, "::1:2", "::1:2");
    assert_canonical(a, "::0.1.0.2", "::1:2");
    assert_canonical(a, "::192.0.2.1", "::c000:201");
    assert_canonical(a, "::0:2", "::2");
    /* No addresses: as they came. */
    assert_canonical(a, "probe-7.example.net", "probe-7.example.net");
    assert_canonical(a, "192.0.2.01", "192.0.2.01");
    assert_canonical(a, "", "");
    arena_free(&a);
}

static void assert_host(struct arena *a, const char *text, const char *expected,
                        const char *found_as)
{
    struct slice s = address_host(a, slice_of(text));
    if (!slice_is(s, expected)) {
        fail_msg("%s: expected %s, found %.*s", text, expected, (int)s.len, s.at);
    }
    struct address address, wanted;
    if (found_as == NULL) {
        assert_int_equal(address_of_host(s, &address), -1);
        return;
    }
    assert_int_equal(address_of_host(s, &address), 0);
    assert_int_equal(address_parse(slice_of(found_as), &wanted), 0);
    assert_memory_equal(&address, &wanted, sizeof address);
    assert_true(slice_equal(address_host(a, s), s));
}

/* One host, one text; what has an address is found by it. */
static void hosts(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 16);
    assert_non_null(a);
    assert_host(a, "192.0.2.1", "192.0.2.1", "192.0.2.1");
    assert_host(a, "2001:DB8::0:1", "2001:db8::1", "2001:db8::1");
    assert_host(a, "[2001:DB8::1]", "2001:db8::1", "2001:db8::1");
    assert_host(a, "[192.0.2.1]", "192.0.2.1", "192.0.2.1");
    assert_host(a, "192.0.2.1.", "192.0.2.1", "192.0.2.1");
    assert_host(a, "WWW.Example.net.", "www.example.net", NULL);
    assert_host(a, "www.example.net", "www.example.net", NULL);
    assert_host(a, "WWW.Example.net:443", "www.example.net:443", NULL);
    /* With a port or a zone: the text stays, the address is found. */
    assert_host(a, "192.0.2.1:443", "192.0.2.1:443", "192.0.2.1");
    assert_host(a, "[2001:DB8::1]:443", "[2001:DB8::1]:443", "2001:db8::1");
    assert_host(a, "fe80::1%eth0", "fe80::1%eth0", "fe80::1");
    assert_host(a, "[fe80::1%eth0]:80", "[fe80::1%eth0]:80", "fe80::1");
    /* No hosts, or not quite: as they came. */
    static const char *const others[] = {"",
                                         ".",
                                         "..",
                                         "[]",
                                         "192.0.2.1:",
                                         "192.0.2.1:123456",
                                         "192.000.002.001",
                                         "[192.0.2.1]x",
                                         "http://X/",
                                         "fe80::1%",
                                         "[x]",
                                         "A B",
                                         "a..",
                                         "[\"A\"]",
                                         "192.0.2.1:4a"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_host(a, others[i], others[i], NULL);
    }
    arena_free(&a);
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        " 192.0.2.1",
                                        "192.0.2.1 ",
                                        "192.0.2",
                                        "192.0.2.1.1",
                                        "192.0.2.256",
                                        "192.0.02.1",
                                        "0x10.0.0.1",
                                        "fe80::1%eth0",
                                        "1::2::3",
                                        ":::",
                                        "12345::",
                                        "[2001:db8::]",
                                        "2001:db8::/32",
                                        "192.0.2.0/24",
                                        "beef",
                                        "1:2:3:4:5:6:7",
                                        "example",
                                        "-1.0.0.0",
                                        "1:2:3:4:5:6:7:8:9"};
    struct address address;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(address_parse(slice_of(wrong[i]), &address), -1);
    }
    assert_int_equal(address_parse((struct slice){"10.0.0.1\0x", 10}, &address), -1);
    assert_int_equal(address_parse((struct slice){NULL, 0}, &address), -1);
    /* A part of longer bytes: nothing behind the slice is looked at. */
    assert_int_equal(address_parse((struct slice){"10.0.0.12", 8}, &address), 0);
    assert_int_equal(address.bytes[3], 1);
}

static bool holds(const char *prefix, const char *text)
{
    struct prefix p;
    struct address a;
    assert_int_equal(prefix_parse(slice_of(prefix), &p), 0);
    assert_int_equal(address_parse(slice_of(text), &a), 0);
    return prefix_contains(&p, &a);
}

static void prefixes(void **state)
{
    (void)state;
    assert_true(holds("192.0.2.0/24", "192.0.2.255"));
    assert_false(holds("192.0.2.0/24", "192.0.3.0"));
    assert_true(holds("192.0.2.19/24", "192.0.2.1")); /* host bits do not count */
    assert_true(holds("192.0.2.128/25", "192.0.2.200"));
    assert_false(holds("192.0.2.128/25", "192.0.2.127"));
    assert_true(holds("0.0.0.0/0", "255.255.255.255"));
    assert_false(holds("0.0.0.0/0", "::1"));
    assert_false(holds("::/0", "10.0.0.1"));
    assert_false(holds("::/0", "0.0.0.0"));
    assert_true(holds("::/0", "ffff::"));
    assert_false(holds("192.0.2.0/24", "::ffff:192.0.2.1"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::"));
    assert_true(holds("10.0.0.1", "10.0.0.1"));
    assert_false(holds("10.0.0.1", "10.0.0.0"));
    assert_true(holds("2001:DB8::1", "2001:db8:0::1"));
    assert_true(holds("2001:db8::1/128", "2001:db8::1"));
}

static void what_is_no_prefix(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "/",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "::/129",
                                        "10.0.0.0/+8",
                                        "10.0.0.0/08",
                                        "10.0.0.0/8 ",
                                        "10.0.0/8",
                                        "/8",
                                        "10.*",
                                        "10.0.0.0/8/8",
                                        "::/-1",
                                        "10.0.0.0/0x8",
                                        "::/1000"};
    struct prefix prefix;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(prefix_parse(slice_of(wrong[i]), &prefix), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_form),     cmocka_unit_test(hosts),
        cmocka_unit_test(what_is_no_address), cmocka_unit_test(prefixes),
        cmocka_unit_test(what_is_no_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
