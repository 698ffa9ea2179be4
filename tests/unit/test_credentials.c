/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and keys: what they grant to whom, when and from where; what documents are refused. */
#include "tests/unit/faults.h"

#include <stdio.h>

#include "common/access/access.h"
#include "common/access/credential_text.h"
#include "common/when_time.h"

static struct faults told;

#define TOKEN  "ezr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define DIGEST "66aab41bb33b2d6241a4d0dad04cb4f39d23d8c93e3a5ff80e4b7deea5ed9346"
#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static struct access *read_stored(const char *text)
{
    return access_read(faults_begin(&told), "x.access", NULL, slice_of(text));
}

static struct address address_of(const char *text)
{
    struct address a;
    assert_int_equal(address_parse(slice_of(text), &a), 0);
    return a;
}

static int64_t time_of(const char *text)
{
    int64_t us;
    assert_int_equal(when_time_parse(slice_of(text), &us), 0);
    return us;
}

static struct access *read_one_token(void)
{
    uint8_t digest[ACCESS_DIGEST];
    char hex[CREDENTIAL_HEX_SIZE], text[1024];
    assert_int_equal(credential_digest(slice_of(TOKEN), digest), 0);
    credential_hex(digest, sizeof digest, hex);
    snprintf(text, sizeof text,
             "{\"tokens\": [{\"name\": \"other\", \"digest\": \"%064d\", \"identity\": \"o\", "
             "\"types\": [\"*\"]},"
             " {\"name\": \"psched\", \"digest\": \"%s\", \"identity\": \"org.example.psched\","
             "  \"types\": [\"throughput\", \"trace*\"], \"from\": [\"192.0.2.0/24\", "
             "\"2001:db8::/32\"],"
             "  \"until\": \"2026-12-01T00:00:00Z\", \"per_second\": 5}]}",
             0, hex);
    return read_stored(text);
}

static void test_token(void **state)
{
    (void)state;
    struct access *a = read_one_token();
    struct access_grant g;
    struct address inside = address_of("192.0.2.7"), outside = address_of("198.51.100.7");
    int64_t before_us = time_of("2026-11-30 23:59:59.999999");
    assert_non_null(a);
    assert_true(access_token(a, slice_of(TOKEN), &inside, before_us, &g));
    assert_null(g.reason);
    assert_true(slice_is(g.name, "psched") && slice_is(g.identity, "org.example.psched"));
    assert_int_equal(g.types_count, 2);
    assert_true(slice_is(g.types[0], "throughput") && slice_is(g.labels[1], "Collect-trace*"));
    assert_int_equal(g.per_second, 5);
    assert_null(g.secret.at);
    assert_false(access_token(a, slice_of(TOKEN), &inside, before_us + 1, &g));
    assert_string_equal(g.reason, "ended");
    assert_true(slice_is(g.name, "psched"));
    assert_false(access_token(a, slice_of(TOKEN), &outside, before_us, &g));
    assert_string_equal(g.reason, "elsewhere");
    assert_false(access_allows(a, slice_of("org.example.psched"), slice_of("Collect-throughput")));
    access_free(&a);
}

static void test_unknown_tokens(void **state)
{
    static const char *const unknown[] = {"",
                                          "ezr_",
                                          "ezr_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9",
                                          TOKEN "A",
                                          "EZR_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                                          DIGEST,
                                          "psched"};
    (void)state;
    struct access *a = read_one_token();
    struct address peer = address_of("192.0.2.7");
    struct access_grant g;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_false(access_token(a, slice_of(unknown[i]), &peer, 0, &g));
        assert_string_equal(g.reason, "unknown");
        assert_null(g.name.at);
    }
    access_free(&a);
    a = read_stored("{}");
    assert_false(access_token(a, slice_of(TOKEN), &peer, 0, &g));
    access_free(&a);
}

