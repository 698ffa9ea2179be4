/* SPDX-License-Identifier: Apache-2.0 */
/* common/formats/format_input.h: what is taken, and all faults with their places. */
#include "common/formats/format_input.h"
#include "tests/unit/faults.h"

static const struct json_limits limits = {.depth = 16, .nodes = 100000, .string_bytes = 65536};

static struct faults told;
static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    faults_begin(&told);
    arena = arena_new(1 << 24);
    return arena == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* The member "input" of a mapping. */
static struct format_input *read(const char *text)
{
    const char *mapping = arena_printf(arena, "{\"input\": %s}", text);
    struct document_place whole = document_parse(&told.document, arena, slice_of(mapping), &limits);
    struct document_place input = document_member(&whole, "input");
    return format_input_read(&input, arena);
}

#define ASSERT_TOLD(...) ASSERT_FAULTS(&told, __VA_ARGS__)

static struct format_input *read_good(const char *text)
{
    struct format_input *in = read(text);
    assert_faults(&told, (const char *const[]){NULL});
    assert_non_null(in);
    return in;
}

static void test_json(void **state)
{
    (void)state;
    struct format_input *in = read_good("{\"decoder\": \"json\"}");
    assert_true(format_input_is_json(in));
    assert_false(format_input_knows_fields(in));
    assert_false(in->nan);
    assert_int_equal(in->duplicates, JSON_DUPLICATES_REFUSED);
    in = read_good("{\"decoder\": \"json\", \"nan\": \"null\", \"duplicates\": \"list\"}");
    assert_true(in->nan);
    assert_int_equal(in->duplicates, JSON_DUPLICATES_LISTED);
    in = read_good("{\"decoder\": \"json\", \"duplicates\": \"first\"}");
    assert_int_equal(in->duplicates, JSON_DUPLICATES_FIRST);
    in = read_good("{\"decoder\": \"json\", \"duplicates\": \"last\"}");
    assert_int_equal(in->duplicates, JSON_DUPLICATES_LAST);
}

static void test_others(void **state)
{
    (void)state;
    assert_int_equal(read_good("{\"decoder\": \"influx\"}")->decoder, FORMAT_INFLUX);
    struct format_input *in = read_good("{\"decoder\": \"prometheus\"}");
    assert_false(in->openmetrics);
    assert_false(format_input_is_json(in));
    assert_true(read_good("{\"decoder\": \"prometheus\", \"openmetrics\": true}")->openmetrics);
}

static bool has(const struct format_input *in, const char *name)
{
    return format_input_has_field(in, slice_of(name));
}

static void test_lines(void **state)
{
    (void)state;
    struct format_input *in =
        read_good("{\"decoder\": \"lines\", \"patterns\": [\"{a} {b:int}\", \"{b:rest}\"],"
                  " \"ignore\": [\"{ignored:rest}\"], \"split\": {\"b\": \", \"}}");
    assert_int_equal(in->decoder, FORMAT_LINES);
    assert_true(format_input_knows_fields(in));
    assert_true(has(in, "a") && has(in, "b"));
    assert_false(has(in, "ignored") || has(in, "") || has(in, "c"));
    assert_int_equal(in->lines.count, 2);
    assert_int_equal(in->lines.at[0].fields[1], in->lines.at[1].fields[0]);
    assert_true(slice_is(in->fields[in->lines.at[1].fields[0]].separator, ", "));
}

static void test_blocks(void **state)
{
    (void)state;
    struct format_input *in = read_good(
        "{\"decoder\": \"blocks\", \"begin\": \"{a} {x_first}\", \"end\": [\"{e}\", \"-\"],"
        " \"lines\": [\"{t_first}\", {\"pattern\": \"{h} {a}\", \"into\": \"hops\"},"
        " {\"pattern\": \"{h} {t_first} .\", \"into\": \"hops\"}],"
        " \"strict\": true, \"ignore\": [], \"split\": {\"a\": \" \", \"h\": \",\"}}");
    assert_true(in->strict);
    assert_true(has(in, "a") && has(in, "e") && has(in, "hops") && has(in, "t_first"));
    assert_false(has(in, "h"));
    assert_int_equal(in->begin.count, 1);
    assert_int_equal(in->end.count, 2);
    /* A name in a list is another field than the same outside. */
    const struct format_input_pattern *hop = &in->lines.at[1];
    assert_true(slice_is(in->fields[hop->list].name, "hops") && in->fields[hop->list].is_list);
    assert_int_equal(in->lines.at[2].list, hop->list);
    assert_int_not_equal(in->begin.at[0].fields[0], hop->fields[1]);
    assert_true(slice_is(in->fields[hop->fields[0]].separator, ","));
    assert_true(slice_is(in->fields[hop->fields[1]].separator, " "));
    assert_true(in->fields[in->lines.at[0].fields[0]].first);
    assert_false(in->fields[in->lines.at[2].fields[1]].first);
}

static void test_no_decoder(void **state)
{
    (void)state;
    assert_null(read("{\"decoder\": \"xml\", \"patterns\": 1}"));
    assert_null(read("{}"));
    assert_null(read("7"));
    ASSERT_TOLD("input.decoder: expected one of json lines blocks prometheus influx, found \"xml\"",
                "input.decoder: expected one of json lines blocks prometheus influx, found nothing",
                "input: expected an object, found 7");
}

