/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of listings: what is one, what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/capability_rows.h"
#include "queryd/cursor.h"

#define FIRST INT64_C(-62135596800000000) /* the first and the last time there are */
#define LAST  INT64_C(253402300799999999)

static void good(enum query_kind kind, const char *text, unsigned count, const int64_t *keys)
{
    struct cursor c;
    assert_int_equal(cursor_parse(kind, slice_of(text), &c), 0);
    assert_int_equal(c.key_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(c.keys[i], keys[i]);
    }
}

static void test_good(void **state)
{
    (void)state;
    good(QUERY_PERIODS, "p1455796800000000.12.3.1455796800000001.0", 5,
         (const int64_t[]){1455796800000000, 12, 3, 1455796800000001, 0});
    good(QUERY_PERIODS, "p-1.9223372036854775807.32767.-7.9223372036854775807", 5,
         (const int64_t[]){-1, INT64_MAX, 32767, -7, INT64_MAX});
    good(QUERY_RECORDS, "r0.1.253402300799999999.9223372036854775807.32767", 5,
         (const int64_t[]){0, 1, LAST, INT64_MAX, 32767});
    good(QUERY_EVENTS, "e253402300799999999.7", 2, (const int64_t[]){LAST, 7});
    good(QUERY_EVENTS, "e-62135596800000000.7", 2, (const int64_t[]){FIRST, 7});
    good(QUERY_REJECTS, "j9223372036854775807", 1, (const int64_t[]){INT64_MAX});
    good(QUERY_CHANGES, "c9223372036854775807.2147483647.0", 3,
         (const int64_t[]){INT64_MAX, INT32_MAX, 0});
}

/* All behind the letter, whatever it holds. */
static void test_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"x", "1.2", ".", "0b6c-1.(others)", "https:\xc3\xa9 *"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char cursor[64];
        struct cursor c;
        snprintf(cursor, sizeof cursor, "a%s", texts[i]);
        assert_int_equal(cursor_parse(QUERY_ACCOUNTS, slice_of(cursor), &c), 0);
        assert_int_equal(c.key_count, 1);
        assert_true(slice_is(c.text, texts[i]));
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        enum query_kind kind;
        const char *text;
    } cases[] = {
        {QUERY_PERIODS, ""},
        {QUERY_PERIODS, "p"},
        {QUERY_PERIODS, "p."},
        {QUERY_PERIODS, "p1"},
        {QUERY_PERIODS, "p1.2.3.4"},
        {QUERY_PERIODS, "p1.2.3.4."},
        {QUERY_PERIODS, "p1.2.3.4.5."},
        {QUERY_PERIODS, "p1.2.3.4.5.6"},
        {QUERY_PERIODS, "p1.2.3.4.5 "},
        {QUERY_PERIODS, " p1.2.3.4.5"},
        {QUERY_PERIODS, "P1.2.3.4.5"},
        {QUERY_PERIODS, "p+1.2.3.4.5"},
        {QUERY_PERIODS, "p-0.2.3.4.5"},
        {QUERY_PERIODS, "p--1.2.3.4.5"},
        {QUERY_PERIODS, "p01.2.3.4.5"},
        {QUERY_PERIODS, "p1.-2.3.4.5"},
        {QUERY_PERIODS, "p1.02.3.4.5"},
        {QUERY_PERIODS, "p1..3.4.5"},
        {QUERY_PERIODS, "p1.2.32768.4.5"},
        {QUERY_PERIODS, "p1.2.3.253402300800000000.5"},
        {QUERY_PERIODS, "p1.2.3.4.9223372036854775808"},
        {QUERY_PERIODS, "p1.9223372036854775808.3.4.5"},
        {QUERY_PERIODS, "p9223372036854775807.2.3.4.5"},
        {QUERY_PERIODS, "p18446744073709551616.2.3.4.5"},
        {QUERY_PERIODS, "r1.2.3.4.5"},
        {QUERY_RECORDS, "p1.2.3.4.5"},
        {QUERY_EVENTS, "e1.2.3"},
        {QUERY_COUNT, "p1.2.3.4.5"},
        {QUERY_GRADINGS, "e1.2"},
        {QUERY_EVENTS, "e253402300800000000.7"}, /* the year 10000 */
        {QUERY_EVENTS, "e-62135596800000001.7"}, /* before the year 1 */
        {QUERY_REJECTS, "j-1"},
        {QUERY_REJECTS, "j9223372036854775808"},
        {QUERY_CHANGES, "c1.2"},
        {QUERY_CHANGES, "c1.2.3.4"},
        {QUERY_CHANGES, "c1.2.-3"},
        {QUERY_CHANGES, "c1.2.9223372036854775808"},
        {QUERY_CHANGES, "now"},
        {QUERY_CHANGES, "e1.2"},
        {QUERY_ACCOUNTS, "a"},
        {QUERY_ACCOUNTS, "x1"},
        {QUERY_ACCOUNTS, "a\xff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor c;
        if (cursor_parse(cases[i].kind, slice_of(cases[i].text), &c) != -1) {
            fail_msg("accepted: \"%s\"", cases[i].text);
        }
    }
    struct cursor c;
    assert_int_equal(cursor_parse(QUERY_EVENTS, (struct slice){"e1.2\0", 5}, &c), -1);
}

static void test_words_in_place_of_a_cursor(void **state)
{
    (void)state;
    assert_true(cursor_is_word(QUERY_CHANGES, slice_of("now")));
    assert_true(cursor_is_word(QUERY_CHANGES, slice_of("begin")));
    assert_false(cursor_is_word(QUERY_CHANGES, slice_of("")));
    assert_false(cursor_is_word(QUERY_CHANGES, slice_of("beginning")));
    assert_false(cursor_is_word(QUERY_CHANGES, slice_of("c1.2.3")));
    assert_false(cursor_is_word(QUERY_EVENTS, slice_of("now")));
}

static void test_only_listings_have_one(void **state)
{
    (void)state;
    char letters[QUERY_KINDS + 1] = "";
    for (int kind = 0; kind < QUERY_KINDS; kind++) {
        const struct query_row *row = &query_rows[kind];
        bool lists = false;
        for (int i = 0; row->columns[i] != NULL; i++) {
            lists = lists || strcmp(row->columns[i], "list.cursor") == 0;
        }
        assert_int_equal(cursor_sql((enum query_kind)kind) != NULL, lists);
        if (lists) { /* a letter of its own */
            assert_true(strlen(row->letter) == 1 && strchr(letters, row->letter[0]) == NULL);
            letters[strlen(letters)] = row->letter[0];
        }
    }
    assert_true(strlen(letters) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_words_in_place_of_a_cursor),
        cmocka_unit_test(test_only_listings_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
