/* SPDX-License-Identifier: Apache-2.0 */
/* mPlane results into records: messages, rows, times, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "result_box.h"

static void test_record(void **state)
{
    (void)state;
    const struct record_message *m = one(
        "{'result':'measure','version':1,'registry':'http://r/','label':'ping-average-0','token':"
        "'x'," WHEN "'parameters':{'source.ip4':'192.0.2.1','destination.ip4':'192.0.2.77'},"
        "'metadata':{'System_ID':'probe-5','System_type':'x'},"
        "'results':['delay.twoway.icmp.us.min','delay.twoway.icmp.count'],"
        "'resultvalues':[['20125',3]]}");
    const struct schema_message *s = &set.results->schema;
    is(m->type, "ping");
    is(m->content, "ICMPECHO");
    is(m->probe, "probe-5");
    is(m->source, "192.0.2.1");
    is(m->dest, "192.0.2.77");
    is(m->path, "");
    is(m->label, "ping-average-0");
    assert_int_equal(m->t_start_us, at("2026-11-21 19:00:00"));
    assert_int_equal(m->t_end_us, at("2026-11-21 19:00:02.5"));
    assert_int_equal(m->row, 0);
    is(s->verb, "measure");
    is(s->registry, "http://r/");
    assert_int_equal(s->results_count, 2);
    assert_int_equal(s->parameters_count, 2);
    assert_int_equal(s->metadata_count, 2);
    is(s->results[1], "delay.twoway.icmp.count");
    is(s->parameters[1], "destination.ip4");
    is(s->metadata[0], "System_ID");
    assert_int_equal(m->values_count, 6);
    static const char *const values[] = {"20125", "3", "192.0.2.1", "192.0.2.77", "probe-5", "x"};
    for (int i = 0; i < 6; i++) {
        is(m->values[i], values[i]);
    }
    assert_int_equal(set.exceptions, 0);
}

static void test_values_are_kept_as_sent(void **state)
{
    (void)state;
    const struct record_message *m =
        one("{'result':'query','label':'x'," WHEN
            "'results':['a','b','c','d','e','f','g','h','i','j','k','l'],"
            "'resultvalues':[[18446744073709551615,'18446744073709551615',1.50,-1e-400,true,false,"
            "null,'*','',['a',{'b':[1.0,'\\u00e9\\n']}],'\\ud83d\\ude00 \\\\ ']]}");
    static const char *const values[] = {"18446744073709551615",
                                         "18446744073709551615",
                                         "1.50",
                                         "-1e-400",
                                         "True",
                                         "False",
                                         NULL,
                                         NULL,
                                         "",
                                         "[\"a\",{\"b\":[1.0,\"\xc3\xa9\\u000a\"]}]",
                                         "\xf0\x9f\x98\x80 \\ ",
                                         NULL};
    assert_int_equal(m->values_count, 12);
    for (int i = 0; i < 12; i++) {
        is(m->values[i], values[i]);
    }
}

static void test_rows_and_their_times(void **state)
{
    (void)state;
    read_text(
        "{'result':'measure','label':'x'," WHEN
        "'parameters':{'p':'1'},'results':['delay.twoway.icmp.us','time','b'],"
        "'resultvalues':[['1','2026-11-21 19:00:01.000001','x'],['2'],['3','*'],['4',null,'y'],"
        "[],['5','2026-11-21T19:30:00Z']]}");
    assert_null(set.refusals);
    assert_int_equal(set.results->count, 6);
    assert_int_equal(set.results->schema.results_count, 2);
    is(set.results->schema.results[1], "b");
    const struct record_message *m = records_by_row();
    assert_int_equal(m[0].t_start_us, at("2026-11-21 19:00:01.000001"));
    assert_int_equal(m[0].t_end_us, m[0].t_start_us);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(m[i].t_start_us, at("2026-11-21 19:00:00"));
        assert_int_equal(m[i].t_end_us, at("2026-11-21 19:00:02.5"));
    }
    assert_int_equal(m[5].t_start_us, at("2026-11-21 19:30:00"));
    static const char *const values[6][2] = {{"1", "x"}, {"2", NULL},  {"3", NULL},
                                             {"4", "y"}, {NULL, NULL}, {"5", NULL}};
    for (uint64_t i = 0; i < 6; i++) {
        assert_int_equal(m[i].row, i);
        assert_int_equal(m[i].values_count, 3);
        is(m[i].values[0], values[i][0]);
        is(m[i].values[1], values[i][1]);
        is(m[i].values[2], "1");
    }
    /* With a time in every row the result needs no `when`. */
    one("{'result':'measure','label':'x','results':['time'],'resultvalues':[['2026-11-21 "
        "19:00:00']]}");
    read_text("{'result':'measure','label':'x','results':['time','b']}");
    assert_null(set.refusals);
    assert_int_equal(set.results->count, 0);
}

