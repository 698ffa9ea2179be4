/* SPDX-License-Identifier: Apache-2.0 */
/* common/grading.h: what a document may say, and that every fault is named by its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/grading.h"
#include "schemas/messages.h"

static int make_arena(void **state)
{
    *state = arena_new(GRADING_ARENA_BYTES);
    return *state == NULL ? -1 : 0;
}

static int free_arena(void **state)
{
    struct arena *a = *state;
    arena_free(&a);
    return 0;
}

static const struct grading *accept(struct arena *a, const char *document)
{
    struct grading_faults faults;
    const struct grading *g = grading_read(a, slice_of(document), &faults);
    if (g == NULL) {
        fail_msg("refused: %s", faults.text[0]);
    }
    assert_int_equal(faults.count, 0);
    return g;
}

/* The document must have exactly this one fault. */
static void refuse(struct arena *a, const char *document, const char *expected)
{
    struct grading_faults faults;
    assert_null(grading_read(a, slice_of(document), &faults));
    if (faults.count != 1 || strcmp(faults.text[0], expected) != 0) {
        fail_msg("%u faults, first \"%s\", expected \"%s\"", faults.count, faults.text[0],
                 expected);
    }
}

/* A document of one block with these parts. */
static const char *block(struct arena *a, const char *name, const char *applies, const char *rules)
{
    return arena_printf(
        a, "{\"grading\": [{\"gradeName\": %s, \"appliesTo\": %s, \"gradingRules\": %s}]}", name,
        applies, rules);
}

static const char *rule(struct arena *a, const char *text)
{
    return block(a, "\"n\"", "{}", arena_printf(a, "[%s]", text));
}

static const char *condition(struct arena *a, const char *metric, const char *rel,
                             const char *limit)
{
    return rule(a, arena_printf(a,
                                "{\"grade\": 5, \"if\": [{\"metric\": %s, \"rel\": %s, "
                                "\"limit\": %s}]}",
                                metric, rel, limit));
}

static void a_document(void **state)
{
    const struct grading *g = accept(
        *state,
        "{\"grading\": ["
        "{\"gradeName\": \"b\", \"appliesTo\": {\"recordType\": \"p?ng\", \"recordSource\": "
        "\"10.0.0.0/8\", \"recordContent\": \"10.0.0.0/8\"}, \"gradingRules\": [{\"grade\": \"5\", "
        "\"if\": [{\"metric\": \"m\", \"rel\": \"<=\", \"limit\": \"20\"}]}, {\"grade\": 1}]},"
        "{\"gradeName\": \"a\", \"appliesTo\": {}, \"gradingRules\": []},"
        "{\"gradeName\": \"b\", \"appliesTo\": {\"recordPath\": \"*\"}, \"gradingRules\": []}]}");
    assert_int_equal(g->name_count, 2);
    assert_true(slice_is(g->names[0], "b") && slice_is(g->names[1], "a"));
    assert_int_equal(g->block_count, 3);
    const struct grading_block *b = &g->blocks[0];
    assert_int_equal(b->patterns[DIMENSION_type].kind, PATTERN_GLOB);
    assert_int_equal(b->patterns[DIMENSION_source].kind, PATTERN_PREFIX);
    assert_int_equal(b->patterns[DIMENSION_content].kind,
                     PATTERN_EXACT); /* an address only in source and dest */
    assert_int_equal(b->patterns[DIMENSION_path].kind, PATTERN_ANY);
    assert_int_equal(b->rule_count, 2);
    assert_int_equal(b->rules[0].grade, 5);
    assert_int_equal(b->rules[0].condition_count, 1);
    assert_int_equal(b->rules[0].conditions[0].relation, GRADING_LE);
    assert_true(b->rules[0].conditions[0].limit.approximate == 20.0);
    assert_int_equal(b->rules[1].grade, 1);
    assert_int_equal(b->rules[1].condition_count, 0);
    assert_int_equal(g->blocks[2].name, 0);

    g = accept(*state, "{\"grading\": []}");
    assert_int_equal(g->block_count + g->name_count, 0);
}

