/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/golden/grading.json, whole: documents, records and the grades each record must get; graded
 * one by one and as batches. And two documents: that of most other tests, grading-plain.json, which
 * is the first EZRepo's Grading.json (schemas/grading/original.json) and loss beside it, over the
 * mPlane SDK's samples; and the delivered one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/batch.h"
#include "common/grade.h"

#define SETS  40
#define CASES 480

static const struct json_limits vector_limits = {
    .depth = 32, .nodes = 1000000, .string_bytes = 1 << 20, .comments = false};

static struct slice read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    char *bytes = malloc(1 << 20);
    if (f == NULL || bytes == NULL) {
        fail_msg("cannot read %s", name);
    }
    size_t n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    assert_in_range(n, 1, (1 << 20) - 1);
    return (struct slice){bytes, n};
}

static const struct json *parse(struct arena *a, struct slice bytes)
{
    char error[256];
    const struct json *root = json_parse(a, bytes, &vector_limits, error, sizeof error);
    if (root == NULL) {
        fail_msg("%s", error);
    }
    return root;
}

static struct record_types *delivered_types(void)
{
    struct record_types *t = record_types_read(VECTORS "/../../schemas/record-types.json", "");
    assert_non_null(t);
    return t;
}

/* The aliases that are delivered, without the ranges: in the vectors every number can be, -3 too.
 */
static struct record_types *delivered_aliases(void)
{
    struct record_types *t = delivered_types();
    struct slice all = record_types_grading(t);
    const char *ranges = memmem(all.at, all.len, ",\"valid\":[", 10);
    assert_non_null(ranges);
    char text[16384];
    int n = snprintf(text, sizeof text, "%.*s}", (int)(ranges - all.at), all.at);
    assert_in_range(n, 1, sizeof text - 1);
    record_types_free(&t);
    t = record_types_read_bytes("aliases", slice_of(text));
    assert_non_null(t);
    assert_null(record_types_range(t, slice_of("ping"), slice_of("loss.ratio")));
    return t;
}

static struct grade_rules *rules_of(struct arena *a, struct slice document,
                                    const struct record_types *types, const struct grading **g)
{
    struct grading_faults faults;
    *g = grading_read(a, document, &faults);
    if (*g == NULL) {
        fail_msg("refused: %s", faults.text[0]);
    }
    struct grade_rules *rules = grade_rules_new(*g, types);
    assert_non_null(rules);
    return rules;
}

