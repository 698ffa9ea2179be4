/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mappings make of documents, where the samples of tools do not show it: each row is a
 * mapping's part, a document, and what comes of it. Limits, faults and what they cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/formats/format.h"
#include "common/formats/format_json.h"

#define OUT_BYTES 65536

static const struct format_limits preset = {.document_bytes = 1 << 20,
                                            .line_bytes = 4096,
                                            .depth = 16,
                                            .values = 10000,
                                            .string_bytes = 4096,
                                            .records = 100,
                                            .looked_at = 100000};

static void tell(void *context, const char *fault)
{
    (void)context;
    print_error("%s\n", fault);
}

static struct format *read_mapping(const char *mapping)
{
    struct document d = {.name = "mapping", .tell = tell};
    struct format *f = format_read(&d, slice_of(mapping));
    if (f == NULL) {
        fail_msg("%s", mapping);
    }
    return f;
}

/* All that comes of the bytes, a line each: a record as JSON, "! PLACE: WHY", "ignored". */
static void read_all(const char *mapping, const char *bytes, const struct format_limits *limits,
                     char out[OUT_BYTES])
{
    struct format *f = read_mapping(mapping);
    struct format_context context = {.count = 1,
                                     .names = {slice_of("received")},
                                     .values = {slice_of("2026-11-28 13:30:11.000000")}};
    struct arena *a = arena_new(8 << 20);
    struct format_reading *r = format_begin(f, &context, limits);
    struct slice rest = slice_of(bytes);
    struct format_outcome o;
    out[0] = '\0';
    FILE *file = fmemopen(out, OUT_BYTES, "w");
    assert_true(a != NULL && r != NULL && file != NULL);
    while (format_next(r, &rest, true, a, &o) == FORMAT_DOCUMENT) {
        for (uint32_t i = 0; i < o.count; i++) {
            format_json_print(file, &o.records[i]);
            fputc('\n', file);
        }
        for (const struct format_fault *fault = o.faults; fault != NULL; fault = fault->next) {
            fprintf(file, "! %s: %s\n", fault->place, fault->why);
        }
        fputs(o.ignored ? "ignored\n" : "", file);
        arena_reset(a);
    }
    fclose(file);
    format_end(&r);
    format_free(&f);
    arena_free(&a);
}

/* ---- values ---- */

#define VALUE(expression)                                                                          \
    "{\"input\": {\"decoder\": \"json\", \"duplicates\": \"list\"}, \"records\": [{\"type\": "     \
    "\"t\", \"start\": \"#received\", \"metrics\": {\"m\": " expression "}}]}"

