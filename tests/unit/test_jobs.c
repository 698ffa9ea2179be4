/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the gateway's jobs: who finds which, what is forgotten when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mplane-gw/jobs/jobs.h"

static struct jobs *table(size_t jobs, size_t per_identity, size_t bytes)
{
    struct jobs *j = jobs_new();
    struct jobs_limits limits = {
        .jobs = jobs, .per_identity = per_identity, .bytes = bytes, .keep_us = 100};
    assert_non_null(j);
    jobs_set_limits(j, &limits);
    return j;
}

static struct job *add(struct jobs *j, const char *identity, const char *token)
{
    const char *why = NULL;
    struct job *job = calloc(1, sizeof *job);
    job->arena = arena_new(1 << 16);
    job->identity = slice_of(identity);
    job->token = slice_of(token);
    job->deadline_us = 1000;
    if (jobs_add(j, job, &why) == -1) {
        assert_non_null(why);
        job_free(job);
        return NULL;
    }
    return job;
}

static struct job *find(struct jobs *j, const char *identity, const char *token)
{
    return jobs_by_token(j, slice_of(identity), slice_of(token));
}

static void test_found_by_id_and_by_its_identity_only(void **state)
{
    (void)state;
    struct jobs *j = table(10, 10, 1 << 20);
    struct job *a = add(j, "ann", "t"), *b = add(j, "bob", "t");
    assert_ptr_equal(jobs_by_id(j, a->id), a);
    assert_ptr_equal(jobs_by_id(j, b->id), b);
    assert_ptr_equal(find(j, "ann", "t"), a);
    assert_ptr_equal(find(j, "bob", "t"), b);
    assert_null(find(j, "an", "nt"));
    assert_null(find(j, "ann", "x"));
    jobs_remove(j, a);
    assert_null(find(j, "ann", "t"));
    assert_int_equal(jobs_count(j), 1);
    jobs_free(&j);
}

static void test_room_is_made_of_answered_ones(void **state)
{
    (void)state;
    struct jobs *j = table(4, 2, 1 << 20);
    struct job *one = add(j, "ann", "1");
    struct job *two = add(j, "ann", "2");
    assert_null(add(j, "ann", "3")); /* both are under way */
    jobs_answer(j, two, slice_of("x"), 0);
    assert_non_null(add(j, "ann", "3"));
    assert_null(find(j, "ann", "2"));
    assert_ptr_equal(find(j, "ann", "1"), one);
    add(j, "bob", "1");
    add(j, "bob", "2");
    assert_null(add(j, "cleo", "1"));
    jobs_fail(j, one, "why", 0);
    assert_non_null(add(j, "cleo", "1"));
    assert_null(find(j, "ann", "1"));
    jobs_free(&j);
}

/* What nobody has had yet stays longer than what was given to somebody. */
static void test_delivered_ones_go_first(void **state)
{
    (void)state;
    struct jobs *j = table(10, 2, 1 << 20);
    struct job *old = add(j, "ann", "1"), *delivered = add(j, "ann", "2");
    jobs_answer(j, old, slice_of("x"), 0);
    jobs_answer(j, delivered, slice_of("x"), 0);
    delivered->delivered = true;
    add(j, "ann", "3");
    assert_non_null(find(j, "ann", "1"));
    assert_null(find(j, "ann", "2"));
    jobs_free(&j);
}

static void test_bytes_are_bounded(void **state)
{
    (void)state;
    static char kilobytes[40000];
    struct slice large = {kilobytes, sizeof kilobytes};
    struct jobs *j = table(100, 100, 100000);
    for (int i = 0; i < 20; i++) {
        char token[2] = {(char)('a' + i), '\0'};
        struct job *job = add(j, "ann", token);
        job->token = (struct slice){NULL, 0}; /* it was only needed for the key */
        jobs_answer(j, job, large, 0);
        assert_true(jobs_bytes(j) <= 100000);
    }
    assert_int_equal(jobs_count(j), 2);
    jobs_sweep(j, 1000000, NULL, NULL);
    assert_int_equal(jobs_count(j), 0);
    assert_int_equal(jobs_bytes(j), 0);
    jobs_free(&j);
}

