/* SPDX-License-Identifier: Apache-2.0 */
/* common/formats/decode.h: texts of Prometheus and of OpenMetrics, InfluxDB's line protocol. */
#include "tests/unit/decoded.h"

#define PROMETHEUS  "{\"decoder\": \"prometheus\"}"
#define OPENMETRICS "{\"decoder\": \"prometheus\", \"openmetrics\": true}"
#define INFLUX      "{\"decoder\": \"influx\"}"

/* A text of one line that is a sample without labels, but for its members. */
static void sample(const char *input, const char *line, const char *expected)
{
    char text[300], out[500];
    bool ends = strcmp(input, OPENMETRICS) == 0;
    snprintf(text, sizeof text, "%s\n%s", line, ends ? "# EOF\n" : "");
    snprintf(out, sizeof out, "1.1:{\"samples\":[{\"name\":\"a\",\"labels\":{},%s}]}\nend",
             expected);
    assert_decoded(input, text, out);
}

static void test_prometheus(void **state)
{
    (void)state;
    assert_decoded(PROMETHEUS, "", "end");
    assert_decoded(PROMETHEUS, "\n\n", "end");
    assert_decoded(PROMETHEUS, "\n# only comments\n", "1.2:{\"samples\":[]}\nend");
    assert_decoded(PROMETHEUS,
                   "# HELP a b\n# TYPE a gauge\na 1\na:b_c9{} 2 \n\n\ta{x=\"1\",y=\"\"}\t3\r\n"
                   "a { x = \"}\" , } 4 5\n#a 6",
                   "1.1:{\"samples\":[{\"name\":\"a\",\"labels\":{},\"value\":1},"
                   "{\"name\":\"a:b_c9\",\"labels\":{},\"value\":2},"
                   "{\"name\":\"a\",\"labels\":{\"x\":\"1\",\"y\":\"\"},\"value\":3},"
                   "{\"name\":\"a\",\"labels\":{\"x\":\"}\"},\"value\":4,\"ms\":5}]}\nend");
}

static void test_prometheus_escapes(void **state)
{
    (void)state;
    assert_decoded(
        PROMETHEUS, "a{p=\"C:\\\\D\\\\\",q=\"\\\"x\\\"\",n=\"1\\n2\",o=\"\\t\\\"\"}1",
        "1.1:{\"samples\":[{\"name\":\"a\",\"labels\":{\"p\":\"C:\\\\D\\\\\","
        "\"q\":\"\\\"x\\\"\",\"n\":\"1\\u000a2\",\"o\":\"\\\\t\\\"\"},\"value\":1}]}\nend");
}

static void test_prometheus_numbers(void **state)
{
    (void)state;
    sample(PROMETHEUS, "a 9.322709e+08", "\"value\":9.322709e+08");
    sample(PROMETHEUS, "a +Inf 1395066363000", "\"value\":+Inf,\"ms\":1395066363000");
    sample(PROMETHEUS, "a -Inf -3", "\"value\":-Inf,\"ms\":-3");
    sample(PROMETHEUS, "a NaN", "\"value\":NaN");
    sample(PROMETHEUS, "a inf", "\"value\":inf");
    sample(PROMETHEUS, "a 0.50", "\"value\":0.50");
}

static void test_prometheus_faults(void **state)
{
    static const struct {
        const char *line, *why;
    } faults[] = {
        {"9a 1", "the name of a metric at byte 0"},
        {"a.b 1", "the name of a metric at byte 1"},
        {"{x=\"1\"} 1", "the name of a metric at byte 0"},
        {"a", "a number at byte 1"},
        {"a b", "a number at byte 2"},
        {"a 1_0", "a number at byte 2"},
        {"a 0x10", "a number at byte 2"},
        {"a 1 2 3", "the end of the line at byte 6"},
        {"a 1 2.5", "a time in whole milliseconds at byte 4"},
        {"a 1 99999999999999999999", "a time in whole milliseconds at byte 4"},
        {"a 1 # {} 1", "a time in whole milliseconds at byte 4"},
        {"a{x=\"1\" 1", "a comma or } behind a label at byte 8"},
        {"a{x=\"1 1", "a label's value in quotes at byte 5"},
        {"a{x=\"1\\\" 1", "a label's value in quotes at byte 5"},
        {"a{x=\"1\\", "a label's value in quotes at byte 5"},
        {"a{x=1} 1", "a label's value in quotes at byte 4"},
        {"a{x} 1", "= behind a label's name at byte 3"},
        {"a{1=\"1\"} 1", "a label's name at byte 2"},
        {"a{,} 1", "a label's name at byte 2"},
        {"a{x=\"1\",x=\"2\"} 1", "a label that the sample does not have yet at byte 8"},
        {"a{", "a label's name at byte 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char text[200], expected[500];
        snprintf(text, sizeof text, "b 1\n%s\nc 2\n", faults[i].line);
        snprintf(expected, sizeof expected,
                 "1.2!expected %s\n1.1:{\"samples\":[{\"name\":\"b\",\"labels\":{},\"value\":1},"
                 "{\"name\":\"c\",\"labels\":{},\"value\":2}]}\nend",
                 faults[i].why);
        assert_decoded(PROMETHEUS, text, expected);
    }
}

static void test_too_many_labels(void **state)
{
    static char text[4000];
    size_t used = (size_t)snprintf(text, sizeof text, "a{");
    (void)state;
    for (int i = 0; i < 128; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "l%d=\"\",", i);
    }
    decoded_limits.line_bytes = sizeof text;
    snprintf(text + used, sizeof text - used, "l128=\"\"} 1");
    assert_decoded(PROMETHEUS, text,
                   "1.1!expected not more labels at byte 916\n1.1:{\"samples\":[]}\nend");
    decoded_limits.line_bytes = 400;
}

