/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, authorisations, and what documents are refused. */
#include "tests/unit/faults.h"

#include <stdio.h>

#include "common/access/access.h"
#include "common/access/series_bound.h"
#include "common/record_dimensions.h"

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
    assert_int_equal(access_globs(a, slice_of("bob"), "Collect-", globs, 2), -1);
    assert_int_equal(access_globs(a, slice_of("carl"), "Collect-", globs, 8), 0);
    assert_int_equal(access_globs(a, slice_of(""), "Collect-", globs, 8), 0);
    access_free(&a);
}

/* ---- roles that are bound to series ---- */

/* "type=a dest=b; dest=c": criteria without what may be any; "all", "may not". */
static const char *sees(const struct access *a, const char *identity, const char *label)
{
    static char text[4096];
    struct slice patterns[LIMIT_SEES * DIMENSION_COUNT];
    int count = access_sees(a, slice_of(identity), slice_of(label), patterns);
    size_t used = 0;
    if (count <= 0) {
        return count == 0 ? "all" : "may not";
    }
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", i == 0 ? "" : ";");
        for (int d = 0; d < DIMENSION_COUNT; d++) {
            struct slice p = patterns[i * DIMENSION_COUNT + d];
            if (!slice_is(p, "*")) {
                used += (size_t)snprintf(text + used, sizeof text - used, " %s=%.*s",
                                         dimension_rows[d].name, (int)p.len, p.at);
            }
        }
    }
    return text;
}

#define ROLES_OF_CUSTOMERS                                                                         \
    "{\"roles\": {\"acme\": {\"identities\": [\"ann\", \"bob\"],"                                  \
    "    \"sees\": [{\"dest\": \"192.0.2.0/24\"}, {\"type\": \"ping\", \"probe\": \"a*\"}],"       \
    "    \"delivers\": [{\"probe\": \"a*\"}]},"                                                    \
    " \"beta\": {\"identities\": [\"bob\"], \"sees\": [{\"dest\": \"2001:db8::/32\"},"             \
    "    {\"dest\": \"192.0.2.0/24\"}], \"delivers\": [{\"dest\": \"\"}]},"                        \
    " \"staff\": [\"zoe\", \"bob\"], \"more\": {\"sees\": [{\"path\": \"*\"}]}},"                  \
    " \"authorizations\": {\"Query*\": [\"acme\", \"beta\"], \"GetGrading\": [\"staff\", "         \
    "\"acme\"],"                                                                                   \
    "    \"QueryEvents\": [\"staff\"], \"Collect-ping\": [\"acme\", \"beta\"],"                    \
    "    \"Collect-trace*\": [\"staff\", \"beta\"]}}"

/* The union of the roles by which a capability may be used; one without a bound sees all. */
static void test_what_roles_see(void **state)
{
    (void)state;
    struct access *a = read_text(ROLES_OF_CUSTOMERS);
    assert_non_null(a);
    assert_string_equal(sees(a, "ann", "QueryEvents"), " dest=192.0.2.0/24; type=ping probe=a*");
    assert_string_equal(sees(a, "bob", "QueryPeriods"),
                        " dest=192.0.2.0/24; type=ping probe=a*; dest=2001:db8::/32");
    assert_string_equal(sees(a, "bob", "QueryEvents"), "all");
    assert_string_equal(sees(a, "bob", "GetGrading"), "all");
    assert_string_equal(sees(a, "ann", "GetGrading"), " dest=192.0.2.0/24; type=ping probe=a*");
    assert_string_equal(sees(a, "zoe", "QueryEvents"), "all");
    assert_string_equal(sees(a, "zoe", "QueryPeriods"), "may not");
    assert_string_equal(sees(a, "", "QueryPeriods"), "may not");
    assert_true(allows(a, "ann", "QueryPeriods") && !allows(a, "eve", "QueryPeriods"));
    access_free(&a);
}

static void note_holder(void *context, struct slice role, struct slice identity)
{
    char *text = context;
    size_t used = strlen(text);
    snprintf(text + used, 300 - used, "%.*s=%.*s ", (int)role.len, role.at,
             identity.at == NULL ? 1 : (int)identity.len, identity.at == NULL ? "-" : identity.at);
}

