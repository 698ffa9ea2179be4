/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane/messages: 47 messages of every kind as the SDK writes them, and how it writes them again
 * after reading. Ours are read and written byte for byte as they came; where the SDK loses
 * something or fails, we don't.
 */
#include "tests/golden/mplane_core.h"

#include "common/mplane/mplane_message.h"
#include "common/mplane/token.h"

/* The SDK writes these otherwise than it read them: what we keep. */
static const char *const kept[][2] = {
    {"capability-export", "the SDK moves export to link"},
    {"capability-collect", "the SDK moves export to link"},
    {"specification-export", "the SDK moves export to link"},
    {"result-all-primitives", "the SDK rounds naturals to 53 bits"},
};

/* The SDK cannot write these again. */
static const struct {
    const char *name;
    bool null_times; /* a null in a time column: the SDK writes "*", which nobody can read */
} sdk_fails[] = {
    {"withdrawal", false},
    {"withdrawal-token-only", false},
    {"envelope-withdrawal", false},
    {"receipt-token-only", false},
    {"redemption-token-only", false},
    {"interrupt-token-only", false},
    {"result-sparse", true},
    {"result-with-period", true},
};

static const struct mplane_message *read_text(struct arena *a, const struct registry *r,
                                              struct slice text, struct slice name)
{
    char error[300] = "";
    const struct json *tree = json_parse(a, text, &mplane_limits, error, sizeof error);
    const struct mplane_message *m =
        tree == NULL ? NULL : mplane_message_read(a, tree, r, error, sizeof error);
    if (m == NULL) {
        fail_msg("%.*s: %s", (int)name.len, name.at, error);
    }
    return m;
}

/* The first cell of each row, which is a time, null instead of "*". */
static struct slice with_null_times(struct arena *a, struct slice text)
{
    static const char row[] = "[\n      \"*\"", null_row[] = "[\n      null";
    char *out = arena_alloc(a, 2 * text.len);
    size_t len = 0, replaced = 0;
    for (size_t i = 0; i < text.len;) {
        if (text.len - i >= sizeof row - 1 && memcmp(text.at + i, row, sizeof row - 1) == 0) {
            memcpy(out + len, null_row, sizeof null_row - 1);
            len += sizeof null_row - 1;
            i += sizeof row - 1;
            replaced++;
        } else {
            out[len++] = text.at[i++];
        }
    }
    assert_true(replaced > 0);
    return (struct slice){out, len};
}

/* What the vector says of the token: on the wire, or else what the SDK computes. */
static void check_token(struct arena *a, const struct registry *r, const struct json *c,
                        const struct mplane_message *m)
{
    const struct json *token = json_get(c, "token");
    char computed[TOKEN_TEXT];
    if (token->type == JSON_NULL) {
        assert_null(m->token.at);
    } else if (m->token.at != NULL) {
        vectors_equal(m->token, token->text, vectors_text(c, "name"));
    } else {
        assert_true(m->kind == MPLANE_CAPABILITY || m->kind == MPLANE_SPECIFICATION);
        assert_int_equal(m->kind == MPLANE_CAPABILITY ? token_of_capability(a, m, r, computed)
                                                      : token_of_specification(a, m, computed),
                         0);
        vectors_equal(slice_of(computed), token->text, vectors_text(c, "name"));
    }
}

static struct slice file_of(struct arena *a, struct slice name, const char *suffix)
{
    return vectors_bytes(a,
                         arena_printf(a, "messages/%.*s%s.json", (int)name.len, name.at, suffix));
}

/* Whether the SDK loses something when it writes the message again; then its version is one, too.
 */
static bool check_kept(struct arena *a, const struct registry *r, struct slice name)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (slice_is(name, kept[i][0])) {
            struct slice text = file_of(a, name, ".roundtrip");
            vectors_equal(mplane_message_write(a, read_text(a, r, text, name), r), text, name);
            return true;
        }
    }
    return false;
}

