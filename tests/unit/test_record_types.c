/* common/record_types.h: the file that is delivered, and how faults in one are named. */
#include "tests/unit/said.h"

#include "common/record_types.h"

static struct record_types *delivered(void)
{
    struct record_types *t = record_types_read(SOURCE_ROOT "/schemas/record-types.json");
    assert_non_null(t);
    return t;
}

static void assert_kind(const struct record_types *t, const char *const *names, uint32_t count,
                        const char *type, const char *content, const char *content_from)
{
    struct slice columns[8];
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = slice_of(names[i]);
    }
    struct slice got_type;
    struct slice got_content;
    const char *got_from;
    assert_int_equal(record_types_match(t, columns, count, &got_type, &got_content, &got_from), 0);
    assert_true(slice_is(got_type, type));
    if (content_from == NULL) {
        assert_null(got_from);
        assert_true(slice_is(got_content, content));
    } else {
        assert_string_equal(got_from, content_from);
    }
}

static void kinds(void **state)
{
    (void)state;
    struct record_types *t = delivered();
    static const char *const ping[] = {"delay.twoway.icmp.us.min", "delay.twoway.icmp.count"};
    static const char *const ott[] = {"bandwidth.nominal.kbps", "http.code.max", "qos.manifest"};
    static const char *const glimpse[] = {"rtt.ms.avg", "rtt.ms.max"};
    static const char *const own[] = {"round_trip_avg"};
    assert_kind(t, ping, 2, "ping", "ICMPECHO", NULL);
    assert_kind(t, ott, 3, "OTT", NULL, "content.url");
    assert_kind(t, glimpse, 2, "GLIMPSE", "ICMPECHO", NULL);
    assert_kind(t, own, 1, "GLIMPSE", "ICMPECHO", NULL);

    struct slice unknown = slice_of("hops.ip");
    struct slice type;
    struct slice content;
    const char *from;
    assert_int_equal(record_types_match(t, &unknown, 1, &type, &content, &from), -1);
    assert_int_equal(record_types_match(t, NULL, 0, &type, &content, &from), -1);
    record_types_free(&t);
    assert_null(t);
}

static void assert_alias(const struct record_types *t, const char *type, const char *metric,
                         const char *expected)
{
    const struct slice *aliases;
    uint32_t n = record_types_aliases(t, slice_of(type), slice_of(metric), &aliases);
    if (expected == NULL) {
        assert_int_equal(n, 0);
    } else {
        assert_true(n >= 1 && slice_is(aliases[0], expected));
    }
}

static void aliases(void **state)
{
    (void)state;
    struct record_types *t = delivered();
    assert_alias(t, "ping", "delay.twoway.icmp.us", "delay.twoway.icmp.us.mean");
    assert_alias(t, "ping", "delay.twoway.icmp.us.mean", "delay.twoway.icmp.us");
    assert_alias(t, "ping", "delay.twoway.icmp.us.max", "delay.twoway.icmp.us");
    assert_alias(t, "ping", "delay.twoway.icmp.us.min", "delay.twoway.icmp.us");
    assert_alias(t, "OTT", "ott.contentQos", "qos.content");
    assert_alias(t, "OTT", "qos.manifest", "ott.manifestQos");
    assert_alias(t, "GLIMPSE", "rtt.ms.avg", "round_trip_avg");
    assert_alias(t, "GLIMPSE", "round_trip_max", "rtt.ms.max");
    assert_alias(t, "GLIMPSE", "ott.contentQos", NULL);
    assert_alias(t, "nobody", "rtt.ms.avg", NULL);
    record_types_free(&t);
}

static void gaps(void **state)
{
    (void)state;
    struct record_types *t = record_types_read_bytes(
        "t",
        slice_of(
            "{ /* a comment */ \"gap_s\": 60, \"types\": {\"a\": {\"gap_s\": 7}, \"b\": {}}}"));
    assert_non_null(t);
    assert_int_equal(record_types_default_gap_us(t), 60000000);
    assert_int_equal(record_types_gap_us(t, slice_of("a")), 7000000);
    assert_int_equal(record_types_gap_us(t, slice_of("b")), 60000000);
    assert_int_equal(record_types_gap_us(t, slice_of("c")), 60000000);
    struct slice type;
    int64_t gap_us;
    assert_int_equal(record_types_each(t, 0, &type, &gap_us), 0);
    assert_true(slice_is(type, "a") && gap_us == 7000000);
    assert_int_equal(record_types_each(t, 1, &type, &gap_us), 0);
    assert_int_equal(record_types_each(t, 2, &type, &gap_us), -1);
    record_types_free(&t);

    t = delivered();
    assert_int_equal(record_types_default_gap_us(t), 300000000);
    record_types_free(&t);
}

