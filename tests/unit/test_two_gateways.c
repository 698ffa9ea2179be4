/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane-gw: two gateways in one process, each with files, sockets and rules of its own. What one
 * is asked, keeps, repeats, counts or stops is nothing to the other. Nobody answers behind them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/desk.h"
#include "mplane-gw/jobs/ask.h"
#include "mplane-gw/parts.h"
#include "mplane-gw/posts/delegate.h"
#include "tests/unit/tls_folder.h"

#define WAITS_US INT64_C(60000000)

/* A gateway, its configuration and the socket of its set at which queryd would be. */
struct house {
    struct gateway gateway;
    struct config *config;
    struct config_common common;
    zsock_t *queryd;
    uint16_t port;
    char folder[64];
};

static char folder[] = "/tmp/two_gateways.XXXXXX";
static struct house houses[2];
static struct arena *arena;

/* The sets' sockets are in run_dir, which a process knows from its command line. */
static const struct config_common *common_now;
const struct config_common *__wrap_daemon_common(void);
const struct config_common *__wrap_daemon_common(void)
{
    return common_now;
}

/* ---- the gateways ---- */

static const struct config_section section = {"mplane-gw", settings_options, NULL};

static const char *const configuration =
    "{\"common\": {\"run_dir\": \"%s\", \"schemas_dir\": \"" SOURCE_ROOT "/schemas\"},"
    " \"mplane-gw\": {\"listen\": [\"127.0.0.1:%u\"], \"public_url\": \"https://127.0.0.1:%u/\","
    " \"registry_listen\": \"127.0.0.1:%u\", \"certificate\": \"%s/certificate\","
    " \"key\": \"%s/key\", \"ca\": \"%s/certificate\", \"audit_per_second\": %d,"
    " \"repeats_file\": \"%s/repeats\", \"exports_file\": \"%s/exports\", \"supervisors\": [%s],"
    " \"access\": {\"roles\": {\"all\": [\"ann\"]}, \"authorizations\": {\"%s\": [\"all\"]}}}}";

static void start(struct house *h)
{
    struct gateway *g = &h->gateway;
    assert_null(g->base);
    common_now = &h->common;
    h->queryd = bus_bind(ZMQ_ROUTER, ENDPOINT_QUERY, 100);
    assert_non_null(h->queryd);
    assert_int_equal(parts_prepare(g, &h->common), 0);
    g->base = event_base_new();
    assert_int_equal(parts_start(g), 0);
}

static void stop(struct house *h)
{
    parts_stop(&h->gateway);
    event_base_free(h->gateway.base);
    h->gateway.base = NULL;
    zsock_destroy(&h->queryd);
}

/* With these lines of the audit log a second, this supervisor, and the capabilities that ann may
 * use. */
static void furnish(struct house *h, const char *name, int audit, const char *supervisor,
                    const char *allowed)
{
    char text[4096];
    unsigned port = free_port(), registry = free_port();
    memset(h, 0, sizeof *h);
    snprintf(h->folder, sizeof h->folder, "%s/%s", folder, name);
    assert_int_equal(mkdir(h->folder, 0700), 0);
    int n = snprintf(text, sizeof text, configuration, h->folder, port, port, registry, folder,
                     folder, folder, audit, h->folder, h->folder, supervisor, allowed);
    assert_in_range(n, 1, sizeof text - 1);
    h->config = config_read_bytes(name, arena_copy(arena, slice_of(text)), &h->common, &section,
                                  &h->gateway.settings);
    assert_non_null(h->config);
    start(h);
}

static int set_up(void **state)
{
    char supervisor[64];
    (void)state;
    arena = arena_new(64 << 20);
    if (arena == NULL || tls_folder_make(folder) == -1) {
        return -1;
    }
    snprintf(supervisor, sizeof supervisor, "{\"url\": \"https://127.0.0.1:%u\"}", free_port());
    furnish(&houses[0], "one", 1000, supervisor, "*");
    furnish(&houses[1], "two", 0, "", "Query*");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (houses[i].gateway.base != NULL) {
            stop(&houses[i]);
        }
        config_free(&houses[i].config);
    }
    arena_free(&arena);
    libevent_global_shutdown();
    return tls_folder_remove(folder);
}

/* ---- what is asked ---- */

static struct gateway *gateway_of(size_t i)
{
    common_now = &houses[i].common;
    return &houses[i].gateway;
}