static void test_who_may(void **state)
{
    (void)state;
    char text[300] = "";
    struct access *a = read_text(
        "{\"roles\": {\"one\": [\"ann\", \"org.*\"], \"none\": [], \"bound\": {\"identities\": "
        "[\"bob\"], \"sees\": [{\"dest\": \"x\"}]}, \"other\": [\"eve\"]}, \"authorizations\": "
        "{\"Set*\": [\"one\", \"bound\", \"none\"], \"SetGrading\": [\"one\"], \"Query*\": "
        "[\"other\"]}}");
    assert_non_null(a);
    access_holders(a, slice_of("SetGrading"), note_holder, text);
    assert_string_equal(text, "one=ann one=org.* none=- ");
    text[0] = '\0';
    access_holders(a, slice_of("Collect-ping"), note_holder, text);
    assert_string_equal(text, "");
    access_free(&a);
}

/* One role, wherever its parts stand: what binds it in the store binds whom the configuration
 * names. */
static void test_a_bound_from_the_store(void **state)
{
    (void)state;
    static const struct json_limits limits = {16, 10000, 4096, false};
    struct arena *tree = arena_new(1 << 20);
    struct document *d = faults_begin(&told);
    struct document_place configured = document_parse(
        d, tree, slice_of("{\"roles\": {\"r\": [\"ann\"]}, \"authorizations\": {\"*\": [\"r\"]}}"),
        &limits);
    struct access *a = access_read(
        d, "access", configured.node,
        slice_of(
            "{\"roles\": {\"r\": {\"identities\": [\"bob\"], \"sees\": [{\"type\": \"x\"}]}}}"));
    arena_free(&tree);
    assert_non_null(a);
    assert_string_equal(sees(a, "ann", "QueryPeriods"), " type=x");
    assert_string_equal(sees(a, "bob", "QueryPeriods"), " type=x");
    access_free(&a);
}

/* More than a question can have is no question, not one with fewer. */
static void test_too_many_criteria(void **state)
{
    (void)state;
    char text[65536];
    int used = snprintf(text, sizeof text, "{\"roles\": {");
    for (int role = 0; role <= LIMIT_SEES / ACCESS_CRITERIA; role++) {
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "%s\"%d\": {\"identities\": [\"%s\"], \"sees\": [", role == 0 ? "" : ", ",
                         role, role == 0 ? "ann" : "*");
        for (int i = 0; i < ACCESS_CRITERIA; i++) {
            used += snprintf(text + used, sizeof text - (size_t)used, "%s{\"probe\": \"%d-%d\"}",
                             i == 0 ? "" : ", ", role, i);
        }
        used += snprintf(text + used, sizeof text - (size_t)used, "]}");
    }
    snprintf(text + used, sizeof text - (size_t)used,
             "}, \"authorizations\": {\"*\": [\"0\", \"1\", \"2\", \"3\", \"4\"]}}");
    struct access *a = read_text(text);
    struct slice patterns[LIMIT_SEES * DIMENSION_COUNT];
    assert_non_null(a);
    assert_int_equal(access_sees(a, slice_of("bob"), slice_of("Query"), patterns), LIMIT_SEES);
    assert_int_equal(access_sees(a, slice_of("ann"), slice_of("Query"), patterns), -1);
    access_free(&a);
}

static struct record_message record_of(const char *probe, const char *dest)
{
    struct slice none = slice_of("");
    return (struct record_message){.type = slice_of("ping"),
                                   .content = none,
                                   .probe = slice_of(probe),
                                   .source = none,
                                   .dest = slice_of(dest),
                                   .path = none};
}

/* Whether this identity may deliver a record of this probe and dest. */
static bool delivers(const struct access *a, const char *identity, bool credential,
                     const char *label, const char *probe, const char *dest)
{
    struct slice rows[LIMIT_DELIVERS * DELIVERS_ROW];
    struct record_message m = record_of(probe, dest);
    int count = access_delivers(a, slice_of(identity), credential, rows);
    assert_int_not_equal(count, -1);
    if (count == 0) {
        return true;
    }
    struct series_bound *b = series_bound_new(rows, (uint32_t)count * DELIVERS_ROW);
    assert_non_null(b);
    bool fits = series_bound_fits(b, slice_of(label), &m);
    series_bound_free(&b);
    return fits;
}