static const struct {
    const char *mapping, *document, *value; /* NULL: none */
} values[] = {
    {VALUE("\"$.a\""), "{\"a\": 0.50}", "0.50"},
    {VALUE("\"$.a\""), "{\"a\": null}", NULL},
    {VALUE("\"$.a\""), "{\"a\": {\"b\": 1}}", NULL},
    {VALUE("\"$.a\""), "{\"a\": false}", "0"},
    {VALUE("{\"path\": [\"$.a\", \"$.b\"]}"), "{\"a\": \"\", \"b\": 7}", "7"},
    {VALUE("\"~$.a\""), "{\"a\": null}", "1"},
    {VALUE("\"~$.a\""), "{\"a\": 0}", "0"},
    {VALUE("\"$.a[-2]\""), "{\"a\": [1, 2, 3]}", "2"},
    {VALUE("\"$.a[?b>1.5].c\""), "{\"a\": [{\"b\": 1, \"c\": 1}, {\"b\": \"2\", \"c\": 2}]}", "2"},
    {VALUE("\"$.a[?b!=x].c\""), "{\"a\": [{\"b\": \"x\", \"c\": 1}, {\"b\": \"y\", \"c\": 2}]}",
     "2"},
    {VALUE("\"$.a.*\""), "{\"a\": {\"x\": 5, \"y\": 6}}", "5"},
    {VALUE("{\"agg\": \"median\", \"of\": \"$.a[*]\"}"), "{\"a\": [3, 1, \"x\", 2, 10]}", "2.5"},
    {VALUE("{\"agg\": \"sum\", \"of\": \"$.a[*]\"}"), "{\"a\": [0.1, 0.2, 18446744073709551615]}",
     "18446744073709551615.3"},
    {VALUE("{\"agg\": \"first\", \"of\": \"$.a[*]\"}"), "{\"a\": [\"-\", 1.50, 2]}", "1.5"},
    {VALUE("{\"agg\": \"mean\", \"of\": \"$.a[*]\"}"), "{\"a\": [1, 1, 2]}", "1.333333"},
    {VALUE("{\"agg\": \"count\", \"of\": \"$.a[*]\"}"), "{\"b\": 1}", "0"},
    {VALUE("{\"agg\": \"max\", \"of\": \"$.a[*]\"}"), "{\"b\": 1}", NULL},
    {VALUE("{\"path\": \"$.a\", \"clamp\": [0, 100]}"), "{\"a\": 120}", "100"},
    {VALUE("{\"path\": \"$.a\", \"clamp\": [0, 100]}"), "{\"a\": \"x\"}", NULL},
    {VALUE("{\"path\": \"$.a\", \"valid\": [0, 1]}"), "{\"a\": 0.50}", "0.50"},
    {VALUE("{\"path\": \"$.a\", \"valid\": [0, 1], \"default\": \"$.b\"}"), "{\"a\": 2, \"b\": 9}",
     "9"},
    {VALUE("{\"path\": \"$.a\", \"map\": {\"x\": 1}, \"else\": 0}"), "{\"a\": \"y\"}", "0"},
    {VALUE("{\"path\": \"$.a\", \"unit\": [\"$.u\", \"us\"], \"units\": {\"milli\": \"ms\"}}"),
     "{\"a\": 1.5, \"u\": \"milli\"}", "1500"},
    {VALUE("{\"path\": \"$.a\", \"unit\": [\"$.u\", \"us\"], \"units\": {\"milli\": \"ms\"}}"),
     "{\"a\": 1.5, \"u\": \"micro\"}", NULL},
    {VALUE("{\"path\": \"$.a\", \"host\": true}"), "{\"a\": \"[2001:db8::1]:443\"}", "2001:db8::1"},
    {VALUE("{\"path\": \"$.a\", \"host\": true}"), "{\"a\": \"example.net:443\"}", "example.net"},
    {VALUE("{\"path\": \"$.a\", \"host\": true}"), "{\"a\": \"2001:db8::1\"}", "2001:db8::1"},
    {VALUE("{\"path\": \"$.a\", \"after\": \"=\", \"before\": \" \", \"prefix\": \"<\"}"),
     "{\"a\": \"x=y z\"}", "<y"},
    {VALUE("{\"div\": [1, 0]}"), "{}", NULL},
    {VALUE("{\"div\": [\"$.a\", 3]}"), "{\"a\": 1}", "0.333333"},
    {VALUE("{\"div\": [\"$.a\", 3], \"number\": true, \"times\": 1000}"), "{\"a\": 1}",
     "333.333333"},
    {VALUE("{\"div\": [{\"div\": [\"$.a\", 3]}, {\"div\": [1, 3]}]}"), "{\"a\": 1}", "1"},
    {VALUE("{\"hist\": \"$.h\", \"stat\": \"p50\"}"), "{\"h\": {\"10\": 1, \"9.5\": 2, \"30\": 1}}",
     "9.5"},
    {VALUE("{\"hist\": \"$.h\", \"stat\": \"mean\"}"), "{\"h\": {\"10\": 1, \"40\": 2}}", "30"},
    {VALUE("{\"hist\": \"$.h\", \"stat\": \"min\"}"), "{\"h\": {}}", NULL},
    {VALUE("{\"test\": {\"address\": \"$.a\"}}"), "{\"a\": \"2001:db8::1\"}", "1"},
    {VALUE("{\"test\": {\"address\": \"$.a\"}}"), "{\"a\": \"example.net\"}", "0"},
    {VALUE("{\"test\": {\"eq\": [\"$.a\", \"1.0\"]}}"), "{\"a\": 1}", "1"},
    {VALUE("{\"test\": {\"ne\": [\"$.a\", \"$.b\"]}}"), "{\"a\": 1}", "1"},
    {VALUE("{\"test\": {\"gt\": [\"$.a\", \"b\"]}}"), "{\"a\": \"c\"}", "0"},
    {VALUE("{\"text\": \"{$.a}/{$.b}\"}"), "{\"a\": 1, \"b\": 2.0}", "1/2.0"},
    {VALUE("{\"text\": \"{$.a}/{$.c}\"}"), "{\"a\": 1}", NULL},
    {VALUE("\"$.a[1]\""), "{\"a\": 1, \"a\": 2}", "2"},
    {VALUE("\"$.a[1].x.y[0]\""), "{\"a\": {\"x\": 1}, \"a\": {\"x\": {\"y\": [5]}}}", "5"},
    {VALUE("0.50"), "{}", "0.5"},
    {VALUE("{\"hops\": \"$.h[*]\", \"index\": \".i\", \"value\": \".a\", \"from\": 1}"),
     "{\"h\": [{\"i\": 4, \"a\": \"d\"}, {\"i\": 2, \"a\": \"b\"}, {\"i\": 2, \"a\": \"z\"}]}",
     "- b - d"},
    {VALUE("{\"hops\": \"$.h[*]\", \"value\": \".a\", \"from\": \"$.f\"}"),
     "{\"f\": -1.5, \"h\": [{\"a\": \"b\"}]}", "- - b"},
};

