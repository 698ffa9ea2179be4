/* SPDX-License-Identifier: Apache-2.0 */
/* common/record_types.h: the file that is delivered, and how faults in one are named. */
#include "tests/unit/heard.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/record_types.h"

static struct record_types *delivered(void)
{
    struct record_types *t = record_types_read(SOURCE_ROOT "/schemas/record-types.json", "");
    assert_non_null(t);
    return t;
}

/* Clues in words: columns and parameters ("name=value") apart by blanks. */
struct clues {
    struct record_types_clues clues;
    struct slice columns[8], parameters[8], values[8];
};

static struct slice next_word(const char **text)
{
    const char *at = *text + strspn(*text, " ");
    struct slice word = {at, strcspn(at, " ")};
    *text = at + word.len;
    return word;
}

static void make_clues(struct clues *c, const char *label, const char *columns,
                       const char *parameters)
{
    uint32_t n = 0, p = 0;
    for (struct slice w; (w = next_word(&columns)).len > 0;) {
        c->columns[n++] = w;
    }
    for (struct slice w; (w = next_word(&parameters)).len > 0; p++) {
        const char *equals = memchr(w.at, '=', w.len);
        assert_non_null(equals);
        c->parameters[p] = (struct slice){w.at, (size_t)(equals - w.at)};
        c->values[p] = (struct slice){equals + 1, w.len - c->parameters[p].len - 1};
    }
    c->clues =
        (struct record_types_clues){slice_of(label), c->columns, n, c->parameters, c->values, p};
}

/* type "" for none; content "@name" for the parameter of that name, "-" for none said. */
static void assert_kind(const struct record_types *t, const char *label, const char *columns,
                        const char *parameters, const char *type, const char *content)
{
    struct clues c;
    struct record_types_kind kind;
    make_clues(&c, label, columns, parameters);
    int rc = record_types_match(t, &c.clues, &kind);
    if (*type == '\0') {
        assert_int_equal(rc, -1);
        return;
    }
    if (rc == -1 || !slice_is(kind.type, type)) {
        fail_msg("\"%s\" [%s] {%s}: expected %s, found %.*s", label, columns, parameters, type,
                 rc == -1 ? 0 : (int)kind.type.len, rc == -1 ? "" : kind.type.at);
    }
    if (*content == '@') {
        assert_string_equal(kind.content_from, content + 1);
        return;
    }
    assert_null(kind.content_from);
    assert_true(slice_is(kind.content, *content == '-' ? NULL : content));
}

static void kinds(void **state)
{
    (void)state;
    struct record_types *t = delivered();
    assert_kind(t, "", "delay.twoway.icmp.us.min delay.twoway.icmp.count", "", "ping", "ICMPECHO");
    assert_kind(t, "", "bandwidth.nominal.kbps qos.manifest", "", "OTT", "@content.url");
    assert_kind(t, "", "rtt.ms.avg rtt.ms.max", "", "GLIMPSE", "ICMPECHO");
    assert_kind(t, "", "round_trip_avg", "", "GLIMPSE", "ICMPECHO");
    assert_kind(t, "", "x", "", "", "");
    assert_kind(t, "", "", "", "", "");
    /* What is told of hops is no ping, whatever stands beside it and in whichever order. */
    assert_kind(t, "", "hops.ip", "", "traceroute", "-");
    assert_kind(t, "ping-x", "time intermediate.ip4 hops.ip delay.twoway.icmp.us", "", "traceroute",
                "-");
    assert_kind(t, "", "delay.twoway.icmp.us hops.ip", "", "traceroute", "-");
    assert_kind(t, "", "glimpse.traceroute.hop-ip rtt.ms.avg", "glimpse.ping.type=Udp",
                "traceroute", "-");
    assert_kind(t, "", "delay.twoway.icmp.us", "hops=a,b", "traceroute", "-");
    assert_kind(t, "", "delay.twoway.icmp.us", "hops=", "ping", "ICMPECHO");
    /* GLIMPSE's pings by other protocols. */
    assert_kind(t, "", "rtt.ms.avg", "glimpse.ping.type=Udp", "GLIMPSE", "UDP");
    assert_kind(t, "", "rtt.ms.avg", "glimpse.ping.type=Tcp destination.port=80", "GLIMPSE", "TCP");
    assert_kind(t, "", "rtt.ms.avg", "destination.port=33434", "GLIMPSE", "UDP");
    assert_kind(t, "", "rtt.ms.avg", "destination.port= glimpse.ping.type=", "GLIMPSE", "ICMPECHO");
    assert_kind(t, "", "rtt.ms.avg", "glimpse.ping.type=System destination.port=33434", "GLIMPSE",
                "ICMPECHO");
    /* scamper's traces are kinds of their own, by their columns and by their labels. */
    assert_kind(t, "", "scamper.trace.hop.ip4 rtt.ms rtt.us", "", "scamper-trace", "-");
    assert_kind(t, "", "scamper.tracelb.result", "", "scamper-tracelb", "-");
    assert_kind(t, "", "scamper.tracebox.hop.ip4", "", "scamper-tracebox", "-");
    assert_kind(t, "scamper-trace-standard-ip4", "hops.ip", "", "scamper-trace", "-");
    assert_kind(t, "scamper-tracelb-standard-ip4", "hops.ip", "", "scamper-tracelb", "-");
    assert_kind(t, "scamper-tracebox-specific-ip6", "x", "", "scamper-tracebox", "-");
    assert_kind(t, "scamper-ping-average-ip4", "x", "", "ping", "-");
    assert_kind(t, "scamper-pinger-ip4", "x", "", "", "");
    record_types_free(&t);
    assert_null(t);
}