static void numbers(void **state)
{
    struct arena *a = *state;
    static const char *const grades[] = {"1", "5", "\"3\"", "\"+4\"", "5.0", "\"50e-1\"", "\"02\""};
    for (size_t i = 0; i < sizeof grades / sizeof grades[0]; i++) {
        accept(a, rule(a, arena_printf(a, "{\"grade\": %s}", grades[i])));
    }
    accept(a, condition(a, "\"m\"", "\"!=\"", "-1.5e300"));
    accept(a, condition(a, "\"m\"", "\"==\"", "\"18446744073709551615\""));

    static const char *const bad_grades[][2] = {{"0", "0"},
                                                {"6", "6"},
                                                {"\"\"", "\"\""},
                                                {"2.5", "2.5"},
                                                {"\" 3\"", "\" 3\""},
                                                {"\"five\"", "\"five\""},
                                                {"true", "true"},
                                                {"null", "null"},
                                                {"[1]", "array"},
                                                {"-1", "-1"},
                                                {"5.0000000000000000001", NULL}};
    for (size_t i = 0; i < sizeof bad_grades / sizeof bad_grades[0]; i++) {
        const char *shown = bad_grades[i][1];
        refuse(a, rule(a, arena_printf(a, "{\"grade\": %s}", bad_grades[i][0])),
               arena_printf(a, "grading[0].gradingRules[0].grade: expected a grade 1..5, found %s",
                            shown == NULL ? "5.0000000000000000001" : shown));
    }
}

static void conditions(void **state)
{
    struct arena *a = *state;
#define AT "grading[0].gradingRules[0].if[0]"
    refuse(a, condition(a, "\"m\"", "\"=\"", "1"),
           AT ".rel: expected one of < <= > >= == !=, found \"=\"");
    refuse(a, condition(a, "\"m\"", "5", "1"), AT ".rel: expected one of < <= > >= == !=, found 5");
    refuse(a, condition(a, "\"m\"", "\"<\"", "\"20 \""),
           AT ".limit: expected a number, found \"20 \"");
    refuse(a, condition(a, "\"m\"", "\"<\"", "\"nan\""),
           AT ".limit: expected a number, found \"nan\"");
    refuse(a, condition(a, "\"m\"", "\"<\"", "null"), AT ".limit: expected a number, found null");
    refuse(a, condition(a, "\"m\"", "\"<\"", "true"), AT ".limit: expected a number, found true");
    refuse(a, condition(a, "\"\"", "\"<\"", "1"),
           AT ".metric: expected a string of 1..256 bytes, found 0");
    refuse(a, condition(a, "[]", "\"<\"", "1"), AT ".metric: expected a string, found array");
    refuse(a, condition(a, "\"a\\u0000b\"", "\"<\"", "1"),
           AT ".metric: expected a string without a NUL in it");
    refuse(a, rule(a, "{\"grade\": 1, \"if\": {}}"),
           "grading[0].gradingRules[0].if: expected a list, found object");
    refuse(a, rule(a, "{\"grade\": 1, \"if\": [7]}"), AT ": expected an object, found 7");
    refuse(a, rule(a, "{\"grade\": 1, \"iff\": []}"),
           "grading[0].gradingRules[0].iff: unknown, expected one of grade if");
    refuse(a, rule(a, "[]"), "grading[0].gradingRules[0]: expected an object, found array");
    refuse(a, rule(a, "{}"),
           "grading[0].gradingRules[0].grade: expected a grade 1..5, found nothing");
#undef AT
}