static void values_are_made(void **state)
{
    char out[OUT_BYTES], expected[512];
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        read_all(values[i].mapping, values[i].document, &preset, out);
        if (values[i].value == NULL) {
            snprintf(expected, sizeof expected, "\"metrics\": {}}\n");
        } else {
            snprintf(expected, sizeof expected, "\"metrics\": {\"m\": \"%s\"}}\n", values[i].value);
        }
        if (strstr(out, expected) == NULL || strchr(out, '!') != NULL) {
            fail_msg("%s of %s: expected %s, found %s", values[i].mapping, values[i].document,
                     expected, out);
        }
    }
}

/* ---- times ---- */

#define START(start)                                                                               \
    "{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"type\": \"t\", \"start\": " start       \
    ", \"metrics\": {}}]}"

static const struct {
    const char *mapping, *document, *start;
} times[] = {
    {START("{\"ctime\": \"$.t\"}"), "{\"t\": \"Sat Nov 28 13:30:11 2026\"}",
     "2026-11-28 13:30:11.000000"},
    {START("{\"rfc2822\": \"$.t\"}"), "{\"t\": \"Sat, 28 Nov 2026 14:30:11 +0100\"}",
     "2026-11-28 13:30:11.000000"},
    {START("\"$.t\""), "{\"t\": \"2026-11-28T13:30:11.1234567+01\"}", "2026-11-28 12:30:11.123456"},
    {START("{\"epoch\": \"$.t\", \"unit\": \"auto\"}"), "{\"t\": 1795872611123}",
     "2026-11-28 13:30:11.123000"},
    {START("{\"epoch\": \"$.t\", \"plus\": \"$.d\"}"), "{\"t\": 1795872611, \"d\": 0.5}",
     "2026-11-28 13:30:11.500000"},
    {START("{\"epoch\": \"$.t\", \"plus\": \"$.d\"}"), "{\"t\": 1795872611}",
     "2026-11-28 13:30:11.000000"},
    {START("{\"split\": [\"$.s\", \"$.us\"]}"), "{\"s\": 1795872611, \"us\": 7}",
     "2026-11-28 13:30:11.000007"},
    {START("{\"first\": [\"$.t\", {\"epoch\": \"$.s\"}]}"), "{\"t\": \"soon\", \"s\": 0}",
     "1970-01-01 00:00:00.000000"},
};

static void times_are_read(void **state)
{
    char out[OUT_BYTES], expected[128];
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        read_all(times[i].mapping, times[i].document, &preset, out);
        snprintf(expected, sizeof expected, "\"t_start\": \"%s\", \"t_end\": \"%s\"",
                 times[i].start, times[i].start);
        if (strstr(out, expected) == NULL) {
            fail_msg("%s: expected %s, found %s", times[i].document, times[i].start, out);
        }
    }
}

/* ---- faults ---- */

static uint32_t count_lines(const char *out, const char *beginning)
{
    uint32_t n = 0;
    for (const char *line = out; *line != '\0'; line = strchr(line, '\n') + 1) {
        n += strncmp(line, beginning, strlen(beginning)) == 0;
    }
    return n;
}

