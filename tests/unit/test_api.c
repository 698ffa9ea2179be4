/* SPDX-License-Identifier: Apache-2.0 */
/* webd's API: questions out of a URL's query, answers as JSON, lines and CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/capability_rows.h"
#include "common/clock.h"
#include "webd/api/api_answer.h"
#include "webd/api/api_question.h"
#include "webd/api/grading_faults.h"

static struct arena *arena;
static struct registry *registry;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    registry = registry_new();
    struct document d = {.name = "registry"};
    return registry_add(
        registry, &d,
        slice_of(
            "{\"registry-format\": \"mplane-0\", \"registry-uri\": \"http://x\", \"elements\": ["
            "{\"name\": \"grade.name\", \"prim\": \"string\"},"
            "{\"name\": \"records.matched\", \"prim\": \"natural\"},"
            "{\"name\": \"records.graded\", \"prim\": \"real\"},"
            "{\"name\": \"maintenance.windows\", \"prim\": \"string\"},"
            "{\"name\": \"time\", \"prim\": \"time\"},"
            "{\"name\": \"event.retracted\", \"prim\": \"boolean\"},"
            "{\"name\": \"list.cursor\", \"prim\": \"string\"}]}"));
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    registry_free(&registry);
    return 0;
}

static char error[2048];

static int ask(const char *label, const char *query, struct gateway_question *q)
{
    enum capability_kind kind = api_question_kind(slice_of(label));
    assert_int_not_equal(kind, CAPABILITY_COLLECT);
    error[0] = '\0';
    return api_question_read(arena, kind, query, INT64_C(1700000000000000), q, error, sizeof error);
}

static void refused(const char *label, const char *query, const char *why)
{
    struct gateway_question q;
    assert_int_equal(ask(label, query, &q), -1);
    if (strstr(error, why) == NULL) {
        fail_msg("%s?%s: expected \"%s\" in \"%s\"", label, query, why, error);
    }
}

/* ---- questions ---- */

static void test_labels(void **state)
{
    (void)state;
    assert_int_equal(api_question_kind(slice_of("QueryNow")), CAPABILITY_NOW);
    assert_int_equal(api_question_kind(slice_of("GetGrading")), CAPABILITY_GET_GRADING);
    assert_int_equal(api_question_kind(slice_of("SetGrading")), CAPABILITY_COLLECT);
    assert_int_equal(api_change_kind(slice_of("SetGrading")), CAPABILITY_SET_GRADING);
    assert_int_equal(api_change_kind(slice_of("GetGrading")), CAPABILITY_COLLECT);
    assert_int_equal(api_change_kind(slice_of("Set")), CAPABILITY_COLLECT);
    assert_int_equal(api_question_kind(slice_of("ezrepo")), CAPABILITY_COLLECT);
    assert_int_equal(api_question_kind(slice_of("")), CAPABILITY_COLLECT);
    assert_int_equal(api_question_kind(slice_of("querynow")), CAPABILITY_COLLECT);
}

static void test_without_a_query_all_is_asked(void **state)
{
    (void)state;
    struct gateway_question q;
    assert_int_equal(ask("QueryByCriteria", NULL, &q), 0);
    assert_int_equal(q.query.kind, QUERY_COUNT);
    assert_true(slice_is(q.query.dest, "*"));
    assert_true(slice_is(q.query.grade_name, "all"));
    assert_true(q.query.from_us == WHEN_PAST && q.query.to_us == WHEN_FUTURE);
}

static void test_parameters(void **state)
{
    (void)state;
    struct gateway_question q;
    assert_int_equal(
        ask("QueryPeriods",
            "record.dest=192.0.2.0%2F24&record.probe=a+b%26c&range.grade=1..2&list.limit=7"
            "&select.grade=*&from=2023-11-14T00:00:00Z&to=now",
            &q),
        0);
    assert_true(slice_is(q.query.dest, "192.0.2.0/24"));
    assert_true(slice_is(q.query.probe, "a b&c"));
    assert_int_equal(q.query.grade_high, 2);
    assert_int_equal(q.query.limit, 7);
    assert_true(q.query.from_us == INT64_C(1699920000000000));
    assert_true(q.query.to_us == INT64_C(1700000000000000));
}

