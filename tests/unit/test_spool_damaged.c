/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spools that were damaged: cut, overwritten, of another time, away. What can be read comes back;
 * what does not is reported, to the batch; no sequence is given twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon.h"
#include "tests/unit/spool_image.h"

/* In place of the C library's: as large, but of holes. Some thousand spools are opened here, each
 * with a reserve, and making room for these took half of the time. */
int posix_fallocate(int fd, off_t at, off_t size)
{
    struct stat here;
    if (fstat(fd, &here) == -1) {
        return errno;
    }
    return here.st_size >= at + size || ftruncate(fd, at + size) == 0 ? 0 : errno;
}

/* Whether this offset is worth a try: every byte near the end and where frames or pages begin, some
 * in between. */
static bool is_tried(size_t at, size_t size, size_t first, size_t each)
{
    size_t in_page = at < first ? 0 : (at - first) % each;
    return size - at < 256 || in_page < 16 || each - in_page < 4 || at % 509 == 0;
}

static void test_log_cut_at_every_byte(void **state)
{
    (void)state;
    struct box b;
    box_open_filled(&b, 2, 3000);
    for (uint64_t s = 1; s <= 2; s++) {
        box_push(&b);
        box_acknowledge(&b, s);
    }
    box_add_some(&b, 3, 8, 2500);
    image_take();
    box_close(&b);
    uint64_t before = 6;
    for (size_t size = image.log_size; size > 0; size--) {
        if (is_tried(size, image.log_size, 32, 4096 + 24)) {
            spoilt = image;
            spoilt.log_size = size;
            uint64_t found = image_recovers(3, 9, true);
            assert_true(found <= before);
            before = found;
        }
    }
    assert_int_equal(before, 0);
}

static void test_file_cut_at_every_byte(void **state)
{
    (void)state;
    struct box b;
    box_open_filled(&b, 3, 6000);
    box_add_some(&b, 4, 9, 900);
    box_close(&b);
    image_take();
    assert_int_equal(image.log_size, 0);
    for (size_t size = image.file_size; size > 0; size--) {
        if (is_tried(size, image.file_size, 0, 4096)) {
            spoilt = image;
            spoilt.file_size = size;
            image_recovers(1, 10, true);
        }
    }
    spoilt.file_size = 0;
    assert_int_equal(image_recovers(1, 10, true), 0);
}

static void flip(char *bytes, size_t size)
{
    size_t at = (size_t)rand() % size;
    bytes[at] = (char)(bytes[at] ^ (1 << rand() % 8));
}

static void test_flipped_bits(void **state)
{
    (void)state;
    uint64_t whole = 0, damaged = 0;
    srand(20261122);
    image_take_killed(6, 5000); /* in the log */
    for (int i = 0; i < 250; i++) {
        spoilt = image;
        flip(spoilt.log, spoilt.log_size);
        uint64_t found = image_recovers(1, 7, true);
        assert_in_range(found, 4, 6);
        *(found == 6 ? &whole : &damaged) += 1;
    }
    image_take(); /* in the file */
    for (int i = 0; i < 350; i++) {
        spoilt = image;
        /* The first bytes of pages are few, and matter most. */
        size_t page = 4096 * ((size_t)rand() % (spoilt.file_size / 4096));
        flip(spoilt.file + (i % 2 == 0 ? page : 0), i % 2 == 0 ? 120 : spoilt.file_size);
        uint64_t found = image_recovers(1, 7, true);
        *(found == 6 ? &whole : &damaged) += 1;
    }
    assert_true(whole > 50 && damaged > 200);
}

static void test_header_destroyed(void **state)
{
    (void)state;
    image_take_stopped(6, 20000);
    memset(spoilt.file, 0, 4096);
    assert_int_equal(image_recovers(1, 7, true), 6);
    memset(spoilt.file, 0xff, 100);
    assert_int_equal(image_recovers(1, 7, true), 6);
    memset(spoilt.file, 0, spoilt.file_size);
    assert_int_equal(image_recovers(1, 7, true), 0);
}

/* Without the head nothing is known of what was given last: sequences may be given again, but in
 * another epoch, so that no batch has the name of another. */