static void a_fault_in_an_element_costs_that_one(void **state)
{
    char out[OUT_BYTES];
    (void)state;
    read_all("{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"each\": \"$.r[*]\", \"type\": "
             "\"t\", "
             "\"start\": {\"epoch\": \"@.t\"}, \"dest\": \"@.d\", \"metrics\": {\"m\": \"@.m\"}}]}",
             "{\"r\": [{\"t\": 1, \"m\": 1}, {\"t\": \"x\", \"m\": 2}, {\"t\": 3, \"m\": [4]}, "
             "{\"t\": 4, \"d\": \"WWW.Example.NET.\"}]} {\"r\": []} 7 {\"r\": [{\"t\": 5}]}",
             &preset, out);
    assert_int_equal(count_lines(out, "{"), 3);
    assert_int_equal(
        count_lines(out, "! records[0].start: expected the time of the start, found \"x\""), 1);
    assert_int_equal(
        count_lines(out, "! records[0].metrics.m: expected a text or a number, found a list"), 1);
    assert_int_equal(
        count_lines(out, "! : expected a document that one of the mapping's rules takes"), 1);
    assert_int_equal(count_lines(out, "! "), 4); /* 7 is no document */
    assert_non_null(strstr(out, "\"dest\": \"www.example.net\""));
}

static void limits_cost_the_document(void **state)
{
    static const char mapping[] = "{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"each\": "
                                  "\"$.r[*]\", \"type\": \"t\", "
                                  "\"start\": {\"epoch\": \"@\"}, \"metrics\": {}}]}";
    static const char document[] = "{\"r\": [1, 2, 3, 4, 5]} {\"r\": [1, 2]}";
    struct format_limits limits = preset;
    char out[OUT_BYTES];
    (void)state;
    limits.records = 3;
    read_all(mapping, document, &limits, out);
    assert_int_equal(count_lines(out, "! records[0]: expected at most 3 records of one document"),
                     1);
    assert_int_equal(count_lines(out, "{"), 2);
    limits = preset;
    limits.looked_at = 9;
    read_all(mapping, document, &limits, out);
    assert_int_equal(count_lines(out, "! : expected at most 9 values to look at"), 1);
    assert_int_equal(count_lines(out, "{"), 2);
    limits = preset;
    limits.values = 6;
    read_all(mapping, document, &limits, out);
    assert_int_equal(count_lines(out, "! : "), 1);
    assert_int_equal(count_lines(out, "{"), 2);
}

/* What no path reaches counts against no limit. */
static void what_is_not_looked_at_costs_nothing(void **state)
{
    struct format_limits limits = preset;
    char out[OUT_BYTES];
    (void)state;
    limits.values = 6;
    limits.string_bytes = 4;
    limits.depth = 4;
    read_all("{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"type\": \"t\", \"start\": "
             "{\"epoch\": "
             "\"$.t\"}, \"metrics\": {\"m\": \"$.a.b[0].c\"}}]}",
             "{\"raw\": [[[[[1, 2, 3, 4, 5, 6, 7, 8, \"long enough to be beyond\"]]]]], \"t\": 1, "
             "\"a\": {\"b\": [{\"x\": [9, 9, 9], \"c\": 8}], \"y\": {}}}",
             &limits, out);
    assert_non_null(strstr(out, "\"metrics\": {\"m\": \"8\"}"));
}

static void what_is_remembered_goes_on_until_it_is_forgotten(void **state)
{
    char out[OUT_BYTES];
    (void)state;
    read_all("{\"input\": {\"decoder\": \"json\"}, \"remember\": [{\"when\": {\"has\": "
             "\"$.head\"}, \"path\": "
             "\"$.head\", \"as\": \"h\"}], \"forget\": [{\"when\": {\"has\": \"$.last\"}, "
             "\"names\": [\"h\"]}], "
             "\"ignore\": [{\"has\": \"$.head\"}], \"records\": [{\"type\": \"t\", \"start\": "
             "{\"epoch\": 0}, "
             "\"metrics\": {\"m\": \"%h.x\"}}]}",
             "{\"head\": {\"x\": [1], \"x2\": 1}} {\"head\": {\"x\": 5}} {} {\"last\": 1} {}",
             &preset, out);
    assert_string_equal(strstr(out, "ignored\nignored\n") == NULL ? "" : "there", "there");
    assert_int_equal(count_lines(out, "{"), 3);
    char *second = strstr(strstr(out, "\"m\": \"5\"") + 1, "\"m\": \"5\"");
    assert_non_null(second);
    assert_non_null(strstr(second, "\"metrics\": {}"));
}

/* Who reads a file keeps the records of many documents, and remembering the next value leaves them
 * as they are. */
