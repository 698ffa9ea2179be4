/* SPDX-License-Identifier: Apache-2.0 */
/* ingest-gw/remote/remote_read.h, sample_text.h: bodies of remote write; samples as text. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ingest-gw/remote/sample_text.h"
#include "tests/unit/remote_box.h"

static const struct remote_limits limits = {
    .bytes = 4096, .series = 8, .labels = 4, .label_bytes = 40, .samples = 20};

static struct remote_box box;
static struct arena *arena;
static struct remote_request request;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    box_begin(&box);
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static enum remote_outcome read_box(void)
{
    return remote_read(box_body(&box, arena), &limits, arena, &request);
}

/* The request's samples as text. */
static const char *texts(void)
{
    static char text[8192];
    size_t used = 0;
    for (uint32_t i = 0; i < request.count; i++) {
        assert_true(used + sample_text_most(&request.samples[i]) < sizeof text);
        used += sample_text(&request.samples[i], text + used);
    }
    text[used] = '\0';
    return text;
}

static void test_samples(void **state)
{
    (void)state;
    box_sample(&box, "up{instance=a,job=b}", 1, 1795954399172);
    box_series(&box, "probe_success{instance=a}", 2, 5);
    box_series(&box, "nothing", 0, 5);
    box_unknown(&box, 3, slice_of("metadata"));
    assert_int_equal(read_box(), REMOTE_READ);
    assert_string_equal(texts(), "up{instance=\"a\",job=\"b\"} 1 1795954399172\n"
                                 "probe_success{instance=\"a\"} 0 5\n"
                                 "probe_success{instance=\"a\"} 1 6\n");
    assert_string_equal(request.why, "");
    assert_int_equal(request.invalid + request.stale, 0);
    assert_true(slice_is(sample_label(&request.samples[0], slice_of("job")), "b"));
    assert_int_equal(sample_label(&request.samples[0], slice_of("jo")).len, 0);
    assert_int_equal(sample_series(&request.samples[1]), sample_series(&request.samples[2]));
    assert_int_not_equal(sample_series(&request.samples[0]), sample_series(&request.samples[1]));
}

static void test_nothing(void **state)
{
    (void)state;
    assert_int_equal(read_box(), REMOTE_READ);
    assert_int_equal(request.count, 0);
}

static void test_stale_is_no_value(void **state)
{
    (void)state;
    box_sample(&box, "a", box_stale(), 1);
    box_sample(&box, "b", NAN, 1);
    assert_int_equal(read_box(), REMOTE_READ);
    assert_string_equal(texts(), "b NaN 1\n");
    assert_int_equal(request.stale, 1);
    assert_int_equal(request.invalid, 0);
    assert_false(remote_is_stale(NAN));
}

static void test_what_is_invalid(void **state)
{
    static const char *const series[] = {
        "a{c=1,b=2}",    "a{b=1,b=2}",
        "a{=1}",         "a{b=}",
        "{b=1}",         "a{b=\xff\xfe}",
        "a{__name__=b}", "a{b=12345678901234567890123456789012345678901}"};
    (void)state;
    for (size_t i = 0; i < sizeof series / sizeof *series; i++) {
        box_begin(&box);
        box_series(&box, series[i], 2, 1);
        box_sample(&box, "good", 3, 1);
        assert_int_equal(read_box(), REMOTE_READ);
        assert_int_equal(request.invalid, 2);
        assert_string_not_equal(request.why, "");
        assert_string_equal(texts(), "good 3 1\n");
    }
}

static void test_times(void **state)
{
    (void)state;
    box_sample(&box, "a", 1, -1);
    box_sample(&box, "b", 1, 0);
    box_sample(&box, "c", 1, 253402300799999);
    box_sample(&box, "d", 1, 253402300800000);
    assert_int_equal(read_box(), REMOTE_READ);
    assert_string_equal(texts(), "b 1 0\nc 1 253402300799999\n");
    assert_int_equal(request.invalid, 2);
}

static void test_limits(void **state)
{
    (void)state;
    box_series(&box, "a", 21, 1);
    assert_int_equal(read_box(), REMOTE_TOO_LARGE);
    assert_string_equal(request.why,
                        "1 series with 21 samples and up to 1 labels are more than 8, 20 and 4");
    box_begin(&box);
    box_series(&box, "a{b=1,c=1,d=1,e=1}", 1, 1);
    assert_int_equal(read_box(), REMOTE_TOO_LARGE);
    box_begin(&box);
    for (int i = 0; i < 9; i++) {
        box_series(&box, "a", 0, 1);
    }
    assert_int_equal(read_box(), REMOTE_TOO_LARGE);
}