static void test_when(void **state)
{
    (void)state;
    const struct {
        const char *when, *start, *end;
    } good[] = {
        {"2026-11-21 19:00:00.123456", "2026-11-21 19:00:00.123456", "2026-11-21 19:00:00.123456"},
        {"2026-11-21 19:00:00 + 1m30s", "2026-11-21 19:00:00", "2026-11-21 19:01:30"},
        {"2026-11-21 19:00:00 ... 2026-11-21 19:00:01 / 1s", "2026-11-21 19:00:00",
         "2026-11-21 19:00:01"},
        {"2026-11-21", "2026-11-21 00:00:00", "2026-11-21 00:00:00"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[256];
        snprintf(text, sizeof text, "{" PING ROW ",'when':'%s'}", good[i].when);
        const struct record_message *m = one(text);
        assert_int_equal(m->t_start_us, at(good[i].start));
        assert_int_equal(m->t_end_us, at(good[i].end));
    }
    const char *const relative[] = {"now",
                                    "past ... future",
                                    "past ... 2026-11-21 19:00:00",
                                    "2026-11-21 19:00:00 ... now",
                                    "2026-11-21 19:00:00 ... future",
                                    "now + 1s / 1s",
                                    "repeat 2026-11-21 19:00:00 ... 2026-11-21 19:00:01 / 1s",
                                    "yesterday",
                                    "",
                                    "2026-13-01",
                                    "2026-11-21 19:00:00 ... 2026-11-21 19:00:01 tail"};
    for (size_t i = 0; i < sizeof relative / sizeof *relative; i++) {
        char text[256];
        snprintf(text, sizeof text, "{" PING ROW ",'when':'%s'}", relative[i]);
        refused(RESULT_TIME, "when:", text);
    }
    refused(RESULT_TIME, "found nothing", "{" PING ROW "}");
    refused(RESULT_TIME, "found number", "{" PING ROW ",'when':1}");
    refused(RESULT_TIME, "resultvalues[0]: at byte 0: expected a time, YYYY-MM-DD",
            "{'result':'m','label':'x'," WHEN "'results':['time'],'resultvalues':[['soon']]}");
    refused(RESULT_TIME, "found \"1795000000\"",
            "{'result':'m','label':'x'," WHEN "'results':['time'],'resultvalues':[[1795000000]]}");
    refused(RESULT_TIME, "found \"object\"",
            "{'result':'m','label':'x'," WHEN "'results':['time'],'resultvalues':[[{}]]}");
}

static void test_bounds(void **state)
{
    (void)state;
    one("{" PING ROW ",'when':'2025-10-17 20:00:00'}");
    refused(RESULT_PAST, "found 2025-10-17 19:59:59.999999",
            "{" PING ROW ",'when':'2025-10-17 19:59:59.999999'}");
    one("{" PING ROW ",'when':'2026-11-21 20:05:00'}");
    refused(RESULT_FUTURE, "expected at most 300 s ahead",
            "{" PING ROW ",'when':'2026-11-21 20:05:00.000001'}");
    refused(RESULT_FUTURE, "", "{" PING ROW ",'when':'2026-11-21 20:00:00 + 1h'}");
    refused(RESULT_FUTURE, "", "{" PING ROW ",'when':'9999-12-31 23:59:59'}");
    refused(RESULT_PAST, "", "{" PING ROW ",'when':'0001-01-01'}");
    refused(RESULT_TIME, "its end lies before its start",
            "{" PING ROW ",'when':'2026-11-21 19:00:01 ... 2026-11-21 19:00:00'}");
    limits.past_us = 0;
    limits.past_of = "ingestd.past_limit_s";
    limits.advice = "use files";
    refused(RESULT_PAST,
            "expected at most 0 s ago, found 2026-11-21 19:59:59.000000; the limit is "
            "ingestd.past_limit_s; use files",
            "{" PING ROW ",'when':'2026-11-21 19:59:59'}");
    one("{" PING ROW ",'when':'2026-11-21 20:00:00'}");
    refused(RESULT_PAST, "", "{" PING ROW ",'when':'2026-11-21 19:59:59'}");
}

static void test_messages(void **state)
{
    (void)state;
    refused(RESULT_JSON, "ends too early at byte 0", "");
    refused(RESULT_JSON, "at byte", "hello");
    refused(RESULT_JSON, "at byte", "{'result':'m'");
    refused(RESULT_JSON, "twice", "{'result':'m','label':'a','label':'b'}");
    refused(RESULT_JSON, "UTF-8", "{'result':'\xc0\x80'}");
    refused(RESULT_JSON, "surrogate", "{'result':'\\udc00'}");
    refused(RESULT_JSON, "deeper", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]");
    refused(RESULT_MESSAGE, "expected results, found an empty array", "[]");
    refused(RESULT_MESSAGE, "document 1: expected an object, found array", "[[]]");
    refused(RESULT_MESSAGE, "found string", "'result'");
    refused(RESULT_MESSAGE, "found 0", "{}");
    refused(RESULT_MESSAGE, "found 2", "{'result':'m','exception':'t'}");
    refused(RESULT_KIND, "\"specification\"", "{'specification':'m'}");
    refused(RESULT_KIND, "\"capability\"", "{'capability':'m'}");
    refused(RESULT_KIND, "\"receipt\"", "{'receipt':'m'}");
    refused(RESULT_VERSION, "found 2", "{'version':2," PING ROW "}");
    refused(RESULT_VERSION, "found 1.0", "{'version':1.0," PING ROW "}");
    refused(RESULT_VERSION, "found array", "{'version':[1]," PING ROW "}");
    refused(RESULT_VERSION, "found 9", "{'version':'9','envelope':'message','contents':[]}");
    one("{'version':'1'," WHEN PING ROW "}");
    one("{'version':0," WHEN PING ROW ",'unknown':{'keys':['are','left','alone']}}");
    read_text("{'exception':null,'message':'x'}");
    assert_null(set.refusals);
    assert_null(set.results);
    assert_int_equal(set.exceptions, 1);
}

static void test_forms(void **state)
{
    (void)state;
    refused(RESULT_FORM, "result: expected a verb, found array", "{'result':[]}");
    refused(RESULT_FORM, "results: expected an array of names, found nothing", "{'result':'m'}");
    refused(RESULT_FORM, "results: expected names, found number", "{'result':'m','results':[1]}");
    refused(RESULT_FORM, "label: expected a string, found object",
            "{'result':'m','results':[],'label':{}}");
    refused(RESULT_FORM, "registry: expected a string", "{'result':'m','results':[],'registry':1}");
    refused(RESULT_FORM, "parameters: expected an object",
            "{'result':'m','results':[],'parameters':[]}");
    refused(RESULT_FORM, "metadata: expected an object",
            "{'result':'m','results':[],'metadata':'x'}");
    refused(RESULT_FORM, "resultvalues: expected an array of rows",
            "{'result':'m','label':'x','results':['a'],'resultvalues':{}}");
    refused(RESULT_FORM, "resultvalues: expected rows that are arrays, found string",
            "{'result':'m','label':'x','results':['a'],'resultvalues':['a']}");
    refused(RESULT_COLUMNS, "found \"a\" twice", "{'result':'m','results':['a','b','a']}");
    refused(RESULT_COLUMNS, "found \"time\" twice", "{'result':'m','results':['time','b','time']}");
    refused(RESULT_COLUMNS, "1 to 256 bytes, found 0", "{'result':'m','results':['']}");
    refused(RESULT_COLUMNS, "parameters: expected names",
            "{'result':'m','results':['a'],'parameters':{'':1}}");
    refused(RESULT_ROW, "resultvalues[1]: expected at most 1 values, found 2",
            "{" PING WHEN "'resultvalues':[['1'],['1','2']]}");
    refused(RESULT_ROW, "",
            "{'result':'m','label':'x'," WHEN
            "'results':['time','a'],'resultvalues':[[null,'1','2']]}");
    refused(RESULT_NUL, "value", "{" PING WHEN "'resultvalues':[['a\\u0000b']]}");
    refused(RESULT_NUL, "label", "{'result':'m','label':'\\u0000','results':['a']}");
    refused(RESULT_NUL, "name", "{'result':'m','results':['a\\u0000']}");
    refused(RESULT_NUL, "metadata", "{" PING WHEN ROW ",'metadata':{'a':'\\u0000'}}");
    one("{" PING WHEN ROW ",'token':'\\u0000'}"); /* it is not stored */
    is(one("{" PING WHEN "'resultvalues':[[['\\u0000']]]}")->values[0], "[\"\\u0000\"]");
}

/* A text of n bytes x. */
static const char *xs(size_t n)
{
    static char text[3][100001];
    static int turn;
    char *t = text[turn++ % 3];
    memset(t, 'x', n);
    t[n] = '\0';
    return t;
}

static void format(char *text, size_t size, const char *template, ...)
    __attribute__((format(printf, 3, 4)));

static void format(char *text, size_t size, const char *template, ...)
{
    va_list args;
    va_start(args, template);
    assert_in_range(vsnprintf(text, size, template, args), 1, size - 1);
    va_end(args);
}

static void test_limits(void **state)
{
    (void)state;
    static char text[400000];
#define FORMAT(...) format(text, sizeof text, __VA_ARGS__)
    FORMAT("{'result':'m','label':'%s','results':['a']," WHEN ROW "}", xs(1024));
    one(text);
    FORMAT("{'result':'m','label':'%s','results':['a']," WHEN ROW "}", xs(1025));
    refused(RESULT_LENGTH, "label: expected at most 1024 bytes, found 1025", text);
    FORMAT("{'result':'%s','label':'l','results':['a']," WHEN ROW "}", xs(65));
    refused(RESULT_LENGTH, "result: expected at most 64", text);
    FORMAT("{" PING WHEN ROW ",'registry':'%s'}", xs(1025));
    refused(RESULT_LENGTH, "registry", text);
    FORMAT("{" PING WHEN ROW ",'parameters':{'record.path':'%s'}}", xs(1025));
    refused(RESULT_LENGTH, "record.path: expected at most 1024", text);
    FORMAT("{" PING WHEN ROW
           ",'parameters':{'record.path':'%s','record.type':'%s','source.x':'%s'}}",
           xs(1024), xs(700), xs(700));
    refused(RESULT_LENGTH, "2400 bytes of dimensions together", text);
    FORMAT("{'result':'m','label':'l','results':['%s']," WHEN ROW "}", xs(257));
    refused(RESULT_COLUMNS, "found 257", text);
    FORMAT("{'result':'m','label':'l','results':['%s']," WHEN ROW "}", xs(256));
    one(text);
    limits.json.string_bytes = 100000;
    FORMAT("{" PING WHEN "'resultvalues':[['%s']]}", xs(65507));
    one(text);
    FORMAT("{" PING WHEN "'resultvalues':[['%s']]}", xs(65508));
    refused(RESULT_LENGTH, "65507 bytes, found 65508", text);
    limits.json.string_bytes = 100;
    FORMAT("{" PING WHEN "'resultvalues':[['%s']]}", xs(101));
    refused(RESULT_JSON, "longer than allowed", text);
#undef FORMAT
}

static void test_columns_limit(void **state)
{
    (void)state;
    for (int columns = 256; columns <= 258; columns++) {
        static char text[40000];
        int n = snprintf(text, sizeof text, "{'result':'m','label':'l'," WHEN "'results':['time'");
        for (int i = 1; i < columns; i++) {
            n += snprintf(text + n, sizeof text - (size_t)n, ",'c%d'", i);
        }
        snprintf(text + n, sizeof text - (size_t)n, "]," ROW "}");
        if (columns == 258) {
            refused(RESULT_COLUMNS, "expected at most 256 columns", text);
        } else {
            refused(RESULT_TIME, "resultvalues[0]", text); /* so the columns were right */
        }
    }
    static char text[40000];
    int n = snprintf(text, sizeof text, "{" PING WHEN ROW ",'parameters':{'c':1");
    for (int i = 0; i < 256; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, ",'c%d':1", i);
    }
    snprintf(text + n, sizeof text - (size_t)n, "}}");
    refused(RESULT_COLUMNS, "parameters: expected at most 256, found 257", text);
}