static void test_what_roles_deliver(void **state)
{
    (void)state;
    struct access *a = read_text(ROLES_OF_CUSTOMERS);
    assert_non_null(a);
    assert_true(delivers(a, "ann", false, "Collect-ping", "a1", "x"));
    assert_false(delivers(a, "ann", false, "Collect-ping", "b1", ""));
    assert_true(delivers(a, "bob", false, "Collect-ping", "b1", ""));
    assert_false(delivers(a, "bob", false, "Collect-ping", "b1", "x"));
    /* By staff he may deliver any trace, but no ping. */
    assert_true(delivers(a, "bob", false, "Collect-traceroute", "b1", "x"));
    assert_true(delivers(a, "zoe", false, "Collect-traceroute", "b1", "x"));
    /* A token has its types of itself: then beta's and acme's series count for any, unless staff's
     * right is for all. */
    assert_true(delivers(a, "ann", true, "Collect-dns", "a1", "x"));
    assert_false(delivers(a, "ann", true, "Collect-dns", "b1", "x"));
    assert_true(delivers(a, "bob", true, "Collect-dns", "b1", ""));
    assert_false(delivers(a, "bob", true, "Collect-dns", "b1", "x"));
    assert_true(delivers(a, "bob", true, "Collect-traceroute", "b1", "x"));
    assert_true(delivers(a, "zoe", true, "Collect-dns", "b1", "x"));
    assert_true(delivers(a, "eve", true, "Collect-dns", "b1", "x"));
    access_free(&a);
}

/* What is no row is none that fits. */
static void test_rows_that_are_none(void **state)
{
    (void)state;
    struct slice rows[2 * DELIVERS_ROW - 1];
    struct record_message m = record_of("p", "192.0.2.1");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rows[i] = slice_of("*");
    }
    rows[1 + DIMENSION_dest] = slice_of("192.0.2.0/33");
    struct series_bound *b = series_bound_new(rows, 2 * DELIVERS_ROW - 1);
    assert_non_null(b);
    assert_false(series_bound_fits(b, slice_of("Collect-ping"), &m));
    series_bound_free(&b);
    rows[1 + DIMENSION_dest] = slice_of("192.0.2.0/24");
    b = series_bound_new(rows, DELIVERS_ROW);
    assert_true(series_bound_fits(b, slice_of("Collect-ping"), &m));
    series_bound_free(&b);
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
        {"{\"roles\": {\"a\": {\"who\": []}}}",
         "mplane-gw.access.roles.a.who: unknown, expected one of identities sees delivers"},
        {"{\"roles\": {\"a\": {\"identities\": \"x\"}}}",
         "mplane-gw.access.roles.a.identities: expected a list, found \"x\""},
        {"{\"roles\": {\"a\": {\"sees\": {}}}}",
         "mplane-gw.access.roles.a.sees: expected a list, found object"},
        {"{\"roles\": {\"a\": {\"sees\": []}}}",
         "mplane-gw.access.roles.a.sees: expected at least one object of criteria, or no list"},
        {"{\"roles\": {\"a\": {\"delivers\": [{\"dest\": \"x\"}, {}]}}}",
         "mplane-gw.access.roles.a.delivers[1]: expected at least one of type, content, probe, "
         "source, dest, path"},
        {"{\"roles\": {\"a\": {\"sees\": [{\"port\": \"x\"}]}}}",
         "mplane-gw.access.roles.a.sees[0].port: unknown, expected one of type content probe "
         "source dest path"},
        {"{\"roles\": {\"a\": {\"sees\": [{\"dest\": \"10.0.0.0/33\"}]}}}",
         "mplane-gw.access.roles.a.sees[0].dest: expected an address, a prefix or a pattern, found "
         "\"10.0.0.0/33\""},
        {"{\"roles\": {\"a\": {\"sees\": [{\"type\": \"a\\\\b\"}]}}}",
         "mplane-gw.access.roles.a.sees[0].type: expected a pattern, found \"a\\b\""},
        {"{\"roles\": {\"a\": {\"sees\": [{\"type\": 7}]}}}",
         "mplane-gw.access.roles.a.sees[0].type: expected a string, found 7"},
        {"{\"roles\": {\"a\": {\"sees\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}}",
         "mplane-gw.access.roles.a.sees: expected at most 16 elements, found 17"},
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
        cmocka_unit_test(test_what_roles_see),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_a_bound_from_the_store),
        cmocka_unit_test(test_too_many_criteria),
        cmocka_unit_test(test_what_roles_deliver),
        cmocka_unit_test(test_rows_that_are_none),
        cmocka_unit_test(test_refused_documents),
        cmocka_unit_test(test_all_faults_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
