/* SPDX-License-Identifier: Apache-2.0 */
/* The capabilities; from specifications to questions; from answers to results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/capability_rows.h"
#include "mplane-gw/capabilities.h"
#include "mplane-gw/jobs/answer.h"

#define URL    "http://gateway.test:8891/registry/ezrepo"
#define LINK   "https://gateway.test:8890/"
#define UUID   "0b6c7f1e-1f2d-4c3b-9A5f-0123456789ab"
#define NOW_US INT64_C(1767225600000000) /* 2026-01-01 00:00:00 */

static struct registry *registry;
static struct capabilities *capabilities;
static struct arena *arena;
static char error[1024];

static void add_registry(const char *name)
{
    static char bytes[1 << 20];
    char path[512];
    snprintf(path, sizeof path, "%s/schemas/mplane/%s", SOURCE_ROOT, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    struct document d = {.name = name};
    assert_int_equal(registry_add(registry, &d, (struct slice){bytes, size}), 0);
}

static int set_up(void **state)
{
    (void)state;
    registry = registry_new();
    add_registry("core.json");
    add_registry("ezrepo.json");
    capabilities = capabilities_new(URL, LINK, "", registry, error, sizeof error);
    if (capabilities == NULL) {
        fail_msg("%s", error);
    }
    arena = arena_new(16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    capabilities_free(&capabilities);
    registry_free(&registry);
    arena_free(&arena);
    return 0;
}

static const struct capability *by_label(const char *label)
{
    for (size_t i = 0; i < capabilities_count(capabilities); i++) {
        const struct capability *c = capabilities_at(capabilities, i);
        if (slice_is(c->label, label)) {
            return c;
        }
    }
    fail_msg("no %s", label);
    return NULL;
}

/* A specification of the capability with every parameter "*". */
static struct mplane_message specify(const char *label, const char *when)
{
    struct mplane_message m =
        mplane_message_answer(MPLANE_SPECIFICATION, &by_label(label)->message);
    struct mplane_parameter *copy = arena_calloc(arena, m.parameter_count, sizeof *copy);
    for (uint32_t i = 0; i < m.parameter_count; i++) {
        copy[i] = m.parameters[i];
        copy[i].values = arena_calloc(arena, 1, sizeof *copy[i].values);
    }
    m.parameters = copy;
    m.label = slice_of("mine");
    if (when_parse(slice_of(when), &m.when, error, sizeof error) == -1) {
        fail_msg("%s: %s", when, error);
    }
    return m;
}

static void set(struct mplane_message *m, const char *name, const char *value)
{
    for (uint32_t i = 0; i < m->parameter_count; i++) {
        if (slice_is(m->parameters[i].name, name)) {
            m->parameters[i].values[0] = slice_of(value);
            return;
        }
    }
    fail_msg("no parameter %s", name);
}

/* Another parser than ours would read what we send: here ours reads it, with the registries. */
static void test_every_capability_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(capabilities_count(capabilities), CAPABILITY_COLLECT);
    for (size_t i = 0; i < capabilities_count(capabilities); i++) {
        const struct capability *c = capabilities_at(capabilities, i);
        struct slice text = mplane_message_write(arena, &c->message, registry);
        assert_non_null(text.at);
        const struct json *tree = json_parse(arena, text, &mplane_limits, error, sizeof error);
        const struct mplane_message *m =
            mplane_message_read(arena, tree, registry, error, sizeof error);
        assert_non_null(m);
        assert_int_equal(m->kind, MPLANE_CAPABILITY);
        assert_true(slice_equal(m->token, c->token) && c->token.len == 32);
        assert_true(slice_is(m->registry, URL) && slice_is(m->link, LINK));
        assert_null(m->export.at);
        assert_true(slice_is(when_text(arena, &m->when), "past ... future"));
        assert_ptr_equal(capabilities_by_token(capabilities, c->token), c);
    }
    assert_null(capabilities_by_token(capabilities, slice_of("")));
}

/* Peers see the prefix, rules do not; a specification is found by its schema, whatever its label.
 */
static void test_prefixed_labels(void **state)
{
    (void)state;
    struct capabilities *c = capabilities_new(URL, LINK, "lab-", registry, error, sizeof error);
    assert_non_null(c);
    const struct capability *k = capabilities_by_label(c, slice_of("QueryByCriteria"));
    assert_non_null(k);
    assert_true(slice_is(k->message.label, "lab-QueryByCriteria"));
    assert_null(capabilities_by_label(c, slice_of("lab-QueryByCriteria")));
    assert_true(slice_is(answer_withdrawal(&k->message).label, "lab-QueryByCriteria"));
    struct mplane_message m = specify("QueryByCriteria", "past ... now");
    assert_ptr_equal(capabilities_match(c, &m, error, sizeof error), k);
    /* The nearest is the one it says it means. */
    m.label = slice_of("lab-QueryHistogram-3");
    m.column_count -= 2;
    assert_null(capabilities_match(c, &m, error, sizeof error));
    assert_non_null(strstr(error, "QueryHistogram"));
    capabilities_free(&c);
}

static void test_matching(void **state)
{
    (void)state;
    for (size_t i = 0; i < capabilities_count(capabilities); i++) {
        const struct capability *c = capabilities_at(capabilities, i);
        char label[64];
        snprintf(label, sizeof label, "%.*s", (int)c->label.len, c->label.at);
        struct mplane_message m = specify(label, "now");
        assert_ptr_equal(capabilities_match(capabilities, &m, error, sizeof error), c);
    }
    struct mplane_message m = specify("QueryPeriods", "now");
    m.parameter_count--; /* list.after, which may be absent */
    assert_ptr_equal(capabilities_match(capabilities, &m, error, sizeof error),
                     by_label("QueryPeriods"));
    m.parameters++;
    m.parameter_count--;
    assert_null(capabilities_match(capabilities, &m, error, sizeof error));
    assert_non_null(
        strstr(error, "nearest is QueryPeriods, but the parameter is missing: record."));
    m = specify("QueryByCriteria", "now");
    m.column_count--; /* COLUMN_MARK, which may be left out */
    assert_ptr_equal(capabilities_match(capabilities, &m, error, sizeof error),
                     by_label("QueryByCriteria"));
    m.column_count--;
    m.label = slice_of("QueryEvents-3"); /* who says what it means hears about that */
    assert_null(capabilities_match(capabilities, &m, error, sizeof error));
    assert_non_null(strstr(error, "nearest is QueryEvents"));
    m = specify("QueryByCriteria", "now");
    m.columns = arena_calloc(arena, 4, sizeof *m.columns);
    for (uint32_t i = 0; i < 4; i++) {
        m.columns[i] = by_label("QueryByCriteria")->message.columns[i % 3];
    }
    m.column_count = 4;
    assert_null(capabilities_match(capabilities, &m, error, sizeof error));
    assert_non_null(strstr(error, "twice"));
    struct mplane_message empty = {.kind = MPLANE_SPECIFICATION};
    assert_null(capabilities_match(capabilities, &empty, error, sizeof error));
}

static void test_grade_ranges(void **state)
{
    static const struct {
        const char *text;
        uint64_t low, high; /* 9: refused */
    } cases[] = {
        {"3 ... 5", 3, 5}, {"3...5", 3, 5}, {"3..5", 3, 5},     {"3", 3, 3},     {"1 .. 1", 1, 1},
        {" 2 ", 2, 2},     {NULL, 1, 5},    {"0 ... 5", 0, 5},  {"0", 0, 0},     {"1 ... 6", 9, 9},
        {"5 ... 3", 9, 9}, {"", 9, 9},      {"3 5", 9, 9},      {"3 .", 9, 9},   {"3 ... ", 9, 9},
        {"3....5", 9, 9},  {"33", 9, 9},    {"3 ... 5x", 9, 9}, {"three", 9, 9}, {"-1", 9, 9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t low, high;
        int result = grade_range_parse(slice_of(cases[i].text), &low, &high);
        if (cases[i].low == 9) {
            assert_int_equal(result, -1);
        } else {
            assert_int_equal(result, 0);
            assert_int_equal(low, cases[i].low);
            assert_int_equal(high, cases[i].high);
        }
    }
}

static void ask(const struct mplane_message *m, const char *label, struct gateway_question *q)
{
    if (question_of(m, by_label(label)->kind, NOW_US, q, error, sizeof error) == -1) {
        fail_msg("%s: %s", label, error);
    }
}

/* "0" is a value that each of them may have. */
static void test_every_parameter_is_read(void **state)
{
    struct gateway_question q;
    (void)state;
    for (size_t i = 0; i < CAPABILITY_COLLECT; i++) {
        const char *label = capability_rows[i].label;
        struct mplane_message m = specify(label, "now");
        for (uint32_t k = 0; k < m.parameter_count; k++) {
            bool uuid = slice_is(m.parameters[k].name, "ingestd.instance");
            m.parameters[k].values[0] = slice_of(uuid ? UUID : "0");
        }
        ask(&m, label, &q);
    }
}

static void test_questions(void **state)
{
    struct gateway_question q;
    (void)state;
    struct mplane_message m = specify("QueryRecords", "2025-12-31 ... now");
    set(&m, "record.source", "192.0.2.0/24");
    set(&m, "select.grade", "overall");
    set(&m, "range.grade", "1 ... 2");
    set(&m, "list.limit", "10000");
    set(&m, "list.after", "cursor");
    ask(&m, "QueryRecords", &q);
    assert_false(q.publish);
    assert_int_equal(q.query.kind, QUERY_RECORDS);
    assert_true(slice_is(q.query.type, "*") && slice_is(q.query.source, "192.0.2.0/24"));
    assert_true(slice_is(q.query.grade_name, "overall") && slice_is(q.query.after, "cursor"));
    assert_int_equal(q.query.grade_low, 1);
    assert_int_equal(q.query.grade_high, 2);
    assert_int_equal(q.query.limit, 10000);
    assert_int_equal(q.query.from_us, NOW_US - INT64_C(86400000000));
    assert_int_equal(q.query.to_us, NOW_US);
    assert_true(slice_is(when_text(arena, &q.when),
                         "2025-12-31 00:00:00.000000 ... 2026-01-01 00:00:00.000000"));
    m = specify("QueryEvents", "past ... future");
    set(&m, "list.after", "**");
    set(&m, "range.grade", "**");
    ask(&m, "QueryEvents", &q);
    assert_true(slice_is(q.query.after, ""));
    assert_true(q.query.from_us == WHEN_PAST && q.query.to_us == WHEN_FUTURE);
    assert_true(slice_is(when_text(arena, &q.when),
                         "1970-01-01 00:00:00.000000 ... 2026-01-01 00:00:00.000000"));
    m = specify("ezrepo", "2025-12-31 ... now");
    set(&m, "type.repo", "ott"); /* as the first EZRepo named it */
    set(&m, "range.grade", "3");
    ask(&m, "ezrepo", &q);
    assert_int_equal(q.query.kind, QUERY_RECORDS);
    assert_true(slice_is(q.query.type, "OTT") && slice_is(q.query.source, "*"));
    assert_true(slice_is(q.query.grade_name, "all"));
    assert_int_equal(q.query.grade_low, 3);
    assert_int_equal(q.query.grade_high, 3);
    assert_int_equal(q.query.limit, QUESTION_ORIGINAL_ROWS);
    /* Records that have no grade are listed, unless grades are asked for. */
    m = specify("QueryRecords", "2025-12-31 ... now");
    ask(&m, "QueryRecords", &q);
    assert_int_equal(q.query.grade_low, 0);
    assert_int_equal(q.query.grade_high, 5);
    m = specify("QueryPeriods", "2025-12-31 ... now");
    ask(&m, "QueryPeriods", &q);
    assert_int_equal(q.query.grade_low, 1);
    m = specify("GetGrading", "now");
    set(&m, "grading.version", "4294967295");
    ask(&m, "GetGrading", &q);
    assert_int_equal(q.query.kind, QUERY_GRADING);
    assert_int_equal(q.query.grading_version, UINT32_MAX);
    set(&m, "grading.version", "4294967296"); /* 0 for who cannot say that */
    assert_int_equal(question_of(&m, CAPABILITY_GET_GRADING, 0, &q, error, sizeof error), 0);
    assert_int_equal(q.query.grading_version, 0);
}

static void test_publication(void **state)
{
    struct gateway_question q;
    (void)state;
    struct mplane_message m = specify("SetGrading", "now");
    set(&m, "grading.document", "{}");
    ask(&m, "SetGrading", &q);
    assert_true(q.publish && slice_is(q.publication.document, "{}"));
    assert_int_equal(q.publication.comment.len, 0);
    assert_int_equal(q.publication.over, 0);
    set(&m, "grading.comment", "why");
    set(&m, "grading.version", "7");
    ask(&m, "SetGrading", &q);
    assert_true(slice_is(q.publication.comment, "why"));
    assert_int_equal(q.publication.over, 7);
}

static void test_questions_about_the_ledger(void **state)
{
    struct gateway_question q;
    (void)state;
    struct mplane_message m = specify("LedgerAccounts", "2025-12-31 ... now");
    set(&m, "ingestd.instance", UUID);
    set(&m, "input.sender", "https:org.example.p1");
    set(&m, "list.limit", "5");
    ask(&m, "LedgerAccounts", &q);
    assert_int_equal(q.query.kind, QUERY_ACCOUNTS);
    assert_true(slice_is(q.query.instance, UUID));
    assert_true(slice_is(q.query.sender, "https:org.example.p1"));
    assert_int_equal(q.query.limit, 5);
    m = specify("LedgerFaults", "past ... future"); /* "*" is any, and no recount */
    ask(&m, "LedgerFaults", &q);
    assert_int_equal(q.query.kind, QUERY_FAULTS);
    assert_true(slice_is(q.query.instance, "") && slice_is(q.query.sender, ""));
    assert_int_equal(q.query.recount, 0);
    set(&m, "ledger.recount", "True");
    set(&m, "ingestd.instance", "");
    set(&m, "input.sender", "**");
    ask(&m, "LedgerFaults", &q);
    assert_int_equal(q.query.recount, 1);
    assert_true(slice_is(q.query.instance, "") && slice_is(q.query.sender, ""));
    set(&m, "ledger.recount", "False");
    ask(&m, "LedgerFaults", &q);
    assert_int_equal(q.query.recount, 0);

    static const struct {
        const char *parameter, *value;
    } wrong[] = {
        {"ledger.recount", "perhaps"},
        {"ingestd.instance", "0b6c7f1e"},
        {"ingestd.instance", "0b6c7f1e-1f2d-4c3b-9a5f-0123456789ag"},
        {"ingestd.instance", "0b6c7f1e+1f2d-4c3b-9a5f-0123456789ab"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        m = specify("LedgerFaults", "past ... future");
        set(&m, wrong[i].parameter, wrong[i].value);
        assert_int_equal(question_of(&m, CAPABILITY_FAULTS, 0, &q, error, sizeof error), -1);
        assert_non_null(strstr(error, wrong[i].parameter));
        assert_non_null(strstr(error, wrong[i].value));
    }
    char longest[LIMIT_SENDER_BYTES + 2] = "";
    memset(longest, 'x', LIMIT_SENDER_BYTES + 1);
    m = specify("LedgerFaults", "past ... future");
    set(&m, "input.sender", longest);
    assert_int_equal(question_of(&m, CAPABILITY_FAULTS, 0, &q, error, sizeof error), -1);
    assert_string_equal(error, "parameters.input.sender: expected at most 256 bytes, found 257");
}

static void test_questions_about_what_was_refused(void **state)
{
    struct gateway_question q;
    (void)state;
    struct mplane_message m = specify("RejectedList", "2025-12-31 ... now");
    set(&m, "rejected.reason", "time.past");
    set(&m, "list.after", "j7");
    ask(&m, "RejectedList", &q);
    assert_int_equal(q.query.kind, QUERY_REJECTS);
    assert_true(slice_is(q.query.reason, "time.past") && slice_is(q.query.sender, ""));
    assert_true(slice_is(q.query.after, "j7"));
    m = specify("RejectedBytes", "now");
    static const struct {
        const char *text;
        uint64_t number;
    } numbers[] = {{"1", 1},
                   {"4294967296", UINT64_C(1) << 32}, /* where paging has 0 */
                   {"9223372036854775807", INT64_MAX}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        set(&m, "rejected.number", numbers[i].text);
        ask(&m, "RejectedBytes", &q);
        assert_int_equal(q.query.kind, QUERY_REJECT);
        assert_int_equal(q.query.reject, numbers[i].number);
    }
    static const char *const wrong[] = {"9223372036854775808", "18446744073709551617", "-1", "x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        set(&m, "rejected.number", wrong[i]);
        assert_int_equal(question_of(&m, CAPABILITY_REJECT, 0, &q, error, sizeof error), -1);
        assert_non_null(
            strstr(error, "rejected.number: expected a number 0 ... 9223372036854775807"));
    }
}

/* The scope of a result can be read by all: absolute, and not back to front. */
static void test_scopes_become_absolute(void **state)
{
    static const struct {
        const char *when, *result;
    } cases[] = {
        {"now", "2026-01-01 00:00:00.000000"},
        {"past ... 1960-01-01", "1960-01-01 00:00:00.000000 ... 1960-01-01 00:00:00.000000"},
        {"2030-01-01 ... future", "2030-01-01 00:00:00.000000 ... 2030-01-01 00:00:00.000000"},
        {"now ... future", "2026-01-01 00:00:00.000000 ... 2026-01-01 00:00:00.000000"},
        {"now + 1m", "2026-01-01 00:00:00.000000 ... 2026-01-01 00:01:00.000000"},
        {"2025-01-01", "2025-01-01 00:00:00.000000"},
    };
    struct gateway_question q;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mplane_message m = specify("QueryByCriteria", cases[i].when);
        ask(&m, "QueryByCriteria", &q);
        struct slice text = when_text(arena, &q.when);
        if (!slice_is(text, cases[i].result)) {
            fail_msg("%s: %.*s", cases[i].when, (int)text.len, text.at);
        }
    }
}

static void test_bad_values_are_named(void **state)
{
    static const struct {
        const char *parameter, *value;
    } cases[] = {
        {"range.grade", "6"},           {"select.grade", ""},
        {"list.limit", "10001"},        {"list.limit", "-1"},
        {"list.limit", "1e3"},          {"list.limit", "99999999999999999999999"},
        {"record.dest", "10.0.0.0/33"}, {"record.source", "2001:db8::/129"},
        {"record.path", "\xff"},
    };
    struct gateway_question q;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mplane_message m = specify("QueryPeriods", "past ... now");
        set(&m, cases[i].parameter, cases[i].value);
        assert_int_equal(question_of(&m, CAPABILITY_PERIODS, NOW_US, &q, error, sizeof error), -1);
        if (strstr(error, cases[i].parameter) == NULL) {
            fail_msg("%s=%s: %s", cases[i].parameter, cases[i].value, error);
        }
    }
    struct mplane_message original = specify("ezrepo", "past ... now");
    set(&original, "type.repo", "\xff");
    assert_int_equal(question_of(&original, CAPABILITY_ORIGINAL, NOW_US, &q, error, sizeof error),
                     -1);
    assert_non_null(strstr(error, "type.repo"));
    struct mplane_message m = specify("QueryPeriods", "now + 1h / 1m");
    assert_int_equal(question_of(&m, CAPABILITY_PERIODS, NOW_US, &q, error, sizeof error), -1);
    assert_non_null(strstr(error, "when"));
    m.has_when = false;
    assert_int_equal(question_of(&m, CAPABILITY_PERIODS, NOW_US, &q, error, sizeof error), -1);
    assert_non_null(strstr(error, "when"));
}

static struct mplane_message reply_to(const struct mplane_message *m,
                                      const struct gateway_question *q,
                                      struct answer_message *answer)
{
    struct pack p;
    struct mplane_message reply;
    pack_init(&p);
    answer_encode(&p, answer);
    assert_true(pack_ok(&p));
    struct slice bytes = arena_copy(arena, pack_bytes(&p));
    pack_release(&p);
    assert_int_equal(
        answer_message_of(arena, m, q, bytes, slice_of("token"), slice_of("label"), &reply), 0);
    return reply;
}

static void test_results(void **state)
{
    struct slice columns[] = {slice_of("records.graded"), slice_of("more"), slice_of("grade.name"),
                              slice_of("records.matched")};
    struct slice cells[] = {slice_of("1"), slice_of("x"), slice_of("all"), slice_of("2"),
                            {NULL, 0},     slice_of("y"), slice_of("one"), slice_of("3")};
    struct answer_message answer = {.status = ANSWER_OK, .message = {"", 0}};
    struct gateway_question q;
    (void)state;
    struct mplane_message m = specify("QueryByCriteria", "now");
    ask(&m, "QueryByCriteria", &q);
    answer.columns = columns;
    answer.columns_count = 4;
    answer.cells = cells;
    answer.cells_count = 8;
    struct mplane_message reply = reply_to(&m, &q, &answer);
    assert_int_equal(reply.kind, MPLANE_RESULT);
    assert_int_equal(reply.row_count, 2);
    assert_true(slice_is(reply.cells[0], "all") && slice_is(reply.cells[1], "2") &&
                slice_is(reply.cells[2], "1") && reply.cells[6].at == NULL);
    assert_null(reply.cells[3].at); /* COLUMN_MARK, of which a queryd of before knows nothing */
    assert_true(slice_is(reply.cells[4], "one"));
    assert_true(slice_is(reply.token, "token") && slice_is(reply.label, "label"));
    answer.cells_count = 0;
    reply = reply_to(&m, &q, &answer);
    assert_true(reply.kind == MPLANE_RESULT && reply.row_count == 0);
    answer.columns_count = 3;
    reply = reply_to(&m, &q, &answer);
    assert_int_equal(reply.kind, MPLANE_EXCEPTION);
    answer.status = ANSWER_INVALID;
    answer.message = slice_of("because");
    reply = reply_to(&m, &q, &answer);
    assert_int_equal(reply.kind, MPLANE_EXCEPTION);
    assert_non_null(strstr(reply.text.at, "because"));
    assert_true(slice_is(reply.token, "token"));
}

/* The first EZRepo's name for the grade of a record, in whatever order it is asked for. */
static void test_results_of_the_original(void **state)
{
    struct slice columns[] = {slice_of("grade.name"), slice_of("results.repo"),
                              slice_of("grade.value")};
    struct slice cells[] = {slice_of("overall"), slice_of("{}"), slice_of("4")};
    struct answer_message answer = {.status = ANSWER_OK,
                                    .message = {"", 0},
                                    .columns = columns,
                                    .columns_count = 3,
                                    .cells = cells,
                                    .cells_count = 3};
    struct gateway_question q;
    (void)state;
    struct mplane_message m = specify("ezrepo", "past ... now");
    struct slice turned[] = {slice_of("overall.grade"), slice_of("results.repo")};
    m.columns = turned;
    ask(&m, "ezrepo", &q);
    struct mplane_message reply = reply_to(&m, &q, &answer);
    assert_int_equal(reply.row_count, 1);
    assert_true(slice_is(reply.columns[0], "overall.grade"));
    assert_true(slice_is(reply.cells[0], "4") && slice_is(reply.cells[1], "{}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_capability_can_be_read),
        cmocka_unit_test(test_prefixed_labels),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_grade_ranges),
        cmocka_unit_test(test_every_parameter_is_read),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_publication),
        cmocka_unit_test(test_questions_about_the_ledger),
        cmocka_unit_test(test_questions_about_what_was_refused),
        cmocka_unit_test(test_scopes_become_absolute),
        cmocka_unit_test(test_bad_values_are_named),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_results_of_the_original),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
