/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool: what is in it comes back after a stop and a kill; memory stays bounded; what happens
 * when it is full or cannot be written. Damaged ones: test_spool_damaged.c.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/spool_image.h"

/* ---- coming back ---- */

static void test_comes_back_after_a_stop(void **state)
{
    (void)state;
    struct box b;
    bool has[64];
    uint8_t instance[16];
    box_open(&b, folder);
    memcpy(instance, b.found.instance, 16);
    assert_int_equal(b.found.next, 1);
    box_add_some(&b, 1, 10, 1000);
    box_push_some(&b, 1, 2);
    box_close(&b);
    box_open(&b, folder);
    assert_memory_equal(b.found.instance, instance, 16);
    assert_int_equal(b.found.next, 11);
    assert_int_equal(b.found.content.batches, 10);
    assert_int_equal(b.found.content.rejects, 5 + 10);
    assert_int_equal(b.found.content.records, 55 - 15);
    assert_false(b.found.damaged);
    assert_int_equal(box_drain(&b, has, 64), 10);
    box_add_some(&b, 11, 11, 10);
    assert_int_equal(box_push(&b), 11);
    box_close(&b);
}

static void test_comes_back_after_a_kill(void **state)
{
    (void)state;
    struct box b;
    box_open_filled(&b, 10, 3000);
    image_take();
    assert_int_equal(image_recovers(1, 11, true), 10);
    box_push_some(&b, 1, 4);
    box_acknowledge(&b, 1);
    box_acknowledge(&b, 3);
    box_commit(&b);
    image_take();
    image_put(&image);
    struct box c;
    bool has[64];
    box_open(&c, box_other);
    assert_int_equal(box_drain(&c, has, 64), 8); /* 2, 4 and those never pushed */
    assert_false(has[1] || has[3]);
    box_close(&c);
    box_acknowledge(&b, 2);
    box_acknowledge(&b, 4);
    while (box_push(&b) != 0) {
    }
    box_acknowledge_some(&b, 5, 10);
    box_commit(&b);
    assert_int_equal(spool_state(b.spool).rows, 1); /* the mark that tells the next sequence */
    assert_int_equal(spool_state(b.spool).payload_bytes, 0);
    image_take();
    assert_int_equal(image_recovers(11, 11, true), 0);
    box_close(&b);
}

static void test_one_process_for_each(void **state)
{
    (void)state;
    struct box b;
    struct spool_found found;
    box_open(&b, folder);
    assert_null(spool_open(folder, &found));
    box_close(&b);
}

static void test_nobody_else_may_write_there(void **state)
{
    (void)state;
    struct spool_found found;
    for (mode_t others = 02; others <= 020; others *= 8) {
        assert_int_equal(chmod(folder, 0700 | others), 0);
        assert_null(spool_open(folder, &found));
    }
    assert_int_equal(chmod(folder, 0700), 0);
    box_look(folder);
}

/* More than memory may hold waits in the file, comes in order, and is not held twice. */
static void test_more_than_memory(void **state)
{
    (void)state;
    const struct outbox_limits limits = {64 * 1024, 1 << 30, BOX_RETRY_US};
    struct box b;
    box_open_with(&b, folder, &limits);
    srand(20261121);
    uint64_t added = 0, expected = 1;
    for (int round = 0; round < 3000; round++) {
        if (rand() % 5 < (round < 1500 ? 4 : 1)) {
            box_add(&b, ++added, 1000 + (size_t)rand() % 8000);
        }
        assert_int_equal(box_commit(&b), 0);
        assert_in_range(outbox_state(b.out).memory_bytes, 0, 64 * 1024 + 9000);
        uint64_t s = rand() % 3 == 0 ? box_push(&b) : 0;
        if (s != 0) {
            assert_int_equal(s, expected++);
            assert_int_equal(box_acknowledge(&b, s), 0);
        }
        assert_int_equal(outbox_state(b.out).batches, added - expected + 1);
    }
    assert_in_range(added - expected, 100, 3000);
    for (uint64_t s; (s = box_push(&b)) != 0;) {
        assert_int_equal(s, expected++);
        assert_int_equal(box_acknowledge(&b, s), 0);
        outbox_fill(b.out);
    }
    assert_int_equal(expected, added + 1);
    assert_int_equal(box_commit(&b), 0);
    assert_int_equal(spool_state(b.spool).payload_bytes, 0);
    box_close(&b);
}

static void test_full(void **state)
{
    (void)state;
    const struct outbox_limits limits = {64 * 1024, 1 << 20, BOX_RETRY_US};
    struct box b;
    uint64_t added = 0;
    box_open_with(&b, folder, &limits);
    while (outbox_room(b.out) == OUTBOX_OPEN) {
        box_add(&b, ++added, 8000);
        assert_int_equal(box_commit(&b), 0);
        assert_true(added < 200);
    }
    assert_int_equal(outbox_room(b.out), OUTBOX_SPOOL_FULL);
    assert_in_range(added, 120, 131);
    assert_false(outbox_has_room(b.out));
    for (int i = 0; i < 10; i++) {
        box_acknowledge(&b, box_push(&b));
        box_commit(&b);
    }
    assert_int_equal(outbox_room(b.out), OUTBOX_OPEN);
    assert_true(outbox_has_room(b.out));
    box_close(&b);
}

/* ---- a spool that cannot be written ---- */