/* However a pattern of a column begins. */
static void columns_by_their_beginning(void **state)
{
    (void)state;
    struct record_types *t = record_types_read_bytes(
        "t", slice_of("{\"mappings\": [{\"columns\": [\"\\\\*raw\"], \"type\": \"a\"},"
                      "{\"columns\": [\"?.any\", \"\u00fc\"], \"type\": \"b\"},"
                      "{\"columns\": [\"*.end\"], \"type\": \"c\"}], \"types\": {}}"));
    assert_non_null(t);
    assert_kind(t, "", "x *raw", "", "a", "-");
    assert_kind(t, "", "xraw", "", "", "");
    assert_kind(t, "", "x.any", "", "b", "-");
    assert_kind(t, "", "y \u00fc", "", "b", "-");
    assert_kind(t, "", "y x.end", "", "c", "-");
    record_types_free(&t);
}

static void assert_named(const struct record_types *t, const char *label, const char *type)
{
    assert_true(slice_is(record_types_named(t, slice_of(label)), type));
}

/* A label tells a type as far as it names one; what is known tells its content. */
static void labels_and_contents(void **state)
{
    (void)state;
    struct record_types *t = delivered();
    assert_named(t, "ping-average-ip4", "ping");
    assert_named(t, "ping", "ping");
    assert_named(t, "pinging-x", "pinging");
    assert_named(t, "scamper-trace-standard-ip4", "scamper-trace");
    assert_named(t, "scamper-sniff-standard", "scamper");
    assert_named(t, "flows-7-a", "flows");
    assert_named(t, "-7", "");
    assert_named(t, "", "");
    struct clues c;
    struct record_types_kind kind;
    make_clues(&c, "", "error", "glimpse.ping.type=Udp content.url=http://v/");
    assert_int_equal(record_types_content(t, &c.clues, slice_of("GLIMPSE"), &kind), 0);
    assert_true(slice_is(kind.content, "UDP"));
    assert_int_equal(record_types_content(t, &c.clues, slice_of("ping"), &kind), 0);
    assert_true(slice_is(kind.content, "ICMPECHO"));
    assert_int_equal(record_types_content(t, &c.clues, slice_of("OTT"), &kind), 0);
    assert_string_equal(kind.content_from, "content.url");
    assert_int_equal(record_types_content(t, &c.clues, slice_of("traceroute"), &kind), -1);
    record_types_free(&t);
}

static bool possible(const struct record_types *t, const char *type, const char *metric,
                     const char *value)
{
    const struct record_types_range *range =
        record_types_range(t, slice_of(type), slice_of(metric));
    struct number n;
    assert_int_equal(number_parse(slice_of(value), &n), 0);
    return range == NULL || record_types_possible(range, &n);
}

