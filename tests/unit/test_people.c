/* SPDX-License-Identifier: Apache-2.0 */
/* Who logs in to webd: cookies and what protects from other pages, attempts, known sessions,
 * threads that compare passwords. */
#include "tests/unit/faults.h"

#include <event2/event.h>
#include <stdlib.h>

#include "common/access/password.h"
#include "webd/page_hosts.h"
#include "webd/people/attempts.h"
#include "webd/people/cookies.h"
#include "webd/people/hashing.h"
#include "webd/people/known_sessions.h"
#include "webd/people/proxy_header.h"

#define VALUE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define OTHER "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static void assert_cookie(const char *header, const char *name, const char *value)
{
    struct slice found = cookie_find(header, name);
    if (value == NULL) {
        assert_null(found.at);
    } else {
        assert_true(slice_is(found, value));
    }
}

static void test_cookies(void **state)
{
    char text[COOKIE_SET_SIZE], name[COOKIE_NAME_SIZE];
    (void)state;
    assert_cookie(NULL, "ezrepo", NULL);
    assert_cookie("", "ezrepo", NULL);
    assert_cookie("ezrepo=" VALUE, "ezrepo", VALUE);
    assert_cookie("a=b; ezrepo=" VALUE "; c", "ezrepo", VALUE);
    assert_cookie("ezrepo=; ezrepo=x;ezrepo=" VALUE, "ezrepo", VALUE);
    assert_cookie("ezrepo=" VALUE "=", "ezrepo", NULL);
    assert_cookie("ezrepo", "ezrepo", NULL);
    assert_cookie("ezrepo;" VALUE, "ezrepo", NULL);
    assert_cookie("xezrepo=" VALUE, "ezrepo", NULL);
    assert_cookie("ezrepo=" VALUE, "__Host-ezrepo", NULL);
    assert_cookie("__Host-ezrepo=" VALUE, "__Host-ezrepo", VALUE);
    assert_cookie("__Host-ezrepo=" VALUE, "ezrepo", NULL);
    assert_cookie("ezrepo-8894=" VALUE "; ezrepo-8895=x", "ezrepo-8895", NULL);
    cookie_name(name, false, NULL);
    assert_string_equal(name, "ezrepo");
    cookie_name(name, false, "127.0.0.1:8894");
    assert_string_equal(name, "ezrepo-8894");
    cookie_name(name, true, "[2001:db8::1]:65535");
    assert_string_equal(name, "__Host-ezrepo-65535");
    cookie_set(text, name, VALUE, true, 604800);
    assert_string_equal(text, "__Host-ezrepo-65535=" VALUE
                              "; Max-Age=604800; Path=/; HttpOnly; SameSite=Strict; Secure");
    cookie_set(text, "ezrepo", "", false, 0);
    assert_string_equal(text, "ezrepo=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict");
}

static void test_other_pages(void **state)
{
    char one[CSRF_SIZE], two[CSRF_SIZE], none[CSRF_SIZE] = "";
    (void)state;
    assert_int_equal(csrf_token(slice_of(VALUE), one), 0);
    assert_int_equal(csrf_token(slice_of(OTHER), two), 0);
    assert_string_not_equal(one, two);
    assert_string_not_equal(one, VALUE);
    assert_true(csrf_is(one, one));
    assert_false(csrf_is(one, two) || csrf_is(one, NULL) || csrf_is(one, "") || csrf_is(none, ""));
    assert_true(origin_is_ours("http://127.0.0.1:8894", NULL, "127.0.0.1:8894", false));
    assert_true(origin_is_ours("https://Page.example", NULL, "page.example", true));
    assert_false(origin_is_ours("http://page.example", NULL, "page.example", true));
    assert_false(origin_is_ours("https://page.example.org", NULL, "page.example", true));
    assert_false(origin_is_ours("null", NULL, "page.example", true));
    assert_false(origin_is_ours("https://page.example", NULL, NULL, true));
    assert_true(origin_is_ours(NULL, NULL, "x", true));
    assert_true(origin_is_ours(NULL, "same-origin", "x", true));
    assert_false(origin_is_ours(NULL, "cross-site", "x", true));
    assert_false(origin_is_ours(NULL, "same-site", "x", true));
}