static void test_a_single_time(void **state)
{
    (void)state;
    struct gateway_question q;
    assert_int_equal(ask("QueryWhy", "at=2023-11-14T00:00:00%2B01:00", &q), 0);
    assert_int_equal(q.query.instant, 1);
    assert_true(q.query.from_us == INT64_C(1699916400000000));
    assert_int_equal(ask("QueryWhy", "at=now", &q), 0);
    refused("QueryWhy", "at=now&from=past", "at: expected it alone");
}

static void test_what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("QueryByCriteria", "a=b",
            "\"a\": there is no such parameter; expected from, to, at, record.type,");
    refused("QueryByCriteria", "list.limit=1", "\"list.limit\": there is no such parameter");
    refused("QueryByCriteria", "record.type=a&record.type=b", "record.type: it is there twice");
    refused("QueryByCriteria", "from=now&from=now", "from: it is there twice");
    refused("QueryByCriteria", "from=yesterday", "from: expected a time such as");
    refused("QueryByCriteria", "from=now&to=past", "the range ends before it starts");
    refused("QueryByCriteria", "range.grade=9", "range.grade: expected a range within 0 ... 5");
    refused("QueryByCriteria", "record.type=a%00b", "without NUL");
    refused("QueryByCriteria", "record.type", "expected a query NAME=VALUE");
    refused("QueryByCriteria", "=x", "expected a query NAME=VALUE");
    refused("QueryNow", "list.limit=x", "list.limit: expected a number 0 ... 10000");
    refused("QueryByCriteria", "%22%0A%1b=x", "\"%22%0A%1b\": there is no such parameter");
}

/* ---- changes ---- */

static int change(const char *body, struct gateway_question *q)
{
    error[0] = '\0';
    return api_change_read(arena, CAPABILITY_SET_GRADING, slice_of(body), INT64_C(1700000000000000),
                           q, error, sizeof error);
}

static void test_changes_come_in_a_body(void **state)
{
    (void)state;
    struct gateway_question q;
    assert_int_equal(change("{\"grading.document\": \"{\\\"a\\\": 1}\\n\"}", &q), 0);
    assert_true(q.publish && slice_is(q.publication.document, "{\"a\": 1}\n"));
    assert_int_equal(q.publication.comment.len, 0);
    assert_int_equal(change("{\"grading.comment\": \"<b>\", \"grading.document\": 5}", &q), 0);
    assert_true(slice_is(q.publication.document, "5"));
    assert_true(slice_is(q.publication.comment, "<b>"));
    assert_int_equal(change("{\"grading.comment\": null, \"grading.document\": true}", &q), 0);
    assert_int_equal(q.publication.comment.len, 0);
    assert_int_equal(q.publication.over, 0);
    assert_int_equal(change("{\"grading.version\": 7, \"grading.document\": true}", &q), 0);
    assert_int_equal(q.publication.over, 7);
    assert_int_equal(change("{\"grading.version\": -1, \"grading.document\": true}", &q), -1);
}

