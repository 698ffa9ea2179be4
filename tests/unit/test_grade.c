/* SPDX-License-Identifier: Apache-2.0 */
/* common/grade.h: edge cases, and many plans at once against a plain reading of the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/batch.h"
#include "common/grade.h"

/* What each test works with. */
struct bench {
    struct arena *arena;
    struct record_types *types;
    const struct grading *grading;
    struct grade_rules *rules;
};

#define MAPPING                                                                                    \
    "{\"types\": {\"ping\": {\"aliases\": {\"own\": [\"first\", \"second\"], "                     \
    "\"first\": [\"own\"]}}, \"bounded\": {\"aliases\": {\"own\": [\"second\"]}, \"valid\": "      \
    "[{\"metrics\": [\"own\"], \"min\": 0, \"never\": [9]}]}, \"pong\": {\"aliases\": {\"own\": "  \
    "[\"second\", \"first\"]}}}}"

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return -1;
    }
    b->arena = arena_new(GRADING_ARENA_BYTES);
    b->types = record_types_read_bytes("mapping", slice_of(MAPPING));
    *state = b;
    return b->arena == NULL || b->types == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    grade_rules_free(&b->rules);
    record_types_free(&b->types);
    arena_free(&b->arena);
    free(b);
    return 0;
}

static void compile(struct bench *b, const char *document)
{
    struct grading_faults faults;
    b->grading = grading_read(b->arena, slice_of(document), &faults);
    if (b->grading == NULL) {
        fail_msg("refused: %s", faults.text[0]);
    }
    grade_rules_free(&b->rules);
    b->rules = grade_rules_new(b->grading, b->types);
    assert_non_null(b->rules);
    assert_int_equal(grade_name_count(b->rules), b->grading->name_count);
}

/* One block "n" for all records: 5 when the metric stands so to the limit, else no rule holds. */
static void compile_condition(struct bench *b, const char *metric, const char *rel,
                              const char *limit)
{
    compile(b, arena_printf(b->arena,
                            "{\"grading\": [{\"gradeName\": \"n\", \"appliesTo\": {}, "
                            "\"gradingRules\": [{\"grade\": 5, \"if\": [{\"metric\": \"%s\", "
                            "\"rel\": \"%s\", \"limit\": \"%s\"}]}]}]}",
                            metric, rel, limit));
}

/* With a type and values, and nothing else. */
static struct record_message record_of(const char *type, struct slice *values, uint32_t count)
{
    struct slice none = slice_of("");
    return (struct record_message){.type = slice_of(type),
                                   .content = none,
                                   .probe = none,
                                   .source = none,
                                   .dest = none,
                                   .path = none,
                                   .values = values,
                                   .values_count = count};
}

/* The first grade of a record of this type with up to three columns. */
static int grade_of(struct bench *b, const char *type, uint32_t columns,
                    const char *const names_and_values[][2])
{
    struct slice names[3];
    struct slice values[3];
    for (uint32_t i = 0; i < columns; i++) {
        names[i] = slice_of(names_and_values[i][0]);
        values[i] = slice_of(names_and_values[i][1]);
    }
    struct schema_message schema = {.results = names, .results_count = columns};
    struct record_message record = record_of(type, values, columns);
    uint8_t grades[LIMIT_GRADE_NAMES];
    grade_begin(b->rules, &schema);
    grade_record(b->rules, &record, grades);
    return grades[0];
}

#define ONE(name, value)                                                                           \
    1, (const char *const[][2])                                                                    \
    {                                                                                              \
        {                                                                                          \
            name, value                                                                            \
        }                                                                                          \
    }

/* By its start a record is graded by one block or another; the change of summer is by its clocks.
 */
