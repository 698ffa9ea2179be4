/* SPDX-License-Identifier: Apache-2.0 */
/* The registries in schemas/mplane, how registries are read and what is refused. */
#include "tests/golden/mplane_core.h"

#include "common/json.h"
#include "tests/unit/faults.h"

static struct faults told;

/* How many elements our document has. */
static uint32_t ours_count(struct arena *a, struct slice bytes)
{
    static const struct json_limits limits = {8, 10000, 10000, false};
    char error[200] = "";
    const struct json *tree = json_parse(a, bytes, &limits, error, sizeof error);
    assert_non_null(tree);
    uint32_t count = (uint32_t)json_get(tree, "elements")->count;
    assert_true(count > 40);
    return count;
}

static void test_ours(void **state)
{
    (void)state;
    static const struct {
        const char *element;
        enum primitive primitive;
    } ours[] = {
        {"type.repo", PRIMITIVE_STRING},      {"range.grade", PRIMITIVE_STRING},
        {"select.grade", PRIMITIVE_STRING},   {"results.repo", PRIMITIVE_STRING},
        {"overall.grade", PRIMITIVE_NATURAL}, {"metric.repo", PRIMITIVE_STRING},
        {"record.type", PRIMITIVE_STRING},    {"records.matched", PRIMITIVE_NATURAL},
        {"period.start", PRIMITIVE_TIME},     {"event.retracted", PRIMITIVE_BOOLEAN},
    };
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    struct slice bytes = vectors_bytes(a, SCHEMAS "ezrepo.json");
    assert_int_equal(registry_count(r), 113);
    assert_int_equal(registry_add(r, faults_begin(&told), bytes), 0);
    /* None of ours is called as one of the core's, which would go first. */
    assert_int_equal(registry_count(r), 113 + ours_count(a, bytes));
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_int_equal(registry_primitive(r, slice_of(ours[i].element)), ours[i].primitive);
    }
    assert_int_equal(registry_primitive(r, slice_of("no.such")), PRIMITIVE_NONE);
    assert_int_equal(registry_primitive(r, slice_of("")), PRIMITIVE_NONE);
    assert_int_equal(registry_primitive(NULL, slice_of("time")), PRIMITIVE_NONE);
    registry_free(&r);
    assert_null(r);
    arena_free(&a);
}

/* A registry is the same by whatever name its host is called, not at another port or path. */
static void test_same(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"http://localhost:8891/registry/ezrepo", "http://127.0.0.1:8891/registry/ezrepo", true},
        {"http://localhost:8891/registry/ezrepo", "HTTP://[::1]:8891/registry/ezrepo", true},
        {"http://repo.example/registry/ezrepo", "http://192.0.2.1:80/registry/ezrepo", true},
        {"http://[2001:db8::1]/r", "http://repo.example/r", true},
        {"http://localhost:8891/registry/ezrepo", "http://localhost:8892/registry/ezrepo", false},
        {"http://localhost:8891/registry/ezrepo", "http://localhost:8891/registry/core", false},
        {"http://localhost:8891/registry/ezrepo", "http://localhost/registry/ezrepo", false},
        {"http://localhost:8891/r", "https://localhost:8891/r", false},
        {"http://localhost:8891/r", "http://:8891/r", false},
        {"http://localhost:8891/r", "http://", false},
        {"http://localhost:8891", "http://127.0.0.1:8891/", false},
        {"r", "r", true},
        {"r", "s", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice a = slice_of(cases[i].a), b = slice_of(cases[i].b);
        if (registry_same(a, b) != cases[i].same || registry_same(b, a) != cases[i].same) {
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        }
    }
}

/* What record types bring along: known once, published behind what is there; of one primitive. */
static void test_more_elements(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    struct registry_more more = {.arena = a};
    static const struct json_limits limits = {8, 100, 100, false};
    char error[200] = "";
    struct document *d = faults_begin(&told);
    const struct json *list =
        json_parse(a,
                   slice_of("[{\"name\": \"loss.ratio\", \"prim\": \"real\", \"desc\": \"lost\"}, "
                            "{\"name\": \"success\", \"prim\": \"natural\"}, "
                            "{\"name\": \"source.ip4\", \"prim\": \"address\"}]"),
                   &limits, error, sizeof error);
    assert_int_equal(registry_add_elements(r, d, list, &more), 0);
    assert_int_equal(registry_add_elements(r, d, list, &more), 0);
    assert_int_equal(more.count, 2);
    assert_int_equal(registry_primitive(r, slice_of("loss.ratio")), PRIMITIVE_REAL);
    struct slice bytes = vectors_bytes(a, SCHEMAS "ezrepo.json");
    struct slice text = registry_publish(a, d, bytes, slice_of("http://x/"), &more);
    assert_non_null(strstr(text.at,
                           ",{\"name\":\"loss.ratio\",\"prim\":\"real\",\"desc\":\"lost\"},"
                           "{\"name\":\"success\",\"prim\":\"natural\"}]"));
    list = json_parse(a, slice_of("[{\"name\": \"success\", \"prim\": \"boolean\"}]"), &limits,
                      error, sizeof error);
    assert_int_equal(registry_add_elements(r, d, list, &more), -1);
    assert_int_equal(registry_primitive(r, slice_of("success")), PRIMITIVE_NATURAL);
    registry_free(&r);
    arena_free(&a);
}

