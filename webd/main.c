/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webd: the page and its API, over HTTP; and what the set says of itself, over plain HTTP:
 * /metrics for Prometheus, /healthz and /readyz. Asks queryd; reads the status files of all
 * processes.
 */
#include <event2/buffer.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/door/event_loop.h"
#include "common/http/plain_listener.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "common/mplane/registry_files.h"
#include "common/place.h"
#include "webd/api/api_asking.h"
#include "webd/api/api_changes.h"
#include "webd/api/api_publishing.h"
#include "webd/api/check_grading.h"
#include "webd/exposition.h"
#include "webd/health.h"
#include "webd/page_doors.h"
#include "webd/page_files.h"
#include "webd/people/logins.h"
#include "webd/people/people_link.h"
#include "webd/series_look.h"
#include "webd/status_files.h"

#define ARENA_BYTES ((size_t)128 << 20) /* of 256 processes at most */

/* Draining takes at most this long; what still waits then gets no answer. */
#define DRAIN_US 10000000

static const struct counter_row counter_rows[] = {WEB_COUNTERS(COUNTER_ROW, GAUGE_ROW)};
static const struct counter_family counter_families[] = {{"questions.", "outcome", "questions"},
                                                         {NULL, NULL, NULL}};
static const struct counter_row histogram_rows[] = {HTTP_HISTOGRAMS(HISTOGRAM_ROW)};