/* Lines that cannot be lines are told where they stand, and cost nothing else. */
static void test_prometheus_lines_at_fault(void **state)
{
    (void)state;
    decoded_limits.line_bytes = 10;
    assert_decoded(PROMETHEUS, "\n\xff\na 1\nb 12345678901\nc 1 x\nb \xff\nd 2\n",
                   "1.2!expected a line of UTF-8 without NUL\n"
                   "1.4-13!expected a line of at most 10 bytes, found 13\n"
                   "1.6!expected a line of UTF-8 without NUL\n"
                   "1.5!expected a time in whole milliseconds at byte 4\n"
                   "1.2:{\"samples\":[{\"name\":\"a\",\"labels\":{},\"value\":1},"
                   "{\"name\":\"d\",\"labels\":{},\"value\":2}]}\nend");
    decoded_limits.line_bytes = 400;
    decoded_limits.document_bytes = 10;
    assert_decoded(PROMETHEUS, "a 1\nb 2\nc 3\nd 4\n",
                   "1.1!expected a text of at most 10 bytes\nend");
    assert_decoded(PROMETHEUS, "a 1\nb 2\nc 3\n# EOF\nd 4\n",
                   "1.1!expected a text of at most 10 bytes\n"
                   "2.5:{\"samples\":[{\"name\":\"d\",\"labels\":{},\"value\":4}]}\nend");
    decoded_limits.document_bytes = 4000;
}

static void test_openmetrics(void **state)
{
    (void)state;
    assert_decoded(
        PROMETHEUS,
        "# TYPE a counter\n# UNIT a seconds\na_total{x=\"1\"} 5 1520879607.789 # {id=\"7\"} "
        "0.5 1\na_total 6 # {} 1\n# EOF\n\na 7 1520879607\n# EOF",
        "1.1:{\"samples\":[{\"name\":\"a_total\",\"labels\":{\"x\":\"1\"},\"value\":5,"
        "\"ms\":1520879607789},{\"name\":\"a_total\",\"labels\":{},\"value\":6}]}\n"
        "2.7:{\"samples\":[{\"name\":\"a\",\"labels\":{},\"value\":7,"
        "\"ms\":1520879607000}]}\nend");
    assert_decoded(OPENMETRICS, "# EOF\n", "1.1:{\"samples\":[]}\nend");
    assert_decoded(OPENMETRICS, "\na 1\nb x\n",
                   "1.2!expected \"# EOF\" in the last line of a text of OpenMetrics\nend");
}

/* Seconds are milliseconds to the last digit. */
static void test_openmetrics_times(void **state)
{
    (void)state;
    sample(OPENMETRICS, "a 1 0", "\"value\":1,\"ms\":0");
    sample(OPENMETRICS, "a 1 -0.000", "\"value\":1,\"ms\":0");
    sample(OPENMETRICS, "a 1 1", "\"value\":1,\"ms\":1000");
    sample(OPENMETRICS, "a 1 10", "\"value\":1,\"ms\":10000");
    sample(OPENMETRICS, "a 1 -1.5", "\"value\":1,\"ms\":-1500");
    sample(OPENMETRICS, "a 1 0.0015", "\"value\":1,\"ms\":1.5");
    sample(OPENMETRICS, "a 1 0.00001500", "\"value\":1,\"ms\":0.015");
    sample(OPENMETRICS, "a 1 -0.0001", "\"value\":1,\"ms\":-0.1");
    sample(OPENMETRICS, "a 1 1520879607.123456789", "\"value\":1,\"ms\":1520879607123.456789");
    sample(OPENMETRICS, "a 1 1.520879607e9", "\"value\":1,\"ms\":1520879607000");
    sample(OPENMETRICS, "a 1 15E-1", "\"value\":1,\"ms\":1500");
    assert_decoded(OPENMETRICS, "a 1 1e99\na 1 now\n# EOF",
                   "1.1!expected a time in seconds at byte 4\n"
                   "1.2!expected a time in seconds at byte 4\n"
                   "1.1:{\"samples\":[]}\nend");
}

/* ---- influx ---- */

