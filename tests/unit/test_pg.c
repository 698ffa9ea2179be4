/* SPDX-License-Identifier: Apache-2.0 */
/* common/pg/pg: what is said of a failure, against a server that says what a real one rarely does.
 */
#include "common/pg/pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg_stand_in.h"

static const char *text_of(unsigned statement)
{
    (void)statement;
    return "count them";
}

static const struct pg_statements statements = {
    .count = 1, .session = "SET x = y", .text = text_of};

static const struct pg_stand_in_answer answers[] = {{"put it", SAYS_ERROR, "22000"}};

static struct pg_stand_in server;

static int open_it(void **state)
{
    static struct pg pg;
    pg_stand_in_begin(&server, answers, 1);
    *state = &pg;
    return pg_open(&pg, &statements, server.database, "test");
}

static int close_it(void **state)
{
    pg_close(*state);
    pg_stand_in_end(&server);
    return 0;
}

static void test_why_it_is_rolled_back_stays_said(void **state)
{
    struct pg *pg = *state;
    assert_int_equal(pg_do(pg, "BEGIN"), 0);
    assert_int_equal(pg_do(pg, "put it"), -1);
    assert_int_equal(pg->fault, PG_DATA);
    pg_rollback(pg);
    assert_int_equal(pg->fault, PG_DATA);
    assert_string_equal(pg->sqlstate, "22000");
    assert_string_not_equal(pg->message, "memory is out");
}

/* What the program itself fails at behind a statement that worked is not what failed before it. */
static void test_what_failed_before_is_not_said_again(void **state)
{
    struct pg *pg = *state;
    assert_int_equal(pg_do(pg, "put it"), -1);
    assert_int_equal(pg_do(pg, "BEGIN"), 0);
    assert_int_equal(pg->fault, PG_NONE);
    assert_string_equal(pg->sqlstate, "");
    assert_int_equal(pg->meaning, PG_MEANS_OTHER);
    assert_string_equal(pg->message, "memory is out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_why_it_is_rolled_back_stays_said, open_it, close_it),
        cmocka_unit_test_setup_teardown(test_what_failed_before_is_not_said_again, open_it,
                                        close_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
