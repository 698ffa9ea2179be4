/* SPDX-License-Identifier: Apache-2.0 */
/* evhttp over TLS. What a request means is decided elsewhere. */
#include "common/http/server.h"

#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/http/connection_parts.h"
#include "common/http/framing.h"
#include "common/http/listen.h"
#include "common/http/reply.h"
#include "common/log.h"

/* When there is no room, for so long nothing is accepted. */
#define PAUSE_US 100000

struct http_server {
    struct http_server *next; /* utlist */
    const struct server_kind *kind;
    struct connections *connections;
    int sockets[SERVER_LISTENERS]; /* -1: the listener has it */
    struct evconnlistener *listeners[SERVER_LISTENERS];
    size_t socket_count;
    struct event *resume_event;
    struct evhttp *http;
    struct log_limit full_said;
};

/* Those of the process: of a listener libevent tells only whose evhttp it is. */
static struct http_server *servers;

/* As many descriptors as the connections need, if the system lets us; else accepting waits for
 * room. */
static void raise_descriptor_limit(const struct http_limits *limits)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)limits->connections_max + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur < wanted) {
            log_warn("http.descriptors", "wanted=%llu allowed=%llu", (unsigned long long)wanted,
                     (unsigned long long)limit.rlim_cur);
        }
    }
}

static int open_sockets(struct http_server *s, const struct config_strings *listen)
{
    char option[64];
    snprintf(option, sizeof option, "%s.listen", s->kind->section);
    for (size_t i = 0; i < listen->count; i++) {
        s->sockets[i] = listen_open(option, listen->item[i]);
        if (s->sockets[i] == -1) {
            return -1;
        }
        s->socket_count++;
    }
    return 0;
}

struct http_server *server_new(const struct server_kind *kind, const struct config_strings *listen,
                               SSL_CTX *context)
{
    struct http_server *s = calloc(1, sizeof *s);
    struct connections *c = connections_new(context, kind->section, kind->limits);
    raise_descriptor_limit(kind->limits);
    if (s == NULL || c == NULL) {
        log_error("http.start", "error=\"out of memory\"");
        connections_free(&c);
        free(s);
        return NULL;
    }
    s->kind = kind;
    s->connections = c;
    c->refusal = kind->refusal;
    LL_PREPEND(servers, s);
    if (open_sockets(s, listen) == -1) {
        server_free(&s);
    }
    return s;
}

struct connections *server_connections(const struct http_server *s)
{
    return s->connections;
}

/* ---- requests ---- */

static void on_sent(struct evhttp_request *request, void *context)
{
    (void)request;
    connection_ends_answer(context);
}

/* Before anybody looks at it: what comes behind it is not to be taken for a request. */
static void refuse_framing(struct evhttp_request *request, struct connection *c)
{
    static struct log_limit said;
    c->of->counts[HTTP_REQUESTS_MALFORMED]++;
    if (log_allowed(&said, 5)) {
        log_warn("request.malformed", "peer=%s error=\"not certain where it ends\"",
                 connection_peer(c));
    }
    char fault[CHUNKS_FAULT];
    const char *what = chunks_fault(&c->chunks, fault)[0] == '\0' ? NULL : fault;
    struct arena *a = c->of->refusal == NULL ? NULL : arena_new(REFUSAL_BYTES);
    const char *told = a == NULL ? NULL : c->of->refusal(a, HTTP_BADREQUEST, what);
    if (told != NULL) {
        reply_send(request, HTTP_BADREQUEST, "application/json", slice_of(told), true);
        arena_free(&a);
        return;
    }
    arena_free(&a);
    reply_text(request, HTTP_BADREQUEST,
               "expected one Content-Length, a number, or Transfer-Encoding: chunked; a body only "
               "with POST, PUT or PATCH; no blank before a colon\n",
               true);
}

static void on_request(struct evhttp_request *request, void *context)
{
    const struct http_server *s = context;
    struct connection *c = connection_asks(request);
    if (c == NULL) {
        evhttp_connection_free(evhttp_request_get_connection(request));
        return;
    }
    connection_begins_answer(c);
    evhttp_request_set_on_complete_cb(request, on_sent, c);
    if (c->head == FRAMING_GOOD && c->chunks.state != CHUNKS_MALFORMED &&
        framing_is_certain(request)) {
        s->kind->asked(s->kind->context, request, c);
    } else {
        refuse_framing(request, c);
    }
}