static void test_influx(void **state)
{
    (void)state;
    assert_decoded(INFLUX, "", "end");
    assert_decoded(INFLUX, "# a\n\n  \n #b\n", "end");
    assert_decoded(INFLUX,
                   "ping,host=a,url=b rtt=23.066,n=5i,u=7u,e=-1.2e+78,ok=t,no=False,s=\"x, y=1\" "
                   "1795868100000000000\r\nm f=1\n m f=1  -5 \n",
                   "1.1:{\"name\":\"ping\",\"tags\":{\"host\":\"a\",\"url\":\"b\"},\"fields\":{"
                   "\"rtt\":23.066,\"n\":5,\"u\":7,\"e\":-1.2e+78,\"ok\":\"t\",\"no\":\"False\","
                   "\"s\":\"x, y=1\"},\"timestamp\":1795868100000000000}\n"
                   "2.2:{\"name\":\"m\",\"tags\":{},\"fields\":{\"f\":1}}\n"
                   "3.3:{\"name\":\"m\",\"tags\":{},\"fields\":{\"f\":1},\"timestamp\":-5}\nend");
}

static void test_influx_escapes(void **state)
{
    (void)state;
    assert_decoded(INFLUX,
                   "my\\ m\\,x\\=y\\z,t\\ k\\=\\,=v\\ \\=\\,w,u=a=b f\\ 1\\=\\,=1,g=\"\\\"q\\\" "
                   "\\\\ \\n\",h=\"\"",
                   "1.1:{\"name\":\"my m,x=y\\\\z\",\"tags\":{\"t k=,\":\"v =,w\",\"u\":\"a=b\"},"
                   "\"fields\":{\"f 1=,\":1,\"g\":\"\\\"q\\\" \\\\ \\\\n\",\"h\":\"\"}}\nend");
    assert_decoded(INFLUX, "C:\\\\ f=1",
                   "1.1!expected a blank and fields at byte 8\nend"); /* the blank is escaped */
}

static void test_influx_faults(void **state)
{
    static const struct {
        const char *line, *why;
    } faults[] = {
        {",a=b f=1", "a measurement's name at byte 0"},
        {"m", "a blank and fields at byte 1"},
        {"m,a=b", "a blank and fields at byte 5"},
        {"m,=b f=1", "a tag's key at byte 2"},
        {"m,a f=1", "= at byte 3"},
        {"m,a= f=1", "a tag's value at byte 4"},
        {"m,a=b,a=c f=1", "a key that does not stand twice at byte 6"},
        {"m ", "a field's key at byte 2"},
        {"m f", "= at byte 3"},
        {"m f=", "a field's value: a number, a boolean or a text in quotes at byte 4"},
        {"m f=x", "a field's value: a number, a boolean or a text in quotes at byte 4"},
        {"m f=1.5i", "a field's value: a number, a boolean or a text in quotes at byte 4"},
        {"m f=i", "a field's value: a number, a boolean or a text in quotes at byte 4"},
        {"m f=NaN", "a field's value: a number, a boolean or a text in quotes at byte 4"},
        {"m f=\"x", "a text that ends with a quote in its line at byte 5"},
        {"m f=\"x\\\"", "a text that ends with a quote in its line at byte 5"},
        {"m f=\"x\"y", "a comma or a blank behind a field at byte 7"},
        {"m f=1,f=2", "a key that does not stand twice at byte 6"},
        {"m f=1,", "a field's key at byte 6"},
        {"m f=1 x", "a whole number for the time, and the end of the line at byte 6"},
        {"m f=1 5 6", "a whole number for the time, and the end of the line at byte 6"},
        {"m f=1 5.5", "a whole number for the time, and the end of the line at byte 6"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char text[200], expected[500];
        snprintf(text, sizeof text, "b c=1\n%s\n", faults[i].line);
        snprintf(expected, sizeof expected,
                 "1.1:{\"name\":\"b\",\"tags\":{},\"fields\":{\"c\":1}}\n2.2!expected %s\nend",
                 faults[i].why);
        assert_decoded(INFLUX, text, expected);
    }
}

static void test_influx_limits(void **state)
{
    (void)state;
    decoded_limits.json.nodes = 5;
    decoded_limits.json.string_bytes = 9;
    assert_decoded(INFLUX, "m f=1\nm f=1 2\nm f=1234567890\nm f=1,g=1\nm f234567890=1\n",
                   "1.1:{\"name\":\"m\",\"tags\":{},\"fields\":{\"f\":1}}\n"
                   "2.2!more values than allowed\n"
                   "3.3!a text longer than allowed\n"
                   "4.4!more values than allowed\n"
                   "5.5!a key longer than allowed\nend");
    decoded_limits.json.nodes = 100000;
    decoded_limits.json.string_bytes = 1000;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus),
        cmocka_unit_test(test_prometheus_escapes),
        cmocka_unit_test(test_prometheus_numbers),
        cmocka_unit_test(test_prometheus_faults),
        cmocka_unit_test(test_too_many_labels),
        cmocka_unit_test(test_prometheus_lines_at_fault),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_openmetrics_times),
        cmocka_unit_test(test_influx),
        cmocka_unit_test(test_influx_escapes),
        cmocka_unit_test(test_influx_faults),
        cmocka_unit_test(test_influx_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
