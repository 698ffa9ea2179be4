/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of senders outlives the process; what is not known is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "ingestd/signed/replay_memory.h"

#define NOW    INT64_C(1795910400000000)
#define WINDOW INT64_C(300000000)
#define S      INT64_C(1000000)

static char folder[] = "/tmp/test-replay-memory-XXXXXX";
static char file[sizeof folder + 20];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/ingestd.replay", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

static struct replay_memory *open_at(int64_t now_us)
{
    struct replay_memory *m = replay_memory_open(folder, now_us);
    assert_non_null(m);
    return m;
}

static struct replay_memory *open_new(void)
{
    unlink(file);
    return open_at(NOW);
}

static int64_t missing;

static enum replay_verdict take(struct replay_memory *m, uint8_t key, int64_t epoch,
                                uint64_t sequence, int64_t time_us)
{
    const struct signed_head head = {
        .key_id = {key}, .epoch = (uint64_t)epoch, .sequence = sequence, .time_us = time_us};
    return replay_memory_take(m, &head, time_us, WINDOW, &missing);
}

#define expect(m, key, epoch, sequence, time_us, verdict, how_many)                                \
    do {                                                                                           \
        assert_int_equal(take(m, key, epoch, sequence, time_us), verdict);                         \
        assert_int_equal(missing, how_many);                                                       \
    } while (0)

static void test_what_is_missing(void **state)
{
    (void)state;
    struct replay_memory *m = open_new();
    int64_t epoch = NOW + S;
    expect(m, 1, epoch, 3, epoch, REPLAY_NEWEST, 2); /* an epoch's first ones count */
    expect(m, 1, epoch, 4, epoch, REPLAY_NEWEST, 0);
    expect(m, 1, epoch, 9, epoch, REPLAY_NEWEST, 4);
    expect(m, 1, epoch, 1, epoch, REPLAY_LATE, -1);
    expect(m, 1, epoch, 1, epoch, REPLAY_SEEN, 0);
    expect(m, 1, epoch, 6, epoch, REPLAY_LATE, -1);
    expect(m, 2, epoch, 1, epoch, REPLAY_NEWEST, 0); /* another key */
    expect(m, 1, epoch + 1, 1, epoch + 1, REPLAY_NEWEST, 0);
    expect(m, 1, epoch, SIGNED_SEQUENCE_MOST, epoch, REPLAY_NEWEST, REPLAY_LEAP);
    assert_int_equal(replay_memory_epochs(m), 3);
    /* Of one that began before the memory nobody knows what came. */
    int64_t old = NOW - 100 * S;
    expect(m, 1, old, 50, NOW + 1, REPLAY_NEWEST, 0);
    expect(m, 1, old, 49, NOW + 1, REPLAY_LATE, 0);
    expect(m, 1, old, 52, NOW + 1, REPLAY_NEWEST, 1);
    expect(m, 1, old, 51, NOW + 1, REPLAY_LATE, -1);
    replay_memory_free(&m);
}

static void test_it_outlives_the_process(void **state)
{
    (void)state;
    struct replay_memory *m = open_new();
    expect(m, 1, NOW + S, 1, NOW + S, REPLAY_NEWEST, 0);
    expect(m, 1, NOW + S, 3, NOW + S, REPLAY_NEWEST, 1);
    replay_memory_free(&m);
    m = open_at(NOW + 50 * S);
    assert_int_equal(replay_memory_since(m), NOW);
    expect(m, 1, NOW + S, 1, NOW + S, REPLAY_SEEN, 0);
    expect(m, 1, NOW + S, 3, NOW + S, REPLAY_SEEN, 0);
    expect(m, 1, NOW + S, 2, NOW + S, REPLAY_LATE, -1);
    expect(m, 1, NOW + S, 4, NOW + S, REPLAY_NEWEST, 0);
    replay_memory_free(&m);
}

static void damage(off_t at)
{
    FILE *f = fopen(file, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fputc('?', f), '?');
    fclose(f);
}