static void blocks_and_document(void **state)
{
    struct arena *a = *state;
    refuse(a, "[]", "document: expected an object, found array");
    refuse(a, "{}", "grading: expected a list, found nothing");
    refuse(a, "{\"grading\": [], \"x\": 1}", "x: unknown, expected grading");
    refuse(a, "{\"grading\": [null]}", "grading[0]: expected an object, found null");
    refuse(a, block(a, "\"\"", "{}", "[]"),
           "grading[0].gradeName: expected a string of 1..256 bytes, found 0");
    refuse(a, block(a, "7", "{}", "[]"), "grading[0].gradeName: expected a string, found 7");
    refuse(a, block(a, "\"all\"", "{}", "[]"),
           "grading[0].gradeName: \"all\" is what queries call all grade names together");
    refuse(a, block(a, "\"n\"", "[]", "[]"),
           "grading[0].appliesTo: expected an object, found array");
    refuse(a, block(a, "\"n\"", "{}", "{}"),
           "grading[0].gradingRules: expected a list, found object");
    refuse(a, "{\"grading\": [{\"gradeName\": \"n\", \"gradingRules\": []}]}",
           "grading[0].appliesTo: expected an object, found nothing");
    refuse(a, block(a, "\"n\"", "{\"recordtype\": \"*\"}", "[]"),
           "grading[0].appliesTo.recordtype: unknown, expected one of recordType recordContent "
           "recordProbe "
           "recordSource recordDest recordPath during");
    refuse(a, block(a, "\"n\"", "{\"recordType\": 7}", "[]"),
           "grading[0].appliesTo.recordType: expected a pattern (a string), found 7");
    refuse(
        a, block(a, "\"n\"", "{\"recordDest\": \"a\\u0000\"}", "[]"),
        "grading[0].appliesTo.recordDest: expected a pattern of at most 1024 bytes in UTF-8 "
        "without NUL, \\ in it only before *, ? and \\, and no prefix that cannot be, found \"a\"");
    refuse(a, block(a, "\"n\"", "{\"recordContent\": \"a\\\\b\"}", "[]"),
           "grading[0].appliesTo.recordContent: expected a pattern of at most 1024 bytes in UTF-8 "
           "without NUL, \\ in it only before *, ? and \\, found \"a\\b\"");
    refuse(a, block(a, "\"n\"", "{\"recordSource\": \"10.0.0.0/33\"}", "[]"),
           "grading[0].appliesTo.recordSource: expected a pattern of at most 1024 bytes in UTF-8 "
           "without NUL, \\ in it only before *, ? and \\, and no prefix that cannot be, found "
           "\"10.0.0.0/33\"");
    /* What was published with them goes on grading. */
    struct grading_faults faults;
    assert_non_null(grading_read_kept(
        a,
        slice_of(block(a, "\"n\"",
                       "{\"recordSource\": \"10.0.0.0/33\", \"recordContent\": \"a\\\\b\"}", "[]")),
        slice_of(""), &faults));
}

static void every_fault_at_once(void **state)
{
    struct grading_faults faults;
    assert_null(grading_read(*state,
                             slice_of("{\"grading\": [{\"gradeName\": 1, \"appliesTo\": 2, "
                                      "\"gradingRules\": 3}, 4, {\"gradeName\": \"n\", "
                                      "\"appliesTo\": {}, \"gradingRules\": [{\"grade\": 9}]}]}"),
                             &faults));
    static const char *const places[] = {
        "grading[0].gradeName: ", "grading[0].appliesTo: ", "grading[0].gradingRules: ",
        "grading[1]: ", "grading[2].gradingRules[0].grade: "};
    assert_int_equal(faults.count, sizeof places / sizeof places[0]);
    assert_int_equal(faults.kept, faults.count);
    for (uint32_t i = 0; i < faults.count; i++) {
        assert_memory_equal(faults.text[i], places[i], strlen(places[i]));
    }
}

/* `count` times `item`, separated by commas, between `open` and `close`. */
static char *repeated(const char *open, const char *item, size_t count, const char *close)
{
    size_t size = strlen(open) + (strlen(item) + 1) * count + strlen(close) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, size, "%s", open);
    for (size_t i = 0; i < count; i++) {
        n += (size_t)snprintf(text + n, size - n, "%s%s", i > 0 ? "," : "", item);
    }
    snprintf(text + n, size - n, "%s", close);
    return text;
}

