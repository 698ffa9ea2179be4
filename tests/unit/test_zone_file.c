/* SPDX-License-Identifier: Apache-2.0 */
/* common/zone_file and zones: the system's files against the C library, made ones by hand, damaged
 * ones; and that what is kept of zones is what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "common/zones.h"

#define STEP_S (INT64_C(7) * 3600 + 13 * 60)

/* Summer in winter, half hours, a day left out, rules for weeks of fasting, no change at all. */
static const char *const names[] = {"Europe/Madrid",        "America/New_York",
                                    "America/Santiago",     "Africa/Casablanca",
                                    "Europe/Dublin",        "America/Nuuk",
                                    "Asia/Tehran",          "Australia/Lord_Howe",
                                    "Pacific/Apia",         "Antarctica/Troll",
                                    "Africa/Cairo",         "Etc/GMT+3",
                                    "America/Scoresbysund", "UTC",
                                    "Asia/Kathmandu",       "Pacific/Kiritimati"};
#define NAMES (sizeof names / sizeof names[0])

static int64_t offset_by_library(int64_t s)
{
    time_t t = (time_t)s;
    struct tm tm;
    assert_non_null(localtime_r(&t, &tm));
    return tm.tm_gmtoff;
}

static void check_moment(const struct zone *z, const char *name, int64_t s)
{
    int64_t found = zone_to_local(z, s * 1000000) / 1000000 - s;
    if (found != offset_by_library(s)) {
        fail_msg("%s at %lld: %lld s, not %lld", name, (long long)s, (long long)found,
                 (long long)offset_by_library(s));
    }
}

static void test_as_the_library(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        char tz[80];
        struct zone *z = zone_load(names[i]);
        assert_non_null(z);
        snprintf(tz, sizeof tz, ":%s", names[i]);
        setenv("TZ", tz, 1);
        tzset();
        for (int64_t s = 0; s < ZONE_UNTIL_S; s += STEP_S) {
            check_moment(z, names[i], s);
        }
        uint32_t count;
        const struct zone_change *change = zone_changes(z, &count);
        for (uint32_t c = 1; c < count; c++) {
            check_moment(z, names[i], change[c].from_s - 1);
            check_moment(z, names[i], change[c].from_s);
        }
        zone_free(&z);
    }
    unsetenv("TZ");
    tzset();
}

/* ---- files made here ---- */

struct made_zone {
    char bytes[4096];
    size_t len;
};

static void put(struct made_zone *m, int64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        m->bytes[m->len++] = (char)((uint64_t)value >> (8 * (i - 1)));
    }
}

static void put_header(struct made_zone *m, char version, uint32_t leaps, uint32_t times,
                       uint32_t types)
{
    memcpy(m->bytes + m->len, "TZif", 4);
    m->bytes[m->len + 4] = version;
    memset(m->bytes + m->len + 5, 0, 15);
    m->len += 20;
    const uint32_t counts[] = {0, 0, leaps, times, types, 4};
    for (int i = 0; i < 6; i++) {
        put(m, counts[i], 4);
    }
}

/* Of two offsets, and changes to the one or the other. */
static void make(struct made_zone *m, const int32_t offsets[2], const int64_t *times,
                 const uint8_t *which, uint32_t count, const char *rule)
{
    m->len = 0;
    put_header(m, '2', 0, 0, 1);
    put(m, 0, 6);
    put(m, 0, 4);
    put_header(m, '2', 0, count, 2);
    for (uint32_t i = 0; i < count; i++) {
        put(m, times[i], 8);
    }
    for (uint32_t i = 0; i < count; i++) {
        put(m, which[i], 1);
    }
    put(m, offsets[0], 4);
    put(m, 0, 2);
    put(m, offsets[1], 4);
    put(m, 0x100, 2);
    put(m, 0, 4);
    m->len += (size_t)snprintf(m->bytes + m->len, sizeof m->bytes - m->len, "\n%s\n", rule);
}

static int changes_of(const struct made_zone *m, struct zone_change changes[ZONE_CHANGES])
{
    /* In memory of its own, so that a step beyond its end shows. */
    char *copy = malloc(m->len + 1);
    assert_non_null(copy);
    memcpy(copy, m->bytes, m->len);
    copy = realloc(copy, m->len);
    int count = zone_file_changes((struct slice){copy, m->len}, changes);
    free(copy);
    return count;
}

static const int32_t two_hours[2] = {3600, 7200};
static const int64_t one_time[] = {1000};
static const uint8_t to_second[] = {1};

