/* SPDX-License-Identifier: Apache-2.0 */
/* common/pg/task: tables of steps, against a server that says what a real one rarely does. */
#include "common/pg/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "pg_stand_in.h"

#define SECOND      INT64_C(1000000)
#define BACKOFF     (30 * SECOND)
#define AWAITS_MOST 600 /* of a tenth of a second */
#define COUNT(a)    (sizeof(a) / sizeof(a)[0])

/* What was called, one letter or word after the other. */
struct owner {
    char told[200];
    int64_t number; /* of the row */
};

static void tell(struct owner *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct owner *o, const char *format, ...)
{
    size_t n = strlen(o->told);
    va_list args;
    va_start(args, format);
    vsnprintf(o->told + n, sizeof o->told - n, format, args);
    va_end(args);
}

/* ---- what the tests' tasks do ---- */

enum { ASK, COUNT_THEM, PUT, COMMIT };

static const char *text_of(unsigned statement)
{
    return statement == 0 ? "count them" : "put it";
}

static bool never(unsigned statement)
{
    (void)statement;
    return false;
}

static const struct pg_statements statements = {
    .count = 2, .session = "SET x = y", .text = text_of, .is_planned_anew = never};

static int counted(void *owner, const PGresult *r, int64_t clock_us)
{
    struct owner *o = owner;
    (void)clock_us;
    o->number = pg_cell_64(r, 0, 0);
    tell(o, "counted %lld;", (long long)o->number);
    return o->number == 0 ? COMMIT : PUT;
}

static void put_number(void *owner, struct pg_params *p)
{
    struct owner *o = owner;
    pg_add_64(p, o->number);
    tell(o, "put;");
}

static int committed(void *owner, const PGresult *r, int64_t clock_us)
{
    (void)r, (void)clock_us;
    tell(owner, "committed;");
    return PG_OVER;
}

static const struct pg_step steps[] = {
    [ASK] = {.name = "ask", .text = "BEGIN"},
    [COUNT_THEM] = {.name = "count", .statement = 0, .answer = PG_ANSWER_ROWS, .done = counted},
    [PUT] = {.name = "put", .statement = 1, .put = put_number},
    [COMMIT] = {.name = "commit", .text = "COMMIT", .tag = "COMMIT", .done = committed},
};

static const char *write_text(void *owner)
{
    tell(owner, "wrote;");
    return "drop it";
}

static int dropped(void *owner, const PGresult *r, int64_t clock_us)
{
    (void)clock_us;
    tell(owner, "dropped %s;", PQntuples(r) == 1 ? "with a row" : "without");
    return PG_OVER;
}

static const struct pg_step alone[] = {
    {.name = "drop", .write = write_text, .answer = PG_ANSWER_EITHER, .done = dropped}};

static void failed(void *owner, const char *step, int64_t clock_us)
{
    (void)clock_us;
    tell(owner, "failed %s;", step);
}

static void locked(void *owner, const char *step, int64_t again_us)
{
    tell(owner, "locked %s %lld;", step, (long long)(again_us / SECOND));
}

static void given_up(void *owner, int step)
{
    tell(owner, "given up %d;", step);
}

static const struct pg_task_kind kind = {.application = "test",
                                         .session = "SET lock_timeout = 1",
                                         .backoff_us = BACKOFF,
                                         .lock_first_us = SECOND,
                                         .lock_most_us = 3 * SECOND,
                                         .locked = locked,
                                         .failed = failed,
                                         .given_up = given_up};

/* ---- the scene ---- */

struct scene {
    struct pg_stand_in server;
    struct pg_params params;
    struct owner owner;
    struct pg_task task;
};

static void set(struct scene *s, const struct pg_stand_in_answer *answers, size_t count)
{
    memset(s, 0, sizeof *s);
    pg_stand_in_begin(&s->server, answers, count);
    pg_task_init(&s->task, &kind, &statements, s->server.database, &s->params, &s->owner);
}

static void strike(struct scene *s)
{
    pg_task_close(&s->task);
    pg_params_release(&s->params);
    pg_stand_in_end(&s->server);
}

