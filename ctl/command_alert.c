/* SPDX-License-Identifier: Apache-2.0 */
/* The command alert: has alertd tell everybody of an alert that is a test. */
#include "ctl/listing.h"
#include "ctl/store_link.h"

#define ARENA_BYTES ((size_t)4 << 20)
#define PATIENCE_MS 120000 /* alertd answers within half a minute, one who asks after the other */

static struct {
    const char *run_dir, *route, *output;
} given;

static const struct ctl_option test_options[] = {
    {"run-dir", "DIR", &given.run_dir, NULL, "where alertd's socket is"},
    {"route", "NAME", &given.route, NULL, "as an alert of this route"},
    LISTING_OPTION(given.output),
    {NULL, NULL, NULL, NULL, NULL}};

static const struct ctl_command verbs[] = {
    {"alert test", "",
     "Tells all receivers of an alert that is a test, then that it is over; prints what each "
     "answered.",
     ctl_alert}};

static const char *const columns[] = {"receiver", "fires", "over", NULL};

/* 1 where somebody did not take it. */
static int print(struct arena *a, const struct tried_alert_message *m)
{
    static const struct json_limits limits = {.depth = 4, .nodes = 4096, .string_bytes = 4096};
    char error[200];
    const struct json *receivers = json_parse(a, m->receivers, &limits, error, sizeof error);
    if (receivers == NULL) {
        return ctl_failed("alertd answered something else than expected: %s", error);
    }
    int exit_code = listing_print(a, given.output, receivers, columns);
    unsigned failed = 0;
    for (const struct json *r = receivers->first; r != NULL; r = r->next) {
        const struct json *taken = json_get(r, "taken");
        failed += taken == NULL || taken->type != JSON_TRUE;
    }
    return exit_code != CTL_DONE || failed == 0
               ? exit_code
               : ctl_failed("%u of %u did not take it", failed, receivers->count);
}

static int ask(const struct store_link *link, struct arena *a)
{
    const struct try_alert_message request = {
        .id = 1, .route = slice_of(given.route == NULL ? "" : given.route)};
    struct tried_alert_message m;
    struct slice frame;
    struct pack p;
    zmq_msg_t bytes;
    pack_init(&p);
    try_alert_encode(&p, &request);
    zmq_msg_init(&bytes);
    int rc = store_link_ask(link, &p, PATIENCE_MS, &bytes, &frame);
    int exit_code = CTL_FAILED;
    if (rc == 0 && tried_alert_decode_all(frame, a, &m) == -1) {
        (void)store_link_strange(link);
    } else if (rc == 0 && m.status == ANSWER_INVALID) {
        exit_code = ctl_usage("--route: %.*s", (int)m.message.len, m.message.at);
    } else if (rc == 0) {
        exit_code = m.status == ANSWER_OK ? print(a, &m)
                                          : ctl_failed("%.*s", (int)m.message.len, m.message.at);
    }
    zmq_msg_close(&bytes);
    return exit_code;
}

int ctl_alert(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {test_options, NULL};
    struct store_link link;
    int exit_code, count;
    const struct ctl_command *verb = ctl_verb(self, verbs, sizeof verbs / sizeof verbs[0],
                                              sizeof verbs[0], argc, argv, &exit_code);
    if (verb == NULL ||
        ctl_options(verb, groups, argc - 1, argv + 1, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    exit_code = a == NULL ? ctl_failed("out of memory")
                          : store_link_open(&link, given.run_dir, ENDPOINT_TRIAL, "alertd");
    if (a != NULL && exit_code == CTL_DONE) {
        exit_code = ask(&link, a);
        store_link_close(&link);
    }
    arena_free(&a);
    return exit_code;
}