/* What is under way holds memory too, and cannot be forgotten: then the next is refused. */
static void test_bytes_under_way_are_bounded(void **state)
{
    (void)state;
    struct jobs *j = table(100, 100, 100000);
    const char *why = NULL;
    for (int i = 0; i < 4; i++) {
        struct job *job = calloc(1, sizeof *job);
        job->arena = arena_new(1 << 20);
        job->identity = slice_of("ann");
        job->token = slice_of(i == 0 ? "0" : i == 1 ? "1" : i == 2 ? "2" : "3");
        assert_non_null(arena_alloc(job->arena, 40000));
        int added = jobs_add(j, job, &why);
        assert_int_equal(added, i < 2 ? 0 : -1);
        if (added == -1) {
            assert_non_null(strstr(why, "memory"));
            job_free(job);
        }
    }
    assert_true(jobs_bytes(j) <= 100000);
    /* One that is over makes room. */
    jobs_fail(j, find(j, "ann", "0"), "why", 0);
    struct job *job = add(j, "bob", "1");
    assert_non_null(job);
    jobs_free(&j);
    /* And one alone is taken, however small the bound is. */
    j = table(100, 100, 10);
    assert_non_null(add(j, "ann", "1"));
    assert_null(add(j, "ann", "2"));
    jobs_free(&j);
}

/* Answers that somebody still reads cannot be forgotten: what finds no room beside them fails. */
static void test_answers_that_are_held_are_bounded(void **state)
{
    (void)state;
    static char kilobytes[40000];
    struct slice large = {kilobytes, sizeof kilobytes};
    struct jobs *j = table(100, 100, 100000);
    struct job *held[2];
    for (int i = 0; i < 2; i++) {
        held[i] = add(j, "ann", i == 0 ? "1" : "2");
        job_hold(held[i]);
        jobs_answer(j, held[i], large, 0);
    }
    struct job *third = add(j, "bob", "3");
    jobs_answer(j, third, large, 0);
    assert_int_equal(third->state, JOB_FAILED);
    assert_non_null(strstr(third->failure, "memory"));
    jobs_remove(j, held[0]);
    struct job *fourth = add(j, "bob", "4");
    jobs_answer(j, fourth, large, 0);
    assert_int_equal(fourth->state, JOB_FAILED); /* it is gone, but read still */
    job_release(held[0]);
    struct job *fifth = add(j, "bob", "5");
    jobs_answer(j, fifth, large, 0);
    assert_int_equal(fifth->state, JOB_ANSWERED);
    job_release(held[1]);
    jobs_free(&j);
    /* One alone is taken, however large. */
    j = table(100, 100, 10000);
    struct job *alone = add(j, "ann", "1");
    job_hold(alone);
    jobs_answer(j, alone, large, 0);
    assert_int_equal(alone->state, JOB_ANSWERED);
    job_release(alone);
    jobs_free(&j);
}

static struct rendered *render(const char *text)
{
    struct arena *a = arena_new(1 << 20);
    struct mplane_message m = mplane_exception(slice_of("t"), slice_of(text));
    struct rendered *r = rendered_new(a, &m, NULL, 1 << 20);
    assert_non_null(r);
    arena_free(&a);
    return r;
}

/* The text takes the answer's place, and counts for what it takes. */
static void test_a_reply_is_kept_instead_of_the_answer(void **state)
{
    (void)state;
    struct jobs *j = table(10, 10, 1 << 20);
    struct job *job = add(j, "ann", "1");
    size_t alone = jobs_bytes(j);
    jobs_answer(j, job, slice_of("some bytes"), 0);
    assert_int_equal(jobs_bytes(j), alone + 10);
    struct rendered *r = render("text");
    jobs_render(j, job, r, 5);
    assert_ptr_equal(job->rendered, r);
    assert_null(job->bytes);
    assert_int_equal(job->rendered_us, 5);
    assert_int_equal(jobs_bytes(j), alone + rendered_bytes(r));
    struct rendered *other = render("another text");
    jobs_render(j, job, other, 6);
    assert_int_equal(r->holders, 1);
    assert_int_equal(jobs_bytes(j), alone + rendered_bytes(other));
    jobs_remove(j, job);
    assert_int_equal(jobs_bytes(j), 0);
    assert_int_equal(other->holders, 1); /* who sends it has it still */
    rendered_release(&r);
    rendered_release(&other);
    assert_null(other);
    jobs_free(&j);
}

struct patient {
    struct waiter waiter;
    int told;
};

static void on_answered(struct waiter *w, struct job *job)
{
    assert_true(job->state != JOB_RUNNING);
    assert_null(w->job);
    ((struct patient *)w)->told++;
}

