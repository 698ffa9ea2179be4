/* SPDX-License-Identifier: Apache-2.0 */
/* What each path and method leads to. What a request means is decided elsewhere. */
#include "mplane-gw/routes.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/daemon.h"
#include "common/door/audit_line.h"
#include "common/http/reply.h"
#include "common/http/server.h"
#include "common/log.h"
#include "mplane-gw/audit.h"
#include "mplane-gw/exchange.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/pages.h"
#include "mplane-gw/posts/collect.h"

#define TOO_MANY_REQUESTS 429 /* RFC 6585; libevent has no name for it */

/* Whose answers are on their way may come again after so long. */
#define CLOGGED_US 1000000

struct routes {
    struct server_kind kind;
    char link_path[URL_PATH_BYTES]; /* of public_url, where clients of `link` post */
};

static bool takes_post(const struct routes *r, const char *path)
{
    static const char *const paths[] = {"/", "/capability", "/specification"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (strcmp(path, paths[i]) == 0) {
            return true;
        }
    }
    return strcmp(path, r->link_path) == 0;
}

/* What is no mPlane message is told by the status; exchange.c tells those who post one. */
static void too_often(struct evhttp_request *request, const struct connection *c, int64_t wait_us)
{
    reply_retry_after(request, wait_us);
    reply_text(request, TOO_MANY_REQUESTS, "Too many requests, come again later.\n",
               connection_is_last(c));
}

static void wrong_method(struct evhttp_request *request, const struct connection *c, bool get,
                         bool post)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow",
                      get && post ? "GET, POST"
                      : get       ? "GET"
                                  : "POST");
    reply_text(request, HTTP_BADMETHOD, "This path has no such method.\n", connection_is_last(c));
}

/* The line's outcome is set, except where somebody else writes lines. */
static void route(struct gateway *g, struct evhttp_request *request, struct connection *c,
                  const char *path, struct audit *line)
{
    bool get = pages_has(path), collect = collect_has(path);
    bool post = takes_post(g->routes, path);
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    int64_t wait_us = connection_charge(c);
    if (wait_us == 0 && !collect && connection_is_clogged(c)) {
        wait_us = CLOGGED_US;
    }
    g->counters[COUNT_LIMITED] += wait_us > 0;
    line->door = collect ? "result" : line->door;
    if (method == EVHTTP_REQ_POST && post) {
        exchange_start(g, request, c, wait_us);
    } else if (wait_us > 0) {
        line->outcome = "limited";
        too_often(request, c, wait_us);
    } else if (!get && !post && !collect) {
        line->outcome = "unknown";
        reply_text(request, HTTP_NOTFOUND, "There is nothing here; see /capability.\n",
                   connection_is_last(c));
    } else if (method == EVHTTP_REQ_GET && get) {
        pages_get(g, request, c, path, line);
    } else if (method == EVHTTP_REQ_POST && collect) {
        collect_post(g, request, c, path);
    } else {
        line->outcome = "method";
        wrong_method(request, c, get, post || collect);
    }
}

static const char *method_name(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    default:
        return "other";
    }
}

static void asked(void *context, struct evhttp_request *request, struct connection *c)
{
    struct gateway *g = context;
    char buffer[URL_PATH_BYTES], identity[AUDIT_VALUE_BYTES + 1], peer[80];
    gateway_count(g, COUNT_REQUESTS);
    const char *path = request_path(request, buffer, sizeof buffer);
    /* Replying may free the connection. */
    snprintf(identity, sizeof identity, "%s", connection_identity(c));
    snprintf(peer, sizeof peer, "%s", connection_peer(c));
    struct audit line = {.identity = identity,
                         .peer = peer,
                         .door = "other",
                         .verb = slice_of(method_name(request)),
                         .begun_us = daemon_clock_us()};
    route(g, request, c, path == NULL ? "" : path, &line);
    if (line.outcome != NULL) {
        audit_write(g, &line);
    }
}

/* ---- the server ---- */

SSL_CTX *routes_context(const struct gateway_settings *s)
{
    const struct tls_files files = {"mplane-gw", s->certificate, s->key, s->ca, s->crl};
    return connections_context(&files);
}

int routes_prepare(struct gateway *g)
{
    struct routes *r = calloc(1, sizeof *r);
    g->routes = r;
    if (r == NULL) {
        log_error("routes.prepare", "error=\"out of memory\"");
        return -1;
    }
    snprintf(r->link_path, sizeof r->link_path, "/");
    r->kind = (struct server_kind){
        .section = "mplane-gw", .limits = &g->settings.http, .asked = asked, .context = g};
    SSL_CTX *context = routes_context(&g->settings);
    g->server = context == NULL ? NULL : server_new(&r->kind, &g->settings.listen, context);
    return g->server == NULL ? -1 : 0;
}

static void find_link_path(const struct gateway *g)
{
    struct evhttp_uri *uri = evhttp_uri_parse(g->settings.public_url);
    uri_path(uri, g->routes->link_path, sizeof g->routes->link_path);
    if (uri != NULL) {
        evhttp_uri_free(uri);
    }
}

int routes_start(struct gateway *g)
{
    find_link_path(g);
    return server_start(g->server, g->base);
}

void routes_tick(struct gateway *g)
{
    struct connections *c = server_connections(g->server);
    connections_sweep(c);
    memcpy(&g->counters[COUNT_CONNECTIONS_ACCEPTED], connections_counts(c),
           HTTP_COUNTER_COUNT * sizeof g->counters[0]);
    memcpy(g->durations, connections_durations(c), sizeof g->durations);
}

void routes_stop(struct gateway *g)
{
    server_free(&g->server);
    free(g->routes);
    g->routes = NULL;
}