static void during(void **state)
{
    static const struct {
        int64_t t_start_s;
        int grade;
    } cases[] = {{1774659600, 5}, /* a Saturday; on Sunday, 2026-03-29, in Madrid: */
                 {1774745999, 5}, /* 01:59:59, */
                 {1774746000, 4}, /* then it is 03:00:00 */
                 {1774749599, 4},
                 {1774749600, 5}}; /* 04:00:00 */
    struct bench *b = *state;
    compile(
        b, "{\"grading\": [{\"gradeName\": \"n\", \"appliesTo\": {\"recordType\": \"t\", "
           "\"during\": {\"hours\": [{\"days\": \"sun\", \"from\": \"02:00\", \"to\": \"04:00\"}], "
           "\"time_zone\": \"Europe/Madrid\"}}, \"gradingRules\": [{\"grade\": 4}]}, "
           "{\"gradeName\": \"n\", \"appliesTo\": {}, \"gradingRules\": [{\"grade\": 5}]}]}");
    struct schema_message schema = {.results_count = 0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct record_message record = record_of("t", NULL, 0);
        uint8_t grades[LIMIT_GRADE_NAMES];
        record.t_start_us = cases[i].t_start_s * 1000000;
        grade_begin(b->rules, &schema);
        grade_record(b->rules, &record, grades);
        assert_int_equal(grades[0], cases[i].grade);
    }
}

/* The example of docs/semantics.md: which grades a record lets stand travels with its grade. */
static void leave(void **state)
{
    static const struct {
        const char *value;
        uint8_t grade;
        uint16_t bits;
    } cases[] = {
        {"10", 5, 0}, {"22", 4, STEADY_STANDS(5)}, {"30", 4, 0}, {"200", 1, 0}, {"60", 3, 0}};
    struct bench *b = *state;
    compile(b, "{\"grading\": [{\"gradeName\": \"n\", \"appliesTo\": {}, \"hold\": {\"records\": "
               "2}, \"gradingRules\": ["
               "{\"grade\": 5, \"if\": [{\"metric\": \"m\", \"rel\": \"<\", \"limit\": 20, "
               "\"leave\": 25}]},"
               "{\"grade\": 4, \"if\": [{\"metric\": \"m\", \"rel\": \"<\", \"limit\": 50}]},"
               "{\"grade\": 3, \"if\": [{\"metric\": \"m\", \"rel\": \"<\", \"limit\": 100}]},"
               "{\"grade\": 1}]}]}");
    struct slice name = slice_of("m");
    struct schema_message schema = {.results = &name, .results_count = 1};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice value = slice_of(cases[i].value);
        struct record_message record = record_of("t", &value, 1);
        uint8_t grades[LIMIT_GRADE_NAMES];
        uint16_t steady[LIMIT_GRADE_NAMES];
        grade_begin(b->rules, &schema);
        grade_record_steady(b->rules, &record, grades, steady);
        assert_int_equal(grades[0], cases[i].grade);
        assert_int_equal(steady[0], cases[i].bits | 1 << 5);
    }
}

static void values(void **state)
{
    struct bench *b = *state;
    compile_condition(b, "m", ">", "4");
    assert_int_equal(grade_of(b, "t", ONE("m", "5")), 5);
    assert_int_equal(grade_of(b, "t", ONE("m", "+7")), 5);
    assert_int_equal(grade_of(b, "t", ONE("m", "1e1")), 5);
    assert_int_equal(grade_of(b, "t", ONE("m", "4.0")), 0);
    assert_int_equal(grade_of(b, "t", ONE("m", "4.0000000000000000001")), 5);
    static const char *const none[] = {NULL,  "",    " 5",   "5 ",  "0x10", "1_0",
                                       "nan", "inf", "True", "[5]", "*",    "n/a"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(grade_of(b, "t", ONE("m", none[i])), 0);
    }
    assert_int_equal(grade_of(b, "t", ONE("M", "5")), 0);
    /* Nor does != hold on what is missing or not a number. */
    compile_condition(b, "m", "!=", "4");
    assert_int_equal(grade_of(b, "t", ONE("m", "5")), 5);
    assert_int_equal(grade_of(b, "t", ONE("m", "nan")), 0);
    assert_int_equal(grade_of(b, "t", ONE("x", "5")), 0);
    compile_condition(b, "m", "==", "18446744073709551615");
    assert_int_equal(grade_of(b, "t", ONE("m", "18446744073709551615")), 5);
    assert_int_equal(grade_of(b, "t", ONE("m", "18446744073709551614")), 0);
}