static void limits(void **state)
{
    struct arena *a = *state;
    struct grading_faults faults;
    const char *item = "{\"gradeName\":\"n\",\"appliesTo\":{},\"gradingRules\":[]}";
    char *text = repeated("{\"grading\":[", item, GRADING_BLOCKS, "]}");
    assert_int_equal(accept(a, text)->block_count, GRADING_BLOCKS);
    free(text);
    text = repeated("{\"grading\":[", item, GRADING_BLOCKS + 1, "]}");
    refuse(a, text, "grading: expected at most 1024 elements, found 1025");
    free(text);
    text = repeated("[", "{\"grade\":1}", GRADING_RULES + 1, "]");
    refuse(a, block(a, "\"n\"", "{}", text),
           "grading[0].gradingRules: expected at most 64 elements, found 65");
    free(text);

    /* All faults are counted, a hundred of them kept. */
    text = repeated("{\"grading\":[", "7", 300, "]}");
    assert_null(grading_read(a, slice_of(text), &faults));
    assert_int_equal(faults.count, 300);
    assert_int_equal(faults.kept, 100);
    free(text);

    /* One byte more than a document may have; the last that fits is refused for what it is. */
    text = malloc(LIMIT_DOCUMENT_BYTES + 1);
    assert_non_null(text);
    memset(text, ' ', LIMIT_DOCUMENT_BYTES + 1);
    memcpy(text, "{\"grading\":[]}", 14);
    assert_non_null(grading_read(a, (struct slice){text, LIMIT_DOCUMENT_BYTES}, &faults));
    assert_null(grading_read(a, (struct slice){text, LIMIT_DOCUMENT_BYTES + 1}, &faults));
    assert_string_equal(faults.text[0], "document: expected at most 1048576 bytes, found 1048577");
    free(text);

    /* What ends as texts of C do could not be stored. One that is has none. */
    const struct slice ended = {"{\"grading\":[]}", 15};
    assert_null(grading_read(a, ended, &faults));
    assert_string_equal(faults.text[0],
                        "document: expected JSON without NUL, found one at byte 15");
    assert_non_null(grading_read_kept(a, ended, slice_of(""), &faults));
}

static void grade_names(void **state)
{
    struct arena *a = *state;
    char text[4096] = "{\"grading\":[";
    size_t n = strlen(text);
    for (int i = 0; i <= LIMIT_GRADE_NAMES; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s{\"gradeName\":\"n%d\",\"appliesTo\":{},\"gradingRules\":[]}",
                              i > 0 ? "," : "", i);
    }
    snprintf(text + n, sizeof text - n, "]}");
    refuse(a, text,
           "grading[32].gradeName: expected at most 32 different grade names, found \"n32\" beyond "
           "them");
}

/* What is quoted from a document is short, printable and cut between characters. */
static void quotations(void **state)
{
    struct arena *a = *state;
    struct grading_faults faults;
    char *euros = repeated("\"", "\xe2\x82\xac\\n", 100, "\"");
    assert_null(
        grading_read(a, slice_of(rule(a, arena_printf(a, "{\"grade\": %s}", euros))), &faults));
    free(euros);
    assert_int_equal(faults.count, 1);
    struct slice said = slice_of(faults.text[0]);
    assert_true(said.len < 200);
    assert_true(pattern_is_text(said));
    assert_null(strchr(faults.text[0], '\n'));
    assert_non_null(strstr(faults.text[0], "..."));
}

static void the_largest_documents(void **state)
{
    struct arena *a = *state;
    struct grading_faults faults;
    /* As many conditions as fit into the bytes. */
    char *rule_text =
        repeated("{\"grade\":1,\"if\":[", "{\"metric\":\"m\",\"rel\":\"<\",\"limit\":1}",
                 GRADING_CONDITIONS, "]}");
    size_t rules = (LIMIT_DOCUMENT_BYTES - 10000) / (strlen(rule_text) + 1);
    size_t count = rules / 60;
    char *rules_text =
        repeated("{\"gradeName\":\"n\",\"appliesTo\":{},\"gradingRules\":[", rule_text, 60, "]}");
    char *text = repeated("{\"grading\":[", rules_text, count, "]}");
    assert_in_range(strlen(text), LIMIT_DOCUMENT_BYTES / 2, LIMIT_DOCUMENT_BYTES);
    const struct grading *g = grading_read(a, slice_of(text), &faults);
    assert_non_null(g);
    assert_int_equal(g->blocks[count - 1].rules[59].condition_count, GRADING_CONDITIONS);
    free(text);
    free(rules_text);
    free(rule_text);
}

/* Wherever memory ends, the document is refused with a reason. */
static void too_little_memory(void **state)
{
    const char *document = condition(*state, "\"m\\n\"", "\"<\"", "\"x\"");
    struct grading_faults faults;
    for (size_t limit = 0; limit < 16384; limit += 8) {
        struct arena *small = arena_new(limit);
        assert_non_null(small);
        assert_null(grading_read(small, slice_of(document), &faults));
        assert_true(faults.count > 0 && faults.kept > 0);
        assert_true(strlen(faults.text[0]) > 10);
        arena_free(&small);
    }
}