/* A value as ingestd hands it on. */
static struct slice value_text(struct arena *a, const struct json *node)
{
    switch (node->type) {
    case JSON_NULL:
        return (struct slice){NULL, 0};
    case JSON_TRUE:
        return slice_of("True");
    case JSON_FALSE:
        return slice_of("False");
    case JSON_NUMBER:
    case JSON_STRING:
        return node->text;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return json_text(a, node);
}

static struct slice text_of(const struct json *object, const char *key)
{
    const struct json *node = json_get(object, key);
    return node == NULL ? slice_of("") : node->text;
}

static void record_of(struct arena *a, const struct json *json, struct schema_message *schema,
                      struct record_message *record)
{
    const struct json *metrics = json_get(json, "metrics");
    *schema = (struct schema_message){.verb = slice_of("measure"), .registry = slice_of("")};
    *record = (struct record_message){.type = text_of(json, "type"),
                                      .content = text_of(json, "content"),
                                      .probe = text_of(json, "probe"),
                                      .source = text_of(json, "source"),
                                      .dest = text_of(json, "dest"),
                                      .path = text_of(json, "path"),
                                      .label = slice_of("")};
    schema->results = arena_calloc(a, metrics->count + 1, sizeof(struct slice));
    record->values = arena_calloc(a, metrics->count + 1, sizeof(struct slice));
    assert_true(schema->results != NULL && record->values != NULL);
    for (const struct json *m = metrics->first; m != NULL; m = m->next) {
        schema->results[schema->results_count++] = m->key;
        record->values[record->values_count++] = value_text(a, m);
    }
}

/* Compares with {"overall": 4, ...}, where a name that is not there must have no grade. */
static void assert_grades(const struct grading *g, const uint8_t *grades,
                          const struct json *expected, const char *what)
{
    uint32_t graded = 0;
    for (uint32_t i = 0; i < g->name_count; i++) {
        char name[LIMIT_NAME_BYTES + 1];
        snprintf(name, sizeof name, "%.*s", (int)g->names[i].len, g->names[i].at);
        const struct json *grade = json_get(expected, name);
        int wanted = grade == NULL ? GRADE_NONE : atoi(grade->text.at);
        graded += grade != NULL;
        if (grades[i] != wanted) {
            fail_msg("%s: %s is %d, expected %d", what, name, grades[i], wanted);
        }
    }
    assert_int_equal(graded, expected->count);
}

static uint32_t check_set(const struct json *set, uint32_t number, const struct record_types *types)
{
    struct arena *a = arena_new(16 << 20);
    assert_non_null(a);
    const struct grading *g;
    struct grade_rules *rules = rules_of(a, json_text(a, json_get(set, "document")), types, &g);
    struct batch_writer *writer = batch_writer_new();
    assert_non_null(writer);
    const struct json *cases = json_get(set, "cases");
    uint32_t n = 0;
    for (const struct json *c = cases->first; c != NULL; c = c->next, n++) {
        struct schema_message schema;
        struct record_message record;
        uint8_t grades[LIMIT_GRADE_NAMES];
        record_of(a, json_get(c, "record"), &schema, &record);
        grade_begin(rules, &schema);
        grade_record(rules, &record, grades);
        char what[64];
        snprintf(what, sizeof what, "set %u, case %u", number, n);
        assert_grades(g, grades, json_get(c, "grades"), what);
        assert_int_equal(batch_writer_add(writer, &schema, &record), 0);
    }

    /* The same as one batch: other schema numbers, plans that several records share. */
    struct pack frame;
    struct pack out;
    pack_init(&frame);
    pack_init(&out);
    struct grade_scratch scratch;
    struct grade_counts counts = {0};
    assert_int_equal(grade_scratch_init(&scratch), 0);
    assert_int_equal(batch_writer_finish(writer, &frame), 0);
    assert_int_equal(grade_batch(rules, 7, 77, pack_bytes(&frame), n, &scratch, &out, &counts), 0);
    struct grades_message message;
    assert_int_equal(grades_decode_all(pack_bytes(&out), a, &message), 0);
    assert_int_equal(message.grading_version, 7);
    assert_int_equal(message.names_count, g->name_count);
    assert_int_equal(message.grades.len, n * g->name_count);
    const uint8_t *grades = (const uint8_t *)message.grades.at;
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        assert_grades(g, grades, json_get(c, "grades"), "in a batch");
        grades += g->name_count;
    }
    grade_scratch_release(&scratch);
    pack_release(&out);
    pack_release(&frame);
    batch_writer_free(&writer);
    grade_rules_free(&rules);
    arena_free(&a);
    return n;
}

static void vectors(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 << 20);
    assert_non_null(a);
    struct slice bytes = read_file(VECTORS "/grading.json");
    const struct json *sets = json_get(parse(a, bytes), "sets");
    struct record_types *types = delivered_aliases();
    uint32_t set_count = 0;
    uint32_t case_count = 0;
    for (const struct json *set = sets->first; set != NULL; set = set->next) {
        case_count += check_set(set, set_count++, types);
    }
    assert_int_equal(set_count, SETS);
    assert_int_equal(case_count, CASES);
    record_types_free(&types);
    free((void *)(uintptr_t)bytes.at);
    arena_free(&a);
}

/* A record with a delay (its maximum beside it, unless it has only one value) and a loss. */
#define LOST(type, delay, value, loss, ratio, grade)                                               \
    {                                                                                              \
        "{\"type\": \"" type "\", \"content\": \"ICMPECHO\", \"metrics\": {\"" delay               \
        "\": \"" value "\", \"rtt.ms.max\": \"9\", \"" loss "\": \"" ratio "\"}}",                 \
            "{\"overall\": " grade "}"                                                             \
    }