static int sdk_failure(struct slice name)
{
    for (size_t i = 0; i < sizeof sdk_fails / sizeof sdk_fails[0]; i++) {
        if (slice_is(name, sdk_fails[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

/*
 * A copy is written as the message is, also when what the message was read with is gone; where it
 * finds no room there is none.
 */
static void check_copy(struct arena *a, const struct registry *r, struct slice text,
                       struct slice name)
{
    struct arena *gone = arena_new(16 << 20), *own = arena_new(16 << 20);
    const struct mplane_message *m = read_text(gone, r, text, name);
    struct slice expected = arena_copy(a, mplane_message_write(gone, m, r));
    const struct mplane_message *copy = mplane_message_copy(own, m);
    assert_non_null(copy);
    size_t taken = arena_used(own);
    struct arena *small = arena_new(taken - 1);
    assert_null(mplane_message_copy(small, m));
    arena_free(&small);
    arena_free(&gone);
    assert_int_equal(arena_used(own), taken);
    vectors_equal(mplane_message_write(a, copy, r), expected, name);
    arena_free(&own);
}

struct seen {
    unsigned identical, kept, failing, unwritable;
};

static void check_case(struct arena *a, const struct registry *r, const struct json *c,
                       struct seen *seen)
{
    struct slice name = vectors_text(c, "name");
    if (json_get(c, "error") != NULL) {
        /* Never a file: see test_unwritable. */
        seen->unwritable++;
        return;
    }
    struct slice text = file_of(a, name, ""), expected = text;
    const struct mplane_message *m = read_text(a, r, text, name);
    assert_true(json_is(json_get(c, "kind"), mplane_kind_name(m->kind)));
    check_token(a, r, c, m);
    int failure = sdk_failure(name);
    if (json_get(c, "roundtrip_error") != NULL) {
        assert_int_not_equal(failure, -1);
        expected = sdk_fails[failure].null_times ? with_null_times(a, text) : text;
        seen->failing++;
    } else if (json_get(c, "roundtrip_identical")->type == JSON_FALSE) {
        assert_true(check_kept(a, r, name));
        seen->kept++;
    } else {
        seen->identical++;
    }
    struct slice written = mplane_message_write(a, m, r);
    vectors_equal(written, expected, name);
    vectors_equal(mplane_message_write(a, read_text(a, r, written, name), r), written, name);
    check_copy(a, r, text, name);
}

static void test_messages(void **state)
{
    (void)state;
    struct arena *a = arena_new(128 << 20);
    struct registry *r = core_registry(a);
    struct seen seen = {0};
    const struct json *cases = vectors_cases(a, "messages/index.json", 47);
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        check_case(a, r, c, &seen);
    }
    assert_int_equal(seen.failing, sizeof sdk_fails / sizeof sdk_fails[0]);
    assert_int_equal(seen.kept, sizeof kept / sizeof kept[0]);
    assert_int_equal(seen.unwritable, 2);
    assert_int_equal(seen.identical, 33);
    registry_free(&r);
    arena_free(&a);
}

/* The two messages the SDK cannot write ("must fail"): nor do we. */
static void test_unwritable(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    struct slice name = slice_of("specification-definite-token");
    struct mplane_message m = *read_text(a, r, file_of(a, name, ""), name);
    m.parameters[0].count = 0;
    assert_null(mplane_message_write(a, &m, r).at);
    name = slice_of("result-no-rows");
    m = *read_text(a, r, file_of(a, name, ""), name);
    m.when = (struct when){.start = WHEN_AT_PAST, .end = WHEN_AT_FUTURE};
    assert_null(mplane_message_write(a, &m, r).at);
    registry_free(&r);
    arena_free(&a);
}

static const char *const faults[][2] = {
    {"[]", "expected a message, found array"},
    {"{}", "expected exactly one of the keys"},
    {"{\"result\":\"query\",\"receipt\":\"query\"}", "found 2"},
    {"{\"specification\":5}", "specification: expected a string, found number"},
    {"{\"specification\":\"query\"}", "when: expected the temporal scope"},
    {"{\"specification\":\"query\",\"when\":\"past\"}", "when: impossible scope"},
    {"{\"specification\":\"query\",\"when\":5}", "when: expected a string, found number"},
    {"{\"specification\":\"query\",\"when\":\"now\",\"version\":2}",
     "version: expected at most 1, found number 2"},
    {"{\"specification\":\"query\",\"when\":\"now\",\"version\":{}}",
     "version: expected at most 1, found object"},
    {"{\"specification\":\"query\",\"when\":\"now\",\"parameters\":[]}",
     "parameters: expected an object, found array"},
    {"{\"specification\":\"query\",\"when\":\"now\",\"parameters\":{\"no.such\":\"1\"}}",
     "parameters.no.such: no element of the name \"no.such\""},
    {"{\"specification\":\"query\",\"when\":\"now\",\"parameters\":{\"source.port\":\"x\"}}",
     "parameters.source.port: expected a natural number, found \"x\""},
    {"{\"specification\":\"query\",\"when\":\"now\","
     "\"parameters\":{\"source.port\":[\"1\",{}]}}",
     "parameters.source.port[1]: expected a string, number, boolean or null, found an object"},
    {"{\"capability\":\"query\",\"when\":\"now\",\"parameters\":{\"source.port\":[\"1\"]}}",
     "parameters.source.port: expected a string, number, boolean or null, found an array"},
    {"{\"capability\":\"query\",\"when\":\"now\",\"parameters\":{\"source.port\":\"1 .. 2\"}}",
     "parameters.source.port: expected a natural number, found \"1 .. 2\""},
    {"{\"specification\":\"query\",\"when\":\"now\",\"metadata\":{\"source.port\":{}}}",
     "metadata.source.port: expected a string"},
    {"{\"specification\":\"query\",\"when\":\"now\",\"results\":[5]}",
     "results: expected names, found number"},
    {"{\"specification\":\"query\",\"when\":\"now\",\"results\":[\"time\",\"time\"]}",
     "results: expected each column once, found \"time\" twice"},
    {"{\"result\":\"query\",\"when\":\"now\",\"results\":[\"time\"]}",
     "when: expected an absolute scope"},
    {"{\"result\":\"query\",\"when\":\"2016-01-01\",\"resultvalues\":[[]]}",
     "resultvalues: there are no columns"},
    {"{\"result\":\"query\",\"when\":\"2016-01-01\",\"results\":[\"time\"],"
     "\"resultvalues\":[[\"now\"],[\"now\",\"1\"]]}",
     "resultvalues[1]: expected at most 1 values, found 2"},
    {"{\"result\":\"query\",\"when\":\"2016-01-01\",\"results\":[\"time\"],"
     "\"resultvalues\":[[\"tomorrow\"]]}",
     "resultvalues[0][0]: expected a time"},
    {"{\"redemption\":\"query\"}", "token: expected the token of what the redemption is for"},
    {"{\"envelope\":\"message\"}", "contents: expected an array of messages, found nothing"},
    {"{\"envelope\":\"message\",\"contents\":[{\"envelope\":\"x\",\"contents\":[5]}]}",
     "contents[0].contents[0]: expected a message, found number"},
    {"{\"exception\":\"t\",\"message\":5}", "message: expected a string, found number"},
};

/* What is not a message: the fault says where and what. */
static void test_faults(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    char error[300];
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct json *tree =
            json_parse(a, slice_of(faults[i][0]), &mplane_limits, error, sizeof error);
        assert_non_null(tree);
        error[0] = '\0';
        assert_null(mplane_message_read(a, tree, r, error, sizeof error));
        if (strstr(error, faults[i][1]) == NULL) {
            fail_msg("%s: expected \"%s\", found \"%s\"", faults[i][0], faults[i][1], error);
        }
    }
    registry_free(&r);
    arena_free(&a);
}

/* Read liberally: each is written as the second. */
static void test_liberal(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        /* JSON's own values; a short row; version missing, "1" or 0; an empty link is none. */
        {"{\"result\":\"query\",\"when\":\"2016-01-01\",\"link\":\"\",\"unknown\":[1],"
         "\"results\":[\"time\",\"octets.ip\",\"connectivity.ip\",\"cpuload\"],\"resultvalues\":"
         "[[\"2016-01-01T01:00:00Z\",18446744073709551615,true,1e-7],[null,null,null],[]]}",
         "{\n  \"result\": \"query\",\n  \"results\": [\n    \"time\",\n    \"octets.ip\",\n"
         "    \"connectivity.ip\",\n    \"cpuload\"\n  ],\n  \"resultvalues\": [\n    [\n"
         "      \"2016-01-01 01:00:00.000000\",\n      \"18446744073709551615\",\n"
         "      \"True\",\n      \"1e-07\"\n    ],\n    [\n      null,\n      \"*\",\n"
         "      \"*\",\n      \"*\"\n    ],\n    [\n      null,\n      \"*\",\n      \"*\",\n"
         "      \"*\"\n    ]\n  ],\n  \"version\": 1,\n"
         "  \"when\": \"2016-01-01 00:00:00.000000\"\n}"},
        {"{\"redemption\":\"query\",\"version\":\"1\",\"token\":\"t\",\"label\":null}",
         "{\n  \"redemption\": \"query\",\n  \"token\": \"t\",\n  \"version\": 1\n}"},
        {"{\"exception\":\"SomeException\",\"token\":\"t\"}",
         "{\n  \"exception\": \"t\",\n  \"message\": \"\"\n}"},
        {"{\"capability\":\"query\",\"version\":0,\"when\":\"past...future\","
         "\"parameters\":{\"source.port\":5,\"source.ip4\":\"\",\"destination.ip4\":null}}",
         "{\n  \"capability\": \"query\",\n  \"parameters\": {\n    \"destination.ip4\": \"*\",\n"
         "    \"source.ip4\": \"*\",\n    \"source.port\": \"5\"\n  },\n  \"version\": 1,\n"
         "  \"when\": \"past ... future\"\n}"},
        {"{\"envelope\":\"message\",\"contents\":[],\"label\":\"\\u00e9\\ud83d\\ude00\\u007f\\b\"}",
         "{\n  \"contents\": [],\n  \"envelope\": \"message\",\n"
         "  \"label\": \"\\u00e9\\ud83d\\ude00\\u007f\\b\",\n  \"version\": 1\n}"},
    };
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct slice name = slice_of(texts[i][0]);
        const struct mplane_message *m = read_text(a, r, name, name);
        vectors_equal(mplane_message_write(a, m, r), slice_of(texts[i][1]), name);
    }
    registry_free(&r);
    arena_free(&a);
}

/* Without a registry values stay as they are, and names are not looked up. */
static void test_without_registry(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    struct slice text = slice_of("{\"specification\":\"query\",\"when\":\"now\",\"parameters\":"
                                 "{\"a\":\"1e3\",\"b\":\"*\",\"c\":[\"x\",2]}}");
    const struct mplane_message *m = read_text(a, NULL, text, text);
    vectors_equal(mplane_message_value(m, "a"), slice_of("1e3"), text);
    assert_null(mplane_message_value(m, "b").at);
    assert_null(mplane_message_value(m, "c").at);
    assert_null(mplane_message_value(m, "d").at);
    assert_int_equal(mplane_message_parameter(m, slice_of("c"))->count, 2);
    vectors_equal(mplane_message_parameter(m, slice_of("c"))->values[1], slice_of("2"), text);
    arena_free(&a);
}

/* Bytes that are no UTF-8 never leave as such. */
static void test_not_utf8(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"a\xff", "a\\ufffd"},
        {"\xc3", "\\ufffd"},
        {"\xc0\x80", "\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
    };
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct mplane_message m = mplane_exception((struct slice){NULL, 0}, slice_of(texts[i][0]));
        const char *expected =
            arena_printf(a, "{\n  \"exception\": null,\n  \"message\": \"%s\"\n}", texts[i][1]);
        vectors_equal(mplane_message_write(a, &m, NULL), slice_of(expected), slice_of(texts[i][1]));
    }
    arena_free(&a);
}

