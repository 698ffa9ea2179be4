/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain-HTTP listener. Every connection gets one answer and few seconds; there are few of them,
 * and fewer of one address: whoever has many loses the oldest for the next that comes.
 * It shares nothing with the HTTPS side but the loop.
 */
#include "mplane-gw/registry_listener.h"

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "common/daemon.h"
#include "common/file.h"
#include "common/http/listen.h"
#include "common/http/reply.h"
#include "common/log.h"
#include "mplane-gw/gateway.h"

#define FILE_BYTES      (4 * 1024 * 1024)
#define CONNECTIONS_MAX 64
#define OF_ONE_ADDRESS  16
#define HEADERS_BYTES   8192

/* Both files, and ours as it is read and written to be published. */
#define DOCUMENTS_BYTES (4 * (size_t)FILE_BYTES)

/*
 * evhttp does not tell when it has done with a connection. A visitor therefore holds a reference to
 * its bufferevent, and looks whether evhttp has taken its callbacks off.
 */
struct visitor {
    struct visitor *next, *previous; /* utlist */
    struct bufferevent *socket;
    int64_t since_us;
    char address[64]; /* "" before it is known */
    bool ending;      /* it was told to go */
};

/* What is served. */
struct documents {
    struct arena *arena;
    struct slice core, own;
};

struct registry_listener {
    struct gateway *gateway; /* from its start on */
    int socket;              /* -1: none, or the listener has it */
    struct evhttp *http;
    struct evconnlistener *listener;
    struct visitor *visitors;
    unsigned visitor_count;
    struct documents published;
};

struct registry_listener *registry_listener_new(void)
{
    struct registry_listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        log_error("registry.start", "error=\"out of memory\"");
        return NULL;
    }
    l->socket = -1;
    return l;
}

/* ---- the documents ---- */

/* Adds the file to the registry; its bytes in the arena, no value after it was told why. */
static struct slice add_file(struct registry *r, struct arena *a, const char *schemas_dir,
                             const char *name)
{
    char path[1024];
    struct document d = {.name = path};
    size_t size = 0;
    snprintf(path, sizeof path, "%s/mplane/%s", schemas_dir, name);
    char *bytes = file_read(path, FILE_BYTES, &size);
    if (bytes == NULL) {
        log_errno("registry.file", "file=%s bytes_max=%d", path, FILE_BYTES);
        return (struct slice){NULL, 0};
    }
    struct document_place whole = document_part(&d, NULL, NULL);
    struct slice document = document_copy(&whole, a, (struct slice){bytes, size});
    free(bytes);
    if (document.at != NULL && registry_add(r, &d, document) == -1) {
        document.at = NULL;
    }
    (void)document_end(&d);
    return document;
}

/* What the record types bring along, added, and as a list for who reads our registry; 0, or -1
 * after it was told why. */
static int add_types(struct registry *r, struct registry_more *more,
                     const struct record_types *types)
{
    struct slice type;
    for (uint32_t i = 0; record_types_each(types, i, &type) == 0; i++) {
        struct document d = {.name = NULL};
        const char *place = NULL;
        const struct json *elements = record_types_elements(types, i, &place);
        if (elements == NULL) {
            continue;
        }
        d.name = place;
        if (registry_add_elements(r, &d, elements, more) == -1) {
            return -1;
        }
    }
    return 0;
}

static int load(struct registry *r, struct documents *out, const char *schemas_dir, const char *url,
                const struct record_types *types)
{
    struct document d = {.name = "ezrepo.json"};
    struct registry_more more = {.arena = out->arena};
    out->core = add_file(r, out->arena, schemas_dir, "core.json");
    struct slice own =
        out->core.at == NULL ? out->core : add_file(r, out->arena, schemas_dir, "ezrepo.json");
    if (own.at == NULL || types == NULL || add_types(r, &more, types) == -1) {
        return -1;
    }
    out->own = registry_publish(out->arena, &d, own, slice_of(url), &more);
    return out->own.at == NULL ? -1 : 0;
}

int registry_load(const char *schemas_dir, const char *url, const struct record_types *types,
                  struct registry_listener *server, struct registry **r)
{
    struct documents d = {.arena = arena_new(DOCUMENTS_BYTES)};
    *r = registry_new();
    if (d.arena == NULL || *r == NULL) {
        log_error("registry.load", "error=\"out of memory\"");
        arena_free(&d.arena);
        return -1;
    }
    int rc = load(*r, &d, schemas_dir, url, types);
    if (rc == -1 || server == NULL) {
        arena_free(&d.arena);
    } else {
        arena_free(&server->published.arena);
        server->published = d;
    }
    return rc;
}

/* ---- the listener ---- */

int registry_prepare(const struct gateway *g)
{
    const char *address = g->settings.registry_listen;
    if (address[0] == '\0') {
        return 0;
    }
    g->registry_listener->socket = listen_open("mplane-gw.registry_listen", address);
    return g->registry_listener->socket == -1 ? -1 : 0;
}

static void on_request(struct evhttp_request *request, void *context)
{
    const struct registry_listener *l = context;
    char buffer[128];
    const char *path = request_path(request, buffer, sizeof buffer);
    gateway_count(l->gateway, COUNT_REQUESTS_REGISTRY);
    if (path == NULL ||
        (strcmp(path, "/registry/ezrepo") != 0 && strcmp(path, "/registry/core") != 0)) {
        reply_text(request, HTTP_NOTFOUND, "There is only /registry/ezrepo and /registry/core.\n",
                   true);
    } else if (evhttp_request_get_command(request) != EVHTTP_REQ_GET) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET");
        reply_text(request, HTTP_BADMETHOD, "Registries can only be read.\n", true);
    } else {
        bool core = strcmp(path, "/registry/core") == 0;
        reply_send(request, HTTP_OK, "application/json",
                   core ? l->published.core : l->published.own, true);
    }
}