static void test_rows_limit(void **state)
{
    (void)state;
    limits.rows = 3;
    read_text("{" PING WHEN "'resultvalues':[[1],[2],[3]]}");
    assert_int_equal(set.results->count, 3);
    refused(RESULT_ROWS, "expected at most 3 rows", "{" PING WHEN "'resultvalues':[[],[],[],[]]}");
    /* All results of an envelope together; those before keep theirs. */
    refused(RESULT_ROWS, "contents[1]: ",
            "{'envelope':'message','contents':[{" PING WHEN "'resultvalues':[[1],[2]]},{" PING WHEN
            "'resultvalues':[[1],[2]]},{" PING WHEN "'resultvalues':[[1]]}]}");
    assert_int_equal(set.results->count, 2);
    assert_int_equal(set.results->next->count, 1);
}

/* Parameters that each of many rows repeats: the rows are counted before memory is taken for them.
 */
static void test_expansion(void **state)
{
    (void)state;
    static char text[100000];
    int n = snprintf(text, sizeof text, "{" PING WHEN "'parameters':{'p':'%s'},'resultvalues':[[]",
                     xs(30000));
    for (int i = 0; i < 1000; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, ",[]");
    }
    snprintf(text + n, sizeof text - (size_t)n, "]}");
    refused(RESULT_MEMORY, "with the parameters and metadata", text);
    assert_true(arena_used(arena) < 1 << 20);
}

