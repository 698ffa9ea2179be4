/* SPDX-License-Identifier: Apache-2.0 */
/* What a grading document says of what the store has seen; and which names are alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/alike.h"
#include "common/grading_seen.h"

static struct record_types *types;
static struct grading_seen_metric rows[16];
static struct grading_seen seen = {.metrics = rows};

static void saw(const char *type, const char *content, const char *name, const char *least,
                const char *most)
{
    rows[seen.metric_count++] = (struct grading_seen_metric){
        slice_of(type), slice_of(content), slice_of(name), slice_of(least), slice_of(most)};
}

static void keep(void *context, const char *text)
{
    fprintf((FILE *)context, "%s\n", text);
}

static const struct grading *read_blocks(struct arena *a, const char *blocks)
{
    char document[4096];
    struct grading_faults faults = {0};
    snprintf(document, sizeof document, "{\"grading\": [%s]}", blocks);
    for (char *at = document; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    const struct grading *g = grading_read(a, slice_of(document), &faults);
    if (g == NULL) {
        fail_msg("%s", faults.text[0]);
    }
    return g;
}

/* All that is told of the blocks, a line each. */
static void assert_told(const char *blocks, const char *in_force, const char *expected)
{
    char told[4096] = "";
    struct arena *a = arena_new(GRADING_ARENA_BYTES);
    seen.in_force = in_force == NULL ? NULL : read_blocks(a, in_force);
    FILE *f = fmemopen(told, sizeof told, "w");
    uint32_t count = grading_lint_seen(read_blocks(a, blocks), types, &seen, keep, f);
    fclose(f);
    assert_string_equal(told, expected);
    uint32_t lines = 0;
    for (const char *at = told; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(count, lines);
    arena_free(&a);
}

static int set_up(void **state)
{
    static const char bytes[] =
        "{\"gap_s\": 60, \"mappings\": [], \"types\": {\"ping\": {\"aliases\": {\"rtt\": "
        "[\"delay.us\", \"delay.ms\"]}}}}";
    (void)state;
    types = record_types_read_bytes("types", slice_of(bytes));
    seen.metric_count = 0;
    saw("ping", "ICMPECHO", "delay.us", "8000", "25000");
    saw("ping", "ICMPECHO", "loss.ratio", "0", "0.5");
    saw("ping", "TCP", "connect.ms", "8", "12");
    saw("owamp", "", "error", "", "");
    return types == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    record_types_free(&types);
    return 0;
}

#define OF(type, content, rules)                                                                   \
    "{'gradeName': 'overall', 'appliesTo': {'recordType': '" type "', 'recordContent': '" content  \
    "'}, 'gradingRules': [" rules "]}"
#define RULE(metric, limit)                                                                        \
    "{'grade': '1', 'if': [{'metric': '" metric "', 'rel': '>', 'limit': '" limit "'}]}"

static void test_nothing_to_tell(void **state)
{
    (void)state;
    assert_told(OF("ping", "*", RULE("delay.us", "20000") "," RULE("loss.ratio", "0.1")), NULL, "");
    assert_told(OF("pi*", "TCP", RULE("connect.ms", "1")), NULL, "");
    assert_told(OF("ping", "ICMPECHO", RULE("rtt", "20000")), NULL, ""); /* by its alias */
    assert_told(OF("*", "*", RULE("error", "1")), NULL, "");
    uint32_t count = seen.metric_count;
    seen.metric_count = 0; /* a store of which nothing is known */
    assert_told(OF("ping", "*", RULE("nonsense", "1")), NULL, "");
    seen.metric_count = count;
}

static void test_kinds(void **state)
{
    (void)state;
    assert_told(
        OF("pnig", "*", RULE("delay.us", "1")) "," OF("ping", "ICMP", RULE("delay.us", "1")) "," OF(
            "ping", "x", RULE("delay.us", "1")),
        NULL,
        "grading[0].appliesTo.recordType: no series is of \"pnig\"; there is \"ping\"\n"
        "grading[1].appliesTo.recordContent: no series of these types has \"ICMP\"; there is "
        "\"ICMPECHO\"\n"
        "grading[2].appliesTo.recordContent: no series of these types has \"x\"\n");
    assert_told(OF("httping", "*", RULE("delay.us", "1")) "," OF(
                    "irtt", "*", RULE("a", "1")) "," OF("irtt", "b", RULE("a", "1")),
                NULL,
                "grading[0].appliesTo.recordType: no series is of \"httping\"; there is \"ping\"\n"
                "grading: no series is of \"irtt\"\n");
}

static void test_metrics(void **state)
{
    (void)state;
    assert_told(OF("ping", "*",
                   RULE("Delay.ms", "1") "," RULE("loss.ratios", "1") "," RULE(
                       "hops", "1") "," RULE("jitter", "1") "," RULE("hops", "2")),
                NULL,
                "grading[0].gradingRules[0].if[0].metric: no series has \"Delay.ms\"; there is "
                "\"delay.us\"\n"
                "grading[0].gradingRules[1].if[0].metric: no series has \"loss.ratios\"; there is "
                "\"loss.ratio\"\n"
                "grading[0].gradingRules: no series that the block takes has \"hops\", "
                "\"jitter\"\n");
    assert_told(OF("ping", "TCP", RULE("loss.ratio", "1")), NULL,
                "grading[0].gradingRules: no series that the block takes has \"loss.ratio\"\n");
}

static void test_units(void **state)
{
    (void)state;
    assert_told(OF("ping", "*", RULE("delay.us", "80") "," RULE("delay.us", "20")), NULL,
                "grading[0].gradingRules[0].if[0].limit: all limits of \"delay.us\" are far below "
                "its values, of which the last are 8000 to 25000: are they in the same unit?\n");
    assert_told(OF("ping", "*", RULE("delay.us", "80") "," RULE("delay.us", "81")), NULL, "");
    assert_told(OF("ping", "*", RULE("rtt", "0") "," RULE("rtt", "20")), NULL, "");
    assert_told(
        OF("ping", "*", RULE("connect.ms", "12000") "," RULE("connect.ms", "50000")), NULL,
        "grading[0].gradingRules[0].if[0].limit: all limits of \"connect.ms\" are far above "
        "its values, of which the last are 8 to 12: are they in the same unit?\n");
    assert_told(OF("ping", "*", RULE("connect.ms", "11999") "," RULE("connect.ms", "50000")), NULL,
                "");
}

static void test_names(void **state)
{
    (void)state;
    assert_told("", OF("ping", "*", RULE("rtt", "1")),
                "grading: no block is of \"overall\", which is in force: nothing is graded by it "
                "any more\n");
    assert_told(OF("ping", "*", RULE("rtt", "20000")), OF("x", "*", RULE("y", "1")), "");
}

static void assert_apart(const char *written, const char *name, uint32_t expected)
{
    assert_int_equal(alike(slice_of(written), slice_of(name)), expected);
    assert_int_equal(alike(slice_of(name), slice_of(written)), expected);
}

static void test_alike(void **state)
{
    (void)state;
    assert_apart("ping", "PING", 0);
    assert_apart("ping", "ping6", 1);
    assert_apart("ping", "pnig", 1);
    assert_apart("delay", "deyla", ALIKE_NOT); /* two of five */
    assert_apart("throughput", "thruoghptu", 2);
    assert_apart("loss", "loss.ratio", 6);
    assert_apart("los", "loss.ratio", ALIKE_NOT);
    assert_apart("udp", "tcp", ALIKE_NOT);
    assert_apart("a", "b", 1);
    assert_apart("", "b", ALIKE_NOT);
    char longer[ALIKE_BYTES + 2];
    memset(longer, 'a', sizeof longer);
    struct slice most = {longer, ALIKE_BYTES}, more = {longer, ALIKE_BYTES + 1};
    assert_int_equal(alike(most, most), 0);
    assert_int_equal(alike(more, most), ALIKE_NOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_to_tell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_units, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test(test_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