static void test_what_is_listed(void **state)
{
    struct made_zone m;
    struct zone_change c[ZONE_CHANGES];
    (void)state;
    make(&m, two_hours, one_time, to_second, 1, "<+02>-2");
    assert_int_equal(changes_of(&m, c), 2);
    assert_true(c[0].from_s == ZONE_ALWAYS && c[0].offset_s == 3600);
    assert_true(c[1].from_s == 1000 && c[1].offset_s == 7200);
    make(&m, two_hours, one_time, to_second, 1, "");
    assert_int_equal(changes_of(&m, c), 2);
    /* The same offset under another name is no change. */
    make(&m, (const int32_t[]){60, 60}, one_time, to_second, 1, "");
    assert_int_equal(changes_of(&m, c), 1);
}

static void test_the_rule(void **state)
{
    struct made_zone m;
    struct zone_change c[ZONE_CHANGES];
    (void)state;
    /* From 2098 on: two a year. 2098-07-01 is when the list ends, in summer. */
    const int64_t listed[] = {4055011200 - 1};
    make(&m, two_hours, listed, to_second, 1, "CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(changes_of(&m, c), 2 + 3);
    assert_true(c[2].from_s == INT64_C(4065123600) && c[2].offset_s == 3600); /* 2098-10-26 01:00 */
    assert_true(c[3].from_s == INT64_C(4078429200) && c[3].offset_s == 7200); /* 2099-03-29 01:00 */
    /* Days by their number, with and without 29 February; before midnight, and behind it. */
    make(&m, two_hours, listed, to_second, 1, "AAA-1BBB-2,J60/-1,59/25:30:15");
    assert_int_equal(changes_of(&m, c), 2 + 1); /* only 2099 is left, and begins in summer */
    assert_true(c[2].from_s == INT64_C(4076091015) &&
                c[2].offset_s == 3600); /* 2099-03-01 23:30:15 */
    /* Always summer: the rule changes nothing. */
    make(&m, two_hours, one_time, to_second, 1, "CET-1CEST,0/0,J365/25");
    assert_int_equal(changes_of(&m, c), 2);
}

static void test_damage(void **state)
{
    static const char *const rules[] = {"C-1",
                                        "CET",
                                        "CET-1CEST",
                                        "CET-1CEST,M3",
                                        "CET-25",
                                        "CET-1CEST,J0,J1",
                                        "CET-1CEST,M13.1.0,M1.1.0",
                                        "<CET-1",
                                        "CET-1 ",
                                        "CET-1CEST,M3.5.0,M10.5.0/3x",
                                        "CET-168CEST,0,1",
                                        "CET-1CEST,M0.1.0,M1.1.0"};
    struct made_zone m;
    struct zone_change c[ZONE_CHANGES];
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        make(&m, two_hours, one_time, to_second, 1, rules[i]);
        if (i != 4) { /* no summer: the list's offset is it */
            assert_int_equal(changes_of(&m, c), -1);
        }
    }
    const uint8_t third[] = {2};
    make(&m, two_hours, one_time, third, 1, "");
    assert_int_equal(changes_of(&m, c), -1);
    const int64_t falling[] = {1000, 1000};
    const uint8_t both[] = {1, 0};
    make(&m, two_hours, falling, both, 2, "");
    assert_int_equal(changes_of(&m, c), -1);
    make(&m, (const int32_t[]){100000, 0}, one_time, to_second, 1, "");
    assert_int_equal(changes_of(&m, c), -1);
    make(&m, two_hours, one_time, to_second, 1, "CET-1CEST,M3.5.0,M10.5.0/3");
    struct made_zone cut = m;
    for (cut.len = 0; cut.len < m.len; cut.len++) {
        assert_int_equal(changes_of(&cut, c), -1);
    }
    for (size_t i = 0; i < m.len * 8; i++) { /* whatever comes of it, nothing is read beyond */
        struct made_zone other = m;
        other.bytes[i / 8] ^= (char)(1 << i % 8);
        assert_in_range(changes_of(&other, c) + 1, 0, ZONE_CHANGES + 1);
    }
    m.bytes[4] = '\0';
    assert_int_equal(changes_of(&m, c), -1);
}

/* ---- what is kept ---- */

