/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webd: what a set says of itself, over plain HTTP on this machine: /metrics for Prometheus,
 * /healthz and /readyz. Reads the status files of all processes, and nothing else.
 */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/door/event_loop.h"
#include "common/http/listen.h"
#include "common/http/plain_listener.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "webd/exposition.h"
#include "webd/health.h"
#include "webd/status_files.h"

#define ARENA_BYTES ((size_t)128 << 20) /* of 256 processes at most */

#define WEB_COUNTERS(COUNTER, GAUGE)                                                               \
    COUNTER(REQUESTS, "requests", "", "HTTP requests")                                             \
    COUNTER(SCRAPES, "scrapes", "", "of them, those for /metrics that were answered")              \
    COUNTER(FAILED, "failed", "", "of them, those that memory was not enough for")

enum { WEB_COUNTERS(COUNTER_CONSTANT, COUNTER_CONSTANT) COUNTERS };
static const struct counter_row counter_rows[] = {WEB_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
static uint64_t counters[COUNTERS];

struct web_settings {
    const char *metrics_listen;
    int64_t transfer_timeout_s;
};
static struct web_settings settings;

static const struct config_option options[] = {
    {"metrics_listen", CONFIG_STRING, offsetof(struct web_settings, metrics_listen),
     "\"127.0.0.1:8893\"", 0, 0, false,
     "address of /metrics, /healthz and /readyz, plain HTTP for anybody who can reach it, "
     "HOST:PORT"},
    {"transfer_timeout_s", CONFIG_INTEGER, offsetof(struct web_settings, transfer_timeout_s), "60",
     1, 86400, true, "a request and its answer take at most, seconds"},
    CONFIG_END};

/* The only thing that is not passed: daemon.h's callbacks know no other. */
static struct {
    struct event_loop loop;
    struct plain_kind kind;
    struct plain_listener *listener;
} self;

/* ---- answers ---- */

/* What an answer is made by: writes it, and its status; -1: memory is out. */
typedef int answer(FILE *f, struct arena *a, const struct process_statuses *all, int *status);

static int write_metrics(FILE *f, struct arena *a, const struct process_statuses *all, int *status)
{
    (void)status;
    return exposition_write(f, a, all, health_write(NULL, all, false) == 0);
}

static void write_verdict(FILE *f, const struct process_statuses *all, bool ready, int *status)
{
    bool good = health_write(NULL, all, ready) == 0;
    *status = good ? HTTP_OK : HTTP_SERVUNAVAIL;
    fputs(good ? "ok\n" : ready ? "not ready\n" : "ill\n", f);
    health_write(f, all, ready);
}

static int write_health(FILE *f, struct arena *a, const struct process_statuses *all, int *status)
{
    (void)a;
    write_verdict(f, all, false, status);
    return 0;
}

static int write_readiness(FILE *f, struct arena *a, const struct process_statuses *all,
                           int *status)
{
    (void)a;
    write_verdict(f, all, true, status);
    return 0;
}

static const struct web_page {
    const char *path;
    const char *type;
    answer *write;
} pages[] = {{"/metrics", EXPOSITION_TYPE, write_metrics},
             {"/healthz", "text/plain; charset=utf-8", write_health},
             {"/readyz", "text/plain; charset=utf-8", write_readiness}};

static void answer_page(struct evhttp_request *request, const struct web_page *page)
{
    struct arena *a = arena_new(ARENA_BYTES);
    struct process_statuses all;
    char *text = NULL;
    size_t size = 0;
    int status = HTTP_OK;
    FILE *f = open_memstream(&text, &size);
    bool good = a != NULL && f != NULL && status_files_read(a, daemon_common(), &all) == 0 &&
                page->write(f, a, &all, &status) == 0;
    good = f != NULL && fclose(f) == 0 && good;
    if (good) {
        reply_send(request, status, page->type, (struct slice){text, size}, true);
        counters[COUNT_SCRAPES] += page->write == write_metrics;
    } else {
        counters[COUNT_FAILED]++;
        log_error("web.answer", "path=%s error=\"out of memory\"", page->path);
        reply_text(request, HTTP_INTERNAL, "Out of memory.\n", true);
    }
    free(text);
    arena_free(&a);
}

static void on_request(void *context, struct evhttp_request *request)
{
    char buffer[128];
    const char *path = request_path(request, buffer, sizeof buffer);
    enum evhttp_cmd_type command = evhttp_request_get_command(request);
    (void)context;
    counters[COUNT_REQUESTS]++;
    const struct web_page *page = pages, *end = pages + sizeof pages / sizeof *pages;
    while (page < end && (path == NULL || strcmp(path, page->path) != 0)) {
        page++;
    }
    if (page == end) {
        reply_text(request, HTTP_NOTFOUND, "There is only /metrics, /healthz and /readyz.\n", true);
    } else if (command != EVHTTP_REQ_GET && command != EVHTTP_REQ_HEAD) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        reply_text(request, HTTP_BADMETHOD, "This can only be read.\n", true);
    } else {
        answer_page(request, page);
    }
}

/* ---- the process ---- */

static int check(struct document *d, const struct config_common *common, const void *given)
{
    const struct web_settings *s = given;
    const char *address = s->metrics_listen;
    const struct config_strings listen = {&address, 1};
    (void)common;
    if (address != NULL) {
        listen_check(d, "webd.metrics_listen", &listen);
    }
    return 0;
}

static int prepare(void)
{
    self.kind =
        (struct plain_kind){"webd.metrics_listen", &settings.transfer_timeout_s, on_request, NULL};
    self.listener = plain_listener_new(&self.kind, settings.metrics_listen);
    return self.listener == NULL ? -1 : 0;
}

static bool drained(int64_t waited_us)
{
    (void)waited_us;
    return true;
}

static int run(void)
{
    self.loop.drained = drained;
    if (event_loop_open(&self.loop) == -1 ||
        plain_listener_start(self.listener, self.loop.base) == -1) {
        return -1;
    }
    log_info("web.started", "metrics_listen=%s", settings.metrics_listen);
    return event_loop_run(&self.loop);
}

static void drain(void)
{
    event_loop_drain(&self.loop);
}

static void tick(void)
{
    plain_listener_tick(self.listener);
}

static void stop(void)
{
    plain_listener_free(&self.listener);
    event_loop_close(&self.loop);
}

static const struct daemon webd = {
    .name = "webd",
    .summary = "Tells over HTTP how the set does: metrics for Prometheus, health.",
    .options = options,
    .settings = &settings,
    .settings_size = sizeof settings,
    .counter_rows = counter_rows,
    .counters = counters,
    .counter_count = COUNTERS,
    .check = check,
    .prepare = prepare,
    .run = run,
    .drain = drain,
    .tick = tick,
    .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&webd, argc, argv);
}
