/* SPDX-License-Identifier: Apache-2.0 */
/* Signs of life: breaks, absences of processes, clocks that step, the file that is torn. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/life.h"
#include "common/presence.h"
#include "ingestd/signs/presence_file.h"
#include "ingestd/signs/settled.h"
#include "tests/unit/spool_folder.h"

#define S(n) ((int64_t)(n)*1000000)

static void test_a_life_breaks_where_nothing_was_told(void **state)
{
    (void)state;
    struct life l = {0};
    life_sign(&l, S(100));
    life_sign(&l, S(101));
    life_sign(&l, S(106));
    assert_int_equal(l.since_us, S(100));
    life_sign(&l, S(111) + 1);
    assert_int_equal(l.since_us, S(111) + 1);
    life_sign(&l, S(50)); /* put back */
    assert_int_equal(l.since_us, S(50));
    life_sign(&l, S(51));
    assert_int_equal(l.since_us, S(50));
    assert_int_equal(l.last_us, S(51));
}

static void sign(struct presence *p, const char *name, int64_t now_us, int64_t since_us)
{
    assert_int_equal(presence_sign(p, slice_of(name), now_us, since_us, now_us), 0);
}

static void assert_absence(const struct presence_process *p, uint32_t i, int64_t from, int64_t to)
{
    assert_true(i < p->count);
    assert_int_equal(p->absences[i].from_us, from);
    assert_int_equal(p->absences[i].to_us, to);
}

static void test_absences(void **state)
{
    (void)state;
    struct presence p;
    presence_init(&p, "ingestd");
    sign(&p, "ingestd", S(10), S(10)); /* a first start has none */
    sign(&p, "mplane-gw", S(10), S(3));
    sign(&p, "mplane-gw", S(30), S(3)); /* it was there, and only not heard */
    assert_int_equal(p.process[0].count + p.process[1].count, 0);
    sign(&p, "mplane-gw", S(40), S(39));
    assert_absence(&p.process[1], 0, S(30), S(39));
    sign(&p, "ingestd", S(11), S(11));
    assert_absence(&p.process[0], 0, S(10), S(11));
    /* The clock is put back, and later the process starts anew: nothing can be known of the time
     * before. */
    sign(&p, "mplane-gw", S(20), S(20));
    sign(&p, "mplane-gw", S(22), S(21));
    assert_int_equal(p.process[1].count, 1); /* nor was it absent later than now */
    assert_absence(&p.process[1], 0, S(20), S(21));
    assert_int_equal(presence_sign(&p, slice_of("Nobody"), S(1), S(1), S(1)), -1);
    assert_int_equal(presence_sign(&p, slice_of(""), S(1), S(1), S(1)), -1);
    assert_int_equal(presence_sign(&p, slice_of("a"), S(1), S(2), S(1)), -1);
    assert_int_equal(presence_sign(&p, slice_of("a"), S(1), S(1), 0), -1);
    assert_int_equal(p.count, 2);
    assert_int_equal(presence_earliest(&p, S(25)), S(22));
    assert_int_equal(presence_earliest(&p, S(28)), INT64_MAX);
    /* What it has not handed on yet came later than this. */
    assert_int_equal(presence_sign(&p, slice_of("mplane-gw"), S(30), S(21), S(15)), 0);
    assert_int_equal(presence_earliest(&p, S(31)), S(15));
    assert_int_equal(presence_sign(&p, slice_of("mplane-gw"), S(31), S(21), S(40)), 0);
    assert_int_equal(presence_earliest(&p, S(31)), S(31));
}

static void test_a_clock_that_is_put_forward_and_back(void **state)
{
    (void)state;
    struct presence p;
    presence_init(&p, "ingestd");
    sign(&p, "ingestd", S(100), S(100));
    sign(&p, "ingestd", S(2000000), S(2000000));
    sign(&p, "ingestd", S(2000010), S(2000010));
    assert_int_equal(p.process[0].count, 2);
    sign(&p, "ingestd", S(102), S(102));
    assert_int_equal(p.process[0].count, 1);
    assert_absence(&p.process[0], 0, S(100), S(102));
    sign(&p, "ingestd", S(103), S(102));
    assert_absence(&p.process[0], 0, S(100), S(102));
}