/* Whatever the arena's limit, reading ends with what fits and at most says that memory was out. */
static void test_memory(void **state)
{
    (void)state;
    static const char text[] =
        "{\"envelope\":\"message\",\"contents\":[{},[],{\"result\":\"m\",\"label\":\"l\","
        "\"when\":\"2026-11-21 19:00:00\",\"results\":[\"a\"],\"resultvalues\":[[\"1\"],[[2]]]},"
        "{\"result\":\"m\"},1]}";
    size_t enough = 0;
    for (size_t limit = 0; limit < 20000; limit += 16) {
        struct arena *a = arena_new(limit);
        struct result_origin origin = {slice_of("p"), now_us};
        result_read(a, slice_of(text), &means, &limits, &origin, &set);
        uint32_t refusals = 0, memory = 0;
        for (const struct refusal *f = set.refusals; f != NULL; f = f->next) {
            assert_true(strlen(f->detail) > 0);
            refusals++;
            memory += f->reason == RESULT_MEMORY;
            assert_true(refusals < 100);
        }
        assert_true(refusals > 0);
        if (refusals == 4 && memory == 0 && set.results != NULL) {
            assert_int_equal(set.results->count, 2);
            enough = enough == 0 ? limit : enough;
        } else {
            assert_int_equal(enough, 0);
        }
        arena_free(&a);
    }
    assert_in_range(enough, 1000, 20000);
}

