/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged spools that were moved aside: the newest few stay, whatever else is in the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ingestd/spool/spool_aside.h"
#include "tests/unit/spool_folder.h"

static void make(const char *name)
{
    folder_write(folder, name, "", 0);
}

static bool is_there(const char *name)
{
    char path[FOLDER_PATH_BYTES];
    folder_path(path, folder, name);
    return access(path, F_OK) == 0;
}

/* Of the three files that belong to one. */
static void name_of(char name[100], int day, int which)
{
    static const char *const ends[] = {"", "-wal", ".txt"};
    snprintf(name, 100, "spool.sqlite.damaged-202611%02dT101112.000001Z%s", day, ends[which]);
}

static void make_damaged(int day)
{
    for (int i = 0; i < 3; i++) {
        char name[100];
        name_of(name, day, i);
        make(name);
    }
}

static void assert_days(const char *days)
{
    for (int day = 1; day < 10; day++) {
        char name[100];
        bool kept = strchr(days, '0' + day) != NULL;
        for (int i = 0; i < 3; i++) {
            name_of(name, day, i);
            assert_int_equal(is_there(name), kept);
        }
    }
}

static void assert_trim(const char *suffix, uint64_t kept, uint64_t removed)
{
    struct spool_aside found = spool_aside_trim(folder, suffix);
    assert_int_equal(found.kept, kept);
    assert_int_equal(found.removed, removed);
}

static void test_the_newest_stay(void **state)
{
    (void)state;
    assert_trim("", 0, 0);
    static const int days[] = {7, 2, 9, 4, 5, 1};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        make_damaged(days[i]);
    }
    assert_trim("", 3, 3);
    assert_days("579");
    assert_trim("", 3, 0);
    assert_days("579");
}

static void test_the_one_of_now_stays(void **state)
{
    (void)state;
    for (int day = 1; day < 7; day++) {
        make_damaged(day);
    }
    assert_trim(".damaged-20261102T101112.000001Z", 4, 2);
    assert_days("2456");
    char suffix[SPOOL_ASIDE_BYTES], name[100];
    spool_aside_suffix(suffix);
    snprintf(name, sizeof name, "spool.sqlite%s", suffix);
    make(name);
    assert_trim(suffix, 3, 2);
    assert_true(is_there(name));
    assert_days("56");
}

static void test_other_files_stay(void **state)
{
    (void)state;
    static const char *const others[] = {"spool.sqlite",
                                         "spool.sqlite-wal",
                                         "spool.head",
                                         "spool.sqlite.damaged-",
                                         "spool.sqlite.damaged-20200101T101112.000001Z.gz",
                                         "spool.sqlite.damaged-20200101T101112.00001Z",
                                         "spool.sqlite.damaged-20200101T1011x2.000001Z",
                                         "my.damaged-20200101T101112.000001Z"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        make(others[i]);
    }
    for (int day = 1; day < 5; day++) {
        make_damaged(day);
    }
    assert_trim("", 3, 1);
    assert_days("234");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(is_there(others[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_newest_stay, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_the_one_of_now_stays, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_other_files_stay, folder_set_up, folder_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
