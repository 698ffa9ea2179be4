/* SPDX-License-Identifier: Apache-2.0 */
/* evhttp over TLS: listeners and routes. What a request means is decided elsewhere. */
#include "mplane-gw/http.h"

#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "mplane-gw/audit.h"
#include "mplane-gw/audit_line.h"
#include "mplane-gw/bodies.h"
#include "mplane-gw/collect.h"
#include "mplane-gw/connections.h"
#include "mplane-gw/exchange.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/listen.h"
#include "mplane-gw/pages.h"
#include "mplane-gw/reply.h"

#define TOO_MANY_REQUESTS 429 /* RFC 6585; libevent has no name for it */

/* Whose answers are on their way may come again after so long. */
#define CLOGGED_US 1000000

/* When there is no room, for so long nothing is accepted. */
#define PAUSE_US 100000

static int sockets[HTTP_LISTENERS];
static struct evconnlistener *listeners[HTTP_LISTENERS];
static size_t socket_count;
static struct event *resume_event;
static struct evhttp *http;
static char link_path[URL_PATH_BYTES] = "/"; /* of public_url, where clients of `link` post */
static struct log_limit full_said;

/* As many descriptors as the connections need, if the system lets us; else accepting waits for
 * room. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)gateway.settings.connections_max + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur < wanted) {
            log_warn("http.descriptors", "wanted=%llu allowed=%llu", (unsigned long long)wanted,
                     (unsigned long long)limit.rlim_cur);
        }
    }
}

int http_prepare(void)
{
    const struct config_strings *listen = &gateway.settings.listen;
    raise_descriptor_limit();
    for (size_t i = 0; i < listen->count; i++) {
        int fd = listen_open("mplane-gw.listen", listen->item[i]);
        if (fd == -1) {
            return -1;
        }
        sockets[socket_count++] = fd;
    }
    return 0;
}

/* ---- routes ---- */

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

static void on_sent(struct evhttp_request *request, void *context)
{
    (void)request;
    connection_set_phase(context, CONNECTION_IDLE);
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

static void on_request(struct evhttp_request *request, void *unused)
{
    char buffer[URL_PATH_BYTES], identity[AUDIT_VALUE_BYTES + 1], peer[80];
    struct connection *c = connection_asks(request);
    (void)unused;
    if (c == NULL) {
        evhttp_connection_free(evhttp_request_get_connection(request));
        return;
    }
    gateway_count(COUNT_REQUESTS);
    connection_set_phase(c, CONNECTION_SENDING);
    evhttp_request_set_on_complete_cb(request, on_sent, c);
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

/* ---- listeners ---- */

static void set_accepting(bool on)
{
    for (size_t i = 0; i < socket_count; i++) {
        if (on) {
            evconnlistener_enable(listeners[i]);
        } else {
            evconnlistener_disable(listeners[i]);
        }
    }
}

/* Accepts nothing for a short while. */
static void pause_accepting(void)
{
    struct timeval pause = {0, PAUSE_US};
    set_accepting(false);
    event_add(resume_event, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *unused)
{
    (void)fd, (void)what, (void)unused;
    connections_make_room();
    if (daemon_draining()) {
        return;
    }
    if (connections_full()) {
        pause_accepting();
    } else {
        set_accepting(true);
    }
}

/* Out of descriptors, say: waits instead of trying again at once. */
static void on_accept_error(struct evconnlistener *listener, void *unused)
{
    (void)listener, (void)unused;
    if (log_allowed(&full_said, 1)) {
        log_errno("connection.accept", "effect=\"waiting for room\"");
    }
    pause_accepting();
}

static struct bufferevent *on_accept(struct event_base *base, void *unused)
{
    struct bufferevent *b = connections_accept(base, unused);
    connections_make_room();
    if (connections_full()) {
        if (log_allowed(&full_said, 1)) {
            log_warn("connection.full", "mplane-gw.connections_max=%lld",
                     (long long)gateway.settings.connections_max);
        }
        pause_accepting();
    }
    return b;
}

static void find_link_path(void)
{
    struct evhttp_uri *uri = evhttp_uri_parse(gateway.settings.public_url);
    uri_path(uri, link_path, sizeof link_path);
    if (uri != NULL) {
        evhttp_uri_free(uri);
    }
}

static int start_listener(size_t i)
{
    listeners[i] = evconnlistener_new(gateway.base, NULL, NULL,
                                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, sockets[i]);
    if (listeners[i] == NULL) {
        return -1;
    }
    sockets[i] = -1; /* the listener's now */
    evconnlistener_set_error_cb(listeners[i], on_accept_error);
    if (evhttp_bind_listener(http, listeners[i]) == NULL) {
        evconnlistener_free(listeners[i]);
        listeners[i] = NULL;
        return -1;
    }
    return 0;
}

int http_start(void)
{
    find_link_path();
    http = evhttp_new(gateway.base);
    resume_event = evtimer_new(gateway.base, on_resume, NULL);
    if (http == NULL || resume_event == NULL || bodies_start(gateway.base) == -1) {
        log_error("http.start", "error=\"out of memory\"");
        return -1;
    }
    evhttp_set_bevcb(http, on_accept, NULL);
    evhttp_set_gencb(http, on_request, NULL);
    /* Answered by us, with what the path has instead. */
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                         EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                         EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(http, (ev_ssize_t)gateway.settings.headers_bytes);
    evhttp_set_max_body_size(http, (ev_ssize_t)gateway.settings.body_bytes);
    evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE);
    for (size_t i = 0; i < socket_count; i++) {
        if (start_listener(i) == -1) {
            log_error("http.start", "mplane-gw.listen=%s error=\"cannot be listened on\"",
                      gateway.settings.listen.item[i]);
            return -1;
        }
    }
    return 0;
}

void http_tick(void)
{
    connections_sweep();
}

void http_drain(void)
{
    set_accepting(false);
    connections_close_idle();
}

void http_stop(void)
{
    if (http != NULL) {
        evhttp_free(http); /* with its listeners and connections */
        http = NULL;
    }
    for (size_t i = 0; i < socket_count; i++) {
        if (sockets[i] != -1) {
            close(sockets[i]);
        }
    }
    socket_count = 0;
    if (resume_event != NULL) {
        event_free(resume_event);
        resume_event = NULL;
    }
    bodies_stop();
}