static void records_last_beyond_what_is_remembered_next(void **state)
{
    struct format *f = read_mapping(
        "{\"input\": {\"decoder\": \"json\"}, \"remember\": [{\"path\": \"$.dst\", \"as\": "
        "\"dst\"}], "
        "\"records\": [{\"type\": \"t\", \"dest\": \"%dst\", \"hops\": \"%dst\", \"start\": "
        "{\"epoch\": 0}, \"metrics\": {\"m\": \"%dst\"}}]}");
    struct format_context context = {0};
    struct arena *a = arena_new(1 << 20);
    struct format_reading *r = format_begin(f, &context, &preset);
    struct slice bytes = slice_of("{\"dst\": \"first\"} {\"dst\": \"other\"}");
    struct format_outcome one, two;
    (void)state;
    assert_int_equal(format_next(r, &bytes, true, a, &one), FORMAT_DOCUMENT);
    assert_int_equal(format_next(r, &bytes, true, a, &two), FORMAT_DOCUMENT);
    assert_int_equal(one.count, 1);
    assert_true(slice_equal(one.records[0].dimensions[DIMENSION_dest], slice_of("first")));
    assert_true(slice_equal(one.records[0].values[0], slice_of("first")));
    assert_true(slice_equal(one.records[0].hops[0], slice_of("first")));
    assert_true(slice_equal(two.records[0].dimensions[DIMENSION_dest], slice_of("other")));
    format_end(&r);
    format_free(&f);
    arena_free(&a);
}

/* A tool that writes nothing has failed, where the mapping says so and it is known at what. */
static void nothing_can_say_something(void **state)
{
    static const char mapping[] =
        "{\"input\": {\"decoder\": \"lines\", \"patterns\": [\"{a} {b}\"], \"ignore\": "
        "[\"#{:rest}\"]}, \"defaults\": {\"type\": \"t\", \"start\": \"#received\"}, \"records\": "
        "[{\"dest\": \"$.a\", \"metrics\": {}}], \"empty\": {\"when\": {\"has\": \"#received\"}, "
        "\"dest\": \"none\", \"metrics\": {\"success\": 0}}}";
    char out[OUT_BYTES];
    (void)state;
    read_all(mapping, "", &preset, out);
    assert_int_equal(count_lines(out, "{"), 1);
    assert_non_null(strstr(out, "\"dest\": \"none\""));
    assert_non_null(strstr(out, "\"metrics\": {\"success\": \"0\"}"));
    read_all(mapping, "#nothing\n", &preset, out);
    assert_string_equal(out, "");
    read_all(mapping, "x y\n", &preset, out);
    assert_int_equal(count_lines(out, "{"), 1);
    assert_null(strstr(out, "none"));
}

/* A rule's values do not stay for the next element. */
static void values_of_let_are_the_elements_own(void **state)
{
    char out[OUT_BYTES];
    (void)state;
    read_all(
        "{\"input\": {\"decoder\": \"json\"}, \"let\": {\"a\": \"$.a\"}, \"records\": [{\"each\": "
        "\"$.r[*]\", \"if\": {\"not\": {\"has\": \"%v\"}}, \"let\": {\"v\": \"@.v\", \"w\": "
        "{\"add\": "
        "[\"%v\", \"%a\"]}}, \"type\": \"t\", \"start\": {\"epoch\": 0}, \"metrics\": {\"m\": "
        "\"%w\"}}]}",
        "{\"a\": 10, \"r\": [{\"v\": 1}, {}, {\"v\": 3}]}", &preset, out);
    assert_int_equal(count_lines(out, "{"), 3);
    assert_non_null(strstr(out, "{\"m\": \"11\"}"));
    assert_non_null(strstr(out, "{\"m\": \"13\"}"));
}

