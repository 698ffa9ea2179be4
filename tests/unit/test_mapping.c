/* SPDX-License-Identifier: Apache-2.0 */
/* What a mapping must be: every fault is told with its place, all of them at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/formats/format.h"

#define TOLD_BYTES 8192

struct told_faults {
    char text[TOLD_BYTES];
};

static void keep(void *context, const char *fault)
{
    struct told_faults *t = context;
    size_t n = strlen(t->text);
    snprintf(t->text + n, TOLD_BYTES - n, "%s\n", fault);
}

/* Whether it was read; what was told of it. */
static bool is_read(const char *mapping, struct told_faults *told)
{
    struct document d = {.tell = keep, .context = told};
    told->text[0] = '\0';
    struct format *f = format_read(&d, slice_of(mapping));
    bool read = f != NULL;
    assert_int_equal(read, d.faults == 0);
    format_free(&f);
    return read;
}

/* A mapping with one metric, one rule's members, or members of its own. */
#define RULE(members)                                                                              \
    "{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"type\": \"t\", \"start\": "             \
    "\"$.t\", " members "}]}"
#define METRIC(value) RULE("\"metrics\": {\"m\": " value "}")
#define WHOLE(members)                                                                             \
    "{\"input\": {\"decoder\": \"json\"}, " members                                                \
    ", \"records\": [{\"type\": \"t\", \"start\": \"$.t\", \"metrics\": {}}]}"
#define ASSEMBLE(members)                                                                          \
    "{\"input\": {\"decoder\": \"prometheus\"}, \"assemble\": {" members                           \
    "}, \"records\": [{\"type\": \"t\", \"start\": \"$.t\", \"metrics\": {}}]}"
#define WHEN(condition) RULE("\"when\": " condition ", \"metrics\": {}")

