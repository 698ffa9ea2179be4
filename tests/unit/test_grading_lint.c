/* SPDX-License-Identifier: Apache-2.0 */
/* What is remarkable in a grading document without faults, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/grading_lint.h"

static struct record_types *types;

static void keep(void *context, const char *text)
{
    FILE *f = context;
    fprintf(f, "%s\n", text);
}

/* All that is told of the blocks, a line each. */
static void assert_told(const char *blocks, const char *expected)
{
    char document[4096], told[4096] = "";
    struct grading_faults faults = {0};
    struct arena *a = arena_new(GRADING_ARENA_BYTES);
    snprintf(document, sizeof document, "{\"grading\": [%s]}", blocks);
    for (char *at = document; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    const struct grading *g = grading_read(a, slice_of(document), &faults);
    if (g == NULL) {
        fail_msg("%s", faults.text[0]);
    }
    FILE *f = fmemopen(told, sizeof told, "w");
    uint32_t count = grading_lint(g, types, keep, f);
    fclose(f);
    assert_string_equal(told, expected);
    uint32_t lines = 0;
    for (const char *at = told; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(count, lines);
    arena_free(&a);
}

#define APPLIES                 "'gradeName': 'overall', 'appliesTo': {'recordType': 'ping'"
#define BLOCK(rules)            "{" APPLIES "}, 'gradingRules': [" rules "]}"
#define IF(metric, rel, limit)  "{'metric': '" metric "', 'rel': '" rel "', 'limit': '" limit "'}"
#define RULE(grade, conditions) "{'grade': '" grade "', 'if': [" conditions "]}"

static void test_nothing_to_tell(void **state)
{
    (void)state;
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10")) "," RULE(
                    "3", IF("delay", "<", "20")) "," RULE("1", IF("delay", ">=", "20"))),
                "");
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10")) ", {'grade': '1'}"), "");
    assert_told(BLOCK("{'grade': '5'}"), ""); /* it grades all there is, as is said */
}

static void test_blocks(void **state)
{
    (void)state;
    assert_told("", "grading: no block: nothing is graded\n");
    assert_told(BLOCK(""),
                "grading[0].gradingRules: no rule: all that the block takes has grade 0\n");
    assert_told(BLOCK("{'grade': '1'}") "," BLOCK("{'grade': '2'}"),
                "grading[1]: never decides: grading[0] of the same name takes all of its records "
                "before it\n");
    assert_told("{" APPLIES ", 'recordProbe': 'de-*'}, 'gradingRules': [{'grade': '1'}]},"
                "{" APPLIES ", 'recordProbe': 'de-7'}, 'gradingRules': [{'grade': '1'}]}",
                "grading[1]: never decides: grading[0] of the same name takes all of its records "
                "before it\n");
    assert_told("{" APPLIES ", 'recordDest': '192.0.2.0/24'}, 'gradingRules': [{'grade': '1'}]},"
                "{" APPLIES ", 'recordDest': '192.0.2.7'}, 'gradingRules': [{'grade': '1'}]}",
                "grading[1]: never decides: grading[0] of the same name takes all of its records "
                "before it\n");
    assert_told("{" APPLIES ", 'recordDest': '192.0.2.0/25'}, 'gradingRules': [{'grade': '1'}]},"
                "{" APPLIES ", 'recordDest': '192.0.2.0/24'}, 'gradingRules': [{'grade': '1'}]}",
                "");
    /* Another name; the narrower first; hours. */
    assert_told(BLOCK("{'grade': '1'}") ", {'gradeName': 'delay', 'appliesTo': {'recordType': "
                                        "'ping'}, 'gradingRules': "
                                        "[{'grade': '1'}]}",
                "");
    assert_told(
        "{" APPLIES
        ", 'recordDest': '192.0.2.7'}, 'gradingRules': [{'grade': '1'}]}," BLOCK("{'grade': '1'}"),
        "");
    assert_told("{" APPLIES ", 'during': {'time_zone': 'UTC', 'hours': [{'days': 'mon-fri', "
                "'from': '08:00', 'to': '18:00'}]}},"
                " 'gradingRules': [{'grade': '1'}]}," BLOCK("{'grade': '1'}"),
                "");
}