static const char *const sdk_results[][2] = {
    {"{\"type\": \"ping\", \"content\": \"ICMPECHO\", \"source\": \"127.0.0.1\", \"metrics\": "
     "{\"delay.twoway.icmp.us.min\": \"20125\", \"delay.twoway.icmp.us.mean\": \"21125\", "
     "\"delay.twoway.icmp.us.max\": \"22125\", \"delay.twoway.icmp.count\": \"3\"}}",
     "{\"overall\": 4}"},
    {"{\"type\": \"ping\", \"content\": \"ICMPECHO\", "
     "\"metrics\": {\"delay.twoway.icmp.us\": \"20125\"}}",
     "{\"overall\": 4}"},
    {"{\"type\": \"OTT\", \"content\": \"http://example.net/a.m3u8\", \"metrics\": "
     "{\"bandwidth.nominal.kbps\": \"720\", \"http.code.max\": \"200\", "
     "\"qos.manifest\": \"100\", \"qos.content\": \"97\", \"qos.level\": \"98\"}}",
     "{\"overall\": 5, \"bandWidth\": 5}"},
    {"{\"type\": \"GLIMPSE\", \"content\": \"ICMPECHO\", "
     "\"metrics\": {\"round_trip_avg\": 45.5, \"round_trip_max\": 149.999}}",
     "{\"overall\": 3}"},
    {"{\"type\": \"GLIMPSE\", \"content\": \"UDP\", \"metrics\": {\"rtt.ms.avg\": 1}}", "{}"},
    {"{\"type\": \"ping\", \"metrics\": {\"delay.twoway.icmp.us\": null}}", "{\"overall\": 1}"},
    /* Loss counts: the worse of what it and the delay say. */
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0", "5"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.019", "5"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.02", "4"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.05", "3"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.1", "2"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.25", "1"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.9", "1"),
    LOST("ping", "delay.twoway.icmp.us", "55000", "loss.ratio", "0.02", "3"),
    LOST("ping", "delay.twoway.icmp.us", "75000", "loss.ratio", "0.05", "2"),
    LOST("ping", "delay.twoway.icmp.us", "99000", "loss.ratio", "0.1", "1"),
    LOST("ping", "delay.twoway.icmp.us.mean", "0", "delay.twoway.icmp.count", "0", "1"),
    LOST("ping", "delay.twoway.icmp.us.mean", "0", "packets.received", "0", "1"),
    LOST("GLIMPSE", "round_trip_avg", "9", "round_trip_loss", "0.9", "1"),
    LOST("GLIMPSE", "round_trip_avg", "9", "round_trip_loss", "0.1", "2"),
    LOST("GLIMPSE", "rtt.ms.avg", "9", "loss.ratio", "0.0", "5"),
    LOST("owamp", "delay.oneway.owamp.us", "900", "loss.ratio", "0", "5"),
    LOST("owamp", "delay.oneway.owamp.us", "900", "loss.ratio", "0.06", "3"),
    LOST("owamp", "delay.oneway.owamp.us.mean", "0", "delay.oneway.owamp.count", "0", "1"),
    LOST("owamp", "delay.oneway.owamp.us", "35000", "x", "1", "2"),
    {"{\"type\": \"ping\", \"metrics\": {\"loss.ratio\": \"1\"}}", "{\"overall\": 1}"},
    /* What tools tell that measure no delay, or no greatest one. */
    {"{\"type\": \"ping\", \"metrics\": {\"loss.ratio\": \"0\"}}", "{\"overall\": 5}"},
    {"{\"type\": \"ping\", \"metrics\": {\"loss.ratio\": \"0.06\"}}", "{\"overall\": 3}"},
    {"{\"type\": \"ping\", \"metrics\": {\"success\": \"1\"}}", "{\"overall\": 5}"},
    {"{\"type\": \"ping\", \"metrics\": {\"success\": \"0\"}}", "{\"overall\": 1}"},
    LOST("ping", "delay.twoway.icmp.us.mean", "3000", "loss.ratio", "0", "5"),
    LOST("ping", "delay.twoway.icmp.us.min", "3000", "success", "1", "5"),
    LOST("ping", "delay.twoway.icmp.us.mean", "300000", "success", "1", "1"),
};