static struct said said; /* of what was read last */

static void refuse(const char *bytes)
{
    said_begin(&said);
    struct record_types *t = record_types_read_bytes("file", slice_of(bytes));
    said_end(&said);
    assert_null(t);
}

static void assert_fault(const char *bytes, const char *expected)
{
    refuse(bytes);
    assert_said(&said, expected);
}

static void faults(void **state)
{
    (void)state;
    assert_fault("", "file: ");
    assert_fault("[]", "file: expected an object, found array");
    assert_fault("{\"maps\": []}", "unknown key \"maps\"");
    assert_fault("{\"gap_s\": -1}", "gap_s: expected whole seconds 0..31536000, found -1");
    assert_fault("{\"gap_s\": \"5\"}", "gap_s: expected whole seconds 0..31536000, found string");
    assert_fault("{\"gap_s\": 99999999}", "gap_s: expected");
    assert_fault("{\"mappings\": {}}", "mappings: expected a list, found object");
    assert_fault("{\"mappings\": [1]}", "mappings[0]: expected an object, found number");
    assert_fault("{\"mappings\": [{\"columns\": [\"a\"], \"type\": \"t\"}]}",
                 "mappings[0]: expected either content or content_from, found neither");
    assert_fault("{\"mappings\": [{\"columns\": [\"a\"], \"type\": \"t\", \"content\": \"c\", "
                 "\"content_from\": \"d\"}]}",
                 "mappings[0]: expected either content or content_from, found both");
    assert_fault("{\"mappings\": [{\"columns\": [], \"type\": \"t\", \"content\": \"c\"}]}",
                 "mappings[0].columns: expected a list of column patterns");
    assert_fault("{\"mappings\": [{\"columns\": [\"\"], \"type\": \"t\", \"content\": \"c\"}]}",
                 "mappings[0].columns[0]: expected a string of 1..256 bytes");
    assert_fault("{\"mappings\": [{\"columns\": [\"a\"], \"type\": 5, \"content\": \"c\"}]}",
                 "mappings[0].type: expected a string of 1..1024 bytes, found number");
    assert_fault("{\"types\": []}", "types: expected an object, found array");
    assert_fault("{\"types\": {\"ping\": {\"gap\": 3}}}", "types.ping: unknown key \"gap\"");
    assert_fault("{\"types\": {\"ping\": {\"gap_s\": 1.5}}}", "types.ping.gap_s: expected");
    assert_fault("{\"types\": {\"ping\": {\"aliases\": {\"a\": \"b\"}}}}",
                 "types.ping.aliases.a: expected a list of names, found string");
    assert_fault("{\"types\": {\"ping\": {\"aliases\": {\"a\": [\"a\"]}}}}",
                 "types.ping.aliases.a[0]: a metric is not its own alias");
    assert_fault("{\"types\": {\"ping\": {\"collect\": {}}}}",
                 "types.ping.collect: expected a list, found object");
    assert_fault("{\"types\": {\"ping\": {\"collect\": [{\"parameters\": [], \"columns\": []}]}}}",
                 "types.ping.collect[0]: unknown key \"columns\"");
    assert_fault("{\"types\": {\"ping\": {\"collect\": [{\"parameters\": [5], \"results\": []}]}}}",
                 "types.ping.collect[0].parameters[0]: expected a string");
    assert_fault("{\"types\": {\"\": {}}}", "expected a record type of 1..1024 bytes");
    assert_fault("{\"types\": {\"a\": {}, \"a\": {}}}", "file: ");
    assert_null(record_types_read("/nonexistent/record-types.json"));
}

static void all_faults_at_once(void **state)
{
    (void)state;
    refuse("{\"gap_s\": null, \"mappings\": 5, \"types\": {\"ping\": 7}}");
    assert_said(&said, "file: gap_s: ");
    assert_said(&said, "file: mappings: ");
    assert_said(&said, "file: types.ping: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(aliases),
        cmocka_unit_test(gaps),
        cmocka_unit_test(faults),
        cmocka_unit_test(all_faults_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