/* Until it is idle, whatever the reason. Whether it ended well. */
static bool run(struct scene *s, const struct pg_step *table, int64_t clock_us)
{
    bool over = false;
    s->owner.told[0] = '\0';
    assert_true(pg_task_is_ready(&s->task, clock_us));
    if (!pg_task_begin(&s->task, table, 0, clock_us)) {
        return false;
    }
    for (int i = 0; i < AWAITS_MOST && !over && pg_task_is_under_way(&s->task); i++) {
        pg_task_await(&s->task, 100);
        over = pg_task_go_on(&s->task, clock_us);
    }
    assert_false(pg_task_is_under_way(&s->task));
    return over;
}

/* ---- tests ---- */

static void test_steps_follow_each_other(void **state)
{
    static const struct pg_stand_in_answer answers[] = {
        {"count them", SAYS_ROW, "7"},   {"put it", SAYS_DONE, "INSERT 0 1"},
        {"COMMIT", SAYS_DONE, "COMMIT"}, {"count them", SAYS_ROW, "0"},
        {"COMMIT", SAYS_DONE, "COMMIT"},
    };
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_true(run(&s, steps, 1));
    assert_string_equal(s.owner.told, "counted 7;put;committed;");
    assert_true(run(&s, steps, 2));
    assert_string_equal(s.owner.told, "counted 0;committed;");
    strike(&s);
}

/* PostgreSQL says of a transaction that has failed that its COMMIT is done, with this tag. */
static void test_a_commit_that_rolled_back_is_none(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"count them", SAYS_ROW, "0"},
                                                        {"COMMIT", SAYS_DONE, "ROLLBACK"}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_false(run(&s, steps, 1));
    assert_string_equal(s.owner.told, "counted 0;given up 3;failed commit;");
    assert_string_equal(s.task.pg.message, "answered with ROLLBACK");
    assert_false(pg_is_open(&s.task.pg));
    assert_false(pg_task_is_ready(&s.task, BACKOFF));
    assert_true(pg_task_is_ready(&s.task, BACKOFF + 1));
    strike(&s);
}

/* The statements of a text are committed behind the answer of the last one: of that nobody heard.
 */
static void test_results_without_an_end_are_no_answer(void **state)
{
    static const struct pg_stand_in_answer answers[] = {
        {"drop it", ENDS_BEHIND_DONE, "DROP TABLE"}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_false(run(&s, alone, 1));
    assert_string_equal(s.owner.told, "wrote;given up 0;failed drop;");
    assert_int_equal(s.task.pg.fault, PG_AWAY);
    strike(&s);
}

static void test_a_text_may_give_rows_and_none(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"drop it", SAYS_ROW_AND_TAG, "5"},
                                                        {"drop it", SAYS_DONE, "DROP TABLE"}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_true(run(&s, alone, 1));
    assert_string_equal(s.owner.told, "wrote;dropped with a row;");
    assert_true(run(&s, alone, 2));
    assert_string_equal(s.owner.told, "wrote;dropped without;");
    strike(&s);
}

static void test_rows_that_are_missing_are_a_failure(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"count them", SAYS_DONE, "INSERT 0 1"}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_false(run(&s, steps, 1));
    assert_string_equal(s.owner.told, "given up 1;failed count;");
    strike(&s);
}

/* A failure keeps what the server says, and the next try begins with a new connection. */
static void test_a_refusal_is_kept(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"drop it", SAYS_ERROR, "42P07"},
                                                        {"drop it", SAYS_DONE, "DROP TABLE"}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_false(run(&s, alone, 1));
    assert_string_equal(s.owner.told, "wrote;given up 0;failed drop;");
    assert_string_equal(s.task.pg.sqlstate, "42P07");
    assert_string_equal(s.task.pg.message, "as told");
    assert_int_equal(s.task.pg.meaning, PG_MEANS_MADE);
    assert_int_equal(s.task.pg.fault, PG_BUSY);
    assert_int_equal(s.task.failures, 1);
    assert_true(run(&s, alone, 1 + BACKOFF));
    assert_int_equal(s.task.failures, 0);
    strike(&s);
}

