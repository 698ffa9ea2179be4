/* SPDX-License-Identifier: Apache-2.0 */
/* common/formats/unit.h: names, factors between units of a kind, durations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/formats/unit.h"

#define ARENA_BYTES ((size_t)1 << 20)

static void assert_text(struct arena *a, const struct exact *x, const char *expected)
{
    struct slice found = exact_text(a, x);
    if (!slice_is(found, expected)) {
        fail_msg("expected %s, found %.*s", expected, (int)found.len, found.at);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum unit_kind kind;
    } known[] = {{"s", UNIT_TIME},      {"ms", UNIT_TIME},       {"us", UNIT_TIME},
                 {"ns", UNIT_TIME},     {"percent", UNIT_RATIO}, {"ratio", UNIT_RATIO},
                 {"bps", UNIT_RATE},    {"kbps", UNIT_RATE},     {"Mbps", UNIT_RATE},
                 {"Byte/s", UNIT_RATE}, {"B", UNIT_SIZE},        {"KiB", UNIT_SIZE},
                 {"bit", UNIT_SIZE},    {"Kbits/sec", UNIT_RATE}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct unit *u = unit_named(slice_of(known[i].name));
        assert_non_null(u);
        assert_int_equal(unit_kind(u), known[i].kind);
    }
    /* What could be something else is nothing; letters are as they are. */
    static const char *const none[] = {"",  "S",   "Ms", "kB",   "MB",  "KB",
                                       "m", "Bps", "b",  "mbps", "BPS", "ms "};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_null(unit_named(slice_of(none[i])));
    }
    assert_null(unit_named((struct slice){NULL, 0}));
    assert_string_equal(unit_kind_name(UNIT_TIME), "time");
    assert_string_equal(unit_kind_name(UNIT_SIZE), "size");
}

static void conversions(void **state)
{
    (void)state;
    static const struct {
        const char *value, *from, *to, *expected;
    } cases[] = {
        {"12.345", "ms", "s", "0.012345"},
        {"0.5", "s", "ms", "500"},
        {"17", "ns", "us", "0.017"},
        {"1", "us", "ms", "0.001"},
        {"\x31", "\xc2\xb5s", "us", "1"},
        {"1", "\xce\xbcs", "ns", "1000"},
        {"90", "s", "min", "1.5"},
        {"1", "d", "h", "24"},
        {"1", "s", "d", "0.000012"},
        {"2.5", "percent", "ratio", "0.025"},
        {"1", "ratio", "%", "100"},
        {"94.1", "Mbps", "bps", "94100000"},
        {"1", "Gbit/s", "Mbps", "1000"},
        {"125", "Byte/s", "kbps", "1"},
        {"1", "MiB/s", "Mbit/s", "8.388608"},
        {"56", "B", "bit", "448"},
        {"12", "bit", "Byte", "1.5"},
        {"1536", "B", "KiB", "1.5"},
        {"1", "GiB", "MiB", "1024"},
        {"-1", "ms", "ms", "-1"},
        {"0", "bps", "B/s", "0"},
    };
    struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct unit *from = unit_named(slice_of(cases[i].from)),
                          *to = unit_named(slice_of(cases[i].to));
        struct exact x;
        assert_int_equal(exact_of_text(a, slice_of(cases[i].value), &x), EXACT_OK);
        assert_int_equal(unit_kind(from), unit_kind(to));
        assert_int_equal(unit_convert(a, &x, from, to, &x), EXACT_OK);
        assert_text(a, &x, cases[i].expected);
    }
    struct exact far, z = exact_of_integer(7);
    assert_int_equal(exact_of_text(a, slice_of("1e1199"), &far), EXACT_OK);
    assert_int_equal(
        unit_convert(a, &far, unit_named(slice_of("Gbps")), unit_named(slice_of("bps")), &z),
        EXACT_BEYOND);
    assert_text(a, &z, "7");
    arena_free(&a);
}

static void durations(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"PT30S", "30"},
                                          {"PT0.025S", "0.025"},
                                          {"-PT1.5S", "-1.5"},
                                          {"P1D", "86400"},
                                          {"P1DT2H3M4.000005S", "93784.000005"},
                                          {"PT1H1S", "3601"},
                                          {"PT1.5M", "90"},
                                          {"P0.5D", "43200"},
                                          {"PT0S", "0"},
                                          {"-PT0S", "0"},
                                          {"PT007S", "7"}};
    static const char *const bad[] = {
        "",       "P",        "PT",    "-P",       "1S",     "PT1",       "P1S",
        "PT1D",   "PT.5S",    "PT5.S", "PT1.2.3S", "PTS",    "P1DT",      "PT1M1H",
        "PT1S1S", "PT1.5H1S", "P1W",   "P1Y",      "P1M",    "+PT1S",     "PT1S ",
        " PT1S",  "PT1,5S",   "PT-1S", "pt1s",     "PT1e3S", "P1DT1HT1S", "PT1S\n"};
    struct arena *a = arena_new(ARENA_BYTES);
    struct exact x;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(unit_duration(a, slice_of(good[i][0]), &x), EXACT_OK);
        assert_text(a, &x, good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (unit_duration(a, slice_of(bad[i]), &x) != EXACT_NO_NUMBER) {
            fail_msg("taken for a duration: %s", bad[i]);
        }
    }
    assert_int_equal(unit_duration(a, (struct slice){NULL, 0}, &x), EXACT_NO_NUMBER);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(conversions),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