static const struct {
    const char *mapping;
    const char *told; /* one of the lines, or its beginning */
} faults[] = {
    {"[]", "expected an object"},
    {WHOLE("\"let\": {\"a\": \"%b\", \"b\": \"%a\"}"),
     "let.a: expected a name that is computed before this one, found \"b\""},
    {WHOLE("\"let\": {\"a\": {\"first\": [\"$.x\", \"%a\"]}}"),
     "let.a.first[1]: expected a name that"},
    {RULE("\"let\": {\"b\": {\"text\": \"{%c}\"}, \"c\": 1}, \"metrics\": {}"),
     "records[0].let.b.text: expected a name that"},
    {"{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"type\": \"a\\u0000b\", \"start\": "
     "\"$.t\", \"metrics\": {}}]}",
     "records[0].type: expected a text without a NUL in it"},
    {METRIC("{\"path\": \"$.a\", \"default\": \"x\\u0000\"}"),
     "records[0].metrics.m.default: expected a"},
    {"{", "document: ends too early"},
    {"{}", "input: expected"},
    {"{\"input\": {\"decoder\": \"yaml\"}, \"records\": []}", "input.decoder: expected one of"},
    {"{\"input\": {\"decoder\": \"json\"}}", "records: expected a list"},
    {"{\"input\": {\"decoder\": \"json\"}, \"records\": []}",
     "records: expected at least one rule"},
    {WHOLE("\"recrods\": 1"), "recrods: "},
    {WHOLE("\"assemble\": {\"by\": []}"), "assemble: expected it with the decoder prometheus only"},
    {ASSEMBLE("\"by\": 1"), "assemble.by: expected a list"},
    {ASSEMBLE("\"within_s\": 15"), "assemble.by: expected a list"},
    {ASSEMBLE("\"by\": [\"a\", \"b.c\"]"), "assemble.by[1]: expected the name of a label, found"},
    {ASSEMBLE("\"by\": [\"a\", \"a\"]"),
     "assemble.by[1]: expected a label that does not stand there yet, found"},
    {ASSEMBLE("\"by\": [], \"require\": [\"1a\"]"),
     "assemble.require[0]: expected the name of a metric, found"},
    {ASSEMBLE("\"by\": [], \"metrics\": [\"a\\\\b\"]"),
     "assemble.metrics[0]: expected a glob of metrics, found"},
    {ASSEMBLE("\"by\": [], \"metrics\": [\"a*\"], \"require\": [\"b\"]"),
     "assemble.require[0]: expected a metric that one of `metrics` takes, found"},
    {ASSEMBLE("\"by\": [], \"metrics\": [\"a*\"], \"count\": \"b\""),
     "assemble.count: expected a metric that one of `metrics` takes, found"},
    {ASSEMBLE("\"by\": [], \"count\": \"\""), "assemble.count: expected"},
    {ASSEMBLE("\"by\": [], \"within_s\": 0"), "assemble.within_s: expected whole seconds"},
    {ASSEMBLE("\"by\": [], \"within\": 1"), "assemble.within: "},
    {RULE("\"metric\": {}"), "records[0].metric: "},
    /* expressions */
    {METRIC("[]"), "records[0].metrics.m: expected a path"},
    {METRIC("{}"), "records[0].metrics.m: expected what the value is"},
    {METRIC("{\"pth\": \"$.a\"}"), "records[0].metrics.m.pth: "},
    {METRIC("{\"path\": \"$.a\", \"text\": \"x\"}"),
     "records[0].metrics.m: expected one of \"path\" and \"text\", found both"},
    {METRIC("{\"path\": []}"), "records[0].metrics.m.path: expected at least one path"},
    {METRIC("{\"path\": \"a\"}"), "records[0].metrics.m.path: expected one of $ @ % #"},
    {METRIC("\"$.a.\""), "records[0].metrics.m: expected a key"},
    {METRIC("\"$.a[\""), "records[0].metrics.m: expected 'key', *, ?key or a whole number"},
    {METRIC("\"$.a[x]\""), "records[0].metrics.m: expected 'key', *, ?key or a whole number"},
    {METRIC("\"$['a]\""), "records[0].metrics.m: expected ']"},
    {METRIC("\"$.a[?b~3]\""), "records[0].metrics.m: expected one of < > = !="},
    {METRIC("\"$.a[?b<x]\""), "records[0].metrics.m: expected a number behind < and >"},
    {METRIC("\"$a\""), "records[0].metrics.m: expected .key or ["},
    {METRIC("{\"agg\": \"min\", \"of\": \"$.a[*]\", \"value\": \"@.b\"}"),
     "records[0].metrics.m.value: expected steps from each element, such as .rtt or [0], found a "
     "path, "
     "\"@.b\""},
    {METRIC("\"%\""), "records[0].metrics.m: expected a name"},
    {METRIC("\"%nobody\""),
     "records[0].metrics.m: expected a name that let or remember sets, found \"nobody\""},
    {METRIC("\"@1\""), "records[0].metrics.m: expected a level below 0"},
    {METRIC("{\"path\": \"$.a\", \"stat\": \"min\"}"),
     "records[0].metrics.m: \"stat\" has a meaning beside \"hist\" only"},
    {METRIC("{\"path\": \"$.a\", \"value\": \".b\"}"),
     "records[0].metrics.m: \"value\" has a meaning beside \"agg\" and \"hops\" only"},
    {METRIC("{\"path\": \"$.a\", \"else\": 1}"), "records[0].metrics.m: expected \"else\" beside"},
    {METRIC("{\"agg\": \"most\", \"of\": \"$.a\"}"), "records[0].metrics.m.agg: expected one of"},
    {METRIC("{\"agg\": \"min\"}"), "records[0].metrics.m.of: expected"},
    {METRIC("{\"hops\": \"$.a[*]\"}"), "records[0].metrics.m.value: expected the steps"},
    {METRIC("{\"hist\": \"$.a\", \"stat\": \"p101\"}"),
     "records[0].metrics.m.stat: expected one of"},
    {METRIC("{\"sub\": [1]}"), "records[0].metrics.m.sub: expected two values, found 1"},
    {METRIC("{\"join\": \"$.a[*]\", \"each\": \"AS\"}"),
     "records[0].metrics.m.each: expected a text with {@}"},
    {METRIC("{\"text\": \"{$.a\"}"), "records[0].metrics.m.text: expected a } behind each {"},
    {METRIC("{\"text\": \"{a}\"}"), "records[0].metrics.m.text: expected a path between { and }"},
    {METRIC("{\"test\": {\"has\": \"$.a\", \"eq\": [1, 1]}}"),
     "records[0].metrics.m.test: expected one condition, found 2"},
    {METRIC("{\"test\": {\"contians\": [\"$.a\", 1]}}"),
     "records[0].metrics.m.test.contians: unknown, expected one of all any not has"},
    {METRIC("{\"if\": {\"has\": \"$.a\"}}"), "records[0].metrics.m.then: expected a value"},
    /* what is done with values */
    {METRIC("{\"path\": \"$.a\", \"unit\": [\"ms\"]}"),
     "records[0].metrics.m.unit: expected the unit that it has and the one that is wanted"},
    {METRIC("{\"path\": \"$.a\", \"unit\": [\"fortnight\", \"us\"]}"),
     "records[0].metrics.m.unit[0]: expected a unit's name, found \"fortnight\""},
    {METRIC("{\"path\": \"$.a\", \"unit\": [\"ms\", \"ratio\"]}"),
     "records[0].metrics.m.unit[0]: expected a unit of the same kind"},
    {METRIC("{\"path\": \"$.a\", \"unit\": [\"$.u\", \"us\"]}"),
     "records[0].metrics.m.unit: expected \"units\" beside it"},
    {METRIC("{\"path\": \"$.a\", \"unit\": [\"$.u\", \"us\"], \"units\": {\"x\": \"bps\"}}"),
     "records[0].metrics.m.units.x: expected a unit of the same kind"},
    {METRIC("{\"path\": \"$.a\", \"null\": [-1]}"), "records[0].metrics.m.null[0]: expected"},
    {METRIC("{\"path\": \"$.a\", \"valid\": [0]}"),
     "records[0].metrics.m.valid: expected a lower and an upper end"},
    {METRIC("{\"path\": \"$.a\", \"valid\": [2, 1]}"),
     "records[0].metrics.m.valid: the lower end is above the upper end"},
    {METRIC("{\"path\": \"$.a\", \"times\": \"x\"}"),
     "records[0].metrics.m.times: expected a number"},
    {METRIC("{\"path\": \"$.a\", \"between\": [\"(\"]}"),
     "records[0].metrics.m.between: expected two texts"},
    {METRIC("{\"path\": \"$.a\", \"host\": 1}"),
     "records[0].metrics.m.host: expected true or false"},
    {METRIC("{\"path\": \"$.a\", \"map\": {\"x\": []}}"), "records[0].metrics.m.map.x: expected"},
    {METRIC("{\"path\": \"$.a\", \"map\": {}, \"strict\": true, \"else\": 1}"),
     "records[0].metrics.m: \"strict\" and \"else\" contradict each other"},
    /* rules */
    {"{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"metrics\": {}}]}",
     "records[0]: expected \"start\", when it was measured"},
    {"{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"metrics\": {}}]}",
     "records[0]: expected \"type\", the record type"},
    {"{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"type\": \"t\", \"metrics\": {}, "
     "\"start\": "
     "{}}]}",
     "records[0].start: expected one of time, rfc2822, ctime, epoch, split and first, found none"},
    {"{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"type\": \"t\", \"metrics\": {}, "
     "\"start\": "
     "{\"time\": \"$.a\", \"unit\": \"s\"}}]}",
     "records[0].start: \"unit\" has a meaning beside \"epoch\" only"},
    {RULE("\"each\": 1, \"metrics\": {}"), "records[0].each: expected a path, {\"group\""},
    {RULE("\"each\": {\"zip\": [\"$.a\"]}, \"metrics\": {}"),
     "records[0].each.zip: expected a path to"},
    {RULE("\"each\": {\"group\": \"$.a[*]\"}, \"metrics\": {}"), "records[0].each.value: expected"},
    {WHOLE("\"remember\": [{\"path\": \"$.a\"}]"), "remember[0].as: expected"},
    {RULE("\"metrics\": {\"a\\u0000b\": \"$.a\"}"),
     "records[0].metrics.a: expected a metric's name of 1 to 256 bytes without control"},
    /* rules that are never reached */
    {WHEN("{\"eq\": [1, 2]}"), "records[0].when: the rule is never reached"},
    {WHEN("{\"any\": []}"), "records[0].when: the rule is never reached"},
    {WHEN("{\"all\": [{\"has\": \"$.a\"}, {\"not\": {\"has\": \"$.a\"}}]}"),
     "records[0].when: the rule is never reached: its conditions contradict each other"},
    {WHEN("{\"all\": [{\"eq\": [\"$.a\", 1]}, {\"eq\": [\"$.a\", 2]}]}"),
     "records[0].when: the rule is never reached"},
    {WHEN("{\"all\": [{\"eq\": [\"$.a\", \"x\"]}, {\"in\": [\"$.a\", [\"y\"]]}]}"),
     "records[0].when: the rule is never reached"},
    {"{\"input\": {\"decoder\": \"json\"}, \"ignore\": [{\"not\": {\"in\": [\"$.n\", "
     "[\"ping\"]]}}], "
     "\"records\": [{\"when\": {\"eq\": [\"$.n\", \"dns\"]}, \"type\": \"t\", \"start\": \"$.t\", "
     "\"metrics\": {}}]}",
     "records[0]: the rule is never reached: what it takes is ignored by ignore[0]"},
    {"{\"input\": {\"decoder\": \"lines\", \"patterns\": [\"{a} {b}\"]}, \"records\": [{\"when\": "
     "{\"has\": \"$.c\"}, \"type\": \"t\", \"start\": \"$.a\", \"metrics\": {}}]}",
     "records[0].when: the rule is never reached: no pattern has a field \"c\""},
    /* units of metrics */
    {RULE("\"metrics\": {\"rtt.min\": \"$.a\"}"),
     "records[0].metrics.rtt.min: expected a metric's name that tells its unit"},
    {RULE("\"metrics\": {\"rtt.us.min\": {\"path\": \"$.a\", \"unit\": [\"s\", \"ms\"]}}"),
     "records[0].metrics.rtt.us.min: its name tells the unit us, its value is converted to \"ms\""},
};