/* Served under another URI: all else stays, and it can be read again. */
static void test_publish(void **state)
{
    (void)state;
    struct arena *a = arena_new(16 << 20);
    struct registry *r = core_registry(a);
    const struct registry_more nothing = {.arena = a};
    struct slice uri = slice_of("http://repo.example.org:8080/registry/ezrepo");
    char error[200] = "";
    struct document *d = faults_begin(&told);
    struct slice bytes = vectors_bytes(a, SCHEMAS "ezrepo.json");
    struct slice text = registry_publish(a, d, bytes, uri, &nothing);
    static const struct json_limits limits = {8, 10000, 10000, false};
    const struct json *tree = json_parse(a, text, &limits, error, sizeof error);
    const struct json *first = json_get(tree, "elements")->first;
    vectors_equal(json_get(tree, "registry-uri")->text, uri, uri);
    assert_true(json_is(json_get(first, "name"), "type.repo"));
    assert_int_equal(json_get(tree, "elements")->count, ours_count(a, bytes));
    assert_int_equal(registry_add(r, d, text), 0);
    assert_null(registry_publish(a, d, slice_of("{}"), uri, &nothing).at);
    registry_free(&r);
    arena_free(&a);
}

static void refuse(struct registry *r, const char *text)
{
    assert_int_equal(registry_add(r, faults_begin(&told), slice_of(text)), -1);
    assert_int_equal(registry_count(r), 0);
}

static void test_faults(void **state)
{
    (void)state;
    struct registry *r = registry_new();
    refuse(r, "{");
    ASSERT_FAULTS(&told, "document: ends too early at byte 1");
    refuse(r, "[]");
    ASSERT_FAULTS(&told, "document: expected an object, found array");
    refuse(r, "{\"registry-format\":\"mplane-1\",\"elements\":{}}");
    ASSERT_FAULTS(&told, "registry-format: expected mplane-0, found \"mplane-1\"",
                  "registry-uri: expected a string, found nothing",
                  "elements: expected a list, found object");
    refuse(r, "{\"registry-format\":\"mplane-0\",\"registry-uri\":\"u\",\"includes\":[\"v\",1],"
              "\"elements\":[{},\"COMMENT: x\",{\"name\":\"n\",\"prim\":\"int\"},"
              "{\"name\":\"\",\"prim\":\"url\"},5,{\"name\":\"m\",\"prim\":\"url\"}]}");
    ASSERT_FAULTS(
        &told, "includes[0]: expected the URI of a registry read before, found \"v\"",
        "includes[1]: expected the URI of a registry read before, found 1",
        "elements[0].name: expected a string, found nothing",
        "elements[0].prim: expected one of string natural real boolean time address url, found "
        "nothing",
        "elements[2].prim: expected one of string natural real boolean time address url, found "
        "\"int\"",
        "elements[3].name: expected a string of 1..256 bytes, found 0",
        "elements[4]: expected an object, found 5");
    refuse(r, "{\"registry-format\":\"mplane-0\",\"registry-uri\":\"u\",\"elements\":[],"
              "\"includes\":{}}");
    ASSERT_FAULTS(&told, "includes: expected a list, found object");
    registry_free(&r);
}

/* The first meaning of a name stands; comments are no elements; the specification's "bool" is
 * boolean. */
static void test_first_stands(void **state)
{
    (void)state;
    struct registry *r = registry_new();
    struct document *d = faults_begin(&told);
    assert_int_equal(registry_add(r, d,
                                  slice_of("{\"registry-format\":\"mplane-0\","
                                           "\"registry-uri\":\"u\",\"elements\":[\"COMMENT: x\","
                                           "{\"name\":\"b\",\"prim\":\"bool\"},"
                                           "{\"name\":\"b\",\"prim\":\"real\"}]}")),
                     0);
    assert_int_equal(registry_add(r, d,
                                  slice_of("{\"registry-format\":\"mplane-0\","
                                           "\"registry-uri\":\"v\",\"includes\":[\"u\"],"
                                           "\"elements\":[{\"name\":\"b\",\"prim\":\"url\"},"
                                           "{\"name\":\"a\",\"prim\":\"url\"},"
                                           "{\"name\":\"bb\",\"prim\":\"time\"}]}")),
                     0);
    assert_int_equal(registry_count(r), 3);
    assert_int_equal(registry_primitive(r, slice_of("a")), PRIMITIVE_URL);
    assert_int_equal(registry_primitive(r, slice_of("b")), PRIMITIVE_BOOLEAN);
    assert_int_equal(registry_primitive(r, slice_of("bb")), PRIMITIVE_TIME);
    registry_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),          cmocka_unit_test(test_same),
        cmocka_unit_test(test_more_elements), cmocka_unit_test(test_publish),
        cmocka_unit_test(test_faults),        cmocka_unit_test(test_first_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
