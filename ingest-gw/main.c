/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest-gw: the door for tools over HTTPS, with a client's certificate or a bearer token. Hands
 * what is posted to ingestd; reads none of it, and never touches the database.
 */
#include "common/daemon.h"
#include "common/door/access_watch.h"
#include "common/door/event_loop.h"
#include "common/door/posts.h"
#include "common/formats/format_files.h"
#include "common/log.h"
#include "ingest-gw/doors.h"
#include "ingest-gw/format_names.h"
#include "ingest-gw/remote/remote_door.h"

/* Draining takes at most this long; what still waits then gets no answer. */
#define DRAIN_US 10000000

/* The only thing that is not passed: daemon.h's callbacks know no other. */
static struct {
    struct ingest gateway;
    struct event_loop loop;
} self;

static const struct counter_row histogram_rows[] = {HTTP_HISTOGRAMS(HISTOGRAM_ROW)};
static const struct counter_family counter_families[] = {{"posts.", "outcome", "posted bodies"},
                                                         {NULL, NULL, NULL}};
static const struct counter_row counter_rows[] = {INGEST_COUNTERS(COUNTER_ROW, GAUGE_ROW)};

static int check(struct document *d, const struct config_common *common, const void *settings)
{
    struct format_names *formats = format_names_read(common);
    int rc = ingest_settings_check(d, settings, true);
    rc = formats == NULL ? -1 : rc;
    format_names_free(&formats);
    return rc;
}

/* What is configured, and what stored keeps. */
static struct access *read_access(const struct ingest *g, struct slice stored)
{
    return access_read(&(struct document){0}, "ingest-gw.access", g->settings.access, stored);
}

/* stored has another document. */
static int take_access(void *context, struct slice document)
{
    struct ingest *g = context;
    struct access *access = read_access(g, document);
    if (access == NULL) {
        return -1;
    }
    access_free(&g->access);
    g->access = access;
    return 0;
}

/* What says what a delivery may tell, and how samples are put together. */
static struct format_files *read_mappings(void)
{
    const struct config_common *common = daemon_common();
    return format_files_of(common->schemas_dir, common->formats_dir);
}

static int prepare(void)
{
    struct ingest *g = &self.gateway;
    g->access = read_access(g, (struct slice){NULL, 0});
    g->formats = format_names_read(daemon_common());
    g->mappings = read_mappings();
    return g->access == NULL || g->formats == NULL || g->mappings == NULL ? -1 : doors_prepare(g);
}

static int start_parts(struct ingest *g)
{
    const struct posts_counters counters = {
        &g->counters[COUNT_POSTS_UNDER_WAY], &g->counters[COUNT_POSTS_READY],
        &g->counters[COUNT_POSTS_ABANDONED], &g->counters[COUNT_ANSWERS_LATE],
        &g->counters[COUNT_ANSWERS_MALFORMED]};
    g->watch = access_watch_new(g->base, "ingest-gw.access", take_access, g);
    g->audit = audit_log_new(&g->settings.audit_per_second, &g->counters[COUNT_AUDIT_LEFT_OUT]);
    g->posts = posts_new(g->base, "ingest-gw", &g->settings.posts, &counters);
    bool made = g->watch != NULL && g->audit != NULL && g->posts != NULL;
    return !made || remote_door_open(g) == -1 ? -1 : doors_start(g);
}

/* ---- the loop ---- */

static bool drained(int64_t waited_us)
{
    const struct connections *c = server_connections(self.gateway.server);
    bool answered = posts_open(self.gateway.posts) == 0 && connections_sending(c) == 0;
    return waited_us > DRAIN_US ||
           (answered && (connections_open(c) == 0 || waited_us > DRAIN_US / 10));
}

static void close_idle(void)
{
    connections_close_idle(server_connections(self.gateway.server));
}

static int run(void)
{
    self.loop.drained = drained;
    self.loop.close_idle = close_idle;
    if (event_loop_open(&self.loop) == -1) {
        return -1;
    }
    self.gateway.base = self.loop.base;
    if (start_parts(&self.gateway) == -1) {
        return -1;
    }
    log_info("gateway.started", "listen=%s", self.gateway.settings.listen.item[0]);
    return event_loop_run(&self.loop);
}

static void use_mappings(struct ingest *g, struct format_files *mappings)
{
    struct format_files *before = g->mappings;
    g->mappings = mappings;
    if (g->remote != NULL) {
        remote_take_formats(g->remote, mappings);
    }
    format_files_free(&before);
}

/* All of it, or nothing: who may come goes with the files that say who it is. */
static int reload(void)
{
    struct ingest *g = &self.gateway;
    const struct tls_files files = ingest_files(&g->settings);
    struct access *access = read_access(g, access_watch_document(g->watch));
    struct format_names *formats = format_names_read(daemon_common());
    struct format_files *mappings = read_mappings();
    SSL_CTX *context =
        access == NULL || formats == NULL || mappings == NULL ? NULL : connections_context(&files);
    if (context == NULL) {
        access_free(&access);
        format_names_free(&formats);
        format_files_free(&mappings);
        return -1;
    }
    access_free(&g->access);
    format_names_free(&g->formats);
    g->access = access;
    g->formats = formats;
    use_mappings(g, mappings);
    connections_use(server_connections(g->server), context);
    return 0;
}

static void drain(void)
{
    server_drain(self.gateway.server);
    event_loop_drain(&self.loop);
}

static void tick(void)
{
    struct ingest *g = &self.gateway;
    if (g->posts == NULL) {
        return;
    }
    doors_tick(g);
    access_watch_tick(g->watch);
    audit_log_tick(g->audit);
    if (g->remote != NULL) {
        remote_tick(g->remote);
    }
    posts_tick(g->posts, g->remote == NULL ? INT64_MAX : remote_until_us(g->remote));
}

static void stop(void)
{
    struct ingest *g = &self.gateway;
    remote_free(&g->remote);
    posts_free(&g->posts);
    server_free(&g->server);
    access_watch_free(&g->watch);
    audit_log_free(&g->audit);
    format_names_free(&g->formats);
    format_files_free(&g->mappings);
    access_free(&g->access);
    event_loop_close(&self.loop);
}

static const struct daemon ingest_gw = {
    .name = "ingest-gw",
    .summary =
        "The door for tools: takes over HTTPS what they write, with a certificate or a token.",
    .options = ingest_options,
    .settings = &self.gateway.settings,
    .settings_size = sizeof self.gateway.settings,
    .counter_rows = counter_rows,
    .counter_families = counter_families,
    .histogram_rows = histogram_rows,
    .histograms = self.gateway.durations,
    .histogram_count = HTTP_DURATIONS,
    .counters = self.gateway.counters,
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
    return daemon_main(&ingest_gw, argc, argv);
}