static void test_head_lost(void **state)
{
    (void)state;
    const struct spool_found first = image_take_killed(6, 2000);
    for (size_t size = 0; size < image.head_size; size++) {
        spoilt = image;
        spoilt.head_size = size;
        assert_int_equal(image_recovers(1, 7, false), 6);
    }
    srand(20261123);
    for (int i = 0; i < 100; i++) {
        spoilt = image;
        flip(spoilt.head, spoilt.head_size);
        assert_int_equal(image_recovers(1, 7, false), 6);
    }
    /* Together with the end of the file. */
    spoilt = image;
    spoilt.head_size = 0;
    spoilt.log_size -= 5000;
    image_put(&spoilt);
    const struct spool_found found = box_look(box_other);
    assert_memory_equal(found.instance, first.instance, 16);
    assert_in_range(found.next, 2, 7);
    assert_true(found.epoch != 0 && found.epoch != first.epoch);
}

/* ---- power failures ---- */

static char durable_head[512];
static size_t durable_head_size;

/* In place of the C library's: what a head was synced as is what a power failure leaves of it. The
 * disk is not waited for: here files are damaged by writing into them. */
int fdatasync(int fd)
{
    struct stat here, synced;
    char file[FOLDER_PATH_BYTES];
    folder_path(file, folder, "spool.head");
    if (fstat(fd, &here) == 0 && stat(file, &synced) == 0 && here.st_ino == synced.st_ino &&
        here.st_dev == synced.st_dev) {
        durable_head_size = folder_read(folder, "spool.head", durable_head, sizeof durable_head);
    }
    return fcntl(fd, F_GETFD) == -1 ? -1 : 0;
}

int fsync(int fd)
{
    return fcntl(fd, F_GETFD) == -1 ? -1 : 0;
}

/* A power failure: the head is of another boot and may be as old as the rest. */
static void test_power_failure(void **state)
{
    (void)state;
    struct box b;
    image_take_killed(6, 2000);
    image_put(&image);
    char file[FOLDER_PATH_BYTES];
    folder_path(file, box_other, "spool.head");
    int fd = spool_head_open(file);
    struct spool_head head;
    assert_int_equal(spool_head_read(fd, &head), 0);
    assert_int_equal(head.next, 7);
    assert_int_equal(head.oldest, 1);
    assert_false(head.closed);
    close(fd);
    image_set(&image, "boot ", "bbbbbbbb");
    image_put(&image);
    box_open(&b, box_other);
    assert_int_equal(b.found.content.batches, 6);
    assert_int_equal(b.found.next, 7);
    assert_false(b.found.damaged);
    outbox_fill(b.out);
    box_add_small(&b);
    assert_int_equal(box_commit(&b), 0);
    box_push_some(&b, 1, 6);
    const struct window_batch *seventh = outbox_next_to_push(b.out, 1);
    assert_int_equal(seventh->sequence, 7);
    assert_true(seventh->epoch == b.found.epoch && seventh->epoch_first == 7);
    box_close(&b);
}

/* A head that says "closed" must not outlive the next start: what could not be written then would
 * not be told. */
static void test_power_failure_after_a_stop(void **state)
{
    (void)state;
    struct box b;
    box_open_filled(&b, 6, 2000);
    box_close(&b);
    durable_head_size = folder_read(folder, "spool.head", durable_head, sizeof durable_head);
    box_open(&b, folder);
    image_take();
    box_add_some(&b, 7, 9, 2000);
    box_push_some(&b, 1, 9);
    box_close(&b);
    memcpy(image.head, durable_head, durable_head_size);
    image_set(&image, "boot ", "bbbbbbbb");
    image_put(&image);
    struct spool_found found = box_look(box_other);
    assert_true(found.next >= 7 && found.epoch != b.found.epoch);
}

/* ---- a spool that could not be written ---- */

/* Of a spool with five batches in its file, and two that came when it could not be written: as a
 * kill leaves it, and in `image` as a stop does. */
static struct image killed;

static void take_unwritten(void)
{
    struct box b;
    box_open_filled(&b, 5, 4000);
    box_limit_files(20000);
    box_add(&b, 6, 4000);
    box_add(&b, 7, 4000);
    assert_int_equal(box_commit(&b), -1);
    image_take();
    killed = image;
    box_close(&b);
    image_take();
    box_limit_files(RLIM_INFINITY);
}

/* What could not be written is no damage: lost with a process that was killed, told already by one
 * that ended in good order. */
static void test_unwritten_is_no_damage(void **state)
{
    (void)state;
    take_unwritten();
    for (int closed = 0; closed <= 1; closed++) {
        image_put(closed == 1 ? &image : &killed);
        struct spool_found found = box_look(box_other);
        assert_false(found.damaged);
        assert_int_equal(found.missing, closed == 1 ? 0 : 2);
        assert_int_equal(found.next, 8);
        assert_int_equal(found.content.batches, 5);
        assert_int_equal(box_look(box_other).missing, 0); /* told once */
    }
}