/* The answers to a message: its sections, without link, export and rows. */
static void test_answers(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    struct slice name = slice_of("specification-link");
    const struct mplane_message *m = read_text(a, r, file_of(a, name, ""), name);
    struct mplane_message receipt = mplane_message_answer(MPLANE_RECEIPT, m);
    struct slice text = mplane_message_write(a, &receipt, r);
    assert_non_null(memmem(text.at, text.len, "\"receipt\": \"measure\"", 20));
    assert_null(memmem(text.at, text.len, "link", 4));
    const struct mplane_message *again = read_text(a, r, text, name);
    vectors_equal(again->token, m->token, name);
    vectors_equal(again->label, m->label, name);
    assert_int_equal(again->parameter_count, m->parameter_count);
    assert_int_equal(mplane_message_column(again, slice_of("delay.twoway.icmp.us")), 1);
    assert_int_equal(mplane_message_column(again, slice_of("octets.ip")), -1);
    registry_free(&r);
    arena_free(&a);
}

/* The token of what cannot be read, for the exception that answers it. */
static void test_token_of_unreadable(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    char error[100];
    struct slice text = slice_of("{\"token\":\"t\",\"nonsense\":1}");
    const struct json *tree = json_parse(a, text, &mplane_limits, error, sizeof error);
    struct mplane_members m;
    mplane_members_sort(tree, &m);
    vectors_equal(mplane_members_text(&m, MPLANE_KEY_TOKEN), slice_of("t"), text);
    assert_null(mplane_message_read(a, tree, NULL, error, sizeof error));
    mplane_members_sort(tree->first, &m);
    assert_null(mplane_members_text(&m, MPLANE_KEY_TOKEN).at);
    mplane_members_sort(NULL, &m);
    assert_null(mplane_members_text(&m, MPLANE_KEY_TOKEN).at);
    arena_free(&a);
}