/* Samples with the same labels and time are one element; one without a name has its part in it. */
static void samples_belong_to_their_labels(void **state)
{
    char out[OUT_BYTES];
    (void)state;
    read_all(
        "{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"each\": {\"group\": \"$.s[*]\", "
        "\"value\": \".v\", \"time\": \".t\"}, \"type\": \"t\", \"probe\": \"@.labels.l\", "
        "\"start\": {\"epoch\": \"@.time\"}, \"metrics\": {\"a\": \"@.a\", \"b\": \"@.7\"}}]}",
        "{\"s\": [{\"labels\": {\"l\": \"5\"}, \"v\": 0, \"t\": 9}, "
        "{\"name\": \"a\", \"labels\": {\"l\": \"2001:DB8::0\"}, \"v\": 1, \"t\": 1}, "
        "{\"name\": \"a\", \"labels\": {\"l\": 5}, \"v\": 2, \"t\": \"9\"}, "
        "{\"name\": 7, \"labels\": {\"l\": \"5\"}, \"v\": 3, \"t\": 9}]}",
        &preset, out);
    assert_int_equal(count_lines(out, "{"), 2);
    char *second = strchr(out, '\n');
    *second++ = '\0';
    assert_non_null(strstr(out, "\"probe\": \"5\""));
    assert_non_null(strstr(out, "\"metrics\": {\"a\": \"2\", \"b\": \"3\"}"));
    assert_non_null(strstr(second, "\"probe\": \"2001:db8::\""));
    assert_non_null(strstr(second, "\"metrics\": {\"a\": \"1\"}"));
}

/* However many names an object has, each costs about the same; the last value of a name stands. */
static void many_names_in_an_object_are_cheap(void **state)
{
    char out[OUT_BYTES], *bytes = NULL;
    size_t size;
    struct format_limits limits = preset;
    FILE *f = open_memstream(&bytes, &size);
    (void)state;
    assert_non_null(f);
    fputs("{\"s\": [", f);
    for (int i = 0; i < 3000; i++) {
        fprintf(f, "{\"name\": \"n%d\", \"v\": %d}, ", i % 2000, i);
    }
    fputs("{\"name\": \"labels\", \"v\": 1}, {\"name\": \"time\", \"v\": 2}]}", f);
    fclose(f);
    limits.looked_at = 50000;
    read_all("{\"input\": {\"decoder\": \"json\"}, \"records\": [{\"each\": {\"group\": "
             "\"$.s[*]\", \"value\": \".v\"}, \"type\": \"t\", \"start\": \"#received\", "
             "\"metrics\": {\"a\": \"@.n7\", \"b\": \"@.n1999\", \"c\": \"@.labels\", \"d\": "
             "\"@.time\"}}]}",
             bytes, &limits, out);
    free(bytes);
    assert_int_equal(count_lines(out, "{"), 1);
    assert_non_null(
        strstr(out, "\"metrics\": {\"a\": \"2007\", \"b\": \"1999\", \"c\": \"1\", \"d\": \"2\"}"));
}

static void note(void *context, const char *place, struct slice path)
{
    char *out = context;
    size_t n = strlen(out);
    snprintf(out + n, OUT_BYTES - n, "%s %.*s\n", place, (int)path.len, path.at);
}

static void paths_that_find_nothing_are_told(void **state)
{
    struct format *f = read_mapping(VALUE("{\"first\": [\"$.a\", \"$.b\", \"$.c\"]}"));
    struct format_context context = {
        .count = 1, .names = {slice_of("received")}, .values = {slice_of("2026-11-28 13:30:11")}};
    struct arena *a = arena_new(1 << 20);
    struct format_reading *r = format_begin(f, &context, &preset);
    struct slice bytes = slice_of("{\"b\": 1}");
    struct format_outcome o;
    char out[OUT_BYTES] = "";
    (void)state;
    while (format_next(r, &bytes, true, a, &o) == FORMAT_DOCUMENT) {
    }
    format_untouched(r, true, note, out);
    assert_string_equal(out, "records[0].metrics.m.first[0] $.a\n");
    out[0] = '\0';
    format_untouched(r, false, note, out);
    assert_string_equal(out, "records[0].metrics.m.first[2] $.c\n");
    format_end(&r);
    format_free(&f);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_made),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(a_fault_in_an_element_costs_that_one),
        cmocka_unit_test(limits_cost_the_document),
        cmocka_unit_test(what_is_not_looked_at_costs_nothing),
        cmocka_unit_test(what_is_remembered_goes_on_until_it_is_forgotten),
        cmocka_unit_test(records_last_beyond_what_is_remembered_next),
        cmocka_unit_test(nothing_can_say_something),
        cmocka_unit_test(values_of_let_are_the_elements_own),
        cmocka_unit_test(samples_belong_to_their_labels),
        cmocka_unit_test(many_names_in_an_object_are_cheap),
        cmocka_unit_test(paths_that_find_nothing_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