#define ONE(type, metric, value, grade)                                                            \
    {                                                                                              \
        "{\"type\": \"" type "\", \"metrics\": {\"" metric "\": \"" value "\"}}",                  \
            "{\"overall\": " grade "}"                                                             \
    }

/* What the delivered document says: the worst of what the values give, limits included. */
static const char *const delivered_results[][2] = {
    ONE("ping", "delay.twoway.icmp.us", "199999", "5"),
    ONE("ping", "delay.twoway.icmp.us.mean", "200000", "4"),
    ONE("ping", "delay.twoway.icmp.us.min", "300000", "3"),
    ONE("ping", "delay.twoway.icmp.us", "400000", "2"),
    ONE("ping", "delay.twoway.icmp.us", "800000", "1"),
    ONE("ping", "delay.twoway.icmp.us.stddev", "60000", "3"),
    ONE("ping", "delay.twoway.icmp.us.stddev", "1", "5"), /* as collectd tells it, alone */
    ONE("ping", "loss.ratio", "0.9", "1"),
    ONE("ping", "success", "0", "1"),
    ONE("ping", "success", "1", "5"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.01", "4"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.03", "3"),
    LOST("ping", "delay.twoway.icmp.us", "9000", "loss.ratio", "0.1", "2"),
    LOST("ping", "delay.twoway.icmp.us", "420000", "loss.ratio", "0.01", "2"),
    LOST("ping", "delay.twoway.icmp.us.mean", "0", "delay.twoway.icmp.count", "0", "1"),
    LOST("GLIMPSE", "round_trip_avg", "9", "round_trip_loss", "0.25", "1"),
    LOST("GLIMPSE", "rtt.ms.avg", "350", "loss.ratio", "0.0", "3"),
    ONE("owamp", "delay.oneway.owamp.us", "100000", "4"),
    ONE("owamp", "delay.oneway.owamp.us", "-40", "1"), /* of clocks apart nothing else is known */
    ONE("OTT", "qos.manifest", "100", "1, \"bandWidth\": 1"),
    ONE("tcp_tls", "probe.duration.us", "150000", "4"),
    ONE("http_post_2xx", "probe.duration.us", "10000000", "1"),
    ONE("dns", "dns.total.us", "600000", "3"),
    {"{\"type\": \"GLIMPSE\", \"content\": \"UDP\", \"metrics\": {\"rtt.ms.avg\": 1}}", "{}"},
};

static void grade_results(const char *path, const char *const results[][2], size_t count)
{
    struct arena *a = arena_new(4 << 20);
    assert_non_null(a);
    struct slice document = read_file(path);
    struct record_types *types = delivered_types();
    const struct grading *g;
    struct grade_rules *rules = rules_of(a, document, types, &g);
    assert_int_equal(g->name_count, 2);
    for (size_t i = 0; i < count; i++) {
        struct schema_message schema;
        struct record_message record;
        uint8_t grades[LIMIT_GRADE_NAMES];
        record_of(a, parse(a, slice_of(results[i][0])), &schema, &record);
        grade_begin(rules, &schema);
        grade_record(rules, &record, grades);
        assert_grades(g, grades, parse(a, slice_of(results[i][1])), results[i][0]);
    }
    grade_rules_free(&rules);
    record_types_free(&types);
    free((void *)(uintptr_t)document.at);
    arena_free(&a);
}

/* Results of real mPlane components, as ingestd understands them, and their grades. */
static void sdk_samples(void **state)
{
    (void)state;
    grade_results(VECTORS "/grading-plain.json", sdk_results,
                  sizeof sdk_results / sizeof sdk_results[0]);
}

static void delivered(void **state)
{
    (void)state;
    grade_results(VECTORS "/../../schemas/grading/default.json", delivered_results,
                  sizeof delivered_results / sizeof delivered_results[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(sdk_samples),
        cmocka_unit_test(delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