static const struct {
    const char *parameters, *results, *rest;
    const char *reason; /* NULL: it does */
} fulfil_cases[] = {
    {"\"source.port\":\"5\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":[1,\"2\"]",
     "\"octets.ip\",\"time\"", "\"when\":\"past ... now\",\"registry\":\"r\"", NULL},
    {"\"source.port\":\"5\",\"source.ip4\":null,\"destination.port\":[]", "\"time\",\"octets.ip\"",
     "\"when\":\"now\",\"registry\":\"r\"", NULL},
    {"\"source.port\":\"10\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":[]",
     "\"time\",\"octets.ip\"", "\"when\":\"now\",\"registry\":\"r\"", "source.port"},
    {"\"source.port\":[\"5\"],\"source.ip4\":\"192.0.2.1\",\"destination.port\":[]",
     "\"time\",\"octets.ip\"", "\"when\":\"now\",\"registry\":\"r\"", "expected one value"},
    {"\"source.port\":\"5\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":\"1\"",
     "\"time\",\"octets.ip\"", "\"when\":\"now\",\"registry\":\"r\"", "expected a list"},
    {"\"source.port\":\"5\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":[\"3\"]",
     "\"time\",\"octets.ip\"", "\"when\":\"now\",\"registry\":\"r\"", "destination.port"},
    {"\"source.port\":\"5\",\"destination.port\":[]", "\"time\",\"octets.ip\"",
     "\"when\":\"now\",\"registry\":\"r\"", "a parameter is missing: source.ip4"},
    {"\"source.port\":\"5\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":[],"
     "\"cpuload\":\"1\"",
     "\"time\",\"octets.ip\"", "\"when\":\"now\",\"registry\":\"r\"", "no such parameter: cpuload"},
    {"\"source.port\":\"5\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":[]", "\"time\"",
     "\"when\":\"now\",\"registry\":\"r\"", "a result column is missing: octets.ip"},
    {"\"source.port\":\"5\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":[]",
     "\"time\",\"octets.ip\",\"cpuload\"", "\"when\":\"now\",\"registry\":\"r\"",
     "no such result column: cpuload"},
    {"\"source.port\":\"5\",\"source.ip4\":\"192.0.2.1\",\"destination.port\":[]",
     "\"time\",\"octets.ip\"", "\"when\":\"now\",\"registry\":\"s\"", "registry is r"},
};

static void test_fulfils(void **state)
{
    (void)state;
    static const int64_t now_us = INT64_C(1455796800000000);
    static const char capability[] =
        "{\"capability\":\"query\",\"when\":\"past ... future\",\"registry\":\"r\",\"parameters\":"
        "{\"source.port\":\"1 ... 9\",\"source.ip4\":\"*\",\"destination.port\":\"[1,2]\"},"
        "\"results\":[\"time\",\"octets.ip\"]}";
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    const struct mplane_message *offered =
        read_text(a, r, slice_of(capability), slice_of("capability"));
    for (size_t i = 0; i < sizeof fulfil_cases / sizeof fulfil_cases[0]; i++) {
        char error[200] = "";
        struct slice text = slice_of(arena_printf(
            a, "{\"specification\":\"measure\",\"parameters\":{%s},\"results\":[%s],%s}",
            fulfil_cases[i].parameters, fulfil_cases[i].results, fulfil_cases[i].rest));
        const struct mplane_message *m = read_text(a, r, text, text);
        bool does = mplane_message_fulfils(a, m, offered, r, now_us, error, sizeof error);
        if (does != (fulfil_cases[i].reason == NULL) ||
            (!does && strstr(error, fulfil_cases[i].reason) == NULL)) {
            fail_msg("%.*s: \"%s\"", (int)text.len, text.at, error);
        }
    }
    struct mplane_message past = *offered;
    past.when = (struct when){.start = WHEN_AT_PAST, .end = WHEN_AT_NOW, .has_period = true};
    past.when.period_us = 1;
    char error[200];
    assert_false(mplane_message_fulfils(a, offered, &past, r, now_us, error, sizeof error));
    assert_non_null(strstr(error, "temporal scope"));
    registry_free(&r);
    arena_free(&a);
}

/* A message that finds no room is refused, not cut. */
static void test_full(void **state)
{
    (void)state;
    struct arena *big = arena_new(16 << 20), *small = arena_new(200);
    struct slice name = slice_of("result-multi-row");
    struct slice text = file_of(big, name, "");
    char error[200] = "";
    const struct json *tree = json_parse(big, text, &mplane_limits, error, sizeof error);
    assert_null(mplane_message_read(small, tree, NULL, error, sizeof error));
    assert_non_null(strstr(error, "too large"));
    const struct mplane_message *m = mplane_message_read(big, tree, NULL, error, sizeof error);
    arena_reset(small);
    assert_null(mplane_message_write(small, m, NULL).at);
    arena_free(&small);
    arena_free(&big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),         cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_faults),           cmocka_unit_test(test_liberal),
        cmocka_unit_test(test_without_registry), cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_answers),          cmocka_unit_test(test_token_of_unreadable),
        cmocka_unit_test(test_fulfils),          cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