static void test_envelopes(void **state)
{
    (void)state;
    read_text("{'envelope':'message','contents':[{" PING WHEN "'resultvalues':[['1']]},"
              "{'exception':'t','message':'x'},{" PING "'when':'now'," ROW "},"
              "{'envelope':'result','contents':[{'capability':'m'},{" PING WHEN
              "'resultvalues':[['2']]},{'exception':'t'}]},5,{" PING WHEN
              "'resultvalues':[['3']]}]}");
    assert_int_equal(set.exceptions, 2);
    const struct result *r = set.results;
    is(r->records[0].values[0], "1");
    is(r->next->records[0].values[0], "2");
    is(r->next->next->records[0].values[0], "3");
    assert_null(r->next->next->next);
    const struct refusal *f = set.refusals;
    assert_int_equal(f->reason, RESULT_TIME);
    assert_non_null(strstr(f->detail, "contents[2]: when: "));
    f = f->next;
    assert_int_equal(f->reason, RESULT_KIND);
    assert_non_null(strstr(f->detail, "contents[3].contents[0]: "));
    f = f->next;
    assert_int_equal(f->reason, RESULT_MESSAGE);
    assert_non_null(strstr(f->detail, "contents[4]: "));
    assert_null(f->next);
    read_text("{'envelope':'message','version':1,'contents':[]}");
    assert_null(set.results);
    assert_null(set.refusals);
    refused(RESULT_FORM, "contents: expected an array of messages, found nothing",
            "{'envelope':'message'}");
    refused(RESULT_JSON, "deeper",
            "{'envelope':'m','contents':[{'envelope':'m','contents':[{'envelope':'m','contents':[{"
            "'envelope':'m','contents':[{'envelope':'m','contents':[{'envelope':'m','contents':[{"
            "'envelope':'m','contents':[{'envelope':'m','contents':[{}]}]}]}]}]}]}]}]}");
}