/* The only thing that is not passed: daemon.h's callbacks know no other. */
static struct {
    struct web web;
    struct event_loop loop;
    struct plain_kind kind;
    struct plain_listener *listener;
    struct export_rules *exports;
    struct series_look *series;
    struct record_types *types; /* until the checks have them */
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
    struct evbuffer *body = good ? evbuffer_new() : NULL;
    good = body != NULL && evbuffer_add(body, text, size) == 0 &&
           (page->write != write_metrics || series_look_add(self.series, body) == 0);
    if (good) {
        reply_send_buffer(request, status, page->type, body, true);
        self.web.counters[COUNT_SCRAPES] += page->write == write_metrics;
    } else {
        if (body != NULL) {
            evbuffer_free(body);
        }
        web_count(&self.web, COUNT_FAILED);
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
    web_count(&self.web, COUNT_REQUESTS);
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
    (void)common;
    return web_settings_check(d, given);
}

/* What is configured, and what stored keeps. */
static struct access *read_access(const struct web *w, struct slice stored)
{
    return access_read(&(struct document){0}, "webd.access", w->settings.access, stored);
}

static void use_access(struct web *w, struct access *access)
{
    access_free(&w->access);
    w->access = access;
    if (w->asking != NULL) {
        api_asking_follow_access(w);
        api_changes_end_all(w);
    }
}

/* stored has another document. */
static int take_access(void *context, struct slice document)
{
    struct web *w = context;
    struct access *access = read_access(w, document);
    if (access == NULL) {
        return -1;
    }
    use_access(w, access);
    return 0;
}

static int prepare(void)
{
    struct web *w = &self.web;
    const char *folder = w->settings.web_dir[0] == '\0' ? place_of_web() : w->settings.web_dir;
    self.kind = (struct plain_kind){"webd.metrics_listen", &w->settings.http.transfer_timeout_s,
                                    on_request, NULL};
    self.listener = plain_listener_new(&self.kind, w->settings.metrics_listen);
    self.exports = export_rules_read(&(struct document){0}, w->settings.export);
    w->access = read_access(w, (struct slice){NULL, 0});
    w->files = page_files_read(folder, w->settings.d3);
    self.types = record_types_configured(daemon_common());
    (void)proxy_header_read(&(struct document){0}, "webd.proxy", w->settings.proxy, &w->proxy);
    return self.listener == NULL || self.exports == NULL || w->access == NULL || w->files == NULL ||
                   self.types == NULL || RAND_bytes(w->secret, sizeof w->secret) != 1 ||
                   registry_read(daemon_common()->schemas_dir, &w->registry) == -1
               ? -1
               : page_doors_prepare(w);
}

/* All of it, or nothing: who may come goes with the files that say who it is. */
static int reload(void)
{
    struct web *w = &self.web;
    const struct tls_files files = web_files(&w->settings);
    struct export_rules *exports = export_rules_read(&(struct document){0}, w->settings.export);
    struct access *access = read_access(w, access_watch_document(w->watch));
    struct record_types *types = record_types_configured(daemon_common());
    bool tls = web_has_tls(&w->settings);
    bool good = exports != NULL && access != NULL && types != NULL;
    SSL_CTX *context = good && tls ? connections_context(&files) : NULL;
    if (!good || (tls && context == NULL) || grading_checks_use(w->checks, &types) == -1) {
        export_rules_free(&exports);
        access_free(&access);
        record_types_free(&types);
        SSL_CTX_free(context);
        return -1;
    }
    export_rules_free(&self.exports);
    self.exports = exports;
    series_look_again(self.series);
    use_access(w, access);
    (void)proxy_header_read(&(struct document){0}, "webd.proxy", w->settings.proxy, &w->proxy);
    if (tls) {
        connections_use(server_connections(w->server), context);
    }
    return 0;
}

/* ---- the loop ---- */

static bool drained(int64_t waited_us)
{
    const struct connections *c = server_connections(self.web.server);
    bool answered =
        api_asking_count(self.web.asking) == 0 && api_publishing_count(self.web.publishing) == 0 &&
        grading_checks_count(self.web.checks) == 0 && sessions_waiting(self.web.sessions) == 0 &&
        logins_waiting(self.web.logins) == 0 && connections_sending(c) == 0;
    return waited_us > DRAIN_US ||
           (answered && (connections_open(c) == 0 || waited_us > DRAIN_US / 10));
}

static void close_idle(void)
{
    connections_close_idle(server_connections(self.web.server));
}

static int start_parts(struct web *w)
{
    const struct series_counts counts = {&w->counters[COUNT_SERIES_ROUNDS],
                                         &w->counters[COUNT_SERIES_FAILED],
                                         &w->counters[COUNT_SERIES_MALFORMED]};
    self.series = series_look_new(w->base, &w->settings.look_s, &self.exports, counts);
    w->watch = access_watch_new(w->base, "webd.access", take_access, w);
    w->audit = audit_log_new(&w->settings.audit_per_second, &w->counters[COUNT_AUDIT_LEFT_OUT]);
    w->asking = api_asking_new(w);
    w->publishing = api_publishing_new(w);
    w->checks = grading_checks_new(w, &self.types);
    w->people = people_link_new(w);
    w->sessions = sessions_new(w);
    w->logins = logins_new(w);
    w->changes = api_changes_new(w);
    return self.series == NULL || w->people == NULL || w->sessions == NULL || w->logins == NULL ||
                   w->watch == NULL || w->audit == NULL || w->asking == NULL ||
                   w->publishing == NULL || w->checks == NULL || w->changes == NULL ||
                   plain_listener_start(self.listener, w->base) == -1
               ? -1
               : page_doors_start(w);
}

static int run(void)
{
    self.loop.drained = drained;
    self.loop.close_idle = close_idle;
    if (event_loop_open(&self.loop) == -1) {
        return -1;
    }
    self.web.base = self.loop.base;
    if (start_parts(&self.web) == -1) {
        return -1;
    }
    log_info("web.started", "metrics_listen=%s listen=%s", self.web.settings.metrics_listen,
             self.web.settings.listen.item[0]);
    return event_loop_run(&self.loop);
}

static void drain(void)
{
    api_changes_end_all(&self.web);
    server_drain(self.web.server);
    event_loop_drain(&self.loop);
}

static void tick(void)
{
    struct web *w = &self.web;
    plain_listener_tick(self.listener);
    if (w->asking == NULL) {
        return;
    }
    series_look_tick(self.series);
    page_doors_tick(w);
    access_watch_tick(w->watch);
    audit_log_tick(w->audit);
    api_asking_tick(w);
    api_publishing_tick(w);
    grading_checks_tick(w->checks);
    people_link_tick(w->people);
    api_changes_tick(w);
}

static void stop(void)
{
    struct web *w = &self.web;
    plain_listener_free(&self.listener);
    series_look_free(&self.series);
    export_rules_free(&self.exports);
    api_asking_free(&w->asking);
    api_publishing_free(&w->publishing);
    grading_checks_free(&w->checks);
    logins_free(&w->logins);
    sessions_free(&w->sessions);
    people_link_free(&w->people);
    api_changes_free(&w->changes);
    server_free(&w->server);
    access_watch_free(&w->watch);
    audit_log_free(&w->audit);
    access_free(&w->access);
    registry_free(&w->registry);
    page_files_free(&w->files);
    record_types_free(&self.types);
    event_loop_close(&self.loop);
}

static const struct daemon webd = {
    .name = "webd",
    .summary = "The page and its API; metrics for Prometheus, health.",
    .options = web_options,
    .settings = &self.web.settings,
    .settings_size = sizeof self.web.settings,
    .counter_rows = counter_rows,
    .counter_families = counter_families,
    .histogram_rows = histogram_rows,
    .histograms = self.web.durations,
    .histogram_count = HTTP_DURATIONS,
    .counters = self.web.counters,
    .counter_count = COUNTERS,
    .check = check,
    .prepare = prepare,
    .run = run,
    .reload = reload,
    .drain = drain,
    .tick = tick,
    .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&webd, argc, argv);
}
