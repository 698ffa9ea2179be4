/* SPDX-License-Identifier: Apache-2.0 */
/* The table of delegated export URLs, and what is kept of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "mplane-gw/posts/exports.h"

static struct export *add(struct exports *e, const char *url_token, const char *owner,
                          const char *token, int64_t until_us)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t size;
    assert_int_equal(
        EVP_Q_digest(NULL, "SHA256", NULL, url_token, strlen(url_token), digest, &size), 1);
    struct grant_message g = {.digest = {(const char *)digest, EXPORT_DIGEST_BYTES},
                              .owner = slice_of(owner),
                              .poster = slice_of(""),
                              .label = slice_of("Collect-ping"),
                              .token = slice_of(token),
                              .from_us = 10,
                              .until_us = until_us};
    return exports_add(e, &g);
}

static void test_finding(void **state)
{
    struct exports *e = exports_new();
    (void)state;
    assert_non_null(add(e, "one", "ann", "t", 100));
    assert_non_null(add(e, "two", "bob", "t", 200));
    assert_true(slice_is(exports_find(e, slice_of("one"), 50)->grant.owner, "ann"));
    assert_null(exports_find(e, slice_of("three"), 50));
    assert_null(exports_find(e, slice_of(""), 50));
    assert_null(exports_find(e, slice_of("one"), 9));
    assert_null(exports_find(e, slice_of("one"), 100));
    assert_true(slice_is(exports_of(e, slice_of("bob"), slice_of("t"))->grant.owner, "bob"));
    assert_null(exports_of(e, slice_of("bob"), slice_of("u")));
    assert_null(exports_of(e, slice_of("carl"), slice_of("t")));
    assert_int_equal(exports_count_of(e, slice_of("ann")), 1);
    assert_false(exports_sweep(e, 99));
    assert_true(exports_sweep(e, 100));
    assert_int_equal(exports_count(e), 1);
    exports_remove(e, exports_of(e, slice_of("bob"), slice_of("t")));
    assert_null(exports_find(e, slice_of("two"), 50));
    exports_free(&e);
    assert_null(e);
}

static void test_tokens_are_told_for_a_while(void **state)
{
    struct exports *e = exports_new();
    struct export *one = add(e, "one", "ann", "t", INT64_MAX);
    (void)state;
    snprintf(one->url_token, sizeof one->url_token, "one");
    one->told_until_us = 60;
    exports_sweep(e, 59);
    assert_string_equal(one->url_token, "one");
    exports_sweep(e, 60);
    assert_string_equal(one->url_token, "");
    exports_free(&e);
}

static void test_what_is_kept(void **state)
{
    struct exports *e = exports_new();
    struct pack p;
    (void)state;
    add(e, "one", "ann", "t", 100);
    add(e, "two", "ann", "u", 200);
    pack_init(&p);
    exports_encode(e, &p);
    assert_true(pack_ok(&p));
    struct slice bytes = pack_bytes(&p);
    size_t whole = 0;
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        struct exports *back = exports_new();
        whole += exports_decode(back, (struct slice){bytes.at, cut}) == 0;
        assert_true(exports_count(back) <= 2);
        if (cut == bytes.len) {
            assert_int_equal(exports_count(back), 2);
            assert_non_null(exports_find(back, slice_of("two"), 150));
            assert_int_equal(exports_decode(back, bytes), -1); /* the same again */
        }
        exports_free(&back);
    }
    assert_int_equal(whole, 3); /* none, one, both of them */
    pack_release(&p);
    exports_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_finding),
                                       cmocka_unit_test(test_tokens_are_told_for_a_while),
                                       cmocka_unit_test(test_what_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
