/* SPDX-License-Identifier: Apache-2.0 */
/* What is foreseen: how long room suffices, and which certificates are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/disk_room.h"
#include "common/foreseen.h"

#define GIB      (UINT64_C(1) << 30)
#define SECOND   INT64_C(1000000)
#define MINUTE_S 60

static struct disk_room room;

/* A look each second for so many minutes, of what loses so many bytes a second, and is noisy. */
static void watch(int minutes, uint64_t left, double taken, uint64_t noise)
{
    room = (struct disk_room){0};
    for (int s = 0; s <= minutes * MINUTE_S; s++) {
        uint64_t wave = s % 120 < 60 ? noise : 0;
        disk_room_saw(&room, s * SECOND, 100 * GIB,
                      (uint64_t)((int64_t)left - (int64_t)(taken * s)) - wave);
    }
}

static void test_nothing_is_known_at_first(void **state)
{
    int64_t over_s, full_s;
    (void)state;
    room = (struct disk_room){0};
    assert_int_equal(disk_room_way(&room, &over_s, &full_s), DISK_ROOM_UNKNOWN);
    assert_int_equal(over_s, 0);
    watch(9, 50 * GIB, 1e6, 0);
    assert_int_equal(disk_room_way(&room, &over_s, &full_s), DISK_ROOM_UNKNOWN);
    assert_int_equal(over_s, 540);
    assert_int_equal(full_s, 0);
}

static void test_when_it_is_full(void **state)
{
    static const struct {
        int minutes, over_minutes;
        double taken;
        uint64_t noise;
    } rows[] = {{10, 10, 1e6, 0}, {60, 60, 1e6, 0}, {60, 60, 1e6, 100000000}, {1000, 359, 1e5, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t over_s, full_s;
        watch(rows[i].minutes, 50 * GIB, rows[i].taken, rows[i].noise);
        assert_int_equal(disk_room_way(&room, &over_s, &full_s), DISK_ROOM_FILLING);
        assert_int_equal(over_s, rows[i].over_minutes * MINUTE_S);
        double expected = (double)room.free_bytes / rows[i].taken;
        assert_true((double)full_s > 0.95 * expected && (double)full_s < 1.05 * expected);
    }
}

static void test_what_does_not_fill(void **state)
{
    int64_t over_s, full_s;
    (void)state;
    watch(30, 50 * GIB, 0, 0);
    assert_int_equal(disk_room_way(&room, &over_s, &full_s), DISK_ROOM_STEADY);
    watch(30, 50 * GIB, -1e6, 0); /* somebody makes room */
    assert_int_equal(disk_room_way(&room, &over_s, &full_s), DISK_ROOM_STEADY);
    watch(30, 50 * GIB, 100, 0); /* 17 years */
    assert_int_equal(disk_room_way(&room, &over_s, &full_s), DISK_ROOM_STEADY);
    assert_int_equal(full_s, 0);
}

static void test_another_disk_begins_anew(void **state)
{
    int64_t over_s, full_s;
    (void)state;
    watch(30, 50 * GIB, 1e6, 0);
    disk_room_saw(&room, 1801 * SECOND, 200 * GIB, 150 * GIB);
    assert_int_equal(disk_room_way(&room, &over_s, &full_s), DISK_ROOM_UNKNOWN);
    assert_int_equal(room.free_bytes, 150 * GIB);
}

static void test_the_first_to_end_are_told(void **state)
{
    struct foreseen_ends ends = {0};
    (void)state;
    for (int i = 0; i < 100; i++) { /* in an order of their own */
        foreseen_add(&ends, FORESEEN_CLIENT, slice_of("c"), (i * 37 % 100 + 1) * SECOND);
    }
    assert_int_equal(ends.count, FORESEEN_ENDS);
    assert_int_equal(ends.left_out, 100 - FORESEEN_ENDS);
    for (int i = 0; i < FORESEEN_ENDS; i++) {
        assert_int_equal(ends.at[i].ends_us, (i + 1) * SECOND);
    }
}

static void test_what_the_status_says(void **state)
{
    struct foreseen_ends ends = {0};
    char long_name[2 * FORESEEN_WHOSE_BYTES];
    char *text = NULL;
    size_t size;
    (void)state;
    memset(long_name, 'x', sizeof long_name);
    foreseen_add(&ends, FORESEEN_AUTHORITY, (struct slice){long_name, sizeof long_name},
                 INT64_C(1796041800) * SECOND);
    foreseen_add(&ends, FORESEEN_CERTIFICATE, slice_of("a\"b\xff"), INT64_C(1764505800) * SECOND);
    assert_int_equal(strlen(ends.at[1].whose), FORESEEN_WHOSE_BYTES - 1);
    ends.count = 1;
    foreseen_tell_ends(&ends);
    foreseen_tell_room("spool", 0, 100, 40);
    foreseen_tell_room("store", 0, 200, 50);
    foreseen_tell_room("spool", 0, 100, 30);
    FILE *f = open_memstream(&text, &size);
    foreseen_print(f);
    fclose(f);
    assert_string_equal(
        text, "  \"ends_left_out\": 0,\n  \"ends\": [\n    {\"what\": \"certificate\", \"whose\": "
              "\"a\\\"b?\", \"ends_at\": \"2025-11-30T12:30:00Z\"}],\n  \"rooms\": [\n"
              "    {\"of\": \"spool\", \"bytes\": 100, \"free_bytes\": 30, \"way\": \"unknown\", "
              "\"over_s\": 0, \"full_s\": null},\n"
              "    {\"of\": \"store\", \"bytes\": 200, \"free_bytes\": 50, \"way\": \"unknown\", "
              "\"over_s\": 0, \"full_s\": null}],\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_known_at_first),
                                       cmocka_unit_test(test_when_it_is_full),
                                       cmocka_unit_test(test_what_does_not_fill),
                                       cmocka_unit_test(test_another_disk_begins_anew),
                                       cmocka_unit_test(test_the_first_to_end_are_told),
                                       cmocka_unit_test(test_what_the_status_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