static void test_what_is_no_change_is_named(void **state)
{
    static const char *const cases[][2] = {
        {"", "expected a JSON object of parameters: ends too early"},
        {"[]", "expected a JSON object of parameters"},
        {"{}", "grading.document: expected a grading document"},
        {"{\"grading.document\": {}}", "\"grading.document\": expected a text, a number"},
        {"{\"grading.document\": \"a\", \"grading.document\": \"b\"}", "stands twice"},
        {"{\"from\": \"now\"}", "\"from\": there is no such parameter; expected grading.document, "
                                "grading.comment or grading.version"},
        {"{\"x\": null}", "\"x\": there is no such parameter"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gateway_question q;
        assert_int_equal(change(cases[i][0], &q), -1);
        if (strstr(error, cases[i][1]) == NULL) {
            fail_msg("%s: expected \"%s\" in \"%s\"", cases[i][0], cases[i][1], error);
        }
    }
}

static void test_faults_are_told_by_line(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    const struct slice faults[] = {slice_of("a[1].b: expected \"x: y\""),
                                   {NULL, 0},
                                   slice_of("document: ends too early at byte 9")};
    grading_faults_write(f, slice_of("{\"a\": [1,\n {\"b\": 2}]"), faults, 3);
    fclose(f);
    assert_string_equal(
        text, "[{\"place\":\"a[1].b\",\"message\":\"expected \\\"x: y\\\"\",\"line\":2,"
              "\"column\":3},\n{\"place\":\"document\",\"message\":\"\",\"line\":1,\"column\":1},\n"
              "{\"place\":\"document\",\"message\":\"ends too early at byte 9\",\"line\":1,"
              "\"column\":9}]");
    free(text);
}

/* Every capability that asks can be asked with each of its parameters as "any". */
static void test_every_question_takes_all_of_its_parameters(void **state)
{
    (void)state;
    for (enum capability_kind kind = 0; kind < CAPABILITY_COLLECT; kind++) {
        const struct capability_row *row = &capability_rows[kind];
        struct gateway_question q;
        char query[2048] = "";
        if (api_question_kind(slice_of(row->label)) != kind) {
            continue;
        }
        for (const char *const *p = row->parameters; *p != NULL; p++) {
            bool number = strstr(*p, "limit") != NULL || strstr(*p, "wait") != NULL ||
                          strstr(*p, "number") != NULL || strstr(*p, "version") != NULL ||
                          strstr(*p, "range.columns") != NULL || strstr(*p, "changed") != NULL;
            snprintf(query + strlen(query), sizeof query - strlen(query), "%s%s=%s",
                     query[0] == '\0' ? "" : "&", *p, number ? "1" : "*");
        }
        if (ask(row->label, query, &q) == -1) {
            fail_msg("%s?%s: %s", row->label, query, error);
        }
    }
}

/* ---- answers ---- */

static struct slice cells[64];
static struct slice columns[CAPABILITY_NAMES];

/* An answer with the columns of this kind, and such cells, NULL for null. */
static struct answer_message answer_of(enum capability_kind kind, const char *const *texts,
                                       uint32_t count)
{
    struct answer_message m = {.status = ANSWER_OK, .columns = columns, .cells = cells};
    for (const char *const *c = capability_rows[kind].columns; *c != NULL; c++) {
        columns[m.columns_count++] = slice_of(*c);
    }
    for (uint32_t i = 0; i < count; i++) {
        cells[i] = texts[i] == NULL ? (struct slice){NULL, 0} : slice_of(texts[i]);
    }
    m.cells_count = count;
    return m;
}

static void told(enum api_form form, enum capability_kind kind, const struct query_message *q,
                 const struct answer_message *m, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(api_answer_write(f, form, kind, q, m, registry), 0);
    fclose(f);
    assert_string_equal(text, expected);
    free(text);
}

static const struct query_message all_time = {.from_us = WHEN_PAST, .to_us = WHEN_FUTURE};

static void test_values_have_the_types_of_their_elements(void **state)
{
    (void)state;
    const char *const texts[] = {"a\"b<", "12",  "0.50", NULL,    "x",  "NaN",
                                 "01",    "1,2", "y",    "-1e+3", ".5", ""};
    struct answer_message m = answer_of(CAPABILITY_COUNT, texts, 12);
    told(API_JSON, CAPABILITY_COUNT, &all_time, &m,
         "{\"question\":\"QueryByCriteria\",\"from\":\"past\",\"to\":\"future\",\"rows\":["
         "{\"grade.name\":\"a\\\"b<\",\"records.matched\":12,\"records.graded\":0.50,\"maintenance."
         "windows\":null},\n"
         "{\"grade.name\":\"x\",\"records.matched\":\"NaN\",\"records.graded\":\"01\","
         "\"maintenance.windows\":\"1,2\"},\n"
         "{\"grade.name\":\"y\",\"records.matched\":-1e+3,\"records.graded\":\".5\",\"maintenance."
         "windows\":\"\"}]}\n");
    told(API_NDJSON, CAPABILITY_COUNT, &all_time, &m,
         "{\"grade.name\":\"a\\\"b<\",\"records.matched\":12,\"records.graded\":0.50,\"maintenance."
         "windows\":null}\n"
         "{\"grade.name\":\"x\",\"records.matched\":\"NaN\",\"records.graded\":\"01\","
         "\"maintenance.windows\":\"1,2\"}\n"
         "{\"grade.name\":\"y\",\"records.matched\":-1e+3,\"records.graded\":\".5\",\"maintenance."
         "windows\":\"\"}\n");
    told(API_CSV, CAPABILITY_COUNT, &all_time, &m,
         "grade.name,records.matched,records.graded,maintenance.windows\r\n"
         "\"a\"\"b<\",12,0.50,\r\nx,NaN,01,\"1,2\"\r\ny,-1e+3,.5,\"\"\r\n");
}

static void test_times_documents_and_cursors(void **state)
{
    (void)state;
    enum { WIDTH = 13 };
    const char *texts[WIDTH];
    uint32_t count = 0;
    for (const char *const *c = capability_rows[CAPABILITY_RECORDS].columns; *c != NULL; c++) {
        texts[count++] = strcmp(*c, "time") == 0           ? "2026-11-30 08:00:00.500000"
                         : strcmp(*c, "results.repo") == 0 ? "{\"a\":\n1.50}"
                         : strcmp(*c, "list.cursor") == 0  ? "r:1"
                                                           : "";
        assert_true(count <= WIDTH);
    }
    struct answer_message m = answer_of(CAPABILITY_RECORDS, texts, count);
    const struct query_message q = {.from_us = 0, .to_us = 1, .limit = 1};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_int_equal(api_answer_write(f, API_JSON, CAPABILITY_RECORDS, &q, &m, registry), 0);
    fclose(f);
    assert_non_null(strstr(
        text, "\"from\":\"1970-01-01T00:00:00.000000Z\",\"to\":\"1970-01-01T00:00:00.000001Z\""));
    assert_non_null(strstr(text, "\"time\":\"2026-11-30T08:00:00.500000Z\""));
    assert_non_null(strstr(text, "\"results.repo\":{\"a\": 1.50}"));
    assert_non_null(strstr(text, "],\"next\":\"r:1\"}\n"));
    free(text);
    const struct query_message more = {.from_us = 0, .to_us = 1, .limit = 2};
    f = open_memstream(&text, &size);
    assert_int_equal(api_answer_write(f, API_JSON, CAPABILITY_RECORDS, &more, &m, registry), 0);
    fclose(f);
    assert_null(strstr(text, "\"next\"")); /* fewer than were asked for: nothing follows */
    free(text);
}

static void test_other_columns_are_no_answer(void **state)
{
    (void)state;
    const char *const texts[] = {"a", "1", "2", NULL};
    struct answer_message m = answer_of(CAPABILITY_COUNT, texts, 4);
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    columns[3] =
        slice_of("x"); /* instead of COLUMN_MARK, of which a queryd of before knows nothing */
    assert_int_equal(api_answer_write(f, API_NDJSON, CAPABILITY_COUNT, &all_time, &m, registry), 0);
    fflush(f);
    assert_non_null(strstr(text, "\"maintenance.windows\":null"));
    columns[1] = slice_of("records.other");
    assert_int_equal(api_answer_write(f, API_JSON, CAPABILITY_COUNT, &all_time, &m, registry), -1);
    m = answer_of(CAPABILITY_COUNT, texts, 3);
    assert_int_equal(api_answer_write(f, API_JSON, CAPABILITY_COUNT, &all_time, &m, registry), -1);
    fclose(f);
    free(text);
}

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(api_form_of(NULL), API_JSON);
    assert_int_equal(api_form_of("*/*"), API_JSON);
    assert_int_equal(api_form_of("text/html, text/csv;q=0.5"), API_CSV);
    assert_int_equal(api_form_of("Application/X-NDJSON"), API_NDJSON);
    assert_int_equal(api_form_of("application/xml"), -1);
    assert_int_equal(api_form_of(""), -1);
    assert_int_equal(api_form_of(",,;,"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_changes_come_in_a_body),
        cmocka_unit_test(test_what_is_no_change_is_named),
        cmocka_unit_test(test_faults_are_told_by_line),
        cmocka_unit_test(test_without_a_query_all_is_asked),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_a_single_time),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_every_question_takes_all_of_its_parameters),
        cmocka_unit_test(test_values_have_the_types_of_their_elements),
        cmocka_unit_test(test_times_documents_and_cursors),
        cmocka_unit_test(test_other_columns_are_no_answer),
        cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