/* What was sent is shown in refusals, but never as control characters or half a character. */
static void test_details_are_harmless(void **state)
{
    (void)state;
    static char text[4096];
    for (size_t i = 0; i < 8; i++) {
        format(text, sizeof text, "{" PING ROW ",'when':'%s%s'}", xs(i),
               "\\n\\u001b[31m\\u007f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac"
               "\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac"
               "\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac");
        refused(RESULT_TIME, "when", text);
        assert_true(pattern_is_text(slice_of(set.refusals->detail)));
        for (const char *c = set.refusals->detail; *c != '\0'; c++) {
            assert_false((unsigned char)*c < 0x20 || *c == 0x7f);
        }
    }
}

/* That so many records come of the text, and refusals with these details; "" ends them. */
static void several(const char *text, uint32_t records, const char *first, const char *second)
{
    const char *const expected[] = {first, second, ""};
    const struct refusal *f;
    uint32_t found = 0, i = 0;
    read_text(text);
    for (const struct result *r = set.results; r != NULL; r = r->next) {
        found += r->count;
    }
    assert_int_equal(found, records);
    for (f = set.refusals; f != NULL && expected[i][0] != '\0'; f = f->next, i++) {
        if (strstr(f->detail, expected[i]) == NULL) {
            fail_msg("%s\nexpected %s\nfound %s", text, expected[i], f->detail);
        }
    }
    assert_true(f == NULL && expected[i][0] == '\0');
}

/* Arrays and lines, as collectors send them. */
static void test_several(void **state)
{
#define GOOD "{" PING WHEN ROW "}"
    (void)state;
    several("[" GOOD "," GOOD "]", 2, "", "");
    several(GOOD "\n" GOOD "\n", 2, "", "");
    several(GOOD GOOD "[" GOOD "]", 3, "", "");
    several("\xef\xbb\xbf" GOOD, 1, "", "");
    several("\xef\xbb\xbf" GOOD "\n" GOOD, 2, "", "");
    several("[" GOOD ", null, {'result': 3}, " GOOD "]", 2,
            "document 2: expected an object, found null", "document 3: result: expected a verb");
    several("[" GOOD ", nul, " GOOD "]", 2, "document 2: line 1: expected \"{\"", "");
    several(GOOD "\n{'result': nan}\n" GOOD, 2, "document 2: line 2: lexical error", "");
    several("{'result':'m','results':['a'],'resultvalues':[[1]\n" GOOD "\n" GOOD, 2,
            "document 1: line 1: expected \"]\", found \"{\" in line 2; 50 bytes passed over", "");
    several("{'envelope':'m','contents':[" GOOD ",{'result'", 1, "document 1", "");
    several(GOOD "\n{'label': '\xe4'}", 1, "document 2: line 2: bytes that are not UTF-8", "");
    several(GOOD "\n{'result':'m','envelope':'m'}", 1, "document 2: expected one key", "");
    several(GOOD "\n{'envelope':'m','contents':[1]}", 1, "document 2, contents[0]: expected", "");
    several("[{'result'", 0, "ends too early at byte 10", "");
    limits.rows = 3;
    several(GOOD GOOD GOOD GOOD, 3, "at most 3 documents", "");
    several("[" GOOD "," GOOD "," GOOD "," GOOD "]", 0, "at most 3 documents", "");
#undef GOOD
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, result_box_preset)
    const struct CMUnitTest tests[] = {
        TEST(test_record),        TEST(test_values_are_kept_as_sent),
        TEST(test_when),          TEST(test_rows_and_their_times),
        TEST(test_bounds),        TEST(test_messages),
        TEST(test_forms),         TEST(test_limits),
        TEST(test_columns_limit), TEST(test_rows_limit),
        TEST(test_expansion),     TEST(test_memory),
        TEST(test_envelopes),     TEST(test_details_are_harmless),
        TEST(test_several),
    };
    return cmocka_run_group_tests(tests, result_box_open, result_box_close);
}