static void valid_values(void **state)
{
    (void)state;
    static const char *const impossible[][2] = {{"loss.ratio", "-0.2"},
                                                {"loss.ratio", "1.01"},
                                                {"loss", "-3"},
                                                {"loss.percent", "-1"},
                                                {"round_trip_loss", "101"},
                                                {"packet_loss", "-1"},
                                                {"delay.oneway.owamp.us.min", "-1"},
                                                {"delay.twoway.icmp.us", "3600000000"},
                                                {"rtt.us", "1800000000"},
                                                {"rtt.ms.avg", "1800000"},
                                                {"rtt.ms", "-0.001"},
                                                {"packets.lost", "-1"},
                                                {"delay.twoway.icmp.count", "-1"},
                                                {"qos.content", "-1"}};
    static const char *const good[][2] = {{"loss.ratio", "0"},   {"loss.ratio", "1.00"},
                                          {"loss.ratio", "-0"},  {"rtt.us", "45007"},
                                          {"rtt.ms.avg", "0"},   {"delay.twoway.icmp.count", "1e9"},
                                          {"temperature", "-40"}};
    struct record_types *t = delivered();
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        if (possible(t, "speedtest", impossible[i][0], impossible[i][1]) ||
            possible(t, "ping", impossible[i][0], impossible[i][1])) {
            fail_msg("%s may be %s", impossible[i][0], impossible[i][1]);
        }
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!possible(t, "speedtest", good[i][0], good[i][1])) {
            fail_msg("%s may not be %s", good[i][0], good[i][1]);
        }
    }
    record_types_free(&t);
}

#define RANGES                                                                                     \
    "{\"valid\": [{\"comment\": \"c\", \"metrics\": [\"m*\"], \"min\": \"0\", \"never\": [9, "     \
    "\"1e1\"]}],"                                                                                  \
    "\"types\": {\"a\": {\"gap_s\": 5, \"valid\": [{\"metrics\": [\"m\"], \"max\": 7.50}]},"       \
    "\"b\": {\"aliases\": {\"x\": [\"y\"]}}, \"c\": {}}}"

/* A type's own ranges go before those of all; what enters grading is a file that says the same. */
static void what_enters_grading(void **state)
{
    (void)state;
    struct record_types *t = record_types_read_bytes("t", slice_of(RANGES));
    assert_non_null(t);
    struct slice kept = record_types_grading(t);
    assert_true(
        slice_is(kept, "{\"types\":{\"a\":{\"valid\":[{\"metrics\":[\"m\"],\"max\":7.50}]},"
                       "\"b\":{\"aliases\":{\"x\":[\"y\"]}}},"
                       "\"valid\":[{\"metrics\":[\"m*\"],\"min\":\"0\",\"never\":[9,\"1e1\"]}]}"));
    struct record_types *again = record_types_read_bytes("again", kept);
    assert_non_null(again);
    assert_true(slice_equal(record_types_grading(again), kept));
    const struct record_types *both[] = {t, again};
    for (int i = 0; i < 2; i++) {
        assert_true(possible(both[i], "a", "m", "-5") && !possible(both[i], "a", "m", "7.51"));
        assert_false(possible(both[i], "a", "m2", "-5"));
        assert_false(possible(both[i], "z", "m", "9.0"));
        assert_false(possible(both[i], "z", "m", "10"));
        assert_true(possible(both[i], "z", "m", "11"));
    }
    record_types_free(&again);
    record_types_free(&t);
    t = record_types_read_bytes("t", slice_of("{\"types\": {\"a\": {\"gap_s\": 5}}}"));
    assert_true(slice_is(record_types_grading(t), ""));
    record_types_free(&t);
}

static void check(const char *bytes, uint32_t count, const char *expected)
{
    char text[2000];
    struct record_types *t = record_types_read_bytes("t", slice_of(bytes));
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_true(t != NULL && out != NULL);
    assert_int_equal(record_types_check(t, out), count);
    fclose(out);
    if (strstr(text, expected) == NULL) {
        fail_msg("expected %s, found %s", expected, text);
    }
    record_types_free(&t);
}

#define SHIPPED                                                                                    \
    "{\"mappings\": [{\"columns\": [\"x\"], \"type\": \"a\", \"content\": \"shipped\"}],"          \
    "\"valid\": [{\"metrics\": [\"m\"], \"max\": 5}],"                                             \
    "\"types\": {\"a\": {\"interval_s\": 300, \"aliases\": {\"x\": [\"y\"]}}, \"b\": "             \
    "{\"interval_s\": "                                                                            \
    "10}, \"d\": {}}}"
#define OWN_ONE                                                                                    \
    "{\"mappings\": [{\"columns\": [\"x\"], \"parameters\": {\"p\": [\"1\"]}, \"type\": "          \
    "\"own\"}],"                                                                                   \
    "\"valid\": [{\"metrics\": [\"m\"], \"max\": 9}],"                                             \
    "\"types\": {\"own\": {\"interval_s\": 1800}, \"a\": {\"gap_s\": 8}, \"b\": {\"gap_s\": 4}}}"
#define OWN_TWO                                                                                    \
    "{\"mappings\": [{\"columns\": [\"x\"], \"parameters\": {\"p\": [\"1\", \"2\"]}, \"type\": "   \
    "\"later\"}], \"types\": {\"a\": {\"aliases\": {\"x\": [\"z\"]}}, \"b\": {\"interval_s\": "    \
    "20}}}"