static void test_size_is_looked_at_first(void **state)
{
    static char zeros[65536];
    (void)state;
    struct slice body = box_compressed((struct slice){zeros, sizeof zeros}, arena);
    struct arena *small = arena_new(4096);
    assert_int_equal(remote_read(body, &limits, small, &request), REMOTE_TOO_LARGE);
    assert_string_equal(request.why, "65536 bytes, uncompressed, are more than 4096");
    /* A length that is not true. */
    char lying[64] = "\xff\xff\xff\xff\x0f";
    assert_int_equal(remote_read((struct slice){lying, 5}, &limits, small, &request),
                     REMOTE_TOO_LARGE);
    arena_free(&small);
}

static void test_what_is_no_request(void **state)
{
    static const char *const bodies[] = {"", "x", "{\"a\": 1}", "\x1f\x8b\x08"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        enum remote_outcome outcome = remote_read(slice_of(bodies[i]), &limits, arena, &request);
        assert_true(outcome == REMOTE_MALFORMED || outcome == REMOTE_TOO_LARGE);
        assert_string_not_equal(request.why, "");
    }
    struct slice none = box_compressed(slice_of("this is no message"), arena);
    assert_int_equal(remote_read(none, &limits, arena, &request), REMOTE_MALFORMED);
    assert_string_equal(request.why, "the body is no WriteRequest of protobuf");
}

/* Two bytes each in the message, some hundred when they are read. */
static void test_memory_is_bounded(void **state)
{
    static const struct remote_limits large = {1 << 20, 1 << 20, 4, 40, 1 << 20};
    (void)state;
    for (int i = 0; i < 50000; i++) {
        box_unknown(&box, 1, slice_of(""));
    }
    struct slice body = box_body(&box, arena);
    struct arena *small = arena_new(1 << 20);
    assert_int_equal(remote_read(body, &large, small, &request), REMOTE_NO_MEMORY);
    assert_string_equal(request.why, "the request needs more memory than there is");
    arena_free(&small);
}

static const char *text_of(double value)
{
    static char text[128];
    struct remote_sample s = {.metric = slice_of("a"), .time_ms = 1, .value = value};
    text[sample_text(&s, text)] = '\0';
    return text;
}

static void test_values_are_exact(void **state)
{
    (void)state;
    assert_string_equal(text_of(0.037141), "a 0.037141 1\n");
    assert_string_equal(text_of(0.1 + 0.2), "a 0.30000000000000004 1\n");
    assert_string_equal(text_of(1.8e9), "a 1800000000 1\n");
    assert_string_equal(text_of(-0.0), "a -0 1\n");
    assert_string_equal(text_of(INFINITY), "a +Inf 1\n");
    assert_string_equal(text_of(-INFINITY), "a -Inf 1\n");
    assert_string_equal(text_of(5e-324), "a 4.94065645841247e-324 1\n");
    for (double value = 1e-300; value < 1e300; value *= 1234.567) {
        assert_true(strtod(text_of(value) + 2, NULL) == value);
    }
    assert_true(strtod(text_of(DBL_MAX) + 2, NULL) == DBL_MAX);
}

static void test_labels_as_text(void **state)
{
    static const struct remote_label labels[] = {{SLICE("__name__"), SLICE("m")},
                                                 {SLICE("a"), SLICE("1\"2\\3\n4}")},
                                                 {SLICE("b.c"), SLICE("not plain")},
                                                 {SLICE("d"), SLICE("\xc3\xa4")}};
    const struct remote_sample s = {
        .metric = slice_of("m"), .labels = labels, .label_count = 4, .time_ms = 7, .value = 1};
    char text[256];
    (void)state;
    size_t n = sample_text(&s, text);
    assert_true(n <= sample_text_most(&s));
    text[n] = '\0';
    assert_string_equal(text, "m{a=\"1\\\"2\\\\3\\n4}\",d=\"\xc3\xa4\"} 1 7\n");
    assert_true(sample_is_plain(slice_of("job:up:sum_9")));
    assert_false(sample_is_plain(slice_of("9a")) || sample_is_plain(slice_of("a.b")) ||
                 sample_is_plain(slice_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stale_is_no_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_invalid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_size_is_looked_at_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_is_bounded, set_up, tear_down),
        cmocka_unit_test(test_values_are_exact),
        cmocka_unit_test(test_labels_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