static void test_rules(void **state)
{
    const char *second =
        "grading[0].gradingRules[1]: never decides: gradingRules[0] holds whenever "
        "it does\n";
    (void)state;
    assert_told(BLOCK("{'grade': '1'}," RULE("2", IF("delay", "<", "10"))), second);
    assert_told(BLOCK(RULE("5", IF("delay", "<", "20")) "," RULE("4", IF("delay", "<", "10"))),
                second);
    assert_told(BLOCK(RULE("5", IF("delay", "<=", "10")) "," RULE("4", IF("delay", "<", "10"))),
                second);
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10")) "," RULE("4", IF("delay", "<=", "10"))),
                "");
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10.0")) "," RULE(
                    "4", IF("loss", ">", "3") "," IF("delay", "==", "9"))),
                second);
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10") "," IF("loss", "<", "3")) "," RULE(
                    "4", IF("delay", "<", "10"))),
                "");
    assert_told(BLOCK(RULE("5", IF("delay", "!=", "10")) "," RULE("4", IF("delay", "!=", "10"))),
                second);
    assert_told(BLOCK(RULE("5", IF("delay", "!=", "10")) "," RULE("4", IF("delay", "!=", "11"))),
                "");
    /* A limit that moves. */
    assert_told(BLOCK("{'grade': '5', 'if': [{'metric': 'delay', 'rel': '<', 'limit': '10', "
                      "'leave': '12'}]}," RULE("4", IF("delay", "<", "9"))),
                "");
}

static void test_what_never_holds(void **state)
{
    const char *told =
        "grading[0].gradingRules[0].if[1]: never holds together with if[0]: no value "
        "of \"delay\" is in both\n";
    (void)state;
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10") "," IF("delay", ">", "20"))), told);
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10") "," IF("delay", ">=", "10"))), told);
    assert_told(BLOCK(RULE("5", IF("delay", "<=", "10") "," IF("delay", ">=", "10"))), "");
    assert_told(BLOCK(RULE("5", IF("delay", "==", "10") "," IF("delay", "==", "10.0"))), "");
    assert_told(BLOCK(RULE("5", IF("delay", "==", "10") "," IF("delay", "==", "11"))), told);
    assert_told(BLOCK(RULE("5", IF("delay", "<", "10") "," IF("loss", ">", "20"))), "");
}

static void test_what_is_missing_is_graded_well(void **state)
{
    (void)state;
    assert_told(BLOCK(RULE("1", IF("delay", ">", "10")) ", {'grade': '5'}"),
                "grading[0].gradingRules[1]: 5 is the grade of records without a value, or with an "
                "impossible one, too: no condition holds on them\n");
    assert_told(BLOCK(RULE("1", IF("delay", ">", "10")) ", {'grade': '3'}"), "");
}

static void test_ranges(void **state)
{
    (void)state;
    types = record_types_read_bytes(
        "t", slice_of("{\"gap_s\": 900, \"mappings\": [], \"types\": {\"ping\": {\"valid\": "
                      "[{\"metrics\": [\"loss\"], \"min\": 0, \"max\": 100}]}}}"));
    assert_non_null(types);
    assert_told(
        BLOCK(RULE("1", IF("loss", ">", "150"))),
        "grading[0].gradingRules[0].if[0].limit: 150 is above all that \"loss\" can be, the "
        "most is 100\n");
    assert_told(
        BLOCK(RULE("1", IF("loss", ">", "-0.5"))),
        "grading[0].gradingRules[0].if[0].limit: -0.5 is below all that \"loss\" can be, the "
        "least is 0\n");
    assert_told(BLOCK(RULE("1", IF("loss", "<=", "100")) "," RULE("1", IF("delay", ">", "150"))),
                "");
    record_types_free(&types);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_tell),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_what_never_holds),
        cmocka_unit_test(test_what_is_missing_is_graded_well),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
