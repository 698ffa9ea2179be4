/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The datagrams in tests/golden/udp are those an mPlane SDK component really sent, byte for byte:
 * its ping module once and in detail, an over-the-top video probe, a repeated specification (an
 * envelope of three results) and a failed measurement (an exception). Each must be taken as what it
 * is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/mplane/when.h"
#include "ingestd/result/result.h"
#include "tests/golden/mplane_vectors.h"

static struct record_types *types;
static struct result_means means;
static struct arena *arena;
static struct result_set set;

static int setup(void **state)
{
    (void)state;
    types = record_types_read(VECTORS "/../../schemas/record-types.json", "");
    arena = arena_new(RESULT_ARENA_BYTES);
    means = (struct result_means){types, identity_new()};
    return types == NULL || arena == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    identity_free(&means.identity);
    record_types_free(&types);
    arena_free(&arena);
    return 0;
}

static int64_t at(const char *text)
{
    int64_t us;
    assert_int_equal(when_time_parse(slice_of(text), &us), 0);
    return us;
}

static void read_sample(const char *name)
{
    static const struct result_limits limits = {.json = {16, 32768, 65507, false},
                                                .rows = 2048,
                                                .past_us = 86400000000,
                                                .future_us = 300000000};
    struct result_origin origin = {slice_of("127.0.0.1"), at("2026-11-21 20:00:00")};
    char file[64];
    snprintf(file, sizeof file, "../udp/%s.json", name);
    arena_reset(arena);
    result_read(arena, vectors_bytes(arena, file), &means, &limits, &origin, &set);
    assert_null(set.refusals);
}

static void is(struct slice found, const char *expected)
{
    vectors_equal(found, slice_of(expected), slice_of("value"));
}

static void check_dimensions(const struct record_message *m, const char *type, const char *content,
                             const char *dest, const char *label)
{
    is(m->type, type);
    is(m->content, content);
    is(m->probe, "127.0.0.1");
    is(m->source, "127.0.0.1");
    is(m->dest, dest);
    is(m->path, "");
    is(m->label, label);
}

static void check_times(const struct record_message *m, const char *start, const char *end)
{
    assert_int_equal(m->t_start_us, at(start));
    assert_int_equal(m->t_end_us, at(end));
}

static void check_values(const struct record_message *m, const char *const *values)
{
    uint32_t i = 0;
    for (; values[i] != NULL; i++) {
        assert_true(i < m->values_count);
        is(m->values[i], values[i]);
    }
    assert_int_equal(m->values_count, i);
}

static void test_ping_average(void **state)
{
    (void)state;
    read_sample("ping-average-ip4");
    assert_int_equal(set.results->count, 1);
    assert_null(set.results->next);
    const struct record_message *m = set.results->records;
    check_dimensions(m, "ping", "ICMPECHO", "127.0.0.1", "ping-average-ip4-0");
    check_times(m, "2026-11-21 19:23:18.649287", "2026-11-21 19:23:20.649845");
    check_values(
        m, (const char *const[]){"20125", "21125", "22125", "3", "127.0.0.1", "127.0.0.1", NULL});
    const struct schema_message *s = &set.results->schema;
    is(s->verb, "measure");
    is(s->registry, "http://ict-mplane.eu/registry/core");
    assert_int_equal(s->results_count, 4);
    is(s->results[3], "delay.twoway.icmp.count");
    assert_int_equal(s->parameters_count, 2);
    is(s->parameters[0], "destination.ip4");
    assert_int_equal(s->metadata_count, 0);
}

