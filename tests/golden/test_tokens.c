/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane/tokens.json: the digests that the SDK computes for 11 messages. A specification's own
 * digest by constraints ("mpcv_hash") uses those of the capability it came from, which stands in
 * the same file.
 */
#include "tests/golden/mplane_core.h"

#include "common/mplane/token.h"

/* The capability from which the named specification was made. */
static const char *const made_from[][2] = {
    {"relative", "cap-ping-detail"},
    {"definite", "cap-query"},
    {"past-now", "cap-ping-detail"},
    {"repeated", "cap-ping-detail"},
};

static const struct mplane_message *read_case(struct arena *a, const struct registry *r,
                                              const struct json *cases, struct slice name)
{
    char error[200] = "";
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        if (slice_equal(json_get(c, "name")->text, name)) {
            const struct mplane_message *m =
                mplane_message_read(a, json_get(c, "message"), r, error, sizeof error);
            if (m == NULL) {
                fail_msg("%.*s: %s", (int)name.len, name.at, error);
            }
            return m;
        }
    }
    fail_msg("no case %.*s", (int)name.len, name.at);
    return NULL;
}

static const struct mplane_message *capability_of(struct arena *a, const struct registry *r,
                                                  const struct json *cases, struct slice name)
{
    for (size_t i = 0; i < sizeof made_from / sizeof made_from[0]; i++) {
        if (slice_is(name, made_from[i][0])) {
            return read_case(a, r, cases, slice_of(made_from[i][1]));
        }
    }
    return NULL;
}

/* Compares with the vector's member where it has one; how many were compared. */
static unsigned compare(const struct json *c, const char *key, const char *token)
{
    if (json_get(c, key) == NULL) {
        return 0;
    }
    vectors_equal(slice_of(token), vectors_text(c, key), vectors_text(c, "name"));
    return 1;
}

static void test_tokens(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 << 20);
    struct registry *r = core_registry(a);
    const struct json *cases = vectors_cases(a, "tokens.json", 11);
    unsigned compared = 0, given = 0;
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        struct slice name = vectors_text(c, "name");
        const struct mplane_message *m = read_case(a, r, cases, name);
        const struct mplane_message *capability =
            m->kind == MPLANE_CAPABILITY ? m : capability_of(a, r, cases, name);
        char token[TOKEN_TEXT];
        assert_int_equal(token_of_statement(a, m, capability, r, token), 0);
        compared += compare(c, "mpcv_hash", token);
        compared += compare(c, "token_when_none_on_wire", token);
        if (m->kind == MPLANE_CAPABILITY) {
            assert_int_equal(token_of_capability(a, m, r, token), 0);
            compared += compare(c, "token", token);
            if (m->token.at != NULL) {
                vectors_equal(m->token, slice_of(token), name);
                given++;
            }
        }
        assert_int_equal(token_of_values(a, m, r, token), 0);
        compared += compare(c, "pv_hash", token);
        if (m->kind == MPLANE_SPECIFICATION && when_is_definite(&m->when)) {
            assert_int_equal(token_of_specification(a, m, token), 0);
            vectors_equal(m->token, slice_of(token), name);
            given++;
        }
    }
    assert_int_equal(compared, 25);
    assert_int_equal(given, 5);
    registry_free(&r);
    arena_free(&a);
}

/* A list counts as Python shows it; the order of sections in the message does not count. */
static void test_order(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"specification\":\"query\",\"registry\":\"r\",\"when\":\"2016-01-01\","
        "\"parameters\":{\"b\":[\"x'y\",\"\\\\\"],\"a\":\"1\"},\"results\":[\"d\",\"c\"]}",
        "{\"results\":[\"c\",\"d\"],\"parameters\":{\"a\":\"1\",\"b\":[\"x'y\",\"\\\\\"]},"
        "\"when\":\"2016-01-01\",\"registry\":\"r\",\"specification\":\"query\"}"};
    struct arena *a = arena_new(1 << 20);
    char error[200], token[2][TOKEN_TEXT];
    for (int i = 0; i < 2; i++) {
        const struct json *tree =
            json_parse(a, slice_of(texts[i]), &mplane_limits, error, sizeof error);
        const struct mplane_message *m = mplane_message_read(a, tree, NULL, error, sizeof error);
        assert_non_null(m);
        assert_int_equal(token_of_specification(a, m, token[i]), 0);
    }
    assert_string_equal(token[0], token[1]);
    /* md5("rquery w 2016-01-01 00:00:00.000000 pk a b pv 1 [\"x'y\", '\\\\'] r c d") */
    assert_string_equal(token[0], "e4f39319274a36a81a6425c52b86a40f");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
