/* SPDX-License-Identifier: Apache-2.0 */
/* common/grow.h and common/file.h: lists that double, whole files within a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/grow.h"

static void test_a_list_keeps_what_is_in_it(void **state)
{
    (void)state;
    uint64_t *list = NULL;
    uint32_t size = 0;
    for (uint32_t count = 0; count < 1000; count++) {
        list = grow(list, count, &size, sizeof *list);
        assert_non_null(list);
        assert_true(size > count);
        list[count] = count * UINT64_C(3);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(list[i], i * UINT64_C(3));
    }
    uint32_t full = size;
    assert_ptr_equal(grow(list, size - 1, &size, sizeof *list), list);
    assert_int_equal(size, full);
    free(list);
}

static void test_a_list_that_cannot_grow_stays(void **state)
{
    (void)state;
    uint32_t size = UINT32_MAX / 2 + 1;
    assert_null(grow(NULL, size, &size, 1));
    assert_int_equal(size, UINT32_MAX / 2 + 1);
    size = 1 << 30;
    assert_null(grow(NULL, size, &size, SIZE_MAX / 2));
    assert_int_equal(size, 1 << 30);
}

static void test_a_file_is_read_whole_or_not(void **state)
{
    (void)state;
    char path[] = "/tmp/ezrepo-file-XXXXXX";
    int fd = mkstemp(path);
    size_t size = 99;
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, "ab\0cd", 5), 5);
    close(fd);
    char *bytes = file_read(path, 5, &size);
    assert_non_null(bytes);
    assert_int_equal(size, 5);
    assert_memory_equal(bytes, "ab\0cd", 6);
    free(bytes);
    assert_null(file_read(path, 4, &size));
    assert_int_equal(errno, EFBIG);
    unlink(path);
    assert_null(file_read(path, 5, &size));
    assert_int_equal(errno, ENOENT);
    assert_null(file_read("/", 5, &size));
    assert_int_equal(errno, EISDIR);
}

static void test_root_reads_what_is_roots(void **state)
{
    (void)state;
    char path[] = "/tmp/ezrepo-file-XXXXXX";
    int fd = mkstemp(path);
    size_t size;
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, "ab", 2), 2);
    bool root = geteuid() == 0;
    static const struct {
        mode_t mode;
        uid_t owner;
        gid_t group;
        bool good;
    } cases[] = {{0640, 0, 7, true},  {0644, 0, 7, true},  {0660, 0, 0, true},
                 {0660, 0, 7, false}, {0646, 0, 0, false}, {0600, 7, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fchmod(fd, cases[i].mode), 0);
        if (root) {
            assert_int_equal(fchown(fd, cases[i].owner, cases[i].group), 0);
        }
        char *bytes = file_read_own(path, 9, &size);
        assert_int_equal(bytes != NULL, !root || cases[i].good); /* others read what they may */
        assert_true(bytes != NULL || errno == EPERM);
        free(bytes);
    }
    close(fd);
    unlink(path);
    assert_null(file_read_own(path, 9, &size));
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_list_keeps_what_is_in_it),
                                       cmocka_unit_test(test_a_list_that_cannot_grow_stays),
                                       cmocka_unit_test(test_a_file_is_read_whole_or_not),
                                       cmocka_unit_test(test_root_reads_what_is_roots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
