/* SPDX-License-Identifier: Apache-2.0 */
/* The command rebuild: asks stored over its socket, and waits until it is done. Changes nothing
 * itself. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

#include "common/message.h"
#include "ctl/ctl.h"
#include "ctl/store_link.h"
#include "ctl/table.h"

#define ARENA_BYTES ((size_t)16 << 20)
#define SILENCE_MS  30000 /* stored tells every second how far it is */
#define REQUEST_ID  1

static struct {
    const char *run_dir, *since;
    bool verify, json;
} given;

static const struct ctl_option options[] = {
    {"run-dir", "DIR", &given.run_dir, NULL, "where stored's socket is"},
    {"verify", NULL, NULL, &given.verify, "change nothing; exit code 1 unless all is identical"},
    {"since", "TIME", &given.since, NULL,
     "what begins before is believed: \"2026-11-21 10:00\" (UTC), or how long ago: 2h, 1d12h"},
    {"json", NULL, NULL, &given.json, "the result as a JSON object"},
    {NULL, NULL, NULL, NULL, NULL}};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- asking ---- */

static int send_request(const struct store_link *link, int64_t since_us)
{
    const struct rebuild_message m = {
        .id = REQUEST_ID, .verify = given.verify, .since_us = since_us};
    struct pack p;
    pack_init(&p);
    rebuild_encode(&p, &m);
    return store_link_send(link->socket, &p);
}

static void send_cancel(const struct store_link *link)
{
    const struct cancel_message m = {.id = REQUEST_ID};
    struct pack p;
    pack_init(&p);
    cancel_encode(&p, &m);
    (void)store_link_send(link->socket, &p);
}

static void show_progress(const struct rebuilt_message *m)
{
    if (isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "\rseries %" PRIu64 " of %" PRIu64 ", records %" PRIu64 ", hours %" PRIu64,
                m->series, m->series_all, m->records, m->hours);
        if (m->finished) {
            fputc('\n', stderr);
        }
    }
}

/*
 * Answers until the last one, which is decoded into *m with its texts in `bytes` and the arena. -1
 * after a complaint.
 */
static int wait_for_end(const struct store_link *link, struct arena *a, zmq_msg_t *bytes,
                        struct rebuilt_message *m)
{
    bool given_up = false;
    for (;;) {
        struct slice frame;
        int rc = store_link_receive(link, SILENCE_MS, bytes, &frame);
        if (interrupted && !given_up) {
            send_cancel(link);
            given_up = true;
        }
        if (rc == -1) {
            return -1;
        }
        if (rc == 1) {
            continue;
        }
        arena_reset(a);
        if (rebuilt_decode_all(frame, a, m) == -1) {
            return store_link_strange(link);
        }
        show_progress(m);
        if (m->finished) {
            return 0;
        }
    }
}

/* ---- the result ---- */

static uint64_t differences(const struct rebuilt_message *m)
{
    return m->periods_missing + m->periods_surplus + m->periods_different + m->events_missing +
           m->events_surplus + m->events_different + m->rollups_missing + m->rollups_surplus +
           m->rollups_different;
}

static void print_json(const struct rebuilt_message *m)
{
    printf("{\"verify\": %s, \"status\": %" PRIu64 ", \"message\": ",
           given.verify ? "true" : "false", m->status);
    json_print_slice(stdout, m->message);
    printf(", \"identical\": %s", m->status == ANSWER_OK && differences(m) == 0 ? "true" : "false");
    printf(", \"series\": %" PRIu64 ", \"records\": %" PRIu64 ", \"hours\": %" PRIu64, m->series,
           m->records, m->hours);
    const struct {
        const char *name;
        uint64_t missing, surplus, different;
    } kinds[] = {{"periods", m->periods_missing, m->periods_surplus, m->periods_different},
                 {"events", m->events_missing, m->events_surplus, m->events_different},
                 {"rollups", m->rollups_missing, m->rollups_surplus, m->rollups_different}};
    for (int i = 0; i < 3; i++) {
        printf(", \"%s\": {\"missing\": %" PRIu64 ", \"surplus\": %" PRIu64
               ", \"different\": %" PRIu64 "}",
               kinds[i].name, kinds[i].missing, kinds[i].surplus, kinds[i].different);
    }
    fputs(", \"first\": [", stdout);
    for (uint32_t i = 0; i < m->first_count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        json_print_slice(stdout, m->first[i]);
    }
    puts("]}");
}

static void print_text(const struct rebuilt_message *m)
{
    static const char *const headings[] = {"", "missing", "surplus", "different"};
    const uint64_t numbers[] = {m->periods_missing, m->periods_surplus, m->periods_different,
                                m->events_missing,  m->events_surplus,  m->events_different,
                                m->rollups_missing, m->rollups_surplus, m->rollups_different};
    static const char *const kinds[] = {"periods", "events", "roll-ups"};
    char texts[9][24];
    struct slice cells[12];
    for (int row = 0; row < 3; row++) {
        cells[row * 4] = slice_of(kinds[row]);
        for (int i = row * 3; i < row * 3 + 3; i++) {
            snprintf(texts[i], sizeof texts[i], "%" PRIu64, numbers[i]);
            cells[row * 4 + 1 + i % 3] = slice_of(texts[i]);
        }
    }
    printf("%" PRIu64 " series, %" PRIu64 " records, %" PRIu64 " hours\n", m->series, m->records,
           m->hours);
    table_print(stdout, headings, 4, cells, 3);
    for (uint32_t i = 0; i < m->first_count; i++) {
        table_safe(stdout, m->first[i]);
        putchar('\n');
    }
    table_safe(stdout, m->message);
    putchar('\n');
}

/* ---- the command ---- */

static int ask(const struct store_link *link, int64_t since_us)
{
    int exit_code = CTL_FAILED;
    struct rebuilt_message m;
    zmq_msg_t bytes;
    struct arena *a = arena_new(ARENA_BYTES);
    zmq_msg_init(&bytes);
    if (a == NULL || send_request(link, since_us) == -1) {
        ctl_failed("%s", a == NULL ? "out of memory" : "stored cannot be asked");
    } else if (wait_for_end(link, a, &bytes, &m) == 0) {
        if (given.json) {
            print_json(&m);
        } else if (m.status == ANSWER_OK || m.status == ANSWER_TIMEOUT) {
            print_text(&m);
        } else {
            ctl_failed("%.*s", (int)m.message.len, m.message.at);
        }
        bool good = m.status == ANSWER_OK && (!given.verify || differences(&m) == 0);
        exit_code = good ? CTL_DONE : CTL_FAILED;
    }
    zmq_msg_close(&bytes);
    arena_free(&a);
    return exit_code;
}

/* The first interrupt asks stored to stop, the second ends us. */
static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int connect_and_ask(int64_t since_us)
{
    struct store_link link;
    int exit_code = store_link_open(&link, given.run_dir, ENDPOINT_STORE, "stored");
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    catch_interrupt();
    exit_code = ask(&link, since_us);
    store_link_close(&link);
    return exit_code;
}

int ctl_rebuild(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {options, NULL};
    int64_t since_us = INT64_MIN;
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    if (given.since != NULL && ctl_time(given.since, &since_us) == -1) {
        return ctl_usage("--since: expected a time such as \"2026-11-21 10:00\", or how long ago, "
                         "such as 2h; found \"%s\"",
                         given.since);
    }
    return connect_and_ask(since_us);
}