/* The message of that kind about the capability, with every parameter "*". */
static struct mplane_message about(const struct gateway *g, enum mplane_kind kind,
                                   const char *label, const char *when, const char *token)
{
    char error[256];
    const struct capability *k = capabilities_by_label(g->capabilities, slice_of(label));
    assert_non_null(k);
    struct mplane_message m = mplane_message_answer(kind, &k->message);
    struct mplane_parameter *copy = arena_calloc(arena, m.parameter_count + 1, sizeof *copy);
    for (uint32_t i = 0; i < m.parameter_count; i++) {
        copy[i] = m.parameters[i];
        copy[i].values = arena_calloc(arena, 1, sizeof *copy[i].values);
        copy[i].values[0] = slice_of("*");
    }
    m.parameters = copy;
    m.token = slice_of(token);
    m.export = k->message.export;
    assert_int_equal(when_parse(slice_of(when), &m.when, error, sizeof error), 0);
    return m;
}

/* What ann is answered; the caller releases the reply. */
static struct desk_reply ask_desk(struct gateway *g, const struct mplane_message *m)
{
    char error[256] = "";
    struct slice text = mplane_message_write(arena, m, g->registry);
    struct desk_reply reply;
    struct desk_request r = {.gateway = g,
                             .arena = arena,
                             .identity = slice_of("ann"),
                             .peer = "test",
                             .tree = json_parse(arena, text, &mplane_limits, error, sizeof error),
                             .place = ""};
    assert_non_null(r.tree);
    desk_handle(&r, &reply);
    if (reply.job != NULL) {
        desk_render(g, arena, &reply);
    }
    desk_count(g, &reply.message);
    desk_audit(g, &reply, "ann", "test", NULL, daemon_clock_us());
    return reply;
}

static void expect_exception(struct gateway *g, struct mplane_message m, const char *text)
{
    struct desk_reply reply = ask_desk(g, &m);
    assert_null(reply.job);
    assert_int_equal(reply.message.kind, MPLANE_EXCEPTION);
    assert_non_null(memmem(reply.message.text.at, reply.message.text.len, text, strlen(text)));
}

static struct job *expect_job(struct gateway *g, struct mplane_message m)
{
    struct desk_reply reply = ask_desk(g, &m);
    struct job *job = reply.job;
    if (job == NULL) {
        fail_msg("%.*s", (int)reply.message.text.len, reply.message.text.at);
    }
    desk_release(&reply);
    return job;
}

/* A message of that kind about one and the same question. */
static struct mplane_message question(const struct gateway *g, enum mplane_kind kind)
{
    return about(g, kind, "QueryHistogram", "past ... future", "t");
}

/* How many messages have come to where queryd would be; at least one is waited for. */
static unsigned heard(struct house *h)
{
    unsigned count = 0;
    struct bus_message m;
    zmq_pollitem_t item = {.socket = zsock_resolve(h->queryd), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, WAITS_US / 1000), 1);
    while (bus_receive(h->queryd, &m) == 0) {
        bus_release(&m);
        count++;
    }
    return count;
}

/* ---- tests ---- */

static void test_jobs(void **state)
{
    (void)state;
    struct gateway *one = gateway_of(0), *two = gateway_of(1);
    struct job *a = expect_job(one, question(one, MPLANE_SPECIFICATION));
    expect_exception(two, question(two, MPLANE_REDEMPTION), "unknown job");
    assert_int_equal(jobs_count(ask_jobs(one)), 1);
    assert_int_equal(jobs_count(ask_jobs(two)), 0);
    struct job *b = expect_job(two, question(two, MPLANE_SPECIFICATION));
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(expect_job(two, question(two, MPLANE_SPECIFICATION)), b);
    assert_ptr_equal(expect_job(one, question(one, MPLANE_INTERRUPT)), a);
    assert_int_equal(a->state, JOB_FAILED);
    assert_int_equal(b->state, JOB_RUNNING);
    assert_ptr_equal(expect_job(two, question(two, MPLANE_REDEMPTION)), b);
    assert_int_equal(one->counters[COUNT_QUERIES_SENT], 1);
    assert_int_equal(two->counters[COUNT_QUERIES_SENT], 1);
    assert_int_equal(one->counters[COUNT_QUERIES_CANCELLED], 1);
    assert_int_equal(two->counters[COUNT_QUERIES_CANCELLED], 0);
}

/* A question reaches the queryd of its own set. */
static void test_sets(void **state)
{
    (void)state;
    gateway_of(1);
    assert_in_range(heard(&houses[0]), 1, 2);
    assert_int_equal(heard(&houses[1]), 1);
}