static bool has_line(const char *told, const char *beginning)
{
    for (const char *line = told; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strncmp(line, beginning, strlen(beginning)) == 0 ||
            (strchr(beginning, ':') == NULL && strstr(line, beginning) != NULL)) {
            return true;
        }
    }
    return false;
}

static void every_fault_has_its_place(void **state)
{
    struct told_faults told;
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (is_read(faults[i].mapping, &told) || !has_line(told.text, faults[i].told)) {
            fail_msg("%s\nexpected %s\nfound %s", faults[i].mapping, faults[i].told, told.text);
        }
    }
}

static void all_faults_are_told_at_once(void **state)
{
    struct told_faults told;
    (void)state;
    assert_false(is_read(
        "{\"input\": {\"decoder\": \"json\", \"x\": 1}, \"let\": {\"a\": \"$[\"}, \"records\": "
        "[{\"type\": \"$.\", \"start\": 1, \"metrics\": {\"m\": {\"unit\": []}}}]}",
        &told));
    assert_true(has_line(told.text, "input.x: "));
    assert_true(has_line(told.text, "let.a: "));
    assert_true(has_line(told.text, "records[0].type: "));
    assert_true(has_line(told.text, "records[0].start: "));
    assert_true(has_line(told.text, "records[0].metrics.m"));
}