static void test_unknown_keys(void **state)
{
    (void)state;
    assert_null(read("{\"decoder\": \"json\", \"patterns\": [], \"nan\": \"zero\","
                     " \"duplicates\": true}"));
    assert_null(read("{\"decoder\": \"prometheus\", \"openmetrics\": 1, \"nan\": \"null\"}"));
    assert_null(read("{\"decoder\": \"influx\", \"a\": 1}"));
    ASSERT_TOLD("input.patterns: unknown, expected one of decoder nan duplicates",
                "input.nan: expected null, found \"zero\"",
                "input.duplicates: expected one of refuse first last list, found true",
                "input.nan: unknown, expected one of decoder openmetrics",
                "input.openmetrics: expected true or false, found 1",
                "input.a: unknown, expected decoder");
}

/* All that is wrong with them at once. */
static void test_faults_of_lines(void **state)
{
    (void)state;
    assert_null(read("{\"decoder\": \"lines\", \"patterns\": [\"{a}\", \"{a\", 7, \"{b:x}\"],"
                     " \"ignore\": [\"]\"], \"split\": {\"c\": \" \", \"a\": \"\"},"
                     " \"begin\": \"x\"}"));
    assert_null(read("{\"decoder\": \"lines\", \"patterns\": [], \"split\": []}"));
    assert_null(read("{\"decoder\": \"lines\"}"));
    ASSERT_TOLD("input.begin: unknown, expected one of decoder patterns ignore split",
                "input.patterns[1]: expected } behind the { at byte 0 of the pattern",
                "input.patterns[2]: expected a pattern (a string), found 7",
                "input.patterns[3]: expected a kind, one of name word int num host rest numbers, "
                "in the field at byte 0 of the pattern",
                "input.ignore[0]: expected [ before the ] (which is written \\] where it is "
                "meant) at byte 0 of the pattern",
                "input.split.c: expected the name of a field that a pattern has",
                "input.split.a: expected a string of 1..16 bytes, found 0",
                "input.patterns: expected at least one pattern, found none",
                "input.split: expected an object, found array",
                "input.patterns: expected a list, found nothing");
}

static void test_faults_of_blocks(void **state)
{
    (void)state;
    assert_null(read("{\"decoder\": \"blocks\", \"begin\": [], \"lines\": [{\"pattern\": \"{a\","
                     " \"into\": \"x-y\", \"as\": 1}, {}], \"strict\": \"yes\", \"end\": 1}"));
    assert_null(read("{\"decoder\": \"blocks\"}"));
    assert_null(read("{\"decoder\": \"blocks\", \"begin\": \"{a} {b}\", \"lines\": [\"{b} {c}\","
                     " {\"pattern\": \"x\", \"into\": \"b\"}]}"));
    ASSERT_TOLD("input.begin: expected at least one pattern, found none",
                "input.lines[0].as: unknown, expected one of pattern into",
                "input.lines[0].pattern: expected } behind the { at byte 0 of the pattern",
                "input.lines[0].into: expected a list's name of letters, digits and _, no digit "
                "first, found \"x-y\"",
                "input.lines[1].pattern: expected a pattern (a string), found nothing",
                "input.lines[1].into: expected a string, found nothing",
                "input.end: expected a pattern (a string), found 1",
                "input.strict: expected true or false, found \"yes\"",
                "input.begin: expected a pattern (a string), found nothing",
                "input.lines: expected a list, found nothing",
                "input.begin: expected a field's name that no list has, found \"b\"",
                "input.lines: expected a field's name that no list has, found \"b\"");
}

static void test_too_many_patterns(void **state)
{
    static char text[2000];
    size_t used = (size_t)snprintf(text, sizeof text, "{\"decoder\": \"lines\", \"patterns\": [");
    (void)state;
    for (int i = 0; i <= FORMAT_INPUT_PATTERNS; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"a%d\"", i ? "," : "", i);
    }
    snprintf(text + used, sizeof text - used, "]}");
    assert_null(read(text));
    ASSERT_TOLD("input.patterns: expected at most 64 elements, found 65");
}

/* Each time a bit more, until it is enough: then all is there, and before nothing. */
static void test_memory(void **state)
{
    static const char text[] = "{\"decoder\": \"blocks\", \"begin\": \"{a}\", \"lines\": "
                               "[{\"pattern\": \"{b}\", \"into\": \"l\"}, \"{c}\"]}";
    const struct json_limits of = limits;
    (void)state;
    struct document_place at = document_parse(&told.document, arena, slice_of(text), &of);
    size_t bytes = 0;
    for (;; bytes += 64) {
        faults_begin(&told);
        struct arena *small = arena_new(bytes);
        struct format_input *in = format_input_read(&at, small);
        bool good = in != NULL;
        assert_int_equal(told.count > 0, !good);
        arena_free(&small);
        if (good) {
            break;
        }
        assert_non_null(strstr(told.line[0], "out of memory"));
    }
    assert_in_range(bytes, 64, 1 << 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json, begin, end),
        cmocka_unit_test_setup_teardown(test_others, begin, end),
        cmocka_unit_test_setup_teardown(test_lines, begin, end),
        cmocka_unit_test_setup_teardown(test_blocks, begin, end),
        cmocka_unit_test_setup_teardown(test_no_decoder, begin, end),
        cmocka_unit_test_setup_teardown(test_unknown_keys, begin, end),
        cmocka_unit_test_setup_teardown(test_faults_of_lines, begin, end),
        cmocka_unit_test_setup_teardown(test_faults_of_blocks, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many_patterns, begin, end),
        cmocka_unit_test_setup_teardown(test_memory, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