static void test_kept(void **state)
{
    struct arena *a = arena_new((size_t)4 << 20);
    const char *why = NULL;
    (void)state;
    struct zones *z = zones_new(a);
    assert_string_equal(zones_keep(a, z, slice_of("{\"x\":1}")).at, "{\"x\":1}");
    assert_string_equal(zones_keep(a, NULL, slice_of("")).at, "");
    assert_non_null(zones_find(z, slice_of("Etc/GMT+3"), &why));
    assert_string_equal(zones_keep(a, z, slice_of("")).at, "{\"zones\":{\"Etc/GMT+3\":[-10800]}}");
    assert_string_equal(zones_keep(a, z, slice_of("{}")).at,
                        "{\"zones\":{\"Etc/GMT+3\":[-10800]}}");
    for (size_t i = 0; i < NAMES; i++) {
        assert_non_null(zones_find(z, slice_of(names[i]), &why));
        assert_ptr_equal(zones_find(z, slice_of(names[i]), &why),
                         zones_find(z, slice_of(names[i]), &why));
    }
    struct zones *kept = zones_of_kept(a, zones_keep(a, z, slice_of("{\"x\":1}")));
    for (size_t i = 0; i < NAMES; i++) {
        uint32_t count, again;
        const struct zone *one = zones_find(kept, slice_of(names[i]), &why);
        assert_non_null(one);
        const struct zone_change *changes =
            zone_changes(zones_find(z, slice_of(names[i]), &why), &count);
        const struct zone_change *back = zone_changes(one, &again);
        assert_int_equal(count, again);
        assert_memory_equal(changes, back, count * sizeof *changes);
    }
    assert_null(zones_find(kept, slice_of("Europe/Paris"), &why));
    assert_string_equal(why, "a time zone that is kept with this version");
    arena_free(&a);
}

static void test_kept_that_is_none(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"zones\": []}",
                                        "{\"zones\": {\"a\": 1}}",
                                        "{\"zones\": {\"a\": []}}",
                                        "{\"zones\": {\"a\": [0, 5]}}",
                                        "{\"zones\": {\"a\": [0, 5, 1, 5, 2]}}",
                                        "{\"zones\": {\"a\": [1.5]}}",
                                        "{\"zones\": {\"a\": [90000]}}",
                                        "{\"zones\": {\"a\": [\"0\"]}}",
                                        "{\"zones\": {\"a\": [0, 99999999999999999999, 1]}}"};
    const char *why;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct arena *a = arena_new((size_t)1 << 20);
        assert_null(zones_find(zones_of_kept(a, slice_of(texts[i])), slice_of("a"), &why));
        arena_free(&a);
    }
}

static void test_too_many(void **state)
{
    struct arena *a = arena_new((size_t)1 << 20);
    struct zones *z = zones_new(a);
    const char *why;
    char name[32];
    (void)state;
    for (int i = 0; i < 26; i++) { /* 14 to the east, 12 to the west, and two names for none */
        snprintf(name, sizeof name, "Etc/GMT%c%d", i < 14 ? '-' : '+', i < 14 ? i + 1 : i - 13);
        assert_non_null(zones_find(z, slice_of(name), &why));
    }
    static const char *const more[] = {
        "Africa/Abidjan", "Africa/Accra",    "Africa/Algiers",  "Africa/Bamako",   "Africa/Bangui",
        "Africa/Banjul",  "Africa/Bissau",   "Africa/Cairo",    "Africa/Ceuta",    "Africa/Conakry",
        "Africa/Dakar",   "Africa/Djibouti", "Africa/Douala",   "Africa/Gaborone", "Africa/Harare",
        "Africa/Juba",    "Africa/Kampala",  "Africa/Khartoum", "Africa/Kigali",   "Africa/Lagos",
        "Africa/Lome",    "Africa/Luanda",   "Africa/Lusaka",   "Africa/Malabo",   "Africa/Maputo",
        "Africa/Maseru",  "Africa/Mbabane",  "Africa/Monrovia", "Africa/Nairobi",  "Africa/Niamey",
        "Africa/Tripoli", "Africa/Tunis",    "Asia/Aden",       "Asia/Almaty",     "Asia/Amman",
        "Asia/Baku",      "Asia/Beirut",     "Asia/Dubai"};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        assert_non_null(zones_find(z, slice_of(more[i]), &why));
    }
    assert_null(zones_find(z, slice_of("Asia/Tokyo"), &why));
    assert_string_equal(why, "at most 64 different time zones");
    assert_non_null(zones_find(z, slice_of("Asia/Dubai"), &why));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_library), cmocka_unit_test(test_what_is_listed),
        cmocka_unit_test(test_the_rule),       cmocka_unit_test(test_damage),
        cmocka_unit_test(test_kept),           cmocka_unit_test(test_kept_that_is_none),
        cmocka_unit_test(test_too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