static void test_key(void **state)
{
    static const uint8_t id[ACCESS_KEY_ID] = {0, 1, 2, 3, 4, 5, 6, 255};
    static const uint8_t another[ACCESS_KEY_ID] = {0, 1, 2, 3, 4, 5, 6, 254};
    (void)state;
    struct access *a = read_stored(
        "{\"keys\": [{\"name\": \"z\", \"id\": \"ff010203040506ff\", \"identity\": \"z\","
        " \"types\": [\"*\"]},"
        "{\"name\": \"k\", \"id\": \"00010203040506ff\", \"secret\": \"" SECRET "\","
        " \"identity\": \"probe-1\", \"types\": [\"ping\"]}]}");
    struct address peer = address_of("2001:db8::1");
    struct access_grant g;
    assert_non_null(a);
    assert_true(access_key(a, id, &peer, INT64_MAX - 1, &g));
    assert_int_equal(g.secret.len, ACCESS_SECRET);
    assert_int_equal(g.secret.at[31], 31);
    assert_int_equal(g.per_second, 0);
    assert_false(access_key(a, another, &peer, 0, &g));
    assert_string_equal(g.reason, "unknown");
    access_free(&a);
}

/* Roles of both documents are one where they have one name. */
static void test_stored_beside_configured(void **state)
{
    static const struct json_limits limits = {8, 1000, 4096, false};
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct document *d = faults_begin(&told);
    struct document_place tree = document_parse(
        d, arena,
        slice_of("{\"roles\": {\"reader\": [\"ann\"]}, \"authorizations\": {\"Query*\": "
                 "[\"reader\"]}}"),
        &limits);
    struct access *a = access_read(
        d, "x.access", tree.node,
        slice_of("{\"roles\": {\"reader\": [\"bob\"], \"admin\": [\"zoe\"]}, "
                 "\"authorizations\": {\"SetGrading\": [\"admin\"]}, \"tokens\": [], \"keys\": "
                 "[]}"));
    struct access *b = access_read(d, "x.access", tree.node, slice_of("{}"));
    assert_non_null(a);
    assert_true(access_allows(a, slice_of("ann"), slice_of("QueryPeriods")));
    assert_true(access_allows(a, slice_of("bob"), slice_of("QueryPeriods")));
    assert_true(access_allows(a, slice_of("zoe"), slice_of("SetGrading")));
    assert_false(access_allows(a, slice_of("zoe"), slice_of("QueryPeriods")));
    assert_false(access_allows(b, slice_of("bob"), slice_of("QueryPeriods")));
    assert_false(access_equal(a, b));
    assert_true(access_equal(a, a));
    assert_int_equal(access_rules(a), 2);
    access_free(&a);
    access_free(&b);
    arena_free(&arena);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"tokens\": {}}", "tokens: expected a list, found object"},
        {"{\"token\": []}", "token: unknown, expected one of roles authorizations tokens keys"},
        {"{\"tokens\": [{\"name\": \"a b\", \"digest\": \"" DIGEST
         "\", \"identity\": \"i\", \"types\": [\"*\"]}]}",
         "tokens[0].name: expected a name of letters, digits and . _ - @ : / +, found \"a b\""},
        {"{\"tokens\": [{\"name\": \"a\", \"digest\": \"" TOKEN
         "\", \"identity\": \"i\", \"types\": [\"*\"]}]}",
         "tokens[0].digest: expected 64 small hexadecimal digits"},
        {"{\"tokens\": [{\"name\": \"a\", \"digest\": \"" DIGEST
         "\", \"identity\": \"i\", \"types\": []}]}",
         "tokens[0].types: expected at least one type"},
        {"{\"keys\": [{\"name\": \"a\", \"id\": \"0011\", \"identity\": \"i\", \"types\": "
         "[\"*\"]}]}",
         "keys[0].id: expected 16 small hexadecimal digits, found \"0011\""},
        {"{\"keys\": [{\"name\": \"a\", \"id\": \"0011223344556677\", \"secret\": \"short\", "
         "\"identity\": \"i\", \"types\": [\"*\"]}]}",
         "keys[0].secret: expected 32 bytes in base64"},
        {"{\"keys\": [{\"name\": \"a\", \"id\": \"0011223344556677\", \"identity\": \"i\", "
         "\"types\": [\"*\"]}, {\"name\": \"a\", \"id\": \"0011223344556678\", \"identity\": "
         "\"i\", \"types\": [\"*\"]}]}",
         "keys[1]: expected a name of its own, that of [0] is the same"},
        {"{\"keys\": [{\"name\": \"a\", \"id\": \"0011223344556677\", \"identity\": \"i\", "
         "\"types\": [\"*\"]}, {\"name\": \"b\", \"id\": \"0011223344556677\", \"identity\": "
         "\"i\", \"types\": [\"*\"]}]}",
         "keys[1]: expected an id of its own, that of [0] is the same"},
        {"{\"authorizations\": {\"Q\": [\"r\"]}}",
         "authorizations.Q[0]: expected a role that is in access.roles, found \"r\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(read_stored(cases[i].text));
        ASSERT_FAULTS(&told, cases[i].says);
    }
}

