/* SPDX-License-Identifier: Apache-2.0 */
/* common/grade.h: what a trace is told, condition by condition; the grade is the same with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/grade.h"

#define TYPES                                                                                      \
    "{\"types\": {\"ping\": {\"aliases\": {\"own\": [\"first\", \"second\"]}, \"valid\": "         \
    "[{\"metrics\": [\"second\", \"own\"], \"min\": 0, \"max\": 100, \"never\": [9]}]}}}"

#define BLOCK(name, applies, rules)                                                                \
    "{\"gradeName\": \"" name "\", \"appliesTo\": {" applies "}, \"gradingRules\": [" rules "]}"
#define RULE(grade, conditions) "{\"grade\": " grade ", \"if\": [" conditions "]}"
#define CONDITION(metric, rel, limit)                                                              \
    "{\"metric\": \"" metric "\", \"rel\": \"" rel "\", \"limit\": " limit "}"

/* What was told, as text; freed at the end of each test. */
struct trace_text {
    FILE *out;
    char *text;
    size_t size;
};

static void hear_block(void *context, uint32_t block, int failed)
{
    struct trace_text *h = context;
    fprintf(h->out, "b%u:%s ", block,
            failed == GRADE_DECIDES        ? "yes"
            : failed == GRADE_OUT_OF_HOURS ? "hours"
            : failed == DIMENSION_type     ? "type"
            : failed == DIMENSION_probe    ? "probe"
            : failed == DIMENSION_source   ? "source"
            : failed == DIMENSION_dest     ? "dest"
                                           : "other");
}

static void hear_condition(void *context, const struct grade_condition_told *told)
{
    static const char *const words[] = {"missing", "null", "no-number", "impossible", "number"};
    struct trace_text *h = context;
    fprintf(h->out, "c%u.%u.%u:%s", told->at.block, told->at.rule, told->at.condition,
            words[told->found]);
    if (told->column.at != NULL) {
        fprintf(h->out, "(%.*s=%.*s%s)", (int)told->column.len, told->column.at,
                (int)told->value.len, told->value.at == NULL ? "" : told->value.at,
                told->range == NULL ? "" : ",bounded");
    }
    fprintf(h->out, "%s ", told->holds ? "+" : "-");
}

static void hear_rule(void *context, uint32_t block, uint32_t rule, bool holds)
{
    struct trace_text *h = context;
    fprintf(h->out, "r%u.%u%s ", block, rule, holds ? "+" : "-");
}

static void expect(const char *document, const char *type, const char *column, const char *value,
                   const char *grades, const char *told)
{
    struct arena *a = arena_new(GRADING_ARENA_BYTES);
    struct record_types *types = record_types_read_bytes("types", slice_of(TYPES));
    struct grading_faults faults;
    const struct grading *grading = grading_read(a, slice_of(document), &faults);
    assert_non_null(grading);
    struct grade_rules *rules = grade_rules_new(grading, types);
    assert_non_null(rules);
    struct slice name = slice_of(column);
    struct slice text = {value, value == NULL ? 0 : strlen(value)};
    struct schema_message schema = {.results = &name, .results_count = 1};
    struct record_message record = {.type = slice_of(type),
                                    .content = slice_of(""),
                                    .probe = slice_of("p"),
                                    .source = slice_of("192.0.2.1"),
                                    .dest = slice_of("d"),
                                    .path = slice_of(""),
                                    .values = &text,
                                    .values_count = 1};
    uint8_t plain[LIMIT_GRADE_NAMES], traced[LIMIT_GRADE_NAMES];
    char found[LIMIT_GRADE_NAMES + 1] = "";
    struct trace_text heard = {0};
    heard.out = open_memstream(&heard.text, &heard.size);
    struct grade_trace trace = {&heard, hear_block, hear_condition, hear_rule};
    grade_begin(rules, &schema);
    grade_record(rules, &record, plain);
    grade_record_traced(rules, &record, traced, &trace);
    fclose(heard.out);
    for (uint32_t i = 0; i < grading->name_count; i++) {
        found[i] = traced[i] == GRADE_NONE ? 'n' : (char)('0' + traced[i]);
    }
    assert_memory_equal(plain, traced, grading->name_count);
    assert_string_equal(found, grades);
    assert_string_equal(heard.text, told);
    free(heard.text);
    grade_rules_free(&rules);
    record_types_free(&types);
    arena_free(&a);
}

#define DOCUMENT(blocks) "{\"grading\": [" blocks "]}"
#define OWN_BELOW_50     DOCUMENT(BLOCK("n", "", RULE("5", CONDITION("own", "<", "50"))))