/* Gone, cut, of another start of the machine, or of another form. */
static void test_without_it_nothing_before_is_taken(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct replay_memory *m = open_new();
        expect(m, 1, NOW + S, 1, NOW + S, REPLAY_NEWEST, 0);
        replay_memory_free(&m);
        if (how == 0) {
            unlink(file);
        } else if (how == 1) {
            assert_int_equal(truncate(file, 1000), 0);
        } else {
            damage(how == 2 ? 0 : 10);
        }
        m = open_at(NOW + 2 * S);
        assert_int_equal(replay_memory_epochs(m), 0);
        expect(m, 1, NOW + S, 1, NOW + S, REPLAY_BEFORE, 0);
        expect(m, 1, NOW + S, 1, NOW + 2 * S, REPLAY_BEFORE, 0);
        expect(m, 1, NOW + S, 1, NOW + 2 * S + 1, REPLAY_NEWEST, 0);
        replay_memory_free(&m);
    }
}

static void test_where_no_file_can_be(void **state)
{
    (void)state;
    struct replay_memory *m = replay_memory_open("/proc/none", NOW);
    assert_non_null(m);
    expect(m, 1, NOW + S, 1, NOW + S, REPLAY_NEWEST, 0);
    expect(m, 1, NOW + S, 1, NOW + S, REPLAY_SEEN, 0);
    replay_memory_free(&m);
}

/* One that is given up could come again as if it were new, so its time bounds what is believed. */
static void test_epochs_of_a_key_are_bounded(void **state)
{
    (void)state;
    struct replay_memory *m = open_new();
    for (int64_t i = 1; i <= REPLAY_EPOCHS_OF_KEY; i++) {
        expect(m, 1, NOW + i * S, 1, NOW + i * S, REPLAY_NEWEST, 0);
    }
    int64_t last = REPLAY_EPOCHS_OF_KEY;
    expect(m, 1, NOW + (last + 1) * S, 1, NOW + (last + 1) * S, REPLAY_CROWDED, 0);
    expect(m, 2, NOW + (last + 1) * S, 1, NOW + (last + 1) * S, REPLAY_NEWEST, 0);
    expect(m, 1, NOW + S, 2, NOW + (last + 1) * S, REPLAY_NEWEST, 0); /* in use again */
    expect(m, 1, NOW + 302 * S, 1, NOW + 302 * S, REPLAY_CROWDED, 0);
    expect(m, 1, NOW + 303 * S, 1, NOW + 303 * S, REPLAY_NEWEST, 0); /* the second is given up */
    assert_int_equal(replay_memory_since(m), NOW + 2 * S);
    expect(m, 1, NOW + 2 * S, 1, NOW + 2 * S, REPLAY_BEFORE, 0);
    expect(m, 1, NOW + S, 2, NOW + 303 * S, REPLAY_SEEN, 0);
    assert_int_equal(replay_memory_epochs(m), REPLAY_EPOCHS_OF_KEY + 1);
    replay_memory_free(&m);
    m = open_at(NOW + 304 * S);
    assert_int_equal(replay_memory_epochs(m), REPLAY_EPOCHS_OF_KEY + 1);
    expect(m, 1, NOW + 303 * S, 1, NOW + 303 * S, REPLAY_SEEN, 0);
    replay_memory_free(&m);
}

static void test_all_epochs_are_bounded(void **state)
{
    (void)state;
    struct replay_memory *m = open_new();
    for (int64_t i = 0; i < REPLAY_EPOCHS; i++) {
        expect(m, (uint8_t)(i / 200), NOW + S + i, 1, NOW + S + i, REPLAY_NEWEST, 0);
    }
    expect(m, 200, NOW + 2 * S, 1, NOW + 2 * S, REPLAY_CROWDED, 0);
    expect(m, 200, NOW + 400 * S, 1, NOW + 400 * S, REPLAY_NEWEST, 0);
    assert_int_equal(replay_memory_epochs(m), REPLAY_EPOCHS);
    expect(m, 0, NOW + S, 1, NOW + S, REPLAY_BEFORE, 0);
    expect(m, 0, NOW + S + 1, 1, NOW + S + 1, REPLAY_SEEN, 0);
    replay_memory_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_it_outlives_the_process),
        cmocka_unit_test(test_without_it_nothing_before_is_taken),
        cmocka_unit_test(test_where_no_file_can_be),
        cmocka_unit_test(test_epochs_of_a_key_are_bounded),
        cmocka_unit_test(test_all_epochs_are_bounded),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