static void test_ping_detail(void **state)
{
    (void)state;
    static const char *const times[] = {"2026-11-21 19:23:25.639583", "2026-11-21 19:23:26.639857",
                                        "2026-11-21 19:23:27.640071"};
    static const char *const delays[] = {"20125", "21125", "22125"};
    read_sample("ping-detail-ip4");
    assert_int_equal(set.results->count, 3);
    assert_null(set.results->next);
    for (uint32_t i = 0; i < 3; i++) {
        const struct record_message *m = &set.results->records[i];
        check_dimensions(m, "ping", "ICMPECHO", "127.0.0.1", "ping-detail-ip4-1");
        check_times(m, times[i], times[i]);
        assert_int_equal(m->row, i);
        check_values(m, (const char *const[]){delays[i], "127.0.0.1", "127.0.0.1", NULL});
    }
}

static void test_ott(void **state)
{
    (void)state;
    static const char url[] = "http://devimages.apple.com/iphone/samples/bipbop/bipbopall.m3u8";
    read_sample("ott-download");
    assert_int_equal(set.results->count, 1);
    const struct record_message *m = set.results->records;
    check_dimensions(m, "OTT", url, "", "ott-download-2");
    check_times(m, "2026-11-21 19:23:23.858213", "2026-11-21 19:23:23.858213");
    check_values(m, (const char *const[]){"720", "200", "0", "100", "97", "97", "98", url,
                                          "127.0.0.1", NULL});
}

static void test_envelope(void **state)
{
    (void)state;
    static const char *const times[][2] = {
        {"2026-11-21 19:23:50.044345", "2026-11-21 19:23:51.044835"},
        {"2026-11-21 19:23:53.050451", "2026-11-21 19:23:54.050689"},
        {"2026-11-21 19:23:56.050547", "2026-11-21 19:23:57.050860"}};
    read_sample("repeated-envelope");
    const struct result *r = set.results;
    for (int i = 0; i < 3; i++, r = r->next) {
        assert_int_equal(r->count, 1);
        check_dimensions(r->records, "ping", "ICMPECHO", "127.0.0.1", "ping-average-ip4-4");
        check_times(r->records, times[i][0], times[i][1]);
        check_values(r->records, (const char *const[]){"20125", "20625", "21125", "2", "127.0.0.1",
                                                       "127.0.0.1", NULL});
    }
    assert_null(r);
}

static void test_exception(void **state)
{
    (void)state;
    read_sample("exception");
    assert_null(set.results);
    assert_int_equal(set.exceptions, 1);
}

/* The SDK's messages of every kind: results are taken, of the others the kind is told. */
static void test_messages(void **state)
{
    (void)state;
    struct arena *files = arena_new(64 << 20);
    const struct json *cases = json_get(vectors_json(files, "messages/index.json"), "cases");
    struct result_limits limits = {.json = {16, 32768, 65507, false}, .rows = 2048};
    struct result_origin origin = {slice_of("127.0.0.1"), at("2016-02-18 12:00:30")};
    limits.past_us = limits.future_us = INT64_C(86400000000) * 60;
    uint32_t results = 0, others = 0;
    for (const struct json *c = cases->first; c != NULL; c = c->next) {
        if (json_get(c, "error") != NULL) {
            continue; /* the SDK could not make it: there is no file */
        }
        char file[128];
        struct slice name = vectors_text(c, "file"), kind = vectors_text(c, "kind");
        snprintf(file, sizeof file, "messages/%.*s", (int)name.len, name.at);
        arena_reset(arena);
        result_read(arena, vectors_bytes(arena, file), &means, &limits, &origin, &set);
        if (slice_is(kind, "result")) {
            assert_null(set.refusals);
            assert_non_null(set.results);
            assert_null(set.results->next);
            results++;
        } else if (slice_is(kind, "exception")) {
            assert_null(set.refusals);
            assert_int_equal(set.exceptions, 1);
        } else if (!slice_is(kind, "envelope")) {
            assert_null(set.results);
            assert_int_equal(set.refusals->reason, RESULT_KIND);
            others++;
        }
    }
    assert_int_equal(results, 7);
    assert_true(others > 20);
    arena_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ping_average), cmocka_unit_test(test_ping_detail),
        cmocka_unit_test(test_ott),          cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_exception),    cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