static bool has_left(const struct visitor *v)
{
    bufferevent_event_cb on_event;
    bufferevent_getcb(v->socket, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

static void look_at_visitors(struct registry_listener *l)
{
    struct visitor *v, *next;
    int64_t now_us = daemon_clock_us();
    int64_t limit_us = l->gateway->settings.http.transfer_timeout_s * 1000000;
    DL_FOREACH_SAFE2(l->visitors, v, next, next)
    {
        if (has_left(v)) {
            DL_DELETE2(l->visitors, v, previous, next);
            l->visitor_count--;
            bufferevent_decref(v->socket);
            free(v);
        } else if (now_us - v->since_us > limit_us) {
            shutdown(bufferevent_getfd(v->socket), SHUT_RDWR);
        }
    }
}

/* evhttp gives a connection its descriptor after it has accepted it. */
static void find_address(struct visitor *v)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    int fd = bufferevent_getfd(v->socket);
    if (v->address[0] == '\0' && fd != -1 &&
        getpeername(fd, (struct sockaddr *)&from, &size) == 0) {
        getnameinfo((struct sockaddr *)&from, size, v->address, sizeof v->address, NULL, 0,
                    NI_NUMERICHOST);
    }
}

/* How many of those that stay are of this one's address. */
static unsigned count_of(const struct registry_listener *l, const struct visitor *v)
{
    const struct visitor *other;
    unsigned count = 0;
    DL_FOREACH2(l->visitors, other, next)
    {
        count += !other->ending && strcmp(other->address, v->address) == 0;
    }
    return count;
}

/* The oldest of the address that has the most goes, when that has many, or all have too many. */
static bool send_one_away(const struct registry_listener *l)
{
    struct visitor *v, *choice = NULL;
    unsigned most = 0, staying = 0;
    DL_FOREACH2(l->visitors, v, next)
    {
        find_address(v);
        staying += !v->ending;
    }
    DL_FOREACH2(l->visitors, v, next)
    {
        unsigned count = v->ending || v->address[0] == '\0' ? 0 : count_of(l, v);
        if (count > most) {
            most = count;
            choice = v;
        }
    }
    if (choice == NULL || (most < OF_ONE_ADDRESS && staying < CONNECTIONS_MAX)) {
        return false;
    }
    choice->ending = true;
    shutdown(bufferevent_getfd(choice->socket), SHUT_RDWR);
    return true;
}

static struct bufferevent *on_accept(struct event_base *base, void *context)
{
    struct registry_listener *l = context;
    struct visitor *v = calloc(1, sizeof *v);
    struct bufferevent *b = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    look_at_visitors(l);
    while (send_one_away(l)) {
    }
    if (v == NULL || b == NULL) {
        free(v);
        return b; /* NULL makes evhttp try by itself; a visitor less is watched */
    }
    /* Also between evhttp's leaving it and our noticing, no more than this is read. */
    bufferevent_setwatermark(b, EV_READ, 0, (size_t)2 * HEADERS_BYTES);
    bufferevent_incref(b);
    v->socket = b;
    v->since_us = daemon_clock_us();
    DL_APPEND2(l->visitors, v, previous, next);
    /* Those that were told to go are there until evhttp has noticed. */
    if (++l->visitor_count >= 2 * CONNECTIONS_MAX) {
        evconnlistener_disable(l->listener);
    }
    return b;
}

/* Out of descriptors, say: registry_tick() tries again instead of the loop at once. */
static void on_accept_error(struct evconnlistener *failed, void *unused)
{
    static struct log_limit said;
    (void)unused;
    if (log_allowed(&said, 1)) {
        log_errno("registry.accept", "effect=\"waiting for room\"");
    }
    evconnlistener_disable(failed);
}

void registry_tick(const struct gateway *g)
{
    struct registry_listener *l = g->registry_listener;
    look_at_visitors(l);
    if (l->listener != NULL && l->visitor_count < 2 * CONNECTIONS_MAX && !daemon_draining()) {
        evconnlistener_enable(l->listener);
    }
}

int registry_start(struct gateway *g)
{
    struct registry_listener *l = g->registry_listener;
    l->gateway = g;
    if (l->socket == -1) {
        return 0;
    }
    l->http = evhttp_new(g->base);
    if (l->http != NULL) {
        evhttp_set_bevcb(l->http, on_accept, l);
        evhttp_set_gencb(l->http, on_request, l);
        evhttp_set_max_headers_size(l->http, HEADERS_BYTES);
        evhttp_set_max_body_size(l->http, HEADERS_BYTES);
        l->listener = evconnlistener_new(
            g->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, l->socket);
    }
    if (l->listener == NULL || evhttp_bind_listener(l->http, l->listener) == NULL) {
        log_error("registry.start", "error=\"out of memory\"");
        return -1;
    }
    evconnlistener_set_error_cb(l->listener, on_accept_error);
    l->socket = -1; /* the listener's now */
    return 0;
}

void registry_stop(struct gateway *g)
{
    struct registry_listener *l = g->registry_listener;
    if (l == NULL) {
        return;
    }
    if (l->http != NULL) {
        evhttp_free(l->http); /* with its listener and connections */
        look_at_visitors(l);
    }
    if (l->socket != -1) {
        close(l->socket);
    }
    arena_free(&l->published.arena);
    free(l);
    g->registry_listener = NULL;
}