static void test_hosts(void **state)
{
    const char *list[] = {"ezrepo.example"};
    const struct config_strings none = {NULL, 0}, one = {list, 1};
    static const char *const ours[] = {"127.0.0.1:8894", "192.0.2.1",   "[::1]:8894",
                                       "[2001:db8::1]",  "localhost",   "LocalHost:8894",
                                       "a.localhost.",   "localhost.:1"};
    static const char *const others[] = {"evil.example",
                                         "evil.example:8894",
                                         "notlocalhost",
                                         "127.0.0.1.evil.example",
                                         "localhost.evil.example",
                                         "",
                                         ":8894",
                                         "[::1",
                                         "[evil.example]",
                                         ".localhost.x"};
    (void)state;
    assert_true(page_host_is_ours(NULL, &none));
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_true(page_host_is_ours(ours[i], &none));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(page_host_is_ours(others[i], &one));
    }
    assert_true(page_host_is_ours("EZRepo.example:443", &one));
    assert_false(page_host_is_ours("ezrepo.example", &none));
}

static struct address address_of(const char *text)
{
    struct address a;
    assert_int_equal(address_parse(slice_of(text), &a), 0);
    return a;
}

static void test_attempts(void **state)
{
    struct attempts *a = attempts_new();
    struct address bad = address_of("192.0.2.66"), good = address_of("2001:db8::1"),
                   same = address_of("2001:db8::ffff"), third = address_of("198.51.100.1");
    struct slice anna = slice_of("anna"), bert = slice_of("bert");
    int64_t now_us = 1000000000;
    (void)state;
    assert_non_null(a);
    assert_int_equal(attempts_charge(a, anna, &good, now_us), 0);
    attempts_forgive(a, anna, &good, now_us);
    for (int i = 0; i < ATTEMPTS_BURST; i++) {
        assert_int_equal(attempts_charge(a, anna, &bad, now_us), 0);
    }
    assert_int_equal(attempts_charge(a, anna, &bad, now_us), ATTEMPTS_EVERY_US);
    assert_int_equal(attempts_charge(a, bert, &bad, now_us), ATTEMPTS_EVERY_US);
    assert_int_equal(attempts_charge(a, anna, &third, now_us), ATTEMPTS_EVERY_US);
    /* Others of that address, and where she logged in before. */
    assert_int_equal(attempts_charge(a, bert, &third, now_us), 0);
    assert_int_equal(attempts_charge(a, anna, &same, now_us), 0);
    now_us += ATTEMPTS_EVERY_US;
    assert_int_equal(attempts_charge(a, anna, &bad, now_us), 0);
    assert_int_equal(attempts_charge(a, anna, &bad, now_us), ATTEMPTS_EVERY_US);
    /* Also there it is no more than that. */
    for (int i = 0; i < ATTEMPTS_BURST; i++) {
        assert_int_equal(attempts_charge(a, anna, &good, now_us), 0);
    }
    assert_true(attempts_charge(a, anna, &good, now_us) > 0);
    assert_int_equal(attempts_charge(a, slice_of(""), NULL, now_us), 0);
    attempts_free(&a);
}

static struct known_session session_of(uint32_t number, int64_t confirmed_us)
{
    struct known_session s = {
        .user = "anna", .version = 7, .ends_us = 5000, .confirmed_us = confirmed_us};
    s.digest[0] = (uint8_t)(number / 256);
    s.digest[1] = (uint8_t)number;
    s.digest[31] = (uint8_t)(number / 65536);
    return s;
}

static void test_known_sessions(void **state)
{
    struct known_sessions *k = known_sessions_new();
    struct known_session one = session_of(1, 100), two = session_of(2, 100);
    (void)state;
    assert_non_null(k);
    assert_null(known_sessions_find(k, one.digest, 0));
    known_sessions_put(k, &one);
    const struct known_session *found = known_sessions_find(k, one.digest, 4999);
    assert_non_null(found);
    assert_null(known_sessions_find(k, one.digest, 5000));
    assert_null(known_sessions_find(k, two.digest, 0));
    assert_true(known_session_is_fresh(found, 7, 100 + SESSION_FRESH_US - 1));
    assert_false(known_session_is_fresh(found, 7, 100 + SESSION_FRESH_US));
    assert_false(known_session_is_fresh(found, 8, 100));
    assert_true(known_session_holds(found, 7, 100 + SESSION_HELD_US - 1));
    assert_false(known_session_holds(found, 8, 101));
    assert_false(known_session_holds(found, 7, 100 + SESSION_HELD_US));
    known_sessions_forget(k, one.digest);
    known_sessions_forget(k, two.digest);
    assert_null(known_sessions_find(k, one.digest, 0));
    /* Of one bucket the newest four stay. */
    for (uint32_t i = 0; i < 6; i++) {
        one = session_of(1 + 65536 * i, 100 + i);
        known_sessions_put(k, &one);
    }
    for (uint32_t i = 0; i < 6; i++) {
        one = session_of(1 + 65536 * i, 0);
        assert_int_equal(known_sessions_find(k, one.digest, 0) != NULL, i >= 2);
    }
    known_sessions_free(&k);
}