static void relations(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *rel;
        int below, equal, above;
    } table[] = {{"<", 5, 0, 0},  {"<=", 5, 5, 0}, {">", 0, 0, 5},
                 {">=", 0, 5, 5}, {"==", 0, 5, 0}, {"!=", 5, 0, 5}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        compile_condition(b, "m", table[i].rel, "-2.5");
        assert_int_equal(grade_of(b, "t", ONE("m", "-3")), table[i].below);
        assert_int_equal(grade_of(b, "t", ONE("m", "-2.50")), table[i].equal);
        assert_int_equal(grade_of(b, "t", ONE("m", "-25e-1")), table[i].equal);
        assert_int_equal(grade_of(b, "t", ONE("m", "0")), table[i].above);
    }
}

static void aliases(void **state)
{
    struct bench *b = *state;
    compile_condition(b, "own", "==", "1");
    static const char *const all[][2] = {{"second", "2"}, {"first", "0"}, {"own", "1"}};
    static const char *const other_order[][2] = {{"second", "2"}, {"first", "1"}};
    static const char *const nil_first[][2] = {{"own", NULL}, {"first", "1"}};
    assert_int_equal(grade_of(b, "ping", 3, all), 5);         /* its own name before any alias */
    assert_int_equal(grade_of(b, "ping", 2, other_order), 5); /* the alias preferred */
    assert_int_equal(grade_of(b, "pong", 2, other_order), 0); /* which differs by type */
    assert_int_equal(grade_of(b, "ping", ONE("second", "1")), 5);
    assert_int_equal(grade_of(b, "ping", 2, nil_first), 0); /* the first that is there decides */
    assert_int_equal(grade_of(b, "other", ONE("first", "1")), 0); /* no such type */
    compile_condition(b, "second", "==", "1");
    assert_int_equal(grade_of(b, "ping", ONE("own", "1")), 0); /* an alias holds one way only */
}

static void parameters_are_no_metrics(void **state)
{
    struct bench *b = *state;
    compile_condition(b, "m", "==", "1");
    struct slice result = slice_of("other");
    struct slice parameter = slice_of("m");
    struct slice both[] = {slice_of("1"), slice_of("1")};
    struct schema_message schema = {
        .results = &result, .results_count = 1, .parameters = &parameter, .parameters_count = 1};
    struct record_message record = record_of("t", both, 2);
    uint8_t grade;
    grade_begin(b->rules, &schema);
    grade_record(b->rules, &record, &grade);
    assert_int_equal(grade, 0);
}

static void the_first_block_decides(void **state)
{
    struct bench *b = *state;
    compile(b,
            "{\"grading\": ["
            "{\"gradeName\": \"n\", \"appliesTo\": {\"recordType\": \"ping\"}, \"gradingRules\": "
            "[{\"grade\": 3, \"if\": [{\"metric\": \"m\", \"rel\": \"<\", \"limit\": 0}]}]},"
            "{\"gradeName\": \"n\", \"appliesTo\": {\"recordType\": \"p*\"}, \"gradingRules\": "
            "[{\"grade\": 2}, {\"grade\": 1}]}]}");
    assert_int_equal(grade_of(b, "ping", ONE("m", "-1")), 3);
    assert_int_equal(grade_of(b, "ping", ONE("m", "1")), 0); /* not what the second says */
    assert_int_equal(grade_of(b, "pong", ONE("m", "1")), 2); /* not what its second rule says */
    assert_int_equal(grade_of(b, "Ping", ONE("m", "1")), GRADE_NONE);
    compile(b, "{\"grading\": [{\"gradeName\": \"n\", \"appliesTo\": {}, \"gradingRules\": "
               "[{\"grade\": 4, \"if\": []}]}]}");
    assert_int_equal(grade_of(b, "x", ONE("m", NULL)), 4); /* no condition fails */
    compile(b, "{\"grading\": [{\"gradeName\": \"n\", \"appliesTo\": {}, \"gradingRules\": []}]}");
    assert_int_equal(grade_of(b, "x", ONE("m", "1")), 0);
}