/* What could be taken for a fault and is none. */
static void what_is_meant_is_read(void **state)
{
    static const char *const mappings[] = {
        WHEN("{\"all\": [{\"eq\": [\"$.a\", \"1\"]}, {\"in\": [\"$.a\", [\"1.0\"]]}]}"),
        WHEN("{\"all\": [{\"has\": \"$.a\"}, {\"not\": {\"has\": \"$.b\"}}]}"),
        WHEN("{\"not\": {\"any\": []}}"),
        METRIC("null"),
        METRIC("{\"default\": 1}"),
        WHOLE("\"remember\": [{\"path\": \"$.x\", \"as\": \"b\"}], \"let\": {\"a\": \"%b\", \"b\": "
              "\"%a\"}"),
        WHOLE("\"let\": {\"a\": 1, \"b\": \"%a\"}"),
        METRIC("{\"const\": \"$.5\"}"),
        METRIC("\"~$.a\""),
        RULE("\"metrics\": {\"round_trip_loss\": \"$.a\", \"delay.count\": \"$.b\"}"),
        WHOLE("\"comment\": \"/* */\", \"ignore\": [], \"may_be_empty\": []"),
    };
    struct told_faults told;
    (void)state;
    for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++) {
        if (!is_read(mappings[i], &told)) {
            fail_msg("%s: %s", mappings[i], told.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_has_its_place),
        cmocka_unit_test(all_faults_are_told_at_once),
        cmocka_unit_test(what_is_meant_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