static void test_what_is_too_many_is_dropped(void **state)
{
    (void)state;
    struct presence p;
    presence_init(&p, "ingestd");
    for (int i = 1; i <= PRESENCE_ABSENCES + 3; i++) {
        sign(&p, "ingestd", S(10 * i), S(10 * i));
    }
    assert_int_equal(p.process[0].count, PRESENCE_ABSENCES);
    assert_absence(&p.process[0], 0, S(30), S(40));
    assert_absence(&p.process[0], 1, S(40), S(50));
    char name[8];
    for (int i = 0; i < LIMIT_PROCESSES; i++) {
        snprintf(name, sizeof name, "p%d", i);
        sign(&p, name, S(200 + i), S(200 + i));
    }
    assert_int_equal(p.count, LIMIT_PROCESSES);
    assert_string_equal(p.process[1].name, "p7"); /* in the place of p0 */
    presence_forget(&p, S(204) + PRESENCE_KEPT_US);
    assert_int_equal(p.count, 5); /* ingestd, p7, p4 ... p6 */
    assert_int_equal(p.process[0].count, 0);
}

static void test_a_message_says_all_of_it(void **state)
{
    (void)state;
    struct presence p, again;
    struct presence_lists lists;
    struct signs_message m = {0};
    presence_init(&p, "ingestd");
    for (int i = 1; i < 5; i++) {
        sign(&p, "ingestd", S(10 * i), S(10 * i));
        sign(&p, "ingest-gw", S(20 * i), S(20 * i));
    }
    presence_tell(&p, &lists, &m);
    assert_int_equal(presence_read(&again, "ingestd", &m), 0);
    for (uint32_t i = 0; i < 2; i++) { /* but for what it handed on, which it tells anew */
        assert_int_equal(again.process[i].until_us, INT64_MIN);
        again.process[i].until_us = p.process[i].until_us;
    }
    assert_int_equal(presence_earliest(&again, S(80)), S(80));
    assert_memory_equal(&p.process, &again.process, sizeof p.process[0] * 2);
    assert_int_equal(again.count, 2);
    lists.to_us[0] = UINT64_C(253402300800000000);
    assert_int_equal(presence_read(&again, "ingestd", &m), -1);
    lists.to_us[0] = lists.from_us[0] + 1;
    lists.absent[0] = 2;
    assert_int_equal(presence_read(&again, "ingestd", &m), -1);
    lists.absent[0] = 0;
    lists.names[1] = slice_of("ingestd");
    assert_int_equal(presence_read(&again, "ingestd", &m), -1);
    m.processes_count = 0;
    assert_int_equal(presence_read(&again, "ingestd", &m), -1);
    assert_int_equal(again.count, 1);
}

static void write_signs(struct presence_file *f, const char *text)
{
    assert_int_equal(presence_file_write(f, slice_of(text)), 0);
}

static void assert_found(const char *text)
{
    struct slice found;
    struct presence_file *f = presence_file_open(folder, &found);
    assert_non_null(f);
    assert_true(slice_is(found, text));
    presence_file_free(&f);
}

static void damage(off_t at)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/signs", folder);
    int fd = open(name, O_WRONLY);
    assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, at), 4);
    close(fd);
}

static void test_a_torn_sign_is_not_believed(void **state)
{
    (void)state;
    struct slice found;
    struct presence_file *f = presence_file_open(folder, &found);
    assert_int_equal(found.len, 0);
    write_signs(f, "one");
    write_signs(f, "another one");
    write_signs(f, "the third");
    presence_file_free(&f);
    assert_found("the third");
    damage(4096 + 25);
    assert_found("another one");
    damage(0);
    assert_found("");
}

static void test_a_moment_is_settled_when_all_of_before_is_stored(void **state)
{
    (void)state;
    struct settled s;
    settled_init(&s);
    assert_true(settled_begin(&s, S(10)));
    settled_unread(&s, 1);
    assert_false(settled_begin(&s, S(11)));
    assert_false(settled_is_read(&s));
    settled_emptied(&s, 1);
    assert_true(settled_is_read(&s));
    settled_acknowledged(&s, 100); /* of what is not in batches yet nothing is known */
    assert_int_equal(s.until_us, INT64_MIN);
    settled_in_batches(&s, 7);
    settled_acknowledged(&s, 6);
    assert_int_equal(s.until_us, INT64_MIN);
    settled_acknowledged(&s, 7);
    assert_int_equal(s.until_us, S(10));
    assert_false(settled_is_read(&s));
    assert_true(settled_begin(&s, S(12)));
    assert_int_equal(s.until_us, S(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life_breaks_where_nothing_was_told),
        cmocka_unit_test(test_absences),
        cmocka_unit_test(test_a_clock_that_is_put_forward_and_back),
        cmocka_unit_test(test_what_is_too_many_is_dropped),
        cmocka_unit_test(test_a_message_says_all_of_it),
        cmocka_unit_test_setup_teardown(test_a_torn_sign_is_not_believed, folder_set_up,
                                        folder_tear_down),
        cmocka_unit_test(test_a_moment_is_settled_when_all_of_before_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