/* ---- against a plain reading ---- */

static uint32_t seed = 2463534242U;

static uint32_t pick(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

static const char *const metric_names[] = {"own", "first", "second", "a", "b", "c"};
static const char *const value_texts[] = {"1",   "2.0", "-3", "nan", NULL, "",
                                          "1e0", "007", "2",  "5 ",  "0",  "10000000000000000001"};
static const char *const type_names[] = {"ping", "pong", "OTT", "", "traceroute"};
static const char *const texts[] = {"", "UDP", "ICMPECHO", "10.1.2.3", "2001:db8::7", "192.0.2.9"};
static const char *const patterns[] = {"*",  "U*",          "?DP",           "",
                                       "**", "10.0.0.0/8",  "2001:db8::/32", "192.0.2.9",
                                       "p*", "2001:DB8::7", "0.0.0.0/0",     "*.*"};
static const char *const relations_text[] = {"<", "<=", ">", ">=", "==", "!="};

#define PICK(list) (list)[pick(sizeof(list) / sizeof((list)[0]))]

static const char *random_document(struct arena *a)
{
    const char *text = "{\"grading\": [";
    uint32_t blocks = 1 + pick(8);
    for (uint32_t i = 0; i < blocks; i++) {
        text = arena_printf(a,
                            "%s%s{\"gradeName\": \"n%u\", \"appliesTo\": {\"recordType\": \"%s\", "
                            "\"recordContent\": \"%s\", \"recordSource\": \"%s\", \"recordDest\": "
                            "\"%s\", \"recordProbe\": \"%s\", \"recordPath\": \"%s\"}, "
                            "\"gradingRules\": [",
                            text, i > 0 ? ", " : "", pick(4), pick(2) ? "p*" : PICK(type_names),
                            pick(2) ? "*" : PICK(patterns), pick(2) ? "*" : PICK(patterns),
                            pick(2) ? "*" : PICK(patterns), pick(4) ? "*" : PICK(patterns),
                            pick(4) ? "*" : PICK(patterns));
        uint32_t rules = pick(4);
        for (uint32_t k = 0; k < rules; k++) {
            text = arena_printf(a, "%s%s{\"grade\": %u, \"if\": [", text, k > 0 ? ", " : "",
                                1 + pick(5));
            uint32_t conditions = pick(3);
            for (uint32_t c = 0; c < conditions; c++) {
                text = arena_printf(a, "%s%s{\"metric\": \"%s\", \"rel\": \"%s\", \"limit\": %u}",
                                    text, c > 0 ? ", " : "", PICK(metric_names),
                                    PICK(relations_text), pick(4));
            }
            text = arena_printf(a, "%s]}", text);
        }
        text = arena_printf(a, "%s]}", text);
    }
    return arena_printf(a, "%s]}", text);
}

static struct slice plain_value(const struct bench *b, const struct schema_message *s,
                                const struct record_message *r, struct slice metric)
{
    const struct slice *others;
    uint32_t count = record_types_aliases(b->types, r->type, metric, &others);
    for (uint32_t n = 0; n <= count; n++) {
        struct slice name = n == 0 ? metric : others[n - 1];
        for (uint32_t i = 0; i < s->results_count; i++) {
            if (slice_equal(s->results[i], name)) {
                return r->values[i];
            }
        }
    }
    return (struct slice){NULL, 0};
}

static bool plain_holds(const struct bench *b, const struct schema_message *s,
                        const struct record_message *r, const struct grading_rule *rule)
{
    for (uint32_t i = 0; i < rule->condition_count; i++) {
        const struct grading_condition *c = &rule->conditions[i];
        struct number value;
        if (number_parse(plain_value(b, s, r, c->metric), &value) == -1) {
            return false;
        }
        int order = number_compare_exactly(&value, &c->limit);
        bool holds[] = {order<0, order <= 0, order> 0, order >= 0, order == 0, order != 0};
        if (!holds[c->relation]) {
            return false;
        }
    }
    return true;
}

static void plain_grades(const struct bench *b, const struct schema_message *s,
                         const struct record_message *r, uint8_t *grades)
{
    memset(grades, GRADE_NONE, LIMIT_GRADE_NAMES);
    for (uint32_t i = b->grading->block_count; i-- > 0;) {
        const struct grading_block *g = &b->grading->blocks[i];
        if (!pattern_matches(&g->patterns[DIMENSION_type], r->type) ||
            !pattern_matches(&g->patterns[DIMENSION_content], r->content) ||
            !pattern_matches(&g->patterns[DIMENSION_probe], r->probe) ||
            !pattern_matches(&g->patterns[DIMENSION_source], r->source) ||
            !pattern_matches(&g->patterns[DIMENSION_dest], r->dest) ||
            !pattern_matches(&g->patterns[DIMENSION_path], r->path)) {
            continue;
        }
        grades[g->name] = 0;
        for (uint32_t k = g->rule_count; k-- > 0;) {
            if (plain_holds(b, s, r, &g->rules[k])) {
                grades[g->name] = g->rules[k].grade;
            }
        }
    }
}

static void random_schema(struct arena *a, struct schema_message *s)
{
    *s = (struct schema_message){.verb = slice_of("measure"), .registry = slice_of("")};
    s->results_count = pick(5);
    s->results = arena_calloc(a, 5, sizeof *s->results);
    assert_non_null(s->results);
    for (uint32_t i = 0; i < s->results_count; i++) {
        s->results[i] = slice_of(PICK(metric_names));
    }
}

static void random_record(struct arena *a, const struct schema_message *schemas, uint32_t count,
                          struct record_message *r)
{
    /* Now and then a type of its own, so that plans push each other out. */
    const char *type = pick(3) ? PICK(type_names) : arena_printf(a, "p%u", pick(200));
    *r = (struct record_message){.schema = pick(count),
                                 .type = slice_of(type),
                                 .content = slice_of(PICK(texts)),
                                 .probe = slice_of(PICK(texts)),
                                 .source = slice_of(PICK(texts)),
                                 .dest = slice_of(PICK(texts)),
                                 .path = slice_of(PICK(texts)),
                                 .label = slice_of("")};
    r->values_count = schemas[r->schema].results_count;
    r->values = arena_calloc(a, 5, sizeof *r->values);
    assert_non_null(r->values);
    for (uint32_t i = 0; i < r->values_count; i++) {
        r->values[i] = slice_of(PICK(value_texts));
    }
}

static void random_against_plain_reading(void **state)
{
    struct bench *b = *state;
    uint64_t seen[256] = {0};
    for (int round = 0; round < 300; round++) {
        arena_reset(b->arena);
        compile(b, random_document(b->arena));
        for (int batch = 0; batch < 2; batch++) {
            struct schema_message schemas[20];
            for (int i = 0; i < 20; i++) {
                random_schema(b->arena, &schemas[i]);
            }
            grade_begin(b->rules, schemas);
            for (int i = 0; i < 200; i++) {
                struct record_message record;
                uint8_t expected[LIMIT_GRADE_NAMES];
                uint8_t got[LIMIT_GRADE_NAMES];
                random_record(b->arena, schemas, 20, &record);
                plain_grades(b, &schemas[record.schema], &record, expected);
                grade_record(b->rules, &record, got);
                assert_memory_equal(got, expected, b->grading->name_count);
                seen[got[0]]++;
            }
        }
    }
    assert_true(seen[0] > 500 && seen[1] > 500 && seen[5] > 500 && seen[GRADE_NONE] > 500);
}

/* ---- batches ---- */

static void batches(void **state)
{
    struct bench *b = *state;
    compile_condition(b, "own", "<", "5");
    struct batch_writer *w = batch_writer_new();
    struct grade_scratch scratch;
    struct grade_counts counts = {0};
    struct pack frame;
    struct pack out;
    pack_init(&frame);
    pack_init(&out);
    assert_non_null(w);
    assert_int_equal(grade_scratch_init(&scratch), 0);
    for (int i = 0; i < 50; i++) {
        struct schema_message schema;
        struct record_message record;
        random_schema(b->arena, &schema);
        random_record(b->arena, &schema, 1, &record);
        assert_int_equal(batch_writer_add(w, &schema, &record), 0);
    }
    assert_int_equal(batch_writer_finish(w, &frame), 0);
    struct slice bytes = pack_bytes(&frame);
    assert_int_equal(grade_batch(b->rules, 3, 77, bytes, 50, &scratch, &out, &counts), 0);
    uint64_t sum = 0;
    for (int i = 0; i < 6; i++) {
        sum += counts.grade[i];
    }
    assert_int_equal(sum, 50);
    struct grade_counts before = counts;

    /* Another count than the header's; every truncation; one byte too many. */
    assert_int_equal(grade_batch(b->rules, 3, 77, bytes, 49, &scratch, &out, &counts), -1);
    assert_int_equal(grade_batch(b->rules, 3, 77, bytes, 51, &scratch, &out, &counts), -1);
    for (size_t n = 0; n < bytes.len; n++) {
        struct slice part = {bytes.at, n};
        assert_int_equal(grade_batch(b->rules, 3, 77, part, 50, &scratch, &out, &counts), -1);
    }
    pack_raw(&frame, slice_of("x"));
    assert_int_equal(grade_batch(b->rules, 3, 77, pack_bytes(&frame), 50, &scratch, &out, &counts),
                     -1);
    assert_memory_equal(&counts, &before, sizeof counts);

    /* An empty batch has no grades but names. */
    pack_reset(&frame);
    pack_reset(&out);
    assert_int_equal(batch_writer_finish(w, &frame), 0);
    assert_int_equal(grade_batch(b->rules, 9, 77, pack_bytes(&frame), 0, &scratch, &out, &counts),
                     0);
    struct grades_message message;
    assert_int_equal(grades_decode_all(pack_bytes(&out), b->arena, &message), 0);
    assert_int_equal(message.grading_version, 9);
    assert_int_equal(message.digest, 77);
    assert_int_equal(message.names_count, 1);
    assert_int_equal(message.grades.len, 0);

    grade_scratch_release(&scratch);
    pack_release(&out);
    pack_release(&frame);
    batch_writer_free(&w);
}

static void no_blocks_at_all(void **state)
{
    struct bench *b = *state;
    compile(b, "{\"grading\": []}");
    struct schema_message schema = {0};
    struct record_message record = {.type = slice_of("")};
    uint8_t untouched = 77;
    grade_begin(b->rules, &schema);
    grade_record(b->rules, &record, &untouched);
    assert_int_equal(untouched, 77);
}

/* A value that cannot be is as null: no condition holds, no alias is tried. */
static void impossible_values(void **state)
{
    struct bench *b = *state;
    compile_condition(b, "own", "!=", "1000");
    assert_int_equal(grade_of(b, "bounded", ONE("own", "0")), 5);
    assert_int_equal(grade_of(b, "bounded", ONE("own", "-0.2")), 0);
    assert_int_equal(grade_of(b, "bounded", ONE("own", "9.0")), 0);
    assert_int_equal(grade_of(b, "ping", ONE("own", "-0.2")), 5); /* another type's range */
    static const char *const both[][2] = {{"second", "5"}, {"own", "-1"}};
    assert_int_equal(grade_of(b, "bounded", 2, both), 0);
    assert_int_equal(grade_of(b, "bounded", ONE("second", "-1")), 5); /* a name of its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(during),
        TEST(leave),
        TEST(values),
        TEST(relations),
        TEST(aliases),
        TEST(parameters_are_no_metrics),
        TEST(the_first_block_decides),
        TEST(random_against_plain_reading),
        TEST(batches),
        TEST(no_blocks_at_all),
        TEST(impossible_values),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