static struct record_types *with_own(const char *one, const char *two)
{
    const struct record_types_source sources[] = {
        {.name = "shipped.json", .bytes = slice_of(SHIPPED)},
        {.name = "1.json", .bytes = slice_of(one), .own = true},
        {.name = "2.json", .bytes = slice_of(two), .own = true}};
    return record_types_read_sources(sources, 3);
}

static void ambiguities(void **state)
{
    (void)state;
    struct record_types *t = delivered();
    assert_int_equal(record_types_check(t, stderr), 0);
    record_types_free(&t);
    check("{\"mappings\": [{\"columns\": [\"delay.*\"], \"type\": \"a\"},"
          "{\"columns\": [\"delay.x\"], \"type\": \"b\"}]}",
          1, "mappings[1] (b) is never reached: mappings[0] (a) takes all that it would");
    check("{\"mappings\": [{\"columns\": [\"delay.x\"], \"type\": \"a\"},"
          "{\"columns\": [\"delay.*\"], \"type\": \"b\"}]}",
          0, "");
    check("{\"mappings\": [{\"columns\": [\"x\", \"y\"], \"type\": \"a\"},"
          "{\"columns\": [\"x\", \"z\"], \"type\": \"b\"}]}",
          1,
          "mappings[0] (a) and mappings[1] (b) both look at the column \"x\": the first decides");
    check("{\"mappings\": [{\"columns\": [\"x\"], \"type\": \"a\"},"
          "{\"columns\": [\"x\"], \"parameters\": {\"p\": [\"1\"]}, \"type\": \"b\"}]}",
          1, "mappings[1] (b) is never reached");
    /* An own mapping that goes before what is delivered is meant to. */
    t = with_own("{\"mappings\": [{\"columns\": [\"x*\"], \"type\": \"all\"}]}", "{}");
    assert_int_equal(record_types_check(t, stderr), 0);
    record_types_free(&t);
    check("{\"mappings\": [{\"columns\": [\"x\"], \"type\": \"a\"}], \"types\": {\"b\": "
          "{\"collect\": [{\"parameters\": [], \"results\": [\"x\"]}]}}}",
          1, "types.b.collect[0]: by its columns it becomes a");
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

static void assert_gap(const struct record_types *t, const char *type, int64_t us, bool own)
{
    if (record_types_gap_us(t, slice_of(type)) != us ||
        record_types_gap_is_own(t, slice_of(type)) != own) {
        fail_msg("%s: found %lld us, %d", type, (long long)record_types_gap_us(t, slice_of(type)),
                 record_types_gap_is_own(t, slice_of(type)));
    }
}

/* What is said, else 2.5 intervals, else what holds for all. */
static void gaps(void **state)
{
    (void)state;
    struct record_types *t = record_types_read_bytes(
        "t", slice_of("{ /* a comment */ \"gap_s\": 60, \"types\": {\"a\": {\"gap_s\": 7, "
                      "\"interval_s\": 9}, "
                      "\"b\": {}, \"c\": {\"interval_s\": 3}, \"z\": {\"gap_s\": 0}}}"));
    assert_non_null(t);
    assert_gap(t, "a", 7000000, false);
    assert_gap(t, "b", 60000000, false);
    assert_gap(t, "c", 7500000, false);
    assert_gap(t, "z", 0, false);
    assert_gap(t, "unknown", 60000000, false);
    assert_gap(t, "", 60000000, false);
    struct slice type;
    assert_int_equal(record_types_each(t, 0, &type), 0);
    assert_true(slice_is(type, "a"));
    assert_int_equal(record_types_each(t, 3, &type), 0);
    assert_int_equal(record_types_each(t, 4, &type), -1);
    record_types_free(&t);

    t = delivered();
    assert_gap(t, "unknown", 900000000, false);
    assert_gap(t, "ping", 750000000, false);
    assert_gap(t, "traceroute", 2250000000, false);
    assert_gap(t, "OTT", 900000000, false);
    record_types_free(&t);
}

/* Own mappings and ranges go first, in the order of the files; of a type each key that is said
 * last. */
static void own_files(void **state)
{
    (void)state;
    struct record_types *t = with_own(OWN_ONE, OWN_TWO);
    assert_non_null(t);
    assert_kind(t, "l", "x", "p=1", "own", "-");
    assert_kind(t, "l", "x", "p=2", "later", "-");
    assert_kind(t, "l", "x", "p=3", "a", "shipped");
    assert_gap(t, "own", 4500000000, true);
    assert_gap(t, "a", 8000000, true);
    assert_gap(t, "b", 50000000, true); /* an interval said later than a gap */
    assert_gap(t, "d", 900000000, false);
    assert_gap(t, "unknown", 900000000, false);
    assert_alias(t, "a", "x", "z");
    assert_true(possible(t, "a", "m", "7") && !possible(t, "a", "m", "10"));
    assert_true(
        slice_is(record_types_grading(t),
                 "{\"types\":{\"a\":{\"aliases\":{\"x\":[\"z\"]}}},\"valid\":[{\"metrics\":[\"m\"],"
                 "\"max\":9},{\"metrics\":[\"m\"],\"max\":5}]}"));
    record_types_free(&t);

    t = with_own("{\"gap_s\": 1000}", "{}");
    assert_non_null(t);
    assert_gap(t, "unknown", 1000000000, true);
    assert_gap(t, "d", 1000000000, true);
    assert_gap(t, "a", 750000000, false); /* it has an interval */
    record_types_free(&t);

    struct record_types *alone = record_types_read_bytes("s", slice_of(SHIPPED));
    t = with_own("{}", "{\"types\": {\"a\": {\"interval_s\": 5}}}");
    assert_true(slice_equal(record_types_grading(t), record_types_grading(alone)));
    record_types_free(&alone);
    record_types_free(&t);
}

static struct heard heard; /* of what was read last */

static void refuse(const char *bytes)
{
    heard_begin(&heard);
    struct record_types *t = record_types_read_bytes("file", slice_of(bytes));
    heard_end(&heard);
    assert_null(t);
}

static void assert_fault(const char *bytes, const char *expected)
{
    refuse(bytes);
    assert_heard(&heard, expected);
}

static void faults(void **state)
{
    (void)state;
    assert_fault("", "file: ");
    assert_fault("[]", "file: expected an object, found array");
    assert_fault("{\"maps\": []}",
                 "file: maps: unknown, expected one of gap_s mappings valid types comment");
    assert_fault("{\"gap_s\": -1}", "gap_s: expected whole seconds 0..31536000, found -1");
    assert_fault("{\"gap_s\": \"5\"}", "gap_s: expected whole seconds 0..31536000, found \"5\"");
    assert_fault("{\"gap_s\": 99999999}", "gap_s: expected");
    assert_fault("{\"mappings\": {}}", "mappings: expected a list, found object");
    assert_fault("{\"mappings\": [1]}", "mappings[0]: expected an object, found 1");
    assert_fault("{\"mappings\": [{\"type\": \"t\"}]}",
                 "mappings[0]: expected labels, columns or parameters, found none");
    assert_fault("{\"mappings\": [{\"parameters\": [\"a\"], \"type\": \"t\"}]}",
                 "mappings[0].parameters: expected an object, found array");
    assert_fault("{\"mappings\": [{\"parameters\": {\"a\": \"b\"}, \"type\": \"t\"}]}",
                 "mappings[0].parameters.a: expected a list, found \"b\"");
    assert_fault("{\"valid\": [{\"min\": 1}]}", "valid[0].metrics: expected a list, found nothing");
    assert_fault("{\"valid\": [{\"metrics\": [\"a\"], \"min\": \"x\"}]}",
                 "valid[0].min: expected a number, found \"x\"");
    assert_fault("{\"valid\": [{\"metrics\": [\"a\"], \"min\": 2, \"max\": 1}]}",
                 "valid[0]: expected min not above max");
    assert_fault("{\"types\": {\"a\": {\"valid\": [{\"metrics\": [\"a\"], \"never\": 3}]}}}",
                 "types.a.valid[0].never: expected a list, found 3");
    assert_fault("{\"mappings\": [{\"columns\": [\"a\"], \"type\": \"t\", \"content\": \"c\", "
                 "\"content_from\": \"d\"}]}",
                 "mappings[0]: expected either content or content_from, found both");
    assert_fault("{\"mappings\": [{\"columns\": [], \"type\": \"t\", \"content\": \"c\"}]}",
                 "mappings[0].columns: expected a pattern at least, found none");
    assert_fault("{\"mappings\": [{\"columns\": [\"\"], \"type\": \"t\", \"content\": \"c\"}]}",
                 "mappings[0].columns[0]: expected a string of 1..256 bytes");
    assert_fault("{\"mappings\": [{\"columns\": [\"a\"], \"type\": 5, \"content\": \"c\"}]}",
                 "mappings[0].type: expected a string, found 5");
    assert_fault("{\"types\": []}", "types: expected an object, found array");
    assert_fault("{\"types\": {\"ping\": {\"gap\": 3}}}",
                 "types.ping.gap: unknown, expected one of interval_s");
    assert_fault("{\"types\": {\"ping\": {\"gap_s\": 1.5}}}", "types.ping.gap_s: expected");
    assert_fault("{\"types\": {\"ping\": {\"aliases\": {\"a\": \"b\"}}}}",
                 "types.ping.aliases.a: expected a list, found \"b\"");
    assert_fault("{\"types\": {\"ping\": {\"aliases\": {\"a\": [\"a\"]}}}}",
                 "types.ping.aliases.a[0]: a metric is not its own alias");
    assert_fault("{\"types\": {\"ping\": {\"collect\": {}}}}",
                 "types.ping.collect: expected a list, found object");
    assert_fault("{\"types\": {\"ping\": {\"collect\": [{\"parameters\": [], \"columns\": []}]}}}",
                 "types.ping.collect[0].columns: unknown, expected one of parameters");
    assert_fault("{\"types\": {\"ping\": {\"collect\": [{\"parameters\": [5], \"results\": []}]}}}",
                 "types.ping.collect[0].parameters[0]: expected a string");
    assert_fault("{\"types\": {\"\": {}}}", "expected a record type of 1..1024 bytes");
    assert_fault("{\"types\": {\"a\": {}, \"a\": {}}}", "file: ");
    assert_null(record_types_read("/nonexistent/record-types.json", ""));
}

/* Each says in which file it is; nothing of any file is taken then. */
static void faults_of_own_files(void **state)
{
    (void)state;
    heard_begin(&heard);
    struct record_types *t =
        with_own("{\"types\": {\"a\": {\"interval_s\": 0}}}", "{\"gap_s\": -1}");
    heard_end(&heard);
    assert_null(t);
    assert_heard(&heard, "1.json: types.a.interval_s: expected whole seconds 1..31536000, found 0");
    assert_heard(&heard, "2.json: gap_s: expected whole seconds 0..31536000, found -1");
    heard_begin(&heard);
    t = with_own("{", "{\"typos\": {}}");
    heard_end(&heard);
    assert_null(t);
    assert_heard(&heard, "1.json: ");
    assert_heard(&heard, "2.json: typos: unknown, expected one of gap_s");
}

/* 64 objects of at most 1024 types each would be more than are looked through for each result. */
static void too_many_types(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    static char one[COUNT * 16], two[COUNT * 16];
    size_t used = (size_t)snprintf(one, sizeof one, "{\"types\": {");
    for (int i = 0; i < COUNT; i++) {
        used +=
            (size_t)snprintf(one + used, sizeof one - used, "%s\"t%d\": {}", i == 0 ? "" : ",", i);
    }
    snprintf(one + used, sizeof one - used, "}}");
    memcpy(two, one, sizeof two);
    for (char *c = two; *c != '\0'; c++) {
        *c = *c == 't' && c[1] >= '0' && c[1] <= '9' ? 'u' : *c;
    }
    heard_begin(&heard);
    struct record_types *t = with_own(one, two);
    heard_end(&heard);
    assert_null(t);
    assert_heard(&heard,
                 "2.json: types: expected at most 1024 types in all files together, found 1203");
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void refuse_folder(const char *folder, const char *expected)
{
    char file[300];
    snprintf(file, sizeof file, "%s/shipped", folder);
    heard_begin(&heard);
    struct record_types *t = record_types_read(file, folder);
    heard_end(&heard);
    assert_null(t);
    assert_heard(&heard, expected);
}

/* Files of a folder in the byte order of their names, those that are meant; bounded. */
static void a_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/ezrt.XXXXXX", path[300], name[64];
    assert_non_null(mkdtemp(folder));
    put(folder, "shipped", SHIPPED);
    put(folder, "B.json", "{\"types\": {\"own\": {\"gap_s\": 1}, \"b\": {\"gap_s\": 1}}}");
    put(folder, "a.json", "{\"types\": {\"own\": {\"gap_s\": 2}}}");
    put(folder, ".hidden.json", "{");
    put(folder, "a.json~", "{");
    put(folder, "README", "words");
    snprintf(path, sizeof path, "%s/shipped", folder);
    struct record_types *t = record_types_read(path, folder);
    assert_non_null(t);
    assert_gap(t, "own", 2000000, true); /* 'B' comes before 'a' */
    assert_gap(t, "b", 1000000, true);
    record_types_free(&t);

    put(folder, "c.json", "{\"types\": []}");
    refuse_folder(folder, "c.json: types: expected an object, found array");
    snprintf(path, sizeof path, "%s/c.json", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuse_folder(folder, "c.json: expected a file, found something else");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nowhere", path), 0);
    refuse_folder(folder, "c.json: No such file or directory");
    assert_int_equal(unlink(path), 0);
    refuse_folder("/nonexistent", "/nonexistent/shipped: No such file");

    for (int i = 0; i < RECORD_TYPES_FILES - 2; i++) {
        snprintf(name, sizeof name, "x%03d.json", i);
        put(folder, name, "{}");
    }
    snprintf(path, sizeof path, "%s/shipped", folder);
    t = record_types_read(path, folder);
    assert_non_null(t);
    record_types_free(&t);
    put(folder, "y.json", "{}");
    refuse_folder(folder, "expected at most 64 files NAME.json, found more");
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

#define MAPPING(types)                                                                             \
    "{\"input\": {\"decoder\": \"json\"}, \"records\": [7], \"types\": " types "}"

#define BLOCK(type)                                                                                \
    "{\"gradeName\": \"overall\", \"appliesTo\": {\"recordType\": \"" type                         \
    "\"}, \"gradingRules\": [{\"grade\": 5}]}"
#define START(elements, blocks)                                                                    \
    "{\"types\": {\"x\": {\"elements\": [" elements                                                \
    "], \"source\": \"here\", \"grading\": [" blocks "]}}}"

/* Elements and blocks that a type brings along; they do not enter grading. */
static void what_a_type_brings_along(void **state)
{
    (void)state;
    struct record_types_said said;
    const char *place;
    struct record_types *t = with_own(START("{\"name\": \"a.b\", \"prim\": \"real\"}", BLOCK("x")),
                                      "{\"types\": {\"y\": {\"elements\": [{\"name\": \"a.b\", "
                                      "\"prim\": \"real\", \"desc\": \"d\"}]}}}");
    assert_non_null(t);
    const struct json *blocks = record_types_blocks(t, slice_of("x"), &said);
    assert_non_null(blocks);
    assert_int_equal(blocks->count, 1);
    assert_non_null(strstr(said.place, "1.json: types.x.grading"));
    assert_true(slice_is(said.source, "here"));
    assert_null(record_types_blocks(t, slice_of("y"), &said));
    assert_null(record_types_blocks(t, slice_of("z"), &said));
    struct slice type;
    uint32_t brought = 0;
    for (uint32_t i = 0; record_types_each(t, i, &type) == 0; i++) {
        brought += record_types_elements(t, i, &place) != NULL;
    }
    assert_int_equal(brought, 2);
    assert_null(strstr(record_types_grading(t).at, "overall"));
    record_types_free(&t);
    /* What is said later goes before, with what is beside it. */
    t = with_own(START("", BLOCK("x")),
                 "{\"types\": {\"x\": {\"grading\": [" BLOCK("x") ", " BLOCK("x") "]}}}");
    assert_int_equal(record_types_blocks(t, slice_of("x"), &said)->count, 2);
    assert_null(said.source.at);
    record_types_free(&t);
}

static void faults_of_what_it_brings(void **state)
{
    (void)state;
    assert_fault(START("{\"name\": \"a\"}", BLOCK("x")),
                 "types.x.elements[0].prim: expected one of string natural real boolean time");
    assert_fault(START("{\"name\": \"\", \"prim\": \"real\", \"unit\": 1}", BLOCK("x")),
                 "types.x.elements[0].unit: unknown, expected one of name prim desc");
    assert_fault(START("7", BLOCK("x")), "types.x.elements[0]: expected an object, found 7");
    assert_fault(
        START("{\"name\": \"a\", \"prim\": \"real\"}, {\"name\": \"a\", \"prim\": \"natural\"}",
              BLOCK("x")),
        "file: types: \"a\" is of \"real\" in file: types.x.elements, and of \"natural\" in");
    assert_fault(START("", ""), "types.x.grading: expected a block at least, found none");
    assert_fault(START("", BLOCK("*")),
                 "types.x.grading[0].appliesTo.recordType: expected the record type itself, \"x\", "
                 "found \"*\"");
    assert_fault(START("", "{\"gradeName\": \"overall\", \"appliesTo\": {}, \"gradingRules\": []}"),
                 "types.x.grading[0].appliesTo.recordType: expected the record type itself, \"x\", "
                 "found nothing");
    assert_fault(
        START("", "{\"gradeName\": \"o\", \"appliesTo\": {\"recordType\": \"x\"}, "
                  "\"gradingRules\": [{\"grade\": 6, \"if\": [{\"metric\": \"m\", \"rel\": \"=<\", "
                  "\"limit\": 1}]}]}"),
        "types.x.grading[0].gradingRules[0].if[0].rel: expected one of < <= > >= == !=");
    assert_heard(&heard, "types.x.grading[0].gradingRules[0].grade: expected a grade 1..5");
}

/* What mappings of formats say of record types, and nothing else of them. */
static void mappings_of_formats(void **state)
{
    (void)state;
    char folder[] = "/tmp/ezrt.XXXXXX", name[300], own[300], none[300];
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/formats", folder);
    snprintf(own, sizeof own, "%s/own", folder);
    snprintf(none, sizeof none, "%s/none", folder);
    assert_int_equal(mkdir(name, 0700) | mkdir(own, 0700) | mkdir(none, 0700), 0);
    put(folder, "record-types.json", "{\"types\": {\"http\": {\"interval_s\": 10}}}");
    put(name, "curl.json",
        MAPPING("{\"http\": {\"aliases\": {\"a\": [\"b\"]}}, \"dns\": {\"gap_s\": 3}}"));
    put(name, "dig.json", MAPPING("{\"dig\": {\"gap_s\": 4}}"));
    put(own, "dig.json", MAPPING("{\"mine\": {\"gap_s\": 5}}"));
    put(none, "x.json", "{\"types\": {\"dns\": {\"gap_s\": 6}}}");
    struct record_types *t = record_types_of(folder, "", own);
    const struct slice *aliases;
    assert_non_null(t);
    assert_gap(t, "http", 25000000, false);
    assert_int_equal(record_types_aliases(t, slice_of("http"), slice_of("a"), &aliases), 1);
    assert_gap(t, "dns", 3000000, false);
    assert_gap(t, "mine", 5000000, true);
    assert_gap(t, "dig", 900000000, false); /* one's own goes before, all of it */
    record_types_free(&t);
    t = record_types_of(folder, none, "");
    assert_non_null(t);
    assert_gap(t, "dig", 4000000, false);
    assert_gap(t, "dns", 6000000, true); /* own record types go before any format */
    record_types_free(&t);
    put(own, "bad.json", MAPPING("{\"x\": {\"gap\": 1}}"));
    heard_begin(&heard);
    assert_null(record_types_of(folder, "", own));
    heard_end(&heard);
    assert_heard(&heard, "own/bad.json: types.x.gap: unknown, expected one of");
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void all_faults_at_once(void **state)
{
    (void)state;
    refuse("{\"gap\": 1, \"mappings\": [{\"columns\": [\"\", 7], \"parameters\": {\"a\": []}, "
           "\"content_from\": "
           "5}], \"valid\": [{\"min\": \"x\"}], \"types\": {\"a\": {\"aliases\": {\"m\": []}, "
           "\"collect\": [{}]}}}");
    assert_string_equal(heard.text,
                        "file: gap: unknown, expected one of gap_s mappings valid types comment\n"
                        "file: mappings[0].columns[0]: expected a string of 1..256 bytes, found 0\n"
                        "file: mappings[0].columns[1]: expected a string, found 7\n"
                        "file: mappings[0].parameters.a: expected a pattern at least, found none\n"
                        "file: mappings[0].type: expected a string, found nothing\n"
                        "file: mappings[0].content_from: expected a string, found 5\n"
                        "file: valid[0].metrics: expected a list, found nothing\n"
                        "file: valid[0].min: expected a number, found \"x\"\n"
                        "file: types.a.collect[0].parameters: expected a list, found nothing\n"
                        "file: types.a.collect[0].results: expected a list, found nothing\n"
                        "file: types.a.aliases.m: expected a name at least, found none\n");
    refuse("{\"gap_s\": null, \"mappings\": 5, \"types\": {\"ping\": 7}}");
    assert_heard(&heard, "file: gap_s: ");
    assert_heard(&heard, "file: mappings: ");
    assert_heard(&heard, "file: types.ping: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(columns_by_their_beginning),
        cmocka_unit_test(labels_and_contents),
        cmocka_unit_test(valid_values),
        cmocka_unit_test(what_enters_grading),
        cmocka_unit_test(ambiguities),
        cmocka_unit_test(aliases),
        cmocka_unit_test(gaps),
        cmocka_unit_test(own_files),
        cmocka_unit_test(faults_of_own_files),
        cmocka_unit_test(too_many_types),
        cmocka_unit_test(a_folder),
        cmocka_unit_test(mappings_of_formats),
        cmocka_unit_test(what_a_type_brings_along),
        cmocka_unit_test(faults_of_what_it_brings),
        cmocka_unit_test(faults),
        cmocka_unit_test(all_faults_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