#define WEEK "{\"hours\": [{\"days\": \"mon-fri\", \"from\": \"08:00\", \"to\": \"18:00\"}]"

static void hours(void **state)
{
    struct arena *a = *state;
#define DURING(text) "{\"recordType\": \"ping\", \"during\": " text "}"
#define AT           "grading[0].appliesTo.during"
    const struct grading *g =
        accept(a, block(a, "\"n\"", DURING(WEEK ", \"time_zone\": \"Europe/Madrid\"}"), "[]"));
    assert_non_null(g->blocks[0].during);
    assert_true(week_hours_have(g->blocks[0].during, INT64_C(1796022000000000)));  /* a Monday, 8 */
    assert_false(week_hours_have(g->blocks[0].during, INT64_C(1796021999000000))); /* before */
    assert_null(accept(a, block(a, "\"n\"", "{}", "[]"))->blocks[0].during);
    static const char *const bad[][2] = {
        {DURING("\"mon-fri\""), AT ": expected an object, found \"mon-fri\""},
        {DURING("{}"), AT ".hours: expected hours, found nothing"},
        {DURING("{\"hours\": []}"), AT ".hours: expected hours, found none"},
        {DURING("{\"time_zone\": \"UTC\"}"), AT ".time_zone: there are no hours"},
        {DURING("{\"hours\": [{\"days\": \"Monday\"}]}"),
         AT ".hours[0].days: expected days such as \"mon-fri\" or \"sat,sun\", found \"Monday\""},
        {DURING("{\"hours\": [{\"from\": \"8\"}]}"),
         AT ".hours[0].from: expected a time of day such as \"08:00\", found \"8\""},
        {DURING(WEEK ", \"time_zone\": \"Europe/Atlantis\"}"),
         AT ".time_zone: expected a time zone that this machine knows, such as \"Europe/Madrid\", "
            "found \"Europe/Atlantis\""},
        {DURING("{\"hours\": [{\"days\": \"sat\"}, {\"days\": \"mon\"}, {\"days\": \"sun\", "
                "\"from\": \"22:00\", \"to\": \"06:00\"}]}"),
         AT ".hours: [1] and [2] overlap"},
        {DURING("{\"hours\": [{}], \"zone\": \"UTC\"}"),
         AT ".zone: unknown, expected one of hours time_zone"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(a, block(a, "\"n\"", bad[i][0], "[]"), bad[i][1]);
    }
    /* Spans that only touch do not overlap. */
    accept(a, block(a, "\"n\"",
                    DURING("{\"hours\": [{\"from\": \"22:00\", \"to\": \"06:00\"}, {\"from\": "
                           "\"06:00\", \"to\": \"22:00\"}]}"),
                    "[]"));
#undef AT
}

/* A published document is read by the zones that were kept with it, and by no others. */
static void hours_that_are_kept(void **state)
{
    struct arena *a = *state;
    struct grading_faults faults;
    struct slice document =
        slice_of(block(a, "\"n\"", DURING(WEEK ", \"time_zone\": \"Mars/Utopia\"}"), "[]"));
    const struct grading *g = grading_read_kept(
        a, document, slice_of("{\"zones\": {\"Mars/Utopia\": [0, 1796022000, 3600]}}"), &faults);
    assert_non_null(g);
    assert_true(week_hours_have(g->blocks[0].during, INT64_C(1796022000000000)));
    assert_false(week_hours_have(g->blocks[0].during, INT64_C(1796021999000000)));
    assert_null(grading_read_kept(a, document, slice_of("{}"), &faults));
    assert_string_equal(faults.text[0],
                        "grading[0].appliesTo.during.time_zone: expected a time zone "
                        "that is kept with this version, found \"Mars/Utopia\"");
}

/* A block with more beside its rules; its faults, one a line. */
static const char *faults_of(struct arena *a, const char *condition, const char *more)
{
    struct grading_faults faults;
    const char *text = "";
    (void)grading_read(a,
                       slice_of(arena_printf(
                           a,
                           "{\"grading\": [{\"gradeName\": \"n\", \"appliesTo\": {}, "
                           "\"gradingRules\": [{\"grade\": 5, \"if\": [{\"metric\": \"m\", %s}]}]"
                           "%s}]}",
                           condition, more)),
                       &faults);
    for (uint32_t i = 0; i < faults.kept; i++) {
        const char *place = faults.text[i];
        place += strncmp(place, "grading[0].", 11) == 0 ? 11 : 0;
        text = arena_printf(a, "%s%s\n", text, place);
    }
    return text;
}

static void steadiness(void **state)
{
    struct arena *a = *state;
#define LESS "\"rel\": \"<\", \"limit\": 20"
#define IF   "gradingRules[0].if[0].leave:"
    static const char *const cases[][3] = {
        {LESS ", \"leave\": \"25\"", "", ""},
        {LESS ", \"leave\": 20", "", ""},
        {LESS ", \"leave\": 19.9", "", IF " expected a number not below the limit, found 19.9\n"},
        {"\"rel\": \">=\", \"limit\": 20, \"leave\": 21", "",
         IF " expected a number not above the limit, found 21\n"},
        {"\"rel\": \">\", \"limit\": 20, \"leave\": -1", "", ""},
        {"\"rel\": \"==\", \"limit\": 20, \"leave\": 20", "", IF " is for < <= > >= only\n"},
        {LESS ", \"leave\": \"x\"", "", IF " expected a number, found \"x\"\n"},
        {LESS, ", \"hold\": {\"records\": 3}", ""},
        {LESS, ", \"hold\": {\"records\": 0, \"seconds\": 604801}",
         "hold.records: expected a whole number 1..1000, found 0\n"
         "hold.seconds: expected a whole number 0..604800, found 604801\n"},
        {LESS, ", \"hold\": {}", "hold: expected records, seconds or both, found neither\n"},
        {LESS, ", \"hold\": 3", "hold: expected an object, found 3\n"},
        {LESS, ", \"hold\": {\"worse\": {\"records\": 2}, \"better\": {\"seconds\": 60}}", ""},
        {LESS, ", \"hold\": {\"worse\": {\"records\": 2}, \"records\": 2}",
         "hold.records: unknown, expected one of worse better\n"},
        {LESS, ", \"hold\": {\"better\": {\"record\": 2}}",
         "hold.better.record: unknown, expected one of records seconds\n"},
        {LESS, ", \"flap\": {\"changes\": 4, \"seconds\": 600}", ""},
        {LESS, ", \"flap\": {\"changes\": 1, \"seconds\": 0}",
         "flap.changes: expected a whole number 2..20, found 1\n"
         "flap.seconds: expected a whole number 1..604800, found 0\n"},
        {LESS, ", \"flap\": {\"changes\": 2}",
         "flap.seconds: expected a whole number 1..604800, found nothing\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(faults_of(a, cases[i][0], cases[i][1]), cases[i][2]);
    }
    /* What is said of hold and flap, each once. */
    const struct grading *g =
        accept(a, "{\"grading\": ["
                  "{\"gradeName\": \"n\", \"appliesTo\": {}, \"gradingRules\": []},"
                  "{\"gradeName\": \"n\", \"appliesTo\": {}, \"gradingRules\": [], \"hold\": "
                  "{\"seconds\": 60}},"
                  "{\"gradeName\": \"n\", \"appliesTo\": {}, \"gradingRules\": [], \"flap\": "
                  "{\"changes\": 3, "
                  "\"seconds\": 600}, \"hold\": {\"better\": {\"records\": 5}}},"
                  "{\"gradeName\": \"m\", \"appliesTo\": {}, \"gradingRules\": [], \"hold\": "
                  "{\"records\": 1, "
                  "\"seconds\": 60}}]}");
    const struct steady_terms expected[] = {{1, 1, 60, 1, 60, 0, 0}, {1, 1, 0, 5, 0, 3, 600}};
    assert_int_equal(g->term_count, 2);
    assert_memory_equal(g->terms, expected, sizeof expected);
    const uint32_t places[] = {0, 1, 2, 1};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(g->blocks[i].terms, places[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)
        TEST(a_document),
        TEST(numbers),
        TEST(conditions),
        TEST(blocks_and_document),
        TEST(every_fault_at_once),
        TEST(hours),
        TEST(hours_that_are_kept),
        TEST(steadiness),
        TEST(limits),
        TEST(grade_names),
        TEST(quotations),
        TEST(the_largest_documents),
        TEST(too_little_memory),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
