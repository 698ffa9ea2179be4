/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, authorisations, and what documents are refused. */
#include "tests/unit/faults.h"

#include "common/access/access.h"

static struct faults told;
static const struct slice nothing = {NULL, 0};

static struct access *read_text(const char *text)
{
    static const struct json_limits limits = {16, 10000, 4096, false};
    struct arena *a = arena_new(1 << 20);
    struct document *d = faults_begin(&told);
    struct document_place tree = document_parse(d, a, slice_of(text), &limits);
    struct access *access = access_read(d, "mplane-gw.access", tree.node, nothing);
    arena_free(&a); /* all is copied */
    return access;
}

static bool allows(const struct access *a, const char *identity, const char *label)
{
    return access_allows(a, slice_of(identity), slice_of(label));
}

static void test_roles_and_labels(void **state)
{
    (void)state;
    struct access *a =
        read_text("{\"roles\": {\"reader\": [\"org.example.ann\", \"org.example.team.*\"],"
                  "            \"admin\": [\"org.example.zoe\"], \"idle\": []},"
                  " \"authorizations\": {\"Query*\": [\"reader\", \"admin\"],"
                  "                      \"SetGrading\": [\"admin\", \"idle\"]}}");
    assert_non_null(a);
    assert_true(allows(a, "org.example.ann", "QueryPeriods"));
    assert_true(allows(a, "org.example.team.bob", "QueryPeriods"));
    assert_true(allows(a, "org.example.zoe", "QueryPeriods"));
    assert_true(allows(a, "org.example.zoe", "SetGrading"));
    assert_false(allows(a, "org.example.ann", "SetGrading"));
    assert_false(allows(a, "org.example.ann", "GetGrading"));
    assert_int_equal(access_rules(a), 4);
    access_free(&a);
    assert_null(a);
}

/* Nothing is a substring match, and case matters. */
static void test_near_misses(void **state)
{
    (void)state;
    struct access *a = read_text("{\"roles\": {\"r\": [\"org.example.ann\"]},"
                                 " \"authorizations\": {\"Query\": [\"r\"]}}");
    assert_non_null(a);
    assert_true(allows(a, "org.example.ann", "Query"));
    assert_false(allows(a, "org.example.ann", "QueryPeriods"));
    assert_false(allows(a, "org.example.ann", "query"));
    assert_false(allows(a, "org.example.anna", "Query"));
    assert_false(allows(a, "org.example.Ann", "Query"));
    assert_false(allows(a, "x.org.example.ann", "Query"));
    assert_false(allows(a, "", "Query"));
    access_free(&a);
}

static void test_star_is_everybody_with_an_identity(void **state)
{
    (void)state;
    struct access *a =
        read_text("{\"roles\": {\"all\": [\"*\"]}, \"authorizations\": {\"*\": [\"all\"]}}");
    assert_non_null(a);
    assert_true(allows(a, "anybody", "SetGrading"));
    assert_false(allows(a, "", "SetGrading"));
    access_free(&a);
}

static void test_without_rules_all_is_denied(void **state)
{
    (void)state;
    struct access *a = access_read(faults_begin(&told), "mplane-gw.access", NULL, nothing);
    assert_non_null(a);
    assert_int_equal(access_rules(a), 0);
    assert_false(allows(a, "org.example.ann", "Query"));
    access_free(&a);
    a = read_text("{\"roles\": {\"all\": [\"*\"]}}");
    assert_non_null(a);
    assert_false(allows(a, "org.example.ann", "Query"));
    access_free(&a);
}

static void test_globs(void **state)
{
    (void)state;
    struct access *a =
        read_text("{\"roles\": {\"a\": [\"ann\"], \"b\": [\"bob\", \"ann\"]}, \"authorizations\": {"
                  "\"Collect-*\": [\"a\"], \"Collect-ping\": [\"b\"], \"Coll?ct-x\": [\"b\"], "
                  "\"*\": [\"b\"], "
                  "\"Query*\": [\"a\", \"b\"], \"Collect-\": [\"b\"], \"Collect\": [\"b\"], "
                  "\"Col*\": [\"b\"]}}");
    struct slice globs[8];
    assert_non_null(a);
    assert_int_equal(access_globs(a, slice_of("ann"), "Collect-", globs, 8), 5);
    assert_true(slice_is(globs[0], "Collect-*"));
    assert_true(slice_is(globs[4], "Col*"));
    assert_int_equal(access_globs(a, slice_of("bob"), "Collect-", globs, 8), 4);
    assert_int_equal(access_globs(a, slice_of("bob"), "Collect-", globs, 2), 2);
    assert_int_equal(access_globs(a, slice_of("carl"), "Collect-", globs, 8), 0);
    assert_int_equal(access_globs(a, slice_of(""), "Collect-", globs, 8), 0);
    access_free(&a);
}

static void test_refused_documents(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"[]", "mplane-gw.access: expected an object, found array"},
        {"{\"role\": {}}", "mplane-gw.access.role: unknown, expected one of roles authorizations"},
        {"{\"roles\": []}", "mplane-gw.access.roles: expected an object, found array"},
        {"{\"roles\": {\"a\": \"b\"}}", "mplane-gw.access.roles.a: expected a list, found \"b\""},
        {"{\"roles\": {\"a\": [1]}}", "mplane-gw.access.roles.a[0]: expected a string, found 1"},
        {"{\"roles\": {\"a\": [\"\"]}}",
         "mplane-gw.access.roles.a[0]: expected a string of 1..1024 bytes, found 0"},
        {"{\"roles\": {\"a\": [\"b\", \"x\\\\y\"]}}",
         "mplane-gw.access.roles.a[1]: expected a pattern, found \"x\\y\""},
        {"{\"roles\": {\"a\": []}, \"authorizations\": {\"x\\\\y\": [\"a\"]}}",
         "mplane-gw.access.authorizations.x\\y: expected a pattern for a name"},
        {"{\"authorizations\": {\"Q\": [\"a\"]}}",
         "mplane-gw.access.authorizations.Q[0]: expected a role that is in access.roles, found "
         "\"a\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(read_text(cases[i].text));
        ASSERT_FAULTS(&told, cases[i].says);
    }
}

static void test_all_faults_at_once(void **state)
{
    (void)state;
    assert_null(read_text("{\"rolls\": 1, \"roles\": {\"a\": 5, \"b\": [true, \"ann\", null]},"
                          " \"authorizations\": {\"Q\": [\"b\", \"c\"], \"R\": {}}}"));
    ASSERT_FAULTS(&told, "mplane-gw.access.rolls: unknown, expected one of roles authorizations",
                  "mplane-gw.access.roles.a: expected a list, found 5",
                  "mplane-gw.access.roles.b[0]: expected a string, found true",
                  "mplane-gw.access.roles.b[2]: expected a string, found null",
                  "mplane-gw.access.authorizations.Q[1]: expected a role that is in access.roles, "
                  "found \"c\"",
                  "mplane-gw.access.authorizations.R: expected a list, found object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles_and_labels),
        cmocka_unit_test(test_near_misses),
        cmocka_unit_test(test_star_is_everybody_with_an_identity),
        cmocka_unit_test(test_without_rules_all_is_denied),
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_refused_documents),
        cmocka_unit_test(test_all_faults_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
