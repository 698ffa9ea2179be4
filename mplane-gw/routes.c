/* SPDX-License-Identifier: Apache-2.0 */
/* What each path and method leads to. What a request means is decided elsewhere. */
#include "mplane-gw/routes.h"

#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#include "common/daemon.h"
#include "common/http/reply.h"
#include "common/http/server.h"
#include "mplane-gw/audit.h"
#include "mplane-gw/audit_line.h"
#include "mplane-gw/collect.h"
#include "mplane-gw/exchange.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/pages.h"

#define TOO_MANY_REQUESTS 429 /* RFC 6585; libevent has no name for it */

/* Whose answers are on their way may come again after so long. */
#define CLOGGED_US 1000000

static char link_path[URL_PATH_BYTES] = "/"; /* of public_url, where clients of `link` post */

static bool takes_post(const char *path)
{
    static const char *const paths[] = {"/", "/capability", "/specification"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (strcmp(path, paths[i]) == 0) {
            return true;
        }
    }
    return strcmp(path, link_path) == 0;
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
static void route(struct evhttp_request *request, struct connection *c, const char *path,
                  struct audit *line)
{
    bool get = pages_has(path), collect = collect_has(path), post = takes_post(path);
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    int64_t wait_us = connection_charge(c);
    if (wait_us == 0 && !collect && connection_is_clogged(c)) {
        wait_us = CLOGGED_US;
    }
    gateway.counters[COUNT_LIMITED] += wait_us > 0;
    line->door = collect ? "result" : line->door;
    if (method == EVHTTP_REQ_POST && post) {
        exchange_start(request, c, wait_us);
    } else if (wait_us > 0) {
        line->outcome = "limited";
        too_often(request, c, wait_us);
    } else if (!get && !post && !collect) {
        line->outcome = "unknown";
        reply_text(request, HTTP_NOTFOUND, "There is nothing here; see /capability.\n",
                   connection_is_last(c));
    } else if (method == EVHTTP_REQ_GET && get) {
        pages_get(request, c, path, line);
    } else if (method == EVHTTP_REQ_POST && collect) {
        collect_post(request, c, path);
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

static void asked(struct evhttp_request *request, struct connection *c)
{
    char buffer[URL_PATH_BYTES], identity[AUDIT_VALUE_BYTES + 1], peer[80];
    gateway_count(COUNT_REQUESTS);
    const char *path = request_path(request, buffer, sizeof buffer);
    /* Replying may free the connection. */
    snprintf(identity, sizeof identity, "%s", connection_identity(c));
    snprintf(peer, sizeof peer, "%s", connection_peer(c));
    struct audit line = {.identity = identity,
                         .peer = peer,
                         .door = "other",
                         .verb = slice_of(method_name(request)),
                         .begun_us = daemon_clock_us()};
    route(request, c, path == NULL ? "" : path, &line);
    if (line.outcome != NULL) {
        audit_write(&line);
    }
}

/* ---- the server ---- */

SSL_CTX *routes_context(const struct gateway_settings *s)
{
    const struct tls_files files = {"mplane-gw", s->certificate, s->key, s->ca, s->crl};
    return connections_context(&files);
}

int routes_prepare(void)
{
    static const struct server_kind kind = {
        .section = "mplane-gw", .limits = &gateway.settings.http, .asked = asked};
    SSL_CTX *context = routes_context(&gateway.settings);
    gateway.server = context == NULL ? NULL : server_new(&kind, &gateway.settings.listen, context);
    return gateway.server == NULL ? -1 : 0;
}

static void find_link_path(void)
{
    struct evhttp_uri *uri = evhttp_uri_parse(gateway.settings.public_url);
    uri_path(uri, link_path, sizeof link_path);
    if (uri != NULL) {
        evhttp_uri_free(uri);
    }
}

int routes_start(void)
{
    find_link_path();
    return server_start(gateway.server, gateway.base);
}

void routes_tick(void)
{
    struct connections *c = server_connections(gateway.server);
    connections_sweep(c);
    memcpy(&gateway.counters[COUNT_CONNECTIONS_ACCEPTED], connections_counts(c),
           HTTP_COUNTER_COUNT * sizeof gateway.counters[0]);
}