static int read_proxy(struct faults *told, const char *text, struct proxy_header *p)
{
    static const struct json_limits limits = {.depth = 4, .nodes = 100, .string_bytes = 100};
    char error[100];
    struct arena *a = arena_new(65536);
    const struct json *tree = json_parse(a, slice_of(text), &limits, error, sizeof error);
    assert_non_null(tree);
    int rc = proxy_header_read(faults_begin(told), "webd.proxy", tree, p);
    arena_free(&a);
    return rc;
}

static void test_proxy(void **state)
{
    static const struct {
        const char *text, *fault;
    } faulty[] = {
        {"{}", "webd.proxy.header: "},
        {"{\"from\": [], \"header\": \"X-User\"}", "webd.proxy.from: expected at least one prefix"},
        {"{\"from\": [\"10.0.0.0/33\"], \"header\": \"X-User\"}", "webd.proxy.from[0]: "},
        {"{\"from\": [\"::1\"], \"header\": \"X User\"}", "webd.proxy.header: "},
        {"{\"from\": [\"::1\"], \"header\": \"cookie\"}", "webd.proxy.header: "},
        {"{\"from\": [\"::1\"], \"header\": \"X\", \"x\": 1}", "webd.proxy"}};
    struct faults told;
    struct proxy_header p;
    struct address inside = address_of("192.0.2.7"), outside = address_of("192.0.3.7");
    (void)state;
    assert_int_equal(proxy_header_read(faults_begin(&told), "webd.proxy", NULL, &p), 0);
    assert_false(proxy_header_is_from(&p, &inside) || proxy_header_is_from(&p, NULL));
    assert_int_equal(read_proxy(&told,
                                "{\"from\": [\"::1\", \"192.0.2.0/24\"],"
                                " \"header\": \"X-User\"}",
                                &p),
                     0);
    assert_string_equal(p.header, "X-User");
    assert_true(proxy_header_is_from(&p, &inside));
    assert_false(proxy_header_is_from(&p, &outside) || proxy_header_is_from(&p, NULL));
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        assert_int_equal(read_proxy(&told, faulty[i].text, &p), -1);
        bool said = false;
        for (uint32_t k = 0; k < told.count; k++) {
            said = said || strncmp(told.line[k], faulty[i].fault, strlen(faulty[i].fault)) == 0;
        }
        assert_true(said);
    }
}

#define HASH                                                                                       \
    "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$nfkj3u1fRTHCea+fVr03sWV770kp5wLOLoEakziKhqE"

struct compared_words {
    struct event_base *base;
    int count, matched;
};

static void on_told(void *context, int result)
{
    struct compared_words *t = context;
    t->count++;
    t->matched += result == 1;
}

static void test_hashing(void **state)
{
    struct compared_words t = {.base = event_base_new()};
    struct workers *h = workers_new(t.base, "hashing", HASHING_THREADS, HASHING_WAITING);
    int begun = 0;
    (void)state;
    assert_non_null(h);
    for (int i = 0; i < HASHING_THREADS + HASHING_WAITING; i++) {
        begun += hashing_begin(h, slice_of(i % 2 == 0 ? "correct horse" : "x"), slice_of(HASH),
                               on_told, &t) == 0;
    }
    assert_int_equal(begun, HASHING_THREADS + HASHING_WAITING);
    assert_false(workers_have_room(h));
    assert_int_equal(hashing_begin(h, slice_of("x"), slice_of(HASH), on_told, &t), -1);
    while (t.count < begun) {
        event_base_loop(t.base, EVLOOP_ONCE);
    }
    assert_int_equal(t.matched, begun / 2);
    assert_true(workers_have_room(h));
    /* What is under way at the end is told to nobody. */
    assert_int_equal(hashing_begin(h, slice_of("x"), slice_of(HASH), on_told, &t), 0);
    workers_free(&h);
    assert_int_equal(t.count, begun);
    event_base_free(t.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookies),        cmocka_unit_test(test_other_pages),
        cmocka_unit_test(test_hosts),          cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_known_sessions), cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_hashing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