/* Damage is told all the same, and what was told before is not told again. */
static void test_unwritten_and_damaged(void **state)
{
    (void)state;
    take_unwritten();
    spoilt = killed;
    spoilt.log_size -= 3000;
    assert_true(image_recovers(1, 8, true) < 5);
    spoilt = image;
    spoilt.log_size -= 3000;
    image_put(&spoilt);
    struct spool_found found = box_look(box_other);
    assert_true(found.damaged);
    assert_int_equal(found.missing, 5 - found.content.batches);
    assert_int_equal(found.next, 8);
}

/* Without room for a recovery nothing is touched, until there is. */
static void test_no_room_to_recover(void **state)
{
    (void)state;
    struct spool_found found;
    image_take_stopped(6, 20000);
    spoilt = image;
    memset(spoilt.file, 0, 4096);
    image_put(&spoilt);
    box_limit_files(40000);
    for (int i = 0; i < 2; i++) {
        static char bytes[sizeof spoilt.file];
        char file[FOLDER_PATH_BYTES];
        assert_null(spool_open(box_other, &found));
        assert_int_equal(folder_read(box_other, "spool.sqlite", bytes, sizeof bytes),
                         spoilt.file_size);
        assert_memory_equal(bytes, spoilt.file, spoilt.file_size);
        folder_path(file, box_other, "spool.sqlite.new");
        assert_int_equal(access(file, F_OK), -1);
    }
    box_limit_files(RLIM_INFINITY);
    assert_int_equal(image_recovers(1, 7, true), 6);
}

/* ---- what operators do ---- */

/* What a stopped ingestd left, put back after it went on, whatever the times of the files: the
 * names that were given since are not given again. */
static void test_put_back(void **state)
{
    (void)state;
    bool has[64];
    uint64_t before = image_take_stopped(6, 2000).epoch;
    for (int i = 0; i < 3; i++) {
        struct box b;
        image_put(&image);
        box_open(&b, box_other);
        assert_false(b.found.damaged);
        assert_int_equal(b.found.next, 7);
        assert_true(b.found.epoch != 0 && b.found.epoch != before);
        before = b.found.epoch;
        box_add(&b, 7, 100);
        assert_int_equal(box_commit(&b), 0);
        assert_int_equal(box_drain(&b, has, 64), 7);
        box_close(&b);
        assert_int_equal(box_look(box_other).next, 8);
    }
}

static void test_spool_deleted(void **state)
{
    (void)state;
    const struct spool_found first = image_take_stopped(6, 2000);
    char file[FOLDER_PATH_BYTES];
    folder_path(file, folder, "spool.sqlite");
    assert_int_equal(unlink(file), 0);
    struct spool_found found = box_look(folder);
    assert_memory_equal(found.instance, first.instance, 16);
    assert_int_equal(found.next, 7);
    assert_int_equal(found.missing, 6);
    folder_clear(folder);
    found = box_look(folder); /* all of it: as new */
    assert_memory_not_equal(found.instance, first.instance, 16);
    assert_int_equal(found.next, 1);
}

/* A recovery that was interrupted is begun again, or finished. */
static void test_recovery_interrupted(void **state)
{
    (void)state;
    struct box b;
    bool has[64];
    image_take_stopped(6, 2000);
    folder_write(folder, "spool.sqlite.new", "rubbish", 7);
    assert_int_equal(box_look(folder).content.batches, 6);
    folder_write(folder, "spool.sqlite.recovered", image.file, image.file_size);
    folder_write(folder, "spool.sqlite", "rubbish", 7);
    folder_write(folder, "spool.sqlite-wal", "rubbish", 7);
    box_open(&b, folder);
    assert_int_equal(box_drain(&b, has, 64), 6);
    box_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOX_TEST(test_log_cut_at_every_byte),
        BOX_TEST(test_file_cut_at_every_byte),
        BOX_TEST(test_flipped_bits),
        BOX_TEST(test_header_destroyed),
        BOX_TEST(test_head_lost),
        BOX_TEST(test_power_failure),
        BOX_TEST(test_power_failure_after_a_stop),
        BOX_TEST(test_unwritten_is_no_damage),
        BOX_TEST(test_unwritten_and_damaged),
        BOX_TEST(test_no_room_to_recover),
        BOX_TEST(test_put_back),
        BOX_TEST(test_spool_deleted),
        BOX_TEST(test_recovery_interrupted),
    };
    return cmocka_run_group_tests(tests, box_quiet, NULL);
}
