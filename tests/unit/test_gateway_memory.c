/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's tables when memory is out: who comes is refused, who is there stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/peers.h"
#include "mplane-gw/jobs/jobs.h"
#include "mplane-gw/posts/exports.h"
#include "scarce.h"

#define MANY 300 /* the tables grow several times on the way */

/* One table, and who is to come into it next. */
struct gateway_tables {
    struct peers *peers;
    struct exports *exports;
    struct jobs *jobs;
    char name[16];
};

static void name_it(struct gateway_tables *t, unsigned i)
{
    snprintf(t->name, sizeof t->name, "one %u", i);
}

static bool enter_peer(void *context)
{
    struct gateway_tables *t = context;
    return peers_enter(t->peers, t->name) != NULL;
}

static void test_identities(void **state)
{
    (void)state;
    struct gateway_tables t = {.peers = peers_new()};
    unsigned outs = 0;
    for (unsigned i = 0; i < MANY; i++) {
        name_it(&t, i);
        outs += scarce_until(enter_peer, &t);
    }
    assert_true(outs >= MANY);
    for (unsigned i = 0; i < MANY; i++) {
        name_it(&t, i);
        assert_int_equal(peer_connections(peers_enter(t.peers, t.name)), 2);
    }
    peers_free(&t.peers);
}

static bool add_export(void *context)
{
    struct gateway_tables *t = context;
    struct grant_message g = {.digest = {t->name, 0}, .owner = slice_of(t->name), .until_us = 100};
    unsigned char digest[EXPORT_DIGEST_BYTES];
    if (exports_digest(slice_of(t->name), digest) == -1) {
        return false;
    }
    g.digest = (struct slice){(const char *)digest, sizeof digest};
    return exports_add(t->exports, &g) != NULL;
}

static void test_exports(void **state)
{
    (void)state;
    struct gateway_tables t = {.exports = exports_new()};
    unsigned outs = 0;
    for (unsigned i = 0; i < MANY; i++) {
        name_it(&t, i);
        outs += scarce_until(add_export, &t);
    }
    assert_true(outs >= MANY);
    assert_int_equal(exports_count(t.exports), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        name_it(&t, i);
        assert_non_null(exports_find(t.exports, slice_of(t.name), 50));
    }
    exports_free(&t.exports);
}

/* As a request does: what is not taken is freed by who made it. */
static bool add_job(void *context)
{
    struct gateway_tables *t = context;
    const char *why = NULL;
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL || (job->arena = arena_new(1 << 12)) == NULL) {
        free(job);
        return false;
    }
    job->identity = slice_of("ann");
    job->token = arena_copy(job->arena, slice_of(t->name));
    job->deadline_us = 1000;
    if (job->token.at == NULL || jobs_add(t->jobs, job, &why) == -1) {
        job_free(job);
        return false;
    }
    return true;
}

static void test_jobs(void **state)
{
    (void)state;
    const struct jobs_limits limits = {
        .jobs = MANY, .per_identity = MANY, .bytes = 1 << 26, .keep_us = 100};
    struct gateway_tables t = {.jobs = jobs_new()};
    unsigned outs = 0;
    jobs_set_limits(t.jobs, &limits);
    for (unsigned i = 0; i < MANY; i++) {
        name_it(&t, i);
        outs += scarce_until(add_job, &t);
    }
    assert_true(outs >= 3 * MANY);
    assert_int_equal(jobs_count(t.jobs), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        name_it(&t, i);
        assert_non_null(jobs_by_token(t.jobs, slice_of("ann"), slice_of(t.name)));
    }
    jobs_free(&t.jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_exports),
        cmocka_unit_test(test_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