static void test_waiters_are_told_once(void **state)
{
    (void)state;
    struct jobs *j = table(10, 10, 1 << 20);
    struct job *job = add(j, "ann", "1");
    struct patient stays = {{on_answered, NULL, NULL, NULL}, 0}, leaves = stays, also = stays;
    job_wait(job, &stays.waiter);
    job_wait(job, &leaves.waiter);
    job_wait(job, &also.waiter);
    job_leave(&leaves.waiter);
    job_leave(&leaves.waiter);
    jobs_answer(j, job, slice_of("x"), 0);
    assert_int_equal(stays.told, 1);
    assert_int_equal(also.told, 1);
    assert_int_equal(leaves.told, 0);
    assert_null(job->waiters);
    jobs_free(&j);
}

static void on_expired(void *context, struct job *job)
{
    struct job **expired = context;
    *expired = job;
}

static void test_deadlines(void **state)
{
    (void)state;
    struct jobs *j = table(10, 10, 1 << 20);
    struct job *running = add(j, "ann", "1"), *over = add(j, "ann", "2"), *expired = NULL;
    jobs_answer(j, over, slice_of("x"), 500);
    jobs_sweep(j, 599, on_expired, &expired);
    assert_int_equal(jobs_count(j), 2);
    jobs_sweep(j, 600, on_expired, &expired);
    assert_int_equal(jobs_count(j), 1);
    assert_null(expired);
    jobs_sweep(j, 1000, on_expired, &expired);
    assert_ptr_equal(expired, running);
    jobs_fail(j, running, "late", 1000);
    jobs_sweep(j, 1100, on_expired, &expired);
    assert_int_equal(jobs_count(j), 0);
    jobs_free(&j);
}

/* Who reads from a job that is forgotten meanwhile goes on reading. */
static void test_held_ones_outlive_the_table(void **state)
{
    (void)state;
    struct jobs *j = table(10, 10, 1 << 20);
    struct job *job = add(j, "ann", "1");
    jobs_answer(j, job, slice_of("answer"), 0);
    job_hold(job);
    job_hold(job);
    jobs_remove(j, job);
    assert_null(find(j, "ann", "1"));
    jobs_free(&j);
    job_release(job);
    assert_memory_equal(job->bytes, "answer", 6);
    job_release(job);
}

/* A job that is repeated every second. */
static struct job *add_repeated(struct jobs *j, const char *identity, const char *token,
                                const char **why)
{
    struct when w;
    char error[200];
    struct job *job = calloc(1, sizeof *job);
    assert_int_equal(when_parse(slice_of("repeat now ... future / 1s"), &w, error, sizeof error),
                     0);
    job->arena = arena_new(1 << 16);
    job->repeat = repeat_new(&w, 0, 0, error, sizeof error);
    job->identity = slice_of(identity);
    job->token = slice_of(token);
    job->deadline_us = INT64_MAX;
    if (jobs_add(j, job, why) == -1) {
        job_free(job);
        return NULL;
    }
    return job;
}

static struct jobs *repeats_table(size_t bytes)
{
    struct jobs *j = jobs_new();
    struct jobs_limits limits = {.jobs = 100,
                                 .per_identity = 100,
                                 .bytes = bytes,
                                 .keep_us = 100,
                                 .repeats = 3,
                                 .repeats_per_identity = 2,
                                 .runs = 5,
                                 .run_bytes = 10000};
    assert_non_null(j);
    jobs_set_limits(j, &limits);
    return j;
}

static void keep_run(struct jobs *j, struct job *job, size_t size)
{
    const struct when w = {.start = WHEN_AT};
    jobs_keep_run(j, job, &w, calloc(1, size + 1), size, NULL);
}

static void test_runs_are_bounded(void **state)
{
    (void)state;
    const char *why = NULL;
    struct jobs *j = repeats_table(60000);
    struct job *job = add_repeated(j, "ann", "1", &why);
    size_t alone = jobs_bytes(j);
    for (int i = 0; i < 7; i++) {
        keep_run(j, job, 1000);
    }
    assert_int_equal(job->repeat->count, 5);
    assert_int_equal(jobs_bytes(j), alone + 5000);
    keep_run(j, job, 8000); /* the older ones but two have to go */
    assert_int_equal(job->repeat->count, 3);
    assert_int_equal(job->repeat->bytes, 10000);
    keep_run(j, job, 10001); /* never fits */
    assert_int_equal(jobs_bytes(j), alone);
    assert_non_null(strstr(job->repeat->runs->failure, "larger than what is kept"));
    jobs_keep_run(j, job, &job->repeat->runs->when, NULL, 0, "failed");
    assert_int_equal(job->repeat->count, 2);
    jobs_free(&j);
}