static void test_cannot_be_written(void **state)
{
    (void)state;
    const struct outbox_limits limits = {256 * 1024, 1 << 30, BOX_RETRY_US};
    struct box b;
    bool has[1000];
    box_open_with(&b, folder, &limits);
    box_add_some(&b, 1, 5, 1000);
    while (box_push(&b) != 0) {
    }
    box_limit_files(60000);
    uint64_t added = 5, spooled = 5;
    while (outbox_room(b.out) == OUTBOX_OPEN) {
        box_add(&b, ++added, 8000);
        spooled = box_commit(&b) == 0 ? added : spooled;
        assert_true(added < 100);
    }
    assert_int_equal(outbox_room(b.out), OUTBOX_MEMORY_FULL);
    assert_true(spool_state(b.spool).failing);
    assert_true(spool_state(b.spool).fault[0] != '\0');
    assert_true(spool_state(b.spool).write_errors > 0);
    assert_in_range(outbox_state(b.out).memory_bytes, 200 * 1024, 300 * 1024);
    assert_in_range(outbox_state(b.out).unspooled, 10, 40);
    /* From memory it goes on: pushed, acknowledged, room for more. */
    uint64_t last = 5, s;
    while (last < added - 3 && (s = box_push(&b)) != 0) {
        assert_int_equal(s, ++last);
        if (s % 2 == 0) {
            assert_int_equal(box_acknowledge(&b, s), 0);
        }
        assert_int_equal(box_commit(&b), -1);
    }
    /* What is acknowledged need not be in the spool any more. */
    uint64_t unspooled = 0;
    for (s = spooled + 1; s <= added; s++) {
        unspooled += s > last || s % 2 != 0;
    }
    assert_int_equal(outbox_state(b.out).unspooled, unspooled);
    /* Killed now, its sequences are known as given, and as missing. */
    image_take();
    box_limit_files(RLIM_INFINITY);
    assert_int_equal(box_commit(&b), 0);
    assert_false(spool_state(b.spool).failing);
    assert_int_equal(outbox_state(b.out).unspooled, 0);
    uint64_t held = outbox_state(b.out).batches;
    box_close(&b);
    box_open(&b, folder);
    assert_false(b.found.damaged);
    assert_int_equal(b.found.next, added + 1);
    assert_int_equal(box_drain(&b, has, 1000), held);
    for (s = 6; s <= last; s++) {
        assert_int_equal(has[s], s % 2 != 0);
    }
    box_close(&b);
    image_put(&image);
    struct spool_found found = box_look(box_other);
    assert_true(found.next > last);
    assert_true(found.missing > 0);
    assert_false(found.damaged);
}

/* What neither the file nor the head can tell is not pushed: a killed ingestd would give its
 * sequences again. */
static void test_not_even_the_head_can_be_written(void **state)
{
    (void)state;
    struct box b;
    box_open_filled(&b, 5, 1000);
    box_push_some(&b, 1, 5);
    box_limit_files(0);
    box_add(&b, 6, 1000);
    box_add(&b, 7, 1000);
    assert_int_equal(box_commit(&b), -1);
    assert_int_equal(box_push(&b), 0);
    image_take();
    box_limit_files(RLIM_INFINITY);
    image_put(&image);
    assert_int_equal(box_look(box_other).next, 6);
    assert_int_equal(box_commit(&b), 0);
    box_push_some(&b, 6, 7);
    box_close(&b);
}

/* As a disk that is full at the start: what is there is pushed, and the rest written later. */
static void test_cannot_be_written_from_the_start(void **state)
{
    (void)state;
    struct box b;
    bool has[64];
    box_open_filled(&b, 5, 3000);
    image_take(); /* with a log to be replayed */
    box_close(&b);
    image_put(&image);
    box_limit_files(4096); /* room for the head, not for SQLite's index of the log */
    box_open(&b, box_other);
    assert_true(b.found.fault[0] != '\0' && spool_state(b.spool).failing);
    assert_int_equal(b.found.content.batches, 5);
    assert_false(b.found.damaged);
    box_add(&b, 6, 3000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(box_commit(&b), -1);
    }
    box_push_some(&b, 1, 6);
    box_acknowledge_some(&b, 1, 2);
    box_limit_files(RLIM_INFINITY);
    assert_int_equal(box_commit(&b), 0);
    assert_false(spool_state(b.spool).failing);
    box_add(&b, 7, 3000);
    box_close(&b);
    box_open(&b, box_other);
    assert_true(b.found.fault[0] == '\0');
    assert_int_equal(b.found.content.first, 3);
    assert_int_equal(b.found.missing, 0);
    assert_int_equal(box_drain(&b, has, 64), 5);
    box_close(&b);
}

/* A spool that is new has nothing to be read; it is made when that is possible. */
static void test_cannot_be_made(void **state)
{
    (void)state;
    struct box b;
    box_limit_files(0);
    box_open(&b, folder);
    assert_int_equal(b.found.next, 1);
    box_add(&b, 1, 3000);
    assert_int_equal(box_commit(&b), -1);
    assert_int_equal(box_push(&b), 0); /* nobody would know that 1 is given */
    box_close(&b);
    assert_true(box_look(folder).next == 1); /* nothing of it is left to be found */
    box_open(&b, folder);
    box_add(&b, 1, 3000);
    assert_int_equal(box_commit(&b), -1);
    box_limit_files(RLIM_INFINITY);
    assert_int_equal(box_commit(&b), 0);
    box_push_some(&b, 1, 1);
    box_close(&b);
    struct spool_found found = box_look(folder);
    assert_int_equal(found.content.batches, 1);
    assert_false(found.damaged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOX_TEST(test_comes_back_after_a_stop),
        BOX_TEST(test_comes_back_after_a_kill),
        BOX_TEST(test_one_process_for_each),
        BOX_TEST(test_nobody_else_may_write_there),
        BOX_TEST(test_more_than_memory),
        BOX_TEST(test_full),
        BOX_TEST(test_cannot_be_written),
        BOX_TEST(test_not_even_the_head_can_be_written),
        BOX_TEST(test_cannot_be_written_from_the_start),
        BOX_TEST(test_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, box_quiet, NULL);
}