/* It is no failure, the connection stays, and the pause grows until it was had. */
static void test_a_lock_is_waited_for(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"drop it", SAYS_ERROR, "55P03"},
                                                        {"drop it", SAYS_ERROR, "40P01"},
                                                        {"drop it", SAYS_ERROR, "55P03"},
                                                        {"drop it", SAYS_DONE, "DROP TABLE"},
                                                        {"drop it", SAYS_ERROR, "55P03"}};
    static const char *const told[] = {"wrote;locked drop 1;", "wrote;locked drop 2;",
                                       "wrote;locked drop 3;", "wrote;dropped without;",
                                       "wrote;locked drop 1;"};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    for (size_t i = 0; i < COUNT(told); i++) {
        assert_int_equal(run(&s, alone, (int64_t)i * 10 * SECOND), i == 3);
        assert_string_equal(s.owner.told, told[i]);
        assert_true(pg_is_open(&s.task.pg));
    }
    assert_false(pg_task_is_ready(&s.task, 41 * SECOND - 1));
    assert_true(pg_task_is_ready(&s.task, 41 * SECOND));
    strike(&s);
}

static void test_the_server_ends(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"count them", ENDS, NULL}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_false(run(&s, steps, 1));
    assert_string_equal(s.owner.told, "given up 1;failed count;");
    assert_int_equal(s.task.pg.fault, PG_AWAY);
    strike(&s);
}

/* That is no failure: it may begin again at once. */
static void test_giving_up(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"drop it", SAYS_NOTHING, NULL},
                                                        {"drop it", SAYS_DONE, "DROP TABLE"}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    assert_true(pg_task_begin(&s.task, alone, 0, 1));
    assert_false(pg_task_go_on(&s.task, 1));
    assert_true(pg_task_is_under_way(&s.task));
    pg_task_abandon(&s.task);
    assert_string_equal(s.owner.told, "wrote;given up 0;");
    assert_false(pg_is_open(&s.task.pg));
    pg_task_abandon(&s.task);
    assert_string_equal(s.owner.told, "wrote;given up 0;");
    assert_true(pg_task_is_ready(&s.task, 1));
    strike(&s);
}

/* As one that is frozen: the pause between two steps is the caller's clock. */
static void test_a_server_that_says_nothing(void **state)
{
    static const struct pg_stand_in_answer answers[] = {{"drop it", SAYS_NOTHING, NULL}};
    struct scene s;
    (void)state;
    set(&s, answers, COUNT(answers));
    pg_be_patient(SECOND, NULL);
    assert_true(pg_task_begin(&s.task, alone, 0, 1));
    assert_false(pg_task_go_on(&s.task, 10 * SECOND));
    assert_true(pg_task_is_under_way(&s.task));
    assert_false(pg_task_go_on(&s.task, 10 * SECOND + 1));
    assert_false(pg_task_is_under_way(&s.task));
    assert_string_equal(s.task.pg.message, "the server has said nothing for 10 s");
    assert_int_equal(s.task.pg.fault, PG_AWAY);
    assert_false(pg_task_is_ready(&s.task, 10 * SECOND + 1));
    pg_be_patient(0, NULL);
    strike(&s);
}

static void test_nobody_there(void **state)
{
    struct owner owner = {0};
    struct pg_params params = {0};
    struct pg_task task;
    (void)state;
    pg_task_init(&task, &kind, &statements, "host=/nonexistent dbname=x", &params, &owner);
    assert_false(pg_task_begin(&task, steps, ASK, 1));
    assert_string_equal(owner.told, "failed connect;");
    assert_string_not_equal(task.pg.message, "");
    assert_false(pg_task_is_ready(&task, BACKOFF));
    assert_true(pg_task_is_ready(&task, BACKOFF + 1));
    pg_task_close(&task);
}

int main(void)
{
    log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_follow_each_other),
        cmocka_unit_test(test_a_commit_that_rolled_back_is_none),
        cmocka_unit_test(test_results_without_an_end_are_no_answer),
        cmocka_unit_test(test_a_text_may_give_rows_and_none),
        cmocka_unit_test(test_rows_that_are_missing_are_a_failure),
        cmocka_unit_test(test_a_refusal_is_kept),
        cmocka_unit_test(test_a_lock_is_waited_for),
        cmocka_unit_test(test_the_server_ends),
        cmocka_unit_test(test_giving_up),
        cmocka_unit_test(test_a_server_that_says_nothing),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