static void conditions(void **state)
{
    (void)state;
    expect(OWN_BELOW_50, "ping", "own", "49", "5", "b0:yes c0.0.0:number(own=49,bounded)+ r0.0+ ");
    expect(OWN_BELOW_50, "ping", "own", "50", "0", "b0:yes c0.0.0:number(own=50,bounded)- r0.0- ");
    expect(OWN_BELOW_50, "ping", "other", "1", "0", "b0:yes c0.0.0:missing- r0.0- ");
    expect(OWN_BELOW_50, "ping", "own", NULL, "0", "b0:yes c0.0.0:null(own=,bounded)- r0.0- ");
    expect(OWN_BELOW_50, "ping", "own", "x", "0", "b0:yes c0.0.0:no-number(own=x,bounded)- r0.0- ");
    expect(OWN_BELOW_50, "ping", "own", "", "0", "b0:yes c0.0.0:no-number(own=,bounded)- r0.0- ");
    /* Below, above, and what stands for something else: the column is there all the same. */
    expect(OWN_BELOW_50, "ping", "own", "-1", "0",
           "b0:yes c0.0.0:impossible(own=-1,bounded)- r0.0- ");
    expect(OWN_BELOW_50, "ping", "own", "101", "0",
           "b0:yes c0.0.0:impossible(own=101,bounded)- r0.0- ");
    expect(OWN_BELOW_50, "ping", "own", "9.0", "0",
           "b0:yes c0.0.0:impossible(own=9.0,bounded)- r0.0- ");
    /* Aliases; a type that has none, and no ranges. */
    expect(OWN_BELOW_50, "ping", "first", "-1", "5", "b0:yes c0.0.0:number(first=-1)+ r0.0+ ");
    expect(OWN_BELOW_50, "ping", "second", "9", "0",
           "b0:yes c0.0.0:impossible(second=9,bounded)- r0.0- ");
    expect(OWN_BELOW_50, "pong", "first", "1", "0", "b0:yes c0.0.0:missing- r0.0- ");
    expect(OWN_BELOW_50, "pong", "own", "-1", "5", "b0:yes c0.0.0:number(own=-1)+ r0.0+ ");
}

static void rules(void **state)
{
    (void)state;
    /* All are told, also behind the one that held, and conditions behind one that did not. */
    expect(
        DOCUMENT(BLOCK("n", "",
                       RULE("5", CONDITION("m", "<", "1") ", " CONDITION("m", "<", "9")) ", " RULE(
                           "4", CONDITION("m", "<", "5")) ", " RULE("3", ""))),
        "t", "m", "2", "4",
        "b0:yes c0.0.0:number(m=2)- c0.0.1:number(m=2)+ r0.0- c0.1.0:number(m=2)+ r0.1+ r0.2+ ");
    /* Of a block without rules there is nothing to tell. */
    expect(DOCUMENT(BLOCK("n", "", "")), "t", "m", "2", "0", "b0:yes ");
}

static void blocks(void **state)
{
    (void)state;
    /* Which before the one that decides did not match, by which pattern; none of that name behind
     * it; another name's on its own. */
    expect(
        DOCUMENT(BLOCK("n", "\"recordType\": \"other\"", RULE("1", "")) ", " BLOCK("n", "\"recordProbe\": \"q\"", RULE("1", "")) ", " BLOCK(
            "n", "\"recordSource\": \"198.51.100.0/24\"",
            RULE(
                "1",
                "")) ", " BLOCK("m", "\"recordDest\": \"e*\"",
                                RULE(
                                    "1",
                                    "")) ", " BLOCK("n", "\"recordSource\": \"192.0.2.0/24\"",
                                                    RULE(
                                                        "2",
                                                        "")) ", " BLOCK("n",
                                                                        "\"recordType\": \"no\"",
                                                                        RULE(
                                                                            "1",
                                                                            "")) ", " BLOCK("n", "",
                                                                                            RULE(
                                                                                                "1",
                                                                                                "")) ", " BLOCK("m",
                                                                                                                "\"recordType\": \"no\"",
                                                                                                                RULE(
                                                                                                                    "1",
                                                                                                                    ""))),
        "t", "m", "2", "2n", "b0:type b1:probe b2:source b3:dest b4:yes r4.0+ b7:type ");
    expect(DOCUMENT(""), "t", "m", "2", "", "");
    expect(DOCUMENT(BLOCK("n", "\"recordType\": \"no\"", RULE("1", ""))), "t", "m", "2", "n",
           "b0:type ");
}

/* The record starts on a Thursday, 1970-01-01 00:00 UTC. */
static void by_hours(void **state)
{
#define ON(days) "\"during\": {\"hours\": [{\"days\": \"" days "\"}]}"
    (void)state;
    expect(DOCUMENT(
               BLOCK("n", ON("fri-wed"), RULE("5", "")) ", " BLOCK("n", ON("thu"), RULE("4", ""))),
           "ping", "own", "1", "4", "b0:hours b1:yes r1.0+ ");
    expect(DOCUMENT(BLOCK("n", "\"recordDest\": \"x\", " ON("fri"), RULE("5", ""))), "ping", "own",
           "1", "n", "b0:dest ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions),
        cmocka_unit_test(rules),
        cmocka_unit_test(blocks),
        cmocka_unit_test(by_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