static void test_all_faults_at_once(void **state)
{
    (void)state;
    assert_null(read_stored(
        "{\"tokens\": [{\"name\": 1, \"types\": [\"x\\\\y\", 2], \"from\": [\"192.0.2.0/33\"],"
        " \"until\": \"soon\", \"per_second\": 0, \"secret\": \"s\"}, {\"name\": \"t\"}]}"));
    assert_int_equal(told.document.faults > 3, 1);
    assert_null(read_stored(
        "{\"tokens\": [{\"name\": \"t\", \"digest\": \"" DIGEST
        "\", \"identity\": \"\", \"types\": [\"x\\\\y\", 2], \"from\": [\"192.0.2.0/33\", []],"
        " \"until\": \"soon\", \"per_second\": 0}]}"));
    ASSERT_FAULTS(&told, "tokens[0].identity: expected a string of 1..250 bytes, found 0",
                  "tokens[0].types[0]: expected a pattern, found \"x\\y\"",
                  "tokens[0].types[1]: expected a string, found 2",
                  "tokens[0].from[0]: expected an address or a prefix, found \"192.0.2.0/33\"",
                  "tokens[0].from[1]: expected a string, found array",
                  "tokens[0].until: expected a time as in RFC 3339, found \"soon\"",
                  "tokens[0].per_second: expected a whole number per second 1..1000000, found 0");
}

static void test_texts(void **state)
{
    uint8_t bytes[ACCESS_SECRET], again[ACCESS_SECRET];
    char token[ACCESS_TOKEN_BYTES + 1], text[CREDENTIAL_BASE64_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    credential_token(bytes, token);
    assert_string_equal(token, TOKEN);
    credential_base64(bytes, text);
    assert_string_equal(text, SECRET);
    assert_int_equal(credential_unbase64(slice_of(SECRET), again), 0);
    assert_memory_equal(bytes, again, sizeof bytes);
    memset(bytes, 0xfb, sizeof bytes);
    credential_token(bytes, token);
    assert_string_equal(token, "ezr_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
    static const char *const no_secrets[] = {
        "",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        " " SECRET,
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", /* bits that are no byte's */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh-=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh==",
        NULL};
    for (size_t i = 0; no_secrets[i] != NULL; i++) {
        assert_int_equal(credential_unbase64(slice_of(no_secrets[i]), again), -1);
    }
    assert_int_equal(credential_unhex(slice_of("00fF"), again, 2), -1);
    assert_int_equal(credential_unhex(slice_of("00ff"), again, 2), 0);
    assert_int_equal(again[1], 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),   cmocka_unit_test(test_unknown_tokens),
        cmocka_unit_test(test_key),     cmocka_unit_test(test_stored_beside_configured),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_all_faults_at_once),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