/* ---- listeners ---- */

static void set_accepting(struct http_server *s, bool on)
{
    for (size_t i = 0; i < s->socket_count; i++) {
        if (s->listeners[i] == NULL) {
            continue;
        }
        if (on) {
            evconnlistener_enable(s->listeners[i]);
        } else {
            evconnlistener_disable(s->listeners[i]);
        }
    }
}

/* Accepts nothing for a short while. */
static void pause_accepting(struct http_server *s)
{
    struct timeval pause = {0, PAUSE_US};
    set_accepting(s, false);
    event_add(s->resume_event, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
    struct http_server *s = context;
    (void)fd, (void)what;
    connections_make_room(s->connections);
    if (daemon_draining()) {
        return;
    }
    if (connections_full(s->connections)) {
        pause_accepting(s);
    } else {
        set_accepting(s, true);
    }
}

/* Out of descriptors, say: waits instead of trying again at once. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct http_server *s;
    (void)listener;
    LL_SEARCH_SCALAR(servers, s, http, context);
    if (s == NULL) {
        return;
    }
    if (log_allowed(&s->full_said, 1)) {
        log_errno("connection.accept", "effect=\"waiting for room\"");
    }
    pause_accepting(s);
}

static struct bufferevent *on_accept(struct event_base *base, void *context)
{
    struct http_server *s = context;
    struct bufferevent *b = connections_accept(base, s->connections);
    connections_make_room(s->connections);
    if (connections_full(s->connections)) {
        if (log_allowed(&s->full_said, 1)) {
            log_warn("connection.full", "%s.connections_max=%lld", s->kind->section,
                     (long long)s->kind->limits->connections_max);
        }
        pause_accepting(s);
    }
    return b;
}

static int start_listener(struct http_server *s, struct event_base *base, size_t i)
{
    s->listeners[i] = evconnlistener_new(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, s->sockets[i]);
    if (s->listeners[i] == NULL) {
        return -1;
    }
    s->sockets[i] = -1;
    evconnlistener_set_error_cb(s->listeners[i], on_accept_error);
    if (evhttp_bind_listener(s->http, s->listeners[i]) == NULL) {
        evconnlistener_free(s->listeners[i]);
        s->listeners[i] = NULL;
        return -1;
    }
    return 0;
}

static int prepare_evhttp(struct http_server *s, struct event_base *base)
{
    const struct http_limits *limits = s->kind->limits;
    s->http = evhttp_new(base);
    s->resume_event = evtimer_new(base, on_resume, s);
    if (s->http == NULL || s->resume_event == NULL) {
        log_error("http.start", "error=\"out of memory\"");
        return -1;
    }
    evhttp_set_bevcb(s->http, on_accept, s);
    evhttp_set_gencb(s->http, on_request, s);
    /* All of them come to asked(), which can tell what a path has instead. */
    evhttp_set_allowed_methods(
        s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                     EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(s->http, (ev_ssize_t)limits->headers_bytes);
    evhttp_set_max_body_size(s->http, (ev_ssize_t)limits->body_bytes);
    evhttp_set_flags(s->http, EVHTTP_SERVER_LINGERING_CLOSE);
    return 0;
}

int server_start(struct http_server *s, struct event_base *base)
{
    if (prepare_evhttp(s, base) == -1 || connections_start(s->connections, base) == -1) {
        return -1;
    }
    for (size_t i = 0; i < s->socket_count; i++) {
        if (start_listener(s, base, i) == -1) {
            log_error("http.start", "%s.listen[%zu] error=\"cannot be listened on\"",
                      s->kind->section, i);
            return -1;
        }
    }
    return 0;
}

void server_drain(struct http_server *s)
{
    set_accepting(s, false);
    connections_close_idle(s->connections);
}

void server_free(struct http_server **s)
{
    struct http_server *v = *s;
    if (v == NULL) {
        return;
    }
    LL_DELETE(servers, v);
    if (v->http != NULL) {
        evhttp_free(v->http); /* with its listeners and connections */
    }
    for (size_t i = 0; i < v->socket_count; i++) {
        if (v->sockets[i] != -1) {
            close(v->sockets[i]);
        }
    }
    if (v->resume_event != NULL) {
        event_free(v->resume_event);
    }
    connections_free(&v->connections);
    free(v);
    *s = NULL;
}
