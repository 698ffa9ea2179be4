/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tally of an ingestd that is killed, at each point where a kill can come: what the next one
 * finds. A kill leaves the file as it is, so does a tally that is opened anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingestd/udp/tally.h"
#include "ingestd/udp/udp.h"
#include "tests/unit/spool_folder.h"

static struct tally_found found;

/* The one before is killed; the next one opens it, with so much in its spool. */
static void restart(struct tally **t, uint64_t spooled_next)
{
    uint64_t drops[1];
    tally_free(t);
    *t = tally_open(folder, NULL, 0, spooled_next, drops, &found);
    assert_non_null(*t);
}

static void assert_found(uint64_t lost, uint64_t maybe_lost)
{
    assert_int_equal(found.lost, lost);
    assert_int_equal(found.maybe_lost, maybe_lost);
}

static void spool(struct tally *t, uint64_t next, struct tally_told told, bool committed)
{
    tally_spooling(t, next, &told);
    tally_spooled(t, committed);
}

static void test_what_is_read_and_not_spooled(void **state)
{
    (void)state;
    struct tally *t = NULL;
    restart(&t, 1);
    assert_found(0, 0);
    assert_int_equal(found.read_us, 0);
    tally_reading(t);
    tally_read(t, 50, 1000);
    spool(t, 2, (struct tally_told){.datagrams = 30}, true);
    tally_reading(t);
    tally_read(t, 7, 2000);
    restart(&t, 2);
    assert_found(27, 0);
    assert_int_equal(found.read_us, 2000);
    tally_free(&t);
}

static void test_killed_while_it_reads(void **state)
{
    (void)state;
    struct tally *t = NULL;
    restart(&t, 1);
    tally_reading(t);
    tally_read(t, 50, 1000);
    tally_reading(t);
    restart(&t, 1);
    assert_found(50, UDP_BURST);
    tally_free(&t);
}

/* Whether it was committed is seen in the spool, by the sequence after its last. */
static void test_killed_while_it_commits(void **state)
{
    (void)state;
    const struct tally_told told = {.datagrams = 50};
    for (uint64_t next = 4; next <= 6; next++) {
        struct tally *t = NULL;
        restart(&t, 1);
        tally_read(t, 60, 1000);
        spool(t, 4, (struct tally_told){.datagrams = 20}, true);
        tally_spooling(t, 6, &told);
        restart(&t, next);
        assert_found(next == 6 ? 10 : 40, 0);
        spool(t, next + 1, (struct tally_told){.lost = true}, true);
        tally_free(&t);
    }
    struct tally *t = NULL;
    restart(&t, 7);
    tally_read(t, 60, 1000);
    spool(t, 8, told, false);
    restart(&t, 100); /* it is known to have failed, whatever was written since */
    assert_found(60, 0);
    tally_free(&t);
}

/* Over any number of kills, until it is in the spool that it was told. */
static void test_lost_is_told_once(void **state)
{
    (void)state;
    struct tally *t = NULL;
    restart(&t, 1);
    tally_read(t, 5, 1000);
    tally_reading(t);
    restart(&t, 1);
    assert_found(5, UDP_BURST);
    restart(&t, 1);
    assert_found(5, UDP_BURST);
    assert_int_equal(found.read_us, 1000);
    tally_read(t, 3, 2000);
    restart(&t, 1);
    assert_found(8, UDP_BURST);
    tally_spooling(t, 2, &(struct tally_told){.lost = true});
    restart(&t, 1);
    assert_found(8, UDP_BURST);
    tally_spooling(t, 2, &(struct tally_told){.lost = true});
    restart(&t, 2);
    assert_found(0, 0);
    tally_read(t, 1, 3000);
    restart(&t, 2);
    assert_found(1, 0);
    tally_free(&t);
}

/* While the spool cannot be written batches are pushed all the same. */
static void test_when_the_spool_cannot_be_written(void **state)
{
    (void)state;
    struct tally *t = NULL;
    restart(&t, 1);
    tally_read(t, 9, 1000);
    tally_spooling(t, 2, &(struct tally_told){.datagrams = 9});
    tally_unsure(t);
    tally_spooled(t, false);
    restart(&t, 1);
    assert_found(0, 9);
    tally_read(t, 4, 1000);
    tally_unsure(t);
    spool(t, 3, (struct tally_told){.datagrams = 4, .lost = true}, true);
    tally_read(t, 2, 1000);
    restart(&t, 3);
    assert_found(2, 0);
    tally_free(&t);
}

static void test_a_file_that_is_none(void **state)
{
    (void)state;
    char path[FOLDER_PATH_BYTES];
    struct tally *t = NULL;
    restart(&t, 1);
    tally_read(t, 9, 1000);
    tally_free(&t);
    folder_path(path, folder, "ingestd.tally");
    assert_int_equal(truncate(path, 100), 0);
    restart(&t, 1);
    assert_found(0, 0);
    tally_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_read_and_not_spooled, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(test_killed_while_it_reads, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(test_killed_while_it_commits, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(test_lost_is_told_once, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_when_the_spool_cannot_be_written, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_none, folder_set_up, folder_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
