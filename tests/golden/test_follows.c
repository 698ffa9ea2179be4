/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane/follows.json: whether a specification's scope follows a capability's, 230 pairs as the SDK
 * decides them at one moment. Where the SDK fails, the same rule decides here with `past` before
 * all times; those pairs and where we differ stand in the table.
 */
#include "tests/golden/mplane_vectors.h"

#include "common/mplane/when.h"

static const struct {
    const char *capability, *specification;
    bool follows;
} decided[] = {
    /* The SDK fails to compare `past` with a time. */
    {"past ... now", "past ... now", true},
    {"past ... now", "past ... future", true},
    {"past ... now", "past ... 2016-02-18 11:00:00", true},
    {"now ... future", "past ... now", false},
    {"now ... future", "past ... future", false},
    {"now ... future", "past ... 2016-02-18 11:00:00", false},
    {"2016-02-18 10:00:00 ... 2016-02-18 12:30:00", "past ... now", false},
    {"2016-02-18 10:00:00 ... 2016-02-18 12:30:00", "past ... future", false},
    {"2016-02-18 10:00:00 ... 2016-02-18 12:30:00", "past ... 2016-02-18 11:00:00", true},
    {"2016-02-18 00:00:00 ... future", "past ... now", false},
    {"2016-02-18 00:00:00 ... future", "past ... future", false},
    {"2016-02-18 00:00:00 ... future", "past ... 2016-02-18 11:00:00", true},
    {"now", "past ... now", false},
    {"now", "past ... future", false},
    {"now", "past ... 2016-02-18 11:00:00", false},
    {"2016-02-18 10:00:00 + 1h", "past ... now", false},
    {"2016-02-18 10:00:00 + 1h", "past ... future", false},
    {"2016-02-18 10:00:00 + 1h", "past ... 2016-02-18 11:00:00", true},
    /* The SDK takes this capability's scope for the single moment "now". */
    {"now + inf ... future / 1s", "2016-02-18 11:00:00 ... 2016-02-18 13:00:00 / 1s", true},
};
#define DECIDED (sizeof decided / sizeof decided[0])

/* Our decision of a pair: -1 when the vector's stands. */
static int decision(struct slice capability, struct slice specification)
{
    for (size_t i = 0; i < DECIDED; i++) {
        if (slice_is(capability, decided[i].capability) &&
            slice_is(specification, decided[i].specification)) {
            return decided[i].follows;
        }
    }
    return -1;
}

static void test_follows(void **state)
{
    (void)state;
    static const int64_t now_us = INT64_C(1455796800000000); /* 2016-02-18 12:00:00 */
    struct arena *a = arena_new(64 << 20);
    const struct json *cases = vectors_cases(a, "follows.json", 230);
    char error[200];
    size_t differ = 0, impossible = 0;
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        struct slice capability = vectors_text(c, "capability");
        struct slice specification = vectors_text(c, "specification");
        struct when offered, asked;
        assert_int_equal(when_parse(capability, &offered, error, sizeof error), 0);
        if (when_parse(specification, &asked, error, sizeof error) == -1) {
            /* No range at all: refused before it is compared with anything. */
            assert_true(slice_is(specification, "past") || slice_is(specification, "future"));
            impossible++;
            continue;
        }
        const struct json *follows = json_get(c, "follows");
        int ours = decision(capability, specification);
        assert_true(follows != NULL || ours != -1);
        bool expected = ours != -1 ? ours == 1 : follows->type == JSON_TRUE;
        differ += ours != -1;
        if (when_follows(&asked, &offered, now_us) != expected) {
            fail_msg("\"%.*s\" follows \"%.*s\": expected %s", (int)specification.len,
                     specification.at, (int)capability.len, capability.at, expected ? "yes" : "no");
        }
    }
    assert_int_equal(differ, DECIDED);
    assert_int_equal(impossible, 20);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_follows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