/* All together have half of the memory: questions find room beside them. */
static void test_runs_leave_room_for_questions(void **state)
{
    (void)state;
    const char *why = NULL;
    struct jobs *j = repeats_table(30000);
    struct job *first = add_repeated(j, "ann", "1", &why),
               *second = add_repeated(j, "bob", "1", &why);
    keep_run(j, first, 9000);
    keep_run(j, second, 5000);
    keep_run(j, second, 5500);
    assert_int_equal(first->repeat->bytes, 9000);
    assert_int_equal(second->repeat->bytes, 5500);
    keep_run(j, second, 7000);
    assert_int_equal(second->repeat->bytes, 0);
    assert_non_null(strstr(second->repeat->runs->failure, "memory"));
    assert_non_null(add(j, "cleo", "1"));
    jobs_remove(j, first);
    keep_run(j, second, 7000);
    assert_int_equal(second->repeat->bytes, 7000);
    jobs_free(&j);
}

/* What was made of the runs is out of date with the next one. */
static void test_a_run_makes_the_reply_anew(void **state)
{
    (void)state;
    const char *why = NULL;
    struct jobs *j = repeats_table(60000);
    struct job *job = add_repeated(j, "ann", "1", &why);
    keep_run(j, job, 1000);
    size_t before = jobs_bytes(j);
    struct rendered *r = render("runs so far");
    jobs_render(j, job, r, 0);
    assert_int_equal(jobs_bytes(j), before + rendered_bytes(r));
    keep_run(j, job, 1000);
    assert_null(job->rendered);
    assert_int_equal(jobs_bytes(j), before + 1000);
    jobs_render(j, job, r, 0);
    jobs_end(j, job, 0);
    assert_null(job->rendered);
    rendered_release(&r);
    jobs_free(&j);
}

static void test_repeated_ones_are_bounded(void **state)
{
    (void)state;
    const char *why = NULL;
    struct jobs *j = repeats_table(1 << 20);
    struct job *job = add_repeated(j, "ann", "1", &why);
    assert_non_null(add_repeated(j, "ann", "2", &why));
    assert_null(add_repeated(j, "ann", "3", &why));
    assert_non_null(strstr(why, "of yours"));
    assert_non_null(add_repeated(j, "bob", "1", &why));
    assert_null(add_repeated(j, "cleo", "1", &why));
    jobs_end(j, job, 0);
    assert_non_null(add_repeated(j, "cleo", "1", &why));
    /* What has ended is forgotten as every answer, what goes on is not. */
    jobs_sweep(j, 1000, NULL, NULL);
    assert_null(find(j, "ann", "1"));
    assert_int_equal(jobs_count(j), 3);
    jobs_free(&j);
}

/* A run is known by its id only, and whoever waits for it may remove it. */
static void on_run(struct waiter *w, struct job *run)
{
    struct jobs *j = *(struct jobs **)(w + 1);
    jobs_remove(j, run);
}

static void test_runs_have_no_token(void **state)
{
    (void)state;
    const char *why = NULL;
    struct jobs *j = table(10, 10, 1 << 20);
    struct {
        struct waiter waiter;
        struct jobs *jobs;
    } owner = {{on_run, NULL, NULL, NULL}, j};
    for (int i = 0; i < 2; i++) {
        struct job *run = calloc(1, sizeof *run);
        run->is_run = true;
        run->identity = slice_of("ann");
        assert_int_equal(jobs_add(j, run, &why), 0);
        assert_null(find(j, "ann", ""));
        job_wait(run, &owner.waiter);
        if (i == 0) {
            jobs_answer(j, run, slice_of("x"), 0);
        } else {
            jobs_fail(j, run, "why", 0);
        }
    }
    assert_int_equal(jobs_count(j), 0);
    assert_int_equal(jobs_bytes(j), 0);
    jobs_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_id_and_by_its_identity_only),
        cmocka_unit_test(test_room_is_made_of_answered_ones),
        cmocka_unit_test(test_delivered_ones_go_first),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_bytes_under_way_are_bounded),
        cmocka_unit_test(test_waiters_are_told_once),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_answers_that_are_held_are_bounded),
        cmocka_unit_test(test_a_reply_is_kept_instead_of_the_answer),
        cmocka_unit_test(test_a_run_makes_the_reply_anew),
        cmocka_unit_test(test_held_ones_outlive_the_table),
        cmocka_unit_test(test_runs_are_bounded),
        cmocka_unit_test(test_runs_leave_room_for_questions),
        cmocka_unit_test(test_repeated_ones_are_bounded),
        cmocka_unit_test(test_runs_have_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