static void test_access(void **state)
{
    (void)state;
    struct gateway *one = gateway_of(0), *two = gateway_of(1);
    struct mplane_message m = about(one, MPLANE_SPECIFICATION, "GetGrading", "now", "g");
    expect_job(one, m);
    expect_exception(two, about(two, MPLANE_SPECIFICATION, "GetGrading", "now", "g"),
                     "not authorized");
    assert_int_equal(one->counters[COUNT_DENIED], 0);
    assert_int_equal(two->counters[COUNT_DENIED], 1);
    struct access *none =
        access_read(&(struct document){0}, "access", NULL, (struct slice){NULL, 0});
    gateway_use_access(one, none);
    assert_true(gateway_could_use(one, slice_of("ann"), slice_of("GetGrading")));
    assert_false(gateway_could_use(two, slice_of("ann"), slice_of("QueryEvents")));
    struct desk_reply reply = ask_desk(one, &m);
    assert_int_equal(reply.message.kind, MPLANE_WITHDRAWAL);
    gateway_use_access(one, access_read(&(struct document){0}, "access", one->settings.access,
                                        (struct slice){NULL, 0}));
    expect_job(one, m);
}

static void test_exports(void **state)
{
    (void)state;
    struct gateway *one = gateway_of(0), *two = gateway_of(1);
    struct mplane_message m =
        about(one, MPLANE_SPECIFICATION, "Collect-ping", "now ... future", "e");
    struct desk_reply reply = ask_desk(one, &m);
    assert_int_equal(reply.message.kind, MPLANE_RECEIPT);
    const char *result = memmem(reply.message.export.at, reply.message.export.len, "/result", 7);
    assert_non_null(result);
    struct slice token = {result - (TOKEN_TEXT - 1), TOKEN_TEXT - 1};
    struct slice owner = {NULL, 0};
    assert_null(delegate_label(two, token, slice_of("ann"), &owner).at);
    assert_true(slice_is(delegate_label(one, token, slice_of("ann"), &owner), "Collect-ping"));
    assert_true(owner.len > 0);
    parts_tick(one);
    parts_tick(two);
    assert_int_equal(one->counters[COUNT_EXPORTS], 1);
    assert_int_equal(two->counters[COUNT_EXPORTS], 0);
}

static void test_audit(void **state)
{
    (void)state;
    assert_int_equal(houses[0].gateway.counters[COUNT_AUDIT_LEFT_OUT], 0);
    assert_true(houses[1].gateway.counters[COUNT_AUDIT_LEFT_OUT] > 0);
}

/* Only one has a supervisor, and nobody is there. */
static void test_supervisors(void **state)
{
    (void)state;
    struct gateway *one = gateway_of(0), *two = gateway_of(1);
    int64_t until_us = daemon_clock_us() + WAITS_US;
    while (one->counters[COUNT_SUPERVISORS_FAILED] == 0 && daemon_clock_us() < until_us) {
        event_base_loop(one->base, EVLOOP_ONCE);
    }
    event_base_loop(two->base, EVLOOP_NONBLOCK);
    assert_int_equal(one->counters[COUNT_SUPERVISORS_FAILED], 1);
    assert_int_equal(two->counters[COUNT_SUPERVISORS_FAILED], 0);
}

/* One stops; the other goes on. Started again it takes up what is in its own files. */
static void test_stop(void **state)
{
    (void)state;
    struct gateway *one = gateway_of(0), *two = gateway_of(1);
    struct mplane_message m = about(one, MPLANE_SPECIFICATION, "QueryHistogram",
                                    "repeat now + 1d / 1h { now + 1s }", "r");
    expect_job(one, m);
    parts_tick(one);
    parts_tick(two);
    assert_int_equal(one->counters[COUNT_REPEATS_KNOWN], 1);
    assert_int_equal(two->counters[COUNT_REPEATS_KNOWN], 0);
    size_t jobs = jobs_count(ask_jobs(two));
    stop(&houses[0]);
    gateway_of(1);
    parts_tick(two);
    struct mplane_message next =
        about(two, MPLANE_SPECIFICATION, "QueryHistogram", "past ... future", "n");
    expect_job(two, next);
    assert_int_equal(jobs_count(ask_jobs(two)), jobs + 1);
    start(&houses[0]);
    parts_tick(one);
    assert_non_null(jobs_by_token(ask_jobs(one), slice_of("ann"), slice_of("r")));
    assert_int_equal(one->counters[COUNT_REPEATS_KNOWN], 1);
    assert_int_equal(one->counters[COUNT_EXPORTS], 1);
    assert_null(jobs_by_token(ask_jobs(two), slice_of("ann"), slice_of("r")));
}

int main(void)
{
    log_set_level((enum log_level)(LOG_LEVEL_ERROR + 1));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs),   cmocka_unit_test(test_sets),
        cmocka_unit_test(test_access), cmocka_unit_test(test_exports),
        cmocka_unit_test(test_audit),  cmocka_unit_test(test_supervisors),
        cmocka_unit_test(test_stop)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
